"""What a row of a file says: something typed and sound, or the reason why it cannot be taken."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from coordinator.dossiers.models import DossierType
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries.models import Kind, Level, State
from coordinator.entries.rules import OPEN_TO
from coordinator.errors import N_
from coordinator.people.rules import comparable
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft
from coordinator.sheets import Line, Table

FIELDS = (
    "id",
    "unit",
    "title",
    "text",
    "date",
    "kind",
    "topics",
    "forum",
    "event",
    "question",
    "stance",
    "reason",
    "counterparts",
    "instruments",
    "type",
    "level",
    "audience",
    "language",
    "state",
    "valid_until",
    "restriction_reason",
)
# Each row carries its own level, and who took it out when, so that they stay with it wherever it is copied to.
MARKS = ("level", "exported_by", "exported_at")

# what a table says of one kind of entry alone
POSITION_COLUMNS = (
    "question",
    "stance",
    "reason",
    "red_lines",
    "fallback",
    "talking_points",
    "valid_from",
    "valid_until",
    "on_behalf_of",
    "source",
    "said_on",
)
DOSSIER_COLUMNS = ("type", "lead", "contributing", "milestones", "positions", "papers")

# what a table says of an entry: an export writes all of it, and takes nothing amiss when it is brought in again
ENTRY_COLUMNS = (
    *MARKS,
    "ref",
    "id",
    "kind",
    "code",
    "unit",
    "organisation",
    "state",
    "title",
    "text",
    "language",
    "topics",
    *POSITION_COLUMNS,
    *DOSSIER_COLUMNS,
    "forum",
    "event",
    "event_on",
    "counterparts",
    "instruments",
    "registry_link",
    "review_by",
    "audience",
    "restriction_reason",
    "also_held_by",
    "version",
    "logged_on",
    "released_on",
    "ended_on",
    "ended_why",
)
LISTS = {"topics", "counterparts", "instruments", "audience"}

MOST = {"title": 200, "text": 20_000, "id": 200, "reason": 5_000, "restriction_reason": 1_000}
MOST_LISTED = 50
RESTRICTED = "It was restricted where it was imported from."
WITHDRAWN = "It was withdrawn where it was imported from."


TOO_LONG = N_("%(column)s is %(length)s characters long; at most %(most)s fit")
NONE_OF = N_("%(column)s “%(said)s” is none of %(words)s")
NO_DAY = N_("%(column)s “%(said)s” is no day of the form 2026-03-31")


class BadRow(Exception):
    """A row that cannot be taken; its sentence, with its values, is the reason for the person who reads the list."""

    def __init__(self, sentence: str, **values: str) -> None:
        self.said = (sentence, values)
        super().__init__(sentence % values if values else sentence)


class Did(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    BAD = "bad"


Said = tuple[str, dict[str, str]]


@dataclass(frozen=True)
class Outcome:
    """What becomes of the row of a line: what it is about, what moves from what to what, or why it is not taken."""

    line: int
    did: Did
    why: Said = ("", {})
    what: str = ""
    changes: tuple[tuple[str, str, str], ...] = ()

    @property
    def reason(self) -> str:
        """Return why it is not taken, as a terminal shows it."""
        sentence, values = self.why
        return sentence % values if values else sentence

    def kept(self) -> dict[str, Any]:
        """Return it as JSON keeps it until somebody confirms."""
        return {
            "line": self.line,
            "did": self.did.value,
            "why": list(self.why),
            "what": self.what,
            "changes": list(map(list, self.changes)),
        }


def outcomes_digest(outcomes: Iterable[Outcome]) -> str:
    """Return the digest of what would become of a file: the same as long as nothing moves that it rests on."""
    kept = [o.kept() for o in outcomes]
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


# --- what is uploaded ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Upload:
    """One file that somebody sent, as a table, with how it is to be taken."""

    kind: str
    file_name: str
    digest: str
    table: Table
    options: Mapping[str, str] = field(default_factory=dict)


def rows_kept(table: Table) -> dict[str, Any]:
    """Return a table as JSON keeps it until somebody confirms."""
    lines = [[line.number, [line.cells.get(c, "") for c in table.columns], line.fault] for line in table.lines]
    return {"columns": list(table.columns), "unused": list(table.unused), "lines": lines}


def rows_of(kept: Mapping[str, Any]) -> Table:
    """Return the table that `rows_kept` kept."""
    columns = tuple(kept["columns"])
    lines = tuple(Line(n, dict(zip(columns, cells, strict=True)), fault) for n, cells, fault in kept["lines"])
    return Table(columns, tuple(kept["unused"]), lines)


@dataclass(frozen=True)
class Shown:
    """One page of what would become of a file: how many rows of each sort, and some of those that are looked at."""

    counts: Mapping[Did, int]
    did: Did
    some: Sequence[Outcome]


def shown(kept: Iterable[Mapping[str, Any]], did: Did | None, *, number: int, size: int) -> Shown:
    """Return a page of kept outcomes; where nothing is asked for, what is wrong comes first, then what is new."""
    outcomes = [outcome_of(o) for o in kept]
    counts = {sort: sum(o.did is sort for o in outcomes) for sort in Did}
    looked_at = did or next((sort for sort in (Did.BAD, Did.NEW, Did.CHANGED) if counts[sort]), Did.UNCHANGED)
    chosen = [o for o in outcomes if o.did is looked_at]
    return Shown(counts, looked_at, chosen[(number - 1) * size : number * size])


def outcome_of(kept: Mapping[str, Any]) -> Outcome:
    """Return the outcome that was kept."""
    sentence, values = kept["why"]
    changes = tuple((column, before, after) for column, before, after in kept["changes"])
    return Outcome(kept["line"], Did(kept["did"]), (sentence, values), kept["what"], changes)


# --- texts -------------------------------------------------------------------------------------------------------------

# What no screen shows and no form takes. Old systems leave form feeds and the like in their texts, and they say nothing, so
# an import takes them out rather than lose a paper over them. What turns the reading direction does say something: such a
# row is refused, because no machine can know which of the two readings was meant.
_BREAKS = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_HALVES = re.compile("[\ud800-\udfff]")
_OVERRIDES = re.compile("[\u202d\u202e]")
_OPENS = {"\u202a": "\u202c", "\u202b": "\u202c", "\u2066": "\u2069", "\u2067": "\u2069", "\u2068": "\u2069"}


def plain_text(said: str) -> str:
    """Return a text as it is kept: one kind of line end, composed, without control characters; raises BadRow."""
    if _HALVES.search(said):
        raise BadRow(N_("it holds bytes that are no UTF-8 text"))
    if _OVERRIDES.search(said) or not all(_turns_back(paragraph) for paragraph in said.split("\n")):
        raise BadRow(N_("it holds a character that turns the reading direction and does not turn it back"))
    said = _BREAKS.sub("\n", said.replace("\r\n", "\n").replace("\r", "\n"))
    return unicodedata.normalize("NFC", _CONTROLS.sub("", said)).strip()


def _turns_back(paragraph: str) -> bool:
    waiting: list[str] = []
    for character in paragraph:
        if character in _OPENS:
            waiting.append(_OPENS[character])
        elif character in _OPENS.values() and (not waiting or waiting.pop() != character):
            return False
    return not waiting


def cut(text: str, most: int) -> str:
    """Return the beginning of a text, at most `most` characters, cut between words where there is a gap."""
    if len(text) <= most:
        return text
    head = text[:most]
    kept = head.rsplit(" ", 1)[0] if " " in head[most // 2 :] else head[:-1]
    return kept.rstrip(" ,;:-") + "…"


# --- one row -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row whose words are sound; its names are still names."""

    line: int
    id: str
    digest: str
    unit: str
    title: str
    text: str
    day: date | None
    kind: Kind
    state: State
    level: Level
    language: str
    topics: tuple[str, ...] = ()
    forum: str = ""
    event: str = ""
    question: str = ""
    stance: Stance | None = None
    reason: str = ""
    counterparts: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    dossier_type: DossierType | None = None
    audience: tuple[str, ...] = ()
    restriction_reason: str = ""
    valid_until: date | None = None
    title_cut: bool = False
    cleaned: bool = False


