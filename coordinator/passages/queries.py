"""What is known of the directions of entries; for the detector, over a connection that it reads everything by."""

import threading
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, and_, func, select

from coordinator.encoder import chosen
from coordinator.entries.models import Entry, State
from coordinator.passages.models import EntryPassages, ServingEncoder
from coordinator.passages.rules import NEAR_BITS, Meaning, apart
from coordinator.words.models import EntryWords

Sketch = NDArray[np.uint64]
_passages, _serving = EntryPassages.__table__, ServingEncoder.__table__
_entry, _words = Entry.__table__, EntryWords.__table__


def serving(connection: Connection) -> str | None:
    """Return the name of the encoder whose directions are compared; None before the first, and if words alone are compared."""
    if chosen() is None:
        return None
    return connection.scalar(select(_serving.c.encoder).where(_serving.c.id == 1))


def meanings_of(connection: Connection, ids: Iterable[int], encoder: str | None) -> dict[int, Meaning]:
    """Return the directions of some entries as an encoder sees them; those without are left out."""
    wanted = sorted(set(ids)) if encoder else []
    found: dict[int, Meaning] = {}
    for start in range(0, len(wanted), 5000):
        rows = connection.execute(
            select(_passages.c.entry_id, _passages.c.rows).where(
                _passages.c.encoder == encoder, _passages.c.entry_id.in_(wanted[start : start + 5000])
            )
        )
        found |= {entry_id: Meaning.from_bytes(str(encoder), raw) for entry_id, raw in rows if raw}
    return found


def unseen(encoder: str) -> Select[int]:
    """Return a select of the released entries whose standing text an encoder has not seen, in order."""
    return (
        select(_words.c.entry_id)
        .join(_entry, and_(_entry.c.id == _words.c.entry_id, _entry.c.state == State.RELEASED))
        .join(
            _passages,
            and_(_passages.c.entry_id == _words.c.entry_id, _passages.c.encoder == encoder, _passages.c.digest == _words.c.parsed),
            isouter=True,
        )
        .where(_passages.c.id.is_(None))
        .order_by(_words.c.entry_id)
    )


def unseen_count(connection: Connection, encoder: str) -> int:
    """Return how many released entries an encoder has not seen yet."""
    return connection.scalar(select(func.count()).select_from(unseen(encoder).order_by(None).subquery())) or 0


# --- the sketches, in memory --------------------------------------------------------------------------------------------


class Sketches:
    """The sketches of all entries in this process, 64 bytes each: which texts are near one, by a floor and never a rank.

    What it says is a first look: a sketch may have been replaced meanwhile, so callers compare with what is kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last = 0
        self._place: dict[int, int] = {}
        self._ids: NDArray[np.int64] = np.zeros(1024, dtype=np.int64)
        self._bits: Sketch = np.zeros((1024, 8), dtype=np.uint64)

    def absorb(self, connection: Connection, encoder: str) -> None:
        """Take in what was kept since; only what is committed may be visible to the connection."""
        with self._lock:
            newest = connection.scalar(select(func.max(_passages.c.id))) or 0
            if newest < self.last:  # another database stands at this address
                self.last, self._place = 0, {}
            # asked also where nothing is new: whoever looks next must not be told by a question more that something hidden came
            rows = connection.execute(
                select(_passages.c.id, _passages.c.entry_id, _passages.c.sketch)
                .where(_passages.c.encoder == encoder, _passages.c.id > self.last)
                .order_by(_passages.c.id)
            ).all()
            room = len(self._place) + len(rows)
            if room > len(self._ids):
                ids, bits = np.zeros(2 * room, dtype=np.int64), np.zeros((2 * room, 8), dtype=np.uint64)
                ids[: len(self._ids)], bits[: len(self._bits)] = self._ids, self._bits
                self._ids, self._bits = ids, bits
            for _, entry_id, raw in rows:
                at = self._place.setdefault(entry_id, len(self._place))
                self._ids[at], self._bits[at] = entry_id, np.frombuffer(raw, np.uint64)
            self.last = newest

    def near(self, sketch: Sketch, *, most_apart: int = NEAR_BITS) -> NDArray[np.int64]:
        """Return the entries whose texts are near a sketch."""
        ids, bits, many = self._ids, self._bits, len(self._place)
        return ids[:many][apart(sketch, bits[:many]) <= most_apart]


_kept: dict[tuple[str, str], Sketches] = {}


def sketches(connection: Connection, encoder: str) -> Sketches:
    """Return the sketches that this process holds of a database's entries."""
    return _kept.setdefault((str(connection.engine.url), encoder), Sketches())


def forget() -> None:
    """Let go of all sketches: what stands at an address was replaced."""
    _kept.clear()


def near(connection: Connection, own: Mapping[int, Meaning]) -> dict[int, NDArray[np.int64]]:
    """Return for the meaning of each of some entries the others near it, as they are kept at this moment."""
    if not own:
        return {}
    encoder = next(iter(own.values())).encoder
    held = sketches(connection, encoder)
    # what was kept since this process last took in, be it by this very change
    late = connection.execute(
        select(_passages.c.entry_id, _passages.c.sketch).where(_passages.c.encoder == encoder, _passages.c.id > held.last)
    ).all()
    ids = np.array([entry_id for entry_id, _ in late], dtype=np.int64)
    bits = np.frombuffer(b"".join(raw for _, raw in late), np.uint64).reshape(-1, 8)
    found = {}
    for entry_id, meaning in own.items():
        sketch = meaning.sketch
        early = np.setdiff1d(held.near(sketch), ids, assume_unique=True)
        others = np.concatenate([early, ids[apart(sketch, bits) <= NEAR_BITS]])
        found[entry_id] = others[others != entry_id]
    return found


def take_in(connection: Connection) -> None:
    """Let this process take in what was kept since; outside of a change."""
    encoder = serving(connection)
    if encoder is not None:
        sketches(connection, encoder).absorb(connection, encoder)


def near_text(connection: Connection, meaning: Meaning | None) -> set[int]:
    """Return the entries near a text that is not kept; outside of a change, and lets this process take in what was kept since."""
    if meaning is None or serving(connection) != meaning.encoder:
        return set()
    sketches(connection, meaning.encoder).absorb(connection, meaning.encoder)
    return set(near(connection, {0: meaning})[0].tolist())
