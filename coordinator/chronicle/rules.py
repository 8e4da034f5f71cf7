"""Every event as a sentence. No database: what an event names by number comes with its words."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from coordinator.calendar.models import CounterpartKind, InstrumentKind
from coordinator.entries.models import EntryVersion, Kind, Level
from coordinator.entries.rules import LABELS as ENTRY_LABELS
from coordinator.errors import N_
from coordinator.gaps.models import GapKind
from coordinator.history.models import Event as Happening
from coordinator.overlaps.models import Step
from coordinator.people import rules as people
from coordinator.people.models import Circle, Person, Role
from coordinator.positions.models import Stance
from coordinator.topics.models import Stake

Said = tuple[str, dict[str, Any]]
"""A sentence with places, and what fills them; translated where it is shown."""


class Sort(StrEnum):
    """What the history is narrowed to."""

    POSITION = "position"
    DOSSIER = "dossier"
    OVERLAP = "overlap"
    GAP = "gap"
    TOPIC = "topic"
    EQUITY = "equity"
    FORUM = "forum"
    EVENT = "event"
    QUESTION = "question"
    COUNTERPART = "counterpart"
    INSTRUMENT = "instrument"
    UNIT = "unit"
    ORGANISATION = "organisation"
    GROUP = "group"
    PERSON = "person"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return KINDS[self]


KINDS = {
    "position": N_("Position"),
    "dossier": N_("Dossier"),
    "entry": N_("Position or dossier"),
    "entries": N_("Positions and dossiers"),
    "overlap": N_("Overlap"),
    "overlaps": N_("Overlaps"),
    "topic": N_("Topic"),
    "equity": N_("Stake"),
    "forum": N_("Forum"),
    "event": N_("Event"),
    "question": N_("Question"),
    "counterpart": N_("Counterpart"),
    "instrument": N_("Instrument"),
    "unit": N_("Unit"),
    "organisation": N_("Organisation"),
    "group": N_("Reading group"),
    "person": N_("Account"),
    "deputy": N_("Deputy"),
    "gap": N_("Gap"),
    "file": N_("File"),
    "list": N_("List"),
    "digest": N_("Letter"),
    "day": N_("Day"),
    "demo": N_("Demo"),
    "exclusion": N_("Exclusion"),
}
"""The word before the dot of an action."""

DEEDS = {
    "logged": N_("logged"),
    "revised": N_("revised"),
    "offered": N_("offered for release"),
    "released": N_("released"),
    "recalled": N_("recalled"),
    "superseded": N_("superseded"),
    "withdrawn": N_("withdrawn"),
    "expired": N_("ran out"),
    "topic_added": N_("put on a topic"),
    "topic_proposed": N_("topic proposed"),
    "topic_declined": N_("topic declined"),
    "imported": N_("imported"),
    "adhered": N_("adhered to"),
    "left": N_("adhered to no longer"),
    "moved": N_("moved to the unit that follows"),
    "adherence_moved": N_("adherence moved to the unit that follows"),
    "contributors_moved": N_("contributing units moved to those that follow"),
    "readers_moved": N_("readers moved to the units that follow"),
    "milestone_passed": N_("milestone passed"),
    "handed_over": N_("handed over to a colleague"),
    "acknowledged": N_("acknowledged"),
    "dismissed": N_("dismissed"),
    "settled": N_("settled"),
    "proposed_settling": N_("settlement proposed"),
    "proposed_dismissing": N_("dismissal proposed"),
    "taken_up": N_("contact taken up"),
    "confirmed": N_("topic confirmed"),
    "reopened": N_("taken up again"),
    "updated": N_("brought up to date"),
    "added": N_("added"),
    "renamed": N_("renamed"),
    "alias_added": N_("other name added"),
    "alias_dropped": N_("other name taken away"),
    "broadened": N_("moved in the tree"),
    "related": N_("related"),
    "unrelated": N_("related no longer"),
    "umbrella_marked": N_("umbrella mark changed"),
    "merged": N_("merged"),
    "took_in": N_("took another in"),
    "given": N_("given"),
    "changed": N_("changed"),
    "ended": N_("ended"),
    "taken_back": N_("taken back"),
    "handed_on": N_("handed on"),
    "past": N_("is over"),
    "succeeded": N_("succeeded"),
    "took_over": N_("took over from another"),
    "succession_taken_back": N_("succession taken back"),
    "mailbox_chosen": N_("letter to the mailbox chosen"),
    "mailbox_stopped": N_("letter to the mailbox stopped"),
    "holidays_added": N_("holidays added"),
    "holiday_removed": N_("holiday taken away"),
    "disabled": N_("disabled"),
    "enabled": N_("enabled"),
    "time_zone_chosen": N_("time zone chosen"),
    "password_set": N_("password set"),
    "named": N_("named"),
    "exported": N_("taken out"),
    "marked_arrived": N_("marked as arrived"),
    "tried_again": N_("sent again"),
    "begun": N_("begun"),
    "asked": N_("unit asked"),
    "unasked": N_("asking taken back"),
    "known": N_("known"),
    "excluded": N_("excluded"),
    "made": N_("made"),
}
"""The word after the dot: all that an auditor is told of an event."""


def deed(action: str) -> tuple[str, str]:
    """Return what kind of thing an action was done to and what was done, each to be translated; no content."""
    kind, _dot, did = action.partition(".")
    return KINDS[kind], DEEDS[did]


# --- sentences -----------------------------------------------------------------------------------------------------------

_ENTRY = {
    "logged": N_("Logged by %(owner)s."),
    "revised": N_("Version %(version)s saved."),
    "offered": N_("Release of version %(version)s asked for."),
    "released": N_("Version %(version)s released."),
    "superseded": N_("Superseded by another line of %(owner)s."),
    "withdrawn": N_("Withdrawn."),
    "expired": N_("Ran out: it was valid until the day before."),
    "topic_added": N_("Put on the topic “%(topic)s”."),
    "moved": N_("%(from)s went on as %(to)s, whose it is now."),
    "handed_over": N_("Handed over to %(colleague)s."),
    "readers_moved": N_("%(from)s, named as a reader, went on as %(to)s, which reads it too."),
}
SENTENCES: dict[str, str] = {
    **{f"{kind.value}.{did}": sentence for kind in Kind for did, sentence in _ENTRY.items()},
    "entry.topic_proposed": N_("Another unit proposed the topic “%(topic)s”."),
    "entry.topic_declined": N_("The proposed topic “%(topic)s” was left."),
    "entry.imported": N_("Imported from “%(source)s”."),
    "position.adhered": N_("%(unit)s made version %(version)s its own line."),
    "position.left": N_("%(unit_id)s no longer adheres."),
    "position.adherence_moved": N_("%(from)s, which adhered to it, went on as %(to)s."),
    "dossier.contributors_moved": N_("%(from)s, which contributed to it, went on as %(to)s."),
    "dossier.milestone_passed": N_("The day of a milestone went by."),
    "overlap.acknowledged": N_("%(by_unit)s acknowledged it."),
    "overlap.dismissed": N_("%(by_unit)s dismissed it."),
    "overlap.settled": N_("%(by_unit)s settled it."),
    "overlap.proposed_settling": N_("%(by_unit)s proposed to settle it."),
    "overlap.proposed_dismissing": N_("%(by_unit)s proposed to dismiss it."),
    "overlap.taken_up": N_("%(by_unit)s took up the contact."),
    "overlap.confirmed": N_("%(by_unit)s said that both are about one topic."),
    "overlap.handed_over": N_("%(by_unit)s handed it over to a colleague."),
    "person.handed_over": N_("The work was handed over to %(colleague)s."),
    "overlap.reopened": N_("%(by_unit)s took it up again."),
    "overlap.excluded": N_("%(by_unit)s excluded the pair."),
    "exclusion.made": N_("Excluded until %(until)s, because: %(reason)s"),
    "exclusion.ended": N_("The exclusion was ended before its day; what it hid is flagged again."),
    "exclusion.expired": N_("The exclusion ran out; what it hid is flagged again."),
    "overlaps.updated": N_("The overlaps were brought up to date."),
    "overlaps.moved": N_("The overlaps went on with the units that follow."),
    "topic.renamed": N_("Renamed from “%(from)s” to “%(to)s”."),
    "topic.alias_added": N_("Also called “%(text)s” from now on."),
    "topic.alias_dropped": N_("No longer called “%(text)s”."),
    "topic.related": N_("Joined with “%(to)s”: work on one may touch work on the other."),
    "topic.unrelated": N_("No longer joined with “%(from)s”."),
    "topic.merged": N_("Merged into “%(into)s”, which its old address leads to."),
    "topic.took_in": N_("“%(name)s” was merged into it."),
    "equity.ended": N_("%(unit)s: %(stake)s ended, the last day was %(until)s."),
    "equity.taken_back": N_("%(unit)s: %(stake)s from %(from)s was taken back."),
    "event.past": N_("The event is over, and so is what depended on its date."),
    "unit.mailbox_chosen": N_("A letter goes to its mailbox %(address)s."),
    "unit.mailbox_stopped": N_("The letter to its mailbox was stopped by the link in it."),
    "unit.holidays_added": N_("Holidays: %(days)s."),
    "unit.holiday_removed": N_("No holiday any more: %(days)s."),
    "person.disabled": N_("The account was disabled; every sign-in ended."),
    "person.enabled": N_("The account was enabled again."),
    "person.time_zone_chosen": N_("Time zone: %(time_zone)s."),
    "person.password_set": N_("A password was set; every other sign-in ended."),
    "deputy.taken_back": N_("%(deputy)s does not stand in from %(from)s after all."),
    "digest.marked_arrived": N_("The letter was marked as arrived."),
    "digest.tried_again": N_("The letter is sent again."),
    "entries.exported": N_("A file was taken out: %(what)s, %(rows)s rows, as %(form)s."),
    "list.exported": N_("A list was taken out: %(list)s, %(rows)s rows."),
    "day.begun": N_("The nightly change was done."),
    "gap.asked": N_("%(unit)s was asked on %(on)s."),
    "gap.unasked": N_("That %(unit)s was asked on %(on)s was taken back."),
    "demo.begun": N_("The demo was loaded."),
}

# what a draft holds, and under which word it is shown
FIELDS = {
    "name": N_("Name"),
    "short_name": N_("Short name"),
    "aliases": N_("Other names"),
    "circle": N_("Circle"),
    "ceiling": N_("Highest level"),
    "forum_id": N_("Forum"),
    "place": N_("Place"),
    "starts_on": N_("From"),
    "ends_on": N_("Until"),
    "text": N_("Question"),
    "topic_id": N_("Topic"),
    "kind": N_("Kind"),
    "code": N_("Code"),
    "party_ids": N_("Parties"),
    "parties": N_("Parties in words"),
    "adopted_on": N_("Adopted on"),
    "in_force_on": N_("In force since"),
    "link": N_("Link"),
    "unit": N_("Unit"),
    "roles": N_("Roles"),
    "clearance": N_("Cleared to"),
    "groups": N_("Reading groups"),
}

# numbers of other things that an event names: field → whose number
_NUMBERS = {
    "unit": "unit",
    "unit_id": "unit",
    "by_unit": "unit",
    "parent_id": "unit",
    "successor": "unit",
    "predecessor": "unit",
    "came_from": "unit",
    "organisation_id": "organisation",
    "forum_id": "forum",
    "topic_id": "topic",
    "broader": "topic",
    "into": "topic",
    "to": "topic",
    "from": "topic",
    "deputy": "person",
    "colleague": "person",
    "groups": "group",
    "party_ids": "counterpart",
    "joined": "person",
    "left": "person",
}
KINDS_NAMED = tuple(sorted(set(_NUMBERS.values())))
_KINDS_OF_THINGS = {kind.value: kind.label for words in (CounterpartKind, InstrumentKind) for kind in words}
_LABELS: dict[str, Callable[[Any], str]] = {
    "stake": lambda v: Stake(v).label,
    "stake_was": lambda v: Stake(v).label,
    "circle": lambda v: Circle(v).label,
    "kind": lambda v: _KINDS_OF_THINGS[v],
    "roles": lambda v: Role(v).label,
    "gap": lambda v: GapKind(v).label,
    "ceiling": lambda v: Level(v).label,
    "clearance": lambda v: Level(v).label,
}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Words:
    """The words for what events name by number, and how a day is shown; `t` translates."""

    named: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    day: Callable[[date], str] = date.isoformat
    t: Callable[[Any], str] = str


def numbers(action: str, said: Mapping[str, Any]) -> dict[str, set[int]]:
    """Return the numbers of other things that an event names, by what they are of."""
    found: dict[str, set[int]] = {}
    whose = _NUMBERS | ({"from": "unit"} if action == "person.moved" else {})
    for name, value in [*said.items(), *dict(said.get("was") or {}).items()]:
        if name in whose:
            listed = value if isinstance(value, list) else [value]
            found.setdefault(whose[name], set()).update(v for v in listed if isinstance(v, int) and not isinstance(v, bool))
    return found


def _shown(name: str, value: Any, words: Words) -> str:
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, list):
        return ", ".join(sorted(_shown(name, v, words) for v in value))
    if isinstance(value, dict):
        return ", ".join(f"{_shown(name, k, words)} {v}".strip() for k, v in sorted(value.items()))
    if name in _LABELS:
        return words.t(_LABELS[name](value))
    if name in _NUMBERS and isinstance(value, int):
        return words.named.get(_NUMBERS[name], {}).get(value, "–")
    if isinstance(value, str) and _DAY.fullmatch(value):
        return words.day(date.fromisoformat(value))
    return str(value)


def sentences(
    action: str, said: Mapping[str, Any], before: Mapping[str, Any], words: Words, *, owner: str = "–", by_unit: str = "–"
) -> list[Said]:
    """Return an event in sentences; `before` is what was said of the thing when it was last written down whole.

    `owner` is the unit of an entry, `by_unit` the one that acted on an overlap. Raises KeyError for an action without one.
    """
    if action in _MORE:
        return _MORE[action](said, before, words)
    values = {name: _shown(name, value, words) for name, value in said.items()}
    values = {"version": "–", "unit": "–", "unit_id": "–", "topic": "–"} | values
    values |= {"owner": str(said.get("heir", owner)), "by_unit": by_unit}
    if action == "position.left" and "unit" in said:
        values["unit_id"] = str(said["unit"])
    return [(SENTENCES[action], values)]


def _recalled(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    values = {"version": said["version"]}
    if said.get("draft"):
        return [(N_("Version %(version)s, released too widely, was recalled: it is a draft again."), values)]
    found: list[Said] = [(N_("Version %(version)s, released too widely, was recalled: fewer may read it than before."), values)]
    if "level" in said:
        old, new = (words.t(Level(level).label) for level in said["level"])
        found.append((N_("Level moved from %(old)s to %(new)s."), {"old": old, "new": new}))
    return found


def _topic_added(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    found: list[Said] = [(N_("Added as “%(name)s”."), {"name": said["name"]})]
    return [*found, (N_("Marked as an umbrella: sharing it says nothing."), {})] if said.get("umbrella") else found


def _umbrella(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    if said["umbrella"]:
        return [(N_("Marked as an umbrella: sharing it says nothing."), {})]
    return [(N_("No longer an umbrella: sharing it says something."), {})]


def _broadened(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    if "broader" in said:  # as it was recorded at first: all of them, without what was before
        names = _shown("broader", said["broader"], words)
        return [(N_("Lies within %(names)s."), {"names": names})] if said["broader"] else [(N_("Lies within no other topic."), {})]
    parts = ((N_("Lies within %(names)s from now on."), "added"), (N_("No longer lies within %(names)s."), "dropped"))
    return [(sentence, {"names": ", ".join(f"“{n}”" for n in said[key])}) for sentence, key in parts if said[key]]


def _equity_given(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    values = {name: _shown(name, value, words) for name, value in said.items()}
    if "until" in said:
        return [(N_("%(unit)s: %(stake)s from %(from)s until %(until)s."), values)]
    return [(N_("%(unit)s: %(stake)s from %(from)s."), values)]


def _equity_handed_on(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    came = words.named.get("unit", {}).get(said["came_from"], "–")
    return [*_equity_given(said, before, words), (N_("It was that of %(unit)s."), {"unit": came})]


def _equity_changed(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    values = {name: _shown(name, value, words) for name, value in said.items()}
    if "stake_was" in said:
        return [(N_("%(unit)s: %(stake_was)s, now %(stake)s."), values)]
    if "until" in said:
        return [(N_("%(unit)s: %(stake)s now until %(until)s."), values)]
    return [(N_("%(unit)s: %(stake)s, with an open end."), values)]


def _deputy(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    values = {name: _shown(name, value, words) for name, value in said.items()}
    if "until" in said:
        return [(N_("%(deputy)s stands in from %(from)s until %(until)s."), values)]
    return [(N_("%(deputy)s stands in from %(from)s."), values)]


def _unit(action: str) -> Callable[[Mapping[str, Any], Mapping[str, Any], Words], list[Said]]:
    def tell(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
        units, organisations = dict(words.named.get("unit", {})), dict(words.named.get("organisation", {}))
        was = {**said, **said["was"]} if "was" in said else before
        return list(people.told(action, said, was, units=units, organisations=organisations, day=words.day))

    return tell


def _added(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    return [(N_("Written down as “%(name)s”."), {"name": said.get("name") or said.get("text") or "–"})]


def _revised(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    """Say what differs: by what the event keeps of before, or, of an old one, by what was last written down."""
    if "was" in said:
        was = said["was"]
    else:
        was = {name: before.get(name) for name in FIELDS if before.get(name) != said.get(name)} if before else {}
    found: list[Said] = []
    for name in FIELDS:
        if name not in was:
            continue
        values = {"field": words.t(FIELDS[name]), "old": _shown(name, was[name], words), "new": _shown(name, said.get(name), words)}
        found.append((N_("%(field)s: %(old)s, now %(new)s."), values))
    return found or [(N_("Saved without a change that is kept here."), {})]


def _person_added(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    values = {name: _shown(name, value, words) for name, value in said.items()}
    return [(N_("Account opened in %(unit)s as %(roles)s, cleared to %(clearance)s."), values)]


def _group(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    values = {name: _shown(name, value, words) for name, value in said.items()}
    parts = (
        (N_("Renamed from “%(from)s” to “%(to)s”."), "to"),
        (N_("Joined: %(joined)s."), "joined"),
        (N_("Left: %(left)s."), "left"),
    )
    return [(sentence, values) for sentence, name in parts if said.get(name)] or [(N_("Saved without a change."), {})]


def _person_moved(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    units = words.named.get("unit", {})
    values = {"old": units.get(said["from"], "–"), "new": units.get(said["unit"], "–")}
    return [(N_("Moved from %(old)s to %(new)s."), values)]


def _gap(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    values = {name: _shown(name, value, words) for name, value in said.items()}
    if "unit" in said:
        values["gap"] = f"{values['gap']}, {values['unit']}"
    if "until" in said:
        return [(N_("%(by_unit)s knows of a gap until %(until)s: %(gap)s."), values)]
    return [(N_("That a gap is known was taken back: %(gap)s."), values)]


def _file(said: Mapping[str, Any], before: Mapping[str, Any], words: Words) -> list[Said]:
    rows = sum(number for number in said.values() if isinstance(number, int))
    return [(N_("A file was brought in: %(kind)s, %(rows)s rows."), {"kind": said.get("kind", "–"), "rows": rows})]


_Tell = Callable[[Mapping[str, Any], Mapping[str, Any], Words], list[Said]]
_MORE: dict[str, _Tell] = {
    **{f"{kind.value}.recalled": _recalled for kind in Kind},
    "topic.added": _topic_added,
    "topic.umbrella_marked": _umbrella,
    "topic.broadened": _broadened,
    "equity.given": _equity_given,
    "equity.handed_on": _equity_handed_on,
    "equity.changed": _equity_changed,
    "deputy.named": _deputy,
    "deputy.ended": _deputy,
    "person.added": _person_added,
    **{f"unit.{did}": _unit(f"unit.{did}") for did in ("added", "revised", "succeeded", "succession_taken_back", "took_over")},
    **{f"{kind}.added": _added for kind in ("forum", "event", "question", "counterpart", "instrument", "organisation", "group")},
    **{
        f"{kind}.revised": _revised
        for kind in ("forum", "event", "question", "counterpart", "instrument", "organisation", "person")
    },
    "group.revised": _group,
    "person.moved": _person_moved,
    "file.imported": _file,
    "gap.known": _gap,
    "gap.taken_back": _gap,
}


def is_described(action: str) -> bool:
    """Say whether an action has its sentence, and its words for the auditor."""
    kind, _dot, did = action.partition(".")
    return (action in SENTENCES or action in _MORE) and kind in KINDS and did in DEEDS


# --- what a version moved ------------------------------------------------------------------------------------------------

_UNSAID = {"note", "restriction_reason", "audience", "level"}


def base_of(number: int, versions: Sequence[EntryVersion], *, released: bool) -> EntryVersion | None:
    """Return the version that one is compared with: of a release the one that stood before it, else the one saved before it."""
    older = [v for v in versions if v.number < number and (v.released_at is not None or not released)]
    return max(older, key=lambda v: v.number, default=None)


def moved(before: EntryVersion, after: EntryVersion, t: Callable[[Any], str]) -> list[Said]:
    """Return what a version moved, in sentences: stance and level from what to what, of all else what it was."""
    found: list[Said] = []
    stances = [v.content.get("stance") for v in (before, after)]
    if stances[0] != stances[1]:
        old, new = (f"“{t(Stance(s).label)}”" if s else t(N_("none")) for s in stances)
        found.append((N_("Stance moved from %(old)s to %(new)s."), {"old": old, "new": new}))
    if before.level != after.level:
        old, new = (t(Level(v.level).label) for v in (before, after))
        found.append((N_("Level moved from %(old)s to %(new)s."), {"old": old, "new": new}))
    others = [
        t(label)
        for name, label in ENTRY_LABELS.items()
        if name not in {*_UNSAID, "stance"} and (before.content.get(name) or None) != (after.content.get(name) or None)
    ]
    if others:
        found.append((N_("Changed: %(fields)s."), {"fields": ", ".join(others)}))
    return found


# --- one event, as one reader is told of it -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Thing:
    """What an event is about, as far as it is shown: its name, its address, and of an entry its marking and its end."""

    name: str
    ref: str
    unit: str = ""
    organisation_id: int | None = None
    level: int | None = None
    ended_why: str = ""
    units: tuple[str, str] | None = None
    """Of an overlap its two units."""


@dataclass
class Company:
    """What the sentences of some events need: the things they are about, versions, steps, names by number, what was before."""

    things: dict[tuple[str, int], Thing] = field(default_factory=dict)
    versions: dict[int, list[EntryVersion]] = field(default_factory=dict)
    steps: dict[int, Step] = field(default_factory=dict)
    known: dict[int, str] = field(default_factory=dict)
    """Why somebody knows of a gap, by the number under which they said so."""
    names: dict[str, dict[int, str]] = field(default_factory=dict)
    before: dict[int, dict[str, Any]] = field(default_factory=dict)
    owners: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    """Of entries that moved with their unit: under which number, and whose they were until then."""

    def owner_of(self, event: Happening) -> str:
        """Return whose an entry was when an event happened: units that followed others do not rewrite the past."""
        later = [unit for number, unit in self.owners.get(event.subject_id, []) if number >= event.number]
        thing = self.things.get((event.subject_kind, event.subject_id))
        return later[0] if later else thing.unit if thing is not None else "–"


@dataclass(frozen=True)
class Told:
    """An event in words: its sentences, what whoever did it wrote, and the versions that can be compared."""

    sentences: tuple[str, ...]
    quote: str = ""
    compare: tuple[int, int] | None = None


def tell(event: Happening, found: Company, me: Person, words: Words) -> Told:
    """Return an event, loaded with its payload, in words for one reader; what it needs was read as that reader."""
    if event.payload is None:
        return Told((words.t(N_("What this said is no longer kept.")),))
    said, thing, step = event.payload.said, found.things.get((event.subject_kind, event.subject_id)), found.steps.get(event.number)
    by_unit = step.unit.short_name if step is not None and step.unit is not None else "–"
    before = found.before.get(event.number, {})
    lines = sentences(event.action, said, before, words, owner=found.owner_of(event), by_unit=by_unit)
    quote, compare, did = step.said if step is not None else "", None, event.action.rpartition(".")[2]
    if event.subject_kind == "entry" and did in {"revised", "released"}:
        versions = found.versions.get(event.subject_id, [])
        after = next((v for v in versions if v.number == said.get("version")), None)
        base = base_of(after.number, versions, released=did == "released") if after is not None else None
        if after is not None and base is not None:
            lines, compare = lines + moved(base, after, words.t), (base.number, after.number)
        if after is not None and thing is not None and thing.organisation_id == me.unit.organisation_id:
            quote = after.note
    elif event.action == "gap.known":
        quote = found.known.get(event.number, "")
    elif did == "withdrawn" and thing is not None:
        quote = thing.ended_why
    elif did == "recalled":
        quote = next((v.recalled_why for v in found.versions.get(event.subject_id, []) if v.number == said.get("version")), "")
    return Told(tuple(words.t(line) for line in lines), quote, compare)


# --- who did it ----------------------------------------------------------------------------------------------------------


def may_audit(person: Person) -> bool:
    """An auditor sees who did what kind of thing and when, of all there is; never what it says."""
    return Role.AUDITOR in person.roles


def name_of(actor: Person | None, me: Person) -> tuple[str, str] | None:
    """Return the name and the unit of whoever acted, as far as a reader may know: outside an organisation a unit has spoken."""
    if actor is None:
        return None
    if actor.unit.organisation_id == me.unit.organisation_id:
        return actor.name, actor.unit.short_name
    return ("", actor.unit.short_name) if me.unit.organisation.circle is Circle.MINISTRY else ("", "")


def families(sort: Sort) -> Iterable[str]:
    """Return the kinds of actions that one narrows the history to."""
    return {Sort.PERSON: ("person", "deputy", "file", "list", "entries")}.get(sort, (sort.value,))
