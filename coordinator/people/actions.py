"""What can be done with organisations, units, persons and their signing in."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from coordinator.db import touch
from coordinator.errors import Refused
from coordinator.people.models import (
    Duty,
    Group,
    Membership,
    OneTimeLink,
    Organisation,
    Person,
    SignIn,
    SignInTry,
    Unit,
    UnitSuccession,
)
from coordinator.people.queries import ancestors, below, is_empty
from coordinator.people.rules import (
    OrganisationDraft,
    PersonDraft,
    UnitDraft,
    comparable,
    secret_digest,
    would_be_under_itself,
)


class NameTaken(Refused):
    """This name is taken already. Choose another, or open the one that exists."""

    field = "name"


class AddressTaken(Refused):
    """Somebody has this address already, perhaps in other letters of the same look."""

    field = "email"


class UnderItself(Refused):
    """A unit cannot stand below itself."""

    field = "parent"


class FollowsItself(Refused):
    """A unit cannot follow itself."""

    field = "other"


class OtherOrganisation(Refused):
    """A unit and the one above it belong to the same organisation."""

    field = "parent"


class EndsBeforeItStarts(Refused):
    """This ends before it starts."""

    field = "ends_on"


class BegunAlready(Refused):
    """This register has been begun already: invite people to it."""


class LinkSpent(Refused):
    """This link has been used or is too old. Ask for a new one."""


class NotYourself(Refused):
    """Nobody disables the own account: ask another administrator."""


def _record(session: Session, action: str, **event: Any) -> None:
    # history stands a floor above people, so the transaction brings its `record` along
    session.info["record"](session, action, **event)


# --- beginning -------------------------------------------------------------------------------------------------------------


def begin(session: Session, ministry: OrganisationDraft, *, unit: tuple[str, str], person: PersonDraft, at: datetime) -> Person:
    """Begin an empty register: the ministry, a unit (name, short name) and the first person in it. Raises BegunAlready."""
    if not is_empty(session):
        raise BegunAlready
    home = add_organisation(session, ministry, by=None, at=at)
    first = add_unit(session, UnitDraft(home.id, unit[0], unit[1]), by=None, at=at)
    return add_person(session, replace(person, unit_id=first.id), by=None, at=at)


# --- organisations and units ---------------------------------------------------------------------------------------------


def add_organisation(session: Session, draft: OrganisationDraft, *, by: Person | None, at: datetime) -> Organisation:
    """Add an organisation; raises NameTaken, EndsBeforeItStarts."""
    _free_organisation_name(session, draft.name)
    organisation = Organisation()
    _fill_organisation(organisation, draft)
    session.add(organisation)
    session.flush()  # gives the organisation its id
    _record(session, "organisation.added", subject=("organisation", organisation.id), by=by, at=at, said=_said(draft))
    return organisation


def revise_organisation(
    session: Session, organisation: Organisation, draft: OrganisationDraft, *, by: Person | None, at: datetime
) -> None:
    """Change an organisation; raises NameTaken, EndsBeforeItStarts."""
    _free_organisation_name(session, draft.name, but=organisation.id)
    was = _was(organisation, draft)
    _fill_organisation(organisation, draft)
    units = session.scalars(select(Unit.id).where(Unit.organisation_id == organisation.id)).all()
    touch(session, "unit", *units)
    _record(session, "organisation.revised", subject=("organisation", organisation.id), by=by, at=at, said=_said(draft) | was)


def _fill_organisation(organisation: Organisation, draft: OrganisationDraft) -> None:
    if draft.starts_on and draft.ends_on and draft.ends_on < draft.starts_on:
        raise EndsBeforeItStarts
    organisation.name, organisation.short_name = draft.name, draft.short_name
    organisation.circle, organisation.ceiling = draft.circle, draft.ceiling
    organisation.starts_on, organisation.ends_on = draft.starts_on, draft.ends_on


def _free_organisation_name(session: Session, name: str, *, but: int | None = None) -> None:
    others = session.execute(select(Organisation.id, Organisation.name))
    if any(comparable(taken) == comparable(name) for other, taken in others if other != but):
        raise NameTaken


def add_unit(session: Session, draft: UnitDraft, *, by: Person | None, at: datetime) -> Unit:
    """Add a unit; raises NameTaken, OtherOrganisation, EndsBeforeItStarts."""
    _check_unit(session, draft)
    unit = Unit()
    _fill(unit, draft)
    session.add(unit)
    session.flush()  # gives the unit its id
    touch(session, "unit", unit.id)
    _record(session, "unit.added", subject=("unit", unit.id), by=by, at=at, said=_said(draft))
    return unit


def revise_unit(session: Session, unit: Unit, draft: UnitDraft, *, by: Person | None, at: datetime) -> None:
    """Rename, move, date or end a unit; raises NameTaken, UnderItself, OtherOrganisation, EndsBeforeItStarts."""
    if draft.parent_id is not None and would_be_under_itself(
        unit.id, draft.parent_id, ancestors(session, [draft.parent_id])[draft.parent_id]
    ):
        raise UnderItself
    _check_unit(session, draft, but=unit.id)
    moved = unit.parent_id != draft.parent_id or unit.organisation_id != draft.organisation_id
    was = _was(unit, draft)
    _fill(unit, draft)
    session.flush()
    # what is shared with a bureau is shared with all that stands below it
    touch(session, "unit", *(below(session, [unit.id]) if moved else (unit.id,)))
    _record(session, "unit.revised", subject=("unit", unit.id), by=by, at=at, said=_said(draft) | was)


def succeed(
    session: Session, predecessor: Unit, successor: Unit, *, on: date, by: Person | None, at: datetime, ends: bool = True
) -> None:
    """Note that one unit follows another from a day on, on which that one `ends`; said twice, the later day stands.

    Raises FollowsItself, EndsBeforeItStarts.
    """
    if predecessor.id == successor.id:
        raise FollowsItself
    if ends and predecessor.starts_on is not None and on < predecessor.starts_on:
        raise EndsBeforeItStarts(field="on")
    known = session.get(UnitSuccession, (predecessor.id, successor.id))
    if known is None:
        session.add(UnitSuccession(predecessor_id=predecessor.id, successor_id=successor.id, on=on))
    else:
        known.on = on
    if ends:
        predecessor.ends_on = on
    session.flush()
    touch(session, "unit", predecessor.id, successor.id)
    said = {"successor": successor.id, "on": on.isoformat(), "ends": ends}
    _record(session, "unit.succeeded", subject=("unit", predecessor.id), by=by, at=at, said=said)


def unlink(session: Session, predecessor: Unit, successor: Unit, *, by: Person | None, at: datetime) -> None:
    """Take back that one unit followed another; nothing if that was not said. The day on which it ended stays."""
    known = session.get(UnitSuccession, (predecessor.id, successor.id))
    if known is not None:
        session.delete(known)
        session.flush()
        said = {"successor": successor.id}
        _record(session, "unit.succession_taken_back", subject=("unit", predecessor.id), by=by, at=at, said=said)


def _fill(unit: Unit, draft: UnitDraft) -> None:
    unit.organisation_id, unit.parent_id = draft.organisation_id, draft.parent_id
    unit.name, unit.short_name, unit.mailbox = draft.name, draft.short_name, draft.mailbox
    unit.starts_on, unit.ends_on = draft.starts_on, draft.ends_on


def _check_unit(session: Session, draft: UnitDraft, *, but: int | None = None) -> None:
    if draft.starts_on and draft.ends_on and draft.ends_on < draft.starts_on:
        raise EndsBeforeItStarts
    if draft.parent_id is not None:
        above = session.scalars(select(Unit.organisation_id).where(Unit.id == draft.parent_id)).one_or_none()
        if above != draft.organisation_id:
            raise OtherOrganisation
    siblings = session.execute(
        select(Unit.id, Unit.name, Unit.short_name).where(Unit.organisation_id == draft.organisation_id)
    ).all()
    others = [row for row in siblings if row.id != but]
    if any(comparable(row.name) == comparable(draft.name) for row in others):
        raise NameTaken
    if any(comparable(row.short_name) == comparable(draft.short_name) for row in others):
        raise NameTaken(field="short_name")


def _said(draft: Any) -> dict[str, Any]:
    return {name: _plain(value) for name, value in vars(draft).items() if value is not None}


def _was(thing: Any, draft: Any) -> dict[str, Any]:
    """Return what a thing is before it is brought to a draft, as far as that differs."""
    return {"was": {name: _plain(getattr(thing, name)) for name, value in vars(draft).items() if getattr(thing, name) != value}}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return sorted(str(v) for v in value) if isinstance(value, frozenset) else value


# --- persons -----------------------------------------------------------------------------------------------------------


def add_person(session: Session, draft: PersonDraft, *, by: Person | None, at: datetime) -> Person:
    """Add a person, who has no password yet; raises AddressTaken."""
    _free_address(session, draft.email)
    person = Person(
        unit_id=draft.unit_id,
        name=draft.name,
        email=draft.email,
        email_key=comparable(draft.email),
        clearance=draft.clearance,
        time_zone=draft.time_zone,
    )
    session.add(person)
    session.flush()  # gives the person an id
    session.add_all(Duty(person_id=person.id, role=role) for role in draft.roles)
    session.add_all(Membership(person_id=person.id, group_id=group) for group in draft.group_ids)
    session.flush()
    # neither name nor address: the trail outlives the person
    _record(session, "person.added", subject=("person", person.id), by=by, at=at, said=_standing(draft))
    return person


def revise_person(session: Session, person: Person, draft: PersonDraft, *, by: Person | None, at: datetime) -> bool:
    """Bring a person to what is drafted and say whether anything changed; a changed right holds from the next click."""
    _free_address(session, draft.email, but=person.id)
    before = {
        "unit": person.unit_id,
        "clearance": person.clearance,
        "roles": sorted(session.scalars(select(Duty.role).where(Duty.person_id == person.id))),
        "groups": sorted(session.scalars(select(Membership.group_id).where(Membership.person_id == person.id))),
    }
    changed = False
    columns = {
        "unit_id": draft.unit_id,
        "name": draft.name,
        "email": draft.email,
        "email_key": comparable(draft.email),
        "clearance": draft.clearance,
        "time_zone": draft.time_zone,
    }
    for column, value in columns.items():
        if getattr(person, column) != value:
            setattr(person, column, value)
            changed = True
    changed |= _level_rows(session, Duty, Duty.role, person.id, draft.roles)
    changed |= _level_rows(session, Membership, Membership.group_id, person.id, draft.group_ids)
    if changed:
        session.flush()
        now = _standing(draft)
        was = {name: value for name, value in before.items() if value != now[name]}
        _record(session, "person.revised", subject=("person", person.id), by=by, at=at, said=now | {"was": was})
    return changed


def move_person(session: Session, person: Person, unit: Unit, *, by: Person | None, at: datetime) -> None:
    """Let a person belong to another unit; roles and clearance stay, and what they read follows from the next click."""
    if person.unit_id == unit.id:
        return
    before, person.unit_id = person.unit_id, unit.id
    session.flush()
    _record(session, "person.moved", subject=("person", person.id), by=by, at=at, said={"from": before, "unit": unit.id})


def _level_rows(session: Session, table: Any, column: Any, person_id: int, wanted: Iterable[Any]) -> bool:
    has, wanted = set(session.scalars(select(column).where(table.person_id == person_id))), set(wanted)
    for value in wanted - has:
        session.add(table(person_id=person_id, **{column.key: value}))
    if has - wanted:
        session.execute(delete(table).where(table.person_id == person_id, column.in_(has - wanted)))
    return has != wanted


def _free_address(session: Session, email: str, *, but: int | None = None) -> None:
    taken = session.scalars(select(Person.id).where(Person.email_key == comparable(email))).one_or_none()
    if taken is not None and taken != but:
        raise AddressTaken


def _standing(draft: PersonDraft) -> dict[str, Any]:
    return {"unit": draft.unit_id, "roles": sorted(draft.roles), "clearance": draft.clearance, "groups": sorted(draft.group_ids)}


def disable(session: Session, person: Person, *, by: Person | None, at: datetime) -> None:
    """Shut a person out at once: sign-ins and links end with it; disabling twice changes nothing. Raises NotYourself."""
    if by is not None and by.id == person.id:
        raise NotYourself
    if person.disabled_at is not None:
        return
    person.disabled_at = at
    end_sign_ins(session, person.id, at=at)
    _spend_links(session, person.id, at=at)
    _record(session, "person.disabled", subject=("person", person.id), by=by, at=at)


def enable(session: Session, person: Person, *, by: Person | None, at: datetime) -> None:
    """Let a person in again, with the password they had."""
    if person.disabled_at is None:
        return
    person.disabled_at = None
    _record(session, "person.enabled", subject=("person", person.id), by=by, at=at)


def choose_time_zone(session: Session, person: Person, zone: str, *, at: datetime) -> None:
    """Keep the time zone in which a person reads dates."""
    if person.time_zone != zone:
        person.time_zone = zone
        _record(session, "person.time_zone_chosen", subject=("person", person.id), by=person, at=at, said={"time_zone": zone})


def add_group(session: Session, name: str, *, by: Person | None, at: datetime) -> Group:
    """Add a reading group, which has no members yet; raises NameTaken."""
    if any(comparable(taken) == comparable(name) for taken in session.scalars(select(Group.name))):
        raise NameTaken
    group = Group(name=name)
    session.add(group)
    session.flush()  # gives the group its id
    _record(session, "group.added", subject=("group", group.id), by=by, at=at, said={"name": name})
    return group


def revise_group(session: Session, group: Group, name: str, *, members: Iterable[int], by: Person | None, at: datetime) -> None:
    """Rename a reading group and say who is in it, all of them; it holds from their next click. Raises NameTaken."""
    others = session.execute(select(Group.id, Group.name).where(Group.id != group.id))
    if any(comparable(taken) == comparable(name) for _other, taken in others):
        raise NameTaken
    has, wanted = set(session.scalars(select(Membership.person_id).where(Membership.group_id == group.id))), set(members)
    if group.name == name and has == wanted:
        return
    said: dict[str, Any] = {"joined": sorted(wanted - has), "left": sorted(has - wanted)}
    if group.name != name:
        said |= {"from": group.name, "to": name}
        group.name = name
    session.execute(delete(Membership).where(Membership.group_id == group.id, Membership.person_id.in_(has - wanted)))
    session.add_all(Membership(group_id=group.id, person_id=i) for i in sorted(wanted - has))
    session.flush()
    _record(session, "group.revised", subject=("group", group.id), by=by, at=at, said=said)


# --- passwords and links ---------------------------------------------------------------------------------------------------


@lru_cache
def hasher(time_cost: int, memory_kib: int) -> PasswordHasher:
    """Return the maker and checker of password hashes (argon2id) at a cost."""
    return PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)


@lru_cache
def _nobodys_hash(made_by: PasswordHasher) -> str:
    return made_by.hash(secrets.token_hex(16))


def fits(person: Person | None, password: str, made_by: PasswordHasher) -> bool:
    """Say whether a password is the person's; for nobody, or somebody disabled, the work is the same and the answer no."""
    known = person.password_hash if person is not None and person.is_active else None
    try:
        made_by.verify(known or _nobodys_hash(made_by), password)
    except (VerificationError, InvalidHashError):
        return False
    return known is not None


