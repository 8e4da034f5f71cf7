"""What an export says: its columns, what stands in their cells, and what every file tells of itself."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from coordinator.entries.models import Level
from coordinator.errors import N_, Refused
from coordinator.exchange.rules import ENTRY_COLUMNS, MARKS, joined

MOST = 100_000  # rows of one file


class Format(StrEnum):
    """The forms in which something is taken out."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


class Subject(StrEnum):
    """What is taken out."""

    POSITIONS = "positions"
    DOSSIERS = "dossiers"
    SEARCH = "search"
    OVERLAPS = "overlaps"
    ENTRY = "entry"
    TOPIC = "topic"


class Nothing(Refused):
    """Nothing that is shared with you passes these filters, so there is nothing to take out."""


class TooMuch(Refused):
    """More than 100,000 rows pass these filters. Narrow the list first."""


def check(rows: int) -> None:
    """Refuse an empty export, and one that no spreadsheet would open."""
    if rows == 0:
        raise Nothing
    if rows > MOST:
        raise TooMuch


OVERLAP_COLUMNS = (
    *MARKS,
    "ref",
    "kind",
    "severity",
    "state",
    "found_on",
    "next",
    "in_days",
    "first_unit",
    "first_kind",
    "first_title",
    "first_stance",
    "first_level",
    "first_ref",
    "second_unit",
    "second_kind",
    "second_title",
    "second_stance",
    "second_level",
    "second_ref",
    "reasons",
    "settings",
    "acknowledged_by",
    "waiting_for",
    "outcome",
    "statement",
    "lead_unit",
)


def columns(subject: Subject) -> tuple[str, ...]:
    """Return the columns of what is taken out."""
    return OVERLAP_COLUMNS if subject is Subject.OVERLAPS else ENTRY_COLUMNS


@dataclass(frozen=True)
class Taken:
    """Who takes something out, and when."""

    by: str
    at: datetime

    @property
    def moment(self) -> str:
        """Return the moment as every file says it."""
        return self.at.isoformat(timespec="seconds").replace("+00:00", "Z")


def marked(row: Mapping[str, Any], taken: Taken) -> dict[str, Any]:
    """Return a row with its level in words, and who took it out when."""
    return {**row, "level": Level(row["level"]).label, "exported_by": taken.by, "exported_at": taken.moment}


def cell(value: Any) -> str:
    """Return a value as it stands in a cell: days in ISO form, several things with semicolons."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return joined(cell(v) for v in value)
    return str(value)


def cells(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return a row as the cells of some columns."""
    return [cell(row.get(name)) for name in names]


def plain(value: Any) -> Any:
    """Return a value as JSON holds it."""
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def head(subject: Subject, *, level: int, taken: Taken, rows: int, filters: Mapping[str, str]) -> dict[str, Any]:
    """Return what a file says of itself."""
    return {
        "level": Level(level).label,
        "what": subject.value,
        "exported_by": taken.by,
        "exported_at": taken.moment,
        "rows": rows,
        "filters": dict(filters),
    }


def file_name(subject: Subject, *, level: int, on: date, named: str, form: Format) -> str:
    """Return the name of a file: the highest level in it first, plain letters only."""
    plain = unicodedata.normalize("NFKD", named).encode("ascii", "ignore").decode().casefold()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-")
    return "-".join(word for word in (Level(level).label, subject.value, words, on.isoformat()) if word) + f".{form.value}"


def said_of(filters: Mapping[str, str]) -> dict[str, str]:
    """Return filters as the history keeps them: of words that were searched for a digest, because they may be anybody's."""
    typed = {"q", "words"}
    return {n: hashlib.sha256(said.encode()).hexdigest()[:16] if n in typed else said for n, said in filters.items()}


LABELS = {
    Subject.POSITIONS: N_("Positions"),
    Subject.DOSSIERS: N_("Dossiers"),
    Subject.SEARCH: N_("What was found"),
    Subject.OVERLAPS: N_("Overlaps"),
    Subject.ENTRY: N_("One entry"),
    Subject.TOPIC: N_("What is on a topic"),
}


class Counted:
    """Rows on their way into a file: how many there were by now, the highest level among them, the refs of their entries."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows, self.rows, self.level = rows, 0, int(Level.PUBLIC)
        self.refs: list[str] = []

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            self.rows += 1
            self.level = max(self.level, row["level"])
            self.refs += [row["ref"]] if "first_ref" not in row else [row["first_ref"], row["second_ref"]]
            yield row
