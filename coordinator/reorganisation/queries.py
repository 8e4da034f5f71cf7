"""What is known of units that are merged or split: to whoever plans it as far as they see it, to the change itself in whole."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

from coordinator.calendar.models import Question
from coordinator.db import Base
from coordinator.dossiers.models import Contributor, Dossier
from coordinator.entries.models import AudienceToken, Entry, EntryTopic, EntryVersion, State
from coordinator.people.models import Person, Unit
from coordinator.people.queries import ancestors
from coordinator.positions.models import Adherence, Position
from coordinator.reorganisation import rules
from coordinator.reorganisation.rules import CURRENT, Adhered, Held, Key, Plan, Ways
from coordinator.topics.models import Equity
from coordinator.topics.queries import stakes_of

Run = Callable[[Any], Any]
"""How a statement is run: through the session of a reader, who sees a part, or past it by the change, which moves all."""


# --- what units hold ---------------------------------------------------------------------------------------------------


def held(run: Run, unit_ids: Iterable[int], *, only: Iterable[State] | None = None) -> list[Held]:
    """Return the entries of some units, in all states or only in some."""
    wanted = and_(Entry.unit_id.in_(sorted(set(unit_ids))), Entry.state.in_(sorted(only if only is not None else State)))
    topics: defaultdict[int, set[int]] = defaultdict(set)
    for entry_id, topic_id in run(
        select(EntryTopic.entry_id, EntryTopic.topic_id).join(Entry, Entry.id == EntryTopic.entry_id).where(wanted)
    ):
        topics[entry_id].add(topic_id)
    lines = and_(wanted, Position.question_id.is_not(None), Position.on_behalf_of_id.is_(None))  # of voices there may be several
    questions = dict(run(select(Position.id, Position.question_id).where(lines)).all())
    codes = dict(run(select(Dossier.id, Dossier.code).where(wanted, Dossier.code.is_not(None))).all())
    rows = run(
        select(
            Entry.id,
            Entry.kind,
            Entry.unit_id,
            Entry.state,
            Entry.level,
            Entry.audience_id,
            Entry.author_id,
            Entry.released_at,
        )
        .where(wanted)
        .order_by(Entry.id)
    )
    return [
        Held(**row._mapping, topics=frozenset(topics[row.id]), question_id=questions.get(row.id), code=codes.get(row.id))
        for row in rows
    ]


def adhered(run: Run, unit_ids: Iterable[int], owner_of: Callable[[int, int], int]) -> list[Adhered]:
    """Return the standing adherences of some units; `owner_of` says whose a line of an entry and a unit is afterwards."""
    rows = run(
        select(
            Adherence.id,
            Adherence.entry_id,
            Adherence.unit_id,
            Adherence.version,
            Adherence.at,
            Position.question_id,
            Position.level,
            Position.unit_id,
        )
        .join(Position, Position.id == Adherence.entry_id)
        .where(Adherence.unit_id.in_(sorted(set(unit_ids))), Adherence.ended_at.is_(None), Position.question_id.is_not(None))
        .order_by(Adherence.id)
    ).all()
    topics: defaultdict[int, set[int]] = defaultdict(set)
    lines = sorted({row.entry_id for row in rows})
    for entry_id, topic_id in run(select(EntryTopic.entry_id, EntryTopic.topic_id).where(EntryTopic.entry_id.in_(lines))):
        topics[entry_id].add(topic_id)
    return [
        Adhered(i, line, unit_id, version, at, question, level, owner_of(line, owner), frozenset(topics[line]))
        for i, line, unit_id, version, at, question, level, owner in rows
    ]


def contributions(run: Run, unit_ids: Iterable[int]) -> list[tuple[int, int, int]]:
    """Return (dossier, its unit, contributing unit) for the current dossiers to which some units contribute."""
    rows = run(
        select(Contributor.entry_id, Entry.unit_id, Contributor.unit_id)
        .join(Entry, Entry.id == Contributor.entry_id)
        .where(Contributor.unit_id.in_(sorted(set(unit_ids))), Entry.state.in_(sorted(CURRENT)))
        .order_by(Contributor.entry_id, Contributor.unit_id)
    )
    return [(entry_id, owner, unit_id) for entry_id, owner, unit_id in rows]


def audiences(run: Run, tokens: Iterable[str]) -> dict[int, frozenset[str]]:
    """Return the audiences with one of some tokens: id → all their tokens."""
    having = select(AudienceToken.audience_id).where(AudienceToken.token.in_(sorted(tokens)))
    found: defaultdict[int, set[str]] = defaultdict(set)
    for audience_id, token in run(
        select(AudienceToken.audience_id, AudienceToken.token).where(AudienceToken.audience_id.in_(having))
    ):
        found[audience_id].add(token)
    return {i: frozenset(t) for i, t in found.items()}


def carrying(run: Run, audience_ids: Iterable[int], *, but: Iterable[int]) -> list[tuple[int, Any, int]]:
    """Return (id, kind, audience) of the entries with some audiences, those of the units `but` left out."""
    rows = run(
        select(Entry.id, Entry.kind, Entry.audience_id)
        .where(Entry.audience_id.in_(sorted(set(audience_ids))), Entry.unit_id.not_in(sorted(set(but))))
        .order_by(Entry.id)
    )
    return [(i, kind, audience) for i, kind, audience in rows]


def versions(run: Run, unit_ids: Iterable[int]) -> list[tuple[int, int, int, bool]]:
    """Return (id, entry, audience, whether it was released) of the versions of all entries of some units."""
    rows = run(
        select(EntryVersion.id, EntryVersion.entry_id, EntryVersion.audience_id, EntryVersion.released_at.is_not(None))
        .join(Entry, Entry.id == EntryVersion.entry_id)
        .where(Entry.unit_id.in_(sorted(set(unit_ids))))
        .order_by(EntryVersion.id)
    )
    return [(i, entry_id, audience, bool(released)) for i, entry_id, audience, released in rows]


# --- units and persons -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inside:
    """Who and what is in the units that give away, apart from entries."""

    persons: Sequence[Person]
    stakes: Sequence[Equity]
    below: Sequence[Unit]
    ways: Ways
    followers: dict[int, tuple[int, ...]]


def inside(session: Session, plan: Plan) -> Inside:
    """Return who and what is in the units that give away, and where the plan has it go."""
    persons = session.scalars(
        select(Person).where(Person.unit_id.in_(plan.predecessors)).order_by(Person.unit_id, Person.name, Person.id)
    ).all()
    stakes = [
        e for e in stakes_of(session, plan.predecessors) if e.until_on is None or e.until_on >= plan.on
    ]  # what has ended stays on record
    below = session.scalars(
        select(Unit)
        .where(
            Unit.parent_id.in_(plan.predecessors),
            Unit.id.not_in(plan.predecessors),
            Unit.id.not_in(plan.heirs),
            or_(Unit.ends_on.is_(None), Unit.ends_on > plan.on),
        )
        .order_by(Unit.short_name, Unit.id)
    ).all()
    return Inside(
        persons,
        stakes,
        below,
        rules.ways(
            plan,
            stakes=[(e.id, e.unit_id, e.topic_id, e.stake) for e in stakes],
            persons=[(p.id, p.unit_id) for p in persons],
        ),
        rules.followers(
            plan,
            persons={p.id: p.unit_id for p in persons},
            stakes=[(e.id, e.unit_id) for e in stakes],
            below=[(u.id, u.parent_id) for u in below if u.parent_id is not None],
        ),
    )


def living_above(session: Session, unit_id: int, ending: Iterable[int]) -> int | None:
    """Return the unit right above one, or, where some above it end, the one above the uppermost of these; None if there is none."""
    above = list(ancestors(session, [unit_id])[unit_id][1:])
    gone = [place for place, u in enumerate(above) if u in set(ending)]
    return next(iter(above[gone[-1] + 1 :] if gone else above), None)


def below_each(session: Session, unit_ids: Iterable[int]) -> dict[int, frozenset[int]]:
    """Return for each of some units the ids of itself and of all units below it."""
    parents = dict(session.execute(select(Unit.id, Unit.parent_id)).all())
    found: dict[int, set[int]] = {u: {u} for u in unit_ids}
    for unit_id in parents:
        here: int | None = unit_id
        for _step in range(20):
            if here is None:
                break
            if here in found:
                found[here].add(unit_id)
            here = parents.get(here)
    return {u: frozenset(ids) for u, ids in found.items()}


def people_in(session: Session, unit_ids: Iterable[int]) -> dict[int, frozenset[int]]:
    """Return the ids of the persons in each of some units."""
    found: dict[int, set[int]] = {u: set() for u in unit_ids}
    for person_id, unit_id in session.execute(select(Person.id, Person.unit_id).where(Person.unit_id.in_(sorted(found)))):
        found[unit_id].add(person_id)
    return {u: frozenset(ids) for u, ids in found.items()}


# --- what is shown before it is done -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clash:
    """Released lines on one question of which the unit that follows keeps one."""

    key: Key
    question: Question
    lines: Sequence[Entry]
    stays: int | None


@dataclass(frozen=True)
class Preview:
    """What would move, as far as whoever plans it sees it: each thing with the unit that it goes to (None: it ends)."""

    persons: list[tuple[Person, int]]
    stakes: list[tuple[Equity, int]]
    below: list[tuple[Unit, int]]
    entries: list[tuple[Entry, int]]
    adherences: list[tuple[Entry, Unit, int | None]]
    contributions: list[tuple[Entry, Unit, int]]
    clashes: list[Clash]
    shared: list[Entry]
    """Entries of other units that name one of the units as a reader: those who follow read them too."""
    staying: int
    """How many entries have ended, and stay with their unit."""
    followers: dict[int, tuple[int, ...]]

    @property
    def settled(self) -> bool:
        """Say whether it is known of each clash which line stays."""
        return all(c.stays is not None for c in self.clashes)

    def told(self) -> list[Any]:
        """Return all of it in a form that is equal only if it says the same."""
        return [
            sorted((p.id, to) for p, to in self.persons),
            sorted((e.id, to) for e, to in self.stakes),
            sorted((u.id, to) for u, to in self.below),
            sorted((e.id, e.state, to) for e, to in self.entries),
            sorted((e.id, u.id, to or 0) for e, u, to in self.adherences),
            sorted((e.id, u.id, to) for e, u, to in self.contributions),
            [(c.key, [line.id for line in c.lines], c.stays) for c in self.clashes],
            sorted(e.id for e in self.shared),
            self.staying,
        ]


def preview(session: Session, plan: Plan) -> Preview:
    """Return what a plan would move, as far as the session's reader sees it; the number of statements is the same for any plan."""
    found = inside(session, plan)
    known = {*plan.predecessors, *(h for h in plan.heirs if h > 0)}
    here = held(session.execute, known, only=CURRENT)
    goes = {e.id: destination(plan, e, found.ways) for e in here}
    lines = rules.clashes(here, lambda e: goes[e.id])
    seen = frozenset(goes)
    moving = {e.id for e in here if goes[e.id] != e.unit_id}
    stay = {key: rules.stays(key, among, kept=plan.kept, seen=seen) for key, among in lines.items()}
    own = {(goes[e.id], e.question_id, e.level) for e in here if e.state is State.RELEASED and e.question_id is not None}
    adherences = adhered(session.execute, known, lambda entry, unit: goes.get(entry, unit))
    fates = rules.adhering(plan, adherences, found.ways, own=own)
    given = contributions(session.execute, plan.predecessors)
    tokens = {f"{kind}:{u}" for u in plan.predecessors for kind in ("unit", "bureau", "coord")}
    shared = carrying(session.execute, audiences(session.execute, tokens), but=plan.predecessors)
    moved = [a for a in adherences if fates[a.id] != a.unit_id]
    wanted = {*moving, *(e for e, _o, _u in given), *(i for i, _k, _a in shared), *_ids(lines), *(a.entry_id for a in moved)}
    entries = _things(session, Entry, wanted)
    questions = _things(session, Question, {q for _u, q, _l in lines})
    units = _things(session, Unit, known)
    return Preview(
        persons=[(p, plan.of_person(p.id, p.unit_id)) for p in found.persons],
        stakes=[(e, plan.of_stake(e.id, e.unit_id)) for e in found.stakes],
        below=[(u, plan.of_below(u.id, u.parent_id or 0)) for u in found.below],
        entries=[(entries[i], goes[i]) for i in sorted(moving, key=lambda i: (entries[i].kind, entries[i].title, i))],
        adherences=[(entries[a.entry_id], units[a.unit_id], fates[a.id]) for a in moved],
        contributions=[(entries[e], units[u], to) for e, _owner, u, to in _contributing(plan, found, given, goes)],
        clashes=[
            Clash(key, questions[key[1]], [entries[line.id] for line in among], line.id if (line := stay[key]) else None)
            for key, among in lines.items()
        ],
        shared=[entries[i] for i, _kind, _audience in shared],
        staying=_count_ended(session, plan),
        followers=found.followers,
    )


