"""What is missing, as pure functions of a few facts; in words, whom it is shown to, and what "we know" rests on."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from coordinator.calendar.models import Event
from coordinator.entries.models import Entry, State
from coordinator.entries.rules import WRITERS, may_log
from coordinator.errors import N_, Refused
from coordinator.gaps.models import Asked, GapKind, Known
from coordinator.people.models import Person, Role, Unit
from coordinator.people.rules import HasRoles, may_keep_lists
from coordinator.topics.models import Stake, Topic
from coordinator.topics.rules import LEADING, WEIGHT

Said = str | tuple[str, dict[str, Any]]
"""A sentence, or one with places and what fills them; translated where it is shown."""

SAY = (Stake.LEAD, Stake.CO_LEAD, Stake.MUST_CONSULT)
"""The stakes that give a say: who is only informed need not be asked, and covers nothing."""


@dataclass(frozen=True)
class Windows:
    """How far is looked ahead and back, what makes a butterfly, and how long "we know" may hold."""

    event: timedelta
    asked: timedelta
    wings: int
    known: timedelta


# --- what is missing ---------------------------------------------------------------------------------------------------


def missed(stakes: Iterable[Stake], *, own: bool, asked: bool, adheres: bool = False, contributes: bool = False) -> Stake | None:
    """Return the weightiest say of a unit that was passed over, or None if it has none, was asked, or is part of it.

    A unit that made the line its own has read it, and one that contributes is at the table: neither has to be asked.
    """
    says = [s for s in stakes if s in SAY]
    if own or asked or adheres or contributes or not says:
        return None
    return min(says, key=WEIGHT.__getitem__)


@dataclass(frozen=True)
class Upcoming:
    """What a gap of an event rests on: who has a say in the questions before its forum, and who has a line."""

    starts_on: date
    ends_on: date
    say: frozenset[int] = frozenset()
    answered: frozenset[int] = frozenset()
    """Units with a current line for it, their own or another's."""


def lacks_line(event: Upcoming, *, on: date, window: timedelta) -> bool:
    """Say whether an event is near and nobody who has a say in it has a line; where nobody has a say, nobody at all."""
    if event.ends_on < on or event.starts_on > on + window:
        return False
    return not (event.answered & event.say if event.say else event.answered)


def lacks_lead(stakes: Iterable[Stake], *, worked_on: bool, umbrella: bool) -> bool:
    """Say whether somebody has current work on a topic that nobody leads; an umbrella needs no lead."""
    return worked_on and not umbrella and not any(s in LEADING for s in stakes)


def is_butterfly(*, related: int, worked_on: bool, umbrella: bool, wings: int) -> bool:
    """Say whether a topic cuts across others, so that whoever works on it has to think of its wings."""
    return worked_on and not umbrella and related >= wings


def is_bare(stakes: Iterable[Stake], *, worked_on: bool, covered_within: bool, umbrella: bool) -> bool:
    """Say whether nobody covers a wing: no unit leads on it, none has current work on it, or covers something within it.

    Whoever only must be asked does not cover it.
    """
    return not umbrella and not worked_on and not covered_within and not any(s in LEADING for s in stakes)


def lapsed_before(review_by: date | None, *, event_ends_on: date | None, on: date) -> bool:
    """Say whether a line's review is overdue and the event that it is for still ahead."""
    return review_by is not None and event_ends_on is not None and review_by < on <= event_ends_on


# --- one gap -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gap:
    """Something missing, as a page shows it, and what somebody said about it."""

    kind: GapKind
    key: str
    rests_on: str
    entry: Entry | None = None
    """Comes with what a list shows of it."""
    unit: Unit | None = None
    """That was not asked."""
    stake: Stake | None = None
    event: Event | None = None
    """Comes with its forum."""
    topic: Topic | None = None
    topics: tuple[Topic, ...] = ()
    """In which the unit has its say; of a wing, the butterflies that it belongs to."""
    units: tuple[Unit, ...] = ()
    """That have a say in the event; that lead on the butterflies."""
    others: bool = False
    """Of an event: somebody without a say has a line."""
    days: int | None = None
    """To the event."""
    known: Known | None = None
    """Comes with whoever said it. It may hold no more: `is_known` says whether it does."""
    is_known: bool = False

    @property
    def level(self) -> int:
        """Return the level of its entry; what has none says nothing of any."""
        return self.entry.level if self.entry is not None else 0

    @property
    def owners(self) -> frozenset[int]:
        """Return the units to which it is shown; a coordinator is shown what no one unit owns."""
        if self.kind is GapKind.CONSULTATION and self.entry is not None and self.unit is not None:
            return frozenset({self.entry.unit_id, self.unit.id})
        if self.kind is GapKind.REVIEW and self.entry is not None:
            return frozenset({self.entry.unit_id})
        return frozenset(u.id for u in self.units)

    @property
    def name(self) -> str:
        """Return what it is about, as its own people wrote it."""
        thing = self.entry.title if self.entry is not None else self.event.name if self.event is not None else None
        return thing if thing is not None else self.topic.name if self.topic is not None else ""


