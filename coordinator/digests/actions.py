"""What happens to the promise of a mail. Every step is one conditional statement: only whoever holds a row can move it.

queued → claimed → data (committed before the body goes) → sent, or uncertain if no answer came. A refusal brings it back to
queued with a growing wait, or ends it as failed. All of these need bookkeeping(): they are no part of the register.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session, aliased

from coordinator.db import new_ref
from coordinator.digests import queries
from coordinator.digests.models import Cadence, Digest, DigestState, Edition, Probe, Schedule, Subscription
from coordinator.digests.rules import DEFAULTS, LEASE, MOST_TRIES, Window, wait_after
from coordinator.errors import N_, Refused
from coordinator.history.actions import record
from coordinator.people.models import Person, Unit

MERGED = N_("Merged into a later one.")
STOPPED = N_("Stopped before it was sent.")
NO_ANSWER = N_("The mail server gave no answer after it had the text.")
_HELD = (DigestState.CLAIMED, DigestState.DATA)
CHUNK = 400

# --- promising ---------------------------------------------------------------------------------------------------------


def plan(session: Session, *, domain: str, at: datetime) -> int:
    """Promise every subscription the letter that is due by a moment; return how many are new.

    There is one per subscription and local day, however often and by however many workers this is run. What was missed before
    is merged into it: it tells of everything since the last one that was sent.
    """
    for edition, person_ids in queries.newcomers(session).items():
        # the first letter tells of all that is open
        _put(session, Subscription, [_wanting(edition, DEFAULTS[edition], person_id=i) for i in person_ids])
    due = queries.due(session, domain=domain, at=at)
    # first the older ones, which waits for whoever is about to claim one of them; then the new ones. Older by their day: one
    # of this very day may have been put there by another worker since we looked
    for period_on in sorted({d.period_on for d in due}):
        for some in _chunks([d.subscription_id for d in due if d.period_on == period_on]):
            session.execute(_merge().where(Digest.subscription_id.in_(some), Digest.period_on < period_on))
    rows = [
        {
            "ref": new_ref(),
            "subscription_id": d.subscription_id,
            "period_on": d.period_on,
            "state": DigestState.QUEUED,
            "message_id": d.message_id,
            "due_at": d.due_at,
            "worker": "",
            "tries": 0,
            "trouble": "",
        }
        for d in due
    ]
    return _put(session, Digest, rows)


def _wanting(edition: Edition, schedule: Schedule, **whose: Any) -> dict[str, Any]:
    kept = {"cadence": schedule.cadence, "weekdays": schedule.bits, "hour": schedule.hour}
    return {"ref": new_ref(), "edition": edition, "told_number": 0} | kept | whose


def tidy(session: Session, *, at: datetime) -> None:
    """Take back what a worker that died had claimed; what it had begun to send nobody can know: that becomes uncertain."""
    stale = Digest.lease_until <= at
    freed = {"state": DigestState.QUEUED, "lease_until": None, "worker": ""}
    session.execute(update(Digest).where(Digest.state == DigestState.CLAIMED, stale).values(freed))
    unknown = {"state": DigestState.UNCERTAIN, "lease_until": None, "trouble": NO_ANSWER}
    session.execute(update(Digest).where(Digest.state == DigestState.DATA, stale).values(unknown))
    later = aliased(Digest)
    session.execute(
        _merge().where(exists().where(later.subscription_id == Digest.subscription_id, later.period_on > Digest.period_on))
    )


def _merge() -> Any:
    merged = {"state": DigestState.NOTHING, "trouble": MERGED}
    return update(Digest).where(Digest.state == DigestState.QUEUED).values(merged).execution_options(synchronize_session=False)


def _put(session: Session, table: Any, rows: list[dict[str, Any]]) -> int:
    """Insert rows, leaving out those that another worker has put there; return how many were put."""
    make = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    return sum(_count(session.execute(make(table.__table__).values(some).on_conflict_do_nothing())) for some in _chunks(rows))


def _chunks(items: list[Any]) -> Iterable[list[Any]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


# --- sending -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claimed:
    """A digest that one worker holds for the time of the lease."""

    id: int
    worker: str
    tries: int


def claim(session: Session, *, worker: str, at: datetime) -> Claimed | None:
    """Take the longest due letter that nobody holds, or return None. Of one subscription never two at once."""
    other = aliased(Digest)
    first = (
        select(Digest.id)
        .where(
            Digest.state == DigestState.QUEUED,
            Digest.due_at <= at,
            ~exists().where(other.subscription_id == Digest.subscription_id, other.state.in_(_HELD)),
        )
        .order_by(Digest.due_at, Digest.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = session.execute(
        update(Digest)
        .where(Digest.id == first, Digest.state == DigestState.QUEUED)
        .values(state=DigestState.CLAIMED, worker=worker, lease_until=at + LEASE, tries=Digest.tries + 1)
        .returning(Digest.id, Digest.tries)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if taken is None else Claimed(taken.id, worker, taken.tries)


def begin_body(session: Session, held: Claimed, window: Window, *, at: datetime) -> bool:
    """Note that the body is about to go; False if the claim was lost, or something was told to the reader meanwhile."""
    told = exists().where(Subscription.id == _subscription_of(held), Subscription.told_number == window.after)
    values = {
        "state": DigestState.DATA,
        "after_number": window.after,
        "up_to_number": window.up_to,
        "lease_until": at + LEASE,
        "tried_at": at,
        "trouble": "",
    }
    return bool(_move(session, held, [DigestState.CLAIMED], values, told))


def note_sent(session: Session, held: Claimed, window: Window, *, at: datetime) -> None:
    """Note that the mail was taken, and with it, in one commit, up to where its reader has been told."""
    values = {"state": DigestState.SENT, "sent_at": at, "tried_at": at, "lease_until": None, "trouble": ""}
    # an answer that came after the lease had run out is an answer nevertheless
    if _move(session, held, [DigestState.DATA, DigestState.UNCERTAIN], values):
        _told(session, held, window)


def note_nothing(session: Session, held: Claimed, window: Window | None, *, why: str = "") -> None:
    """Note that there is nothing to send; with a window, the reader needs not be told of it again."""
    numbers = {} if window is None else {"after_number": window.after, "up_to_number": window.up_to}
    values = {"state": DigestState.NOTHING, "lease_until": None, "trouble": why} | numbers
    if _move(session, held, [DigestState.CLAIMED], values) and window is not None:
        _told(session, held, window)


def note_uncertain(session: Session, held: Claimed, answer: str) -> None:
    """Note that nobody knows whether the mail was taken. It is not sent again; the next one tells of the same window once more."""
    values = {"state": DigestState.UNCERTAIN, "lease_until": None, "trouble": answer[:300]}
    _move(session, held, [DigestState.DATA], values)


def note_refused(session: Session, held: Claimed, answer: str, *, lasting: bool, reached: bool, at: datetime) -> DigestState:
    """Note a refusal and return what became of the digest: queued for later, or failed.

    A relay that was not even reached is not the recipient's fault and does not count as a try.
    """
    failed = lasting or (reached and held.tries >= MOST_TRIES)
    state = DigestState.FAILED if failed else DigestState.QUEUED
    values = {
        "state": state,
        "lease_until": None,
        "worker": held.worker if failed else "",
        "trouble": answer[:300],
        "due_at": at if failed else at + wait_after(held.tries),
        "tried_at": at,
        "tries": held.tries if reached else held.tries - 1,
    }
    _move(session, held, _HELD, values)
    return state


def note_postponed(session: Session, held: Claimed, *, until: datetime) -> None:
    """Note that this is no day for a letter: it waits, and the next one of the subscription takes its place if it comes first."""
    values = {"state": DigestState.QUEUED, "lease_until": None, "worker": "", "due_at": until, "tries": held.tries - 1}
    _move(session, held, [DigestState.CLAIMED], values)


def _move(session: Session, held: Claimed, states: Iterable[DigestState], values: dict[str, Any], *also: Any) -> int:
    return _count(
        session.execute(
            update(Digest)
            .where(Digest.id == held.id, Digest.worker == held.worker, Digest.state.in_(list(states)), *also)
            .values(values)
            .execution_options(synchronize_session=False)
        )
    )


def _told(session: Session, held: Claimed, window: Window) -> None:
    session.execute(
        update(Subscription)
        .where(Subscription.id == _subscription_of(held), Subscription.told_number < window.up_to)
        .values(told_number=window.up_to)
        .execution_options(synchronize_session=False)
    )


def _subscription_of(held: Claimed) -> Any:
    return select(Digest.subscription_id).where(Digest.id == held.id).scalar_subquery()


def _count(result: Any) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount


# --- choosing ----------------------------------------------------------------------------------------------------------


def choose(session: Session, person_id: int, schedule: Schedule, *, edition: Edition = Edition.PERSON) -> None:
    """Keep when a person wants a letter; off also stops what waits to be sent."""
    _put(session, Subscription, [_wanting(edition, schedule, person_id=person_id)])
    _keep(session, schedule, Subscription.person_id == person_id, Subscription.edition == edition)


def choose_mailbox(session: Session, unit: Unit, schedule: Schedule, *, address: str, zone: str, by: Person, at: datetime) -> None:
    """Keep when the mailbox of a unit gets its letter, and which mailbox was agreed to."""
    whose = {"unit_id": unit.id, "address": address, "time_zone": zone}
    _put(session, Subscription, [_wanting(Edition.MAILBOX, schedule, **whose)])
    _keep(session, schedule, Subscription.unit_id == unit.id, address=address, time_zone=zone)
    said = {
        "cadence": schedule.cadence.value,
        "weekdays": sorted(schedule.weekdays, key=lambda d: d.number),
        "hour": schedule.hour,
        "time_zone": zone,
        "address": address,
    }
    record(session, "unit.mailbox_chosen", subject=("unit", unit.id), by=by, at=at, said=said)


def stop(session: Session, kept: Subscription) -> None:
    """Stop a subscription; days and hour stay, for when it is wanted again."""
    _keep(session, Schedule(Cadence.OFF, kept.hour, kept.schedule.weekdays), Subscription.id == kept.id)


def stop_mailbox(session: Session, kept: Subscription, *, at: datetime) -> None:
    """Stop the letter to a unit's mailbox by the link in it: nobody knows who followed it."""
    stop(session, kept)
    said = {"cadence": Cadence.OFF.value}
    record(session, "unit.mailbox_stopped", subject=("unit", kept.unit_id or 0), by=None, at=at, said=said)


