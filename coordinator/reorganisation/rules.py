"""Who and what goes where when units are merged or split. No database: what is previewed and what is done decide alike."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from coordinator.entries.models import Kind, State
from coordinator.errors import Refused
from coordinator.people.models import Person, Role
from coordinator.people.rules import UnitDraft
from coordinator.topics.models import Stake

Key = tuple[int, int, int]
"""Where two lines cannot both be current: unit, question, level."""

CURRENT = frozenset({State.DRAFT, State.RELEASED})


class NobodyEnds(Refused):
    """Choose the units whose work goes on elsewhere."""

    field = "predecessors"


class NobodyFollows(Refused):
    """Choose the units that follow, or name new ones."""

    field = "existing"


class NothingMoves(Refused):
    """One and the same unit ends and follows: nothing would move."""

    field = "existing"


class AcrossOrganisations(Refused):
    """Units that follow belong to the same organisation: what they may read depends on it."""

    field = "existing"


class EndedAlready(Refused):
    """One of these units has ended already."""

    field = "predecessors"


class NotYet(Refused):
    """This day is still ahead. Come back on the day itself: people and papers move at once."""

    field = "on"


class BeforeItStarted(Refused):
    """One of these units did not exist yet on that day."""

    field = "on"


class OwnUnits(Refused):
    """This would change what you read yourself: you are in one of these units, or below one. Ask another coordinator."""


class ParentEnds(Refused):
    """The unit above the new ones ends as well. Choose one that goes on."""

    field = "parent"


class Unsettled(Refused):
    """Two released lines of one unit on one question cannot both be current. Choose below which one stays."""


class ChangedMeanwhile(Refused):
    """This is not what was shown before: something was chosen or changed since. Look at it again, then carry it out."""


def may_reorganise(person: Person) -> bool:
    """A coordinator keeps the units."""
    return Role.COORDINATOR in person.roles


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Units whose work goes on elsewhere, the units that follow, and what goes to which of these.

    A unit among both goes on and gives only a part away. New units have numbers below nought until they are made.
    """

    predecessors: tuple[int, ...]
    heirs: tuple[int, ...]
    on: date
    drafts: Mapping[int, UnitDraft] = field(default_factory=dict)
    made: frozenset[int] = frozenset()
    rest: int = 0
    persons: Mapping[int, int] = field(default_factory=dict)
    stakes: Mapping[int, int] = field(default_factory=dict)
    below: Mapping[int, int] = field(default_factory=dict)
    entries: Mapping[int, int] = field(default_factory=dict)
    kept: Mapping[Key, int] = field(default_factory=dict)

    @property
    def ending(self) -> tuple[int, ...]:
        """Return the units that end."""
        return tuple(u for u in self.predecessors if u not in self.heirs)

    def home(self, unit_id: int) -> int:
        """Return where a unit's things go of which nothing is said: they stay if it goes on."""
        return unit_id if unit_id in self.heirs else self.rest

    def of_person(self, person_id: int, unit_id: int) -> int:
        """Return the unit that a person goes to."""
        return self.persons.get(person_id, self.home(unit_id))

    def of_stake(self, equity_id: int, unit_id: int) -> int:
        """Return the unit that a stake goes to."""
        return self.stakes.get(equity_id, self.home(unit_id))

    def of_below(self, child_id: int, unit_id: int) -> int:
        """Return the unit that one goes below."""
        return self.below.get(child_id, self.home(unit_id))

    def with_units(self, ids: Mapping[int, int]) -> "Plan":
        """Return the plan once its new units are made."""

        def known(unit_id: int) -> int:
            return ids.get(unit_id, unit_id)

        def all_known(chosen: Mapping[int, int]) -> dict[int, int]:
            return {thing: known(unit_id) for thing, unit_id in chosen.items()}

        return replace(
            self,
            heirs=tuple(known(h) for h in self.heirs),
            drafts={},
            made=frozenset(ids.values()),
            rest=known(self.rest),
            persons=all_known(self.persons),
            stakes=all_known(self.stakes),
            below=all_known(self.below),
            entries=all_known(self.entries),
            kept={(known(u), q, level): e for (u, q, level), e in self.kept.items()},
        )


