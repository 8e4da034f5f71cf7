"""Whatever is changed in whatever order: what is kept of each pair is what the rule says of it, looked at from scratch."""

import os
import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import select, true

from coordinator.calendar.models import Event, Instrument, Question
from coordinator.db import read_as_system, touch, transaction
from coordinator.dossiers import actions as dossiers
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries import actions as entries
from coordinator.entries import queries as queries_of_entries
from coordinator.entries.models import Entry, State
from coordinator.errors import Refused
from coordinator.exclusions import actions as exclusions
from coordinator.exclusions.models import Exclusion
from coordinator.exclusions.rules import ExclusionDraft, without
from coordinator.history.actions import record
from coordinator.likeness.queries import views_of
from coordinator.likeness.rules import are_compared, likeness
from coordinator.overlaps import actions, queries
from coordinator.overlaps.models import FAR, Hidden, Overlap, OverlapKind, Side
from coordinator.overlaps.rules import Text, hidden_by, judge, signals, weigh
from coordinator.passages.actions import prepare_unseen
from coordinator.people.models import Person, Unit
from coordinator.people.queries import unit_readers
from coordinator.positions import actions as positions
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft
from coordinator.recompute.actions import recompute, see_unseen
from coordinator.stems import language_of
from coordinator.topics.models import Related, Topic
from coordinator.words.rules import Words, parse, phrases

SEEDS = range(int(os.environ.get("SAME_SET_SEEDS", "4")))
WORDS = {
    "norms": "The framework of responsible state behaviour, the eleven voluntary norms and the register of confidence measures.",
    "training": "Forensic training for incident response teams in the region, with a second course on malware for prosecutors.",
    "cables": "Protection of submarine cables, landing stations and repair vessels against sabotage, with notification of damage.",
}


