"""Pages of deputies: my own, and those of somebody I may name one for."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.deputies import actions, queries, rules
from coordinator.deputies.forms import DeputyForm
from coordinator.errors import NotFound, Refused
from coordinator.extensions import time_zone
from coordinator.pages import refusal_status
from coordinator.people import queries as people
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Circle, Person

blueprint = Blueprint("deputies", __name__, url_prefix="/deputies")


@blueprint.route("", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """Show who stands in for me and for whom I do; name my deputy."""
    return _page(people.person(db.session(), signed_in().ref))


@blueprint.route("/<ref:ref>", methods=["GET", "POST"])
def of(ref: str) -> ResponseReturnValue:
    """Show who stands in for a person, and name a deputy."""
    return _page(_whom(ref))


def _whom(ref: str) -> Person:
    """Return a person that a deputy may be named for; one from outside one's reach is not there."""
    me, whom = signed_in(), people.person(db.session(), ref)
    inside = me.unit.organisation.circle is Circle.MINISTRY
    require(inside or whom.unit.organisation_id == me.unit.organisation_id, hidden=True)
    require(rules.may_name(me, whom))
    return whom


def _page(whom: Person) -> ResponseReturnValue:
    me, on = signed_in(), today(time_zone())
    form = DeputyForm(from_on=on)
    colleagues = people.colleagues(db.session(), whom)
    form.deputy.offer((p.ref, f"{p.name}, {p.unit.short_name}", p.id) for p in colleagues)
    own = whom.id == me.id
    back = url_for(".index") if own else url_for(".of", ref=whom.ref)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                actions.name(written, people.person(written, whom.ref), form.draft(), by=me, at=now())
            flash(_("Saved. Your deputy's worklist shows it.") if own else _("Saved."), "success")
            return redirect(back, 303)
        except Refused as error:
            form.refuse(error)
            status = refusal_status(error)
            whom = people.person(db.session(), whom.ref)
    listed = queries.of_persons(db.session(), [whom.id])
    return render_template(
        "deputies/index.html",
        form=form,
        whom=whom,
        own=own,
        ahead=[d for d in reversed(listed) if d.until_on is None or d.until_on >= on],
        past=[d for d in listed if d.until_on is not None and d.until_on < on],
        for_whom=queries.for_whom(db.session(), whom.id, on=on),
        colleagues=bool(colleagues),
        on=on,
    ), status


@blueprint.post("/<ref:ref>/end")
def end(ref: str) -> ResponseReturnValue:
    """Let a deputyship end today."""
    me, found = signed_in(), queries.one(db.session(), ref)
    inside = me.unit.organisation.circle is Circle.MINISTRY
    if not (inside or found.person.unit.organisation_id == me.unit.organisation_id):
        raise NotFound
    whom = people.person(db.session(), found.person.ref)
    require(rules.may_name(me, whom))
    with transaction(db.session) as written:
        actions.end(written, queries.one(written, ref), on=today(time_zone()), by=me, at=now())
    flash(_("Ended."), "success")
    return redirect(url_for(".index") if whom.id == me.id else url_for(".of", ref=whom.ref), 303)
