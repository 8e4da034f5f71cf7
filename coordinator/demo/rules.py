"""What config/demo says, as typed drafts, and as a story of steps; its days are counted from the day on which it is loaded."""

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

from coordinator.calendar.models import CounterpartKind, InstrumentKind
from coordinator.calendar.rules import CounterpartDraft, EventDraft, ForumDraft, InstrumentDraft, QuestionDraft
from coordinator.deputies.rules import DeputyDraft
from coordinator.dossiers.models import DossierType
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries.models import Kind
from coordinator.exchange.rules import Known, of_forum, tokens
from coordinator.people.models import Circle, Role
from coordinator.people.rules import OrganisationDraft, PersonDraft, UnitDraft, comparable
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft
from coordinator.settings import HOUSE
from coordinator.topics.models import Stake
from coordinator.topics.rules import EquityDraft

Said = Mapping[str, Any]
CEILINGS = {Circle.MINISTRY: 2, Circle.GOVERNMENT: 1, Circle.COUNTRY: 0}
_ROLES = {"releasing": Role.RELEASING_OFFICER}
FOLDER = HOUSE / "config" / "demo"


def read(folder: Path = FOLDER) -> tuple[dict[str, list[Said]], str]:
    """Return the things of all files of a folder by their kind, in the order of the files, and the digest of the edition."""
    said: defaultdict[str, list[Said]] = defaultdict(list)
    edition = sha256()
    for file in sorted(folder.glob("*.toml")):
        raw = file.read_bytes()
        edition.update(raw)
        for kind, things in tomllib.loads(raw.decode()).items():
            said[kind] += things
    return dict(said), edition.hexdigest()


# --- days --------------------------------------------------------------------------------------------------------------


def working_day(day: date, *, onward: bool) -> date:
    """Return the day itself, or, of a weekend, the Monday after it (`onward`) or the Friday before it."""
    over = day.weekday() - 4
    if over <= 0:
        return day
    return day + timedelta(days=3 - over) if onward else day - timedelta(days=over)


def sitting(first: date, last: date, *, today: date) -> tuple[date, date]:
    """Return the days nearest to those of a session that lie within one working week, or begin one if it lasts longer.

    What is over stays over, and what is ahead stays ahead.
    """
    ahead, length = first > today, last - first
    for start in (first + timedelta(days=s) for s in (0, -1, 1, -2, 2, -3, 3)):
        still = start > today if ahead else start + length < today
        if start.weekday() + min(length.days, 4) <= 4 and still:
            return start, start + length
    return first, last


class Ministry:
    """The whole of it, its things by their keys."""

    def __init__(self, said: Mapping[str, list[Said]], *, today: date, zone: str) -> None:
        self.said, self.today, self.zone = said, today, zone
        self._by_key: dict[str, dict[str, Said]] = {
            kind: {thing["key"]: thing for thing in things if "key" in thing} for kind, things in said.items()
        }

    def all(self, kind: str) -> list[Said]:
        """Return the things of a kind in the order of the files."""
        return list(self.said.get(kind, ()))

    def thing(self, kind: str, key: str) -> Said:
        """Return a thing by its key; raises KeyError."""
        return self._by_key[kind][key]

    def day(self, days: int) -> date:
        """Return the working day so many days from the day of loading: what is past moves away from it, and what is ahead."""
        return working_day(self.today + timedelta(days=days), onward=days > 0)

    def moment(self, days: int) -> datetime:
        """Return the start of work on a day."""
        return datetime.combine(self.day(days), time(9), ZoneInfo(self.zone))

    def sitting(self, event: Said) -> tuple[date, date]:
        """Return the first and the last day of an event."""
        first, last = (self.today + timedelta(days=event[name]) for name in ("starts_in", "ends_in"))
        return sitting(first, last, today=self.today)

    def due(self, milestone: Said) -> date:
        """Return the day of a milestone: counted from the day of loading, or from the first day of an event."""
        if "of" in milestone:
            return self.sitting(self.thing("event", milestone["of"]))[0] + timedelta(days=milestone["days"])
        return self.day(milestone["in_days"])

    def releasing(self, entry: Said) -> str | None:
        """Return the key of who releases an entry of a unit: somebody other than its author, else the author.

        Nobody (the product itself) if the author alone would open it beyond the ministry, which takes two.
        """
        may = self.releasing_of(entry["unit"])
        others = [key for key in may if key != entry["author"]]
        if others:
            return others[0]
        author: str = entry["author"]
        return author if author in may and entry["audience"] not in ("government", "country") else None

    def releasing_of(self, unit: str) -> list[str]:
        """Return the keys of a unit's releasing officers."""
        return [p["key"] for p in self.all("person") if p["unit"] == unit and "releasing" in p["roles"]]


