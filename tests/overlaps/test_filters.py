"""Each filter of the list of overlaps, held against the same said in Python over every pair; the moments that it rests on."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from coordinator.db import bind_reader, bookkeeping, read_as_system, transaction
from coordinator.entries import actions as entries
from coordinator.entries.models import Entry, EntryTopic
from coordinator.errors import NotFound
from coordinator.overlaps import actions, queries
from coordinator.overlaps.models import Closing, Outcome, Overlap, OverlapKind, OverlapState, Severity
from coordinator.overlaps.rules import week_of
from coordinator.people.models import Person
from coordinator.positions import actions as positions
from coordinator.positions.rules import PositionDraft
from coordinator.recompute.actions import unlike
from tests.make import Make

ZONE = "Europe/Vienna"
OPEN_TO = {"audience": frozenset({"circle:ministry", "circle:government"}), "restriction_reason": "shared"}


@pytest.fixture
def world(make: Make) -> SimpleNamespace:
    """Two bureaus and an agency whose work touches: pairs of each kind, found in two weeks, each brought to another state."""
    w = SimpleNamespace()
    w.bureau, w.second = make.unit("Bureau"), make.unit("Second bureau")
    w.desk, w.cell = make.unit("Desk", under=w.bureau), make.unit("Other desk", under=w.second)
    w.section = make.unit("Section", under=w.desk)
    w.agency = make.unit("Agency", of=make.organisation("Trade", circle="government"))
    w.wide = make.topic("Cyber")
    w.topic = make.topic("Norms", broader=(w.wide,))
    w.narrow = make.topic("Attribution", broader=(w.topic,))
    w.group, w.council = make.forum("Group"), make.forum("Council")
    w.near, w.far = make.event(forum=w.group, in_days=5), make.event(forum=w.council, in_days=40)
    w.question, w.other_question = make.question(topic=w.topic), make.question(topic=w.narrow)
    w.people = [make.officer(unit=u) for u in (w.desk, w.cell, w.section, w.agency)]
    w.reader = make.person(unit=w.desk, roles=("coordinator",))
    for number, (person, stance) in enumerate(zip(w.people, ("support", "red_line", "oppose", "support"), strict=True)):
        if number == 2:
            make.at += timedelta(days=9)  # the rest is found in a later week
        make.position(
            by=person, question=w.question, topic=w.topic, stance=stance, **({"forum": w.group} if number % 2 else {}), **OPEN_TO
        )
        make.position(by=person, question=w.other_question, topic=w.narrow, stance=stance, **OPEN_TO)
        make.dossier(by=person, topic=w.wide, event=w.near if number < 2 else w.far, **OPEN_TO)
    make.dossier(by=w.people[0], topic=w.wide, event=w.far, **OPEN_TO)
    acts = (acknowledge, settle, dismiss, settle_and_reopen, withdraw, nothing)
    for number, overlap in enumerate(rows(make, Overlap)):
        make.at += timedelta(hours=7)
        acts[number % len(acts)](make, w, overlap)
    return w


def rows(make: Make, table: Any) -> list[Any]:
    with read_as_system(make.session, "check") as connection:
        return list(connection.execute(select(table.__table__).order_by(*table.__table__.primary_key)).all())


def act_on(make: Make, overlap: Any, person: Person, act: Callable[..., Any], **said: Any) -> None:
    by = make.act_as(person)
    found = queries.one(make.session, overlap.ref)
    if found.current and (found.closed_as is None or act is actions.reopen):
        with transaction(make.session):
            act(make.session, found, by=by, at=make.at, **said)
    bind_reader(make.session, None)


def acknowledge(make: Make, w: Any, overlap: Any) -> None:
    act_on(make, overlap, next(p for p in w.people if p.unit_id == overlap.high_unit_id), actions.acknowledge)


def settle(make: Make, w: Any, overlap: Any) -> None:
    act_on(make, overlap, w.reader, actions.settle, statement="One voice.", outcome=Outcome.JOINT_LINE)


def dismiss(make: Make, w: Any, overlap: Any) -> None:
    act_on(make, overlap, w.reader, actions.dismiss, why="Nothing in it.")


def settle_and_reopen(make: Make, w: Any, overlap: Any) -> None:
    settle(make, w, overlap)
    act_on(make, overlap, w.reader, actions.reopen, why="Not yet.")


def withdraw(make: Make, w: Any, overlap: Any) -> None:
    """End the agency's line on the narrow topic, so that its pairs lapse."""
    by = make.act_as(w.people[-1])
    found = make.session.scalars(select(Entry).where(Entry.unit_id == w.agency.id).order_by(Entry.id)).all()[1]
    if found.ended_at is None:
        with transaction(make.session):
            entries.withdraw(make.session, found, why="over", by=by, at=make.at)
    bind_reader(make.session, None)


