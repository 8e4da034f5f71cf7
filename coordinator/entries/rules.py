"""The rule of access, its pure twin, and what may be done with an entry."""

import re
import secrets
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from difflib import SequenceMatcher
from enum import Enum
from typing import Any

from coordinator.db import Reader as AnyReader
from coordinator.entries.models import Entry, EntryVersion, Level, State
from coordinator.errors import N_, Refused
from coordinator.people.models import Circle, Person, Role
from coordinator.people.rules import Reader

# --- who may see -------------------------------------------------------------------------------------------------------


def may_see(reader: AnyReader, *, level: int, audience: frozenset[str]) -> bool:
    """Say whether a reader may see an entry: its level is within reach and its audience holds one of the reader's tokens."""
    return level <= reader.level and not reader.tokens.isdisjoint(audience)


def may_see_version(
    reader: Reader, *, owner_id: int, entry_seen: bool, level: int, audience: frozenset[str], released: bool
) -> bool:
    """Say whether a reader may see one version of an entry: as the entry itself; what was never released, the owner unit only."""
    own = reader.unit_id == owner_id
    return entry_seen and may_see(reader, level=level, audience=audience) and (released or own)


# --- how wide an entry may go ------------------------------------------------------------------------------------------

OPEN_TO = {  # each circle holds the ones within it, so one token is enough
    "ministry": Circle.MINISTRY,
    "government": Circle.GOVERNMENT,
    "country": Circle.COUNTRY,
}
_NAMED = ("user:", "unit:", "bureau:", "group:", "coord:")


class TooWide(Refused):
    """An OFFICIAL-SENSITIVE entry goes to named units, bureaus, groups or persons only."""

    field = "audience"


class TooSensitive(Refused):
    """Only a PUBLIC text may go beyond the government."""

    field = "level"


class ReasonForNarrowing(Refused):
    """Entries are open to the whole ministry by default. Say why this one is not."""

    field = "restriction_reason"


def audience_tokens(owner_id: int, named: Iterable[str]) -> frozenset[str]:
    """Return an audience as it is kept: the tokens named, and always the owner unit's."""
    return frozenset(named) | {f"unit:{owner_id}"}


def check_audience(level: int, audience: frozenset[str], *, restriction_reason: str) -> None:
    """Refuse an audience that its level does not allow, and a narrow one without a reason."""
    circles = {t for t in audience if t.startswith("circle:")}
    if level >= Level.OFFICIAL_SENSITIVE and any(not t.startswith(_NAMED) for t in audience):
        raise TooWide
    if level > Level.PUBLIC and f"circle:{Circle.COUNTRY.value}" in circles:
        raise TooSensitive
    if not circles and not restriction_reason.strip():
        raise ReasonForNarrowing


def beyond_ministry(audience: frozenset[str], outside: frozenset[str]) -> bool:
    """Say whether an audience reaches outside the ministry; `outside` are the named tokens that somebody out there holds."""
    return bool(audience & (outside | {f"circle:{Circle.GOVERNMENT.value}", f"circle:{Circle.COUNTRY.value}"}))


# --- what may be done --------------------------------------------------------------------------------------------------

WRITERS = {Role.OFFICER, Role.RELEASING_OFFICER}


def may_log(person: Person) -> bool:
    """Officers and releasing officers log for their own unit."""
    return bool(person.roles & WRITERS)


def may_edit(person: Person, entry: Entry) -> bool:
    """Officers of the owner unit revise what is a draft or released."""
    return may_log(person) and person.unit_id == entry.unit_id and entry.state in {State.DRAFT, State.RELEASED}


def may_release(person: Person, entry: Entry) -> bool:
    """A releasing officer of the owner unit releases what waits to be."""
    waiting = entry.state == State.DRAFT or entry.newest_version > entry.standing_version
    return (
        Role.RELEASING_OFFICER in person.roles
        and person.unit_id == entry.unit_id
        and waiting
        and entry.state in {State.DRAFT, State.RELEASED}
    )


def may_withdraw(person: Person, entry: Entry) -> bool:
    """A releasing officer of the owner unit takes back what is released; the author or such an officer drops a draft."""
    if person.unit_id != entry.unit_id:
        return False
    if entry.state == State.DRAFT:
        return person.id == entry.author_id or Role.RELEASING_OFFICER in person.roles
    return entry.state == State.RELEASED and Role.RELEASING_OFFICER in person.roles


def may_recall(person: Person, entry: Entry) -> bool:
    """A releasing officer of the owner unit takes back a release that was too wide."""
    return Role.RELEASING_OFFICER in person.roles and person.unit_id == entry.unit_id and entry.state == State.RELEASED


class SecondPerson(Refused):
    """Lowering the level, or going beyond the ministry, takes a second person: somebody other than the author must release this."""


