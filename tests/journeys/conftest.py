"""A real browser at the real application over a real socket, and people who come through its door."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, expect

from benchmarks.pictures import CHROMIUM, QUIET, served
from coordinator.db import db
from tests.journeys.actors import PASSWORD, Actor
from tests.make import Make

PATIENCE = 20_000  # milliseconds before something is said to be missing: for crowded machines, a quiet one never waits for it


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How the one browser of a worker is started."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.skip(f"no Chromium on this machine: none of {', '.join(CHROMIUM)}")
    expect.set_options(timeout=PATIENCE)
    return {"executable_path": found, "args": list(QUIET)}


@pytest.fixture
def address(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the application of this test is served, by the server that also serves it in earnest."""
    monkeypatch.setitem(app.config, "TRUSTED_HOSTS", ["127.0.0.1"])  # browsers trust a loopback address, not a made-up name
    # to a browser of today the answers of the standing clock are old: let it keep what it has all the same
    monkeypatch.setitem(app.config, "SEND_FILE_MAX_AGE_DEFAULT", 10**9)
    with served(app) as there:
        yield there


Arrives = Callable[..., Actor]


@pytest.fixture
def opens(browser: Browser, address: str) -> Iterator[Callable[..., BrowserContext]]:
    """Open a browser of somebody's own at the application: cookies, colours and scripts apart from everybody else's."""
    opened: list[BrowserContext] = []

    def own(**said: Any) -> BrowserContext:
        context = browser.new_context(base_url=address, locale="en-GB", reduced_motion="reduce", **said)
        context.set_default_timeout(PATIENCE)
        opened.append(context)
        return context

    yield own
    for context in opened:
        context.close()


@pytest.fixture
def arrives(opens: Callable[..., BrowserContext], make: Make) -> Iterator[Arrives]:
    """Let somebody come in: make the person, open a browser of their own, sign in through the form.

    At the end nobody's browser may have complained.
    """
    actors: list[Actor] = []

    def come(name: str, *, browser: dict[str, Any] | None = None, **said: Any) -> Actor:
        person = make.person(name, password=PASSWORD, **said)
        actor = Actor(person, opens(**(browser or {})).new_page())
        actors.append(actor)
        actor.signs_in()
        return actor

    yield come
    complaints = {actor.name: actor.complaints for actor in actors if actor.complaints}
    assert not complaints
    db.session.remove()
