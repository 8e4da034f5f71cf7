"""The pages that lead through the first hours of an instance."""

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from coordinator.clock import now, today
from coordinator.db import bookkeeping, db, transaction
from coordinator.errors import Refused
from coordinator.extensions import settings, time_zone
from coordinator.pages import refusal_status, translated
from coordinator.people import actions as people_actions
from coordinator.people import queries as people
from coordinator.people.gate import require, signed_in, somebody
from coordinator.people.models import Circle, Organisation
from coordinator.people.rules import may_keep_lists, may_keep_people
from coordinator.settings import HOUSE
from coordinator.setup import actions, queries, rules
from coordinator.setup.forms import PeopleForm, UnitsForm
from coordinator.setup.rules import Step
from coordinator.topics import actions as topics

blueprint = Blueprint("setup", __name__, url_prefix="/setup")

LED_FROM = {
    "worklist.index",
    "dashboard.index",
    "people.index",
    "people.organisations",
    "topics.index",
    "calendar.index",
    "positions.index",
    "dossiers.index",
    "overlaps.index",
}
"""Pages that are empty at first, and lead here as long as something is missing."""


@blueprint.before_app_request
def _lead_here() -> None:
    """Tell whoever sets up the instance what comes next, on pages that are empty until then."""
    person = somebody()
    if person is None or request.method != "GET" or request.endpoint not in LED_FROM or not rules.may_set_up(person):
        return
    found = queries.standing(db.session(), on=today(time_zone()))
    if not found.ready and found.next is not None:
        step = translated(found.next.label)
        said = _("This register is being set up. Done: %(done)s of %(all)s steps.", done=found.done, all=len(Step))
        lead = {"tone": "info", "text": said, "url": url_for("setup.index"), "label": _("Go on with: %(step)s", step=step)}
        g.notices = [*g.get("notices", []), lead]


