"""The page of a unit's holidays."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext

from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.holidays import actions, queries, rules
from coordinator.holidays.forms import HolidaysForm
from coordinator.people import queries as people
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Unit

blueprint = Blueprint("holidays", __name__)


@blueprint.route("/units/<ref:ref>/holidays", methods=["GET", "POST"])
def unit(ref: str) -> ResponseReturnValue:
    """Show on which days a unit is closed; whoever keeps them adds some."""
    person, unit = signed_in(), people.unit(db.session(), ref)
    _require_known(unit)
    form, may_keep = HolidaysForm(), rules.may_keep(person, unit)
    if form.is_submitted():
        require(may_keep)
    if form.validate_on_submit():
        with transaction(db.session) as written:
            actions.add(written, unit, form.chosen(), by=person, at=now())
        number = len(form.chosen())
        flash(ngettext("One day is kept.", "%(num)s days are kept.", number), "success")
        return redirect(url_for(".unit", ref=ref), 303)
    listed = queries.of_unit(db.session(), unit.id, since=today(person.time_zone).replace(month=1, day=1))
    shown = render_template("holidays/unit.html", form=form, unit=unit, listed=listed, may_keep=may_keep)
    return shown, 422 if form.is_submitted() else 200


@blueprint.post("/holidays/<ref:ref>/remove")
def remove(ref: str) -> ResponseReturnValue:
    """Take a day off a unit's holidays."""
    holiday = queries.one(db.session(), ref)
    _require_known(holiday.unit)
    require(rules.may_keep(signed_in(), holiday.unit))
    with transaction(db.session) as written:
        actions.remove(written, queries.one(written, ref), by=signed_in(), at=now())
    return redirect(url_for(".unit", ref=holiday.unit.ref), 303)


def _require_known(unit: Unit) -> None:
    require(unit.id in {u.id for u in people.units_for(db.session(), signed_in())}, hidden=True)