def destination(plan: Plan, entry: Held, found: Ways) -> int:
    """Return where a current entry is afterwards; one of a unit that only receives stays."""
    return rules.goes_to(plan, entry, found) if entry.unit_id in plan.predecessors else entry.unit_id


def _contributing(
    plan: Plan, found: Inside, given: list[tuple[int, int, int]], goes: dict[int, int]
) -> list[tuple[int, int, int, int]]:
    """Return (dossier, its unit, contributing unit, the unit that contributes instead)."""
    return [(e, goes.get(e, owner), u, plan.home(u)) for e, owner, u in given if plan.home(u) != u]


def _things(session: Session, model: type[Base], ids: Iterable[int]) -> dict[int, Any]:
    asked: Select[Any] = select(model).where(model.id.in_(sorted(set(ids))))  # type: ignore[attr-defined]
    if model is Entry:
        asked = asked.options(joinedload(Entry.unit))
    return {thing.id: thing for thing in session.scalars(asked)}


def _ids(lines: dict[Key, list[Held]]) -> set[int]:
    return {line.id for among in lines.values() for line in among}


def _count_ended(session: Session, plan: Plan) -> int:
    counted = select(func.count(Entry.id)).where(Entry.unit_id.in_(plan.ending), Entry.state.not_in(sorted(CURRENT)))
    return session.scalar(counted) or 0
