"""What is known of the directions of entries; for the detector, over a connection that it reads everything by."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, and_, func, select

from coordinator.encoder import chosen
from coordinator.entries.models import Entry, State
from coordinator.passages.models import EntryPassages, ServingEncoder
from coordinator.passages.rules import FARTHEST, Meaning, apart
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


class Near(NamedTuple):
    """The entries whose texts are near one: their ids in order, how many bits differ, and whether the language does."""

    ids: NDArray[np.int64]
    differing: NDArray[np.uint16]
    abroad: NDArray[np.bool_]


NOBODY = Near(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint16), np.zeros(0, dtype=bool))


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
        self._languages: NDArray[np.uint64] = np.zeros(1024, dtype=np.uint64)

    def absorb(self, connection: Connection, encoder: str) -> None:
        """Take in what was kept since; only what is committed may be visible to the connection."""
        with self._lock:
            newest = connection.scalar(select(func.max(_passages.c.id))) or 0
            if newest < self.last:  # another database stands at this address
                self.last, self._place = 0, {}
            # asked also where nothing is new: whoever looks next must not be told by a question more that something hidden came
            rows = connection.execute(
                select(_passages.c.id, _passages.c.entry_id, _passages.c.sketch, _passages.c.language)
                .where(_passages.c.encoder == encoder, _passages.c.id > self.last)
                .order_by(_passages.c.id)
            ).all()
            room = len(self._place) + len(rows)
            if room > len(self._ids):
                self._ids, self._bits, self._languages = (_longer(a, 2 * room) for a in (self._ids, self._bits, self._languages))
            for _, entry_id, raw, language in rows:
                at = self._place.setdefault(entry_id, len(self._place))
                self._ids[at], self._bits[at], self._languages[at] = entry_id, np.frombuffer(raw, np.uint64), _number(language)
            self.last = newest

    def near(self, sketch: Sketch, language: str) -> Near:
        """Return the entries whose texts lie as far from a sketch as any that is compared, or nearer."""
        many = len(self._place)
        return _near(sketch, language, self._ids[:many], self._bits[:many], self._languages[:many])


def _near(sketch: Sketch, language: str, ids: NDArray[np.int64], bits: Sketch, languages: NDArray[np.uint64]) -> Near:
    differing = apart(sketch, bits)
    close = np.flatnonzero(differing <= FARTHEST)
    return Near(ids[close], differing[close], languages[close] != _number(language))


def _number(language: str) -> int:
    """A language as a number: its name's first eight bytes."""
    return int.from_bytes(language.encode()[:8], "little")


def _longer(array: NDArray[Any], length: int) -> NDArray[Any]:
    longer: NDArray[Any] = np.zeros((length, *array.shape[1:]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


_kept: dict[tuple[str, str], Sketches] = {}


def sketches(connection: Connection, encoder: str) -> Sketches:
    """Return the sketches that this process holds of a database's entries."""
    return _kept.setdefault((str(connection.engine.url), encoder), Sketches())


def forget() -> None:
    """Let go of all sketches: what stands at an address was replaced."""
    _kept.clear()


def near(connection: Connection, own: Mapping[int, tuple[Meaning, str]]) -> dict[int, Near]:
    """Return for each of some entries, by its meaning and language, the others near it as they are kept at this moment."""
    if not own:
        return {}
    encoder = next(iter(own.values()))[0].encoder
    held = sketches(connection, encoder)
    # what was kept since this process last took in, be it by this very change
    late = connection.execute(
        select(_passages.c.entry_id, _passages.c.sketch, _passages.c.language).where(
            _passages.c.encoder == encoder, _passages.c.id > held.last
        )
    ).all()
    ids = np.array([row.entry_id for row in late], dtype=np.int64)
    bits = np.frombuffer(b"".join(row.sketch for row in late), np.uint64).reshape(-1, 8)
    languages = np.array([_number(row.language) for row in late], dtype=np.uint64)
    found = {}
    for entry_id, (meaning, language) in own.items():
        early, now = held.near(meaning.sketch, language), _near(meaning.sketch, language, ids, bits, languages)
        stands = ~np.isin(early.ids, ids)
        both = Near(
            np.concatenate([early.ids[stands], now.ids]),
            np.concatenate([early.differing[stands], now.differing]),
            np.concatenate([early.abroad[stands], now.abroad]),
        )
        order = np.argsort(both.ids)
        order = order[both.ids[order] != entry_id]
        found[entry_id] = Near(both.ids[order], both.differing[order], both.abroad[order])
    return found


def read_of(connection: Connection, ids: Iterable[int], encoder: str | None) -> dict[int, tuple[Meaning, str]]:
    """Return the directions and the language of some entries as an encoder sees them; those without are left out."""
    meanings = meanings_of(connection, ids, encoder)
    rows = connection.execute(
        select(_passages.c.entry_id, _passages.c.language).where(
            _passages.c.encoder == encoder, _passages.c.entry_id.in_(sorted(meanings))
        )
    )
    return {entry_id: (meanings[entry_id], language) for entry_id, language in rows}


def take_in(connection: Connection) -> None:
    """Let this process take in what was kept since; outside of a change."""
    encoder = serving(connection)
    if encoder is not None:
        sketches(connection, encoder).absorb(connection, encoder)


def near_text(connection: Connection, meaning: Meaning | None, language: str) -> Near:
    """Return the entries near a text that is not kept; outside of a change, and lets this process take in what was kept since."""
    if meaning is None or serving(connection) != meaning.encoder:
        return NOBODY
    sketches(connection, meaning.encoder).absorb(connection, meaning.encoder)
    return near(connection, {0: (meaning, language)})[0]
