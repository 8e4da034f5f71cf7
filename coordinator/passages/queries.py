"""What is known of the directions of entries; for the detector, over a connection that it reads everything by."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Float, Select, and_, cast, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import BIT

from coordinator.db import one_of
from coordinator.encoder import chosen
from coordinator.entries.models import Entry, State
from coordinator.passages.models import EntryPassages, ServingEncoder
from coordinator.passages.rules import NEAR_ABROAD, NEAR_BITS, SKETCH_BITS, Meaning, Sketched, number_of
from coordinator.words.models import EntryWords

_passages, _serving = EntryPassages.__table__, ServingEncoder.__table__
_entry, _words = Entry.__table__, EntryWords.__table__


def serving(connection: Connection) -> str | None:
    """Return the name of the encoder whose directions are compared; None before the first, and if words alone are compared."""
    if chosen() is None:
        return None
    return connection.scalar(select(_serving.c.encoder).where(_serving.c.id == 1))


def read_of(connection: Connection, ids: Iterable[int], encoder: str | None) -> dict[int, tuple[Meaning, str]]:
    """Return the directions and the language of some entries as an encoder sees them; those without are left out."""
    if encoder is None:
        return {}
    rows = connection.execute(
        select(_passages.c.entry_id, _passages.c.rows, _passages.c.language).where(
            _passages.c.encoder == encoder, one_of(_passages.c.entry_id, ids)
        )
    )
    return {entry_id: (Meaning.from_bytes(encoder, raw), language) for entry_id, raw, language in rows if raw}


def meanings_of(connection: Connection, ids: Iterable[int], encoder: str | None) -> dict[int, Meaning]:
    """Return the directions of some entries as an encoder sees them; those without are left out."""
    return {entry_id: meaning for entry_id, (meaning, _language) in read_of(connection, ids, encoder).items()}


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


def _of_rows(rows: Sequence[Any]) -> Sketched:
    bits = np.frombuffer(b"".join(row.sketch for row in rows), np.uint64).reshape(-1, 8)
    numbers = np.array([number_of(row.language) for row in rows], dtype=np.uint64)
    return Sketched(np.array([row.entry_id for row in rows], dtype=np.int64), np.asfortranarray(bits), numbers)


class Sketches:
    """The sketches of all entries in this process, 64 bytes each, column by column: which texts are near one, by a floor.

    What it says is a first look: a sketch may have been replaced meanwhile, so callers compare with what is kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last = 0
        self._place: dict[int, int] = {}
        self._all = _room(1024)

    def absorb(self, connection: Connection, encoder: str) -> None:
        """Take in what was kept since; only what is committed may be visible to the connection."""
        with self._lock:
            newest = connection.scalar(select(func.max(_passages.c.id))) or 0
            if newest < self.last:  # another database stands at this address
                self.last, self._place = 0, {}
            # asked also where nothing is new: whoever looks next must not be told by a question more that something hidden came
            rows = connection.execute(_sketched(encoder, after=self.last)).all()
            many = len(self._place) + len(rows)
            if many > len(self._all.ids):
                wider = _room(2 * many)
                for old, new in zip(self._all, wider, strict=True):
                    new[: len(old)] = old
                self._all = wider
            for entry_id, raw, language in rows:
                at = self._place.setdefault(entry_id, len(self._place))
                self._all.ids[at], self._all.languages[at] = entry_id, number_of(language)
                self._all.bits[at] = np.frombuffer(raw, np.uint64)
            self.last = newest

    @property
    def held(self) -> Sketched:
        """What this process has taken in."""
        many = len(self._place)
        ids, bits, languages = self._all
        return Sketched(ids[:many], bits[:many], languages[:many])


def _room(length: int) -> Sketched:
    bits = np.zeros((length, 8), dtype=np.uint64, order="F")
    return Sketched(np.zeros(length, dtype=np.int64), bits, np.zeros(length, dtype=np.uint64))


def _sketched(encoder: str, *, after: int) -> Select[int, bytes, str]:
    return (
        select(_passages.c.entry_id, _passages.c.sketch, _passages.c.language)
        .where(_passages.c.encoder == encoder, _passages.c.id > after)
        .order_by(_passages.c.id)
    )


_kept: dict[tuple[str, str], Sketches] = {}


def sketches(connection: Connection, encoder: str) -> Sketches:
    """Return the sketches that this process holds of a database's entries."""
    return _kept.setdefault((str(connection.engine.url), encoder), Sketches())


def forget() -> None:
    """Let go of all sketches: what stands at an address was replaced."""
    _kept.clear()


