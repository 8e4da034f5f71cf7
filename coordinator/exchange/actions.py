"""Taking rows of a file into the register."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from babel import Locale
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from coordinator.calendar import actions as calendar
from coordinator.calendar.models import CounterpartKind
from coordinator.calendar.rules import CounterpartDraft, ForumDraft, QuestionDraft
from coordinator.dossiers import actions as dossiers
from coordinator.dossiers.models import Dossier
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries import actions as entries
from coordinator.entries import queries as entry_queries
from coordinator.entries.models import Entry, EntrySource, EntryVersion, State
from coordinator.entries.rules import Draft, audience_tokens, same_content
from coordinator.errors import N_, Refused
from coordinator.exchange import queries
from coordinator.exchange.models import Staged
from coordinator.exchange.rules import (
    WITHDRAWN,
    BadRow,
    Did,
    Outcome,
    Row,
    Taken,
    Unknown,
    Upload,
    cut,
    keeping,
    outcomes_digest,
    rows_kept,
    short_name,
)
from coordinator.history.actions import record
from coordinator.people.actions import add_organisation, add_unit
from coordinator.people.models import Circle, Organisation, Person, Unit
from coordinator.people.queries import organisation_named
from coordinator.people.rules import OrganisationDraft, UnitDraft, comparable
from coordinator.positions import actions as positions
from coordinator.positions.models import Position
from coordinator.positions.rules import PositionDraft
from coordinator.topics import actions as topics
from coordinator.topics.rules import TopicDraft

TRIES = 3  # a dossier's code is drawn by lot, and may be taken


@dataclass(frozen=True)
class Importer:
    """Who an import reads as: the units that it writes for, all of what they see, and nothing else."""

    unit_ids: frozenset[int]
    level: int = 2

    @property
    def tokens(self) -> frozenset[str]:
        """Return the tokens of those units."""
        return frozenset(f"unit:{i}" for i in self.unit_ids)


# --- what a file names and is not there yet ----------------------------------------------------------------------------


def make_named(session: Session, rows: Sequence[tuple[Row, Sequence[Unknown]]], *, organisation: str | None, at: datetime) -> None:
    """Make what rows name and nobody knows; units under an organisation, questions on their row's first topic.

    An organisation that is not there yet is made in the ministry's circle.
    """
    unknown = {(u.kind, u.key): (u, row) for row, names in rows for u in names}
    if organisation:
        _make_units(session, {key: u.name for (kind, key), (u, _) in unknown.items() if kind == "unit"}, organisation, at=at)
    for kind, make in (("topic", _make_topic), ("forum", _make_forum), ("counterpart", _make_counterpart)):
        for one in sorted((u for (k, _), (u, _) in unknown.items() if k == kind), key=lambda u: u.key):
            make(session, one.name, at=at)
    asked = {u.name: row for (kind, _), (u, row) in unknown.items() if kind == "question"}
    if asked:
        session.flush()
        known = queries.known(session)
        for text, row in sorted(asked.items()):
            draft = QuestionDraft(
                text=text,
                topic_id=known.topic[comparable(row.topics[0])],
                forum_id=known.forum[comparable(row.forum)] if row.forum else None,
            )
            calendar.add_question(session, draft, by=None, at=at)


def _make_topic(session: Session, name: str, *, at: datetime) -> None:
    topics.add(session, TopicDraft(name=name), by=None, at=at)


def _make_forum(session: Session, name: str, *, at: datetime) -> None:
    calendar.add_forum(session, ForumDraft(name=name, short_name=cut(name, 60)), by=None, at=at)


def _make_counterpart(session: Session, name: str, *, at: datetime) -> None:
    kind = CounterpartKind.COUNTRY if comparable(name) in countries() else CounterpartKind.ORGANISATION
    calendar.add_counterpart(
        session, CounterpartDraft(name=name, kind=kind, code=countries().get(comparable(name))), by=None, at=at
    )


@lru_cache
def countries() -> dict[str, str]:
    """Return the ISO 3166 codes of countries by their English names, as names are compared."""
    return {comparable(name): code for code, name in Locale("en").territories.items() if len(code) == 2 and code.isalpha()}


def _make_units(session: Session, names: dict[str, str], organisation: str, *, at: datetime) -> None:
    if not names:
        return
    home = organisation_named(session, organisation) or _make_organisation(session, organisation, at=at)
    used = queries.short_names(session, home.id)
    for key, name in sorted(names.items()):
        short = short_name(name, used)
        add_unit(session, UnitDraft(organisation_id=home.id, name=name, short_name=short), by=None, at=at)
        used |= {key, comparable(short)}


def _make_organisation(session: Session, name: str, *, at: datetime) -> Organisation:
    draft = OrganisationDraft(name=name, short_name=cut(name, 40), circle=Circle.MINISTRY, ceiling=2)
    return add_organisation(session, draft, by=None, at=at)


# --- rows --------------------------------------------------------------------------------------------------------------


def take(session: Session, rows: Sequence[Taken], *, source: str, at: datetime, today: date) -> list[Outcome]:
    """Take some rows of a source, each by itself: one that is refused leaves the others as they are.

    The session is bound to an Importer for the units of these rows. A row whose digest is the one last taken changes nothing.
    """
    before = queries.taken_before(session, source, (r.row.id for r in rows))
    units = {u.id: u for u in session.scalars(select(Unit).where(Unit.id.in_(sorted({r.unit_id for r in rows}))))}
    outcomes = []
    for one in rows:
        known = before.get(one.row.id)
        if known is not None and known[2] == one.row.digest:
            outcomes.append(Outcome(one.row.line, Did.UNCHANGED))
            continue
        try:
            entry_id, did = _take_one(session, one, units[one.unit_id], known, source=source, at=at, today=today)
            before[one.row.id] = (entry_id, one.unit_id, one.row.digest)
            outcomes.append(Outcome(one.row.line, did))
        except BadRow as bad:
            outcomes.append(Outcome(one.row.line, Did.BAD, bad.said))
        except Refused as refusal:
            outcomes.append(Outcome(one.row.line, Did.BAD, (refusal.sentence, {})))
    return outcomes


def _take_one(
    session: Session, one: Taken, unit: Unit, known: tuple[int, int, str] | None, *, source: str, at: datetime, today: date
) -> tuple[int, Did]:
    if known is not None and known[1] != one.unit_id:
        raise BadRow(N_("“%(id)s” was imported for another unit, and an entry does not move"), id=one.row.id)
    for tries_left in reversed(range(TRIES)):
        try:
            with session.begin_nested():
                if known is None:
                    return _log(session, one, unit, source=source, at=at, today=today), Did.NEW
                return known[0], _renew(session, one, known[0], source=source, at=at)
        except IntegrityError:
            if not tries_left:
                raise BadRow(N_("the database refuses it beside what is there already")) from None
    raise AssertionError("unreachable")


def _log(session: Session, one: Taken, unit: Unit, *, source: str, at: datetime, today: date) -> int:
    on = one.row.day or today
    entry: Entry
    if isinstance(one.draft, PositionDraft):
        entry = positions.log_position(session, one.draft, unit=unit, by=None, at=at, on=on)
    else:
        entry = dossiers.log_dossier(session, one.draft, unit=unit, by=None, at=at, on=on)
    note_source(session, entry, source=source, external_id=one.row.id, digest=one.row.digest)
    _record(session, entry, one, source=source, at=at)
    _bring_to(session, entry, one.row.state, at=at)
    return entry.id


def note_source(session: Session, entry: Entry, *, source: str, external_id: str, digest: str) -> None:
    """Keep where an entry came from; raises IntegrityError if the source had that id for another entry."""
    session.add(EntrySource(entry_id=entry.id, source=source, external_id=external_id, digest=digest))
    session.flush()


def _renew(session: Session, one: Taken, entry_id: int, *, source: str, at: datetime) -> Did:
    entry = session.scalars(select(Entry).where(Entry.id == entry_id)).one_or_none()
    if entry is None:
        raise BadRow(N_("the entry that was imported under this id is closed to its own unit"))
    if entry.kind != one.row.kind:
        raise BadRow(N_("“%(id)s” was imported as a %(kind)s, and an entry stays what it is"), id=one.row.id, kind=entry.kind.value)
    version = entry_queries.version(session, entry, entry.newest_version)
    did = Did.UNCHANGED
    draft = keeping(one.draft, version.content)
    if not _says(session, entry, version, draft):
        _revise(session, entry, draft, at=at)
        did = Did.CHANGED
    if one.row.state != entry.state or did is Did.CHANGED:
        _bring_to(session, entry, one.row.state, at=at)
    row = session.scalars(select(EntrySource).where(EntrySource.entry_id == entry_id)).one()
    row.digest = one.row.digest
    _record(session, entry, one, source=source, at=at)
    return did


def _says(session: Session, entry: Entry, version: EntryVersion, draft: Draft) -> bool:
    """Say whether a version says already what a draft does."""
    audience = audience_tokens(entry.unit_id, draft.audience)
    return (
        same_content(version.content, draft.content())
        and version.level == draft.level
        and entry_queries.tokens_of(session, version.audience_id) == audience
    )


def _revise(session: Session, entry: Entry, draft: PositionDraft | DossierDraft, *, at: datetime) -> None:
    if isinstance(entry, Position) and isinstance(draft, PositionDraft):
        positions.revise(session, entry, draft, base=entry.newest_version, by=None, at=at)
    elif isinstance(entry, Dossier) and isinstance(draft, DossierDraft):
        dossiers.revise(session, entry, draft, base=entry.newest_version, by=None, at=at)


def _bring_to(session: Session, entry: Entry, state: State, *, at: datetime) -> None:
    """Release or withdraw an entry as its row says; what is released is not made a draft again."""
    waiting = entry.state == State.DRAFT or entry.newest_version > entry.standing_version
    if state in {State.RELEASED, State.WITHDRAWN} and waiting:
        entries.release(session, entry, by=None, at=at)  # also what was withdrawn since: it was open to its readers once
    if state == State.WITHDRAWN:
        entries.withdraw(session, entry, why=WITHDRAWN, by=None, at=at)


def _record(session: Session, entry: Entry, one: Taken, *, source: str, at: datetime) -> None:
    said: dict[str, Any] = {"source": source, "id": one.row.id}
    record(session, "entry.imported", subject=("entry", entry.id), by=None, at=at, said=said)


# --- what is uploaded and waits ------------------------------------------------------------------------------------------

LASTS = timedelta(days=30)


class UsedAlready(Refused):
    """These rows have been brought in already; nothing was done twice."""


class ChangedMeanwhile(Exception):
    """The register moved under a preview: what would become of the rows now is no longer what was shown."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes
        super().__init__()


