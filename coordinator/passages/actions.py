"""Keeping the directions of what is current; encoding takes its time, and takes it before a save or after, never inside one."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from coordinator.db import behind, change_of, one_of, read_as_system
from coordinator.encoder import Encoder, chosen
from coordinator.entries.models import Entry, State
from coordinator.exclusions.queries import phrases
from coordinator.exclusions.rules import without
from coordinator.passages import queries
from coordinator.passages.models import EntryPassages, ServingEncoder
from coordinator.passages.rules import Meaning, NoNeighbours, can_be_walked, parts
from coordinator.stems import language_of
from coordinator.words.actions import text_digest

_entry, _passages = Entry.__table__, EntryPassages.__table__

MOST_INSIDE = 2
"""So many texts that nobody prepared are encoded inside a save; more are left to the job."""

# --- one text ----------------------------------------------------------------------------------------------------------

MOST_PREPARED = 512
_prepared: OrderedDict[tuple[str, str], Meaning | None] = OrderedDict()
_lock = threading.Lock()


def prepare(title: str, text: str) -> Meaning | None:
    """Return the directions of a text, None without an encoder or if it says nothing.

    Those of late are remembered: called before a save takes its turn, the save finds them ready.
    """
    encoder = chosen()
    if encoder is None:
        return None
    key = (encoder.name, text_digest(title, text))
    with _lock:
        if key in _prepared:
            _prepared.move_to_end(key)
            return _prepared[key]
    pieces = parts(title, text)
    meaning = Meaning(encoder.name, encoder.encode(pieces)) if pieces else None
    with _lock:
        _prepared[key] = meaning
        while len(_prepared) > MOST_PREPARED:
            _prepared.popitem(last=False)
    return meaning


def _ready(encoder: Encoder, digest: str) -> bool:
    with _lock:
        return (encoder.name, digest) in _prepared


# --- what is kept ------------------------------------------------------------------------------------------------------


def keep_passages(session: Session, ids: Iterable[int]) -> None:
    """Keep the directions of those of some entries that are released, as far as they are ready; forget those of the others.

    What is not ready has no directions until the job has seen it: its words speak for it meanwhile. Needs a transaction.
    """
    wanted, encoder = sorted(set(ids)), chosen()
    if not wanted:
        return
    with read_as_system(session, "detector") as connection:
        _take_in(session, connection)
        bare = _bare(connection, wanted)
        fresh = {i: (said[:2], text_digest(*said[:2])) for i, said in bare.items()}
        known = connection.execute(
            select(_passages.c.id, _passages.c.entry_id, _passages.c.encoder, _passages.c.digest).where(
                _passages.c.entry_id.in_(wanted)
            )
        ).all()
        stale = [k.id for k in known if k.entry_id not in fresh or fresh[k.entry_id][1] != k.digest]
        if stale:
            connection.execute(delete(EntryPassages).where(_passages.c.id.in_(stale)))
        if encoder is None:
            return
        seen = {k.entry_id for k in known if k.encoder == encoder.name and k.id not in set(stale)}
        missing = [(i, said, digest) for i, (said, digest) in fresh.items() if i not in seen]
        unprepared = [i for i, _, digest in missing if not _ready(encoder, digest)]
        left = set(unprepared) if len(unprepared) > MOST_INSIDE else set()
        put = [_row(i, digest, encoder.name, prepare(*said), language_of(*bare[i])) for i, said, digest in missing if i not in left]
        if put:
            connection.execute(insert(EntryPassages), put)
        if queries.serving(connection) is None:
            connection.execute(insert(ServingEncoder).values(id=1, encoder=encoder.name))


def _bare(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[str, str, str]]:
    """Return title, text and language of those of some entries that are released, without what their units leave out."""
    left_out = phrases(connection)
    rows = connection.execute(
        select(_entry.c.id, _entry.c.unit_id, _entry.c.title, _entry.c.text, _entry.c.language).where(
            one_of(_entry.c.id, ids), behind(_entry.c.state) == State.RELEASED
        )
    )
    said = ((i, left_out.get(unit_id, ()), title, text, language) for i, unit_id, title, text, language in rows)
    return {i: (without(title, leave), without(text, leave), language) for i, leave, title, text, language in said}


def _row(entry_id: int, digest: str, encoder: str, meaning: Meaning | None, language: str) -> dict[str, Any]:
    """One row, also for a text that says nothing: it has been seen."""
    sketch, rows = (meaning.sketch.tobytes(), meaning.to_bytes()) if meaning is not None else (bytes(64), b"")
    return {"entry_id": entry_id, "encoder": encoder, "digest": digest, "language": language, "sketch": sketch, "rows": rows}


def _take_in(session: Session, connection: Connection) -> None:
    """Take in what others kept: now that the turn is ours, and before we write, all that is visible is committed."""
    change = change_of(session)
    if session.info.get("sketches_taken_in") is change:
        return
    session.info["sketches_taken_in"] = change
    serving = queries.serving(connection)
    if serving:
        queries.sketches(connection, serving).absorb(connection, serving)


# --- what is left to the job --------------------------------------------------------------------------------------------


def prepare_unseen(session: Session, *, most: int) -> list[int]:
    """Encode some released entries that the encoder has not seen, so that the change that keeps them finds them ready; return them.

    Reads only, and holds nobody up: encoding takes its time.
    """
    encoder = chosen()
    if encoder is None:
        return []
    with read_as_system(session, "detector") as connection:
        ids = list(connection.scalars(queries.unseen(encoder.name).limit(most)))
        texts = _bare(connection, ids).values()
    session.rollback()
    for title, text, _ in texts:
        prepare(title, text)
    return ids


def is_waiting_to_serve(session: Session) -> bool:
    """Say whether the encoder has seen every text and only has to take over from another."""
    encoder = chosen()
    if encoder is None:
        return False
    with read_as_system(session, "detector") as connection:
        serving = queries.serving(connection)
        return serving not in {None, encoder.name} and connection.scalar(queries.unseen(encoder.name).limit(1)) is None


def begin_serving(session: Session) -> bool:
    """Let an encoder that has seen every text take over from another; return whether it did. Needs a transaction."""
    encoder = chosen()
    if encoder is None:
        return False
    with read_as_system(session, "detector") as connection:
        if (
            queries.serving(connection) in {None, encoder.name}
            or connection.scalar(queries.unseen(encoder.name).limit(1)) is not None
        ):
            return False
        connection.execute(delete(ServingEncoder))
        connection.execute(insert(ServingEncoder).values(id=1, encoder=encoder.name))
        connection.execute(delete(EntryPassages).where(_passages.c.encoder != encoder.name))
    queries.forget()
    return True


# --- the index of neighbours --------------------------------------------------------------------------------------------

_version = sql("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
_available = sql("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
_is_whole = sql("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:index)").bindparams(index=queries.NEIGHBOURS)


def index_neighbours(connection: Connection) -> bool:
    """Make the index by which near texts are found, while people work; return whether it was missing. Raises NoNeighbours.

    The connection commits by itself. What was left half made by somebody who was stopped is made anew.
    """
    if connection.dialect.name != "postgresql":
        raise NoNeighbours("This register is on SQLite, which needs no index: each process looks through all texts at once.")
    if connection.scalar(_version) is None and can_be_walked(connection.scalar(_available)):
        try:
            connection.execute(sql("CREATE EXTENSION vector"))
        except DBAPIError as error:
            raise NoNeighbours(
                "pgvector is there, and this role may not switch it on. Let whoever administers the server run "
                f"CREATE EXTENSION vector in the database {connection.engine.url.database}, then run this again."
            ) from error
    if not can_be_walked(connection.scalar(_version)):
        raise NoNeighbours
    whole = connection.scalar(_is_whole)
    if whole:
        return False
    for patience in ("statement_timeout = 0", "lock_timeout = 0", "maintenance_work_mem = '256MB'"):
        connection.execute(sql(f"SET {patience}"))
    if whole is not None:
        drop_neighbours(connection)
    connection.execute(
        sql(
            f"CREATE INDEX CONCURRENTLY {queries.NEIGHBOURS} ON entry_passages "
            f"USING hnsw ({queries.SKETCH_AS_BITS} bit_hamming_ops) WITH (m = 16, ef_construction = 64)"
        )
    )
    return True


def drop_neighbours(connection: Connection) -> None:
    """Take the index of neighbours away, if there is one; the connection commits by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sql(f"DROP INDEX CONCURRENTLY IF EXISTS {queries.NEIGHBOURS}"))
