from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from coordinator.history.rules import event_digest, first_break, payload_digest


@dataclass(frozen=True)
class Said:
    number: int
    at: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    actor_id: int | None = 1
    actor_kind: str = "person"
    action: str = "unit.added"
    subject_kind: str = "unit"
    subject_id: int = 1
    payload_digest: str = "p"
    previous: str = ""
    digest: str = ""


def chain(length=4):
    events, previous = [], ""
    for number in range(1, length + 1):
        event = Said(number, previous=previous)
        event = replace(event, digest=event_digest(event))
        events.append(event)
        previous = event.digest
    return events


def broken(events, head):
    return first_break(events, last_number=head.number, last_digest=head.digest)


def test_an_untouched_chain_holds():
    events = chain()
    assert broken(events, events[-1]) is None
    assert first_break([], last_number=0, last_digest="") is None


def forged(event, **other):
    changed = replace(event, **other)
    return replace(changed, digest=event_digest(changed))


@pytest.mark.parametrize(
    ("tamper", "number"),
    [
        (lambda e: [e[0], replace(e[1], action="unit.revised"), *e[2:]], 2),
        (lambda e: [e[0], forged(e[1], actor_id=2), *e[2:]], 3),
        (lambda e: [e[0], *e[2:]], 2),
        (lambda e: [e[0], e[2], e[1], e[3]], 2),
        (lambda e: e[:-1], 4),
        (lambda e: [], 1),
        (lambda e: [*e, forged(Said(5, previous="x"))], 5),
    ],
    ids=["changed", "changed and sealed again", "cut out", "swapped", "tail cut", "all gone", "put in"],
)
def test_tampering_is_found_and_located(tamper, number):
    events = chain()
    assert broken(tamper(events), events[-1]) == number


def test_a_purged_payload_leaves_its_digest():
    assert payload_digest("salt", {"name": "A"}) == payload_digest("salt", {"name": "A"})
    assert payload_digest("salt", {"name": "A"}) != payload_digest("salt", {"name": "B"})
    assert payload_digest("salt", {"name": "A"}) != payload_digest("other", {"name": "A"})