# --- entries -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """What is known of an entry when it is decided where it goes."""

    id: int
    kind: Kind
    unit_id: int
    state: State
    level: int
    audience_id: int
    author_id: int | None
    released_at: datetime | None
    topics: frozenset[int] = frozenset()
    question_id: int | None = None
    code: str | None = None


@dataclass(frozen=True)
class Ways:
    """By what an entry finds its way where nobody said it: the units that its topics and its author go to."""

    topics: Mapping[tuple[int, int], int]
    """(unit, topic) → the unit that gets its stake."""
    persons: Mapping[int, int]
    """Who was in one of the units → where they go."""


def ways(plan: Plan, *, stakes: Iterable[tuple[int, int, int, Stake]], persons: Iterable[tuple[int, int]]) -> Ways:
    """Return the ways from the stakes (id, unit, topic, stake) and the persons (id, unit) of the units."""
    weighed = sorted(stakes, key=lambda s: (-s[3].weight, -s[0]))  # the strongest last, so that it is the one that stays
    return Ways(
        topics={(unit, topic): plan.of_stake(i, unit) for i, unit, topic, _ in weighed},
        persons={i: plan.of_person(i, unit) for i, unit in persons},
    )


def goes_to(plan: Plan, held: Held, found: Ways) -> int:
    """Return the unit that an entry goes to: a draft with its author, all else by its topics, then with its author."""
    if held.id in plan.entries:
        return plan.entries[held.id]
    with_author = found.persons.get(held.author_id) if held.author_id is not None else None
    if held.state is State.DRAFT and with_author is not None:
        return with_author
    by_topic = [found.topics[held.unit_id, t] for t in sorted(held.topics) if (held.unit_id, t) in found.topics]
    if by_topic:
        return max(dict.fromkeys(by_topic), key=by_topic.count)
    return with_author if with_author is not None else plan.home(held.unit_id)


def clashes(held: Iterable[Held], goes: Callable[[Held], int]) -> dict[Key, list[Held]]:
    """Return the released lines of which a unit may keep one only, by unit, question and level."""
    found: defaultdict[Key, list[Held]] = defaultdict(list)
    for entry in held:
        if entry.kind is Kind.POSITION and entry.state is State.RELEASED and entry.question_id is not None:
            found[goes(entry), entry.question_id, entry.level].append(entry)
    return {key: sorted(lines, key=_newest_first) for key, lines in sorted(found.items()) if len(lines) > 1}


def _newest_first(line: Held) -> tuple[float, int]:
    return (-line.released_at.timestamp() if line.released_at else 0.0, -line.id)


def stays(key: Key, lines: Sequence[Held], *, kept: Mapping[Key, int], seen: frozenset[int]) -> Held | None:
    """Return which line stays current, or None if whoever sees two of them has not said it.

    A line that is not seen by them never decides over one that is: else its being there could be read off. Of lines of which
    none is seen, the one that was released last stays.
    """
    shown = [line for line in lines if line.id in seen]
    if len(shown) > 1:
        return next((line for line in shown if line.id == kept.get(key)), None)
    return (shown or sorted(lines, key=_newest_first))[0]


# --- lines that a unit made its own ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Adhered:
    """A unit's standing adherence to a line; `owner_id` is whose line it is afterwards."""

    id: int
    entry_id: int
    unit_id: int
    version: int
    at: datetime
    question_id: int
    level: int
    owner_id: int
    topics: frozenset[int] = frozenset()


def adhering(plan: Plan, adhered: Iterable[Adhered], found: Ways, *, own: Iterable[tuple[int, int, int]]) -> dict[int, int | None]:
    """Return for each adherence the unit that it goes on as, or None if it ends.

    It ends where the line becomes the unit's own, where the unit has a line of its own there (`own` are those), and where the
    unit adhered to another line on the question later.
    """
    has, taken, result = set(own), set[tuple[int, int]](), dict[int, int | None]()
    for one in sorted(adhered, key=lambda a: (-a.at.timestamp(), -a.id)):
        unit_id = one.unit_id
        if unit_id in plan.predecessors:
            by_topic = [found.topics[unit_id, t] for t in sorted(one.topics) if (unit_id, t) in found.topics]
            unit_id = by_topic[0] if by_topic else plan.home(unit_id)
        ends = unit_id == one.owner_id or (unit_id, one.question_id, one.level) in has or (unit_id, one.question_id) in taken
        result[one.id] = None if ends else unit_id
        taken.add((unit_id, one.question_id))
    return result


