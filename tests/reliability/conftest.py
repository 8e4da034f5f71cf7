"""A register that real processes serve: the clock is the machine's, the disk is waited for, and a process may be killed."""

import http.client
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy.orm import Session

from coordinator.db import bookkeeping, db
from coordinator.people.actions import start_sign_in
from coordinator.people.models import Person
from tests.make import Make

READY_SECONDS = 60


class Fields(HTMLParser):
    """The fields of a page's form, each with what it starts with."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        name = said.get("name")
        if tag != "input" or not name:
            return
        if said.get("type") not in {"radio", "checkbox"} or "checked" in said:
            self.values.setdefault(name, said.get("value") or "")


class Served:
    """The product as its users meet it: processes of its own, over a real socket."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.secret = url, folder, secrets.token_hex(32)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.env = os.environ | {
            "COORDINATOR_ENV": "test",
            "COORDINATOR_SECRET_KEY": self.secret,
            "COORDINATOR_DATABASE_URL": url,
            "COORDINATOR_JOBS_URL": "memory://",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start two web processes under the production server and wait until they answer."""
        self._log = (self.folder / "served.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "wsgi:app", "--preload", "--workers", "2", "--threads", "4"]
            + ["--bind", f"127.0.0.1:{self.port}", "--worker-tmp-dir", str(self.folder), "--log-level", "warning"]
            + ["--graceful-timeout", "5", "--worker-class", "gthread", "--no-control-socket"],
            env=self.env,
            stdout=self._log,
            stderr=self._log,
        )
        waiting = threading.Event()
        for _ in range(READY_SECONDS * 10):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self._process.poll() is None, (self.folder / "served.log").read_text()
            waiting.wait(0.1)
        raise AssertionError("it does not answer")

    def workers(self) -> list[int]:
        """Return the process ids of the web processes."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def kill_one(self, choose: Callable[[list[int]], int]) -> None:
        """Kill one web process where it stands; the server starts another."""
        alive = self.workers()
        if alive:
            with suppress(ProcessLookupError):
                os.kill(choose(alive), signal.SIGKILL)

    def stop(self) -> None:
        """End all processes that were started here."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # at once: nobody is being served any more
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._log.close()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the product over the same register."""
        return subprocess.run(
            [sys.executable, "-m", "coordinator.cli", *command],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def browser(self, person: Person) -> "Browser":
        """Return a browser in which somebody is signed in."""
        with Session(db.engine) as session, bookkeeping(session):
            secret = start_sign_in(session, person.id, at=datetime.now(UTC))
        return Browser(self, secret)


class Browser:
    """One person's browser; each request on a connection of its own, as after a killed process."""

    def __init__(self, served: Served, secret: str) -> None:
        self.served = served
        raw = secrets.token_hex(20)
        app = Flask("cookies")
        app.secret_key = served.secret
        signer = SecureCookieSessionInterface().get_signing_serializer(app)
        assert signer is not None
        self.cookie = f"session={signer.dumps({'sign_in': secret, 'csrf_token': raw})}"
        self.token = str(URLSafeTimedSerializer(served.secret, salt="wtf-csrf-token").dumps(raw))

    def ask(self, method: str, path: str, fields: Any = None) -> tuple[int, str, str]:
        """Send a request; return the status, where it leads, and the page. Raises OSError or HTTPException if nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=20)
        headers = {"Host": "coordinator.test", "Cookie": self.cookie}
        body = None
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode({"csrf_token": self.token, **fields}, doseq=True)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Location", ""), answer.read().decode()
        finally:
            connection.close()

    def form(self) -> dict[str, Any]:
        """Open the page that logs a position; return its fields as they stand there, the first topic chosen."""
        status, _, page = self.ask("GET", "/positions/log")
        assert status == 200, page[:2000]
        fields: dict[str, Any] = dict(Fields(page).values)
        select = re.search(r'<select[^>]*name="topics".*?</select>', page, re.DOTALL)
        assert select is not None
        refs = re.findall(r'<option[^>]*value="([^"]{22})"', select.group())
        fields["topics"] = refs[:1]
        fields.pop("csrf_token", None)
        return fields


@pytest.fixture
def register(_application: Flask, _template: Any) -> Iterator[str]:
    """The address of an empty, migrated database; the clock runs."""
    db.stop()
    url: str = _template.fresh()
    db.start(url, pool_size=4)
    yield url
    db.stop()


@pytest.fixture
def things(register: str) -> Iterator[Make]:
    """Things in that register."""
    with Session(db.engine, expire_on_commit=False) as session:
        yield Make(session, datetime.now(UTC))


@pytest.fixture
def served(register: str, tmp_path: Path) -> Iterator[Served]:
    """The product over that register, in processes of its own."""
    running = Served(register, tmp_path)
    running.start()
    yield running
    running.stop()
