import http.client
import os
import random
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, db, transaction
from coordinator.entries.actions import release
from coordinator.entries.models import Entry, EntryVersion
from coordinator.history.models import Event
from coordinator.history.queries import broken_at
from coordinator.overlaps.models import Overlap, OverlapKind
from coordinator.people.models import Person
from coordinator.people.queries import person, reader_of
from tests.make import Make
from tests.reliability.conftest import Browser, Served

KILLS = int(os.environ.get("COORDINATOR_KILLS", "10"))
SEED = 20260302


def everything(reader: Person) -> tuple[list[Entry], Counter[int], Counter[int]]:
    """Return what a unit's officer sees: all entries, how many versions each has, how often each was recorded as logged."""
    with Session(db.engine, expire_on_commit=False) as session:
        bind_reader(session, reader_of(session, person(session, reader.ref)))
        entries = list(session.scalars(select(Entry).order_by(Entry.id)))
        versions = Counter(session.scalars(select(EntryVersion.entry_id)))
        logged = Counter(session.scalars(select(Event.subject_id).where(Event.action == "position.logged")))
        assert broken_at(session) is None
        return entries, versions, logged


def together(tasks: Iterable[Callable[[], Any]]) -> list[Any]:
    """Run tasks at the same time, all let go at once; return what they return."""
    waiting = list(tasks)
    gate = threading.Barrier(len(waiting))

    def run(task: Callable[[], Any]) -> Any:
        gate.wait(30)
        return task()

    with ThreadPoolExecutor(len(waiting)) as pool:
        return list(pool.map(run, waiting))


def save(browser: Browser, fields: dict[str, Any], title: str) -> tuple[int, str]:
    """Log one position as a draft; return the status and where it leads."""
    status, where, _ = browser.ask("POST", "/positions/log", fields | {"title": title, "text": line_of(title)})
    return status, where


def line_of(title: str) -> str:
    """Return a text that only this title has, long enough to be cut if anything could be."""
    return " ".join(f"{title} says this, sentence {n}." for n in range(60))


def new_key(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields as another opening of the page would have them."""
    return fields | {"form_key": secrets.token_urlsafe(16)}


def test_forty_saves_at_the_same_time_lose_nothing(things: Make, served: Served) -> None:
    things.topic("Encryption")
    officer = things.officer()
    browsers = [served.browser(officer) for _ in range(8)]
    fields = browsers[0].form()
    titles = [f"Position {n}" for n in range(40)]

    answers = together(partial(patiently, browsers[n % 8], new_key(fields), title) for n, title in enumerate(titles))

    assert {status for status, _ in answers} == {303}
    assert len({where for _, where in answers}) == 40
    entries, versions, logged = everything(officer)
    assert sorted(e.title for e in entries) == sorted(titles)
    assert all(e.text == line_of(e.title) for e in entries)
    assert versions == logged == Counter({e.id: 1 for e in entries})


def patiently(browser: Browser, fields: dict[str, Any], title: str) -> tuple[int, str]:
    """Press the button again, as the page says, when the register was busy; the form's key stays the same."""
    for _ in range(20):
        status, where = save(browser, fields, title)
        if status not in {409, 503}:
            break
    return status, where


def test_a_form_that_is_sent_twenty_times_at_once_makes_one_entry(things: Make, served: Served) -> None:
    things.topic("Encryption")
    officer = things.officer()
    browser = served.browser(officer)
    fields = browser.form()

    answers = together([lambda: patiently(browser, fields, "Pressed too often")] * 20)

    assert {status for status, _ in answers} == {303}
    assert len({where for _, where in answers}) == 1
    entries, versions, _ = everything(officer)
    assert [e.title for e in entries] == ["Pressed too often"]
    assert versions == Counter({entries[0].id: 1})


def test_a_process_killed_while_saving_loses_no_acknowledged_save_and_leaves_no_half(things: Make, served: Served) -> None:
    things.topic("Encryption")
    officer = things.officer()
    browsers = [served.browser(officer) for _ in range(4)]
    fields = browsers[0].form()
    chance = random.Random(SEED)
    stop = threading.Event()
    acknowledged: dict[str, str] = {}
    tried: set[str] = set()
    lock = threading.Lock()
    going_on = threading.Semaphore(0)

    def keep_saving(number: int) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            title = f"Officer {number}, position {count}"
            with lock:
                tried.add(title)
            sent = new_key(fields)
            for _ in range(3):  # who gets no answer presses the button again; the page and its key are the same
                try:
                    status, where = save(browsers[number], sent, title)
                except (OSError, http.client.HTTPException):
                    continue
                if status == 303:
                    with lock:
                        acknowledged[title] = where
                    going_on.release()
                    break
                assert status in {409, 503}

    pause = threading.Event()
    with ThreadPoolExecutor(len(browsers)) as pool:
        saving = [pool.submit(keep_saving, n) for n in range(len(browsers))]
        try:
            for _ in range(KILLS):
                while going_on.acquire(blocking=False):
                    pass
                assert going_on.acquire(timeout=60), "nothing is saved any more"
                pause.wait(chance.uniform(0, 0.2))
                served.kill_one(chance.choice)
        finally:
            stop.set()
        for one in saving:
            one.result(60)

    assert len(acknowledged) >= KILLS
    entries, versions, logged = everything(officer)
    titles = Counter(e.title for e in entries)
    assert not acknowledged.keys() - titles.keys(), "an acknowledged save is lost"
    assert titles.keys() <= tried
    assert set(titles.values()) == {1}, "a save was made twice"
    assert all(e.text == line_of(e.title) for e in entries), "a text was cut"
    assert versions == logged == Counter({e.id: 1 for e in entries}), "an entry without its version or its history"
    checked = served.run("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("turn", range(3))
def test_two_releases_at_the_same_time_find_each_other(things: Make, turn: int) -> None:
    topic = things.topic()
    question = things.question(topic=topic)
    one, other = things.officer(), things.officer()
    drafts = [
        (things.position(by=one, topic=topic, question=question, stance="support", released=False), one),
        (things.position(by=other, topic=topic, question=question, stance="red_line", released=False), other),
    ]

    def let_go(entry: Entry, by: Person) -> Callable[[], None]:
        def run() -> None:
            with Session(db.engine, expire_on_commit=False) as session:
                bind_reader(session, reader_of(session, person(session, by.ref)))
                found = session.scalars(select(Entry).where(Entry.ref == entry.ref)).one()
                acting = person(session, by.ref)
                with transaction(session):
                    release(session, found, by=acting, at=datetime.now(UTC))

        return run

    together(let_go(entry, by) for entry, by in drafts)

    with Session(db.engine) as session:
        bind_reader(session, reader_of(session, person(session, one.ref)))
        assert list(session.scalars(select(Overlap.kind))) == [OverlapKind.CONFLICT]
