"""How an event is bound to the one before it."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol


class Chained(Protocol):
    """What of an event is bound into the chain."""

    number: int
    at: datetime
    actor_id: int | None
    actor_kind: str
    action: str
    subject_kind: str
    subject_id: int
    payload_digest: str
    previous: str
    digest: str


def canonical(value: Any) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def payload_digest(salt: str, said: dict[str, Any]) -> str:
    """Return the salted SHA-256 of what an event says; the payload may go, this stays."""
    return hashlib.sha256(salt.encode() + canonical(said)).hexdigest()


def event_digest(event: Chained) -> str:
    """Return the SHA-256 over an event and the digest of the one before it."""
    return hashlib.sha256(
        canonical(
            [
                event.number,
                event.at.astimezone(UTC).isoformat(timespec="microseconds"),
                event.actor_id,
                event.actor_kind,
                event.action,
                event.subject_kind,
                event.subject_id,
                event.payload_digest,
                event.previous,
            ]
        )
    ).hexdigest()


def first_break(events: Iterable[Chained], *, last_number: int, last_digest: str) -> int | None:
    """Return the number at which the chain breaks (an edit, a gap, a swap, a cut tail), or None if it holds."""
    number, previous = 0, ""
    for event in events:
        if event.number != number + 1 or event.previous != previous or event_digest(event) != event.digest:
            return number + 1
        number, previous = event.number, event.digest
    return None if (number, previous) == (last_number, last_digest) else number + 1
