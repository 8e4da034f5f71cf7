"""Telling the story of the demo: each step is done by the actions that a person's click would call."""

from collections.abc import Callable
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from coordinator.calendar import actions as calendar
from coordinator.demo import queries, rules
from coordinator.demo.rules import Do, Ministry, Step
from coordinator.dossiers import actions as dossiers
from coordinator.dossiers.models import Dossier
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries import actions as entries
from coordinator.entries.models import Entry
from coordinator.exchange.actions import note_source
from coordinator.exchange.rules import Known
from coordinator.exclusions.actions import exclude_units
from coordinator.exclusions.rules import ExclusionDraft
from coordinator.gaps import actions as gaps
from coordinator.gaps.models import GapKind
from coordinator.gaps.queries import Filters
from coordinator.gaps.queries import one as one_gap
from coordinator.gaps.rules import key_of
from coordinator.history.actions import record
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps.models import Dismissal, Outcome
from coordinator.overlaps.queries import one
from coordinator.people.models import Person, Unit
from coordinator.people.queries import reader_of, unit_by_name
from coordinator.positions import actions as positions
from coordinator.positions.models import Position
from coordinator.reorganisation import actions as reorganisation
from coordinator.reorganisation.rules import Plan
from coordinator.topics.queries import by_key

WITHDRAWN = "It no longer holds."


def begin(session: Session, *, edition: str, today: date, at: datetime) -> None:
    """Note which edition of the demo is told, and from which day its days are counted."""
    said = {"edition": edition, "today": today.isoformat()}
    record(session, "demo.begun", subject=queries.BEGUN, by=None, at=at, said=said)


def tell(session: Session, step: Step, ministry: Ministry, known: Known, *, by: Person | None) -> None:
    """Do one step of the story as the person who did it, at its moment."""
    _TOLD[step.do](session, step, ministry, known, by)