COORDINATED = (GapKind.EVENT, GapKind.LEAD, GapKind.WING)
"""What is shown to coordinators: no single unit can answer for it."""


def is_shown_to(gap: Gap, *, unit_id: int | None, roles: frozenset[Role]) -> bool:
    """Say whether a gap is put before somebody: as an officer of a unit that it concerns, or as a coordinator."""
    own = bool(roles & WRITERS) and unit_id in gap.owners
    return own or (gap.kind in COORDINATED and Role.COORDINATOR in roles)


def may_know(person: Person, gap: Gap) -> bool:
    """Whoever a gap is shown to may say "we know, because …"; a coordinator of every gap that they see."""
    return may_keep_lists(person) or is_shown_to(gap, unit_id=person.unit_id, roles=person.roles)


def may_take_back(person: Person, known: Known) -> bool:
    """What was said is taken back by an officer of the unit that said it, or by a coordinator."""
    return may_keep_lists(person) or (may_log(person) and person.unit_id == known.by_unit_id)


def may_ask(person: Person, entry: Entry) -> bool:
    """Officers of the owner unit say whom they asked, about a draft too: that is when one asks."""
    return may_log(person) and person.unit_id == entry.unit_id and entry.state in {State.DRAFT, State.RELEASED}


def reads(roles: HasRoles) -> bool:
    """Say whether somebody is put any gap at all: officers those of their unit, coordinators what nobody owns."""
    return bool(roles.roles & (WRITERS | {Role.COORDINATOR}))


# --- what "we know" rests on -------------------------------------------------------------------------------------------


def key_of(kind: GapKind, *ids: int) -> str:
    """Return the name of a gap, under which it is known: its kind and the numbers of what it is about."""
    return ":".join([kind.value, *map(str, ids)])


def rests_on(**facts: Any) -> str:
    """Return what a gap rests on as one text, so that it can be seen whether that is as it was."""
    return ";".join(f"{name}={value}" for name, value in facts.items())


MOVED = {
    "version": N_("a new version was released"),
    "stake": N_("the unit's say changed"),
    "days": N_("the days of the event moved"),
    "questions": N_("the questions before its forum changed"),
    "say": N_("who has a say in it changed"),
    "edges": N_("it was related to other topics"),
    "review": N_("the day of the review was moved"),
    "event": N_("it is another event that comes next"),
}


def moved(then: str, now: str) -> list[str]:
    """Return in words which of the facts that somebody's "we know" rested on are not as they were."""
    before, after = (dict(part.partition("=")[::2] for part in text.split(";")) for text in (then, now))
    return [words for name, words in MOVED.items() if before.get(name) != after.get(name)]


def holds(known: Known, now: str, *, on: date) -> bool:
    """Say whether what was said of a gap still stands: until its day, and as long as what it rests on is as it was."""
    return known.ended_at is None and on <= known.until_on and known.rests_on == now


# --- what is typed -----------------------------------------------------------------------------------------------------


class ReasonMissing(Refused):
    """Say why this is known, for whoever looks at it next."""

    field = "why"


class EndMissing(Refused):
    """Say until when: nothing is known for ever."""

    field = "until"


class EndsInThePast(Refused):
    """This day is over already."""

    field = "until"


class EndsTooLate(Refused):
    """This is too far away. Choose an earlier day; it can be said again then."""

    field = "until"


class AskedLater(Refused):
    """This day has not come yet: say it when they were asked."""

    field = "asked_on"


class AskedLongAgo(Refused):
    """This is more than two years ago."""

    field = "asked_on"


class AsksItself(Refused):
    """A unit does not ask itself."""

    field = "unit"


LONG_AGO = timedelta(days=731)


def check_known(why: str, until_on: date | None, *, on: date, most: timedelta) -> None:
    """Refuse "we know" without a reason, without an end, or with one that is past or too far away."""
    if not why.strip():
        raise ReasonMissing
    if until_on is None:
        raise EndMissing
    if until_on < on:
        raise EndsInThePast
    if until_on > on + most:
        raise EndsTooLate


