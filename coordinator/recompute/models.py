"""A recompute under way: its chunks, what was noted, and what became right meanwhile."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from coordinator.db import Base, Moment


class Recompute(Base):
    """One finding of all overlaps again, under way or the last one that was finished; another under other settings replaces it."""

    __tablename__ = "recompute_run"
    __table_args__ = ({"sqlite_autoincrement": True},)  # a worker that comes late must not take the next one for its own
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    settings: Mapped[str] = mapped_column(String(64))  # the digest of what it finds by
    started_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    entries: Mapped[int]
    changed: Mapped[int] = mapped_column(default=0)


class RecomputeChunk(Base):
    """The entries above one and up to another, whose pairs one worker looks at; `claims` says how many began to."""

    __tablename__ = "recompute_chunk"
    bookkeeping = True

    run_id: Mapped[int] = mapped_column(ForeignKey("recompute_run.id"), primary_key=True)
    after_id: Mapped[int] = mapped_column(primary_key=True)
    last_id: Mapped[int]
    claims: Mapped[int] = mapped_column(default=0)
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    done_at: Mapped[datetime | None] = mapped_column(Moment)


class RecomputePlan(Base):
    """What the rule says of a pair that is kept otherwise, nothing if it says nothing: written when all has been looked at."""

    __tablename__ = "recompute_plan"
    bookkeeping = True

    run_id: Mapped[int] = mapped_column(ForeignKey("recompute_run.id"), primary_key=True)
    low_id: Mapped[int] = mapped_column(primary_key=True)
    high_id: Mapped[int] = mapped_column(primary_key=True)
    said: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class RecomputeTouched(Base):
    """An entry that a change brought up to date meanwhile: what was found of its pairs before is no longer news."""

    __tablename__ = "recompute_touched"
    bookkeeping = True

    run_id: Mapped[int] = mapped_column(ForeignKey("recompute_run.id"), primary_key=True)
    entry_id: Mapped[int] = mapped_column(primary_key=True)