def nothing(make: Make, w: Any, overlap: Any) -> None:
    pass


def twin(make: Make, w: Any) -> dict[str, Callable[[Any, str], bool]]:
    """Each filter said in Python: of a row and of what the address holds."""
    entry = {e.id: e for e in rows(make, Entry)}
    topics = {i: {t.topic_id for t in rows(make, EntryTopic) if t.entry_id == i} for i in entry}
    forum_of = {w.near.id: w.group.id, w.far.id: w.council.id}
    below = {
        w.bureau.ref: {w.bureau.id, w.desk.id, w.section.id},
        w.second.ref: {w.second.id, w.cell.id},
        w.desk.ref: {w.desk.id, w.section.id},
    }
    within = {w.wide.ref: {w.wide.id, w.topic.id, w.narrow.id}, w.topic.ref: {w.topic.id, w.narrow.id}}
    number = {thing.ref: thing.id for thing in vars(w).values() if hasattr(thing, "ref")}

    def forum(e: Any) -> int | None:
        return e.forum_id if e.forum_id is not None else forum_of.get(e.event_id)

    def ends(o: Any) -> list[Any]:
        return [entry[o.low_id], entry[o.high_id]]

    def units(o: Any) -> set[int]:
        return {o.low_unit_id, o.high_unit_id}

    return {
        "unit": lambda o, ref: number[ref] in units(o),
        "bureau": lambda o, ref: bool(below[ref] & units(o)),
        "other": lambda o, ref: number[ref] in units(o),
        "other_bureau": lambda o, ref: bool(below[ref] & units(o)),
        "circle": lambda o, said: (w.agency.id in units(o)) if said == "government" else bool(units(o) - {w.agency.id}),
        "topic": lambda o, ref: all(number[ref] in topics[e.id] for e in ends(o)),
        "basket": lambda o, ref: all(within[ref] & topics[e.id] for e in ends(o)),
        "question": lambda o, ref: all(e.question_id == number[ref] for e in ends(o)),
        "forum": lambda o, ref: any(forum(e) == number[ref] for e in ends(o)),
        "event": lambda o, ref: any(e.event_id == number[ref] for e in ends(o)),
        "severity": lambda o, said: o.severity == Severity(said),
        "kind": lambda o, said: o.kind == OverlapKind(said),
        "mine": lambda o, _: w.desk.id in units(o),
        "unacknowledged": lambda o, _: o.acknowledged_at is None,
        "opened": lambda o, said: monday(o.found_at) == date.fromisoformat(said),
        "closed": lambda o, said: o.closed_at is not None and monday(o.closed_at) == date.fromisoformat(said),
        "until": lambda o, said: o.near_on <= date.fromisoformat(said),
        "state": lambda o, said: {
            "all": True,
            "current": o.current and o.state in {OverlapState.OPEN, OverlapState.ACKNOWLEDGED},
        }.get(said, o.state == said),
    }


def monday(at: Any) -> date:
    day = at.astimezone(week_of(date(2026, 1, 5), ZONE)[0].tzinfo).date()
    return day - timedelta(days=day.weekday())


def refs_listed(make: Make, w: Any, args: dict[str, str]) -> set[str]:
    by = make.act_as(w.reader)
    asked = queries.asked(make.session, args, person=by, zone=ZONE)
    found, total = queries.listed(make.session, asked.filters, size=1000)
    assert total == len(found)
    for value, count in queries.facets(make.session, asked.filters)["severity"]:
        if "severity" not in args:
            assert count == sum(o.severity == value for o in found)
    make.session.expunge_all()
    bind_reader(make.session, None)
    return {o.ref for o in found}


def asked_for(w: Any, every: list[Any]) -> dict[str, list[str]]:
    """For each name in the address the values that are tried."""
    return {
        "unit": [w.desk.ref, w.agency.ref],
        "bureau": [w.bureau.ref, w.second.ref, w.desk.ref],
        "other": [w.cell.ref],
        "other_bureau": [w.bureau.ref],
        "circle": ["ministry", "government"],
        "topic": [w.topic.ref, w.narrow.ref],
        "basket": [w.wide.ref, w.topic.ref],
        "question": [w.question.ref],
        "forum": [w.group.ref, w.council.ref],
        "event": [w.near.ref, w.far.ref],
        "severity": ["critical", "medium"],
        "kind": ["conflict", "collision"],
        "mine": ["1"],
        "unacknowledged": ["1"],
        "opened": sorted({monday(o.found_at).isoformat() for o in every}),
        "closed": sorted({monday(o.closed_at).isoformat() for o in every if o.closed_at}),
        "until": [w.near.starts_on.isoformat(), w.far.starts_on.isoformat()],
        "state": ["settled", "dismissed", "lapsed", "acknowledged", "open", "current"],
    }


