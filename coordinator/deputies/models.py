"""The table of deputies."""

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Referable
from coordinator.people.models import Person


class Deputy(Referable, Base):
    """Somebody who stands in for a colleague, from a day on; it gives no right, it only shows what waits."""

    __tablename__ = "deputy"
    __table_args__ = (
        CheckConstraint("person_id <> deputy_id", name="somebody_else"),
        CheckConstraint("until_on IS NULL OR until_on >= from_on", name="ends_after_it_starts"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    deputy_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    from_on: Mapped[date]
    until_on: Mapped[date | None]

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    deputy: Mapped[Person] = relationship(lazy="raise", foreign_keys=[deputy_id])
