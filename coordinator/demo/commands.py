"""Loading the small ministry, and showing it."""

import socketserver
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.calendar import actions as calendar
from coordinator.clock import now, today
from coordinator.db import bind_reader, db, transaction
from coordinator.demo import actions, queries, rules
from coordinator.demo.rules import Do, Ministry, Said, Step
from coordinator.deputies import actions as deputies
from coordinator.deputies.models import Deputy
from coordinator.digests import actions as digests
from coordinator.digests.models import Cadence, Schedule
from coordinator.digests.queries import mailbox
from coordinator.errors import NotFound, Refused
from coordinator.exchange import queries as exchange
from coordinator.exchange.rules import Known, of_forum
from coordinator.extensions import settings
from coordinator.holidays import actions as holidays
from coordinator.holidays.models import UnitHoliday
from coordinator.holidays.rules import Day
from coordinator.people import actions as people
from coordinator.people.models import Person, Unit
from coordinator.people.queries import all_units_reader, organisation_named, person_by_email, reader_of
from coordinator.people.rules import Reader, comparable
from coordinator.topics import actions as topics
from coordinator.topics.models import Equity, Topic

group = AppGroup("demo", help="A small ministry that does not exist, to try the product with.")

PASSWORD = "wings-of-a-butterfly"  # noqa: S105 - of people who do not exist, on one machine

# one sign-in of each kind, as `demo serve` prints them
SIGN_INS = (
    ("desk officer", "j.moreau"),
    ("desk officer who also releases", "d.okonkwo"),
    ("the other side of a conflict", "h.castellanos"),
    ("officers of the two other units", "p.lindqvist"),
    ("", "m.tanaka"),
    ("coordinator", "a.ferreira"),
    ("leadership", "k.brandt"),
    ("administrator", "o.hansen"),
    ("auditor", "i.duarte"),
    ("another department", "f.mbaye"),
    ("a regulator", "w.chen"),
    ("a firm", "y.almeida"),
)