def set_password(
    session: Session, person: Person, password_hash: str, *, by: Person, at: datetime, keep: str | None = None
) -> None:
    """Give a person a password; all other sign-ins, links and counted tries end, `keep` is the secret of the one that stays."""
    person.password_hash = password_hash
    end_sign_ins(session, person.id, at=at, but=keep)
    _spend_links(session, person.id, at=at)
    _record(session, "person.password_set", subject=("person", person.id), by=by, at=at)


def make_link(session: Session, person_id: int, *, at: datetime, lasts: timedelta) -> str:
    """Return the secret of a new one-time link; earlier links of the person end. Needs no numbered change."""
    _spend_links(session, person_id, at=at)
    secret = secrets.token_urlsafe(16)
    session.add(OneTimeLink(secret_digest=secret_digest(secret), person_id=person_id, made_at=at, ends_at=at + lasts))
    return secret


def order_link(session: Session, person_id: int, *, at: datetime, lasts: timedelta) -> None:
    """Have a new one-time link mailed to a person; earlier links end. The job that mails it makes its secret."""
    make_link(session, person_id, at=at, lasts=lasts)
    session.flush()
    session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.person_id == person_id, OneTimeLink.used_at.is_(None))
        .values(mail_due_at=at)
        .execution_options(synchronize_session=False)
    )


