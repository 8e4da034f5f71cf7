"""What the clock does to the register: ends what a date ends, and looks again at what waits to be looked at."""

import sys
import threading
from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

import click
from sqlalchemy import exists, select

from coordinator import jobs
from coordinator.calendar import actions as calendar
from coordinator.clock import now
from coordinator.db import bind_reader, bookkeeping, db, read_as_system, transaction
from coordinator.dossiers import actions as dossiers
from coordinator.encoder import chosen
from coordinator.exclusions import actions as exclusions
from coordinator.extensions import settings
from coordinator.history.actions import record
from coordinator.history.queries import of as events_of
from coordinator.openings.actions import forget_old
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps.models import Recheck
from coordinator.pages import log
from coordinator.passages.actions import is_waiting_to_serve, prepare_unseen
from coordinator.passages.queries import unseen_count
from coordinator.people.queries import all_units_reader
from coordinator.positions import actions as positions
from coordinator.recompute import actions as recompute
from coordinator.recompute.queries import settings_digest, under_way

NIGHT_ENDS = 1
"""The local hour from which a day's nightly change is due; a machine that was off then does it when it is back."""


@jobs.every_minute("rechecks")
def catch_up() -> int:
    """Bring up to date what a large change left to the job; return how many entries."""
    done = 0
    while not jobs.stopping() and db.session.scalar(select(exists().where(Recheck.entry_id.is_not(None)))):
        with transaction(db.session) as written:
            done += overlaps.catch_up(written, at=now())
    db.session.rollback()
    return done


AT_A_TIME = 32
"""So many texts are encoded before the next save of the register may come between."""


def see_unseen(said: Callable[[int], object] = lambda many: None) -> int:
    """Encode the texts that were brought in without, and find their overlaps again; return how many.

    Killed, it goes on where it was: what an encoder has not seen is read off the register itself.
    """
    done = 0
    while not jobs.stopping():
        ids = prepare_unseen(db.session(), most=AT_A_TIME)
        if not ids and not is_waiting_to_serve(db.session()):
            break
        with transaction(db.session) as written:
            recompute.see_unseen(written, ids, at=now())
        done += len(ids)
        said(len(ids))
    db.session.rollback()
    return done


@jobs.every_minute("meanings")
def see_what_came_in() -> int:
    """Encode what was brought in without being encoded."""
    return see_unseen()


_recomputing = threading.Lock()  # one thread of a worker finds overlaps again; the others have other things to do


@jobs.every_minute("overlaps")
def find_overlaps_again() -> int:
    """Share in a recompute that is under way, begun by a new encoder or by a command; return how many overlaps changed."""
    session = db.session()
    with read_as_system(session, "detector") as connection:
        run = under_way(connection)
        is_ours = run is not None and run.settings == settings_digest(connection)
    session.rollback()
    if not is_ours or not _recomputing.acquire(blocking=False):
        return 0
    try:
        found = recompute.recompute(session, at=now(), stopping=jobs.stopping)
    finally:
        _recomputing.release()
    return found.changed if found is not None else 0


@jobs.every_minute("nightly")
def when_night_is_over() -> None:
    """Do the nightly change of the local day, once."""
    at = now()
    local = at.astimezone(ZoneInfo(settings().time_zone))
    if local.hour >= NIGHT_ENDS and not is_done(local.date()):
        nightly(on=local.date(), at=at)


def is_done(on: date) -> bool:
    """Say whether the nightly change of a day is on record."""
    return bool(events_of(db.session(), "day", on.toordinal()))


def nightly(*, on: date, at: datetime) -> dict[str, int]:
    """End what ran out before a day, mark what is past, find all overlaps again, and put the day on record.

    Several changes, each whole in itself; killed between two of them, the day is not on record and all is done again, which
    changes nothing twice.
    """
    session = db.session()
    bind_reader(session, all_units_reader(session))
    with transaction(session):
        said: dict[str, int] = {
            "expired": positions.expire(session, on=on, at=at),
            "exclusions": exclusions.lapse(session, on=on, at=at),
            "events": len(calendar.mark_past(session, on=on, at=at)),
            "milestones": dossiers.mark_past(session, on=on, at=at),
        }
    see_unseen()
    catch_up()
    with _recomputing:
        found = recompute.recompute(session, at=at, stopping=jobs.stopping)
    if found is None:  # asked to stop, or overtaken: the day is not on record, and all is done again
        bind_reader(session, None)
        return said
    said["overlaps"] = found.changed
    with transaction(session):
        record(session, "day.begun", subject=("day", on.toordinal()), by=None, at=at, said=dict(said))
    bind_reader(session, None)
    with bookkeeping(session):
        forget_old(session, at=at)
    log.info("nightly change done", on=on.isoformat(), **said)
    return said


@click.command("nightly")
@click.option("--on", "on", type=click.DateTime(["%Y-%m-%d"]), help="The day that begins; today in the ministry's zone by default.")
def command(on: datetime | None) -> None:
    """End what ran out, mark what is past, find all overlaps again: what the worker does once a day."""
    day = on.date() if on else now().astimezone(ZoneInfo(settings().time_zone)).date()
    said = nightly(on=day, at=now())
    click.echo(", ".join(f"{number} {name}" for name, number in said.items()))


@click.command("encode")
def encode() -> None:
    """Encode the texts that the encoder has not seen and find their overlaps again, with progress: a worker does it by itself."""
    session, encoder = db.session(), chosen()
    if encoder is None:
        raise click.ClickException("The setting `encoder` is none: words alone are compared.")
    bind_reader(session, None)
    with read_as_system(session, "check") as connection:
        total = unseen_count(connection, encoder.name)
    with click.progressbar(length=total, label="Encoding texts", file=sys.stderr) as bar:
        done = see_unseen(bar.update)
    find_overlaps_again()  # if with these texts an encoder took over
    click.echo(f"{done:,} texts encoded by {encoder.name}")
