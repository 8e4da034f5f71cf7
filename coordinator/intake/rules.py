"""What the columns of positions and dossiers mean, and how a row becomes a draft."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from coordinator.dossiers.models import DossierType
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries.models import Kind, Level
from coordinator.entries.rules import OPEN_TO, audience_tokens
from coordinator.errors import N_
from coordinator.exchange.rules import (
    DOSSIER_COLUMNS,
    ENTRY_COLUMNS,
    MOST,
    NO_DAY,
    NONE_OF,
    POSITION_COLUMNS,
    TOO_LONG,
    BadRow,
    joined,
    listed,
    plain_text,
)
from coordinator.links import is_link
from coordinator.lists.rules import Column, Names, day, level, line, link, one, several, tidy, word
from coordinator.people.rules import comparable
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft
from coordinator.topics.rules import LANGUAGES

Draft = PositionDraft | DossierDraft

MOST_ROWS = 500  # of one file: they come in all at once, and whoever saves meanwhile waits for so long


NO_REGISTRY_LINK = N_("%(column)s: a link to the registry starts with https://")


class Then(StrEnum):
    """What becomes of rows that are brought in; released they are by hand alone."""

    DRAFT = "draft"
    OFFER = "offer"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {Then.DRAFT: N_("Keep them as drafts of your unit"), Then.OFFER: N_("Ask for their release")}[self]


# --- cells that only entries have -------------------------------------------------------------------------------------------


def _text(name: str, says: str, most: int, **how: Any) -> Column:
    def read(said: str, names: Names) -> str:
        text = plain_text(said)
        if len(text) > most:
            raise BadRow(TOO_LONG, column=name, length=f"{len(text):,}", most=f"{most:,}")
        return text

    return Column(name, says, read, lambda held, _: held or "", new="", **how)


def _language(name: str, says: str) -> Column:
    def read(said: str, names: Names) -> str | None:
        wanted = comparable(said)
        for code, label in LANGUAGES.items():
            if wanted in {code, comparable(label)}:
                return code
        if not wanted:
            return None
        raise BadRow(NONE_OF, column=name, said=said.strip()[:40], words=", ".join(LANGUAGES))

    return Column(name, says, read, lambda held, _: held or "", kept=True, new="en")


def _milestones(name: str, says: str) -> Column:
    def read(said: str, names: Names) -> tuple[tuple[date, str], ...]:
        found = []
        for part in listed(said):
            due, _space, what = tidy(name, part, 311).partition(" ")
            try:
                found.append((date.fromisoformat(due), what.strip()))
            except ValueError:
                raise BadRow(NO_DAY, column=name, said=due) from None
            if not what.strip():
                raise BadRow(N_("%(column)s: say after the day what is due"), column=name)
        return tuple(sorted(found))

    return Column(name, says, read, lambda held, _: joined(f"{due} {what}" for due, what in held), new=())


def _papers(name: str, says: str) -> Column:
    def read(said: str, names: Names) -> tuple[tuple[str, str], ...]:
        found = []
        for part in listed(said):
            label, _space, link = tidy(name, part, 701).rpartition(" ")
            if not is_link(link):
                raise BadRow(N_("%(column)s: each ends with its link, which starts with https://"), column=name)
            found.append((label.strip() or urlsplit(link).netloc, link))
        return tuple(found)

    return Column(name, says, read, lambda held, _: joined(f"{label} {link}" for label, link in held), new=())


_SORTS = ("unit", "bureau", "coord", "group", "user")


def _audience(name: str, says: str) -> Column:
    def read(said: str, names: Names) -> frozenset[str] | None:
        found = set()
        for part in listed(said):
            circle = comparable(part)
            if circle in OPEN_TO:
                found.add(f"circle:{OPEN_TO[circle].value}")
                continue
            sort, colon, named = part.partition(":")
            if not (colon and sort.strip() in _SORTS):
                sort, named = "unit", part
            found.add(f"{sort.strip()}:{names.find(sort.strip(), tidy(name, named, 300))}")
        return frozenset(found) or None

    def write(held: frozenset[str], names: Names) -> str:
        return joined(sorted(_written(token, names) for token in held))

    return Column(name, says, read, write, kept=True, new=frozenset({f"circle:{OPEN_TO['ministry'].value}"}))


def _written(token: str, names: Names) -> str:
    sort, _, number = token.partition(":")
    if sort == "circle":
        return number
    called = names.call(sort, int(number)) or "?"
    return called if sort == "unit" else f"{sort}:{called}"


# --- the columns ------------------------------------------------------------------------------------------------------------

_REF = N_("What an export writes there: the row then revises that entry of your unit. Leave it empty for something new.")
_ID = N_("Your own name for the row: brought in again under the same one, it revises the entry and makes no second one.")

COLUMNS: tuple[Column, ...] = (
    word("kind", N_("position or dossier."), Kind, needed=True),
    line("title", N_("One line of at most 200 characters."), 200, needed=True),
    _text("text", N_("The line to take; of a dossier, what it is about."), MOST["text"], needed=True),
    several("topics", N_("One at least, by name or alias, with semicolons."), "topic", needed=True),
    _language("language", N_("en, fr, es, ar …; English if empty.")),
    one("forum", N_("The forum, by its short or full name."), "forum"),
    one("event", N_("An event ahead, by its name."), "event"),
    one("question", N_("A position answers it; word for word as in the list of questions."), "question"),
    word("stance", N_("support, conditions, no_position, oppose or red_line: of a position on a question."), Stance),
    _text("reason", N_("Why; needed to oppose and for a red line."), MOST["reason"]),
    _text("red_lines", N_("Of a position."), 10_000),
    _text("fallback", N_("Of a position."), 10_000),
    _text("talking_points", N_("Of a position."), 20_000),
    day("valid_from", N_("Of a position, as 2026-03-31.")),
    day("valid_until", N_("Of a position, as 2026-03-31.")),
    one("on_behalf_of", N_("Of an outside voice: the counterpart that holds it; your unit only writes it down."), "voice"),
    line("source", N_("Of an outside voice: where it was said."), 300),
    day("said_on", N_("Of an outside voice: when it was said, as 2026-03-31.")),
    word("type", N_("Of a dossier: negotiation, dialogue, incident, capacity_building, norms or partnership."), DossierType),
    one("lead", N_("Of a dossier: somebody of your unit, by name or e-mail address."), "lead"),
    several("contributing", N_("Of a dossier: other units, with semicolons."), "unit"),
    _milestones("milestones", N_("Of a dossier: 2026-03-31 and what is due, with semicolons.")),
    several("positions", N_("Of a dossier: refs of released positions that it draws on, with semicolons."), "position"),
    _papers("papers", N_("Of a dossier: a label and its https link, with semicolons.")),
    several("counterparts", N_("Countries, organisations, firms, with semicolons."), "counterpart"),
    several(
        "instruments",
        N_("Treaties, agreements, norms documents, strategies, by name or short name, with semicolons."),
        "instrument",
    ),
    link("registry_link", N_("The address of the file of record, starting with https://."), wrong=NO_REGISTRY_LINK),
    day("review_by", N_("The day by which somebody looks at it again.")),
    level("level", N_("PUBLIC, OFFICIAL or OFFICIAL-SENSITIVE; OFFICIAL if empty."), kept=True),
    _audience("audience", N_("ministry (if empty), government, country; units by name, bureau:NAME, group:NAME; with semicolons.")),
    _text("restriction_reason", N_("Needed where the audience is not the whole ministry."), MOST["restriction_reason"]),
    line("note", N_("What you changed, in a few words: stands in the history."), 300),
)

OWN = ("ref", "id")
FIELD = {
    "forum": "forum_id",
    "event": "event_id",
    "question": "question_id",
    "on_behalf_of": "on_behalf_of_id",
    "type": "dossier_type",
    "lead": "lead_id",
}
ONLY = {Kind.POSITION: POSITION_COLUMNS, Kind.DOSSIER: DOSSIER_COLUMNS}
DRAFTS: dict[Kind, type[PositionDraft] | type[DossierDraft]] = {Kind.POSITION: PositionDraft, Kind.DOSSIER: DossierDraft}

EXAMPLES: tuple[Mapping[str, str], ...] = (
    {
        "id": "2026-001",
        "kind": "position",
        "title": "Data flows: support with safeguards",
        "text": "We support a global arrangement on data flows with trust, with safeguards for privacy.",
        "topics": "Data governance; Privacy and data protection",
        "language": "en",
        "stance": "",
        "counterparts": "Japan",
        "level": "OFFICIAL",
        "audience": "ministry",
    },
    {
        "id": "2026-002",
        "kind": "dossier",
        "title": "Dialogue on data protection with Japan",
        "text": "Preparation of the annual dialogue: agenda, delegation, follow-up.",
        "topics": "Privacy and data protection",
        "type": "dialogue",
        "milestones": "2026-09-15 Agenda agreed; 2026-10-01 Dialogue in Tokyo",
        "counterparts": "Japan",
        "level": "OFFICIAL",
    },
)


def column_names() -> tuple[str, ...]:
    """Return the columns in the order in which they are written."""
    return (*OWN, *(c.name for c in COLUMNS))


TOLD = tuple(name for name in ENTRY_COLUMNS if name not in column_names())
"""What an export says beside, and an import leaves unread."""


def explained() -> list[tuple[str, str, bool]]:
    """Return for each column its name, what stands in it, and whether something new needs it."""
    return [("ref", _REF, False), ("id", _ID, False), *((c.name, c.says, c.needed) for c in COLUMNS)]


def understood(cells: Mapping[str, str], names: Names) -> dict[str, Any]:
    """Return what the cells of a row say, by column; raises BadRow."""
    cells = _with_forum(cells, names)
    said: dict[str, Any] = {}
    for column in COLUMNS:
        if column.name not in cells or (column.kept and not cells[column.name].strip()):
            continue
        value = column.read(cells[column.name], names)
        if column.needed and not value:
            raise BadRow(N_("%(column)s is missing"), column=column.name)
        said[column.name] = value
    return said


def _with_forum(cells: Mapping[str, str], names: Names) -> Mapping[str, str]:
    """Return a row in which an event is named with its forum, where the row names both: two forums may have a First session."""
    forum, event = cells.get("forum", "").strip(), cells.get("event", "").strip()
    if not (forum and event):
        return cells
    try:
        called = names.call("forum", names.find("forum", forum))
        names.find("event", f"{called} / {event}")
    except BadRow:
        return cells  # the cells say themselves what is amiss
    return {**cells, "event": f"{called} / {event}"}


def fits(kind: Kind, said: Mapping[str, Any]) -> None:
    """Refuse a row that says of one kind what only the other has."""
    wrong = [name for other, only in ONLY.items() if other is not kind for name in only if said.get(name)]
    if wrong:
        raise BadRow(N_("a %(kind)s has no %(columns)s"), kind=kind.value, columns=", ".join(wrong))


def new_draft(kind: Kind, said: Mapping[str, Any], *, highest: int) -> Draft:
    """Return a draft of something new; raises BadRow for what is needed and not there."""
    for column in COLUMNS:
        if column.needed and not said.get(column.name):
            raise BadRow(N_("%(column)s is missing"), column=column.name)
    values = {"level": min(highest, int(Level.OFFICIAL)), **{c.name: c.new for c in COLUMNS if c.name != "level"}, **said}
    return _draft(kind, values, {})


def revised_draft(kind: Kind, said: Mapping[str, Any], held: Draft) -> Draft:
    """Return a draft that says what a version says, but for what a row says."""
    return _draft(kind, said, {f.name: getattr(held, f.name) for f in fields(held)} | {"note": ""})


def _draft(kind: Kind, said: Mapping[str, Any], held: Mapping[str, Any]) -> Draft:
    own = {f.name for f in fields(DRAFTS[kind])}
    values = dict(held)
    for name, value in said.items():
        name = FIELD.get(name, name)
        if name in own:
            values[name] = tuple(sorted(value)) if isinstance(value, frozenset) and name != "audience" else value
    return DRAFTS[kind](**values)


_DAYS = {"review_by", "valid_from", "valid_until", "said_on"}


def draft_of(kind: Kind, content: Mapping[str, Any], *, level: int, audience: frozenset[str], restriction_reason: str) -> Draft:
    """Return what a version holds as a draft."""
    values: dict[str, Any] = {"level": level, "audience": audience, "restriction_reason": restriction_reason}
    for f in fields(DRAFTS[kind]):
        if f.name in content and f.name not in values:
            values[f.name] = _value(f.name, content[f.name])
    return DRAFTS[kind](**values)


def _value(name: str, kept: Any) -> Any:
    if name in _DAYS:
        return date.fromisoformat(kept) if kept else None
    if name == "stance":
        return Stance(kept) if kept else None
    if name == "dossier_type":
        return DossierType(kept) if kept else None
    if name == "milestones":
        return tuple(sorted((date.fromisoformat(due), what) for due, what in kept))
    if name == "papers":
        return tuple((label, url) for label, url in kept)
    return tuple(kept) if isinstance(kept, list) else kept


CUT = 300  # characters of a text that a preview shows


def changes(before: Draft | None, after: Draft, names: Names, *, owner_id: int) -> tuple[tuple[str, str, str], ...]:
    """Return the columns in which two drafts differ, in words; long texts are cut."""
    found = []
    for column in COLUMNS:
        name = FIELD.get(column.name, column.name)
        if name == "note" or not hasattr(after, name):
            continue
        old = None if before is None else _shown(column, getattr(before, name), names, owner_id)
        new = _shown(column, getattr(after, name), names, owner_id)
        if new != old if before is not None else new:
            found.append((column.name, _cut(old or ""), _cut(new)))
    return tuple(found)


def _shown(column: Column, value: Any, names: Names, owner_id: int) -> str:
    if column.name == "audience":
        own = f"unit:{owner_id}"
        value = audience_tokens(owner_id, value) - {own} or {own}
    return column.write(value, names) if value is not None else ""


def _cut(text: str) -> str:
    return text if len(text) <= CUT else f"{text[:CUT].rstrip()}…"


def external_id(cells: Mapping[str, str]) -> str:
    """Return the name under which a row is known again: its own, else one made of its kind and title."""
    own = " ".join(plain_text(cells.get("id", "")).split())
    if len(own) > MOST["id"]:
        raise BadRow(TOO_LONG, column="id", length=f"{len(own):,}", most=f"{MOST['id']:,}")
    if own:
        return own
    said = f"{comparable(cells.get('kind', ''))}\n{comparable(cells.get('title', ''))}"
    return f"title {hashlib.sha256(said.encode()).hexdigest()[:32]}"


def row_digest(cells: Mapping[str, str]) -> str:
    """Return the digest of what a row says."""
    said = "\0".join(f"{name}\0{cells[name]}" for name in sorted(cells) if cells[name])
    return hashlib.sha256(said.encode()).hexdigest()