def test_each_filter_leaves_what_its_twin_leaves_alone_and_with_any_other(make: Make, world: SimpleNamespace) -> None:
    every = [o for o in rows(make, Overlap) if o.kind != OverlapKind.POSSIBLE]
    said, values = twin(make, world), asked_for(world, every)
    telling: set[str] = set()
    for name, tried in values.items():
        for value in tried:
            args = {"state": "all", name: value}
            wanted = {o.ref for o in every if said[name](o, value)}
            assert refs_listed(make, world, args) == wanted, args
            if 0 < len(wanted) < len(every):
                telling.add(name)
    assert telling == set(values)  # a filter that leaves all or nothing would agree with anything
    apart = {"unit", "bureau", "other", "other_bureau"}  # two of these speak of one pair of ends: below
    for one, other in combinations(values, 2):
        if not {one, other} <= apart and "state" not in {one, other}:
            args = {"state": "all", one: values[one][0], other: values[other][-1]}
            wanted = {o.ref for o in every if all(said[n](o, v) for n, v in args.items())}
            assert refs_listed(make, world, args) == wanted, args


def test_the_units_of_a_pair_are_asked_of_its_two_ends(make: Make, world: SimpleNamespace) -> None:
    every = [o for o in rows(make, Overlap) if o.kind != OverlapKind.POSSIBLE]
    bureau = {world.bureau.id, world.desk.id, world.section.id}
    for args, one, opposite in (
        ({"unit": world.desk.ref, "other": world.cell.ref}, {world.desk.id}, {world.cell.id}),
        ({"bureau": world.bureau.ref, "other": world.agency.ref}, bureau, {world.agency.id}),
        ({"bureau": world.bureau.ref, "other_bureau": world.bureau.ref}, bureau, bureau),
        ({"unit": world.desk.ref, "bureau": world.bureau.ref, "other": world.section.ref}, {world.desk.id}, {world.section.id}),
        ({"unit": world.cell.ref, "bureau": world.bureau.ref}, set(), bureau),
    ):
        ways = [(o, (o.low_unit_id, o.high_unit_id)) for o in every]
        wanted = {o.ref for o, (a, b) in ways if (a in one and b in opposite) or (b in one and a in opposite)}
        assert refs_listed(make, world, args | {"state": "all"}) == wanted, args


def test_the_facet_of_units_counts_what_each_would_leave(make: Make, world: SimpleNamespace) -> None:
    by = make.act_as(world.reader)
    for args in ({}, {"bureau": world.bureau.ref}, {"other": world.cell.ref}, {"mine": "1"}):
        args = args | {"state": "all"}
        asked = queries.asked(make.session, args, person=by, zone=ZONE)
        counted = {u.ref: n for u, n in queries.facets(make.session, asked.filters)["unit"]}
        assert counted
        for unit in (world.desk, world.cell, world.section, world.agency):
            with_it = queries.asked(make.session, args | {"unit": unit.ref}, person=by, zone=ZONE).filters
            left = queries.listed(make.session, with_it, size=1000)[1]
            assert counted.get(unit.ref, 0) == (0 if "mine" in args and unit.id == world.desk.id else left), (args, unit.name)


def test_without_a_state_the_list_holds_what_is_not_closed_but_a_week_holds_everything(make: Make, world: SimpleNamespace) -> None:
    every = [o for o in rows(make, Overlap) if o.kind != OverlapKind.POSSIBLE]
    said = twin(make, world)
    assert refs_listed(make, world, {}) == {o.ref for o in every if said["state"](o, "current")}
    week = monday(every[0].found_at).isoformat()
    assert refs_listed(make, world, {"opened": week}) == {o.ref for o in every if said["opened"](o, week)}


@pytest.mark.parametrize(
    "asked",
    [f"{name}={'A' * 22}" for name in queries.THINGS]
    + ["kind=nonsense", "severity=x", "state=x", "circle=x", "opened=x", "closed=2026-13-01", "until=9", "opened=9999-12-31"],
)
def test_what_is_not_there_is_not_found(make: Make, sign_in: Callable[[Person], FlaskClient], asked: str) -> None:
    assert sign_in(make.officer()).get(f"/overlaps?{asked}").status_code == 404


def test_each_filter_stands_on_the_page_in_words_and_can_be_taken_off(
    make: Make, world: SimpleNamespace, sign_in: Callable[[Person], FlaskClient]
) -> None:
    browser = sign_in(world.reader)
    wanted = {"bureau": world.bureau.ref, "circle": "government", "basket": world.wide.ref, "forum": world.council.ref}
    page = browser.get("/overlaps", query_string=wanted | {"state": "all"}).get_data(as_text=True)
    for words in ("and all below it", "Government", "Cyber and all within it", "Council"):
        assert words in page, words
    chips = page[page.index('class="chips"') : page.index("</ul>", page.index('class="chips"'))]
    assert chips.count("<li>") == 5
    assert chips.count(f"bureau={world.bureau.ref}") == 4
    facets = page[page.index('id="narrow"') :]
    assert f"bureau={world.bureau.ref}" in facets  # narrowing further keeps what narrows already