# --- lists -------------------------------------------------------------------------------------------------------------


def organisation(said: Said) -> OrganisationDraft:
    """Return an organisation."""
    circle = Circle(said["circle"])
    return OrganisationDraft(name=said["name"], short_name=said["short"], circle=circle, ceiling=CEILINGS[circle])


def unit(said: Said, *, organisation_id: int, known: Known) -> UnitDraft:
    """Return a unit; those above it stand before it in the file."""
    parent = known.unit[comparable(said["parent"])] if "parent" in said else None
    return UnitDraft(
        organisation_id=organisation_id,
        name=said["name"],
        short_name=said["short"],
        parent_id=parent,
        mailbox=said.get("mailbox"),
    )


def person(said: Said, ministry: Ministry, known: Known) -> PersonDraft:
    """Return a person."""
    groups = frozenset(known.group[comparable(ministry.thing("group", key)["name"])] for key in said.get("groups", ()))
    return PersonDraft(
        name=said["name"],
        email=said["email"],
        unit_id=known.unit[comparable(said["unit"])],
        roles=frozenset(_ROLES[r] if r in _ROLES else Role(r) for r in said["roles"]),
        clearance=said["clearance"],
        time_zone=said.get("time_zone", ministry.zone),
        group_ids=groups,
    )


def equity(said: Said, ministry: Ministry, known: Known) -> EquityDraft:
    """Return a unit's stake, held for a year already."""
    return EquityDraft(unit_id=known.unit[comparable(said["unit"])], stake=Stake(said["stake"]), from_on=ministry.day(-365))


def forum(said: Said) -> ForumDraft:
    """Return a forum."""
    return ForumDraft(name=said["name"], short_name=said["short"], aliases=tuple(said.get("also", ())))


def event(said: Said, ministry: Ministry, known: Known) -> EventDraft:
    """Return a session of a forum."""
    first, last = ministry.sitting(said)
    return EventDraft(
        forum_id=known.forum[comparable(said["forum"])],
        name=said["name"],
        starts_on=first,
        ends_on=last,
        place=said["place"],
        aliases=tuple(said.get("also", ())),
    )


def question(said: Said, known: Known) -> QuestionDraft:
    """Return a question."""
    return QuestionDraft(
        text=said["text"], topic_id=known.topic[comparable(said["topic"])], forum_id=known.forum[comparable(said["forum"])]
    )


def counterpart(said: Said) -> CounterpartDraft:
    """Return a counterpart."""
    return CounterpartDraft(name=said["name"], kind=CounterpartKind(said["kind"]), code=said.get("code"))


def instrument(said: Said, ministry: Ministry, known: Known) -> InstrumentDraft:
    """Return an instrument; its days are those of the real one, or of no importance."""
    return InstrumentDraft(
        name=said["name"],
        short_name=said["short"],
        kind=InstrumentKind(said["kind"]),
        forum_id=known.forum[comparable(said["forum"])] if "forum" in said else None,
        party_ids=tuple(_counterpart_id(key, ministry, known) for key in said.get("party_keys", ())),
        parties=said.get("parties", ""),
        adopted_on=said.get("adopted_on"),
        in_force_on=said.get("in_force_on"),
    )


def _counterpart_id(key: str, ministry: Ministry, known: Known) -> int:
    return known.counterpart[comparable(ministry.thing("counterpart", key)["name"])]


def deputy(said: Said, ministry: Ministry, known: Known) -> DeputyDraft:
    """Return who stands in."""
    return DeputyDraft(
        deputy_id=known.person[comparable(ministry.thing("person", said["deputy"])["email"])],
        from_on=ministry.day(said["from_in"]),
        until_on=ministry.day(said["until_in"]) if "until_in" in said else None,
    )


