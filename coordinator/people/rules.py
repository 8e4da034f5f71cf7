"""Who somebody is to the register: the tokens and the level that reading is decided by; what signing in asks."""

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from coordinator.errors import N_
from coordinator.people.models import Circle, Role, Unit

CIRCLES_HELD = {
    # the whole of government includes the ministry, the whole of the country includes the government
    Circle.MINISTRY: (Circle.MINISTRY, Circle.GOVERNMENT, Circle.COUNTRY),
    Circle.GOVERNMENT: (Circle.GOVERNMENT, Circle.COUNTRY),
    Circle.COUNTRY: (Circle.COUNTRY,),
}


@dataclass(frozen=True)
class Reader:
    """Whoever reads: the highest level within reach and the tokens held. No role appears here, because no role grants reading."""

    level: int
    tokens: frozenset[str]
    unit_id: int | None = None
    person_id: int | None = None
    roles: frozenset[Role] = field(default=frozenset(), compare=False)


NOBODY = Reader(level=-1, tokens=frozenset())


def comparable(name: str) -> str:
    """Return a name or address as it is compared: NFKC, case folded, white space folded and trimmed."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


@lru_cache(maxsize=4096)  # who sees an entry is asked of all units, on each page of one
def unit_tokens(unit_id: int, *, organisation_id: int, circle: Circle, ancestors: tuple[int, ...]) -> frozenset[str]:
    """Return the tokens that every member of a unit holds; `ancestors` are the units above it, and itself."""
    return frozenset(
        {
            f"unit:{unit_id}",
            f"org:{organisation_id}",
            *(f"bureau:{a}" for a in ancestors),
            *(f"circle:{c.value}" for c in CIRCLES_HELD[circle]),
        }
    )


def line_above(unit_id: int, parents: Mapping[int, int | None]) -> tuple[int, ...]:
    """Return the ids of a unit and of those above it, nearest first, at most twenty of these."""
    line = [unit_id]
    while len(line) <= 20 and (above := parents.get(line[-1])) is not None:
        line.append(above)
    return tuple(line)


def person_tokens(person_id: int, roles: frozenset[Role], groups: Iterable[int], ancestors: Iterable[int]) -> frozenset[str]:
    """Return the tokens that a person holds beyond those of the unit: the own one, the groups', a coordinator's bureaus'."""
    coordinating = (f"coord:{a}" for a in ancestors) if Role.COORDINATOR in roles else ()
    return frozenset({f"user:{person_id}", *(f"group:{g}" for g in groups), *coordinating})


def effective_level(clearance: int, ceiling: int) -> int:
    """Return the highest level that a person reads: what they are cleared for, never above what their organisation may see."""
    return min(clearance, ceiling)


# --- who may do what ---------------------------------------------------------------------------------------------------


class HasRoles(Protocol):
    """Whoever has roles."""

    @property
    def roles(self) -> frozenset[Role]:
        """The roles held."""


def may_keep_lists(person: HasRoles) -> bool:
    """A coordinator keeps the shared lists: units, topics, equities, forums, events, questions, counterparts."""
    return Role.COORDINATOR in person.roles


def may_keep_people(person: HasRoles) -> bool:
    """An administrator keeps accounts: who there is, in which unit, with which roles and clearance."""
    return Role.ADMINISTRATOR in person.roles


# --- what is typed ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OrganisationDraft:
    """An organisation as it was typed."""

    name: str
    short_name: str
    circle: Circle
    ceiling: int
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True)
class UnitDraft:
    """A unit as it was typed."""

    organisation_id: int
    name: str
    short_name: str
    parent_id: int | None = None
    mailbox: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True)
class PersonDraft:
    """A person as it was typed."""

    name: str
    email: str
    unit_id: int
    roles: frozenset[Role]
    clearance: int
    time_zone: str
    group_ids: frozenset[int] = frozenset()


# --- passwords -------------------------------------------------------------------------------------------------------------

SHORTEST_PASSWORD = 12