def check_asked(asked_on: date, *, on: date) -> None:
    """Refuse a day on which nobody can have been asked."""
    if asked_on > on:
        raise AskedLater
    if asked_on < on - LONG_AGO:
        raise AskedLongAgo


# --- in words ----------------------------------------------------------------------------------------------------------


def sentence(gap: Gap, t: Any, *, day: Any) -> str:
    """Return in one sentence what is missing; `t` translates, `day` writes a date."""
    return str(t(_said(gap, t, day=day)))


def _said(gap: Gap, t: Any, *, day: Any) -> Said:
    topics = ", ".join(f"“{topic.name}”" for topic in gap.topics)
    if gap.kind is GapKind.CONSULTATION and gap.unit is not None and gap.stake is not None:
        words = {"unit": gap.unit.short_name, "topics": topics, "stake": t(gap.stake.label)}
        return N_("%(unit)s was not asked, and has a say in %(topics)s (%(stake)s)."), words
    if gap.kind is GapKind.EVENT:
        units = ", ".join(u.short_name for u in gap.units)
        if not units:
            return N_("No unit has a current line for it.")
        if gap.others:
            return N_("None of those with a say in it has a current line: %(units)s. Others have."), {"units": units}
        return N_("No unit has a current line for it. These have a say: %(units)s."), {"units": units}
    if gap.kind is GapKind.REVIEW and gap.entry is not None and gap.entry.review_by is not None and gap.event is not None:
        words = {"day": day(gap.entry.review_by), "event": gap.event.name}
        return N_("Its review was due on %(day)s, and “%(event)s” comes next."), words
    if gap.kind is GapKind.LEAD:
        return N_("Units work on it, and none of them leads.")
    return N_("It is a wing of %(topics)s, and no unit leads on it or works on it."), {"topics": topics}


MOST_NAMED = 3
"""How many units are named at once that were not asked about one entry."""


def together(gaps: Iterable[Gap]) -> list[tuple[Gap, ...]]:
    """Return gaps as they are told: all units that were not asked about one entry at once, at the place of the first.

    One of which somebody had said that they know stands alone, with what they said.
    """
    found: dict[str, list[Gap]] = {}
    for gap in gaps:
        alone = gap.kind is not GapKind.CONSULTATION or gap.entry is None or gap.known is not None
        found.setdefault(gap.key if alone or gap.entry is None else gap.entry.ref, []).append(gap)
    return [tuple(group) for group in found.values()]


def sentence_of_all(group: Sequence[Gap], t: Any, *, day: Any) -> str:
    """Return in one sentence what is missing in gaps that are told together: the first units by name, the others by number."""
    if len(group) == 1:
        return sentence(group[0], t, day=day)
    units = [f"{g.unit.short_name} ({t(g.stake.label)})" for g in group if g.unit is not None and g.stake is not None]
    named, more = ", ".join(units[:MOST_NAMED]), len(units) - MOST_NAMED
    topics = {topic.id: f"“{topic.name}”" for g in group for topic in g.topics}
    words = {
        "units": str(t(AND_MORE)) % {"units": named, "number": more} if more > 0 else named,
        "topics": ", ".join(topics.values()),
    }
    return str(t((N_("Not asked, with a say in %(topics)s: %(units)s."), words)))


AND_MORE = N_("%(units)s and %(number)s more")


def todo(gap: Gap, *, unit_id: int | None) -> str:
    """Return what a gap asks of a reader's unit."""
    if gap.kind is GapKind.CONSULTATION:
        own = gap.entry is not None and gap.entry.unit_id == unit_id
        mine = gap.unit is not None and gap.unit.id == unit_id
        return N_("Ask them, and say when") if own else N_("Read it, and tell its unit what you think") if mine else ""
    return {
        GapKind.EVENT: N_("Log a position for it"),
        GapKind.REVIEW: N_("Confirm or revise it"),
        GapKind.LEAD: N_("Name a lead"),
        GapKind.WING: N_("Say who covers it"),
    }[gap.kind]


def again(gap: Gap, *, on: date) -> list[Said]:
    """Return why a gap is here again of which somebody said that they know; nothing if nobody did, or if it still holds."""
    if gap.known is None or gap.is_known:
        return []
    words: list[Said] = list(moved(gap.known.rests_on, gap.rests_on))
    return ([N_("its day is over")] if gap.known.until_on < on else []) + words


def link_of(gap: Gap) -> tuple[str, str]:
    """Return endpoint and ref of the page of what a gap is about."""
    if gap.entry is not None:
        return f"{gap.entry.kind.value}s.show", gap.entry.ref
    if gap.kind is GapKind.EVENT and gap.event is not None:
        return "calendar.event", gap.event.ref
    return "topics.show", gap.topic.ref if gap.topic is not None else ""


