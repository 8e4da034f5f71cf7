"""Pages of the whole picture: the dashboard, and the week."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date, format_decimal
from markupsafe import escape

from coordinator.calendar import queries as calendar
from coordinator.clock import today
from coordinator.dashboard import queries, rules
from coordinator.dashboard.forms import Period, ScopeForm
from coordinator.dashboard.queries import Clashes, Holdings, Pace, Scope, Subject
from coordinator.dashboard.rules import Cell, Grid, Node, Place, Row
from coordinator.db import db
from coordinator.entries.queries import chosen, chosen_word
from coordinator.errors import N_, NotFound
from coordinator.gaps import queries as gaps
from coordinator.gaps.queries import Filters
from coordinator.overlaps.models import Severity
from coordinator.pages import translated
from coordinator.people.gate import reader, require, signed_in
from coordinator.people.models import Circle
from coordinator.people.queries import below
from coordinator.topics import queries as topics
from coordinator.worklist.rules import Pair, sees_all, shown

blueprint = Blueprint("dashboard", __name__, url_prefix="/dashboard")

WEEKS = 13
AHEAD = timedelta(days=30)
OLDEST, COMING, BRIEF = 6, 6, 25
FILTERS = ("circle", "bureau", "basket", "forum", "period")
PAGES = ("units", "topics", "rows", "columns")
"""Names in the address of the pages of a large table: of the heat-map's units and topics, of the matrix's rows and columns."""


def _inside() -> None:
    """Let nobody in from outside the ministry: the picture is of its units."""
    require(signed_in().unit.organisation.circle is Circle.MINISTRY)


# --- what the address says ---------------------------------------------------------------------------------------------


def _list(endpoint: str, filters: Mapping[str, str]) -> str:
    """Return the address of a list that is narrowed."""
    return f"{url_for(endpoint)}?{urlencode(filters)}"


@dataclass(frozen=True)
class Asked:
    """What the address narrows the picture to, which bureau is opened, and which page of each table is shown."""

    scope: Scope
    kept: Mapping[str, str]
    """The filters as they stand in the address."""
    days: int | None
    bureau: int | None
    opened: int | None
    pages: Mapping[str, int]

    def overlaps(self, **more: str) -> str:
        """Return the address of the list of exactly those clashes that the picture counts, narrowed further."""
        until = {"until": self.scope.until.isoformat()} if self.scope.until else {}
        return (
            f"{url_for('overlaps.index')}?{urlencode({'clashes': '1'} | self._lists('circle', 'basket', 'forum') | until | more)}"
        )

    def ever(self, **more: str) -> str:
        """Return the address of the list of clashes of the picture, closed ones too, narrowed further."""
        kept = {"clashes": "1"} | self._lists("circle", "bureau", "basket", "forum") | more
        return _list("overlaps.index", kept)

    def gaps(self, **more: str) -> str:
        """Return the address of the list of exactly those gaps that the picture counts, narrowed further."""
        return _list("gaps.index", self._lists("bureau", "basket", "forum") | more)

    def positions(self, **more: str) -> str:
        """Return the address of the list of exactly those current lines that the picture counts, narrowed further."""
        circle = (self.scope.circle or Circle.MINISTRY).value
        kept = {"current": "1", "circle": circle} | self._lists("basket", "forum") | more
        return _list("positions.index", kept)

    @property
    def whose(self) -> dict[str, str]:
        """Return the bureau that the picture is narrowed to, for a list that no row narrows."""
        return self._lists("bureau")

    def _lists(self, *names: str) -> dict[str, str]:
        return {name: self.kept[name] for name in names if name in self.kept}

    def here(self, **changes: str | None) -> str:
        """Return the address of the picture with something changed."""
        own = {name: request.args[name] for name in ("open", *PAGES) if request.args.get(name)}
        said = {k: v for k, v in {**self.kept, **own, **changes}.items() if v}
        return url_for(".index", **said)  # type: ignore[arg-type]


def _asked(places: Sequence[Place], *, on: date) -> Asked:
    """Return what the address asks for; raises NotFound for a thing, a word or a page that is not there."""
    session, args = db.session(), request.args
    things = chosen(session, args, ("bureau", "basket", "forum"), person=signed_in())
    circle, period = chosen_word(Circle, args, "circle"), chosen_word(Period, args, "period")
    by_ref = {p.ref: p.id for p in places}
    opened = args.get("open")
    if opened and opened not in by_ref:
        raise NotFound
    bureau = things["bureau"].id if "bureau" in things else None
    scope = Scope(
        circle=circle,
        unit_ids=below(session, [bureau]) if bureau is not None else None,
        topic_ids=topics.basket(session, things["basket"].id) if "basket" in things else None,
        forum_id=things["forum"].id if "forum" in things else None,
        until=on + timedelta(days=period.days) if period else None,
    )
    kept = {name: args[name] for name in FILTERS if args.get(name)}
    return Asked(
        scope,
        kept,
        period.days if period else None,
        bureau,
        by_ref.get(opened or ""),
        {name: _page(name) for name in PAGES},
    )


def _page(name: str) -> int:
    """Return the page of a table that the address asks for; raises NotFound for what is no number."""
    said = request.args.get(name, "1")
    if not (said.isascii() and said.isdigit() and len(said) <= 3):
        raise NotFound
    return int(said)


def _form(asked: Asked, places: Sequence[Place]) -> ScopeForm:
    """Return the form with all that may be chosen in it; what is chosen stays on offer."""
    form = ScopeForm(request.args)
    offered = {b.id for b in rules.bureaus(places)} | {asked.bureau}
    bureaus = [p for p in places if p.id in offered]
    form.bureau.offer((p.ref, f"{p.short_name} – {p.name}", p.id) for p in sorted(bureaus, key=lambda p: p.short_name))
    form.basket.offer((t.ref, t.name, t.id) for t in queries.baskets(db.session()))
    form.forum.offer((f.ref, f.name, f.id) for f in calendar.forums(db.session()))
    return form


# --- the dashboard -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A number, and where the rows are that it counts."""

    number: int
    url: str


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Show what clashes, what nobody has acknowledged, what is coming and who is on what."""
    _inside()
    session, person = db.session(), signed_in()
    on = today(person.time_zone)
    places = queries.places(session)
    asked = _asked(places, on=on)
    nodes = rules.nodes(places, opened={i for i in (asked.opened, asked.bureau) if i is not None})
    clashes = queries.clashes(session, asked.scope, nodes, on=on, oldest=OLDEST)
    held = queries.holdings(session, asked.scope, nodes)
    weeks = rules.mondays(on=on, weeks=WEEKS if asked.days is None else -(-asked.days // 7))
    pace = queries.pace(session, asked.scope, weeks, zone=person.time_zone)
    waiting = queries.pairs_of(session, clashes.oldest, reader(), on=on)
    until, near = asked.scope.until or on + AHEAD, on + rules.COMES_NEAR
    ahead = queries.coming(session, asked.scope, on=on, until=max(until, near))  # once, for the list and for the sentence
    coming, soon = ([c for c in ahead if c.event.starts_on <= day] for day in (until, near))
    scope, known = replace(asked.scope, until=None), clashes.unacknowledged if asked.scope.until is None else None
    change = queries.week(session, reader(), on=on, zone=person.time_zone, scope=scope, events=soon, waiting=known, most=0)
    subjects = queries.subjects(session)
    narrow = Filters(unit_ids=asked.scope.unit_ids, topic_ids=asked.scope.topic_ids, forum_id=asked.scope.forum_id)
    missing = gaps.listed(session, reader(), narrow, on=on, size=0)
    return render_template(
        "dashboard/index.html",
        page_level=max(held.level, *(p.level for p in waiting), 0) if held.rows or waiting else None,
        asked=asked,
        own_unit=person.unit,
        all_units=sees_all(person.roles),
        form=_form(asked, places),
        on=on,
        told=told(change),
        near=_near(asked, clashes, on=on),
        NEAR=rules.Near,
        unacknowledged=Figure(clashes.unacknowledged, asked.overlaps(**asked.whose, unacknowledged="1")),
        waiting=[_waits(p, on=on) for p in waiting],
        coming=coming[:COMING],
        gaps=[(kind, Figure(n, asked.gaps(kind=kind.value))) for kind, n in missing.counts.items() if n],
        all_gaps=Figure(missing.total, asked.gaps()),
        newest=format_decimal(gaps.NEWEST) if missing.cut else None,
        known_gaps=Figure(missing.known, asked.gaps(known="1")),
        pace=pace,
        chart=rules.chart(pace.weeks),
        size={"width": rules.WIDTH, "height": rules.HEIGHT, "left": rules.LEFT},
        words={s.value: _worst(s) for s in Severity},
        names={s.value: translated(s.label) for s in Severity},
        **_pace(asked, pace),
        heat=_heat(asked, nodes, held, clashes, subjects),
        matrix=_matrix(asked, nodes, clashes),
    )


def _waits(pair: Pair, *, on: date) -> dict[str, Any]:
    """Return what is shown of a clash that nobody has acknowledged, and how long it has waited."""
    since = pair.overlap.open_since.astimezone(ZoneInfo(signed_in().time_zone)).date()
    return shown(pair, url=url_for, t=translated) | {"since": since, "age": (on - since).days}


def _worst(severity: Severity) -> str:
    return translated((N_("worst: %(word)s"), {"word": translated(severity.label).lower()}))


def told(change: rules.Change) -> str:
    """Return the week in one sentence, in the reader's language."""
    return rules.told(change, day=lambda d: format_date(d, "d MMMM"), t=translated)


