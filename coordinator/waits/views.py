"""Pages of who waits for whom: one unit, and all units for those who watch over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from coordinator.agenda.queries import ahead
from coordinator.clock import today
from coordinator.db import db
from coordinator.overlaps import queries as overlaps
from coordinator.pages import page_of, translated
from coordinator.people import queries as people
from coordinator.people.gate import reader, require, signed_in
from coordinator.people.models import Circle, Person, Unit
from coordinator.people.queries import below
from coordinator.people.rules import standing_first
from coordinator.waits import queries, rules
from coordinator.waits.rules import Owed, Owing
from coordinator.worklist.rules import pair, shown

blueprint = Blueprint("waits", __name__, url_prefix="/dashboard/units")

AHEAD = timedelta(days=90)
WORST, COMING = 6, 8
NARROWING = {Owed.ACKNOWLEDGEMENT: "silent", Owed.ANSWER: "owing"}
"""The filter of the list of overlaps that leaves those on which a unit owes something."""


def _inside() -> Person:
    """Let nobody in from outside the ministry: the picture is of its units."""
    person = signed_in()
    require(person.unit.organisation.circle is Circle.MINISTRY)
    return person


@dataclass(frozen=True)
class Due:
    """A number of clashes on which somebody has to move: which move, where they are, and since when the longest waits."""

    owed: Owed
    number: int
    url: str
    since: date | None
    days: int


def _overlaps(**narrowed: str) -> str:
    """Return the address of the list of exactly those clashes that are counted."""
    return f"{url_for('overlaps.index')}?{urlencode({'clashes': '1'} | narrowed)}"


def _dues(owing: Mapping[Owed, Owing], *, silent: Unit, on: date, **narrowed: str) -> list[Due]:
    """Return what a unit owes, with the addresses of the rows."""
    return [
        Due(owed, o.cell.number, _overlaps(**{NARROWING[owed]: silent.ref}, **narrowed), *_age(o.since, on=on))
        for owed in Owed
        if (o := owing.get(owed)) is not None
    ]


def _age(since: datetime | None, *, on: date) -> tuple[date | None, int]:
    if since is None:
        return None, 0
    day = since.astimezone(ZoneInfo(signed_in().time_zone)).date()
    return day, (on - day).days


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Show for all units what clashes, what each owes and what it waits for; whoever has owed longest comes first."""
    person = _inside()
    require(rules.may_look_at_all(person))
    session, on = db.session(), today(person.time_zone)
    found = rules.standings(queries.clashes(session), queries.owing(session))
    _number, level = overlaps.extent(session, overlaps.Filters(clashes=True))
    page = page_of(len(found))
    part = found[page.offset : page.offset + page.size]
    units = queries.named(session, {row.unit_id for row in part})
    return render_template(
        "waits/index.html",
        page_level=level,
        page=page,
        rows=[
            {
                "unit": unit,
                "clashes": row.clashes,
                "url": _overlaps(unit=unit.ref),
                "owes": _dues(row.owes, silent=unit, on=on),
            }
            for row in part
            for unit in [units[row.unit_id]]
        ],
    )


@blueprint.get("/<ref:ref>")
def unit(ref: str) -> ResponseReturnValue:
    """Show one unit: what clashes, who waits for whom, how it stands on its topics, where it is missing."""
    person = _inside()
    session, on, unit = db.session(), today(person.time_zone), people.unit(db.session(), ref)
    require(rules.may_look(person, unit.id, below=below(session, [person.unit_id])))
    rows = rules.between(unit.id, queries.clashes(session, unit_id=unit.id), queries.waits(session, unit.id))
    others = queries.named(session, {row.other_id for row in rows})
    topics, level = queries.topics(session, unit.id, on=on)
    filters = overlaps.Filters(clashes=True, unit_id=unit.id)
    total, clashes_level = overlaps.extent(session, filters)
    worst, _counted = overlaps.listed(session, filters, size=WORST)
    seen_from_it = replace(reader(), unit_id=unit.id, roles=frozenset())  # its own end first; nothing is asked of who looks
    pairs = [pair(o, seen_from_it, on=on) for o in worst]
    missing = [c for c in ahead(session, on=on, until=on + AHEAD) if any(u.id == unit.id for u in c.missing)]
    return render_template(
        "waits/unit.html",
        page_level=max((x for x in (level, clashes_level) if x is not None), default=None),
        unit=unit,
        mine=unit.id == person.unit_id,
        all_units=rules.may_look_at_all(person),
        on=on,
        total=total,
        whole=_overlaps(unit=unit.ref),
        pairs=[shown(p, url=url_for, t=translated) for p in pairs],
        rows=[_between(row, unit, others[row.other_id], on=on) for row in rows],
        topics=[_on_topic(t, unit) for t in topics],
        missing=missing[:COMING],
        children=_children(person, unit, on=on),
    )


def _children(person: Person, unit: Unit, *, on: date) -> Sequence[Unit]:
    found = standing_first(people.children_of(db.session(), unit.id), on=on)
    inside = below(db.session(), [person.unit_id])
    return [u for u in found if rules.may_look(person, u.id, below=inside)]


def _between(row: rules.Between, unit: Unit, other: Unit, *, on: date) -> dict[str, Any]:
    ends = {"unit": unit.ref, "other": other.ref}
    return {
        "unit": other,
        "clashes": row.clashes,
        "url": _overlaps(**ends),
        "owes": _dues(row.owes, silent=other, on=on, **ends),
        "owed": _dues(row.owed, silent=unit, on=on, **ends),
    }


def _on_topic(topic: rules.OnTopic, unit: Unit) -> dict[str, Any]:
    narrowed = {"unit": unit.ref, "topic": topic.ref}
    lines = {"current": "1", "circle": Circle.MINISTRY.value} | narrowed
    return {
        "topic": topic,
        "url": url_for("topics.show", ref=topic.ref),
        "lines": f"{url_for('positions.index')}?{urlencode(lines)}",
        "clashes": _overlaps(**narrowed),
    }