class World:
    """A small ministry that changes at random, by the actions that people use."""

    def __init__(self, session: Any, make: Any, at: Any, seed: int) -> None:
        self.session, self.make, self.at, self.random = session, make, at, random.Random(seed)
        self.units = [make.unit() for _ in range(4)]
        self.people = [make.officer(unit=u) for u in self.units]
        self.topics = [make.topic() for _ in range(4)]
        self.forum = make.forum()
        self.events = [make.event(forum=self.forum) for _ in range(2)]
        self.questions = [make.question(topic=t) for t in self.topics[:2]]
        self.counterparts = [make.counterpart() for _ in range(2)]
        self.instruments = [make.instrument() for _ in range(2)]
        self.refs: list[tuple[str, Person]] = []
        session.expunge_all()  # a refused change must not take what is known of the world with it

    def act_as(self, person: Person) -> Person:
        by: Person = self.make.act_as(person)
        return by

    def some(self, items: list[Any], most: int = 2) -> tuple[int, ...]:
        return tuple(i.id for i in self.random.sample(items, self.random.randint(0, most)))

    def draft(self) -> PositionDraft | DossierDraft:
        chance = self.random
        words = chance.choice(list(WORDS))
        common: dict[str, Any] = {
            "title": f"On {words} {chance.randint(1, 3)}",
            "text": WORDS[words] if chance.random() < 0.7 else f"{WORDS[words]} {WORDS['norms']}",
            "topics": self.some(self.topics) or (self.topics[0].id,),
            "event_id": chance.choice([None, *(e.id for e in self.events)]),
            "counterparts": self.some(self.counterparts),
            "instruments": self.some(self.instruments),
        }
        if chance.random() < 0.2:
            common |= {"audience": frozenset({f"unit:{chance.choice(self.units).id}"}), "restriction_reason": "a source"}
        if chance.random() < 0.5:
            days = [(self.at.date() + timedelta(days=chance.randint(-5, 60)), "a step") for _ in range(chance.randint(0, 2))]
            return DossierDraft(**common, milestones=tuple(days))
        if chance.random() < 0.7:
            common |= {
                "question_id": chance.choice(self.questions).id,
                "stance": chance.choice(list(Stance)),
                "reason": "because",
            }
            if chance.random() < 0.2:
                common |= {
                    "on_behalf_of_id": chance.choice(self.counterparts).id,
                    "source": "a statement",
                    "said_on": self.at.date(),
                }
        return PositionDraft(**common)

    def log(self) -> None:
        who = self.random.choice(self.people)
        person = self.act_as(who)
        draft = self.draft()
        log: Any = positions.log_position if isinstance(draft, PositionDraft) else dossiers.log_dossier
        with transaction(self.session):
            entry = log(self.session, draft, unit=person.unit, by=person, at=self.at, on=self.at.date())
        self.refs.append((entry.ref, who))
        if self.random.random() < 0.85:
            self.release(entry.ref, who)

    def release(self, ref: str, person: Person) -> None:
        self.try_to(ref, person, lambda entry, by: entries.release(self.session, entry, by=by, at=self.at))

    def revise(self) -> None:
        if not self.refs:
            return
        ref, person = self.random.choice(self.refs)
        draft = self.draft()

        def act(entry: Entry, by: Person) -> None:
            kind = PositionDraft if entry.kind == "position" else DossierDraft
            shared = {
                f: getattr(draft, f) for f in ("title", "text", "topics", "event_id", "counterparts", "instruments", "audience")
            }
            extra = {"restriction_reason": draft.restriction_reason}
            if isinstance(draft, PositionDraft) and kind is PositionDraft:
                names = ("question_id", "stance", "reason", "on_behalf_of_id", "source", "said_on")
                extra |= {name: getattr(draft, name) for name in names}
            entries.revise(self.session, entry, kind(**shared, **extra), base=entry.newest_version, by=by, at=self.at)
            if self.random.random() < 0.8:
                entries.release(self.session, entry, by=by, at=self.at)

        self.try_to(ref, person, act)

    def withdraw(self) -> None:
        if self.refs:
            ref, person = self.random.choice(self.refs)
            self.try_to(ref, person, lambda entry, by: entries.withdraw(self.session, entry, why="over", by=by, at=self.at))

    def try_to(self, ref: str, person: Person, act: Any) -> None:
        by = self.act_as(person)
        entry = queries_of_entries.one(self.session, ref)
        try:
            with transaction(self.session):
                act(entry, by)
        except Refused:
            pass  # a change that the product refuses changes nothing, and that is part of what is tested

    def mark_umbrella(self) -> None:
        with transaction(self.session):
            topic = self.session.get_one(Topic, self.random.choice(self.topics).id)
            topic.umbrella = not topic.umbrella
            self.recorded("topic", topic.id)

    def relate(self) -> None:
        low, high = sorted(t.id for t in self.random.sample(self.topics, 2))
        with transaction(self.session):
            edge = self.session.get(Related, (low, high))
            if edge is None:
                self.session.add(Related(low_id=low, high_id=high))
            else:
                self.session.delete(edge)
            self.recorded("topic", low, high)

    def move_event(self) -> None:
        with transaction(self.session):
            event = self.session.get_one(Event, self.random.choice(self.events).id)
            event.starts_on = self.at.date() + timedelta(days=self.random.randint(1, 90))
            event.ends_on = event.starts_on + timedelta(days=2)
            event.past = self.random.random() < 0.2
            self.recorded("event", event.id)

    def rename(self) -> None:
        with transaction(self.session):
            question = self.session.get_one(Question, self.random.choice(self.questions).id)
            question.text = f"A question put anew, {self.random.random()}"
            self.recorded("question", question.id)

    def rename_instrument(self) -> None:
        with transaction(self.session):
            instrument = self.session.get_one(Instrument, self.random.choice(self.instruments).id)
            instrument.name = f"An instrument by another name, {self.random.random()}"
            self.recorded("instrument", instrument.id)

    def acknowledge(self) -> None:
        person = self.act_as(self.random.choice(self.people))
        overlaps = self.session.scalars(select(Overlap).where(Overlap.current).order_by(Overlap.id)).all()
        mine = [o for o in overlaps if person.unit_id in {o.low_unit_id, o.high_unit_id}]
        if not mine:
            return
        overlap = self.random.choice(mine)
        try:
            with transaction(self.session):
                if self.random.random() < 0.5:
                    actions.acknowledge(self.session, overlap, by=person, at=self.at)
                else:
                    actions.dismiss(self.session, overlap, why="nothing in it", by=person, at=self.at)
        except Refused:
            pass

    def exclude(self) -> None:
        """Exclude a pair, two units on a topic, or a phrase; or end one of these, or let the days of some go by."""
        by, chance = self.act_as(self.random.choice(self.people)), self.random
        until = self.at.date() + timedelta(days=chance.choice([0, 30]))
        how: dict[str, Any] = {"by": by, "at": self.at, "on": self.at.date()}
        draft = ExclusionDraft("we know", until)
        seen = self.session.scalars(select(Entry).where(Entry.state == State.RELEASED).order_by(Entry.id)).all()
        standing = self.session.scalars(select(Exclusion).where(Exclusion.ended_at.is_(None)).order_by(Exclusion.id)).all()
        what = chance.choice(["pair", "flagged", "flagged", "units", "phrase", "end", "lapse"])
        flagged = self.session.scalars(select(Overlap).where(Overlap.current).order_by(Overlap.id)).all()
        try:
            with transaction(self.session):
                if what == "pair" and len(seen) > 1:
                    exclusions.exclude_pair(self.session, *chance.sample(list(seen), 2), draft, **how)
                elif what == "flagged" and flagged:
                    pair = chance.choice(list(flagged))
                    ends = [self.session.get_one(Entry, i) for i in (pair.low_id, pair.high_id)]
                    exclusions.exclude_pair(self.session, *ends, draft, **how)
                elif what == "units":
                    units = [self.session.get_one(Unit, u.id) for u in chance.sample(self.units, 2)]
                    topic = self.session.get_one(Topic, chance.choice(self.topics).id)
                    exclusions.exclude_units(self.session, *units, topic, draft, **how)
                elif what == "phrase":
                    phrase = " ".join(WORDS[chance.choice(list(WORDS))].split()[2:6])
                    exclusions.exclude_phrase(self.session, phrase, draft, unit=by.unit, **how)
                elif what == "end" and standing:
                    exclusions.end(self.session, chance.choice(list(standing)), by=by, at=self.at)
                elif what == "lapse":
                    exclusions.lapse(self.session, on=self.at.date() + timedelta(days=1), at=self.at)
        except Refused:
            pass

    def let_the_job_see(self) -> None:
        """Encode what a change left to the job: a phrase may stand in more texts than are encoded inside a save."""
        while ids := prepare_unseen(self.session, most=50):
            with transaction(self.session):
                see_unseen(self.session, ids, at=self.at)

    def recorded(self, kind: str, *ids: int) -> None:
        touch(self.session, kind, *ids)
        record(self.session, f"{kind}.changed", subject=(kind, ids[0]), by=None, at=self.at)

    def change(self) -> None:
        acts = [self.log] * 5 + [self.revise] * 3 + [self.withdraw, self.mark_umbrella, self.relate, self.move_event]
        self.random.choice([*acts, self.rename, self.rename_instrument, self.acknowledge, self.acknowledge, *[self.exclude] * 4])()


