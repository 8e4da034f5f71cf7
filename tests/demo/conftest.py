from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, db
from coordinator.people.models import Person
from coordinator.people.queries import person_by_email, reader_of


@pytest.fixture
def shown(demo_register: Path) -> Iterator[Session]:
    """A session that looks at the demo."""
    db.stop()
    db.start(f"sqlite:///{demo_register}")
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