def take_letter(session: Session, link_id: int) -> str | None:
    """Return a new secret for a link whose mail is due, or None if another worker has taken it."""
    secret = secrets.token_urlsafe(16)
    taken = session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.id == link_id, OneTimeLink.mail_due_at.is_not(None), OneTimeLink.used_at.is_(None))
        .values(mail_due_at=None, secret_digest=secret_digest(secret))
        .execution_options(synchronize_session=False)
    )
    return secret if taken.rowcount == 1 else None  # type: ignore[attr-defined]


def put_letter_back(session: Session, link_id: int, *, at: datetime) -> None:
    """Let the mail of a link be due again: the relay has not taken it."""
    session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.id == link_id, OneTimeLink.used_at.is_(None))
        .values(mail_due_at=at)
        .execution_options(synchronize_session=False)
    )


def use_link(session: Session, secret: str, password_hash: str, *, at: datetime) -> Person:
    """Set the password of whom a link is for; raises LinkSpent if it was used in the meantime."""
    used = session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.secret_digest == secret_digest(secret), OneTimeLink.used_at.is_(None), OneTimeLink.ends_at > at)
        .values(used_at=at)
        .execution_options(synchronize_session=False)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise LinkSpent
    person = session.scalars(
        select(Person)
        .join(OneTimeLink, OneTimeLink.person_id == Person.id)
        .where(OneTimeLink.secret_digest == secret_digest(secret), Person.disabled_at.is_(None))
    ).one_or_none()
    if person is None:
        raise LinkSpent
    set_password(session, person, password_hash, by=person, at=at)
    return person