def _keep(session: Session, schedule: Schedule, *which: Any, **also: Any) -> None:
    values = {"cadence": schedule.cadence, "weekdays": schedule.bits, "hour": schedule.hour} | also
    session.execute(update(Subscription).where(*which).values(values).execution_options(synchronize_session=False))
    if schedule.cadence is Cadence.OFF:
        session.execute(
            update(Digest)
            .where(Digest.subscription_id.in_(select(Subscription.id).where(*which)), Digest.state == DigestState.QUEUED)
            .values(state=DigestState.NOTHING, trouble=STOPPED)
            .execution_options(synchronize_session=False)
        )


# --- what an administrator does ------------------------------------------------------------------------------------------


class TakenUp(Refused):
    """This one is being sent just now, or has been, or a later one stands for it. Look at the list again."""


def try_again(session: Session, digest: Digest, *, by: Person, at: datetime) -> None:
    """Let a letter be sent once more, under the same name, so that a mail program knows it to be the same; raises TakenUp."""
    values = {"state": DigestState.QUEUED, "due_at": at, "tries": 0, "trouble": "", "worker": ""}
    _overrule(session, digest, [DigestState.FAILED, DigestState.UNCERTAIN, DigestState.QUEUED], values)
    record(session, "digest.tried_again", subject=("digest", digest.id), by=by, at=at)


