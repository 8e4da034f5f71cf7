"""The mail that is worth opening: sent when it is due, computed as its reader at that moment."""

import os
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import click
from flask import current_app
from flask.cli import AppGroup
from flask_babel import force_locale

from coordinator import jobs, mail
from coordinator.clock import now
from coordinator.db import bind_reader, bookkeeping, db
from coordinator.digests import actions, queries, rules
from coordinator.digests.actions import Claimed
from coordinator.digests.models import Cadence, DigestState
from coordinator.digests.queries import Contents
from coordinator.digests.rules import Window
from coordinator.errors import N_, Busy
from coordinator.extensions import settings
from coordinator.history.queries import last_number
from coordinator.pages import address, log, translated
from coordinator.people.models import Person
from coordinator.people.queries import person_by_email, reader_of

group = AppGroup("digests", help="Send the digests, or look at one before it goes.")

Moment = Callable[[], datetime]
LANGUAGE = "en"
UNREACHED = "unreached"
GONE = N_("The account is disabled, or its owner wants no digest any more.")


class _LetGo(Exception):
    """The claim was lost before the body went: another worker has the digest, or it was merged."""


@jobs.every_minute("digests")
def send_all() -> None:
    """Send what is due."""
    done = send_due()
    if done:
        log.info("digests", **done)


def send_due(*, moment: Moment = now, limit: int | None = None) -> Counter[str]:
    """Promise what is due, then send one after the other until none is left; return how many ended in which state.

    May be run by any number of workers at once, and killed at any point. When the relay is not there at all, it stops.
    """
    worker = f"{socket.gethostname()[:30]}:{os.getpid()}:{threading.get_ident() % 10**6}:{secrets.token_hex(4)}"
    done: Counter[str] = Counter()
    with bookkeeping(db.session) as written:
        actions.tidy(written, at=moment())
        actions.plan(written, domain=mail.domain_of(settings()), at=moment())
    while not jobs.stopping() and (limit is None or done.total() < limit):
        with bookkeeping(db.session) as written:
            held = actions.claim(written, worker=worker, at=moment())
        if held is None:
            break
        outcome = _send_one(held, moment=moment)
        done[outcome] += 1
        if outcome == UNREACHED:
            log.error("the mail server cannot be reached")
            break
    return done


def _send_one(held: Claimed, *, moment: Moment) -> str:
    """Send one claimed digest and return in what state it is then; only a busy database raises."""
    try:
        return _send(held, moment=moment)
    except Busy:
        raise  # the lease gives it back
    except Exception as error:  # noqa: BLE001 - one letter that cannot be made must not keep the others waiting
        log.error("digest not made", error=type(error).__name__, digest=held.id)
        db.session.rollback()
        return _refused(held, mail.NotTaken(type(error).__name__, lasting=isinstance(error, ValueError)), at=moment())
    finally:
        db.session.rollback()
        bind_reader(db.session, None)


def _send(held: Claimed, *, moment: Moment) -> str:
    session, at = db.session(), moment()
    digest, chosen = queries.to_send(session, held.id)
    person, told = digest.person, chosen.told_number
    if not person.is_active or chosen.cadence is Cadence.OFF:
        with bookkeeping(session):
            actions.note_nothing(session, held, None, why=GONE)
        return DigestState.NOTHING
    window = Window(told, last_number(session))
    found = compute(person, window, at=at)
    if not found.worth_sending:
        with bookkeeping(session):
            actions.note_nothing(session, held, window)
        return DigestState.NOTHING
    message = letter(person, found, period_on=digest.period_on, ref=digest.ref, message_id=digest.message_id, at=at)

    def before_body() -> None:
        with bookkeeping(session):
            if not actions.begin_body(session, held, window, at=moment()):
                raise _LetGo

    session.rollback()  # no view of the database is held open while the relay takes its time
    try:
        mail.send(settings(), message, before_body=before_body)
    except _LetGo:
        return DigestState.QUEUED
    except mail.NotTaken as error:
        return _refused(held, error, at=moment())
    except mail.Unanswered as error:
        with bookkeeping(session):
            actions.note_uncertain(session, held, str(error))
        return DigestState.UNCERTAIN
    with bookkeeping(session):
        actions.note_sent(session, held, window, at=moment())
    return DigestState.SENT