# --- entries -----------------------------------------------------------------------------------------------------------


def entry(said: Said, ministry: Ministry, known: Known) -> PositionDraft | DossierDraft:
    """Return a position or a dossier."""
    named = said.get("event") and ministry.thing("event", said["event"])
    audience = said["audience"]
    common: dict[str, Any] = {
        "title": said["title"],
        "text": said["text"].strip(),
        "topics": tuple(sorted(known.topic[comparable(key)] for key in said["topics"])),
        "language": said["language"],
        "forum_id": known.forum[comparable(said["forum"])] if "forum" in said else None,
        "event_id": named and known.event[comparable(of_forum(known.forum[comparable(named["forum"])], named["name"]))],
        "counterparts": tuple(sorted(_counterpart_id(key, ministry, known) for key in said.get("counterparts", ()))),
        "instruments": tuple(
            sorted(known.instrument[comparable(ministry.thing("instrument", key)["name"])] for key in said.get("instruments", ()))
        ),
        "registry_link": said.get("registry_link", ""),
        "review_by": ministry.day(said["review_in_days"]) if "review_in_days" in said else None,
        "level": said["level"],
        "audience": tokens([audience] if isinstance(audience, str) else audience, known),
        "restriction_reason": said.get("restriction_reason", ""),
        "note": said.get("note", ""),
    }
    if said["kind"] == Kind.POSITION:
        asked = said.get("question") and ministry.thing("question", said["question"])["text"]
        return PositionDraft(
            **common,
            question_id=known.question[comparable(asked)] if asked else None,
            stance=Stance(said["stance"]) if "stance" in said else None,
            valid_until=ministry.day(said["valid_until_in"]) if "valid_until_in" in said else None,
            on_behalf_of_id=_counterpart_id(said["on_behalf_of"], ministry, known) if "on_behalf_of" in said else None,
            source=said.get("source", ""),
            said_on=ministry.day(-said["said_days_ago"]) if "said_days_ago" in said else None,
            **{name: said.get(name, "") for name in ("reason", "red_lines", "fallback", "talking_points")},
        )
    return DossierDraft(
        **common,
        dossier_type=DossierType(said["type"]),
        lead_id=known.person[comparable(ministry.thing("person", said["lead"])["email"])],
        contributing=tuple(sorted(known.unit[comparable(u)] for u in said.get("contributing", ()))),
        milestones=tuple((ministry.due(m), m["text"]) for m in said.get("milestones", ())),
        papers=tuple((p["label"], p["url"]) for p in said.get("papers", ())),
    )


# --- the story ---------------------------------------------------------------------------------------------------------


class Do(StrEnum):
    """What somebody does in one step; of what is decided about overlaps, the file has the word."""

    LOG = "log"
    RELEASE = "release"
    REVISE = "revise"
    ADHERE = "adhere"
    WITHDRAW = "withdraw"
    DECIDE = "decide"
    ASK = "ask"
    KNOW = "know"
    EXCLUDE = "exclude"
    SUCCEED = "succeed"
    NIGHT = "night"


@dataclass(frozen=True)
class Step:
    """One thing that happened: when, what, by whom (nobody is the product itself), and what the file says of it."""

    at: datetime
    do: Do
    by: str | None
    said: Said

    def __str__(self) -> str:
        about = " ".join(str(self.said[name]) for name in ("key", "a", "b", "do", "on") if name in self.said)
        return f"{self.at:%Y-%m-%d %H:%M} {self.do} {about} by {self.by}"


@dataclass(frozen=True)
class _Wanted:
    """A step before its moment is fixed: the day it was meant for, the minute of that day."""

    day: date
    meant: date
    minute: int
    do: Do
    by: str | None
    said: Said


MORNING, AFTERNOON = 9 * 60, 14 * 60
NIGHT = 60  # an hour after midnight, when the nightly change is due