def named_by(gap: Gap) -> dict[str, str]:
    """Return what names a gap in the address of the form in which one says that it is known."""
    unit = {"unit": gap.unit.ref} if gap.unit is not None else {}
    return {"kind": gap.kind.value, "ref": link_of(gap)[1], **unit}


def shown(gap: Gap, person: Person, *, on: date, url: Callable[..., str], t: Any, day: Callable[[date], str]) -> dict[str, Any]:
    """Return what a list shows of a gap to a person; `url` makes addresses, `t` translates, `day` writes a date."""
    endpoint, ref = link_of(gap)
    asks = todo(gap, unit_id=person.unit_id) if may_know(person, gap) and not gap.is_known else ""
    back = again(gap, on=on)
    return {
        "kind": gap.kind,
        "label": t(gap.kind.label),
        "name": gap.name,
        "url": url(endpoint, ref=ref),
        "entry": gap.entry,
        "event": gap.event,
        "days": gap.days,
        "said": sentence(gap, t, day=day),
        "todo": t(asks) if asks else "",
        "todo_url": _where(gap, person, url) if asks else None,
        "known": gap.known if gap.is_known else None,
        "was_known": gap.known if back else None,
        "again": ", ".join(t(words) for words in back),
        "know_url": url("gaps.know", **named_by(gap)) if may_know(person, gap) and not gap.is_known else None,
        "take_back_url": url("gaps.take_back", ref=gap.known.ref)
        if gap.known is not None and gap.is_known and may_take_back(person, gap.known)
        else None,
    }


def shown_together(
    group: Sequence[Gap], person: Person, *, on: date, url: Callable[..., str], t: Any, day: Callable[[date], str]
) -> dict[str, Any]:
    """Return what a list shows of gaps that are told together; what is said of each stands in the list of gaps."""
    gap = group[0]
    words = shown(gap, person, on=on, url=url, t=t, day=day)
    if len(group) == 1 or gap.entry is None:
        return words
    ask = url("gaps.ask", ref=gap.entry.ref) if words["todo_url"] else None
    return words | {"said": sentence_of_all(group, t, day=day), "todo_url": ask, "know_url": None}


def _where(gap: Gap, person: Person, url: Callable[..., str]) -> str | None:
    """Return the address of the page where a person does what a gap asks, if that is theirs to do."""
    own = gap.entry is not None and may_ask(person, gap.entry)
    if gap.kind is GapKind.CONSULTATION and own and gap.entry is not None and gap.unit is not None:
        return url("gaps.ask", ref=gap.entry.ref, unit=gap.unit.ref)
    if gap.kind is GapKind.REVIEW and own and gap.entry is not None:
        return url("positions.revise", ref=gap.entry.ref)
    if gap.kind is GapKind.EVENT and gap.event is not None and may_log(person):
        return url("positions.log", event=gap.event.ref)
    if gap.topic is not None and may_keep_lists(person):
        return url("topics.equities", ref=gap.topic.ref)
    return None


def is_news(
    gap: Gap, *, after: int, up_to: int, since: date | None, window: timedelta, moved: Container[int] = frozenset()
) -> bool:
    """Say whether something is missing since the last letter: an entry or a topic changed, or a day came near or went by.

    `after` and `up_to` bound the changes, `since` is the day of that letter, `moved` are the topics that changed since.
    """
    if gap.kind in {GapKind.LEAD, GapKind.WING}:
        return gap.topic is not None and gap.topic.id in moved
    if gap.kind is GapKind.CONSULTATION and gap.entry is not None:
        return after < gap.entry.changed_number <= up_to
    if since is None:
        return False
    if gap.kind is GapKind.EVENT and gap.event is not None:
        return gap.event.starts_on - window > since
    review_by = gap.entry.review_by if gap.kind is GapKind.REVIEW and gap.entry is not None else None
    return review_by is not None and review_by >= since


# --- who was asked, on the page of an entry ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Heard:
    """A unit that has a say in an entry's topics or was asked about it, and how it stands."""

    unit: Unit
    stake: Stake | None = None
    topics: tuple[Topic, ...] = ()
    asked: Asked | None = None
    """Comes with whoever asked."""
    adheres: bool = False
    contributes: bool = False
    gap: Gap | None = None
    """The gap that it leaves, if the entry is current and it was passed over."""

    @property
    def passed_over(self) -> bool:
        """Say whether it has a say and had no chance to use it."""
        return self.stake is not None and self.asked is None and not self.adheres and not self.contributes
