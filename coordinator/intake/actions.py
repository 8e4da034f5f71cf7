"""Bringing positions and dossiers in: each row by itself, by the rules by which they are logged by hand. Nothing is released."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypedDict

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from coordinator.dossiers import actions as dossiers
from coordinator.dossiers.models import Dossier
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries.models import Entry, EntryVersion, Kind, Level, State
from coordinator.entries.rules import NotCurrent, says_the_same
from coordinator.errors import N_, Refused
from coordinator.exchange.actions import TRIES, note_source
from coordinator.exchange.rules import BadRow, Did, Outcome, Said, listed
from coordinator.history.actions import record
from coordinator.intake import queries, rules
from coordinator.intake.queries import Before
from coordinator.intake.rules import Draft
from coordinator.lists.rules import Names
from coordinator.people.models import Person, Unit
from coordinator.positions import actions as positions
from coordinator.positions.models import Position
from coordinator.positions.rules import PositionDraft
from coordinator.sheets import Line


@dataclass
class Work:
    """One file on its way in."""

    session: Session
    unit: Unit
    by: Person
    at: datetime
    on: date
    highest: int
    offer: bool
    file: str
    names: Names
    before: Before
    spoken_of: dict[int, int] = field(default_factory=dict)
    level: int = int(Level.PUBLIC)
    """The highest level in the file."""


class How(TypedDict):
    """Who brings a file in, when, and how."""

    by: Person
    at: datetime
    on: date
    highest: int
    offer: bool
    file: str


@dataclass(frozen=True)
class Result:
    """What became of a file: an outcome for each row, and the highest level in it."""

    outcomes: list[Outcome]
    level: int


def bring_in(
    session: Session, lines: Sequence[Line], *, by: Person, at: datetime, on: date, highest: int, offer: bool, file: str
) -> Result:
    """Bring rows into the own unit of a person, as drafts or offered for release; `highest` is the level that they read.

    A row that is refused leaves the others as they are. Needs a transaction; rolled back, it was a trial.
    """
    refs = [ref for line in lines if (ref := line.cells.get("ref", "").strip())]
    drawn_on = [ref for line in lines for ref in listed(line.cells.get("positions", ""))]
    known = queries.before(session, by, refs=refs, ids=_ids(lines))
    names = queries.names(session, by, refs=drawn_on, on=on)
    contents = (version.content for version in known.versions.values())
    queries.learn_held(session, names, contents, {token for tokens in known.tokens.values() for token in tokens})
    unit = session.get_one(Unit, by.unit_id)
    work = Work(session, unit, by, at, on, highest, offer, file, names, known)
    outcomes = [_try(work, line) for line in lines]
    return Result(outcomes, work.level)


def _ids(lines: Sequence[Line]) -> list[str]:
    found = []
    for line in lines:
        try:
            found.append(rules.external_id(line.cells))
        except BadRow:
            continue  # the row says so itself
    return found


def _try(work: Work, line: Line) -> Outcome:
    try:
        return _take(work, line)
    except BadRow as bad:
        why: Said = bad.said
    except Refused as refusal:
        why = (refusal.sentence, {})
    except IntegrityError:
        why = (N_("the register refuses it beside what is there already"), {})
    return Outcome(line.number, Did.BAD, why, " ".join(line.cells.get("title", "").split())[:200])


def _take(work: Work, line: Line) -> Outcome:
    if line.fault:
        raise BadRow(line.fault)
    said = rules.understood(line.cells, work.names)
    work.level = max(work.level, said.get("level", int(Level.OFFICIAL)))
    if said.get("level", 0) > work.highest:
        raise BadRow(N_("its level is above what you may read"))
    external_id = rules.external_id(line.cells)
    entry = _found(work, line, external_id)
    if entry is None:
        return _log(work, line, said, external_id)
    if entry.id in work.spoken_of:
        raise BadRow(N_("it is about the same as row %(line)s"), line=str(work.spoken_of[entry.id]))
    outcome = _renew(work, line, said, entry)
    work.spoken_of[entry.id] = line.number
    return outcome


def _found(work: Work, line: Line, external_id: str) -> Entry | None:
    ref = line.cells.get("ref", "").strip()
    if not ref:
        return work.before.by_id.get(external_id)
    found = work.before.by_ref.get(ref)
    if found is None:
        raise BadRow(N_("no entry of your unit has that ref: leave it empty to log something new"))
    return found


def _log(work: Work, line: Line, said: dict[str, Any], external_id: str) -> Outcome:
    kind = said.get("kind")
    if not isinstance(kind, Kind):
        raise BadRow(N_("%(column)s is missing"), column="kind")
    rules.fits(kind, said)
    _no_new_persons(said, frozenset())
    draft = rules.new_draft(kind, said, highest=work.highest)
    for tries_left in reversed(range(TRIES)):  # a dossier's code is drawn by lot, and may be taken
        try:
            with work.session.begin_nested():
                entry = _logged(work, draft)
                source = work.before.sources[external_id]
                note_source(work.session, entry, source=source, external_id=external_id, digest=rules.row_digest(line.cells))
            break
        except IntegrityError:
            if not tries_left:
                raise
    work.before.by_id[external_id] = entry
    work.spoken_of[entry.id] = line.number
    moved = [c for c in rules.changes(None, draft, work.names, owner_id=work.unit.id) if c[0] != "title"]
    return Outcome(line.number, Did.NEW, what=draft.title, changes=(("kind", "", kind.value), *moved))


def _logged(work: Work, draft: Draft) -> Entry:
    entry: Entry
    if isinstance(draft, PositionDraft):
        entry = positions.log_position(work.session, draft, unit=work.unit, by=work.by, at=work.at, on=work.on, offer=work.offer)
    else:
        entry = dossiers.log_dossier(work.session, draft, unit=work.unit, by=work.by, at=work.at, on=work.on, offer=work.offer)
    _note(work, entry)
    return entry


def _note(work: Work, entry: Entry) -> None:
    record(work.session, "entry.imported", subject=("entry", entry.id), by=work.by, at=work.at, said={"source": work.file})


def _renew(work: Work, line: Line, said: dict[str, Any], entry: Entry) -> Outcome:
    if said.get("kind", entry.kind) != entry.kind:
        raise BadRow(N_("it was logged as a %(kind)s, and an entry stays what it is"), kind=entry.kind.value)
    rules.fits(entry.kind, said)
    for number in dict.fromkeys((entry.newest_version, entry.standing_version)):
        version = work.before.versions.get((entry.id, number))
        if version is None:
            raise BadRow(N_("a version of it is under way that is not shared with you"))
        draft = _revision(work, entry, said, _held(work, entry, version))
        if says_the_same(draft, version, audience=work.before.tokens[version.audience_id], owner_id=entry.unit_id):
            return Outcome(line.number, Did.UNCHANGED, what=entry.title)
    if entry.state not in {State.DRAFT, State.RELEASED}:
        raise NotCurrent
    newest = work.before.versions[(entry.id, entry.newest_version)]
    held = _held(work, entry, newest)
    draft = _revision(work, entry, said, held)
    work.level = max(work.level, newest.level)
    number = entry.newest_version
    with work.session.begin_nested():
        _revised(work, entry, draft)
        _note(work, entry)
    moved = rules.changes(held, draft, work.names, owner_id=entry.unit_id)
    return Outcome(line.number, Did.CHANGED, what=entry.title, changes=(*moved, ("version", str(number), str(number + 1))))


def _held(work: Work, entry: Entry, version: EntryVersion) -> Draft:
    return rules.draft_of(
        entry.kind,
        version.content,
        level=version.level,
        audience=work.before.tokens[version.audience_id],
        restriction_reason=version.restriction_reason,
    )


def _revision(work: Work, entry: Entry, said: dict[str, Any], held: Draft) -> Draft:
    """Return a version with what a row says; positions that it draws on and that the person may not see stay no less its own."""
    if "positions" in said and isinstance(held, DossierDraft):
        seen = work.names.called.get("position", {})
        said = said | {"positions": said["positions"] | {i for i in held.positions if i not in seen}}
    _no_new_persons(said, held.audience)
    return rules.revised_draft(entry.kind, said, held)


def _no_new_persons(said: dict[str, Any], held: frozenset[str]) -> None:
    """Refuse persons as readers whom the entry does not name already: a form offers none either."""
    if any(token.startswith("user:") for token in said.get("audience", frozenset()) - held):
        raise BadRow(N_("a single person cannot be made a reader by a file"))


def _revised(work: Work, entry: Entry, draft: Draft) -> None:
    base = entry.newest_version
    if isinstance(entry, Position) and isinstance(draft, PositionDraft):
        positions.revise(work.session, entry, draft, base=base, by=work.by, at=work.at, offer=work.offer)
    elif isinstance(entry, Dossier) and isinstance(draft, DossierDraft):
        dossiers.revise(work.session, entry, draft, base=base, by=work.by, at=work.at, offer=work.offer)
