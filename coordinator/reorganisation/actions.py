"""Merging and splitting units, in one change: people, stakes, units below, entries, readers, adherences, sides of overlaps.

Whoever does it does not see all that moves, and what they do not see moves all the same; nothing of it is shown to them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.orm import Session

from coordinator.db import read_as_system, touch
from coordinator.dossiers.actions import restate
from coordinator.dossiers.models import Contributor
from coordinator.entries.actions import index, keep_audience
from coordinator.entries.models import Entry, EntryVersion, State
from coordinator.entries.rules import new_code
from coordinator.history.actions import record
from coordinator.overlaps.actions import move_sides
from coordinator.people import actions as people
from coordinator.people.models import Person, Unit
from coordinator.people.queries import ancestors, below
from coordinator.people.rules import UnitDraft, has_ended
from coordinator.positions.models import Adherence
from coordinator.reorganisation import queries, rules
from coordinator.reorganisation.rules import CURRENT, Held, Plan, Standing
from coordinator.topics.actions import hand_on

PURPOSE = "reorganisation"
CHUNK = 500
_entry, _version, _adherence, _contributor = (m.__table__ for m in (Entry, EntryVersion, Adherence, Contributor))


def check(session: Session, plan: Plan, *, by: Person | None, today: date) -> dict[int, Unit]:
    """Return the units of a plan by id; raises a refusal if they cannot be merged or split as it says."""
    if not plan.predecessors:
        raise rules.NobodyEnds
    if not plan.heirs:
        raise rules.NobodyFollows
    if set(plan.heirs) <= set(plan.predecessors) and not plan.ending and len(plan.heirs) == 1:
        raise rules.NothingMoves
    known = {*plan.predecessors, *(h for h in plan.heirs if h > 0)}
    units = {u.id: u for u in session.scalars(select(Unit).where(Unit.id.in_(sorted(known))))}
    homes = {u.organisation_id for u in units.values()} | {d.organisation_id for d in plan.drafts.values()}
    if len(homes) != 1:
        raise rules.AcrossOrganisations
    if any(has_ended(u.ends_on, on=today) for u in units.values()):
        raise rules.EndedAlready
    if plan.on > today:
        raise rules.NotYet
    if any(u.starts_on is not None and u.starts_on > plan.on for u in units.values()):
        raise rules.BeforeItStarted
    if any(d.parent_id in plan.ending for d in plan.drafts.values()):
        raise rules.ParentEnds
    if by is not None and known & set(ancestors(session, [by.unit_id])[by.unit_id]):
        raise rules.OwnUnits
    return units


def carry_out(session: Session, plan: Plan, *, by: Person | None, at: datetime, today: date) -> list[Unit]:
    """Merge or split units as a plan says, and return the units that follow.

    Raises a refusal of `check`, NameTaken, or Unsettled if two lines that are seen clash and it is not said which one stays.
    """
    units = check(session, plan, by=by, today=today)
    plan = _make_units(session, plan, units, by=by, at=at)
    units |= {u.id: u for u in session.scalars(select(Unit).where(Unit.id.in_(plan.heirs)))}
    found = queries.inside(session, plan)
    standing = _before(session, plan, found)
    _move_people(session, plan, found, units, by=by, at=at)
    standing = _with_after(session, plan, standing)
    with read_as_system(session, PURPOSE) as connection:
        run = connection.execute
        held = queries.held(run, {*plan.predecessors, *plan.heirs})
        goes = {e.id: queries.destination(plan, e, found.ways) for e in held}
        seen = frozenset(session.scalars(select(Entry.id).where(Entry.id.in_([e.id for e in held if e.state in CURRENT]))))
        lost = _settle(session, connection, plan, held, goes, seen, units, by=by, at=at)
        moving = [e for e in held if e.state in CURRENT and e.id not in lost and goes[e.id] != e.unit_id]
        own = {(goes[e.id], e.question_id, e.level) for e in held if e.id in seen and e.state is State.RELEASED}
        _move_adherences(session, connection, plan, found, goes, own, units, by=by, at=at)
        _move_readers(session, connection, plan, standing, held, goes, units, by=by, at=at)
        _move_contributions(session, connection, plan, goes, units, by=by, at=at)
        _move_entries(session, connection, plan, moving, held, goes, seen, units, by=by, at=at)
        names = dict(run(select(Unit.id, Unit.short_name)).all())  # of all: a pair that lapsed may name units of long ago
        move_sides(session, connection, {e.id: goes[e.id] for e in moving}, names=names, at=at)
    index(session, [e.id for e in moving])
    touch(session, "unit", *below(session, units))
    session.flush()
    session.expire_all()  # it was moved past the session
    return list(session.scalars(select(Unit).where(Unit.id.in_(plan.heirs)).order_by(Unit.id)))


# --- units and persons -------------------------------------------------------------------------------------------------


def _make_units(session: Session, plan: Plan, units: Mapping[int, Unit], *, by: Person | None, at: datetime) -> Plan:
    """Make the new units, and lift those that follow out from below those that end."""
    given_up = next((units[u].mailbox for u in plan.ending if units[u].mailbox), None)
    ids = {}
    for number, draft in plan.drafts.items():
        takes = draft.mailbox or (given_up if number == plan.rest else None)
        wanted = UnitDraft(**{**vars(draft), "starts_on": draft.starts_on or plan.on, "mailbox": takes})
        ids[number] = people.add_unit(session, wanted, by=by, at=at).id
    for unit_id in plan.heirs:
        if unit_id > 0:
            unit = units[unit_id]
            above = queries.living_above(session, unit_id, plan.ending)
            mailbox = unit.mailbox or (given_up if unit_id == plan.rest else None)
            if (above, mailbox) != (unit.parent_id, unit.mailbox):
                _revise(session, unit, by=by, at=at, parent_id=above, mailbox=mailbox)
    return plan.with_units(ids)


def _revise(session: Session, unit: Unit, *, by: Person | None, at: datetime, **changes: Any) -> None:
    fields = ("organisation_id", "name", "short_name", "parent_id", "mailbox", "starts_on", "ends_on")
    draft = UnitDraft(**{**{name: getattr(unit, name) for name in fields}, **changes})
    people.revise_unit(session, unit, draft, by=by, at=at)


def _before(session: Session, plan: Plan, found: queries.Inside) -> Standing:
    children: dict[int, dict[int, int]] = {u: {} for u in plan.predecessors}
    for unit in found.below:
        children[unit.parent_id or 0][unit.id] = plan.of_below(unit.id, unit.parent_id or 0)
    return Standing(
        before=queries.below_each(session, plan.predecessors),
        after={},
        people_before=queries.people_in(session, plan.predecessors),
        people_after={},
        children=children,
        followers=found.followers,
    )


def _with_after(session: Session, plan: Plan, before: Standing) -> Standing:
    return Standing(
        before=before.before,
        after=queries.below_each(session, plan.heirs),
        people_before=before.people_before,
        people_after=queries.people_in(session, plan.heirs),
        children=before.children,
        followers=before.followers,
    )


def _move_people(
    session: Session, plan: Plan, found: queries.Inside, units: Mapping[int, Unit], *, by: Person | None, at: datetime
) -> None:
    """Move the units below, the persons and the stakes; end what ends, and say who follows whom."""
    for unit in found.below:
        to = plan.of_below(unit.id, unit.parent_id or 0)
        if to != unit.parent_id:
            _revise(session, unit, by=by, at=at, parent_id=to)
    for person in found.persons:
        people.move_person(session, person, units[plan.of_person(person.id, person.unit_id)], by=by, at=at)
    for stake in found.stakes:
        to = plan.of_stake(stake.id, stake.unit_id)
        if to != stake.unit_id:
            hand_on(session, stake, to=to, on=plan.on, by=by, at=at)
    for old in plan.predecessors:
        if old in plan.ending and units[old].mailbox:
            _revise(session, units[old], by=by, at=at, mailbox=None)
        for heir in found.followers[old]:
            people.succeed(session, units[old], units[heir], on=plan.on, by=by, at=at, ends=old in plan.ending)
            said = {"predecessor": old, "on": plan.on.isoformat()}
            record(session, "unit.took_over", subject=("unit", heir), by=by, at=at, said=said)


# --- entries -----------------------------------------------------------------------------------------------------------


def _settle(
    session: Session,
    connection: Connection,
    plan: Plan,
    held: Iterable[Held],
    goes: Mapping[int, int],
    seen: frozenset[int],
    units: Mapping[int, Unit],
    *,
    by: Person | None,
    at: datetime,
) -> set[int]:
    """Let one line stay current where a unit gets several on one question at one level; return the others, now superseded."""
    lost: set[int] = set()
    for key, lines in rules.clashes(held, lambda e: goes[e.id]).items():
        stays = rules.stays(key, lines, kept=plan.kept, seen=seen)
        if stays is None:
            raise rules.Unsettled
        for line in lines:
            if line.id == stays.id:
                continue
            lost.add(line.id)
            said = {"why": False, "heir": units[key[0]].short_name}
            number = record(session, "position.superseded", subject=("entry", line.id), by=by, at=at, said=said)
            connection.execute(
                update(Entry)
                .where(_entry.c.id == line.id)
                .values(state=State.SUPERSEDED, ended_at=at, ended_why="", changed_number=number)
            )
            connection.execute(
                update(Adherence).where(_adherence.c.entry_id == line.id, _adherence.c.ended_at.is_(None)).values(ended_at=at)
            )
            connection.execute(
                update(Entry).where(_entry.c.id == stays.id, _entry.c.supersedes_id.is_(None)).values(supersedes_id=line.id)
            )
            touch(session, "entry", line.id)
    return lost


def _move_entries(
    session: Session,
    connection: Connection,
    plan: Plan,
    moving: Iterable[Held],
    held: Iterable[Held],
    goes: Mapping[int, int],
    seen: frozenset[int],
    units: Mapping[int, Unit],
    *,
    by: Person | None,
    at: datetime,
) -> None:
    moving = list(moving)
    ids = {e.id for e in moving}
    codes: set[tuple[int, str | None]] = {(e.unit_id, e.code) for e in held if e.code and e.id not in ids}
    # those that are seen keep their codes before those that are not
    for entry in sorted(moving, key=lambda e: (e.id not in seen, e.id)):
        to, code = goes[entry.id], entry.code
        while code is not None and (to, code) in codes:
            code = new_code(units[to].short_name[:40])
        codes.add((to, code))
        said = {"from": units[entry.unit_id].short_name, "to": units[to].short_name}
        number = record(session, f"{entry.kind.value}.moved", subject=("entry", entry.id), by=by, at=at, said=said)
        values = {"unit_id": to, "changed_number": number} | ({"code": code} if code != entry.code else {})
        connection.execute(update(Entry).where(_entry.c.id == entry.id).values(**values))


def _move_adherences(
    session: Session,
    connection: Connection,
    plan: Plan,
    found: queries.Inside,
    goes: Mapping[int, int],
    own: Iterable[tuple[int, int | None, int]],
    units: Mapping[int, Unit],
    *,
    by: Person | None,
    at: datetime,
) -> None:
    adhered = queries.adhered(connection.execute, {*plan.predecessors, *plan.heirs}, lambda entry, unit: goes.get(entry, unit))
    questions = {(u, q, level) for u, q, level in own if q is not None}
    fates = rules.adhering(plan, adhered, found.ways, own=questions)
    # ended ones first: there is room for one standing adherence of a unit to a line
    for one in sorted(adhered, key=lambda a: (fates[a.id] is not None, a.id)):
        to = fates[one.id]
        if to == one.unit_id:
            continue
        if to is None:
            values: dict[str, Any] = {"ended_at": at}
            action, said = "position.left", _said(unit_id=one.unit_id, version=one.version)
        else:
            values = {"unit_id": to}
            action = "position.adherence_moved"
            said = _said(**{"from": units[one.unit_id].short_name, "to": units[to].short_name})
        connection.execute(update(Adherence).where(_adherence.c.id == one.id).values(**values))
        record(session, action, subject=("entry", one.entry_id), by=by, at=at, said=said)


def _said(**said: Any) -> dict[str, Any]:
    return said


def _move_contributions(
    session: Session,
    connection: Connection,
    plan: Plan,
    goes: Mapping[int, int],
    units: Mapping[int, Unit],
    *,
    by: Person | None,
    at: datetime,
) -> None:
    """Let the unit that follows contribute to a dossier, unless it is its own; dossiers that are seen or not."""
    moved: defaultdict[int, dict[int, int]] = defaultdict(dict)
    owners: dict[int, int] = {}
    for dossier, owner, unit_id in queries.contributions(connection.execute, plan.predecessors):
        owners[dossier] = goes.get(dossier, owner)
        if plan.home(unit_id) != unit_id:
            moved[dossier][unit_id] = plan.home(unit_id)
    for dossier, to in moved.items():

        def follow(unit_ids: Iterable[int], dossier: int = dossier, to: Mapping[int, int] = to) -> list[int]:
            return sorted({to.get(u, u) for u in unit_ids} - {owners[dossier]})

        def change(content: dict[str, Any], follow: Callable[[Iterable[int]], list[int]] = follow) -> dict[str, Any]:
            return {**content, "contributing": follow(content.get("contributing", []))}

        has = connection.scalars(select(_contributor.c.unit_id).where(_contributor.c.entry_id == dossier)).all()
        connection.execute(delete(Contributor).where(_contributor.c.entry_id == dossier))
        if follow(has):
            connection.execute(insert(Contributor), [{"entry_id": dossier, "unit_id": u} for u in follow(has)])
        restate(connection, dossier, change, by=by, at=at)
        said = {"from": [units[u].short_name for u in to], "to": sorted({units[u].short_name for u in to.values()})}
        record(session, "dossier.contributors_moved", subject=("entry", dossier), by=by, at=at, said=said)


# --- readers -----------------------------------------------------------------------------------------------------------


def _move_readers(
    session: Session,
    connection: Connection,
    plan: Plan,
    standing: Standing,
    held: Iterable[Held],
    goes: Mapping[int, int],
    units: Mapping[int, Unit],
    *,
    by: Person | None,
    at: datetime,
) -> None:
    """Put those who follow beside the readers that the units were, in entries and versions alike."""
    run = connection.execute
    follow = rules.tokens_of_followers(plan, standing)
    old = queries.audiences(run, follow)
    kept: dict[frozenset[str], int] = {tokens: i for i, tokens in old.items()}

    def keep(tokens: frozenset[str]) -> int:
        if tokens not in kept:
            kept[tokens] = keep_audience(session, tokens)
        return kept[tokens]

    entries, texts = _own(plan, standing, run, old, held, goes, follow)
    others = {i: new for i, tokens in old.items() if (new := rules.readers_of_others(tokens, follow)) != tokens}
    own = select(_entry.c.id).where(_entry.c.unit_id.in_(plan.predecessors))
    for entry_id, kind, audience in queries.carrying(run, others, but=plan.predecessors):
        named = sorted(u for u in plan.predecessors if old[audience] & {f"{k}:{u}" for k in ("unit", "bureau", "coord")})
        said = {
            "from": [units[u].short_name for u in named],
            "to": sorted({units[h].short_name for u in named for h in standing.followers[u]}),
        }
        number = record(session, f"{kind.value}.readers_moved", subject=("entry", entry_id), by=by, at=at, said=said)
        run(update(Entry).where(_entry.c.id == entry_id).values(changed_number=number))
    for audience, tokens in others.items():
        i = keep(tokens)
        run(update(EntryVersion).where(_version.c.audience_id == audience, _version.c.entry_id.not_in(own)).values(audience_id=i))
        run(update(Entry).where(_entry.c.audience_id == audience, _entry.c.unit_id.not_in(plan.predecessors)).values(audience_id=i))
        touch(session, "audience", i)
    for model, groups in ((EntryVersion, texts), (Entry, entries)):
        column = model.__table__.c.id
        for tokens, ids in groups.items():
            i = keep(tokens)
            for start in range(0, len(ids), CHUNK):
                run(update(model).where(column.in_(ids[start : start + CHUNK])).values(audience_id=i))


Groups = dict[frozenset[str], list[int]]


def _own(
    plan: Plan,
    standing: Standing,
    run: queries.Run,
    old: Mapping[int, frozenset[str]],
    held: Iterable[Held],
    goes: Mapping[int, int],
    follow: Mapping[str, frozenset[str]],
) -> tuple[Groups, Groups]:
    """Return which readers the units' own entries and versions get, each with the ids that get them."""
    entries: defaultdict[frozenset[str], list[int]] = defaultdict(list)
    texts: defaultdict[frozenset[str], list[int]] = defaultdict(list)
    on = {u: rules.read_on(plan, standing, u) for u in plan.predecessors}
    owned = {e.id: e for e in held if e.unit_id in plan.predecessors}

    def readers(entry: Held, audience: int, *, was_released: bool) -> frozenset[str]:
        return rules.readers_of_own(
            old[audience],
            old=entry.unit_id,
            owner=goes[entry.id],
            was_released=was_released,
            follow=follow,
            on=on[entry.unit_id],
        )

    for entry in owned.values():
        new = readers(entry, entry.audience_id, was_released=entry.state is not State.DRAFT)
        if new != old[entry.audience_id]:
            entries[new].append(entry.id)
    for version_id, entry_id, audience, released in queries.versions(run, plan.predecessors):
        new = readers(owned[entry_id], audience, was_released=released)
        if new != old[audience]:
            texts[new].append(version_id)
    return entries, texts
