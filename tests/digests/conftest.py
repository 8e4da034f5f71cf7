"""A mail server that fails on demand, and the application told to send there."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.digests.relay import Relay


@pytest.fixture
def relay(app: Flask) -> Iterator[Relay]:
    """A real server on loopback; the application sends there, within a context of its own."""
    server = Relay()
    server.start()
    before = app.extensions["settings"]
    app.extensions["settings"] = before.model_copy(update={"smtp_port": server.address})
    with app.app_context():
        yield server
    app.extensions["settings"] = before
    server.stop()