# The heads of the public lists of leaked passwords, as far as they are long enough to get past the rule of length,
# and the words of this house.
COMMON = frozenset(
    """
    123456789012 1234567890123 12345678901234 123456789123 111111111111 000000000000 qwertyuiop12 qwertyuiop123 qwertyuiop1234
    1qaz2wsx3edc 1q2w3e4r5t6y 1q2w3e4r5t6y7u q1w2e3r4t5y6 qazwsxedcrfv zaq12wsxcde3 abcdefghijkl abcdefghijklm abcd1234abcd
    passwordpassword password1234 password12345 password123456 password2024 password2025 password2026 passw0rd1234 p@ssw0rd1234
    p@ssword1234 iloveyou1234 iloveyouiloveyou letmeinletmein letmein12345 welcome12345 welcome123456 administrator adminadmin12
    administrator1 admin1234567 changeme1234 changemechangeme trustno1trustno1 sunshine1234 princess1234 football1234 baseball1234
    correcthorsebatterystaple qwerty123456 qwertyqwerty qwerty12345678 asdfghjkl123 asdfasdfasdf zxcvbnm12345 coordinator1
    coordinator12 coordinator123 ministry1234 foreignministry foreignaffairs diplomat1234 diplomacy123
    """.split()  # noqa: SIM905 - a wall of words, not a list to read
)


def password_fault(password: str, *, name: str, email: str) -> str | None:
    """Return the sentence that says why a password will not do, or None."""
    plain = comparable(password)
    local = comparable(email).partition("@")[0]
    if len(password) < SHORTEST_PASSWORD:
        return N_("A password has at least 12 characters; a few words are easier to remember than signs.")
    if len(set(plain)) < 5:
        return N_("This password repeats the same few characters. Choose one that is harder to guess.")
    if plain in COMMON or plain.replace(" ", "") in COMMON:
        return N_("This password is on the public lists that are tried first. Choose another.")
    named = [p for p in (comparable(email), local, *comparable(name).split()) if len(p) >= 4]
    if any(len(plain.replace(p, "")) < 8 for p in named if p in plain):
        return N_("This password is made of your name or address. Choose one that is harder to guess.")
    return None


# --- trying to sign in -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Throttle:
    """How many failed tries fit into the window: for one account from one source, for an account, for a source."""

    tries: int
    window: timedelta

    def limits(self, email: str, source: str) -> dict[str, int]:
        """Return the limit of each subject that a try counts against, by the subject's digest.

        The account as a whole gets five times the tries, so that one hostile source cannot keep its owner out; a source gets
        twenty times, because a ministry sits behind one address.
        """
        account = comparable(email)
        return {
            subject_digest("account and source", account, source): self.tries,
            subject_digest("account", account): self.tries * 5,
            subject_digest("source", source): self.tries * 20,
        }