def mark_arrived(session: Session, digest: Digest, *, by: Person, at: datetime) -> None:
    """Note that a letter arrived of which nobody knew; its reader needs not be told of it again. Raises TakenUp."""
    values = {"state": DigestState.SENT, "sent_at": func.coalesce(Digest.tried_at, at), "trouble": ""}
    _overrule(session, digest, [DigestState.UNCERTAIN], values)
    if digest.after_number is not None and digest.up_to_number is not None:
        _told(session, Claimed(digest.id, "", 0), Window(digest.after_number, digest.up_to_number))
    record(session, "digest.marked_arrived", subject=("digest", digest.id), by=by, at=at)


def _overrule(session: Session, digest: Digest, states: list[DigestState], values: dict[str, Any]) -> None:
    later = aliased(Digest)
    has_later = exists().where(later.subscription_id == Digest.subscription_id, later.period_on > Digest.period_on)
    done = session.execute(
        update(Digest)
        .where(Digest.id == digest.id, Digest.state.in_(states), ~has_later)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    if not _count(done):
        raise TakenUp


def ask_for_probe(session: Session, person_id: int, *, at: datetime) -> None:
    """Have a test letter sent to a person by whoever sends the digests; while one waits, no second is added."""
    waits = exists().where(Probe.person_id == person_id, Probe.state == DigestState.QUEUED)
    if not session.scalar(select(waits)):
        session.add(Probe(person_id=person_id, state=DigestState.QUEUED, asked_at=at))


def take_probe(session: Session, *, at: datetime) -> Probe | None:
    """Take a test letter that waits, or return None; from here on it is never sent again."""
    waiting = select(Probe.id).where(Probe.state == DigestState.QUEUED).order_by(Probe.id).limit(1)
    return session.scalars(
        update(Probe)
        .where(Probe.id == waiting.with_for_update(skip_locked=True).scalar_subquery(), Probe.state == DigestState.QUEUED)
        .values(state=DigestState.UNCERTAIN, tried_at=at, answer=NO_ANSWER)
        .returning(Probe)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()


def note_probe(session: Session, probe_id: int, state: DigestState, answer: str = "") -> None:
    """Note what became of a test letter."""
    session.execute(
        update(Probe)
        .where(Probe.id == probe_id)
        .values(state=state, answer=answer[:300])
        .execution_options(synchronize_session=False)
    )