def _refused(held: Claimed, error: mail.NotTaken, *, at: datetime) -> str:
    with bookkeeping(db.session) as written:
        state = actions.note_refused(written, held, error.answer, lasting=error.lasting, reached=error.reached, at=at)
    return state if error.reached else UNREACHED


def compute(person: Person, window: Window, *, at: datetime) -> Contents:
    """Return what a window tells a person, computed as that person; the session stays bound to them."""
    session = db.session()
    reader = reader_of(session, person)
    bind_reader(session, reader)
    return queries.contents(session, reader, window, at=at, on=at.astimezone(ZoneInfo(person.time_zone)).date())


# --- the letter ------------------------------------------------------------------------------------------------------------


def letter(person: Person, found: Contents, *, period_on: date, ref: str, message_id: str, at: datetime) -> EmailMessage:
    """Return the mail of a digest: text and HTML, with the way to stop it in its head."""
    words = _words(person, found, period_on=period_on, ref=ref)
    with force_locale(LANGUAGE):
        return mail.letter(
            settings(),
            to=person.email,
            subject=_render("digests/letter/subject.txt").strip(),
            text=_render("digests/letter/body.txt", **words),
            html=_render("digests/letter/body.html", **words),
            message_id=message_id,
            at=at,
            headers={
                "List-Unsubscribe": f"<{words['stop_url']}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        )


def _render(name: str, **words: Any) -> str:
    return current_app.jinja_env.get_template(name).render(**words)  # without what pages have: nobody is looking


def _words(person: Person, found: Contents, *, period_on: date, ref: str | None) -> dict[str, Any]:
    secret = settings().secret_key.get_secret_value()
    items = [rules.item(p, url=address, t=translated) for p in found.pairs]
    notes = [rules.note(p, url=address, t=translated) for p in found.papers]
    return {
        "person": person,
        "period_on": period_on,
        "ministry": settings().ministry_name,
        "level": found.told_level,
        "items": [i for i in items if not i["sealed"]],
        "notes": [n for n in notes if not n["sealed"]],
        "sealed": [i["url"] for i in (*items, *notes) if i["sealed"]],
        "shown": len(found.pairs),
        "total": found.total,
        "closed": {state.value: number for state, number in found.closed.items()},
        "all_url": address("digests.show", ref=ref) if ref else address("overlaps.index"),
        "settings_url": address("digests.settings"),
        "stop_url": address("digests.stop", person=person.ref, token=rules.stop_token(secret, person.ref)),
    }


# --- what an operator starts -----------------------------------------------------------------------------------------------


class _At(click.ParamType[datetime]):
    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            said = datetime.fromisoformat(value)
        except ValueError:
            self.fail("say a moment such as 2026-03-02T07:00+01:00", param, context)
        return said if said.tzinfo else said.replace(tzinfo=ZoneInfo(settings().time_zone))


@group.command()
@click.option("--at", "at", type=_At(), help="Act as if it were this moment (ISO 8601; the ministry's zone if none is said).")
@click.option("--limit", type=click.IntRange(1), help="Send at most so many.")
def send(at: datetime | None, limit: int | None) -> None:
    """Send the digests that are due. Run it twice, by four workers, or kill it: nobody gets one twice."""
    done = send_due(moment=(lambda: at) if at else now, limit=limit)
    click.echo(", ".join(f"{number} {state}" for state, number in sorted(done.items())) or "nothing is due")
    if done[UNREACHED]:
        raise click.ClickException("The mail server cannot be reached; what is due waits.")


@group.command()
@click.argument("email")
@click.option("--at", "at", type=_At(), help="Act as if it were this moment.")
def preview(email: str, at: datetime | None) -> None:
    """Print the text that somebody would be sent now; sends nothing, and tells nobody that it was looked at."""
    session, at = db.session(), at or now()
    person = person_by_email(session, email)
    if person is None:
        raise click.ClickException(f"Nobody has the address {email}.")
    kept = queries.subscription(session, person.id)
    found = compute(person, Window(kept.told_number if kept else 0, last_number(session)), at=at)
    if not found.worth_sending:
        click.echo("Nothing changed for them: no mail would be sent.")
        return
    period_on = at.astimezone(ZoneInfo(person.time_zone)).date()
    with force_locale(LANGUAGE):
        click.echo(_render("digests/letter/body.txt", **_words(person, found, period_on=period_on, ref=None)))