def subject_digest(*parts: str) -> str:
    """Return the digest under which tries are counted: neither addresses nor sources are kept in the clear."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def secret_digest(secret: str) -> str:
    """Return what is kept of a secret of 128 random bits; no salt is needed against guessing those."""
    return hashlib.sha256(secret.encode()).hexdigest()


def sign_in_stands(
    *, started_at: datetime, seen_at: datetime, ended_at: datetime | None, at: datetime, idle: timedelta, at_most: timedelta
) -> bool:
    """A sign-in stands until it is ended, left alone for too long, or too old."""
    return ended_at is None and at - seen_at <= idle and at - started_at <= at_most


def would_be_under_itself(unit_id: int, parent_id: int, above: Iterable[int]) -> bool:
    """A unit may not stand below itself; `above` are the units above the new parent."""
    return unit_id == parent_id or unit_id in set(above)


# --- where units stand -----------------------------------------------------------------------------------------------------


def has_ended(ends_on: date | None, *, on: date) -> bool:
    """A unit or an organisation has ended from the day on that is written down as its end."""
    return ends_on is not None and ends_on <= on


def standing_first(units: Iterable[Unit], *, on: date) -> list[Unit]:
    """Return units in their order, those that have ended after all that stand."""
    return sorted(units, key=lambda unit: has_ended(unit.ends_on, on=on))


@dataclass(frozen=True)
class Branch:
    """A unit in the tree, with the units below it."""

    unit: Unit
    below: tuple["Branch", ...]


def forest(units: Sequence[Unit]) -> tuple[Branch, ...]:
    """Return the trees that some units form, in the order given; one whose upper unit is not among them stands at the top."""
    among = {u.id for u in units}
    below: dict[int | None, list[Unit]] = {}
    for unit in units:
        below.setdefault(unit.parent_id if unit.parent_id in among else None, []).append(unit)

    def branch(unit: Unit) -> Branch:
        return Branch(unit, tuple(branch(u) for u in below.get(unit.id, ())))

    return tuple(branch(u) for u in below.get(None, ()))


@dataclass(frozen=True)
class Posting:
    """From when until when a person was in a unit; still there if it has no end."""

    person_id: int
    since: datetime
    until: datetime | None


def postings(unit_id: int, events: Iterable[tuple[int, str, datetime, int | None]]) -> list[Posting]:
    """Return who was in a unit and when, the newest first, from the events of persons: (person, action, moment, unit said)."""
    since: dict[int, datetime] = {}
    home: dict[int, int] = {}
    shut_out: set[int] = set()
    found: list[Posting] = []
    for person_id, action, at, said in events:
        if said is not None:
            home[person_id] = said
        if action in {"person.disabled", "person.enabled"}:
            (shut_out.add if action == "person.disabled" else shut_out.discard)(person_id)
        if home.get(person_id) == unit_id and person_id not in shut_out:
            since.setdefault(person_id, at)
        elif person_id in since:
            found.append(Posting(person_id, since.pop(person_id), at))
    found += [Posting(person_id, at, None) for person_id, at in since.items()]
    return sorted(found, key=lambda p: (p.until is not None, p.since, p.person_id))


# --- what happened to a unit, in words -------------------------------------------------------------------------------------

Said = tuple[str, dict[str, str]]
"""A sentence with places, and what fills them; translated where it is shown."""

_PARTS: dict[str, tuple[str, str, str]] = {
    # field → (when it came, when it changed, when it went)
    "name": ("", N_("Renamed from “%(old)s” to “%(new)s”."), ""),
    "short_name": ("", N_("Short name: %(old)s, now %(new)s."), ""),
    "parent_id": (
        N_("Put below %(new)s."),
        N_("Moved from below %(old)s to below %(new)s."),
        N_("Taken out from below %(old)s."),
    ),
    "organisation_id": ("", N_("Moved from %(old)s to %(new)s."), ""),
    "mailbox": (N_("Mailbox: %(new)s."), N_("Mailbox: %(old)s, now %(new)s."), N_("The mailbox %(old)s was given up.")),
    "starts_on": (N_("Exists from %(new)s."), N_("Exists from %(new)s, not %(old)s."), ""),
    "ends_on": (N_("Ended on %(new)s."), N_("Ended on %(new)s, not %(old)s."), N_("It goes on: no end is set any more.")),
}
_ONCE = {
    "unit.succession_taken_back": N_("It did not go on as %(successor)s after all."),
    "unit.took_over": N_("It took over from %(predecessor)s on %(on)s."),
}


STANDING = frozenset({"unit.added", "unit.revised", "unit.succeeded", *_ONCE})
"""What happened to where a unit stands, apart from what it chose for itself."""


def told(
    action: str,
    said: Mapping[str, Any],
    before: Mapping[str, Any],
    *,
    units: Mapping[int, str],
    organisations: Mapping[int, str],
    day: Callable[[date], str],
) -> list[Said]:
    """Return what an event of a unit says, in sentences; `before` is what was said of the unit when it was last written down."""
    if action == "unit.succeeded":
        values = {"successor": units.get(said["successor"], "–"), "on": day(date.fromisoformat(said["on"]))}
        ended = N_("It went on as %(successor)s, and ended, on %(on)s.")
        return [(ended if said.get("ends", True) else N_("%(successor)s came from it on %(on)s."), values)]
    if action in _ONCE:
        values = {k: units.get(said[k], "–") for k in ("successor", "predecessor") if k in said}
        return [(_ONCE[action], values | ({"on": day(date.fromisoformat(said["on"]))} if "on" in said else {}))]
    if action not in {"unit.added", "unit.revised"}:
        return [(N_("Changed."), {})]

    def shown(part: str, value: Any) -> str:
        if part.endswith("_on"):
            return day(date.fromisoformat(value))
        if part.endswith("_id"):
            return (units if part == "parent_id" else organisations).get(value, "–")
        return str(value)

    sentences: list[Said] = [] if action == "unit.revised" else [(N_("Written down as “%(name)s”."), {"name": str(said["name"])})]
    for part, (came, changed, went) in _PARTS.items():
        old, new = before.get(part), said.get(part)
        sentence = changed if old and new else came if new else went
        if old != new and sentence:
            sentences.append((sentence, {k: shown(part, v) for k, v in (("old", old), ("new", new)) if v}))
    return sentences or [(N_("Saved without a change."), {})]
