"""What config/demo.toml says, as typed drafts; its days are counted from the day on which it is loaded."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from coordinator.calendar.models import CounterpartKind
from coordinator.calendar.rules import CounterpartDraft, EventDraft, ForumDraft, QuestionDraft
from coordinator.dossiers.models import DossierType
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries.models import Kind
from coordinator.exchange.rules import Known, of_forum, tokens
from coordinator.people.models import Circle, Role
from coordinator.people.rules import OrganisationDraft, PersonDraft, UnitDraft, comparable
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft
from coordinator.topics.models import Stake
from coordinator.topics.rules import EquityDraft

Said = Mapping[str, Any]
CEILINGS = {Circle.MINISTRY: 2, Circle.GOVERNMENT: 1, Circle.COUNTRY: 0}
_ROLES = {"releasing": Role.RELEASING_OFFICER}


class Ministry:
    """The whole file, its things by their keys."""

    def __init__(self, said: Said, *, today: date, zone: str) -> None:
        self.said, self.today, self.zone = said, today, zone
        self._by_key: dict[str, dict[str, Said]] = {
            kind: {thing["key"]: thing for thing in said[kind] if "key" in thing}
            for kind in ("organisation", "group", "person", "event", "question", "counterpart", "entry")
        }

    def all(self, kind: str) -> list[Said]:
        """Return the things of a kind in the order of the file."""
        return list(self.said[kind])

    def thing(self, kind: str, key: str) -> Said:
        """Return a thing by its key; raises KeyError."""
        return self._by_key[kind][key]

    def day(self, days: int) -> date:
        """Return the day so many days from the day of loading."""
        return self.today + timedelta(days=days)

    def moment(self, days: int) -> datetime:
        """Return the start of work on a day."""
        return datetime.combine(self.day(days), time(9), ZoneInfo(self.zone))

    def releasing(self, entry: Said) -> str | None:
        """Return the key of who releases an entry of a unit: somebody other than its author, else the author.

        Nobody (the product itself) if the author alone would open it beyond the ministry, which takes two.
        """
        may: list[str] = [p["key"] for p in self.said["person"] if p["unit"] == entry["unit"] and "releasing" in p["roles"]]
        others = [key for key in may if key != entry["author"]]
        if others:
            return others[0]
        author: str = entry["author"]
        return author if author in may and entry["audience"] not in ("government", "country") else None


def organisation(said: Said) -> OrganisationDraft:
    """Return an organisation."""
    circle = Circle(said["circle"])
    return OrganisationDraft(name=said["name"], short_name=said["short"], circle=circle, ceiling=CEILINGS[circle])


def unit(said: Said, *, organisation_id: int, known: Known) -> UnitDraft:
    """Return a unit; those above it stand before it in the file."""
    parent = known.unit[comparable(said["parent"])] if "parent" in said else None
    return UnitDraft(organisation_id=organisation_id, name=said["name"], short_name=said["short"], parent_id=parent)


def person(said: Said, ministry: Ministry, known: Known) -> PersonDraft:
    """Return a person."""
    groups = frozenset(known.group[comparable(ministry.thing("group", key)["name"])] for key in said.get("groups", ()))
    return PersonDraft(
        name=said["name"],
        email=said["email"],
        unit_id=known.unit[comparable(said["unit"])],
        roles=frozenset(_ROLES[r] if r in _ROLES else Role(r) for r in said["roles"]),
        clearance=said["clearance"],
        time_zone=ministry.zone,
        group_ids=groups,
    )


def equity(said: Said, ministry: Ministry, known: Known) -> EquityDraft:
    """Return a unit's stake, held for a year already."""
    return EquityDraft(unit_id=known.unit[comparable(said["unit"])], stake=Stake(said["stake"]), from_on=ministry.day(-365))


def forum(said: Said) -> ForumDraft:
    """Return a forum."""
    return ForumDraft(name=said["name"], short_name=said["short"])


def event(said: Said, ministry: Ministry, known: Known) -> EventDraft:
    """Return a session of a forum."""
    return EventDraft(
        forum_id=known.forum[comparable(said["forum"])],
        name=said["name"],
        starts_on=ministry.day(said["starts_in"]),
        ends_on=ministry.day(said["ends_in"]),
        place=said["place"],
    )


def question(said: Said, known: Known) -> QuestionDraft:
    """Return a question."""
    return QuestionDraft(
        text=said["text"], topic_id=known.topic[comparable(said["topic"])], forum_id=known.forum[comparable(said["forum"])]
    )


def counterpart(said: Said) -> CounterpartDraft:
    """Return a counterpart."""
    return CounterpartDraft(name=said["name"], kind=CounterpartKind(said["kind"]), code=said.get("code"))


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
        "counterparts": tuple(
            sorted(known.counterpart[comparable(ministry.thing("counterpart", c)["name"])] for c in said.get("counterparts", ()))
        ),
        "review_by": ministry.day(said["review_in_days"]),
        "level": said["level"],
        "audience": tokens([audience] if isinstance(audience, str) else audience, known),
        "restriction_reason": said.get("restriction_reason", ""),
    }
    if said["kind"] == Kind.POSITION:
        asked = said.get("question") and ministry.thing("question", said["question"])["text"]
        return PositionDraft(
            **common,
            question_id=known.question[comparable(asked)] if asked else None,
            stance=Stance(said["stance"]) if "stance" in said else None,
            **{name: said.get(name, "") for name in ("reason", "red_lines", "fallback", "talking_points")},
        )
    return DossierDraft(
        **common,
        dossier_type=DossierType(said["type"]),
        lead_id=known.person[comparable(ministry.thing("person", said["lead"])["email"])],
        contributing=tuple(sorted(known.unit[comparable(u)] for u in said.get("contributing", ()))),
        milestones=tuple((ministry.day(m["in_days"]), m["text"]) for m in said.get("milestones", ())),
        papers=tuple((p["label"], p["url"]) for p in said.get("papers", ())),
    )
