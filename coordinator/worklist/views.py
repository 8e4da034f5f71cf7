"""The first page after signing in: what waits for me."""

from typing import Any

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _

from coordinator.clock import now, today
from coordinator.db import db
from coordinator.digests.queries import last_of
from coordinator.digests.rules import trouble
from coordinator.gaps.forms import items_together
from coordinator.pages import page_number, page_of, translated
from coordinator.people.gate import reader, signed_in
from coordinator.people.models import Circle, Person, Role
from coordinator.people.rules import may_keep_people
from coordinator.worklist import queries, rules
from coordinator.worklist.rules import Pair, Paper

blueprint = Blueprint("worklist", __name__)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show what waits for me; coordinators and leadership see the open overlaps of all units below it."""
    person = signed_in()
    found = queries.waiting(db.session(), reader(), at=now(), on=today(person.time_zone), number=page_number())
    others = queries.for_others(db.session(), reader(), found, at=now(), on=today(person.time_zone))
    last = last_of(db.session(), person.id)
    sections = [
        (_("To release"), found.to_release),
        (_("Topics proposed to you"), found.proposals),
        (_("Lines that your unit adhered to"), found.lines),
        (_("To review"), found.to_review),
        (_("Yours, under way"), found.drafts),
    ]
    return render_template(
        "worklist/index.html",
        found=found,
        pairs=[_pair(p) for p in found.pairs],
        sections=[(heading, [_paper(p) for p in papers]) for heading, papers in sections if papers],
        missing=items_together(found.gaps.gaps, person, on=today(person.time_zone)),
        watches=rules.sees_all(person.roles),
        answers=rules.writes(person.roles),
        open=[_pair(p) for p in found.open],
        page=page_of(found.open_total),
        unit=person.unit,
        picture_url=url_for("waits.unit", ref=person.unit.ref) if person.unit.organisation.circle is Circle.MINISTRY else None,
        others=[(o, [_pair(p) for p in o.pairs], [_paper(p) for p in o.papers]) for o in others],
        page_level=max((x for x in (found.level, *(o.level for o in others)) if x is not None), default=None),
        kept=_kept(person),
        mail_trouble=translated(trouble(last, format_date(last.period_on, "d MMMM y"))) if last else "",
    )


def _kept(person: Person) -> list[tuple[str, str, str]]:
    """Return the pages of whoever keeps the house and is asked nothing of overlaps: address, name, what it is for."""
    found = []
    if may_keep_people(person):
        found += [
            (url_for("people.people"), _("Accounts"), _("Who may sign in, in which unit and with which role.")),
            (url_for("digests.deliveries"), _("Deliveries"), _("Whether digests go out, and what became of each.")),
            (url_for("setup.index"), _("Setting up"), _("Units, people, topics and events, step by step.")),
        ]
    if Role.AUDITOR in person.roles:
        found += [(url_for("chronicle.audit"), _("Audit"), _("Who changed what and when, who signed in, who took out a file."))]
    return found


def _pair(pair: Pair) -> dict[str, Any]:
    return rules.shown(pair, url=url_for, t=translated)


def _paper(paper: Paper) -> dict[str, Any]:
    """Return what the list shows of a position or dossier that asks for something."""
    return {
        "entry": paper.entry,
        "url": url_for(paper.link[0], ref=paper.link[1]),
        "why": translated(paper.why),
        "days": paper.days,
        "todo": translated(paper.task.label),
    }
