"""The page on which somebody's work is handed over."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.errors import Refused
from coordinator.extensions import time_zone
from coordinator.handover import actions, queries, rules
from coordinator.handover.forms import HandoverForm
from coordinator.pages import refusal_status
from coordinator.people import queries as people
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Circle, Person
from coordinator.people.rules import may_keep_people

blueprint = Blueprint("handover", __name__, url_prefix="/handover")


@blueprint.route("/<ref:ref>", methods=["GET", "POST"])
def of(ref: str) -> ResponseReturnValue:
    """List what a person holds, and give all of it to a colleague."""
    me, on = signed_in(), today(time_zone())
    whom = people.person(db.session(), ref)
    inside = me.unit.organisation.circle is Circle.MINISTRY
    require(inside or whom.unit.organisation_id == me.unit.organisation_id, hidden=True)
    require(rules.may_hand_over(me, whom))
    form = HandoverForm()
    colleagues = [p for p in people.people_of(db.session(), whom.unit_id) if rules.can_take_over(p, whom)]
    form.to.offer((p.ref, p.name, p.id) for p in colleagues)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                actions.hand_over(
                    written,
                    people.person(written, ref),
                    to=people.person(written, form.to.data),
                    disable=form.disable.data,
                    by=me,
                    at=now(),
                    on=on,
                )
            flash(_("Handed over. It is in your colleague's worklist now.") if whom.id == me.id else _("Handed over."), "success")
            return redirect(_back(whom), 303)
        except Refused as error:
            form.refuse(error)
            status = refusal_status(error)
            whom = people.person(db.session(), ref)
    work = queries.work_of(db.session(), whom, on=on)
    return render_template(
        "handover/of.html",
        form=form,
        whom=whom,
        own=whom.id == me.id,
        work=work,
        colleagues=bool(colleagues),
        unreleased=rules.nobody_releases(whom, people.people_of(db.session(), whom.unit_id)),
        may_disable=rules.may_disable(me, whom) and whom.is_active,
        may_keep=may_keep_people(me),
        back=_back(whom),
        on=on,
        page_level=work.level,
    ), status


def _back(whom: Person) -> str:
    if whom.id == signed_in().id:
        return url_for("people.account")
    return url_for("people.unit", ref=whom.unit.ref)
