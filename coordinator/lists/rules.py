"""What the columns of each list mean: how a cell is read and written, and what tells two things of a list apart."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from coordinator.calendar.models import InstrumentKind
from coordinator.calendar.rules import LONGEST_ALIAS, MOST_ALIASES
from coordinator.entries.models import Level
from coordinator.errors import N_
from coordinator.exchange.rules import NO_DAY, NONE_OF, TOO_LONG, BadRow, joined, listed, plain_text
from coordinator.links import is_link
from coordinator.people.models import Person, Role
from coordinator.people.rules import comparable, may_keep_lists, may_keep_people
from coordinator.topics.models import Stake


class ListKind(StrEnum):
    """The lists that can be taken out and brought in."""

    PEOPLE = "people"
    UNITS = "units"
    TOPICS = "topics"
    EQUITIES = "equities"
    FORUMS = "forums"
    EVENTS = "events"
    INSTRUMENTS = "instruments"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            ListKind.PEOPLE: N_("Accounts"),
            ListKind.UNITS: N_("Units"),
            ListKind.TOPICS: N_("Topics"),
            ListKind.EQUITIES: N_("Stakes in topics"),
            ListKind.FORUMS: N_("Forums"),
            ListKind.EVENTS: N_("Events"),
            ListKind.INSTRUMENTS: N_("Instruments"),
        }[self]


def may_bring_in(person: Person, kind: ListKind) -> bool:
    """Whoever may keep a list by hand may bring it in and take it out."""
    return may_keep_people(person) if kind is ListKind.PEOPLE else may_keep_lists(person)


# --- what names mean -----------------------------------------------------------------------------------------------------

SEVERAL_CALLED = N_("more than one %(sort)s is called “%(name)s”: put what it belongs to, and a slash, in front")
SEVERAL = 0  # instead of an id: more than one thing has this name


class NotKnown(BadRow):
    """A name that nothing has, or not yet: a later row of the same file may bring it."""

    def __init__(self, sort: str, name: str) -> None:
        self.sort, self.key = sort, comparable(name)
        super().__init__(_NOT_KNOWN[sort], name=name)


_NOT_KNOWN = {
    "organisation": N_("there is no organisation “%(name)s”"),
    "unit": N_("there is no unit “%(name)s”"),
    "topic": N_("there is no topic “%(name)s”"),
    "forum": N_("there is no forum “%(name)s”"),
    "group": N_("there is no reading group “%(name)s”"),
    "event": N_("there is no event “%(name)s” ahead"),
    "question": N_("there is no question “%(name)s”"),
    "counterpart": N_("there is no counterpart “%(name)s”"),
    "voice": N_("there is no counterpart “%(name)s” whose voice you may write down"),
    "instrument": N_("there is no instrument “%(name)s”"),
    "lead": N_("there is nobody called “%(name)s” in your unit"),
    "position": N_("there is no released position with the ref “%(name)s”"),
    "bureau": N_("there is no bureau “%(name)s”"),
    "coord": N_("no bureau above your unit is called “%(name)s”"),
    "user": N_("“%(name)s” is nobody who reads this entry by name"),
}


@dataclass
class Names:
    """What the names in a file mean, and what each thing is called in it; kept up while rows come in."""

    ids: dict[str, dict[str, int]] = field(default_factory=dict)
    called: dict[str, dict[int, tuple[str, ...]]] = field(default_factory=dict)
    """The names of each thing, that by which it is written first, the longest and surest last."""

    def learn(self, sort: str, thing_id: int, names: Sequence[str]) -> None:
        """Let a thing be found by its names."""
        self.called.setdefault(sort, {})[thing_id] = tuple(names)
        known = self.ids.setdefault(sort, {})
        for name in names:
            key = comparable(name)
            known[key] = thing_id if known.get(key, thing_id) == thing_id else SEVERAL

    def find(self, sort: str, name: str) -> int:
        """Return what a name means; raises NotKnown, or BadRow if it means several things."""
        found = self.ids.get(sort, {}).get(comparable(name))
        if found is None:
            raise NotKnown(sort, name)
        if found == SEVERAL:
            raise BadRow(SEVERAL_CALLED, sort=sort, name=name)
        return found

    def call(self, sort: str, thing_id: int) -> str:
        """Return the shortest name by which a thing is found again."""
        names = self.called.get(sort, {}).get(thing_id, ())
        found = self.ids.get(sort, {})
        return next((n for n in names if found.get(comparable(n)) == thing_id), names[-1] if names else "")


# --- cells ---------------------------------------------------------------------------------------------------------------

Read = Callable[[str, Names], Any]
Write = Callable[[Any, Names], str]


@dataclass(frozen=True)
class Column:
    """One column of a list: what stands in it, how that is read and written."""

    name: str
    says: str
    read: Read
    write: Write
    needed: bool = False
    kept: bool = False
    """An empty cell leaves it as it is."""
    new: Any = None
    """What a new thing has where its cell is empty or its column missing."""


def tidy(name: str, said: str, most: int) -> str:
    """Return a cell as one line; raises BadRow if it is too long or holds what no text may."""
    word = " ".join(plain_text(said).split())
    if len(word) > most:
        raise BadRow(TOO_LONG, column=name, length=f"{len(word):,}", most=f"{most:,}")
    return word


def line(name: str, says: str, most: int, **how: Any) -> Column:
    """Return a column of one line of text."""
    return Column(name, says, lambda said, _: tidy(name, said, most), lambda held, _: held or "", new="", **how)


def link(name: str, says: str, *, wrong: str = N_("%(column)s: a link starts with https://")) -> Column:
    """Return a column of the address of a page or file elsewhere; `wrong` is said of what is none."""

    def read(said: str, names: Names) -> str:
        word = tidy(name, said, 500)
        if word and not is_link(word):
            raise BadRow(wrong, column=name)
        return word

    return Column(name, says, read, lambda held, _: held or "", new="")


def address(name: str, says: str, **how: Any) -> Column:
    """Return a column of an e-mail address."""

    def read(said: str, names: Names) -> str:
        word = tidy(name, said, 254)
        if word and not _address_like(word):
            raise BadRow(N_("“%(said)s” is no e-mail address"), said=word)
        return word

    return Column(name, says, read, lambda held, _: held or "", new="", **how)


def _address_like(text: str) -> bool:
    local, at, place = text.partition("@")
    plain = not any(c.isspace() or c in '<>",;()' for c in text)
    return bool(local and at and "." in place.strip(".") and "@" not in place and plain)


def day(name: str, says: str, **how: Any) -> Column:
    """Return a column of a day, as 2026-03-31."""

    def read(said: str, names: Names) -> date | None:
        word = said.strip()
        if not word:
            return None
        try:
            found = date.fromisoformat(word)
            if len(word) != 10 or not 1900 <= found.year <= 2199:
                raise ValueError
        except ValueError:
            raise BadRow(NO_DAY, column=name, said=word[:40]) from None
        return found

    return Column(name, says, read, lambda held, _: held.isoformat() if held else "", **how)


def yes(name: str, says: str) -> Column:
    """Return a column of yes or no; empty is no."""

    def read(said: str, names: Names) -> bool:
        word = comparable(said)
        if word in {"", "no", "n", "0", "false"}:
            return False
        if word in {"yes", "y", "1", "true", "x"}:
            return True
        raise BadRow(NONE_OF, column=name, said=said.strip()[:40], words="yes, no")

    return Column(name, says, read, lambda held, _: "yes" if held else "", new=False)


Word = TypeVar("Word", bound=StrEnum)


def meant(words: type[Word], name: str, said: str) -> Word:
    """Return the word of a list that a cell means, by itself or by its label; raises BadRow listing what there is."""
    wanted = comparable(said)
    for member in words:
        if wanted in {member.value, comparable(getattr(member, "label", member.value)), member.value.replace("_", " ")}:
            return member
    raise BadRow(NONE_OF, column=name, said=said.strip()[:40], words=", ".join(m.value for m in words))


def word(name: str, says: str, words: type[StrEnum], **how: Any) -> Column:
    """Return a column of one word of a list."""

    def read(said: str, names: Names) -> StrEnum | None:
        return meant(words, name, said) if said.strip() else None

    return Column(name, says, read, lambda held, _: held.value if held else "", **how)


def _roles(name: str, says: str) -> Column:
    def read(said: str, names: Names) -> frozenset[Role]:
        found: set[Role] = set()
        for part in listed(said.replace(",", ";")):
            try:
                found.add(meant(Role, name, part))
            except BadRow:  # several words with nothing but spaces between them
                found |= {meant(Role, name, word) for word in part.split()}
        return frozenset(found)

    return Column(name, says, read, lambda held, _: "; ".join(sorted(r.value for r in held)), new=frozenset())


def level(name: str, says: str, **how: Any) -> Column:
    """Return a column of a level, by its marking or its number."""

    def read(said: str, names: Names) -> int | None:
        word = comparable(said).replace("_", "-").replace(" ", "-")
        for level in Level:
            if word in {str(level.value), comparable(level.label)}:
                return int(level)
        if not word:
            return None
        raise BadRow(NONE_OF, column=name, said=said.strip()[:40], words=", ".join(level.label for level in Level))

    return Column(name, says, read, lambda held, _: Level(held).label, **how)


def one(name: str, says: str, sort: str, **how: Any) -> Column:
    """Return a column of one thing by its name."""

    def read(said: str, names: Names) -> int | None:
        word = tidy(name, said, 500)
        return names.find(sort, word) if word else None

    return Column(name, says, read, lambda held, names: names.call(sort, held) if held else "", **how)


def several(name: str, says: str, sort: str, **how: Any) -> Column:
    """Return a column of several things by their names."""

    def read(said: str, names: Names) -> frozenset[int]:
        return frozenset(names.find(sort, tidy(name, part, 500)) for part in listed(said))

    return Column(name, says, read, lambda held, names: joined(sorted(names.call(sort, i) for i in held)), new=frozenset(), **how)


_IN_LANGUAGE = re.compile(r"([a-z]{2,3}(?:-[A-Za-z]{2,4})?)\s*:\s*(\S.*)")


def _aliases(name: str, says: str) -> Column:
    def read(said: str, names: Names) -> frozenset[tuple[str, str]]:
        found = set()
        for part in listed(said):
            told = _IN_LANGUAGE.fullmatch(part)
            found.add((told[1], tidy(name, told[2], 120)) if told else ("en", tidy(name, part, 120)))
        return frozenset(found)

    def write(held: frozenset[tuple[str, str]], names: Names) -> str:
        return joined(f"{language}: {text}" for language, text in sorted(held))

    return Column(name, says, read, write, new=frozenset())


def _names(name: str, says: str) -> Column:
    def read(said: str, names: Names) -> tuple[str, ...]:
        found = tuple(tidy(name, part, LONGEST_ALIAS) for part in listed(said))
        if len(found) > MOST_ALIASES:
            raise BadRow(
                N_("%(column)s holds %(count)s names, and at most %(most)s fit"),
                column=name,
                count=str(len(found)),
                most=str(MOST_ALIASES),
            )
        return found

    return Column(name, says, read, lambda held, _: joined(held), new=())


class Standing(StrEnum):
    """Whether a person may sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"


