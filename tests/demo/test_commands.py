import json
import smtplib
from collections import Counter
from collections.abc import Callable
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from coordinator.db import read_as_system, transaction
from coordinator.demo import actions, commands, rules
from coordinator.demo.commands import PASSWORD, SIGN_INS
from coordinator.demo.rules import Ministry
from coordinator.entries.models import Entry, State
from coordinator.errors import Busy
from coordinator.history.models import Event
from coordinator.people.actions import fits, hasher
from coordinator.people.models import Person
from coordinator.people.rules import password_fault
from tests.conftest import AT

TODAY = date(2026, 3, 20)


@pytest.mark.on("postgresql")  # on SQLite the whole of it is loaded for those who look at the demo
def test_a_load_that_was_broken_off_is_taken_up_and_a_second_one_changes_nothing(
    app: Flask, session: Session, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, told = actions.tell, []

    def stop_after_forty(*args: Any, **kwargs: Any) -> None:
        if len(told) == 40:
            raise Busy
        told.append(args[1])
        tell(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(actions, "tell", stop_after_forty)
        assert run(app, "demo", "load", "--today", "2026-03-20").exit_code == 1

    # on another day, the days are still counted from the first
    rest = run(app, "demo", "load", "--today", "2026-05-05")

    steps = rules.story(Ministry(rules.read()[0], today=TODAY, zone="Europe/Vienna"))
    assert [s.at for s in told] == [s.at for s in steps[:40]]
    assert f"0 things made, {len(steps) - 40} steps told" in rest.output
    session.expire_all()
    assert {s.at for s in steps} <= set(session.scalars(select(Event.at)))
    with read_as_system(session, "check") as connection:
        entry = Entry.__table__
        days = list(connection.scalars(select(entry.c.logged_on)))
        states = Counter(connection.scalars(select(entry.c.state)))
    assert TODAY.toordinal() - 3 <= max(days).toordinal() < TODAY.toordinal()
    assert set(states) == set(State)
    session.commit()

    assert run(app, "check").exit_code == 0
    before = session.scalar(select(func.max(Event.number)))
    session.commit()
    again = run(app, "demo", "load", "--today", "2026-04-01")
    assert "0 things made, 0 steps told" in again.output
    assert session.scalar(select(func.max(Event.number))) == before


def test_another_edition_stays_as_it_is(app: Flask, session: Session, run: Callable[..., Any]) -> None:
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


def test_it_refuses_to_be_loaded_or_served_in_production(
    app: Flask, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
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