def _near(asked: Asked, clashes: Clashes, *, on: date) -> list[tuple[Severity, list[Figure], Figure]]:
    """Return the clashes by severity and nearness, the worst first, each row with its sum."""

    def figure(number: int, **more: str) -> Figure:
        return Figure(number, asked.overlaps(**asked.whose, **more))

    found = []
    for severity in rules.WORST_FIRST:
        numbers = [(clashes.near.get((severity, near), 0), rules.days_of(near, on=on)) for near in rules.Near]
        if any(n for n, _days in numbers):
            word = severity.value
            figures = [figure(n, severity=word, **days) for n, days in numbers]
            found.append((severity, figures, figure(sum(n for n, _days in numbers), severity=word)))
    return found


def _pace(asked: Asked, pace: Pace) -> dict[str, Any]:
    """Return the weeks with where their rows are, and the two medians with where the rows are that they rest on."""
    since = pace.weeks[0].monday.isoformat()
    return {
        "weeks": [
            (
                week,
                Figure(week.found, asked.ever(opened=week.monday.isoformat())),
                Figure(week.closed, asked.ever(closed=week.monday.isoformat())),
            )
            for week in pace.weeks
        ],
        "acknowledged": Figure(pace.acknowledging.number, asked.ever(acknowledged_since=since)),
        "settled": Figure(pace.settling.number, asked.ever(state="settled", closed_since=since)),
    }


