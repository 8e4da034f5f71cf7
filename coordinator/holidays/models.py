"""The days on which a unit is closed."""

from datetime import date

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Referable
from coordinator.people.models import Unit


class UnitHoliday(Referable, Base):
    """A day on which a unit, and every unit below it, is closed."""

    __tablename__ = "unit_holiday"
    __table_args__ = (UniqueConstraint("unit_id", "day"),)

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    day: Mapped[date]
    name: Mapped[str] = mapped_column(String(120))

    unit: Mapped[Unit] = relationship(lazy="raise")
