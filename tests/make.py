"""Things for tests: one short word each, defaults for all the rest. Everything is really committed, through the actions."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from coordinator.calendar import actions as calendar
from coordinator.calendar.models import Counterpart, CounterpartKind, Event, Forum, Instrument, InstrumentKind, Question
from coordinator.calendar.rules import CounterpartDraft, EventDraft, ForumDraft, InstrumentDraft, QuestionDraft
from coordinator.db import bind_reader, bookkeeping, transaction
from coordinator.deputies import actions as deputies
from coordinator.deputies.models import Deputy
from coordinator.deputies.rules import DeputyDraft
from coordinator.dossiers import actions as dossiers
from coordinator.dossiers.models import Dossier
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries import actions as entries
from coordinator.entries.models import Entry
from coordinator.exchange.actions import stage
from coordinator.exchange.models import Staged
from coordinator.exchange.rules import Outcome, Upload
from coordinator.exclusions import actions as exclusions
from coordinator.exclusions.models import Exclusion
from coordinator.exclusions.rules import ExclusionDraft
from coordinator.gaps import actions as gaps
from coordinator.gaps import queries as gap_queries
from coordinator.gaps.models import Asked, GapKind, Known
from coordinator.gaps.rules import Gap, key_of
from coordinator.holidays import actions as holidays
from coordinator.holidays.models import UnitHoliday
from coordinator.holidays.rules import Day
from coordinator.intake.actions import bring_in as bring_in_entries
from coordinator.intake.rules import column_names as intake_columns
from coordinator.lists.actions import bring_in
from coordinator.lists.rules import ListKind, column_names
from coordinator.overlaps.models import Overlap
from coordinator.people import actions as people
from coordinator.people import queries
from coordinator.people.models import Circle, Group, Organisation, Person, Role, Unit
from coordinator.people.rules import OrganisationDraft, PersonDraft, Reader, UnitDraft
from coordinator.positions import actions as positions
from coordinator.positions.models import Position, Stance
from coordinator.positions.rules import PositionDraft
from coordinator.sheets import read
from coordinator.topics import actions as topics
from coordinator.topics.models import Equity, Stake, Topic
from coordinator.topics.rules import EquityDraft, TopicDraft

Thing = TypeVar("Thing")


@dataclass
class Numbers:
    """Counts from one."""

    last: int = 0

    def __next__(self) -> int:
        self.last += 1
        return self.last


class Make:
    """Makes one thing per call; what is not said is made or chosen."""

    def __init__(self, session: Session, at: datetime) -> None:
        self.session, self.at = session, at
        self._numbers = Numbers()
        self._ministry: Organisation | None = None

    @property
    def today(self) -> date:
        """The day of the fixed moment."""
        return self.at.date()

    def _read(self, thing: Thing) -> Thing:
        self.session.commit()  # ends the reading, so that what is asked next is as fresh as on the other database
        return thing

    def ministry(self) -> Organisation:
        """Return the ministry: the one organisation that everything belongs to unless said otherwise."""
        if self._ministry is None:
            self._ministry = self.organisation("The Ministry", circle="ministry", ceiling=2)
        return self._ministry

    def organisation(self, name: str | None = None, *, circle: str = "ministry", ceiling: int = 2) -> Organisation:
        name = name or f"Organisation {next(self._numbers)}"
        with transaction(self.session):
            draft = OrganisationDraft(name=name, short_name=name[:40], circle=Circle(circle), ceiling=ceiling)
            return people.add_organisation(self.session, draft, by=None, at=self.at)

    def unit(self, name: str | None = None, *, of: Organisation | None = None, under: Unit | None = None, **said: Any) -> Unit:
        number = next(self._numbers)
        name = name or f"Unit {number}"
        home = under.organisation_id if under else (of or self.ministry()).id
        draft = UnitDraft(
            organisation_id=home,
            name=name,
            short_name=said.pop("short_name", None) or f"U{number}",
            parent_id=under.id if under else None,
            **said,
        )
        with transaction(self.session):
            made = people.add_unit(self.session, draft, by=None, at=self.at)
        return self._read(queries.unit(self.session, made.ref))

    def holiday(self, unit: Unit, day: date | None = None, name: str = "Founding Day") -> UnitHoliday:
        """Close a unit, and those below it, for a day."""
        day = day or self.today
        with transaction(self.session):
            holidays.add(self.session, unit, [Day(day, name)], by=None, at=self.at)
            kept = UnitHoliday.unit_id == unit.id, UnitHoliday.day == day
            return self.session.scalars(select(UnitHoliday).where(*kept)).one()

    def group(self, name: str | None = None) -> Group:
        with transaction(self.session):
            return people.add_group(self.session, name or f"Group {next(self._numbers)}", by=None, at=self.at)

    def person(
        self,
        name: str | None = None,
        *,
        unit: Unit | None = None,
        roles: Iterable[str] = ("officer",),
        clearance: int = 2,
        groups: Iterable[Group] = (),
        email: str | None = None,
        password: str | None = None,
    ) -> Person:
        number = next(self._numbers)
        draft = PersonDraft(
            name=name or f"Person {number}",
            email=email or f"person{number}@ministry.example",
            unit_id=(unit or self.unit()).id,
            roles=frozenset(Role(role) for role in roles),
            clearance=clearance,
            time_zone="Europe/Vienna",
            group_ids=frozenset(g.id for g in groups),
        )
        with transaction(self.session):
            made = people.add_person(self.session, draft, by=None, at=self.at)
            if password is not None:
                hashed = people.hasher(1, 1024).hash(password)
                people.set_password(self.session, made, hashed, by=made, at=self.at)
        return self._read(queries.person(self.session, made.ref))

    def deputy(self, person: Person, deputy: Person, *, from_on: date | None = None, until_on: date | None = None) -> Deputy:
        draft = DeputyDraft(deputy_id=deputy.id, from_on=from_on or self.today, until_on=until_on)
        with transaction(self.session):
            return deputies.name(self.session, person, draft, by=None, at=self.at)

    def retire(self, person: Person) -> None:
        """Take all roles from a person."""
        draft = PersonDraft(person.name, person.email, person.unit_id, frozenset(), person.clearance, person.time_zone)
        with transaction(self.session):
            people.revise_person(self.session, self.session.get_one(Person, person.id), draft, by=None, at=self.at)

    def topic(
        self,
        name: str | None = None,
        *,
        key: str | None = None,
        broader: Iterable[Topic] = (),
        related: Iterable[Topic] = (),
        aliases: Iterable[str] = (),
        umbrella: bool = False,
    ) -> Topic:
        name = name or f"Topic {next(self._numbers)}"
        with transaction(self.session):
            made = topics.add(
                self.session,
                TopicDraft(name=name, key=key, umbrella=umbrella, broader_ids=frozenset(t.id for t in broader)),
                by=None,
                at=self.at,
            )
            for other in related:
                topics.relate(self.session, made, other, by=None, at=self.at)
            for alias in aliases:
                topics.add_alias(self.session, made, alias, language="en", by=None, at=self.at)
        return made

    def equity(
        self, unit: Unit, topic: Topic, stake: str = "lead", *, from_on: date | None = None, until_on: date | None = None
    ) -> Equity:
        draft = EquityDraft(unit_id=unit.id, stake=Stake(stake), from_on=from_on or date(2026, 1, 1), until_on=until_on)
        with transaction(self.session):
            return topics.give_equity(self.session, topic, draft, by=None, at=self.at)

    def forum(self, name: str | None = None, *, aliases: Iterable[str] = ()) -> Forum:
        name = name or f"Forum {next(self._numbers)}"
        with transaction(self.session):
            draft = ForumDraft(name=name, short_name=name[:60], aliases=tuple(aliases))
            return calendar.add_forum(self.session, draft, by=None, at=self.at)

    def event(
        self,
        name: str | None = None,
        *,
        forum: Forum | None = None,
        in_days: int = 9,
        days: int = 1,
        place: str = "Geneva",
        aliases: Iterable[str] = (),
    ) -> Event:
        """Make an event that starts so many days from the fixed moment and lasts `days`."""
        starts = self.today + timedelta(days=in_days)
        draft = EventDraft(
            forum_id=(forum or self.forum()).id,
            name=name or f"Session {next(self._numbers)}",
            place=place,
            starts_on=starts,
            ends_on=starts + timedelta(days=days - 1),
            aliases=tuple(aliases),
        )
        with transaction(self.session):
            return calendar.add_event(self.session, draft, by=None, at=self.at)

    def question(self, text: str | None = None, *, topic: Topic | None = None, forum: Forum | None = None) -> Question:
        draft = QuestionDraft(
            text=text or f"Question {next(self._numbers)}?",
            topic_id=(topic or self.topic()).id,
            forum_id=forum.id if forum else None,
        )
        with transaction(self.session):
            return calendar.add_question(self.session, draft, by=None, at=self.at)

    def counterpart(self, name: str | None = None, *, kind: str = "country", code: str | None = None) -> Counterpart:
        draft = CounterpartDraft(name=name or f"Country {next(self._numbers)}", kind=CounterpartKind(kind), code=code)
        with transaction(self.session):
            return calendar.add_counterpart(self.session, draft, by=None, at=self.at)

    def instrument(self, name: str | None = None, *, kind: str = "treaty", **said: Any) -> Instrument:
        name = name or f"Treaty {next(self._numbers)}"
        draft = InstrumentDraft(name=name, short_name=said.pop("short_name", name[:60]), kind=InstrumentKind(kind), **said)
        with transaction(self.session):
            return calendar.add_instrument(self.session, draft, by=None, at=self.at)

    # --- entries

    def officer(self, *, unit: Unit | None = None, **said: Any) -> Person:
        """Somebody who writes and releases for a unit."""
        return self.person(unit=unit, roles=("officer", "releasing_officer"), **said)

    def act_as(self, person: Person) -> Person:
        """Bind the session to a person and return that person as the one who acts."""
        bind_reader(self.session, queries.reader_of(self.session, queries.person(self.session, person.ref)))
        return queries.person(self.session, person.ref)

    def position(self, *, by: Person | None = None, released: bool = True, **said: Any) -> Position:
        """Make a position of a person's unit; released unless said otherwise. Afterwards nobody is bound to the session."""
        return self._entry(positions.log_position, PositionDraft, by, released, said)

    def dossier(self, *, by: Person | None = None, released: bool = True, **said: Any) -> Dossier:
        """Make a dossier of a person's unit; released unless said otherwise. Afterwards nobody is bound to the session."""
        return self._entry(dossiers.log_dossier, DossierDraft, by, released, said)

    def _entry(self, log: Any, kind: Any, by: Person | None, released: bool, said: dict[str, Any]) -> Any:
        number = next(self._numbers)
        person = self.act_as(by or self.officer())
        fields: dict[str, Any] = {"title": f"Entry {number}", "text": f"What we say, number {number}."}
        how = {name: said.pop(name) for name in ("supersedes", "offer") if name in said}
        if said.pop("sealed", False):  # seen by the own unit only
            fields |= {"level": 2, "audience": frozenset({f"unit:{person.unit_id}"}), "restriction_reason": "a source at risk"}
        for name in ("question", "event", "forum"):
            if (thing := said.pop(name, None)) is not None:
                fields[f"{name}_id"] = thing.id
        if (topic := said.pop("topic", None)) is not None:
            fields["topics"] = (topic.id,)
        fields |= said
        if fields.get("question_id"):
            fields["stance"] = Stance(fields.get("stance", "support"))
            fields.setdefault("reason", "for a reason that is written down")
        with transaction(self.session):
            made = log(self.session, kind(**fields), unit=person.unit, by=person, at=self.at, on=self.today, **how)
            if released:
                entries.release(self.session, made, by=None, at=self.at)
        bind_reader(self.session, None)
        return made

    def asked(self, entry: Any, unit: Unit, *, by: Person, on: date | None = None, note: str = "") -> Asked:
        """Say that a unit was asked about an entry of a person's unit."""
        person = self.act_as(by)
        with transaction(self.session):
            row = gaps.ask(
                self.session,
                self.session.get_one(Entry, entry.id),
                unit_id=unit.id,
                asked_on=on or self.today,
                note=note,
                by=person,
                at=self.at,
                on=self.today,
            )
        found = self.session.scalars(select(Asked).where(Asked.id == row.id).options(joinedload(Asked.unit))).one()
        bind_reader(self.session, None)
        return found

    def gaps(self, person: Person, **narrowed: Any) -> list[Gap]:
        """Return the gaps that a person sees, known ones too unless said otherwise; nobody stays bound to the session."""
        self.act_as(person)
        filters = gap_queries.Filters(**{"known": None, **narrowed})
        found = gap_queries.listed(self.session, self.reader(person), filters, on=self.today, size=500).gaps
        bind_reader(self.session, None)
        return list(found)

    def excluded(self, one: Entry, other: Entry, *, by: Person, reason: str = "We know of each other") -> Exclusion:
        """Exclude a pair of entries for a month; nobody stays bound to the session."""
        person, draft = self.act_as(by), ExclusionDraft(reason, self.today + timedelta(days=30))
        with transaction(self.session):
            made = exclusions.exclude_pair(self.session, one, other, draft, by=person, at=self.at, on=self.today)
        bind_reader(self.session, None)
        return made

    def known(
        self, kind: str, thing: Any, *, by: Person, unit: Unit | None = None, why: str = "it is agreed", days: int = 14
    ) -> Known:
        """Say that a gap of a thing is known, so many days long."""
        person = self.act_as(by)
        key = key_of(GapKind(kind), thing.id, *([unit.id] if unit is not None else []))
        with transaction(self.session):
            filters = gap_queries.Filters(known=None)
            listed = gap_queries.listed(self.session, self.reader(by), filters, on=self.today, size=500).gaps
            gap = next(g for g in listed if g.key == key)
            until = self.today + timedelta(days=days)
            made = gaps.know(self.session, gap, why=why, until_on=until, by=person, at=self.at, on=self.today)
        bind_reader(self.session, None)
        return made

    def upload(self, by: Person, kind: str, text: str, *, then: str = "draft") -> Staged:
        """Make a file of rows that a person uploaded for a list, or of entries for their unit, and has not confirmed."""
        of_unit = kind == "entries"
        table = read(text.encode(), known=intake_columns() if of_unit else column_names(ListKind(kind)), needed=())
        outcomes: list[Outcome] = []
        self.session.commit()
        with Session(self.session.get_bind(), expire_on_commit=False) as own:  # a trial: nothing of it stays in the test's session
            person = queries.person(own, by.ref)
            bind_reader(own, queries.reader_of(own, person))
            person = queries.person(own, by.ref)
            with suppress(KeyboardInterrupt), transaction(own):
                if of_unit:
                    how = {"by": person, "at": self.at, "on": self.today, "highest": 2, "offer": then == "offer", "file": "rows"}
                    outcomes = bring_in_entries(own, table.lines, **how).outcomes
                else:
                    how = {"by": person, "at": self.at, "time_zone": "Europe/Vienna"}
                    outcomes = bring_in(own, ListKind(kind), table.lines, **how).outcomes
                raise KeyboardInterrupt
            upload = Upload(kind, "rows.csv", "0" * 64, table, {"then": then, "level": "1"})
            with bookkeeping(own):
                return stage(own, upload, outcomes, by=by, at=self.at)

    def overlap(self, severity: str = "critical") -> tuple[str, Person, Person]:
        """Make a conflict of two units on one question; return its ref and an officer of each unit."""
        topic = self.topic()
        question = self.question(topic=topic)
        stances = {"critical": ("support", "red_line"), "high": ("support", "oppose"), "medium": ("conditions", "oppose")}
        one, other = self.officer(), self.officer()
        for person, stance in zip((one, other), stances[severity], strict=True):
            self.position(by=person, topic=topic, question=question, stance=stance)
        self.act_as(one)
        ref = self.session.scalars(select(Overlap.ref).order_by(Overlap.id.desc())).first()
        bind_reader(self.session, None)
        assert ref is not None
        return ref, one, other

    def exclusion(self, one: Unit, other: Unit, topic: Topic, *, by: Person, days: int = 30) -> Exclusion:
        """Exclude two units on a topic for so many days. Afterwards nobody is bound to the session."""
        person = self.act_as(by)
        draft = ExclusionDraft("They know of each other", self.today + timedelta(days=days))
        with transaction(self.session):
            made = exclusions.exclude_units(self.session, one, other, topic, draft, by=person, at=self.at, on=self.today)
        bind_reader(self.session, None)
        return made

    def reader(self, person: Person) -> Reader:
        """Return a person as the register sees them."""
        return queries.reader_of(self.session, queries.person(self.session, person.ref))
