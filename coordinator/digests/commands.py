"""The mail that is worth opening: sent when it is due, computed as its reader at that moment."""

import os
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from email.message import EmailMessage
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click
from flask import current_app
from flask.cli import AppGroup
from flask_babel import force_locale, format_date

from coordinator import jobs, mail
from coordinator.clock import now
from coordinator.db import bind_reader, bookkeeping, db
from coordinator.digests import actions, queries, rules
from coordinator.digests.actions import Claimed
from coordinator.digests.models import DigestState, Edition, Probe
from coordinator.digests.queries import Addressee, Brief, Contents
from coordinator.digests.rules import Window
from coordinator.entries.forms import day
from coordinator.errors import Busy
from coordinator.extensions import language, settings
from coordinator.history.queries import last_number
from coordinator.openings.actions import note_mail
from coordinator.pages import LEVELS, address, log, spoken_language, translated
from coordinator.people.queries import person_by_email

group = AppGroup("digests", help="Send the digests, or look at one before it goes.")

Moment = Callable[[], datetime]
UNREACHED = "unreached"
POSTPONED = "postponed"


class _LetGo(Exception):
    """The claim was lost before the body went: another worker has the digest, or it was merged."""


@jobs.every_minute("digests")
def send_all() -> None:
    """Send what is due."""
    send_probes()
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


def send_probes(*, moment: Moment = now) -> int:
    """Send the test letters that administrators asked for, each once, and return how many."""
    done = 0
    while not jobs.stopping():
        with bookkeeping(db.session) as written:
            probe = actions.take_probe(written, at=moment())
        if probe is None:
            break
        done += 1
        state, answer = _send_probe(probe, at=moment())
        with bookkeeping(db.session) as written:
            actions.note_probe(written, probe.id, state, answer)
    return done


def _send_probe(probe: Probe, *, at: datetime) -> tuple[DigestState, str]:
    words = {"asked_at": probe.asked_at, "ministry": settings().ministry_name, "url": address("digests.deliveries")}
    try:
        with force_locale(language()):
            message = mail.letter(
                settings(),
                to=queries.address_of(db.session(), probe.person_id),
                subject=_render("digests/probe/subject.txt").strip(),
                text=_render("digests/probe/body.txt", **words),
                at=at,
                headers={"X-Marking": LEVELS[0]},
            )
        db.session.rollback()
        mail.send(settings(), message)
    except mail.NotTaken as error:
        return DigestState.FAILED, error.answer
    except mail.Unanswered as error:
        return DigestState.UNCERTAIN, str(error)
    except ValueError as error:
        return DigestState.FAILED, str(error)
    return DigestState.SENT, ""


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
    digest = queries.to_send(session, held.id)
    try:
        whom = queries.addressee(session, digest.subscription, at=at)
    except queries.NotWanted as error:
        with bookkeeping(session):
            actions.note_nothing(session, held, None, why=error.sentence)
        return DigestState.NOTHING
    wait = queries.closed_until(session, digest.subscription, whom, at=at)
    if wait is not None:
        with bookkeeping(session):
            actions.note_postponed(session, held, until=wait)
        return POSTPONED
    window = Window(digest.subscription.told_number, last_number(session))
    found = compute(whom, window, at=at)
    if not found.worth_sending:
        with bookkeeping(session):
            actions.note_nothing(session, held, window)
        return DigestState.NOTHING
    message = letter(whom, found, period_on=digest.period_on, ref=digest.ref, message_id=digest.message_id, at=at)

    told = [entry.id for entry in found.told]

    def before_body() -> None:
        with bookkeeping(session):
            if not actions.begin_body(session, held, window, at=moment()):
                raise _LetGo
            note_mail(session, told, person_id=whom.reader.person_id, unit_id=whom.unit_id, at=at)

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


def compute(whom: Addressee, window: Window, *, at: datetime) -> Contents | Brief:
    """Return what a window tells somebody, computed as they are seen by the register; the session stays bound to them."""
    session, on = db.session(), rules.local_day(at, whom.zone)
    bind_reader(session, whom.reader)
    if whom.edition is Edition.BRIEF:
        since = rules.brief_since(queries.told_before(session, whom.subscription_id, zone=whom.zone), on=on)
        return queries.brief(session, whom.reader, window, since=since, on=on, zone=whom.zone)
    told_on = queries.told_on(session, whom.subscription_id)
    return queries.contents(session, whom.reader, window, at=at, on=on, told_on=told_on)