_REF = N_("What tells this row apart from all others. Leave it as it is to rename something; leave it empty to add something.")

COLUMNS: dict[ListKind, tuple[Column, ...]] = {
    ListKind.PEOPLE: (
        address("email", N_("The address for signing in; without a ref it tells people apart."), needed=True),
        line("name", N_("First and last name."), 120, needed=True),
        one("unit", N_("The short or full name of the unit."), "unit", needed=True),
        _roles(
            "roles", N_("officer, releasing_officer, coordinator, leadership, administrator, auditor; several with semicolons.")
        ),
        level("clearance", N_("PUBLIC, OFFICIAL or OFFICIAL-SENSITIVE."), needed=True),
        several("groups", N_("Reading groups, with semicolons."), "group"),
        word("state", N_("active or disabled; empty leaves it as it is."), Standing, kept=True, new=Standing.ACTIVE),
    ),
    ListKind.UNITS: (
        one("organisation", N_("The organisation that the unit belongs to; it has to be there."), "organisation", needed=True),
        line("name", N_("The full name; without a ref it tells the units of an organisation apart."), 200, needed=True),
        line("short_name", N_("What lists show."), 40, needed=True),
        one("parent", N_("The unit that it stands below; it may be another row of this file."), "unit"),
        address("mailbox", N_("The address of the unit's mailbox.")),
        day("starts_on", N_("The day from which it exists, as 2026-03-31.")),
        day("ends_on", N_("The day on which it ended.")),
    ),
    ListKind.TOPICS: (
        line("name", N_("Without a ref it tells topics apart."), 120, needed=True),
        yes("umbrella", N_("yes for a topic so wide that sharing it says nothing.")),
        several("broader", N_("The topics that it lies within, with semicolons; they may be other rows of this file."), "topic"),
        several(
            "related", N_("The other wings of the butterfly, with semicolons; said by one of the two, it holds for both."), "topic"
        ),
        _aliases(
            "aliases", N_("Other names, each with its language, with semicolons: fr: gouvernance des données; en: data flows.")
        ),
    ),
    ListKind.EQUITIES: (
        one("topic", N_("The name of the topic, or another of its names."), "topic", needed=True),
        one("unit", N_("The short or full name of the unit."), "unit", needed=True),
        word("stake", N_("lead, co_lead, must_consult or inform."), Stake, needed=True),
        day("from_on", N_("The first day on which it holds, as 2026-03-31."), needed=True),
        day("until_on", N_("The last day on which it holds; empty as long as it stands.")),
    ),
    ListKind.FORUMS: (
        line("name", N_("The full name; without a ref it tells forums apart."), 200, needed=True),
        line("short_name", N_("What lists show."), 60, needed=True),
        _names("aliases", N_("What it is called besides, in any language, with semicolons.")),
    ),
    ListKind.EVENTS: (
        one("forum", N_("The short or full name of the forum; it has to be there."), "forum", needed=True),
        line("name", N_("Without a ref it tells the events of a forum apart."), 200, needed=True),
        day("starts_on", N_("The first day, as 2026-03-31."), needed=True),
        day("ends_on", N_("The last day."), needed=True),
        line("place", N_("Where it is held."), 120),
        _names("aliases", N_("What it is called besides, in any language, with semicolons: PP-26; PP2026.")),
    ),
    ListKind.INSTRUMENTS: (
        line("name", N_("The full name; without a ref it tells instruments apart."), 200, needed=True),
        line("short_name", N_("What lists show."), 60, needed=True),
        word("kind", N_("treaty, agreement, norms or strategy."), InstrumentKind, needed=True),
        one("forum", N_("The short or full name of the forum before which it is; empty if it is before none."), "forum"),
        several("party_list", N_("The counterparts that are parties to it, with semicolons."), "counterpart"),
        line("parties", N_("The parties in words, where not all of them are counterparts."), 300),
        day("adopted_on", N_("The day on which it was adopted, as 2026-03-31.")),
        day("in_force_on", N_("The day since which it has been in force.")),
        link("link", N_("The address of its text, starting with https://.")),
    ),
}