def _spend_links(session: Session, person_id: int, *, at: datetime) -> None:
    session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.person_id == person_id, OneTimeLink.used_at.is_(None))
        .values(used_at=at)
        .execution_options(synchronize_session=False)
    )


# --- signing in: bookkeeping, not changes of the register -------------------------------------------------------------------


def begin_try(session: Session, limits: Mapping[str, int], *, window: timedelta, at: datetime) -> bool:
    """Count one try against each subject, or say no if one of them has used up its tries; a refused try is not counted.

    Counting comes before the check of the password, so that parallel guesses find no gap.
    """
    session.execute(delete(SignInTry).where(SignInTry.at <= at - window))
    counted = (
        select(SignInTry.subject_digest, func.count())
        .where(SignInTry.subject_digest.in_(limits))
        .group_by(SignInTry.subject_digest)
    )
    used = {subject: number for subject, number in session.execute(counted)}
    if any(used.get(subject, 0) >= limit for subject, limit in limits.items()):
        return False
    session.add_all(SignInTry(subject_digest=subject, at=at) for subject in limits)
    return True


def forget_tries(session: Session, limits: Mapping[str, int]) -> None:
    """Take back one try of each subject: it was no guess, but the right password."""
    newest = select(func.max(SignInTry.id)).where(SignInTry.subject_digest.in_(limits)).group_by(SignInTry.subject_digest)
    session.execute(delete(SignInTry).where(SignInTry.id.in_(list(session.scalars(newest)))))


