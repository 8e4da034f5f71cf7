"""What is known of a recompute: whether one is under way, under which settings, and how far it is."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, func, select

from coordinator.overlaps import queries as overlaps
from coordinator.passages.queries import serving
from coordinator.recompute.models import Recompute, RecomputeChunk


def settings_digest(connection: Connection) -> str:
    """Return a digest of what decides about pairs and is no part of the register: the settings, and whose directions serve."""
    said = [asdict(overlaps.floors()), serving(connection)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def under_way(connection: Connection) -> Any:
    """Return the row of the recompute that is not finished, or None."""
    run = Recompute.__table__
    return connection.execute(select(run).where(run.c.finished_at.is_(None))).one_or_none()


def progress(connection: Connection, run_id: int) -> tuple[int, int]:
    """Return how many chunks of a recompute are done, and how many there are."""
    chunk = RecomputeChunk.__table__
    counted = select(func.count(chunk.c.done_at), func.count()).where(chunk.c.run_id == run_id)
    done, total = connection.execute(counted).one()
    return done, total