def row_digest(raw: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a row says, the same whether it stands in JSON or in CSV."""
    said = {name: _listed(raw[name]) if name in LISTS else _word(raw[name]) for name in FIELDS if raw.get(name)}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def row_id(raw: Mapping[str, Any]) -> str:
    """Return the id of a row as it is kept, or nothing if it is none."""
    try:
        return " ".join(plain_text(_word(raw.get("id", ""))).split())
    except BadRow:
        return ""


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _listed(value: Any) -> list[str]:
    if isinstance(value, list):
        return [word for part in value if (word := _word(part).strip())]
    return listed(_word(value))


def listed(said: str) -> list[str]:
    """Return the names in a cell that holds several; a semicolon within a name is written with a backslash before it."""
    parts = said.replace("\\;", "\0").split(";")
    return [word for part in parts if (word := part.replace("\0", ";").strip())]


def joined(names: Iterable[str]) -> str:
    """Return several names as one cell."""
    return "; ".join(name.replace(";", "\\;") for name in names)


def sound(raw: Mapping[str, Any], *, line: int) -> Row:
    """Return a row as typed values; raises BadRow with the first thing that is wrong."""
    said = _words(raw)
    kind = _one_of(Kind, said, "kind", Kind.DOSSIER)
    _fits_kind(kind, said, raw)
    state = _one_of(State, said, "state", State.RELEASED)
    if state not in {State.DRAFT, State.RELEASED, State.WITHDRAWN}:
        raise BadRow(N_("its state is draft, released or withdrawn"))
    title, text, title_cut = _title_and_text(said)
    language = said.get("language", "en").lower()
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,4})?", language):
        raise BadRow(N_("“%(said)s” is no code of a language: en, fr, ar …"), said=language)
    return Row(
        line=line,
        id=said["id"],
        digest=row_digest(raw),
        unit=said["unit"],
        title=title,
        text=text,
        day=_day(said, "date"),
        kind=kind,
        state=state,
        level=_level(said.get("level", "")),
        language=language,
        topics=_several(raw, "topics"),
        forum=said.get("forum", ""),
        event=said.get("event", ""),
        question=said.get("question", ""),
        stance=_one_of(Stance, said, "stance", None),
        reason=said.get("reason", ""),
        counterparts=_several(raw, "counterparts"),
        instruments=_several(raw, "instruments"),
        dossier_type=_one_of(DossierType, said, "type", None),
        audience=_several(raw, "audience"),
        restriction_reason=said.get("restriction_reason", ""),
        valid_until=_day(said, "valid_until"),
        title_cut=title_cut,
        cleaned=any(_CONTROLS.search(_word(v)) for v in raw.values() if isinstance(v, str)),
    )


def _words(raw: Mapping[str, Any]) -> dict[str, str]:
    """Return the single words and texts of a row, tidied and not too long."""
    said: dict[str, str] = {}
    for name in FIELDS:
        value = raw.get(name)
        if value is None or name in LISTS:
            continue
        if isinstance(value, bool | list | dict):
            raise BadRow(N_("%(column)s is a text"), column=name)
        word = plain_text(_word(value))
        if name not in {"text", "reason"}:
            word = " ".join(word.split())
        if word:
            said[name] = word
    for name in ("id", "unit", "title", "text"):
        if name not in said:
            raise BadRow(N_("%(column)s is missing"), column=name)
    for name, most in MOST.items():
        if name != "title" and len(said.get(name, "")) > most:
            raise BadRow(TOO_LONG, column=name, length=f"{len(said[name]):,}", most=f"{most:,}")
    return said


def _title_and_text(said: Mapping[str, str]) -> tuple[str, str, bool]:
    title, text = said["title"], said["text"]
    if len(title) <= MOST["title"]:
        return title, text, False
    text = f"{title}\n\n{text}"  # nothing is lost: the whole title opens the text
    if len(text) > MOST["text"]:
        raise BadRow(
            N_("title and text together are %(length)s characters long; at most %(most)s fit"),
            length=f"{len(text):,}",
            most=f"{MOST['text']:,}",
        )
    return cut(title, MOST["title"]), text, True


def _fits_kind(kind: Kind, said: Mapping[str, str], raw: Mapping[str, Any]) -> None:
    if kind is Kind.DOSSIER:
        wrong = [n for n in ("question", "stance", "reason", "valid_until") if said.get(n)]
    else:
        wrong = ["type"] if said.get("type") else []
    if wrong:
        raise BadRow(N_("a %(kind)s has no %(columns)s"), kind=kind.value, columns=", ".join(wrong))
    if said.get("stance") and not said.get("question"):
        raise BadRow(N_("a stance is on a question: name it, or leave the stance out"))


Word = TypeVar("Word", bound=StrEnum)
Nothing = TypeVar("Nothing")


def _one_of(words: type[Word], said: Mapping[str, str], name: str, default: Nothing) -> Word | Nothing:
    """Return the member that is meant by its word or by its label; raises BadRow listing what there is."""
    if not said.get(name):
        return default
    wanted = comparable(said[name])
    for member in words:
        if wanted in {member.value, comparable(member.label)}:  # type: ignore[attr-defined]
            return member
    raise BadRow(NONE_OF, column=name, said=said[name], words=", ".join(m.value for m in words))


def _level(said: str) -> Level:
    if not said:
        return Level.OFFICIAL
    for level in Level:
        if comparable(said).replace("_", "-") in {str(level.value), comparable(level.label)}:
            return level
    raise BadRow(NONE_OF, column="level", said=said, words=", ".join(level.label for level in Level))


def _day(said: Mapping[str, str], name: str) -> date | None:
    if not said.get(name):
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", said[name]):
            raise ValueError
        return date.fromisoformat(said[name])
    except ValueError:
        raise BadRow(NO_DAY, column=name, said=said[name]) from None


def _several(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = raw.get(name)
    if value is None:
        return ()
    if not isinstance(value, str | list) or (isinstance(value, list) and not all(isinstance(v, str) for v in value)):
        raise BadRow(N_("%(column)s is a list of names"), column=name)
    names = tuple(dict.fromkeys(" ".join(plain_text(v).split()) for v in _listed(value)))
    if len(names) > MOST_LISTED:
        raise BadRow(
            N_("%(column)s lists %(number)s names; at most %(most)s fit"),
            column=name,
            number=str(len(names)),
            most=str(MOST_LISTED),
        )
    return names


# --- names -------------------------------------------------------------------------------------------------------------

SEVERAL = 0  # instead of an id: more than one thing has this name
Names = dict[str, int]


@dataclass(frozen=True)
class Known:
    """What the names in a file may mean: ids by name, compared as names are."""

    unit: Names = field(default_factory=dict)
    topic: Names = field(default_factory=dict)
    forum: Names = field(default_factory=dict)
    event: Names = field(default_factory=dict)
    """By name, and by forum and name; see `of_forum`."""
    question: Names = field(default_factory=dict)
    counterpart: Names = field(default_factory=dict)
    instrument: Names = field(default_factory=dict)
    """By name and by short name."""
    group: Names = field(default_factory=dict)
    person: Names = field(default_factory=dict)


def named(pairs: Iterable[tuple[str, int]]) -> Names:
    """Return ids by comparable name; a name of several things stands for none of them."""
    found: Names = {}
    for name, i in pairs:
        key = comparable(name)
        found[key] = i if found.get(key, i) == i else SEVERAL
    return found


def of_forum(forum_id: int, event: str) -> str:
    """Return the name of an event within its forum."""
    return f"{forum_id}: {event}"


@dataclass(frozen=True)
class Unknown:
    """A name that means nothing yet, and what would have to be made for it."""

    kind: str
    name: str

    @property
    def key(self) -> str:
        """Return the name as it is compared."""
        return comparable(self.name)


MAKEABLE = frozenset({"topic", "forum", "question", "counterpart"})
_NOT_THERE = {
    "unit": N_("there is no unit “%(name)s”; --organisation says where to make it"),
    "event": N_("there is no event “%(name)s”; an event has days, which a row does not say: enter it in the calendar first"),
    "instrument": N_("there is no instrument “%(name)s”; a row does not say of what kind it is: enter it in the calendar first"),
    "group": N_("there is no group “%(name)s”; reading groups are kept by an administrator"),
    "person": N_("there is no person “%(name)s”; persons come in by their own command"),
    "topic": N_("there is no topic “%(name)s”; --create makes it"),
    "forum": N_("there is no forum “%(name)s”; --create makes it"),
    "question": N_("there is no question “%(name)s”; --create makes it"),
    "counterpart": N_("there is no counterpart “%(name)s”; --create makes it"),
}

# how an audience may name who is in it, and where the name is looked up
_TOKENS = {"unit": "unit", "bureau": "unit", "coord": "unit", "group": "group", "user": "person"}


def not_known(row: Row, known: Known) -> list[Unknown]:
    """Return the names in a row that mean nothing; raises BadRow for one that means several things."""
    asked = [
        ("unit", row.unit),
        *(("topic", n) for n in row.topics),
        ("forum", row.forum),
        ("question", row.question),
        *(("counterpart", n) for n in row.counterparts),
        *(("instrument", n) for n in row.instruments),
        *(_audience_name(word)[1:] for word in row.audience if word not in OPEN_TO),
    ]
    found = [Unknown(kind, name) for kind, name in asked if name and _find(known, kind, name) is None]
    if row.event and _event(row, known) is None:
        found.append(Unknown("event", row.event))
    return found


LONGEST_NAME = {"unit": 200, "topic": 120, "forum": 200, "question": 300, "counterpart": 120}


def refuse_unmakeable(row: Row, unknown: Iterable[Unknown], makeable: frozenset[str]) -> None:
    """Raise BadRow for a name that nothing may, or can, be made for."""
    for one in unknown:
        if one.kind not in makeable:
            raise BadRow(_NOT_THERE[one.kind], name=one.name)
        if len(one.name) > LONGEST_NAME[one.kind]:
            raise BadRow(
                N_("the %(kind)s has a name of %(length)s characters; at most %(most)s fit"),
                kind=one.kind,
                length=str(len(one.name)),
                most=str(LONGEST_NAME[one.kind]),
            )
        if one.kind == "question" and not row.topics:
            raise BadRow(
                N_("the question “%(name)s” cannot be made: a question is on a topic, and the row names none"), name=one.name
            )


def _find(known: Known, kind: str, name: str) -> int | None:
    names: Names = getattr(known, kind)
    found = names.get(comparable(name))
    if found == SEVERAL:
        raise BadRow(N_("more than one %(kind)s is called “%(name)s”"), kind=kind, name=name)
    return found


def _id(known: Known, kind: str, name: str) -> int:
    found = _find(known, kind, name)
    if found is None:
        raise BadRow(_NOT_THERE[kind], name=name)
    return found


def _event(row: Row, known: Known) -> int | None:
    forum = _find(known, "forum", row.forum) if row.forum else None
    return _find(known, "event", of_forum(forum, row.event) if forum else row.event)


def _audience_name(word: str) -> tuple[str, str, str]:
    """Return of one word of an audience: the sort of token, where its name is looked up, and the name."""
    sort, colon, name = word.partition(":")
    if not colon:
        return "unit", "unit", word
    if sort.strip() not in _TOKENS:
        raise BadRow(
            N_("audience “%(said)s” is neither ministry, government, country nor one of %(words)s with a name"),
            said=word,
            words=", ".join(_TOKENS),
        )
    return sort.strip(), _TOKENS[sort.strip()], name.strip()


def tokens(audience: Iterable[str], known: Known) -> frozenset[str]:
    """Return the tokens that an audience in words means; raises BadRow."""
    found = set()
    for word in audience:
        if word in OPEN_TO:
            found.add(f"circle:{OPEN_TO[word].value}")
        else:
            sort, kind, name = _audience_name(word)
            found.add(f"{sort}:{_id(known, kind, name)}")
    return frozenset(found)


@dataclass(frozen=True)
class Taken:
    """A row whose names are found: whose it is, and what it says."""

    row: Row
    unit_id: int
    draft: PositionDraft | DossierDraft


def taken(row: Row, known: Known) -> Taken:
    """Return a row with its names found; raises BadRow for one that means nothing or several things."""
    common: dict[str, Any] = {
        "title": row.title,
        "text": row.text,
        "topics": tuple(sorted({_id(known, "topic", n) for n in row.topics})),
        "language": row.language,
        "forum_id": _id(known, "forum", row.forum) if row.forum else None,
        "event_id": _event(row, known) if row.event else None,
        "counterparts": tuple(sorted({_id(known, "counterpart", n) for n in row.counterparts})),
        "instruments": tuple(sorted({_id(known, "instrument", n) for n in row.instruments})),
        "level": int(row.level),
    }
    if row.audience:
        common |= {"audience": tokens(row.audience, known), "restriction_reason": row.restriction_reason or RESTRICTED}
    draft: PositionDraft | DossierDraft
    if row.kind is Kind.POSITION:
        draft = PositionDraft(
            **common,
            question_id=_id(known, "question", row.question) if row.question else None,
            stance=row.stance,
            reason=row.reason,
            valid_until=row.valid_until,
        )
    else:
        draft = DossierDraft(**common, dossier_type=row.dossier_type)
    return Taken(row, _id(known, "unit", row.unit), draft)


# What a file says nothing of; what people added of it to an imported entry stays when the file changes the rest.
_UNSAID = (
    "registry_link",
    "review_by",
    "red_lines",
    "fallback",
    "talking_points",
    "valid_from",
    "on_behalf_of_id",
    "source",
    "said_on",
)
_UNSAID_LISTS = ("contributing", "positions", "papers")

Drafted = TypeVar("Drafted", bound=PositionDraft | DossierDraft)


def keeping(draft: Drafted, content: Mapping[str, Any]) -> Drafted:
    """Return a draft with what a version's content has beside what a file says."""
    own = {f.name for f in fields(draft)}
    kept: dict[str, Any] = {n: content[n] for n in _UNSAID if n in own and content.get(n)}
    for name in ("review_by", "valid_from", "said_on"):
        if name in kept:
            kept[name] = date.fromisoformat(kept[name])
    # files that say nothing of instruments are older than these are
    for name in (*_UNSAID_LISTS, *(() if draft.instruments else ("instruments",))):
        if name in own and content.get(name):
            kept[name] = tuple(tuple(v) if isinstance(v, list) else v for v in content[name])
    if "milestones" in own:
        kept["milestones"] = tuple((date.fromisoformat(day), text) for day, text in content.get("milestones", ()))
        kept["lead_id"] = content.get("lead_id")
    return replace(draft, **kept)


def short_name(name: str, taken_names: Iterable[str]) -> str:
    """Return a short name of at most 40 characters for a unit, other than those that are taken (as names are compared)."""
    others = set(taken_names)
    short, number = name if len(name) <= 40 else cut(name, 36), 1
    while comparable(short) in others:
        number += 1
        short = f"{cut(name, 34)} {number}"
    return short
