"""Pages of what happened: for everybody what they may know of, for an auditor that it happened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue

from coordinator.chronicle import queries, rules
from coordinator.chronicle.forms import HistoryForm, PeriodForm
from coordinator.chronicle.rules import Company, Sort, Told, Words
from coordinator.db import db
from coordinator.entries.forms import day, inside_ministry
from coordinator.errors import NotFound
from coordinator.extensions import time_zone
from coordinator.history.models import Event
from coordinator.pages import PER_PAGE, page_number, page_of, translated
from coordinator.people.gate import reader, require, signed_in
from coordinator.people.models import Role

blueprint = Blueprint("chronicle", __name__, url_prefix="/history")

# the things that the history can be narrowed to, under their name in the address, with the page that each has of its own
THINGS = {
    "entry": "entries.show",
    "overlap": "overlaps.show",
    "exclusion": "exclusions.show",
    "topic": "topics.show",
    "unit": "people.unit",
    "organisation": "people.organisation",
    "forum": "calendar.forum",
    "event": "calendar.event",
    "question": "calendar.question",
    "counterpart": "calendar.counterpart",
    "instrument": "calendar.instrument",
    "group": "",
    "account": "",
}
LAST_PAGE = 400


@dataclass(frozen=True)
class Line:
    """One event as the page shows it: when, by whom, about what, in words."""

    event: Event
    told: Told
    who: tuple[str, str] | None
    kind: str
    thing: rules.Thing | None
    url: str | None
    compare_url: str | None


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Show what happened, the newest first, as far as the reader may know of it."""
    me, form = signed_in(), HistoryForm(request.args)
    valid = form.validate()
    thing = _thing()
    by = request.args.get("by")
    doer = queries.colleague(db.session(), by, organisation_id=me.unit.organisation_id) if by else None
    number = page_number()
    filters = queries.Filters(
        thing=thing,
        sort=Sort(form.sort.data) if valid and form.sort.data else None,
        by_id=doer.id if doer is not None else None,
        who=form.who.data if valid else "",
        colleagues_of=me.unit.organisation_id,
        **(form.period(time_zone()) if valid else {}),
    )
    events, more = queries.listed(db.session(), reader(), filters, number=number, size=PER_PAGE)
    if number > LAST_PAGE or (number > 1 and not events):
        raise NotFound
    found = queries.company(db.session(), events, also=[thing] if thing else ())
    return render_template(
        "chronicle/index.html",
        page_level=max((t.level for t in found.things.values() if t.level is not None), default=None),
        form=form,
        days=_by_day(lines(events, found)),
        about=found.things[thing] if thing else None,
        about_url=_url(thing[0], found.things[thing]) if thing else None,
        kept={name: ref for name, ref in request.args.items() if name in THINGS or name == "by"},
        doer=doer,
        newer=_page(number - 1) if number > 1 else None,
        older=_page(number + 1) if more and number < LAST_PAGE else None,
        narrowed=any(request.args.get(name) for name in ("who", "since", "until", "sort", "by")),
        may_audit=rules.may_audit(me),
    ), 200 if valid else 422


def _thing() -> tuple[str, int] | None:
    """Return the thing that the address names; raises NotFound for one that is nobody's business or never was."""
    named = [(name, ref) for name, ref in request.args.items() if name in THINGS and ref]
    if not named:
        return None
    name, ref = named[0]
    me = signed_in()
    kind = {"account": "person"}.get(name, name)
    number = queries.thing_id(db.session(), kind, ref)
    if not inside_ministry(me.unit) and not queries.known_outside(db.session(), kind, number, me.unit.organisation_id):
        raise NotFound
    require(kind != "person" or number == me.id or Role.ADMINISTRATOR in me.roles, hidden=True)
    return kind, number


def _page(number: int) -> str:
    kept: dict[str, Any] = request.args.to_dict() | {"page": str(number)}
    return url_for(".index", **kept)


def _url(kind: str, thing: rules.Thing) -> str | None:
    endpoint = THINGS.get(kind, "")
    return url_for(endpoint, ref=thing.ref) if endpoint in current_app.view_functions else None


def _by_day(told: Iterable[Line]) -> list[tuple[date, list[Line]]]:
    zone = ZoneInfo(time_zone())
    return [(on, list(some)) for on, some in groupby(told, key=lambda line: line.event.at.astimezone(zone).date())]


def lines(events: Sequence[Event], found: Company) -> list[Line]:
    """Return some events as a page shows them to whoever is signed in."""
    me, words = signed_in(), Words(named=found.names, day=day, t=translated)
    told: list[Line] = []
    for event in events:
        thing, said = found.things.get((event.subject_kind, event.subject_id)), rules.tell(event, found, me, words)
        kind = event.action.partition(".")[0]
        told.append(
            Line(
                event=event,
                told=said,
                who=rules.name_of(event.actor, me),
                kind=translated(rules.KINDS[kind]),
                thing=thing,
                url=_url(event.subject_kind, thing) if thing is not None else None,
                compare_url=_compare_url(thing, said),
            )
        )
    return told


def _compare_url(thing: rules.Thing | None, said: Told) -> str | None:
    if thing is None or said.compare is None:
        return None
    between: dict[str, Any] = {"from": said.compare[0], "to": said.compare[1]}
    return url_for("entries.compare", ref=thing.ref, **between)


# --- for the auditor -----------------------------------------------------------------------------------------------------


@blueprint.get("/audit")
def audit() -> ResponseReturnValue:
    """Show an auditor every event without what it says: its number, when, by whom, what was done to what kind of thing."""
    require(rules.may_audit(signed_in()))
    form = HistoryForm(request.args)
    valid = form.validate()
    first = request.args.get("thing", "")
    if first and not (first.isascii() and first.isdigit() and len(first) <= 12):
        raise NotFound
    filters = queries.Filters(
        sort=Sort(form.sort.data) if valid and form.sort.data else None,
        who=form.who.data if valid else "",
        **(form.period(time_zone()) if valid else {}),
    )
    listed, total = queries.marks(db.session(), filters, first=int(first) if first else None, number=page_number(), size=PER_PAGE)
    return render_template(
        "chronicle/audit.html",
        form=form,
        page=page_of(total),
        marks=[(m, *(translated(w) for w in rules.deed(m.action))) for m in listed],
        first=first,
    ), 200 if valid else 422


@blueprint.get("/audit/door")
def door() -> ResponseReturnValue:
    """Show an auditor who signed in, who failed to, and who took out which sort of file."""
    require(rules.may_audit(signed_in()))
    form = PeriodForm(request.args)
    valid = form.validate()
    filters = queries.Filters(who=form.who.data if valid else "", **(form.period(time_zone()) if valid else {}))
    listed, total = queries.notes(db.session(), filters, number=page_number(), size=PER_PAGE)
    return render_template(
        "chronicle/door.html", form=form, page=page_of(total), notes=[(n, _file(n.said)) for n in listed]
    ), 200 if valid else 422


def _file(said: dict[str, Any]) -> str:
    return ", ".join(str(said[name]) for name in ("what", "format", "rows") if name in said)