# --- the two large tables ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Head:
    """The head of a row or a column: its name, its page, and the filter that leaves in a list what it counts."""

    label: str
    name: str
    url: str
    narrowing: str
    whole: str
    """The filter that leaves what the whole row counts."""
    depth: int = 0
    turn: str | None = None
    """The address of the picture with this bureau opened, or closed again."""
    opened: bool = False


@dataclass(frozen=True)
class Table:
    """A large table as it is shown: its heads, its cells, and the addresses that lead on from it."""

    grid: Grid[int]
    heads: Mapping[int, Head]
    columns: Mapping[int, Head]
    lists: str
    """The address of the list that its numbers open, as far as they have it in common."""
    further: Mapping[str, str]
    """The addresses of the pages before and after: by "up", "down", "left", "right"."""

    def cells(self, row: Row[int], words: Mapping[str, str]) -> Iterator[tuple[str, int, str, str]]:
        """Yield how each cell of a row looks, its number, the worst behind it in words, and where it leads: safe as it stands."""
        if row.key is None:
            leads = [_safe(self.further["down"])] * len(row.cells)
        else:
            lists = _safe(f"{self.lists}&{self.heads[row.key].narrowing}&")
            leads = [lists + self._narrowing[key] for key in self.grid.across.shown]
        if self.grid.across.others:
            leads.append(_safe(self.further["right"] if row.key is not None else self.further["down"]))
        said = {None: ("", "")} | {s: (f" edge-{s.value}", _aside(words[s.value])) for s in Severity}
        for cell, leads_to in zip((*row.cells, row.rest), leads, strict=False):
            edge, worst = said[cell.severity]
            yield f"shade-{self.grid.shade(cell)}{edge}", cell.number, worst, leads_to

    @cached_property
    def _narrowing(self) -> dict[int, str]:
        return {key: _safe(self.columns[key].narrowing) for key in self.grid.across.shown}


def _safe(text: str) -> str:
    return str(escape(text))


def _aside(words: str) -> str:
    """Return words that are heard and not seen."""
    return f'<span class="visually-hidden"> {_safe(words)}</span>'


def _table(
    asked: Asked,
    grid: Grid[int],
    heads: Mapping[int, Head],
    columns: Mapping[int, Head],
    *,
    lists: str,
    pages: tuple[str, str],
    at: str,
) -> Table:
    further = {}
    for axis, name, ways in ((grid.down, pages[0], ("up", "down")), (grid.across, pages[1], ("left", "right"))):
        for number, way in zip((axis.page - 1, axis.page + 1), ways, strict=True):
            if 1 <= number <= axis.pages:
                further[way] = asked.here(**{name: str(number)}) + f"#{at}"
    return Table(grid, heads, columns, lists, further)


def _units(asked: Asked, nodes: Iterable[Node], *, at: str, names: Mapping[str, str]) -> dict[int, Head]:
    """Return the heads of rows or columns that are units."""
    found = {}
    for node in nodes:
        opened = node.id == asked.opened
        turn = asked.here(open=None if opened else node.place.ref) + f"#{at}" if opened or node.opens else None
        name, ref = node.narrowing
        url = url_for("people.unit", ref=ref)
        own = f"{names[name]}={ref}"
        inside = asked.scope.unit_ids is None or node.id in asked.scope.unit_ids
        whole = own if inside else f"{own}&other_bureau={asked.kept['bureau']}"
        found[node.id] = Head(node.place.short_name, node.place.name, url, own, whole, node.depth, turn, opened)
    return found