# what tells two things of a list apart where no ref is given
KEYS: dict[ListKind, tuple[str, ...]] = {
    ListKind.PEOPLE: ("email",),
    ListKind.UNITS: ("organisation", "name"),
    ListKind.TOPICS: ("name",),
    ListKind.EQUITIES: ("topic", "unit", "from_on"),
    ListKind.FORUMS: ("name",),
    ListKind.EVENTS: ("forum", "name"),
    ListKind.INSTRUMENTS: ("name",),
}

# what a row is called in the preview
CALLED: dict[ListKind, tuple[str, ...]] = {
    ListKind.PEOPLE: ("name", "email"),
    ListKind.UNITS: ("short_name", "name"),
    ListKind.TOPICS: ("name",),
    ListKind.EQUITIES: ("unit", "topic"),
    ListKind.FORUMS: ("name",),
    ListKind.EVENTS: ("name", "forum"),
    ListKind.INSTRUMENTS: ("name",),
}

EXAMPLES: dict[ListKind, tuple[tuple[str, ...], ...]] = {
    ListKind.PEOPLE: (
        (
            "ana.ferrer@ministry.example",
            "Ana Ferrer",
            "ICS",
            "officer; releasing_officer",
            "OFFICIAL-SENSITIVE",
            "Leadership",
            "active",
        ),
        ("jon.berg@ministry.example", "Jon Berg", "ICP", "officer", "OFFICIAL", "", "active"),
    ),
    ListKind.UNITS: (
        ("The Ministry", "Bureau of Cyberspace and Digital Policy", "CDP", "", "cdp@ministry.example", "2022-04-04", ""),
        ("The Ministry", "International Cyberspace Security", "ICS", "CDP", "", "2022-04-04", ""),
    ),
    ListKind.TOPICS: (
        ("Data governance", "", "", "Privacy; Cross-border data flows", "fr: gouvernance des données"),
        ("Cross-border data flows", "", "Data governance", "", "en: data transfers; fr: flux de données"),
        ("Privacy", "", "", "", ""),
    ),
    ListKind.EQUITIES: (
        ("Data governance", "ICP", "lead", "2026-01-01", ""),
        ("Data governance", "ICS", "must_consult", "2026-01-01", "2026-12-31"),
    ),
    ListKind.FORUMS: (
        ("International Telecommunication Union", "ITU", "Union internationale des télécommunications; UIT"),
        ("Internet Governance Forum", "IGF", ""),
    ),
    ListKind.EVENTS: (
        ("ITU", "Plenipotentiary Conference 2026", "2026-11-09", "2026-11-27", "Doha", "PP-26; PP2026"),
        ("IGF", "Open consultations", "2026-06-15", "2026-06-17", "Geneva", ""),
    ),
    ListKind.INSTRUMENTS: (
        ("Convention on Cybercrime", "Budapest Convention", "treaty", "", "", "76 states", "2001-11-23", "2004-07-01", ""),
        ("National Cyber Security Strategy", "Cyber Strategy", "strategy", "", "", "", "2024-06-14", "", ""),
    ),
}