def stage(session: Session, upload: Upload, outcomes: Sequence[Outcome], *, by: Person, at: datetime) -> Staged:
    """Keep the rows of an upload, with what would become of them, until they are confirmed or too old."""
    staged = Staged(
        person_id=by.id,
        kind=upload.kind,
        file_name=upload.file_name,
        file_digest=upload.digest,
        options=dict(upload.options),
        rows=rows_kept(upload.table),
        made_at=at,
        ends_at=at + LASTS,
    )
    show(staged, outcomes)
    session.add(staged)
    session.flush()  # gives it its ref
    return staged


def show(staged: Staged, outcomes: Sequence[Outcome]) -> None:
    """Let a preview show what would become of its rows now."""
    staged.outcomes, staged.outcomes_digest = [o.kept() for o in outcomes], outcomes_digest(outcomes)


def use(session: Session, staged: Staged, outcomes: Sequence[Outcome], *, by: Person, at: datetime) -> None:
    """Note that the rows came in just as they were shown; raises ChangedMeanwhile if something else became of them.

    Only the rows that were refused are kept, for whoever wants to mend them.
    """
    if outcomes_digest(outcomes) != staged.outcomes_digest:
        raise ChangedMeanwhile(list(outcomes))
    counts = Counter(o.did for o in outcomes)
    bad = {o.line for o in outcomes if o.did is Did.BAD}
    kept = staged.rows or {}
    staged.used_at = at
    staged.rows = kept | {"lines": [line for line in kept.get("lines", []) if line[0] in bad]}
    said: dict[str, Any] = {"kind": staged.kind, "digest": staged.file_digest, **{did.value: counts[did] for did in Did}}
    record(session, "file.imported", subject=("person", by.id), by=by, at=at, said=said)


def drop(session: Session, staged: Staged) -> None:
    """Forget an upload."""
    session.delete(staged)


def forget_old(session: Session, *, at: datetime) -> int:
    """Forget the uploads that nobody confirmed in time, and those that were used so long ago; return how many."""
    gone = session.execute(delete(Staged).where(Staged.ends_at <= at).execution_options(synchronize_session=False))
    return int(gone.rowcount)  # type: ignore[attr-defined]