def test_somebody_outside_asks_by_the_units_that_share_something_and_by_no_other(make: Make) -> None:
    outside = make.person(unit=make.unit("Firm", of=make.organisation(circle="country", ceiling=0)))
    sharing, silent = make.officer(), make.officer()
    shared = {"level": 0, "audience": frozenset({"circle:ministry", "circle:country"}), "restriction_reason": "shared"}
    make.position(by=sharing, **shared)
    make.position(by=silent)
    by = make.act_as(outside)
    assert queries.asked(make.session, {"unit": sharing.unit.ref}, person=by, zone=ZONE).filters.unit_id == sharing.unit_id
    for name in ("unit", "bureau", "other", "other_bureau"):
        with pytest.raises(NotFound):
            queries.asked(make.session, {name: silent.unit.ref}, person=by, zone=ZONE)


# --- the moments ---------------------------------------------------------------------------------------------------------


def row_of(make: Make, ref: str) -> Any:
    return next(o for o in rows(make, Overlap) if o.ref == ref)


def test_an_overlap_keeps_when_it_was_first_acknowledged_closed_and_taken_up_again(make: Make) -> None:
    ref, one, other = make.overlap("medium")
    found_at = make.at
    assert (row_of(make, ref).found_at, row_of(make, ref).reopened_at, row_of(make, ref).acknowledged_at) == (found_at, None, None)
    first = make.at = found_at + timedelta(hours=1)
    act_on(make, row_of(make, ref), one, actions.acknowledge)
    make.at += timedelta(hours=1)
    act_on(make, row_of(make, ref), other, actions.acknowledge)
    assert row_of(make, ref).acknowledged_at == first
    closed = make.at = make.at + timedelta(days=1)
    act_on(make, row_of(make, ref), other, actions.dismiss, why="nothing in it")
    assert (row_of(make, ref).closed_at, row_of(make, ref).closed_as) == (closed, Closing.DISMISS)
    again = make.at = make.at + timedelta(days=1)
    act_on(make, row_of(make, ref), one, actions.reopen, why="it is back")
    row = row_of(make, ref)
    assert (row.closed_at, row.reopened_at, row.acknowledged_at) == (None, again, first)
    assert unlike(make.session) == []
    make.act_as(one)
    assert make.session.scalars(select(Overlap.open_since)).all() == [again]
    assert make.session.scalars(select(Overlap)).one().open_since == again


def test_a_change_of_the_pair_forgets_its_acknowledgement_and_its_closing(make: Make) -> None:
    ref, one, other = make.overlap("medium")
    act_on(make, row_of(make, ref), one, actions.acknowledge)
    act_on(make, row_of(make, ref), other, actions.dismiss, why="nothing in it")
    assert row_of(make, ref).closed_at is not None
    make.at += timedelta(days=2)
    by = make.act_as(one)
    with transaction(make.session):
        line = make.session.scalars(select(Entry).where(Entry.unit_id == one.unit_id)).one()
        held: Any = line
        topics = tuple(make.session.scalars(select(EntryTopic.topic_id).where(EntryTopic.entry_id == line.id)))
        draft = PositionDraft(
            title=held.title, text="Another line.", topics=topics, question_id=held.question_id, stance="red_line", reason="x"
        )
        positions.revise(make.session, held, draft, base=1, by=by, at=make.at)
        entries.release(make.session, held, by=by, at=make.at)
    bind_reader(make.session, None)
    row = row_of(make, ref)
    assert (row.state, row.acknowledged_at, row.closed_at, row.reopened_at) == (OverlapState.OPEN, None, None, make.at)


@pytest.mark.parametrize("moment", ["acknowledged_at", "closed_at"])
def test_a_moment_that_is_not_what_was_done_is_found(make: Make, moment: str) -> None:
    make.overlap()
    with bookkeeping(make.session), read_as_system(make.session, "check") as connection:
        connection.execute(update(Overlap.__table__).values({moment: make.at}))
    assert unlike(make.session) != []


def test_a_week_begins_on_monday_where_the_ministry_is() -> None:
    first, last = week_of(date(2026, 3, 29), ZONE)  # the Sunday on which the clock goes forward
    assert (first.date(), last.date()) == (date(2026, 3, 23), date(2026, 3, 30))
    assert (last.timestamp() - first.timestamp()) / 3600 == 7 * 24 - 1
