"""Loading the small ministry, and showing it."""

import socketserver
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from coordinator.calendar import actions as calendar
from coordinator.clock import now, today
from coordinator.db import bind_reader, db, transaction
from coordinator.demo import rules
from coordinator.demo.rules import Ministry, Said
from coordinator.dossiers import actions as dossiers
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries import actions as entries
from coordinator.entries.models import Entry
from coordinator.exchange import queries as exchange
from coordinator.exchange.actions import note_source
from coordinator.exchange.rules import Known, of_forum
from coordinator.extensions import settings
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps.models import Outcome, Overlap, Step
from coordinator.overlaps.queries import one as one_overlap
from coordinator.people import actions as people
from coordinator.people.models import Person
from coordinator.people.queries import organisation_named, person_by_email, reader_of
from coordinator.people.rules import comparable
from coordinator.positions import actions as positions
from coordinator.positions.models import Position
from coordinator.positions.rules import PositionDraft
from coordinator.settings import HOUSE
from coordinator.topics import actions as topics
from coordinator.topics.models import Equity, Topic

group = AppGroup("demo", help="A small ministry that does not exist, to try the product with.")

SOURCE = "demo"
PASSWORD = "wings-of-a-butterfly"  # noqa: S105 - of people who do not exist, on one machine
WITHDRAWN = "It no longer holds."

# one sign-in of each kind, as `demo serve` prints them
SIGN_INS = (
    ("desk officer", "j.moreau"),
    ("desk officer who also releases", "d.okonkwo"),
    ("the other side of a conflict", "h.castellanos"),
    ("coordinator", "a.ferreira"),
    ("leadership", "k.brandt"),
    ("administrator", "o.hansen"),
    ("auditor", "i.duarte"),
    ("another department", "f.mbaye"),
    ("a firm", "y.almeida"),
)