def kept(session: Any) -> dict[tuple[int, int], tuple[Any, ...]]:
    """What the tables hold of the current pairs."""
    with read_as_system(session, "check") as connection:
        overlap, side = Overlap.__table__, Side.__table__
        sides: dict[int, set[tuple[int, bool]]] = {}
        for row in connection.execute(select(side.c.overlap_id, side.c.unit_id, side.c.asked)):
            sides.setdefault(row.overlap_id, set()).add((row.unit_id, row.asked))
        rows = connection.execute(select(overlap).where(overlap.c.current)).all()
        return {
            (r.low_id, r.high_id): (r.kind, r.severity, r.score, r.reasons, r.fingerprint, r.near_on, frozenset(sides[r.id]))
            for r in rows
        }


def kept_hidden(session: Any) -> dict[tuple[int, int], tuple[Any, ...]]:
    """What the tables hold of the pairs that exclusions hide."""
    with read_as_system(session, "check") as connection:
        found: dict[tuple[int, int], Any] = {}
        for row in connection.execute(select(Hidden.__table__).order_by(Hidden.__table__.c.exclusion_id)):
            ids = found.get((row.low_id, row.high_id), ((), None, None))[0]
            found[row.low_id, row.high_id] = ((*ids, row.exclusion_id), row.kind, row.severity)
        return found


def words_from_scratch(session: Any) -> dict[int, Words]:
    """What is compared of every released text: parsed anew, without the phrases that its unit leaves out."""
    entry = Entry.__table__
    with read_as_system(session, "check") as connection:
        rows = connection.execute(select(entry).where(entry.c.state == State.RELEASED)).all()
        phrases = connection.execute(
            select(Exclusion.__table__.c.unit_id, Exclusion.__table__.c.phrase).where(
                Exclusion.__table__.c.ended_at.is_(None), Exclusion.__table__.c.kind == "phrase"
            )
        ).all()
    left_out = {row.id: [p for unit_id, p in phrases if unit_id == row.unit_id] for row in rows}
    bare = {r.id: (without(r.title, left_out[r.id]), without(r.text, left_out[r.id])) for r in rows}
    return {r.id: parse(*bare[r.id], language_of(*bare[r.id], r.language)) for r in rows}