@group.command()
@click.option("--today", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day from which its days are counted.")
def load(day: datetime | None) -> None:
    """Load the ministry of config/demo; what is there already stays as it is."""
    _not_in_production()
    topics_ = click.get_current_context().find_root().command.commands["topics"]  # type: ignore[attr-defined]
    click.get_current_context().invoke(topics_.commands["load"])
    said, edition = rules.read()
    zone = settings().time_zone
    session = db.session()
    bind_reader(session, None)
    begun = queries.begun(session)
    if (begun and begun["edition"] != edition) or (not begun and queries.holds_another(session, [e["key"] for e in said["entry"]])):
        click.echo(
            "Another edition of the demo is here, and stays as it is. A new register (without var/) makes room for this one."
        )
        return
    on = date.fromisoformat(begun["today"]) if begun else day.date() if day else today(zone)
    ministry = Ministry(said, today=on, zone=zone)
    if not begun:
        with transaction(session):
            actions.begin(session, edition=edition, today=on, at=ministry.moment(-365))
    steps, done = rules.story(ministry), queries.moments(session)
    # the lists come first; once anything of the story is told they are whole, and people may have changed them since
    made = 0 if any(step.at in done for step in steps) else _load_lists(session, ministry)
    untold = [step for step in steps if step.at not in done]
    _tell(session, ministry, untold)
    click.echo(f"{settings().ministry_name}: {made} things made, {len(untold)} steps told")


def _not_in_production() -> None:
    if settings().environment == "production":
        raise click.ClickException("The demo has passwords that everybody can read: it is not for production.")


# --- lists -------------------------------------------------------------------------------------------------------------


def _load_lists(session: Session, ministry: Ministry) -> int:
    """Add what is missing of units, persons, stakes, events, questions, instruments and the rest that stands in lists."""
    bind_reader(session, None)
    at = ministry.moment(-365)
    made = 0
    steps: tuple[tuple[str, Callable[[Session, Said, Ministry, Known, datetime], bool]], ...] = (
        ("organisation", _organisation),
        ("unit", _unit),
        ("group", _group),
        ("person", _person),
        ("equity", _equity),
        ("forum", _forum),
        ("event", _event),
        ("question", _question),
        ("counterpart", _counterpart),
        ("instrument", _instrument),
        ("deputy", _deputy),
        ("holiday", _holiday),
        ("mailbox", _mailbox),
    )
    hashed = people.hasher(settings().argon2_time_cost, settings().argon2_memory_kib).hash(PASSWORD)
    for kind, step in steps:
        with transaction(session):
            known = exchange.known(session)
            for said in ministry.all(kind):
                if kind == "unit":  # one may stand under another that was only just made
                    known = exchange.known(session)
                made += step(session, said, ministry, known, at)
            if kind == "person":
                _set_passwords(session, ministry, hashed, at=at)
    return made


def _organisation(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    if organisation_named(session, said["name"]):
        return False
    people.add_organisation(session, rules.organisation(said), by=None, at=at)
    return True


def _unit(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    if comparable(said["short"]) in known.unit:
        return False
    home = organisation_named(session, ministry.thing("organisation", said["organisation"])["name"])
    assert home is not None
    people.add_unit(session, rules.unit(said, organisation_id=home.id, known=known), by=None, at=at)
    return True


def _group(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    if comparable(said["name"]) in known.group:
        return False
    people.add_group(session, said["name"], by=None, at=at)
    return True


def _person(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    if comparable(said["email"]) in known.person:
        return False
    people.add_person(session, rules.person(said, ministry, known), by=None, at=at)
    return True


def _set_passwords(session: Session, ministry: Ministry, hashed: str, *, at: datetime) -> None:
    for said in ministry.all("person"):
        person = person_by_email(session, said["email"])
        if person is not None and person.password_hash is None:
            people.set_password(session, person, hashed, by=person, at=at)


def _equity(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    topic = session.get_one(Topic, known.topic[comparable(said["topic"])])
    draft = rules.equity(said, ministry, known)
    if session.scalar(select(Equity.id).where(Equity.topic_id == topic.id, Equity.unit_id == draft.unit_id)) is not None:
        return False
    topics.give_equity(session, topic, draft, by=None, at=at)
    return True


def _forum(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    if comparable(said["name"]) in known.forum:
        return False
    calendar.add_forum(session, rules.forum(said), by=None, at=at)
    return True


def _event(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    draft = rules.event(said, ministry, known)
    if comparable(of_forum(draft.forum_id, draft.name)) in known.event:
        return False
    calendar.add_event(session, draft, by=None, at=at)
    return True


def _question(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    if comparable(said["text"]) in known.question:
        return False
    calendar.add_question(session, rules.question(said, known), by=None, at=at)
    return True


def _counterpart(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    if comparable(said["name"]) in known.counterpart:
        return False
    calendar.add_counterpart(session, rules.counterpart(said), by=None, at=at)
    return True


def _instrument(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    if comparable(said["name"]) in known.instrument:
        return False
    calendar.add_instrument(session, rules.instrument(said, ministry, known), by=None, at=at)
    return True


def _deputy(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    person = _person_named(session, ministry, said["person"])
    draft = rules.deputy(said, ministry, known)
    if session.scalar(select(Deputy.id).where(Deputy.person_id == person.id, Deputy.from_on == draft.from_on)) is not None:
        return False
    deputies.name(session, person, draft, by=person, at=at)
    return True


def _holiday(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    unit = session.get_one(Unit, known.unit[comparable(said["unit"])])
    day = Day(ministry.day(said["in_days"]), said["name"])
    if session.scalar(select(UnitHoliday.id).where(UnitHoliday.unit_id == unit.id, UnitHoliday.day == day.day)) is not None:
        return False
    holidays.add(session, unit, [day], by=None, at=at)
    return True


def _mailbox(session: Session, said: Said, ministry: Ministry, known: Known, at: datetime) -> bool:
    unit = session.get_one(Unit, known.unit[comparable(said["unit"])])
    if unit.mailbox is None or mailbox(session, unit.id) is not None:
        return False
    by = _person_named(session, ministry, said["by"])
    schedule = Schedule(Cadence.DAILY, said["hour"])
    digests.choose_mailbox(session, unit, schedule, address=unit.mailbox, zone=by.time_zone, by=by, at=at)
    return True


def _person_named(session: Session, ministry: Ministry, key: str) -> Person:
    email = ministry.thing("person", key)["email"]
    found = person_by_email(session, email)
    if found is None:
        raise click.ClickException(f"{email} is not there.")
    return found


# --- the story ---------------------------------------------------------------------------------------------------------


def _tell(session: Session, ministry: Ministry, steps: Sequence[Step]) -> None:
    """Do some steps of the story, each as the person who did it."""
    bind_reader(session, None)
    known, readers = exchange.known(session), dict[str, Reader]()
    with click.progressbar(steps, label="Telling what happened", file=sys.stderr) as bar:
        for step in bar:
            by = _act_as(session, ministry, step.by, readers)
            try:
                with transaction(session):
                    actions.tell(session, step, ministry, known, by=by)
            except (Refused, NotFound) as error:
                raise click.ClickException(f"{step}: {type(error).__name__}: {error}") from error
            if step.do is Do.SUCCEED:
                readers.clear()  # people have moved, and read as members of another unit now
    bind_reader(session, None)


def _act_as(session: Session, ministry: Ministry, key: str | None, readers: dict[str, Reader]) -> Person | None:
    """Bind the session to a person of the demo and return them; nobody is the product itself, which reads as the night does."""
    if key is None:
        bind_reader(session, None)
        bind_reader(session, all_units_reader(session))
        return None
    if key not in readers:
        bind_reader(session, None)
        readers[key] = reader_of(session, _person_named(session, ministry, key))
    bind_reader(session, readers[key])
    return _person_named(session, ministry, key)


# --- showing it --------------------------------------------------------------------------------------------------------


@group.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def serve(port: int) -> None:
    """Serve the demo with its worker, and catch its mail under var/mail; Ctrl-C ends all three."""
    _not_in_production()
    click.echo(f"\n  http://127.0.0.1:{port}\n\n  Everybody's password is  {PASSWORD}\n")
    said, _ = rules.read()
    email = {p["key"]: p["email"] for p in said["person"]}
    for what, key in SIGN_INS:
        click.echo(f"  {email[key]:32} {what}")
    click.echo("\n  Begin with the first: a red line of hers meets another unit's yes, days before both go to one event.")
    click.echo("  Mail is kept under var/mail. Ctrl-C stops everything.\n")
    context = click.get_current_context()
    served: Any = context.find_root().command
    with ExitStack() as here:
        _catch_mail(here, Path("var") / "mail")
        context.invoke(served.commands["serve"], host="127.0.0.1", port=port, with_worker=True)


@contextmanager
def catcher(folder: Path, *, port: int) -> Iterator[int]:
    """Take mail on a loopback port (0 chooses a free one, which is yielded) and keep it in files; raises OSError if it is taken."""
    folder.mkdir(parents=True, exist_ok=True)
    with _Catcher(("127.0.0.1", port), _Conversation) as server:
        server.folder = folder
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _catch_mail(here: ExitStack, folder: Path) -> None:
    said = settings()
    if said.smtp_host not in {"127.0.0.1", "localhost"} or said.smtp_security != "none":
        return  # a real relay is set: leave it to that
    try:
        here.enter_context(catcher(folder, port=said.smtp_port))
    except OSError as error:
        click.echo(f"Mail is not caught here: port {said.smtp_port}: {error.strerror}.", err=True)


class _Catcher(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    folder: Path


class _Conversation(socketserver.StreamRequestHandler):
    """As much of SMTP as the product speaks to its relay."""

    def handle(self) -> None:
        """Answer until the other side leaves."""
        self._say("220 demo")
        while line := self.rfile.readline(4096):
            word = line[:4].upper()
            if word == b"DATA":
                self._say("354 go on")
                self._keep()
            elif word == b"QUIT":
                self._say("221 bye")
                return
            self._say("250 taken" if word in {b"EHLO", b"HELO", b"MAIL", b"RCPT", b"DATA", b"RSET", b"NOOP"} else "502 not here")

    def _say(self, answer: str) -> None:
        self.wfile.write(answer.encode() + b"\r\n")

    def _keep(self) -> None:
        body = bytearray()
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            body += line.removeprefix(b".")
        server: Any = self.server
        name = f"{now():%Y%m%d-%H%M%S-%f}-{threading.get_ident()}.eml"
        (server.folder / name).write_bytes(body)
