"""Tables of organisations, units, persons, reading groups and sign-in."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Moment, Referable, word
from coordinator.errors import N_


class Circle(StrEnum):
    """How far an organisation stands from the ministry."""

    MINISTRY = "ministry"
    GOVERNMENT = "government"
    COUNTRY = "country"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            Circle.MINISTRY: N_("Ministry"),
            Circle.GOVERNMENT: N_("Government"),
            Circle.COUNTRY: N_("Country"),
        }[self]


class Role(StrEnum):
    """What a person does in the product; no role grants reading."""

    OFFICER = "officer"
    RELEASING_OFFICER = "releasing_officer"
    COORDINATOR = "coordinator"
    LEADERSHIP = "leadership"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            Role.OFFICER: N_("Desk officer"),
            Role.RELEASING_OFFICER: N_("Releasing officer"),
            Role.COORDINATOR: N_("Coordinator"),
            Role.LEADERSHIP: N_("Leadership"),
            Role.ADMINISTRATOR: N_("Administrator"),
            Role.AUDITOR: N_("Auditor"),
        }[self]


class Organisation(Referable, Base):
    """A ministry, agency or firm; its ceiling is the highest level that its people may read."""

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint("ceiling BETWEEN 0 AND 2", name="ceiling_is_a_level"),
        CheckConstraint("ends_on IS NULL OR starts_on IS NULL OR ends_on >= starts_on", name="ends_after_it_starts"),
    )

    name: Mapped[str] = mapped_column(String(200), unique=True)
    short_name: Mapped[str] = mapped_column(String(40))
    circle: Mapped[Circle] = mapped_column(word(Circle))
    ceiling: Mapped[int]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]


class Unit(Referable, Base):
    """A desk, unit, post or bureau of an organisation."""

    __tablename__ = "unit"
    __table_args__ = (
        UniqueConstraint("organisation_id", "name"),
        CheckConstraint("ends_on IS NULL OR starts_on IS NULL OR ends_on >= starts_on", name="ends_after_it_starts"),
        CheckConstraint("parent_id IS NULL OR parent_id <> id", name="not_its_own_parent"),
    )

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    short_name: Mapped[str] = mapped_column(String(40), index=True)
    mailbox: Mapped[str | None] = mapped_column(String(254))
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]

    organisation: Mapped[Organisation] = relationship(lazy="raise")
    parent: Mapped["Unit | None"] = relationship(lazy="raise", remote_side="Unit.id")


class UnitSuccession(Base):
    """A unit that followed another when a bureau was reorganised."""

    __tablename__ = "unit_succession"

    predecessor_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    successor_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    on: Mapped[date] = mapped_column("took_effect_on")

    predecessor: Mapped[Unit] = relationship(lazy="raise", foreign_keys=[predecessor_id])
    successor: Mapped[Unit] = relationship(lazy="raise", foreign_keys=[successor_id])


class Person(Referable, Base):
    """Somebody who signs in; `email_key` is the address as it is compared (NFKC, case folded, trimmed)."""

    __tablename__ = "person"
    __table_args__ = (CheckConstraint("clearance BETWEEN 0 AND 2", name="clearance_is_a_level"),)

    # what Flask-Login asks of a user; said here so that the table needs no mix-in of it
    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    clearance: Mapped[int]
    password_hash: Mapped[str | None] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(60))
    disabled_at: Mapped[datetime | None] = mapped_column(Moment)

    unit: Mapped[Unit] = relationship(lazy="raise")
    duties: Mapped[list["Duty"]] = relationship(lazy="raise", order_by="Duty.role")
    memberships: Mapped[list["Membership"]] = relationship(lazy="raise")

    @property
    def roles(self) -> frozenset[Role]:
        """Return the roles held; the query has to load `duties`."""
        return frozenset(d.role for d in self.duties)

    @property
    def is_active(self) -> bool:
        """Say whether the person may sign in."""
        return self.disabled_at is None

    def get_id(self) -> str:
        """Return the name under which Flask-Login keeps a person."""
        return self.ref


class Duty(Base):
    """One role of one person."""

    __tablename__ = "duty"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role: Mapped[Role] = mapped_column(word(Role), primary_key=True)


class Group(Referable, Base):
    """A named circle of readers, such as the leadership; its list of members is not shown outside the ministry."""

    __tablename__ = "reading_group"

    name: Mapped[str] = mapped_column(String(120), unique=True)


class Membership(Base):
    """One person in one reading group."""

    __tablename__ = "membership"

    group_id: Mapped[int] = mapped_column(ForeignKey("reading_group.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)

    group: Mapped[Group] = relationship(lazy="raise")
    person: Mapped[Person] = relationship(lazy="raise", viewonly=True)


class SignIn(Base):
    """One signed-in browser; only the digest of its secret is kept."""

    __tablename__ = "sign_in"
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_digest: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    started_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class OneTimeLink(Base):
    """A link that lets one person set a password, once; while its mail is due, nobody knows its secret yet."""

    __tablename__ = "one_time_link"
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_digest: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    made_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    mail_due_at: Mapped[datetime | None] = mapped_column(Moment)


class SignInTry(Base):
    """A failed try to sign in, under the digest of the account or of the source: what the throttle counts."""

    __tablename__ = "sign_in_try"
    __table_args__ = (Index("ix_sign_in_try_subject_at", "subject_digest", "at"),)
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(Moment)
