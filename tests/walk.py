"""A walk through the application by its links alone, over the demo: which pages there are, and who got where."""

import html
import io
import re
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from flask import Flask
from sqlalchemy.orm import Session

from coordinator.db import bookkeeping, db
from coordinator.digests import actions as digest_actions
from coordinator.digests.models import Cadence, Digest, DigestState, Schedule
from coordinator.digests.queries import chosen
from coordinator.people import actions
from coordinator.people.queries import person_by_email
from tests.conftest import ADDRESS, AT

WALKERS = ("a.ferreira", "d.okonkwo", "j.moreau", "o.hansen", "k.brandt", "i.duarte", "y.almeida")
"""A coordinator, two officers, an administrator, leadership, an auditor and a firm's diplomat, of the demo."""

LINK = re.compile(r'<a\b[^>]*\bhref="([^"]+)"')
MOST, TRIES = 300, 3
UPLOADS = (
    ("a.ferreira", "/lists/topics", "name,broader\nQuantum networking,\nTidal power,No such topic\n"),
    (
        "d.okonkwo",
        "/bring-in",
        "kind,title,text,topics\nposition,Keys,Our line.,Encryption\nposition,Tides,Our line.,No such topic\n",
    ),
)
"""Who uploads what, and where, so that there is a file to look through."""


@dataclass(frozen=True)
class Stop:
    """One page of the walk: the endpoint, the address at which it was found, and who can open it."""

    endpoint: str
    path: str
    walker: str
    kind: str


def prepared(register: Path, folder: Path) -> Path:
    """Copy a loaded demo into a folder and return the copy, in which one digest has gone out."""
    file = Path(shutil.copy(register, folder / "demo.sqlite"))
    db.stop()
    db.start(f"sqlite:///{file}")
    _send_a_digest()
    db.stop()
    return file


def _send_a_digest() -> None:
    """Let one digest have gone out to an officer, so that there is one to be read again."""
    with Session(db.engine, expire_on_commit=False) as session:
        person = person_by_email(session, _address(session, WALKERS[1]))
        assert person is not None
        session.commit()
        with bookkeeping(session):
            digest_actions.choose(session, person.id, Schedule(Cadence.DAILY, 7))
            session.add(
                Digest(
                    subscription_id=chosen(session, person.id).id,
                    period_on=AT.date(),
                    state=DigestState.SENT,
                    message_id="<walk@coordinator.test>",
                    due_at=AT,
                    sent_at=AT,
                    after_number=0,
                    up_to_number=10**9,
                )
            )


@contextmanager
def over(file: Path) -> Iterator[None]:
    """Let the application stand on a register."""
    db.stop()
    db.start(f"sqlite:///{file}", pool_size=4)
    try:
        yield
    finally:
        db.stop()


def entered(person_key: str) -> str:
    """Sign a person of the demo in and return the secret that their browser carries."""
    with Session(db.engine, expire_on_commit=False) as session:
        person = person_by_email(session, _address(session, person_key))
        assert person is not None, person_key
        session.commit()
        with bookkeeping(session):
            return actions.start_sign_in(session, person.id, at=AT)


def _address(session: Session, key: str) -> str:
    for home in ("ministry", "trade", "regulator", "orrery"):
        if person_by_email(session, f"{key}@{home}.example") is not None:
            return f"{key}@{home}.example"
    raise AssertionError(f"nobody of the demo is called {key}")


def cookie_of(app: Flask, key: str) -> str:
    """Return the session cookie of a person of the demo who is signed in."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    return str(serializer.dumps({"sign_in": entered(key)}))


def browser_of(app: Flask, key: str) -> Any:
    """Return a test client in which a person of the demo is signed in."""
    browser: Any = app.test_client()
    secret = entered(key)
    with browser.session_transaction() as kept:
        kept["sign_in"] = secret
    return browser


def walk(app: Flask) -> list[Stop]:
    """Follow every link that leads to a page of a sort not yet seen, one person after the other."""
    found: dict[str, Stop] = {}
    for key in WALKERS:
        browser = browser_of(app, key)
        starts = [_uploaded(browser, to, rows) for who, to, rows in UPLOADS if who == key]
        _walk_as(app, browser, key, found, starts)
    return sorted(found.values(), key=lambda s: s.endpoint)


def _uploaded(browser: Any, to: str, rows: str) -> str:
    """Upload a file of rows, one of them wrong, and return the address at which it can be looked through."""
    data = {"file": (io.BytesIO(rows.encode()), "rows.csv"), "csrf_token": browser.token()}
    answer = browser.post(to, data=data, content_type="multipart/form-data")
    assert answer.status_code in {302, 303}, answer.get_data(as_text=True)
    return str(answer.location)


def _walk_as(app: Flask, browser: Any, key: str, found: dict[str, Stop], starts: list[str]) -> None:
    adapter = app.url_map.bind(urlsplit(ADDRESS).netloc)
    waiting, opened = deque(["/", *starts]), 0
    tried = dict.fromkeys(found, TRIES - 1)  # what somebody else has seen is opened once more, for the links of one's own
    while waiting and opened < MOST:
        path = waiting.popleft()
        endpoint = adapter.match(urlsplit(path).path)[0]
        if endpoint in {"static", "bootstrap.static"} or tried.get(endpoint, 0) >= TRIES:
            continue
        tried[endpoint] = tried.get(endpoint, 0) + 1
        opened += 1
        answer = browser.get(path)
        if answer.status_code != 200:
            continue
        found.setdefault(endpoint, Stop(endpoint, path, key, answer.mimetype))
        if answer.mimetype == "text/html":
            for target in LINK.findall(answer.get_data(as_text=True)):
                there = urldefrag(urljoin(ADDRESS + path, html.unescape(target))).url
                if there.startswith(ADDRESS + "/"):
                    inside = there.removeprefix(ADDRESS)
                    if adapter.test(urlsplit(inside).path, "GET"):
                        waiting.append(inside)