# --- who reads ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """Where units stand and who is in them, before and after: what the readers' tokens are made from."""

    before: Mapping[int, frozenset[int]]
    """Unit → itself and all units below it, before."""
    after: Mapping[int, frozenset[int]]
    people_before: Mapping[int, frozenset[int]]
    """Unit → the persons in it, before."""
    people_after: Mapping[int, frozenset[int]]
    children: Mapping[int, Mapping[int, int]]
    """Unit that gives away → the units right below it, and below which one each goes."""
    followers: Mapping[int, tuple[int, ...]]
    """Unit that gives away → the units that got people, stakes or units of it, but itself."""


def followers(
    plan: Plan, *, persons: Mapping[int, int], stakes: Iterable[tuple[int, int]], below: Iterable[tuple[int, int]]
) -> dict[int, tuple[int, ...]]:
    """Return for each unit that gives away who follows it: from (thing, unit) pairs of its persons, stakes and units below.

    Entries do not count: that one of them went somewhere must not show in who reads another.
    """
    found: dict[int, set[int]] = {u: set() for u in plan.predecessors}
    for person_id, unit_id in persons.items():
        found[unit_id].add(plan.of_person(person_id, unit_id))
    for equity_id, unit_id in stakes:
        found[unit_id].add(plan.of_stake(equity_id, unit_id))
    for child_id, unit_id in below:
        found[unit_id].add(plan.of_below(child_id, unit_id))
    return {u: tuple(h for h in plan.heirs if h in (to - {u} or {plan.rest} - {u})) for u, to in found.items()}


def tokens_of_followers(plan: Plan, at: Standing) -> dict[str, frozenset[str]]:
    """Return for each token of a unit that gives away the tokens of those who read in its place, or beside it.

    What was shared with a bureau goes to the bureau that follows only if nobody stands below that one who did not stand below
    the old one; else to the unit itself and to those who came along.
    """
    found: dict[str, frozenset[str]] = {}
    for old in plan.predecessors:
        heirs = at.followers[old]
        found[f"unit:{old}"] = frozenset(f"unit:{h}" for h in heirs)
        found[f"coord:{old}"] = frozenset(f"coord:{h}" for h in heirs)
        whole = {h for h in heirs if at.after[h] - {h} <= at.before[old]}
        moved = {child for child, to in at.children[old].items() if to != old and to not in whole}
        found[f"bureau:{old}"] = frozenset(
            {*(f"bureau:{h}" if h in whole else f"unit:{h}" for h in heirs), *(f"bureau:{c}" for c in moved)}
        )
    return found


def read_on(plan: Plan, at: Standing, old: int) -> frozenset[str]:
    """Return the tokens of the new units whose people all come from one that gives away: they go on reading what was its own."""
    return frozenset(
        f"unit:{h}"
        for h in at.followers[old]
        if h in plan.made and at.people_after.get(h, frozenset()) <= at.people_before.get(old, frozenset())
    )


def readers_of_own(
    tokens: frozenset[str], *, old: int, owner: int, was_released: bool, follow: Mapping[str, frozenset[str]], on: frozenset[str]
) -> frozenset[str]:
    """Return who reads an own text of a unit that gives away: whoever did, and its new owner; a draft only its new owner."""
    mine = f"unit:{old}"
    named = readers_of_others(tokens - {mine}, follow)
    return named | {f"unit:{owner}"} | ({mine} | on if was_released else frozenset())


def readers_of_others(tokens: frozenset[str], follow: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return who reads a text of another unit: whoever did, and who follows those that were named."""
    return tokens.union(*(follow[t] for t in tokens if t in follow))