def sketched(connection: Connection, encoder: str | None) -> Sketched:
    """Return the sketches of all entries as they are kept at this moment; nothing without an encoder."""
    if encoder is None:
        return _of_rows(())
    holder = sketches(connection, encoder)
    # what was kept since this process last took in, be it by this very change
    held, late = holder.held, _of_rows(connection.execute(_sketched(encoder, after=holder.last)).all())
    if not len(late.ids):
        return held
    stands = ~np.isin(held.ids, late.ids)
    bits = np.concatenate([held.bits.T[:, stands], late.bits.T], axis=1).T
    return Sketched(np.concatenate([held.ids[stands], late.ids]), bits, np.concatenate([held.languages[stands], late.languages]))


def take_in(connection: Connection) -> str | None:
    """Let this process take in what was kept since, and return the encoder whose directions are compared; outside of a change."""
    encoder = serving(connection)
    if encoder is not None:
        sketches(connection, encoder).absorb(connection, encoder)
    return encoder


# --- near ones, by the index of the database ----------------------------------------------------------------------------

NEIGHBOURS = "ix_entry_passages_neighbours"
"""The index over the sketches that PostgreSQL has where pgvector is there; on a database without it nothing else differs."""
SKETCH_AS_BITS = "(('x' || encode(sketch, 'hex'))::bit(512))"
"""A sketch as the index has it: what is kept stays as it is on both databases, and the index follows by itself."""
AT_ONCE = 400  # rows of one step of the walk, and the breadth of the index's own search

_bits = literal_column(SKETCH_AS_BITS, BIT(SKETCH_BITS))
_walkable = text(
    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', :at_once, true), "
    "set_config('hnsw.max_scan_tuples', '2147483647', true), set_config('hnsw.scan_mem_multiplier', '100', true), "
    "set_config('cursor_tuple_fraction', '0.001', true) "
    "FROM pg_index JOIN pg_extension ON extname = 'vector' WHERE indexrelid = to_regclass(:index) AND indisvalid"
).bindparams(index=NEIGHBOURS, at_once=str(AT_ONCE))

_index_is_asked = True


def ask_index(asked: bool) -> None:  # noqa: FBT001 - a setting as it is said
    """Say whether this process asks an index for neighbours, where the database has one."""
    global _index_is_asked  # noqa: PLW0603 - one process, one way
    _index_is_asked = asked


def sketched_about(
    connection: Connection, encoder: str | None, seen: tuple[Meaning, str] | None, also: NDArray[np.int64]
) -> Sketched:
    """Return the sketches that a text as it is seen has to be compared with, `also` those of some entries; outside of a change.

    A process that holds all sketches looks through them. One that does not asks the index, if there is one, and holds none after.
    """
    if encoder is None or seen is None:
        return _of_rows(())
    holder = sketches(connection, encoder)
    if holder.last or not _can_walk(connection):
        holder.absorb(connection, encoder)
        return sketched(connection, encoder)
    return _from_index(connection, encoder, seen, also)


def _can_walk(connection: Connection) -> bool:
    """Say whether there is an index to walk along, and let the rest of this transaction walk it by a floor, not by a number."""
    return _index_is_asked and connection.dialect.name == "postgresql" and connection.execute(_walkable).first() is not None


def _from_index(connection: Connection, encoder: str, seen: tuple[Meaning, str], also: NDArray[np.int64]) -> Sketched:
    meaning, language = seen
    differing = _differing(meaning)
    kept = select(_passages.c.entry_id, _passages.c.sketch, _passages.c.language).where(_passages.c.encoder == encoder)
    rows: dict[int, Any] = {row.entry_id: row for row in _walked(connection, kept, differing)}
    # of other languages there are few or it is rare to write in this one: they are looked through, to their own floor
    abroad = connection.execute(kept.where(_passages.c.language != language, differing <= NEAR_ABROAD))
    rows |= {row.entry_id: row for row in abroad}
    others = np.setdiff1d(also, list(rows)).tolist()
    said = connection.execute(kept.where(one_of(_passages.c.entry_id, others)))
    return _of_rows([*rows.values(), *said])


def _differing(meaning: Meaning) -> Any:
    """Return in how many bits a text differs from each that is kept, as the index has it."""
    bits = "".join(f"{byte:08b}" for byte in meaning.sketch.tobytes())
    return _bits.op("<~>", return_type=Float())(cast(bits, BIT(SKETCH_BITS)))


def walk(kept: Select[Any], differing: Any) -> Select[Any]:
    """Return a select that goes from the nearest to the farthest; no number ends it, so that nothing pushes out anything else."""
    return kept.add_columns(differing.label("differing")).order_by(differing).execution_options(yield_per=AT_ONCE)


def _walked(connection: Connection, kept: Select[Any], differing: Any) -> Sequence[Any]:
    """Return what lies within the floor, by going from the nearest to the farthest until all of a step lies beyond."""
    found = list[Any]()
    with connection.execute(walk(kept, differing)) as rows:
        for some in rows.partitions():
            near = [row for row in some if row.differing <= NEAR_BITS]
            found += near
            if not near:
                break
    return found