def from_scratch(
    session: Any, acted: set[tuple[int, int]], hidden: dict[tuple[int, int], tuple[Any, ...]] | None = None
) -> dict[tuple[int, int], tuple[Any, ...]]:
    """What the rule says of every pair of released entries, one by one, without candidates or sets; notes what is `hidden`."""
    with read_as_system(session, "check") as connection:
        entry = Entry.__table__
        ids = list(connection.scalars(select(entry.c.id).where(entry.c.state == State.RELEASED).order_by(entry.c.id)))
        known, floors = queries.vocabulary(connection), queries.floors()
        facts = queries.facts(connection, ids, actions._digests(connection, ids))
        known = queries.with_questions(connection, known, facts.values())
        views, said, audiences = views_of(connection, ids), queries.texts(connection, ids), queries.audiences(connection, ids)
        readers = unit_readers(session, {f.unit_id for f in facts.values()})
    assert {i: seen.words for i, seen in views.items()} == words_from_scratch(session)
    found = {}
    for low, high in combinations(ids, 2):
        a, b = facts[low], facts[high]
        if a.unit_id == b.unit_id:
            continue
        text, bare = Text(), signals(a, b, known, Text())
        beside = bool(bare.topics or bare.related or bare.counterparts or bare.instruments or bare.forum_id is not None)
        if are_compared(views[low], views[high], beside=beside):
            like = likeness(views[low], views[high])
            if like.score >= min(floors.possible, floors.duplication):
                text = actions.as_text(like, phrases(*said[low][:2], *said[high][:2], said[low][2]))
        seen = signals(a, b, known, text)
        finding = judge(seen, known, floors)
        weighed = weigh(seen, known, floors)
        if hidden is not None and finding is None and weighed is not None and weighed.kind is not OverlapKind.CONTACT:
            hidden[low, high] = (tuple(sorted(hidden_by(seen, weighed))), weighed.kind, weighed.severity)
        if finding is None or (finding.kind is OverlapKind.CONTACT and (low, high) not in acted):
            continue
        asked = frozenset(
            (u, all(readers[u].level >= audiences[i][0] and readers[u].tokens & audiences[i][1] for i in (low, high)))
            for u in (a.unit_id, b.unit_id)
        )
        near = min((*a.dates, *b.dates), default=FAR)
        found[low, high] = (
            finding.kind,
            finding.severity,
            finding.score,
            list(finding.reasons),
            finding.fingerprint,
            near,
            frozenset((u, bool(x)) for u, x in asked),
        )
    return found


def acted_on(session: Any) -> set[tuple[int, int]]:
    with read_as_system(session, "check") as connection:
        return actions._acted(actions.standing_where(connection, true()))


@pytest.fixture(params=SEEDS, ids=lambda s: f"seed {s}")
def world(request: Any, session: Any, make: Any, at: Any) -> Iterator[World]:
    return World(session, make, at, request.param)


def test_what_is_kept_is_what_a_look_from_scratch_finds(world):
    seen: set[OverlapKind] = set()
    apart: set[tuple[int, int]] = set()
    for number in range(1, 61):
        world.change()
        apart |= kept_hidden(world.session).keys()
        if number % 12:
            continue
        world.let_the_job_see()
        standing, hidden = kept(world.session), dict[tuple[int, int], tuple[Any, ...]]()
        assert standing == from_scratch(world.session, acted_on(world.session), hidden)
        assert kept_hidden(world.session) == hidden
        seen |= {row[0] for row in standing.values()}
        found = recompute(world.session, at=world.at, size=7)  # in small parts, so that pairs lie across them
        assert found is not None
        assert found.changed == 0
    assert len(seen) >= 2  # a world in which nothing happens would agree with anything
    assert apart


def test_a_change_too_large_for_its_save_is_caught_up_by_the_job(session, make, at):
    world = World(session, make, at, seed=3)
    for _ in range(25):
        world.log()
    with transaction(session):
        topic = session.get_one(Topic, world.topics[0].id)
        topic.umbrella = True
        record(session, "topic.changed", subject=("topic", topic.id), by=None, at=at)
        change = session.info["change"]
        touch(session, "topic", topic.id)
        actions.follow(session, change, inline=2)
        change.touched.clear()  # what the connected hook would do with its own, larger limit
    with transaction(session):
        while actions.catch_up(session, at=at, most=4):
            pass
    assert kept(session) == from_scratch(session, acted_on(session))
