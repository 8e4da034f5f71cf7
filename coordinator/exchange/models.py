"""What somebody has uploaded and not confirmed yet."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from coordinator.db import Base, Moment, Referable


class Staged(Referable, Base):
    """The rows of one uploaded file and what would become of them; seen by whoever uploaded it, until it is used or too old."""

    __tablename__ = "staged_import"
    bookkeeping = True

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    file_name: Mapped[str] = mapped_column(String(120))
    file_digest: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    rows: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    outcomes: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    outcomes_digest: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment, index=True)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
