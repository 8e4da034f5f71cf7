"""A ministry in small: two bureaus with units below, an office, an agency, a firm, and what they hold, sealed and open."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from coordinator.db import bind_reader, transaction
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps import queries as overlap_queries
from coordinator.overlaps.models import Outcome, Overlap, OverlapKind
from coordinator.people.models import Person, Unit

STANCES = ("support", "conditions", "oppose", "red_line", "no_position")


@dataclass
class Ministry:
    """Whom and what there is."""

    units: dict[str, Unit] = field(default_factory=dict)
    officers: dict[str, Person] = field(default_factory=dict)
    topics: list[Any] = field(default_factory=list)
    basket: Any = None
    forums: list[Any] = field(default_factory=list)
    middle: Any = None
    """A topic that touches all others."""
    bare: Any = None
    """A wing of it that nobody is on."""
    leader: Any = None
    plain: Any = None
    """An officer of the office, who is cleared for less than there is."""


@pytest.fixture
def ministry(remember):
    return remember(a_ministry)


def a_ministry(make):
    found = Ministry()
    agency = make.organisation("Trade Department", circle="government", ceiling=1)
    firm = make.organisation("Orrery", circle="country", ceiling=0)
    units = found.units
    units["East"] = make.unit("East", short_name="EAST")
    units["East one"] = make.unit("East one", short_name="E1", under=units["East"])
    units["East two"] = make.unit("East two", short_name="E2", under=units["East"])
    units["Desk"] = make.unit("Desk", short_name="E2D", under=units["East two"])
    units["West"] = make.unit("West", short_name="WEST")
    units["West one"] = make.unit("West one", short_name="W1", under=units["West"])
    units["Office"] = make.unit("Office", short_name="OFF")
    units["Agency"] = make.unit("Agency", short_name="DTD", of=agency)
    units["Firm"] = make.unit("Firm", short_name="OPP", of=firm)
    found.officers = {name: make.officer(unit=unit, clearance=2) for name, unit in units.items()}
    found.leader = make.person(unit=units["East"], roles=("leadership",))
    found.plain = make.person(unit=units["Office"], clearance=1)
    found.basket = make.topic("Data", umbrella=True)
    found.topics = [make.topic(f"Data topic {n}", broader=(found.basket,)) for n in range(2)] + [
        make.topic("Cables"),
        make.topic("Norms"),
    ]
    found.bare = make.topic("Quantum")
    found.middle = make.topic("Cable law", related=(*found.topics, found.bare))
    make.topic("Cable repair", broader=(found.middle,))
    found.forums = [make.forum("Union"), make.forum("Council")]
    _fill(found, make, Random(13))
    _act(found, make, make.session)
    return found


def _fill(found, make, chance):
    sealed = {"by": found.officers["East"], "topics": tuple(t.id for t in found.topics[:2]), "sealed": True}
    questions = [
        make.question(f"Question {n}", topic=chance.choice(found.topics), forum=chance.choice([*found.forums, None]))
        for n in range(6)
    ]
    events = [make.event(forum=forum, in_days=days) for forum, days in zip(found.forums * 2, (3, 20, 60, 300), strict=True)]
    make.position(**sealed, question=questions[0], stance="red_line")
    make.dossier(**sealed, event=events[0])
    held: set[Any] = {("East", questions[0])}
    for n in range(26):
        name = chance.choice(list(found.units))
        topics = tuple(t.id for t in chance.sample([*found.topics, found.basket], chance.randint(1, 3)))
        topics += (found.middle.id,) if n % 3 == 0 else ()
        said = {
            "by": found.officers[name],
            "topics": topics,
            "forum": chance.choice([*found.forums, None, None]),
            "event": chance.choice([*events, None, None]),
            "title": f"Paper {n}",
        }
        if name not in ("Agency", "Firm"):
            said["sealed"] = chance.random() < 0.2
        else:
            said |= {"audience": frozenset({"circle:ministry"}), "level": 0}
        if chance.random() < 0.3:
            make.dossier(**said)
        else:
            question = chance.choice([*questions, None])
            if (name, question) in held:  # a unit holds one line on a question
                question = None
            held.add((name, question))
            make.position(**said, question=question, **({"stance": chance.choice(STANCES)} if question else {}))


def asked_units(overlap):
    return {s.unit_id for s in overlap.sides if s.asked}


def _act(found, make, session):
    """Let some overlaps be acknowledged, settled, dismissed, lapse."""
    for number, name in enumerate(list(found.officers) * 3):
        person = make.act_as(found.officers[name])
        overlaps_seen = overlap_queries.with_company().where(Overlap.kind != OverlapKind.POSSIBLE).order_by(Overlap.id)
        listed = session.scalars(overlaps_seen).all()
        mine = [o for o in listed if person.unit_id in asked_units(o) and o.current and o.closed_as is None]
        if not mine:
            continue
        ref = mine[number % len(mine)].ref
        with transaction(session):
            overlap = overlap_queries.one(session, ref)
            if number % 3 == 0:
                overlaps.acknowledge(session, overlap, by=person, at=make.at)
            elif number % 3 == 1:
                overlaps.settle(session, overlap, statement="One line.", outcome=Outcome.JOINT_LINE, by=person, at=make.at)
            else:
                overlaps.dismiss(session, overlap, why="Nothing.", by=person, at=make.at)
        bind_reader(session, None)