def column_names(kind: ListKind) -> tuple[str, ...]:
    """Return the columns of a list in the order in which they are written."""
    return ("ref", *(c.name for c in COLUMNS[kind]))


def explained(kind: ListKind) -> list[tuple[str, str, bool]]:
    """Return for each column its name, what stands in it, and whether it has to."""
    return [("ref", _REF, False), *((c.name, c.says, c.needed) for c in COLUMNS[kind])]


def understood(kind: ListKind, cells: Mapping[str, str], names: Names) -> dict[str, Any]:
    """Return what the cells of a row say, by column; raises BadRow."""
    said: dict[str, Any] = {}
    for column in COLUMNS[kind]:
        if column.name not in cells or (column.kept and not cells[column.name].strip()):
            continue
        value = column.read(cells[column.name], names)
        if column.needed and value in {None, ""}:
            raise BadRow(N_("%(column)s is missing"), column=column.name)
        said[column.name] = value
    return said


def completed(kind: ListKind, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return all values of something new; raises BadRow for one that is needed and not there."""
    for column in COLUMNS[kind]:
        if column.needed and column.name not in said:
            raise BadRow(N_("%(column)s is missing"), column=column.name)
    return {c.name: said.get(c.name, c.new) for c in COLUMNS[kind]}


def key(kind: ListKind, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells a thing apart from the others of its list."""
    return tuple(
        comparable(v) if isinstance(v := values.get(name), str) and not isinstance(v, StrEnum) else v for name in KEYS[kind]
    )


def written(kind: ListKind, values: Mapping[str, Any], names: Names) -> dict[str, str]:
    """Return the cells of some values."""
    return {c.name: c.write(values[c.name], names) for c in COLUMNS[kind] if c.name in values}


def called(kind: ListKind, cells: Mapping[str, str]) -> str:
    """Return what a row is about, in a word or two."""
    return " – ".join(word for name in CALLED[kind] if (word := cells.get(name, "").strip()))[:200]


def related_both_ways(lines: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return rows of topics in which, if one of two says that they are related, both do: so no row takes back what another says."""
    rows = [dict(line) for line in lines]
    by_name = {comparable(row.get("name", "")): row for row in rows if "related" in row}
    said = {name: listed(row["related"]) for name, row in by_name.items()}
    for name, row in by_name.items():
        for other in said[name]:
            back = by_name.get(comparable(other))
            if back is not None and back is not row and name not in {comparable(n) for n in listed(back["related"])}:
                back["related"] = joined([*listed(back["related"]), row["name"].strip()])
    return rows