def start_sign_in(session: Session, person_id: int, *, at: datetime) -> str:
    """Return the secret of a new sign-in: 128 bits, of which only the digest is kept."""
    secret = secrets.token_urlsafe(16)
    session.add(SignIn(secret_digest=secret_digest(secret), person_id=person_id, started_at=at, seen_at=at))
    return secret


def note_seen(session: Session, sign_in_id: int, *, at: datetime) -> None:
    """Note that a sign-in was used just now."""
    session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.seen_at < at)
        .values(seen_at=at)
        .execution_options(synchronize_session=False)
    )


def end_sign_in(session: Session, secret: str, *, at: datetime) -> None:
    """End one sign-in."""
    session.execute(
        update(SignIn)
        .where(SignIn.secret_digest == secret_digest(secret), SignIn.ended_at.is_(None))
        .values(ended_at=at)
        .execution_options(synchronize_session=False)
    )


def end_sign_ins(session: Session, person_id: int, *, at: datetime, but: str | None = None) -> None:
    """End all sign-ins of a person, but the one whose secret is given."""
    ending = update(SignIn).where(SignIn.person_id == person_id, SignIn.ended_at.is_(None))
    if but is not None:
        ending = ending.where(SignIn.secret_digest != secret_digest(but))
    session.execute(ending.values(ended_at=at).execution_options(synchronize_session=False))