def needs_second_person(
    version: EntryVersion,
    *,
    audience: frozenset[str],
    standing_level: int | None,
    standing_audience: frozenset[str],
    outside: frozenset[str] = frozenset(),
) -> bool:
    """Say whether releasing a version lowers the level or opens the entry beyond the ministry for the first time."""
    lowers = standing_level is not None and version.level < standing_level
    return lowers or (beyond_ministry(audience, outside) and not beyond_ministry(standing_audience, outside))


@dataclass(frozen=True, kw_only=True)
class Recall:
    """How a release that was too wide is taken back: to the own unit, as a draft, or to these readers at this level."""

    to_draft: bool
    why: str
    level: int = Level.PUBLIC
    audience: frozenset[str] = frozenset()


class WhyRecalled(Refused):
    """Say why it is recalled; your unit alone reads it."""

    field = "why"


class ReachesFurther(Refused):
    """A recall only takes away, and these readers hold somebody who could not read it before. Release a new version for them."""

    field = "named"


class LowersTheLevel(Refused):
    """A recall never lowers the level. Release a new version instead."""

    field = "level"


class NothingTakenBack(Refused):
    """These are the readers and the level that it has now. Choose fewer readers, a higher level, or make it a draft again."""

    field = "audience"


# what anybody who sees an entry may know to have happened to it; drafting is its own unit's business
TOLD = {"logged", "released", "superseded", "withdrawn", "expired", "adhered", "left", "topic_added", "moved", "adherence_moved"}
ABOUT_GAPS = "gap."  # whom its unit asked, and what is known to be missing: its page says so to the whole ministry
OF_A_VERSION = {"revised", "offered", "released", "topic_added"}


def may_see_event(action: str, *, version: int | None, own: bool, seen: Container[int]) -> bool:
    """Say whether a reader of an entry may know of an event of it; one about a version only together with that version."""
    did = action.rpartition(".")[2]
    if did in OF_A_VERSION and version not in seen:
        return False
    return own or did in TOLD or action.startswith(ABOUT_GAPS)


# --- content -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a form or an import says of an entry; ids are of things that exist. The kinds add their own fields."""

    title: str
    text: str
    topics: tuple[int, ...] = ()
    language: str = "en"
    forum_id: int | None = None
    event_id: int | None = None
    counterparts: tuple[int, ...] = ()
    instruments: tuple[int, ...] = ()
    registry_link: str = ""
    review_by: date | None = None
    level: int = Level.OFFICIAL
    audience: frozenset[str] = frozenset({f"circle:{Circle.MINISTRY.value}"})
    restriction_reason: str = ""
    note: str = ""

    def content(self) -> dict[str, Any]:
        """Return what a version keeps, as JSON: every field but level, audience and the words about the change."""
        return {
            f.name: plain(getattr(self, f.name))
            for f in fields(self)
            if f.name not in {"level", "audience", "restriction_reason", "note"}
        }


def says_the_same(draft: Draft, version: EntryVersion, *, audience: frozenset[str], owner_id: int) -> bool:
    """Say whether a form holds just what a version holds, so that saving it again would make a version of nothing."""
    return (
        same_content(draft.content(), version.content)
        and draft.level == version.level
        and audience_tokens(owner_id, draft.audience) == audience
        and draft.restriction_reason.strip() == version.restriction_reason
    )