def story(ministry: Ministry) -> tuple[Step, ...]:
    """Return all that happened before the day of loading, in order, no two steps at one moment.

    The moments depend on the file and the day alone, so that a step that is on record under its moment is known to be done.
    """
    told = (_of_entries, _of_decisions, _of_gaps, _of_exclusions, _of_units, _nights)
    wanted = [step for tell in told for step in tell(ministry)]
    zone = ZoneInfo(ministry.zone)
    steps: list[Step] = []
    for w in sorted(wanted, key=lambda w: (w.day, w.meant, w.minute)):
        at = datetime.combine(w.day, time(w.minute // 60, w.minute % 60), zone)
        if steps:
            at = max(at, steps[-1].at + timedelta(minutes=1))
        steps.append(Step(at, w.do, w.by, w.said))
    return tuple(steps)


def _wanted(ministry: Ministry, days_ago: int, minute: int, do: Do, by: str | None, said: Said) -> _Wanted:
    meant = ministry.today - timedelta(days=days_ago)
    return _Wanted(working_day(meant, onward=False), meant, minute, do, by, said)


def _of_entries(ministry: Ministry) -> Iterator[_Wanted]:
    for said in ministry.all("entry"):
        ago, minute = said["logged_days_ago"], MORNING + crc32(said["key"].encode()) % 240
        releases = said.get("released_by") or ministry.releasing(said)
        yield _wanted(ministry, ago, minute, Do.LOG, said["author"], said)
        if said["state"] not in {"draft", "offered"}:
            yield _wanted(ministry, said.get("released_days_ago", ago), minute + 45, Do.RELEASE, releases, said)
        for adhering in said.get("adherence", ()):
            by = adhering.get("by") or ministry.releasing_of(adhering["unit"])[0]
            yield _wanted(ministry, adhering["days_ago"], minute + 120, Do.ADHERE, by, {"key": said["key"], **adhering})
        told: dict[str, Any] = dict(said)
        for revision in said.get("revision", ()):
            told |= revision
            by = revision.get("by", said["author"])
            yield _wanted(ministry, revision["days_ago"], minute, Do.REVISE, by, dict(told))
            if revision.get("release", True):
                yield _wanted(ministry, revision["days_ago"], minute + 45, Do.RELEASE, releases, said)
        if "withdrawn_days_ago" in said:
            yield _wanted(ministry, said["withdrawn_days_ago"], minute, Do.WITHDRAW, releases, said)


def _of_decisions(ministry: Ministry) -> Iterator[_Wanted]:
    taken: Counter[int] = Counter()
    for said in ministry.all("decision"):
        ago = said["days_ago"]
        yield _wanted(ministry, ago, AFTERNOON + 13 * taken[ago], Do.DECIDE, said["by"], said)
        taken[ago] += 1


def _of_gaps(ministry: Ministry) -> Iterator[_Wanted]:
    """Yield whom the units asked, before a paper went out, and what somebody knows to be missing."""
    for said in ministry.all("asked"):
        entry = ministry.thing("entry", said["key"])
        minute = MORNING + crc32(said["key"].encode()) % 240 + 20
        yield _wanted(ministry, entry["logged_days_ago"], minute, Do.ASK, entry["author"], said)
    for said in ministry.all("known"):
        yield _wanted(ministry, said["days_ago"], AFTERNOON, Do.KNOW, said["by"], said)


def _of_exclusions(ministry: Ministry) -> Iterator[_Wanted]:
    for said in ministry.all("exclusion"):
        yield _wanted(ministry, said["days_ago"], AFTERNOON + 90, Do.EXCLUDE, said["by"], said)


def _of_units(ministry: Ministry) -> Iterator[_Wanted]:
    for said in ministry.all("succession"):
        yield _wanted(ministry, said["days_ago"], MORNING - 60, Do.SUCCEED, said["by"], said)


def _nights(ministry: Ministry) -> Iterator[_Wanted]:
    """Yield the nights after which something was over: an event, a milestone, the validity of a line."""
    for day in sorted({d for d in _last_days(ministry) if d < ministry.today}):
        morning = day + timedelta(days=1)
        yield _Wanted(morning, date.min, NIGHT, Do.NIGHT, None, {"on": morning})


def _last_days(ministry: Ministry) -> Iterable[date]:
    yield from (ministry.sitting(e)[1] for e in ministry.all("event"))
    for said in ministry.all("entry"):
        logged = ministry.day(-said["logged_days_ago"])
        own = [ministry.due(m) for m in said.get("milestones", ())]
        if "valid_until_in" in said:
            own.append(ministry.day(said["valid_until_in"]))
        yield from (max(day, logged) for day in own)