SAME = {"unit": "unit", "bureau": "bureau"}
OPPOSITE = {"unit": "other", "bureau": "other_bureau"}


def _heat(asked: Asked, nodes: Sequence[Node], held: Holdings, clashes: Clashes, subjects: Sequence[Subject]) -> Table:
    """Return who is on what: units by topics, each cell the number of current lines and the worst open clash."""
    circle, within = asked.scope.circle or Circle.MINISTRY, asked.scope.unit_ids
    own = [n for n in nodes if n.place.circle is circle and (within is None or n.id in within)]
    mine, wanted = {n.id for n in own}, asked.scope.topic_ids
    worst = {key: r for key, r in clashes.worst.items() if key[0] in mine and (wanted is None or key[1] in wanted)}
    cells = {key: Cell(number, worst.pop(key, None)) for key, number in held.cells.items() if key[0] in mine}
    cells |= {key: Cell(0, rank) for key, rank in worst.items()}
    units, topic_weights = Counter({u: n for u, n in held.rows.items() if u in mine}), Counter[int]()
    for (unit, topic), cell in cells.items():
        units[unit] += cell.rank is not None
        topic_weights[topic] += cell.number + (cell.rank is not None)
    grid = rules.grid(
        cells,
        {u: Cell(n) for u, n in held.rows.items()},
        down=rules.axis(units, [n.id for n in own], page=asked.pages["units"]),
        across=rules.axis(topic_weights, [t.id for t in subjects], page=asked.pages["topics"]),
    )
    columns = {t.id: Head(t.name, t.name, url_for("topics.show", ref=t.ref), f"topic={t.ref}", "") for t in subjects}
    heads = _units(asked, own, at="on-what", names=SAME)
    return _table(asked, grid, heads, columns, lists=asked.positions(), pages=("units", "topics"), at="on-what")


def _matrix(asked: Asked, nodes: Sequence[Node], clashes: Clashes) -> Table:
    """Return whose work clashes with whose: units by units, each cell the number of open clashes and the worst of them."""
    rows = defaultdict[int, list[Cell]](list)
    for (one, _other), cell in clashes.pairs.items():
        rows[one].append(cell)
    totals = {one: rules.total(cells) for one, cells in rows.items()}
    weights, order = {one: cell.number for one, cell in totals.items()}, [n.id for n in nodes]
    grid = rules.grid(
        clashes.pairs,
        totals,
        down=rules.axis(weights, order, page=asked.pages["rows"]),
        across=rules.axis(weights, order, page=asked.pages["columns"]),
    )
    heads, columns = (_units(asked, nodes, at="whose", names=names) for names in (SAME, OPPOSITE))
    return _table(asked, grid, heads, columns, lists=asked.overlaps(), pages=("rows", "columns"), at="whose")


# --- the week ----------------------------------------------------------------------------------------------------------


@blueprint.get("/brief")
def brief() -> ResponseReturnValue:
    """Show what changed since last week, on a page that can be printed."""
    _inside()
    person = signed_in()
    on = today(person.time_zone)
    change = queries.week(db.session(), reader(), on=on, zone=person.time_zone, most=BRIEF)
    since = change.since.isoformat()

    def clashes(number: int, **more: str) -> Figure:
        return Figure(number, _list("overlaps.index", {"clashes": "1"} | more))

    def lines(number: int, **more: str) -> Figure:
        return Figure(number, _list("positions.index", {"circle": Circle.MINISTRY.value} | more))

    return render_template(
        "dashboard/brief.html",
        page_level=change.level,
        change=change,
        told=told(change),
        clashes=[shown(p, url=url_for, t=translated) for p in change.clashes],
        closed=[shown(p, url=url_for, t=translated) for p in change.closed],
        lines=[(line, url_for("positions.show", ref=line.entry.ref), line.said(translated)) for line in change.lines],
        new=clashes(change.new, opened_since=since),
        found=[
            (severity, clashes(change.found[severity], opened_since=since, severity=severity.value))
            for severity in rules.WORST_FIRST
            if severity in change.found
        ],
        settled=clashes(change.settled, state="settled", closed_since=since),
        dismissed=clashes(change.dismissed, state="dismissed", closed_since=since),
        changed=lines(change.changed, released_since=since),
        ended=lines(change.ended, ended_since=since),
        waiting=clashes(change.waiting, unacknowledged="1"),
    )