def same_content(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two contents hold the same; a field that an older version does not know is as good as an empty one."""
    return all((one.get(name) or None) == (other.get(name) or None) for name in one.keys() | other.keys())


def plain(value: Any) -> Any:
    """Return a value as JSON keeps it: days in ISO form, words of enums, tuples as lists (ids sorted)."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | frozenset):
        items = [plain(v) for v in value]
        return sorted(items) if all(isinstance(i, int) for i in items) else items
    return value


class TitleMissing(Refused):
    """Give it a title."""

    field = "title"


class TextMissing(Refused):
    """Write the line, if only one sentence."""

    field = "text"


class EditedMeanwhile(Refused):
    """Somebody else saved this while you were writing. Both texts are below: merge them and save again."""


class NotWaiting(Refused):
    """There is nothing here that waits to be released."""


class NotCurrent(Refused):
    """This is no longer current, so it cannot be changed."""


# the words under which fields are shown wherever two versions are compared
LABELS = {
    "title": N_("Title"),
    "text": N_("Text"),
    "topics": N_("Topics"),
    "language": N_("Language"),
    "forum_id": N_("Forum"),
    "event_id": N_("Event"),
    "counterparts": N_("Counterparts"),
    "instruments": N_("Instruments"),
    "registry_link": N_("Registry file"),
    "review_by": N_("Review by"),
    "question_id": N_("Question"),
    "stance": N_("Stance"),
    "reason": N_("Reason"),
    "red_lines": N_("Red lines"),
    "fallback": N_("Fallback"),
    "talking_points": N_("Talking points"),
    "on_behalf_of_id": N_("Outside voice of"),
    "source": N_("Where it was said"),
    "said_on": N_("When it was said"),
    "valid_from": N_("Valid from"),
    "valid_until": N_("Valid until"),
    "dossier_type": N_("Type"),
    "lead_id": N_("Lead officer"),
    "contributing": N_("Contributing units"),
    "milestones": N_("Milestones"),
    "positions": N_("Positions drawn on"),
    "papers": N_("Papers"),
    "level": N_("Level"),
    "audience": N_("Who sees it"),
    "restriction_reason": N_("Why it is not open to all"),
}

# --- what differs between two versions ---------------------------------------------------------------------------------

Shown = dict[str, str | tuple[str, ...]]  # field → a text, or the items of a list, in words
Part = tuple[str, str]  # ("same" | "add" | "del", words)

_WORDED = {"title", "text", "reason", "red_lines", "fallback", "talking_points", "restriction_reason"}
_DAYS = {"review_by", "valid_from", "valid_until", "said_on"}
_BETWEEN: Part = ("same", ", ")
_WORD = re.compile(r"\S+|\s+")


def in_words(content: Mapping[str, Any], names: Mapping[str, Mapping[Any, str]], *, day: Callable[[date], str]) -> Shown:
    """Return a version's content in words; `names` has those of ids and stored words, and what is not in it is left out."""
    shown: Shown = {}
    for field in LABELS:
        value = content.get(field)
        if not value:
            shown[field] = ""
        elif field in _DAYS:
            shown[field] = day(date.fromisoformat(value))
        elif field == "milestones":
            shown[field] = tuple(f"{day(date.fromisoformat(due))}: {what}" for due, what in value)
        elif field == "papers":
            shown[field] = tuple(f"{label}: {url}" for label, url in value)
        elif isinstance(value, list):
            shown[field] = tuple(sorted(names[field][i] for i in value if i in names[field]))
        else:
            shown[field] = names[field].get(value, "") if field in names else str(value)
    return shown


def difference(before: Shown, after: Shown) -> list[tuple[str, list[Part]]]:
    """Return the fields that differ, each with what stayed, came and went: word by word in texts, item by item elsewhere."""
    rows: list[tuple[str, list[Part]]] = []
    for field in LABELS:
        old, new = before.get(field, ""), after.get(field, "")
        if (old or "") == (new or ""):
            continue
        if field in _WORDED:
            rows.append((field, _by_words(str(old), str(new))))
        else:
            rows.append((field, _by_items(_items(old), _items(new))))
    return rows


Side = list[tuple[str, bool]]
"""A text in pieces, each with whether it stands on this side alone."""


def sides(before: Shown, after: Shown) -> list[tuple[str, Side, Side]]:
    """Return the fields that differ, each as it stands on either side."""
    return [
        (f, _side(parts, "del", worded=f in _WORDED), _side(parts, "add", worded=f in _WORDED))
        for f, parts in difference(before, after)
    ]


def _side(parts: Iterable[Part], own: str, *, worded: bool) -> Side:
    if worded:
        return [(text, op == own) for op, text in parts if op in {"same", own}]
    items = [(text, op == own) for op, text in parts if op in {"same", own} and (op, text) != _BETWEEN]
    return [piece for item in items for piece in ((_BETWEEN[1], False), item)][1:]


def _items(value: str | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    return (value,) if value else ()


def _by_items(old: Sequence[str], new: Sequence[str]) -> list[Part]:
    parts = [
        *(("same", item) for item in old if item in new),
        *(("del", item) for item in old if item not in new),
        *(("add", item) for item in new if item not in old),
    ]
    spaced: list[Part] = []
    for part in parts:
        spaced += [_BETWEEN] * bool(spaced) + [part]
    return spaced


def _by_words(old: str, new: str) -> list[Part]:
    a, b = _WORD.findall(old), _WORD.findall(new)
    # what both begin and end with is set aside first: it is most of a long text, and the matcher's time grows with the square
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    middle_a, middle_b = a[head : len(a) - tail], b[head : len(b) - tail]
    parts: list[Part] = [("same", "".join(a[:head]))]
    gone, come = "", ""
    for op, a1, a2, b1, b2 in SequenceMatcher(None, middle_a, middle_b).get_opcodes():
        was, is_ = "".join(middle_a[a1:a2]), "".join(middle_b[b1:b2])
        if op == "equal" and not (was.isspace() and gone and come):
            parts += [("del", gone), ("add", come), ("same", was)]
            gone, come = "", ""
        else:  # a space between two changed words belongs to the change
            gone, come = gone + was, come + is_
    parts += [("del", gone), ("add", come), ("same", "".join(a[len(a) - tail :]))]
    return [(op, text) for op, text in parts if text]


_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def new_code(short_name: str) -> str:
    """Return a readable code for a dossier: the unit and six random consonants; it counts nothing and hardly ever repeats."""
    return f"{short_name.upper()}-{''.join(secrets.choice(_CODE_LETTERS) for _ in range(6))}"