def _log(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    assert by is not None
    said, on, offer = step.said, step.at.date(), step.said["state"] == "offered"
    draft = rules.entry(said, ministry, known)
    entry: Entry
    if isinstance(draft, DossierDraft):
        entry = dossiers.log_dossier(session, draft, unit=by.unit, by=by, at=step.at, on=on, offer=offer, code=said["code"])
    else:
        older = _position(session, said["supersedes"]) if "supersedes" in said else None
        entry = positions.log_position(session, draft, unit=by.unit, by=by, at=step.at, on=on, offer=offer, supersedes=older)
    note_source(session, entry, source=queries.SOURCE, external_id=said["key"], digest="")


def _release(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    entries.release(session, _entry(session, step.said["key"]), by=by, at=step.at)


def _revise(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    entry = _entry(session, step.said["key"])
    draft = rules.entry(step.said, ministry, known)
    offer, base = step.said.get("offered", True), entry.newest_version
    if isinstance(draft, DossierDraft):
        assert isinstance(entry, Dossier)
        dossiers.revise(session, entry, draft, base=base, by=by, at=step.at, offer=offer)
    else:
        assert isinstance(entry, Position)
        positions.revise(session, entry, draft, base=base, by=by, at=step.at, offer=offer)


def _adhere(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    assert by is not None
    positions.adhere(session, _position(session, step.said["key"]), unit=by.unit, by=by, at=step.at)


def _withdraw(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    why = step.said.get("withdrawn_why", WITHDRAWN)
    entries.withdraw(session, _entry(session, step.said["key"]), why=why, by=by, at=step.at)


def _decide(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    assert by is not None
    said, at = step.said, step.at
    a, b = queries.entry_ids(session, said["a"], said["b"])
    overlap = queries.overlap_of(session, a, b)
    if overlap is None:  # a contact, which becomes a row when somebody acts on it; how alike two texts are may say more, or not
        low, high = (session.scalars(select(Entry).where(Entry.id == i)).one() for i in (a, b))
        overlaps.take_up(session, low, high, by=by, at=at)
        overlap = queries.overlap_of(session, a, b)
        assert overlap is not None
    match said["do"]:
        case "acknowledge":
            overlaps.acknowledge(session, overlap, by=by, at=at)
        case "dismiss":
            overlaps.dismiss(session, overlap, why=said["text"], reason=Dismissal(said["reason"]), by=by, at=at)
        case "settle":
            overlaps.settle(
                session,
                overlap,
                statement=said["text"],
                outcome=Outcome(said["outcome"]),
                lead=_unit(session, said["lead"]) if "lead" in said else None,
                look_again_on=ministry.day(said["look_again_in"]) if "look_again_in" in said else None,
                by=by,
                at=at,
            )
        case "agree":
            overlaps.agree(session, overlap, by=by, at=at)
        case "reopen":
            overlaps.reopen(session, overlap, why=said["text"], by=by, at=at)
        case "confirm":
            topic = by_key(session, said["topic"])
            assert topic is not None, said["topic"]
            overlaps.confirm(session, one(session, overlap.ref), topic, by=by, at=at)
        case other:
            raise ValueError(f"nobody can {other} an overlap")


def _ask(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    entry, on = _entry(session, step.said["key"]), step.at.date()
    for unit in step.said["units"]:
        note = step.said.get("note", "")
        gaps.ask(session, entry, unit_id=_unit(session, unit).id, asked_on=on, note=note, by=by, at=step.at, on=on)


def _know(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    assert by is not None
    topic = by_key(session, step.said["topic"])
    assert topic is not None, step.said["topic"]
    kind, on = GapKind(step.said["kind"]), step.at.date()
    narrow = Filters(topic_ids=frozenset({topic.id}))
    gap = one_gap(session, reader_of(session, by), kind, key_of(kind, topic.id), narrow, on=on)
    until = ministry.day(step.said["until_in"])
    gaps.know(session, gap, why=step.said["text"], until_on=until, by=by, at=step.at, on=on)


def _exclude(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    assert by is not None
    said, at, on = step.said, step.at, step.at.date()
    draft = ExclusionDraft(reason=said["text"], until_on=ministry.day(said["until_in"]))
    if "units" in said:
        one_unit, other = (_unit(session, name) for name in said["units"])
        topic = by_key(session, said["topic"])
        assert topic is not None, said["topic"]
        exclude_units(session, one_unit, other, topic, draft, by=by, at=at, on=on)
        return
    overlap = queries.overlap_of(session, *queries.entry_ids(session, said["a"], said["b"]))
    assert overlap is not None, said
    overlaps.exclude(session, one(session, overlap.ref), draft, by=by, at=at, on=on)


def _succeed(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    on = step.at.date()
    older, newer = (_unit(session, step.said[name]).id for name in ("predecessor", "successor"))
    reorganisation.carry_out(session, Plan(predecessors=(older,), heirs=(newer,), on=on, rest=newer), by=by, at=step.at, today=on)


def _night(session: Session, step: Step, ministry: Ministry, known: Known, by: Person | None) -> None:
    on: date = step.said["on"]
    positions.expire(session, on=on, at=step.at)
    calendar.mark_past(session, on=on, at=step.at)
    dossiers.mark_past(session, on=on, at=step.at)


_TOLD: dict[Do, Callable[[Session, Step, Ministry, Known, Person | None], None]] = {
    Do.LOG: _log,
    Do.RELEASE: _release,
    Do.REVISE: _revise,
    Do.ADHERE: _adhere,
    Do.WITHDRAW: _withdraw,
    Do.DECIDE: _decide,
    Do.ASK: _ask,
    Do.KNOW: _know,
    Do.EXCLUDE: _exclude,
    Do.SUCCEED: _succeed,
    Do.NIGHT: _night,
}


def _entry(session: Session, key: str) -> Entry:
    (found,) = queries.entry_ids(session, key)
    return session.scalars(select(Entry).where(Entry.id == found).options(selectinload(Entry.topics))).one()


def _position(session: Session, key: str) -> Position:
    found = _entry(session, key)
    assert isinstance(found, Position), key
    return found


def _unit(session: Session, short_name: str) -> Unit:
    found = unit_by_name(session, short_name)
    assert found is not None, short_name
    return found