@group.command()
@click.option("--today", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day from which its days are counted.")
def load(day: datetime | None) -> None:
    """Load the ministry of config/demo.toml; what is there already stays as it is."""
    _not_in_production()
    topics_ = click.get_current_context().find_root().command.commands["topics"]  # type: ignore[attr-defined]
    click.get_current_context().invoke(topics_.commands["load"])
    said = tomllib.loads((HOUSE / "config" / "demo.toml").read_text())
    zone = settings().time_zone
    ministry = Ministry(said, today=day.date() if day else today(zone), zone=zone)
    session = db.session()
    made = _load_lists(session, ministry) + _load_entries(session, ministry)
    decided = _load_decisions(session, ministry)
    bind_reader(session, None)
    click.echo(f"{said['name']} (illustrative): {made} things made, {decided} decisions taken")


def _not_in_production() -> None:
    if settings().environment == "production":
        raise click.ClickException("The demo has passwords that everybody can read: it is not for production.")


# --- lists -------------------------------------------------------------------------------------------------------------


def _load_lists(session: Session, ministry: Ministry) -> int:
    """Add what is missing of organisations, units, persons, stakes, forums, events, questions and counterparts."""
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
    calendar.add_event(session, draft, by=None, at=ministry.moment(0))
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


# --- entries -----------------------------------------------------------------------------------------------------------


def _act_as(session: Session, ministry: Ministry, key: str) -> Person:
    bind_reader(session, None)
    email = ministry.thing("person", key)["email"]
    found = person_by_email(session, email)
    if found is None:
        raise click.ClickException(f"{email} is not there.")
    bind_reader(session, reader_of(session, found))
    again = person_by_email(session, email)
    assert again is not None
    return again


def _load_entries(session: Session, ministry: Ministry) -> int:
    """Log and release the entries that are missing, each by the persons who would, the oldest first."""
    bind_reader(session, None)
    known = exchange.known(session)
    listed = sorted(ministry.all("entry"), key=lambda e: -e["logged_days_ago"])
    before = exchange.taken_before(session, SOURCE, [e["key"] for e in listed])
    made = 0
    for said in listed:
        if said["key"] in before:
            continue
        _load_entry(session, said, ministry, known)
        made += 1
    return made


def _load_entry(session: Session, said: Said, ministry: Ministry, known: Known) -> None:
    author = _act_as(session, ministry, said["author"])
    at = ministry.moment(-said["logged_days_ago"])
    day = ministry.day(-said["logged_days_ago"])
    draft = rules.entry(said, ministry, known)
    entry: Entry
    with transaction(session):
        if isinstance(draft, DossierDraft):
            entry = dossiers.log_dossier(session, draft, unit=author.unit, by=author, at=at, on=day, code=said["code"])
        else:
            entry = _log_position(session, said, draft, author, at, day)
        note_source(session, entry, source=SOURCE, external_id=said["key"], digest="")
        if said["state"] == "draft":
            entries.offer(session, entry, by=author, at=at)
    if said["state"] == "draft":
        return
    key = ministry.releasing(said)
    by = _act_as(session, ministry, key) if key else None
    entry = session.scalars(select(Entry).where(Entry.ref == entry.ref)).one()
    with transaction(session):
        entries.release(session, entry, by=by, at=at)
        if said["state"] == "withdrawn":
            entries.withdraw(session, entry, why=said.get("withdrawn_why", WITHDRAWN), by=by, at=at)
    for unit in said.get("adhered_by", ()):
        _adhere(session, entry.ref, unit, ministry, at)


def _log_position(session: Session, said: Said, draft: PositionDraft, author: Person, at: datetime, day: date) -> Position:
    older = None
    if "supersedes" in said:
        found = exchange.taken_before(session, SOURCE, [said["supersedes"]])[said["supersedes"]]
        older = session.scalars(select(Position).where(Position.id == found[0])).one()
    return positions.log_position(session, draft, unit=author.unit, by=author, at=at, on=day, supersedes=older)


def _adhere(session: Session, ref: str, unit: str, ministry: Ministry, at: datetime) -> None:
    key = next(p["key"] for p in ministry.all("person") if p["unit"] == unit and "releasing" in p["roles"])
    by = _act_as(session, ministry, key)
    line = session.scalars(select(Position).where(Position.ref == ref)).one()
    with transaction(session):
        positions.adhere(session, line, unit=by.unit, by=by, at=at)


# --- decisions ---------------------------------------------------------------------------------------------------------

_DONE = {
    "acknowledge": ("acknowledged",),
    "settle": ("settled", "proposed_settling"),
    "dismiss": ("dismissed", "proposed_dismissing"),
}


def _load_decisions(session: Session, ministry: Ministry) -> int:
    """Let the persons named do about overlaps what the file says, in its order; what they did before is not done again."""
    return sum(_decide(session, said, ministry) for said in ministry.all("decision"))


def _decide(session: Session, said: Said, ministry: Ministry) -> bool:
    by = _act_as(session, ministry, said["by"])
    ends = exchange.taken_before(session, SOURCE, [said["a"], said["b"]])
    a, b = ends[said["a"]][0], ends[said["b"]][0]
    pair = or_(and_(Overlap.low_id == a, Overlap.high_id == b), and_(Overlap.low_id == b, Overlap.high_id == a))
    ref = session.scalar(select(Overlap.ref).where(pair))
    if ref is None:
        raise click.ClickException(f"There is no overlap of {said['a']} and {said['b']} that {said['by']} sees.")
    overlap = one_overlap(session, ref)
    done = select(Step.id).where(Step.overlap_id == overlap.id, Step.person_id == by.id, Step.did.in_(_DONE[said["do"]]))
    if session.scalar(done.limit(1)) is not None:
        return False
    at = ministry.moment(0)
    with transaction(session):
        if said["do"] == "acknowledge":
            overlaps.acknowledge(session, overlap, by=by, at=at)
        elif said["do"] == "dismiss":
            overlaps.dismiss(session, overlap, why=said["text"], by=by, at=at)
        else:
            outcome = Outcome(said.get("outcome", Outcome.SPLIT_SCOPE))
            overlaps.settle(session, overlap, statement=said["text"], outcome=outcome, by=by, at=at)
    return True


# --- showing it --------------------------------------------------------------------------------------------------------


@group.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def serve(port: int) -> None:
    """Serve the demo with its worker, and catch its mail under var/mail; Ctrl-C ends all three."""
    _not_in_production()
    click.echo(f"\n  http://127.0.0.1:{port}\n\n  Everybody's password is  {PASSWORD}\n")
    ministry = tomllib.loads((HOUSE / "config" / "demo.toml").read_text())
    email = {p["key"]: p["email"] for p in ministry["person"]}
    for what, key in SIGN_INS:
        click.echo(f"  {email[key]:32} {what}")
    click.echo("\n  Mail is kept under var/mail. Ctrl-C stops everything.\n")
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