# --- the letter ------------------------------------------------------------------------------------------------------------


def letter(whom: Addressee, found: Contents | Brief, *, period_on: date, ref: str, message_id: str, at: datetime) -> EmailMessage:
    """Return the mail of a digest: text and HTML, with its marking and the way to stop it in its head."""
    with force_locale(language()):
        words, names = _words(whom, found, period_on=period_on, ref=ref), _templates(whom.edition)
        return mail.letter(
            settings(),
            to=whom.address,
            subject=_render(names.subject).strip(),
            text=_render(names.text, **words),
            html=_render(names.html, **words),
            message_id=message_id,
            at=at,
            headers={
                "X-Marking": LEVELS[found.told_level],
                "List-Unsubscribe": f"<{words['stop_url']}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        )


class _Templates(NamedTuple):
    subject: str
    text: str
    html: str


def _templates(edition: Edition) -> _Templates:
    """Return what an edition is written with."""
    if edition is Edition.BRIEF:
        return _Templates("digests/week/subject.txt", "digests/week/body.txt", "digests/week/body.html")
    return _Templates("digests/letter/subject.txt", "digests/letter/body.txt", "digests/letter/body.html")


def _render(name: str, **words: Any) -> str:
    return current_app.jinja_env.get_template(name).render(**words)  # without what pages have: nobody is looking


SETTINGS = {Edition.PERSON: "digests.settings", Edition.MAILBOX: "digests.mailbox", Edition.BRIEF: "digests.brief"}


def _words(whom: Addressee, found: Contents | Brief, *, period_on: date, ref: str | None) -> dict[str, Any]:
    secret = settings().secret_key.get_secret_value()
    spoken, direction = spoken_language()
    return _told(found, ref=ref, unit_id=whom.reader.unit_id) | {
        "language": spoken,
        "direction": direction,
        "whom": whom,
        "period_on": period_on,
        "ministry": settings().ministry_name,
        "level": found.told_level,
        "settings_url": address(SETTINGS[whom.edition]),
        "stop_url": address("digests.stop", ref=whom.ref, token=rules.stop_token(secret, whom.ref)),
    }


def _told(found: Contents | Brief, *, ref: str | None, unit_id: int | None) -> dict[str, Any]:
    """Return what is in a letter of either sort, and where all of it is."""
    there = address("digests.show", ref=ref) if ref else None
    if isinstance(found, Brief):
        told = rules.week(found.change, url=address, t=translated, day=lambda d: format_date(d, "d MMMM"))
        return told | {"all_url": there or address("dashboard.brief")}
    missing = [rules.absence(g, unit_id=unit_id, url=address, t=translated, day=day) for g in found.gaps]
    return rules.told(found.pairs, found.papers, found.others, missing, url=address, t=translated) | {
        "worklist_url": address("worklist.index"),
        "gaps_url": address("gaps.index", mine="1"),
        **queries.numbers(found),
        "closed": {state.value: number for state, number in found.closed.items()},
        "all_url": there or address("overlaps.index"),
        "rest_url": address("digests.show", ref=ref, all="1") if ref else address("overlaps.index"),
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
@click.option("--brief", is_flag=True, help="The weekly brief instead of the digest.")
def preview(email: str, at: datetime | None, brief: bool) -> None:
    """Print the text that somebody would be sent now; sends nothing, and tells nobody that it was looked at."""
    session, at = db.session(), at or now()
    person = person_by_email(session, email)
    if person is None:
        raise click.ClickException(f"Nobody has the address {email}.")
    kept = queries.chosen(session, person.id, Edition.BRIEF if brief else Edition.PERSON)
    whom = queries.to_person(session, person, kept)
    found = compute(whom, Window(kept.told_number, last_number(session)), at=at)
    if not found.worth_sending:
        click.echo("Nothing changed for them: no mail would be sent.")
        return
    with force_locale(language()):
        click.echo(
            _render(_templates(whom.edition).text, **_words(whom, found, period_on=rules.local_day(at, whom.zone), ref=None))
        )


@group.command()
def check() -> None:
    """Say whether the mail server answers and lets us in; sends nothing. Exits with 1 and its words if not."""
    try:
        click.echo(mail.greet(settings()))
    except mail.NotTaken as error:
        where = f"{settings().smtp_host}:{settings().smtp_port}"
        raise click.ClickException(f"The mail server {where} cannot be used: {error.answer}") from None
