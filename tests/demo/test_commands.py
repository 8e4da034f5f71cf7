import json
import smtplib
from collections import Counter
from collections.abc import Iterator
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import time_machine
from alembic import command as alembic
from click.testing import Result
from flask import Flask
from flask.cli import ScriptInfo
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from coordinator.cli import migrations, root
from coordinator.db import bind_reader, db, read_as_system, transaction
from coordinator.demo import actions, commands, rules
from coordinator.demo.commands import PASSWORD, SIGN_INS
from coordinator.demo.rules import Ministry
from coordinator.entries.models import Entry, State
from coordinator.errors import Busy
from coordinator.history.models import Event
from coordinator.overlaps.models import Overlap, OverlapKind, OverlapState, Severity
from coordinator.overlaps.queries import CROWDED
from coordinator.people.actions import fits, hasher
from coordinator.people.models import Circle, Organisation, Person
from coordinator.people.queries import person_by_email, reader_of
from coordinator.people.rules import password_fault
from tests.conftest import AT


def run(app: Flask, *command: str) -> Result:
    result = app.test_cli_runner().invoke(root, command, obj=ScriptInfo(create_app=lambda: app, set_debug_flag=False))
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture(scope="module")
def filled(_application: Flask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register with the demo in it, loaded once."""
    file = tmp_path_factory.mktemp("demo") / "register.sqlite"
    alembic.upgrade(migrations(f"sqlite:///{file}"), "head")
    db.stop()
    db.start(f"sqlite:///{file}")
    with time_machine.travel(AT, tick=False):
        run(_application, "demo", "load")
    db.stop()
    return file


@pytest.fixture
def shown(filled: Path) -> Iterator[Session]:
    """A session that looks at the demo."""
    db.stop()
    db.start(f"sqlite:///{filled}")
    with Session(db.engine) as session:
        yield session
    db.stop()


def sees(session: Session, email: str) -> Person:
    bind_reader(session, None)
    person = person_by_email(session, email)
    assert person is not None
    bind_reader(session, reader_of(session, person))
    return person


def kinds(session: Session) -> Counter[Any]:
    return Counter(tuple(row) for row in session.execute(select(Overlap.kind, Overlap.severity).where(Overlap.current)))


def test_it_shows_a_critical_conflict_a_collision_a_duplication_and_a_crowd(shown: Session) -> None:
    sees(shown, "a.ferreira@ministry.example")
    found = kinds(shown)

    assert found[OverlapKind.CONFLICT, Severity.CRITICAL] >= 1
    assert found[OverlapKind.COLLISION, Severity.HIGH] >= 1
    assert found[OverlapKind.DUPLICATION, Severity.MEDIUM] >= 1
    assert found[OverlapKind.POSSIBLE, Severity.LOW] >= 1
    on_ai = set(shown.scalars(select(Entry.unit_id).where(Entry.topics.any(key="artificial-intelligence"))))
    assert len(on_ai) > CROWDED


def test_a_sealed_overlap_is_seen_by_one_side_and_not_by_the_other(shown: Session) -> None:
    mine = select(Overlap.ref).where(Overlap.low.has(level=2) | Overlap.high.has(level=2))

    sees(shown, "j.moreau@ministry.example")
    assert list(shown.scalars(mine))
    sees(shown, "b.osei@ministry.example")
    assert not list(shown.scalars(mine))
    assert not list(shown.scalars(select(Entry.id).where(Entry.level == 2)))


def test_decisions_are_taken_by_those_who_are_named(shown: Session) -> None:
    sees(shown, "a.ferreira@ministry.example")
    states = Counter(shown.scalars(select(Overlap.state).where(Overlap.current)))

    assert states[OverlapState.SETTLED] == 1
    assert states[OverlapState.DISMISSED] == 1
    assert states[OverlapState.ACKNOWLEDGED] == 1


@pytest.mark.both
def test_days_are_counted_from_the_day_that_is_said_and_a_second_run_changes_nothing(app: Flask, session: Session) -> None:
    run(app, "demo", "load", "--today", "2026-03-20")
    with read_as_system(session, "check") as connection:
        entry = Entry.__table__
        days = list(connection.scalars(select(entry.c.logged_on)))
        states = Counter(connection.scalars(select(entry.c.state)))
    assert date(2026, 3, 16) <= max(days) < date(2026, 3, 20)
    assert {State.DRAFT, State.RELEASED, State.SUPERSEDED, State.WITHDRAWN} <= set(states)
    session.commit()
    before = session.scalar(select(func.max(Event.number)))
    session.commit()

    again = run(app, "demo", "load", "--today", "2026-04-01")

    assert "0 things made, 0 steps told" in again.output
    assert session.scalar(select(func.max(Event.number))) == before


@pytest.mark.both
def test_a_load_that_was_broken_off_is_taken_up_where_it_stopped(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, told = actions.tell, []

    def stop_after_forty(*args: Any, **kwargs: Any) -> None:
        if len(told) == 40:
            raise Busy
        told.append(args[1])
        tell(*args, **kwargs)

    monkeypatch.setattr(actions, "tell", stop_after_forty)
    broken = run(app, "demo", "load", "--today", "2026-03-20")
    assert broken.exit_code == 1
    monkeypatch.setattr(actions, "tell", tell)

    rest = run(app, "demo", "load", "--today", "2026-05-05")

    steps = rules.story(Ministry(rules.read()[0], today=date(2026, 3, 20), zone="Europe/Vienna"))
    assert [s.at for s in told] == [s.at for s in steps[:40]]
    assert f"0 things made, {len(steps) - 40} steps told" in rest.output
    session.expire_all()
    assert {s.at for s in steps} <= set(session.scalars(select(Event.at)))


def test_another_edition_stays_as_it_is(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction(session):
        actions.begin(session, edition="an earlier one", today=date(2026, 1, 5), at=AT)

    refused = run(app, "demo", "load")

    assert refused.exit_code == 0
    assert "Another edition of the demo is here" in refused.output
    assert session.scalar(select(func.count()).select_from(Person)) == 0


def test_everybody_signs_in_with_the_one_password_that_is_printed(shown: Session) -> None:
    made_by = hasher(1, 1024)
    people = {p.email.partition("@")[0]: p for p in shown.scalars(select(Person))}

    assert {key for _, key in SIGN_INS} <= people.keys()
    assert len({p.password_hash for p in people.values()}) == 1
    assert all(fits(p, PASSWORD, made_by) for p in list(people.values())[:2])
    assert all(password_fault(PASSWORD, name=p.name, email=p.email) is None for p in people.values())


def test_all_three_circles_are_there(shown: Session) -> None:
    assert {o.circle: o.ceiling for o in shown.scalars(select(Organisation))} == {
        Circle.MINISTRY: 2,
        Circle.GOVERNMENT: 1,
        Circle.COUNTRY: 0,
    }


def test_it_refuses_to_be_loaded_or_served_in_production(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.extensions["settings"].model_copy(update={"environment": "production"})
    monkeypatch.setitem(app.extensions, "settings", settings)

    for command in ("load", "serve"):
        refused = run(app, "demo", command)
        assert refused.exit_code == 1
        assert "it is not for production" in refused.output


def test_mail_of_the_demo_is_kept_in_files(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@ministry.example", "b@ministry.example", "Wings"
    message.set_content("One line.\n.A line that begins with a full stop.\n")
    with commands.catcher(tmp_path, port=0) as port, smtplib.SMTP("127.0.0.1", port, timeout=10) as relay:
        relay.send_message(message)
        relay.send_message(message)

    kept = [path.read_text() for path in sorted(tmp_path.iterdir())]
    assert len(kept) == 2
    assert "Subject: Wings" in kept[0]
    assert "\n.A line that begins" in kept[0].replace("\r", "")
    assert json.dumps(kept[0]) == json.dumps(kept[1])