@dataclass(frozen=True)
class Shown:
    """A step as the page shows it."""

    step: Step
    done: bool
    said: str
    links: list[tuple[str, str]]
    whose: str | None
    """Whose it is, if it is not the reader's."""


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Show what is there, what comes next, and the quickest way to it."""
    me, on = signed_in(), today(time_zone())
    require(rules.may_set_up(me))
    found = queries.standing(db.session(), on=on)
    unmanned, writing = queries.unmanned(db.session(), on=on), queries.writing(db.session(), on=on)
    ways = _ways([u.ref for u in writing])
    return render_template(
        "setup/index.html",
        found=found,
        steps=[_shown(step, found, ways[step]) for step in Step],
        unmanned=unmanned,
        listed=len(_starting_list()),
        may_load=may_keep_lists(me),
    )


def _shown(step: Step, found: rules.Standing, ways: list[tuple[str, str]]) -> Shown:
    me = signed_in()
    mine = {Step.LINES: True, Step.PEOPLE: may_keep_people(me)}.get(step, may_keep_lists(me))
    role = rules.whose(step)
    return Shown(
        step=step,
        done=found.has(step),
        said=_said(step, found),
        links=ways if mine else [],
        whose=None if mine or role is None else translated(role.label),
    )


def _said(step: Step, found: rules.Standing) -> str:
    """Return what there is of a step, in words."""
    units = ngettext("%(num)s unit", "%(num)s units", found.units)
    said = {
        Step.ORGANISATION: ngettext("%(num)s organisation", "%(num)s organisations", found.organisations),
        Step.UNITS: units,
        Step.PEOPLE: "; ".join(
            [
                ngettext("%(num)s person", "%(num)s people", found.persons),
                ngettext(
                    "%(num)s unit in which somebody logs and releases",
                    "%(num)s units in which somebody logs and releases",
                    found.manned,
                ),
            ]
        ),
        Step.TOPICS: ngettext("%(num)s topic", "%(num)s topics", found.topics),
        Step.STAKES: ngettext("%(num)s topic has a lead", "%(num)s topics have a lead", found.leads),
        Step.CALENDAR: ", ".join(
            [ngettext("%(num)s forum", "%(num)s forums", found.forums), ngettext("%(num)s event", "%(num)s events", found.events)]
        ),
    }
    if step is Step.LINES:
        return str(
            _("At least two units have released positions.") if found.lines >= rules.FEWEST_UNITS else _("Not from two units yet.")
        )
    return str(said[step])


def _ways(units: list[str]) -> dict[Step, list[tuple[str, str]]]:
    """Return where each step is done, the quickest way first: (label, address); the table of stakes has columns for some units."""
    ministry = _ministry()
    return {
        Step.ORGANISATION: [
            (_("Its name and what it may read"), url_for("people.edit_organisation", ref=ministry.ref))
            if ministry
            else (_("Add the ministry"), url_for("people.add_organisation")),
            (_("Add departments, agencies, firms"), url_for("people.add_organisation")),
        ],
        Step.UNITS: [
            (_("Write down several"), url_for(".units")),
            (_("Bring in a file"), url_for("lists.units")),
            (_("Add one"), url_for("people.add_unit")),
        ],
        Step.PEOPLE: [
            (_("Write down several"), url_for(".people")),
            (_("Bring in a file"), url_for("lists.people")),
            (_("Invite one"), url_for("people.invite")),
        ],
        Step.TOPICS: [(_("Bring in a file"), url_for("lists.topics")), (_("Add one"), url_for("topics.add"))],
        Step.STAKES: [
            (_("Fill in the table of topics and units"), url_for("topics.matrix", unit=units)),
            (_("Bring in a file"), url_for("lists.equities")),
        ],
        Step.CALENDAR: [
            (_("Add a forum"), url_for("calendar.add_forum")),
            (_("Add an event"), url_for("calendar.add_event")),
            (_("Bring in forums"), url_for("lists.forums")),
            (_("Bring in events"), url_for("lists.events")),
            (_("Add a question"), url_for("calendar.add_question")),
        ],
        Step.LINES: [(_("Positions"), url_for("positions.index"))],
    }


def _ministry() -> Organisation | None:
    found = people.organisations(db.session())
    return found[0] if found and found[0].circle is Circle.MINISTRY else None


# --- the quickest ways -----------------------------------------------------------------------------------------------------


@blueprint.route("/units", methods=["GET", "POST"], endpoint="units")
def several_units() -> ResponseReturnValue:
    """Write down several units of the ministry at once."""
    me, form = signed_in(), UnitsForm()
    require(may_keep_lists(me))
    status = 422 if form.is_submitted() else 200
    ministry = _ministry()
    if ministry is not None and form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                made = actions.add_units(written, form.lines.items, of=ministry, by=me, at=now())
            flash(ngettext("%(num)s unit is there now.", "%(num)s units are there now.", len(made)), "success")
            return redirect(url_for(".index"), 303)
        except Refused as error:
            status = _refuse(form, error)
    return render_template("setup/units.html", form=form, ministry=_ministry()), status


@blueprint.route("/people", methods=["GET", "POST"], endpoint="people")
def several_people() -> ResponseReturnValue:
    """Write down several persons at once, and have a link mailed to each."""
    me, form = signed_in(), PeopleForm(clearance=1)
    require(may_keep_people(me))
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                made = actions.add_people(
                    written,
                    form.lines.items,
                    clearance=form.clearance.data,
                    time_zone=settings().time_zone,
                    by=me,
                    at=now(),
                )
            if form.mail.data:
                with bookkeeping(db.session) as written:
                    for person in made:
                        people_actions.order_link(written, person.id, at=now(), lasts=timedelta(hours=settings().link_hours))
            flash(ngettext("%(num)s person is there now.", "%(num)s people are there now.", len(made)), "success")
            return redirect(url_for(".index"), 303)
        except Refused as error:
            status = _refuse(form, error)
    return render_template("setup/people.html", form=form, units=people.units(db.session())), status


def _refuse(form: Any, error: Refused) -> int:
    if isinstance(error, actions.OnLine):
        form.refuse_line(error)
        return refusal_status(error.why)
    form.refuse(error)
    return refusal_status(error)


@blueprint.post("/topics")
def load_topics() -> ResponseReturnValue:
    """Bring in the starting list of topics; what is there already is left alone."""
    require(may_keep_lists(signed_in()))
    with transaction(db.session) as written:
        added = topics.load(written, _starting_list(), by=signed_in(), at=now())
    flash(ngettext("%(num)s topic came in.", "%(num)s topics came in.", added), "success")
    return redirect(url_for(".index"), 303)


def _starting_list() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tomllib.loads((HOUSE / "config" / "topics.toml").read_text())["topic"]
    return listed
