import fcntl
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import time_machine
from alembic import command as alembic
from click.testing import Result
from flask import Flask
from flask.cli import ScriptInfo
from sqlalchemy.orm import Session

from coordinator.cli import migrations, root
from coordinator.db import bind_reader, db
from coordinator.people.models import Person
from coordinator.people.queries import person_by_email, reader_of
from tests.conftest import AT

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a command as an operator would; one that breaks breaks the test."""

    def command(app: Flask, *words: str) -> Result:
        result = app.test_cli_runner().invoke(root, words, obj=ScriptInfo(create_app=lambda: app, set_debug_flag=False))
        assert not result.exception or isinstance(result.exception, SystemExit), result.exception
        return result

    return command


@pytest.fixture(scope="session")
def filled(_application: Flask, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register with the demo in it, loaded once by whichever worker comes first, for all that only look."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    whole = shared / "demo.sqlite"
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            file = tmp_path_factory.mktemp("demo") / "register.sqlite"
            alembic.upgrade(migrations(f"sqlite:///{file}"), "head")
            db.stop()
            db.start(f"sqlite:///{file}")
            with time_machine.travel(AT, tick=False):
                assert run(_application, "demo", "load").exit_code == 0
            db.stop()
            shutil.move(file, whole)
    return whole


@pytest.fixture
def shown(filled: Path) -> Iterator[Session]:
    """A session that looks at the demo."""
    db.stop()
    db.start(f"sqlite:///{filled}")
    with Session(db.engine) as session:
        yield session
    db.stop()


@pytest.fixture
def sees(shown: Session) -> Callable[[str], Person]:
    """Look at the demo as the person of a key."""

    def as_(key: str) -> Person:
        bind_reader(shown, None)
        domain = {"f.mbaye": "trade", "w.chen": "regulator", "y.almeida": "orrery", "d.papadakis": "pelagia"}.get(key, "ministry")
        person = person_by_email(shown, f"{key}@{domain}.example")
        assert person is not None
        bind_reader(shown, reader_of(shown, person))
        return person

    return as_
