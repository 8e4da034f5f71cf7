"""What is known of overlaps: what the detector reads of all entries, and what a reader sees of the pairs."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument, Question
from coordinator.db import Reader, among_found, behind, one_of, protect
from coordinator.dossiers.models import Milestone
from coordinator.entries.models import (
    AudienceToken,
    Entry,
    EntryCounterpart,
    EntryInstrument,
    EntrySource,
    EntryTopic,
    State,
)
from coordinator.entries.queries import (
    Asked,
    before_forum,
    chosen,
    chosen_day,
    chosen_word,
    ids_on,
    of_units_in,
    since_day,
    units_on,
    visible,
)
from coordinator.entries.rules import may_see
from coordinator.errors import NotFound
from coordinator.exclusions import queries as exclusions
from coordinator.exclusions.models import Exclusion, ExclusionKind
from coordinator.exclusions.rules import without
from coordinator.likeness.rules import Among
from coordinator.overlaps.models import (
    FAR,
    Closing,
    Dismissal,
    Hidden,
    Overlap,
    OverlapKind,
    OverlapState,
    Severity,
    Side,
    Step,
)
from coordinator.overlaps.rules import RANK, Facts, Floors, Vocabulary, version_of, week_of
from coordinator.passages.queries import read_of, serving, sketched
from coordinator.people.models import Circle, Person, Unit
from coordinator.people.queries import below
from coordinator.people.rules import Reader as PersonReader
from coordinator.positions.models import Position, Stance
from coordinator.settings import detection
from coordinator.topics.models import Related, Topic
from coordinator.topics.queries import basket, standing
from coordinator.words.actions import text_digest
from coordinator.words.models import EntryWords
from coordinator.words.queries import Ids, held, keyword_postings

# --- who sees an overlap: whoever sees both ends -----------------------------------------------------------------------


@dataclass(frozen=True)
class _End:
    """What an overlap keeps of one of its entries to tell who may see it: a key ties it to what stands there."""

    level: Any
    audience_id: Any


def both_ends(reader: Reader, overlap: Any = Overlap) -> ColumnElement[bool]:
    """Return the rule of access of overlaps as SQL: both ends are visible."""
    low, high = _End(overlap.low_level, overlap.low_audience_id), _End(overlap.high_level, overlap.high_audience_id)
    return and_(visible(reader, low), visible(reader, high))


def of_overlap(overlap_id: Any) -> Any:
    """Return a criterion for rows that hang on an overlap: they are seen when both its ends are."""
    overlap = Overlap.__table__.alias()

    def criterion(reader: Reader) -> ColumnElement[bool]:
        return exists().where(overlap.c.id == overlap_id, both_ends(reader, overlap.c))

    return criterion


protect(Overlap, both_ends, "entry_words", "entry_keyword", "entry_passages", "recompute_plan")
_hidden_low, _hidden_high = Entry.__table__.alias(), Entry.__table__.alias()


def _hidden_ends(reader: Reader) -> ColumnElement[bool]:
    low, high = _hidden_low, _hidden_high
    return and_(
        exists().where(low.c.id == Hidden.low_id, visible(reader, low.c)),
        exists().where(high.c.id == Hidden.high_id, visible(reader, high.c)),
    )


protect(Hidden, _hidden_ends)
protect(Side, of_overlap(Side.overlap_id))
protect(Step, of_overlap(Step.overlap_id))

# --- what the detector reads -------------------------------------------------------------------------------------------

_entry, _event, _milestone = Entry.__table__, Event.__table__, Milestone.__table__
_topic, _counterpart, _instrument = EntryTopic.__table__, EntryCounterpart.__table__, EntryInstrument.__table__


_mine, _theirs = _entry.alias(), _entry.alias()
_released = behind(_entry.c.state) == State.RELEASED


@lru_cache
def floors() -> Floors:
    """Return the floors, windows and weights of config/detection.toml."""
    return floors_of(detection())


def floors_of(said: Mapping[str, Any]) -> Floors:
    """Return the floors, windows and weights of settings that were checked."""
    return Floors(
        possible=said["text"]["possible_floor"],
        possible_abroad=said["text"]["possible_floor_abroad"],
        duplication=said["text"]["duplication_floor"],
        window_days=said["dates"]["window_days"],
        close_days=said["dates"]["close_days"],
        weights=dict(said["weights"]),
        version=version_of(said),
    )


def vocabulary(connection: Connection) -> Vocabulary:
    """Return the names, umbrella marks and edges of the shared lists, and what is excluded; not the questions, which are many."""

    def names(model: Any, name: Any) -> dict[int, str]:
        return dict(connection.execute(select(model.__table__.c.id, name)).all())

    return Vocabulary(
        topics=names(Topic, Topic.__table__.c.name),
        umbrella=frozenset(connection.scalars(select(Topic.__table__.c.id).where(Topic.__table__.c.umbrella.is_(True)))),
        related=frozenset((a, b) for a, b in connection.execute(select(Related.__table__.c.low_id, Related.__table__.c.high_id))),
        events=names(Event, Event.__table__.c.name),
        forums=names(Forum, Forum.__table__.c.name),
        counterparts=names(Counterpart, Counterpart.__table__.c.name),
        instruments=names(Instrument, Instrument.__table__.c.name),
        excluded_pairs=exclusions.pairs(connection),
        excluded_units=exclusions.units_on_topics(connection),
    )


def with_questions(connection: Connection, known: Vocabulary, facts: Iterable[Facts]) -> Vocabulary:
    """Return the vocabulary with the questions that some entries answer."""
    question = Question.__table__
    answered = sorted({f.question_id for f in facts if f.question_id is not None})
    rows = connection.execute(select(question.c.id, question.c.text).where(one_of(question.c.id, answered)))
    return replace(known, questions={question_id: said for question_id, said in rows})


def facts(connection: Connection, ids: Iterable[int], digests: dict[int, str] | None = None) -> dict[int, Facts]:
    """Return what the detector knows of those of some entries that are released."""
    wanted = sorted(set(ids))
    topics: defaultdict[int, set[int]] = defaultdict(set)
    counterparts: defaultdict[int, set[int]] = defaultdict(set)
    instruments: defaultdict[int, set[int]] = defaultdict(set)
    dates: defaultdict[int, set[date]] = defaultdict(set)
    found: dict[int, Facts] = {}
    for i, t in connection.execute(select(_topic.c.entry_id, _topic.c.topic_id).where(one_of(_topic.c.entry_id, wanted))):
        topics[i].add(t)
    for i, c in connection.execute(
        select(_counterpart.c.entry_id, _counterpart.c.counterpart_id).where(one_of(_counterpart.c.entry_id, wanted))
    ):
        counterparts[i].add(c)
    for i, n in connection.execute(
        select(_instrument.c.entry_id, _instrument.c.instrument_id).where(one_of(_instrument.c.entry_id, wanted))
    ):
        instruments[i].add(n)
    for i, d in connection.execute(
        select(_milestone.c.entry_id, _milestone.c.due_on).where(
            one_of(_milestone.c.entry_id, wanted), _milestone.c.past.is_(False)
        )
    ):
        dates[i].add(d)
    for row in connection.execute(
        select(
            _entry.c.id,
            _entry.c.unit_id,
            _entry.c.question_id,
            _entry.c.stance,
            _entry.c.on_behalf_of_id,
            _entry.c.event_id,
            _entry.c.forum_id,
            _event.c.starts_on,
            _event.c.past,
        )
        .join(_event, _event.c.id == _entry.c.event_id, isouter=True)
        .where(one_of(_entry.c.id, wanted), _released)
    ):
        open_event = row.event_id is not None and not row.past
        if open_event:
            dates[row.id].add(row.starts_on)
        found[row.id] = Facts(
            id=row.id,
            unit_id=row.unit_id,
            text_digest=(digests or {}).get(row.id, ""),
            question_id=row.question_id,
            stance=row.stance,
            on_behalf_of_id=row.on_behalf_of_id,
            event_id=row.event_id if open_event else None,
            forum_id=row.forum_id,
            topics=frozenset(topics[row.id]),
            counterparts=frozenset(counterparts[row.id]),
            instruments=frozenset(instruments[row.id]),
            dates=tuple(sorted(dates[row.id])),
        )
    return found


def structural_candidates(connection: Connection, ids: Sequence[int], *, window_days: int) -> set[tuple[int, int]]:
    """Return the pairs (one of `ids`, an entry of another unit) that share a question, an open event, or a counterpart in time.

    A shared topic or forum alone makes nothing that is stored, so it needs no looking for here: contacts are read off the
    topics, and a duplication is found by its text.
    """
    mine, theirs = _mine, _theirs

    def pairs(*on: ColumnElement[bool]) -> Select[int, int]:
        return (
            select(mine.c.id, theirs.c.id)
            .join(theirs, and_(theirs.c.unit_id != mine.c.unit_id, behind(theirs.c.state) == State.RELEASED, *on))
            .where(mine.c.id.in_(list(ids)), behind(mine.c.state) == State.RELEASED)
        )

    found = {(a, b) for a, b in connection.execute(pairs(theirs.c.question_id == mine.c.question_id))}
    met = pairs(theirs.c.event_id == mine.c.event_id).join(_event, and_(_event.c.id == mine.c.event_id, _event.c.past.is_(False)))
    found |= {(a, b) for a, b in connection.execute(met)}
    found |= _by_counterpart(connection, ids, window_days)
    return found


def textual_candidates(connection: Connection, ids: Sequence[int], known: Vocabulary, *, higher: bool = False) -> dict[int, Ids]:
    """Return with which others the text of each of some entries is compared, by likeness.rules.worth_comparing.

    With `higher` those below all of these entries are left out, because nobody asks for them.
    """
    above = min(ids, default=0) if higher else 0
    own, holders = keyword_postings(connection, ids, above=above)
    beside, serves = _beside(connection, ids, known, above=above), serving(connection)
    seen = read_of(connection, ids, serves)
    among = Among(sketched(connection, serves), [*holders.values(), *beside.values()], above=above)
    found: dict[int, Ids] = {}
    for entry_id in {*own, *seen}:
        others = among.compared_with(
            [holders[w] for w in own.get(entry_id, ()) if w in holders], beside.get(entry_id), seen.get(entry_id)
        )
        found[entry_id] = others[others != entry_id]
    return found


def units_of(connection: Connection, ids: Iterable[int]) -> tuple[Ids, Ids]:
    """Return those of some entries that are released, in order, and the unit of each."""
    found, units = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for unit_id, own in held(connection, _entry.c.unit_id, _entry.c.id, and_(one_of(_entry.c.id, ids), _released)).items():
        found.append(own)
        units.append(np.full(len(own), unit_id, dtype=np.int64))
    every = np.concatenate(found)
    order = np.argsort(every)
    return every[order], np.concatenate(units)[order]


def _beside(connection: Connection, ids: Sequence[int], known: Vocabulary, *, above: int) -> dict[int, Ids]:
    """Return for each entry those above one with the same topic (or a related one), forum, counterpart or instrument.

    Whatever shares two things stands there twice.
    """
    edges: defaultdict[int, set[int]] = defaultdict(set)
    for a, b in known.related:
        edges[a].add(b)
        edges[b].add(a)
    found: defaultdict[int, list[Ids]] = defaultdict(list)

    def gather(holder: Any, key: Any) -> None:
        mine: defaultdict[int, set[int]] = defaultdict(set)
        for entry_id, k in connection.execute(select(holder, key).where(holder.in_(list(ids)), key.is_not(None))):
            mine[entry_id].add(k)
        if key is _topic.c.topic_id:
            for entry_id, topics in mine.items():
                wider = topics | {n for k in topics - known.umbrella for n in edges[k]}
                mine[entry_id] = wider - known.umbrella
        keys = sorted({k for ks in mine.values() for k in ks})
        holders = held(connection, key, holder, and_(key.in_(keys), holder > above))
        for entry_id, own_keys in mine.items():
            found[entry_id] += [holders[k] for k in own_keys if k in holders]

    gather(_topic.c.entry_id, _topic.c.topic_id)
    gather(_counterpart.c.entry_id, _counterpart.c.counterpart_id)
    gather(_instrument.c.entry_id, _instrument.c.instrument_id)
    gather(_entry.c.id, _entry.c.forum_id)
    return {i: np.concatenate(parts) for i, parts in found.items() if parts}


def beside_content(connection: Connection, facts: Facts, known: Vocabulary) -> Ids:
    """Return the entries with which facts share a topic (or a related edge), a forum, a counterpart or an instrument."""
    topics = facts.topics - known.umbrella
    topics |= {b for a, b in known.related if a in topics} | {a for a, b in known.related if b in topics}
    ways: list[tuple[Any, Any, Iterable[int]]] = [
        (_topic.c.topic_id, _topic.c.entry_id, topics - known.umbrella),
        (_counterpart.c.counterpart_id, _counterpart.c.entry_id, facts.counterparts),
        (_instrument.c.instrument_id, _instrument.c.entry_id, facts.instruments),
        (_entry.c.forum_id, _entry.c.id, [] if facts.forum_id is None else [facts.forum_id]),
    ]
    found = [ids for key, holder, keys in ways for ids in held(connection, key, holder, key.in_(sorted(keys))).values()]
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *found]))


def _days() -> CompoundSelect[int, date]:
    """Return a select of the days (of open events, of milestones ahead) of every entry."""
    return (
        select(_entry.c.id.label("id"), _event.c.starts_on.label("day"))
        .join(_event, and_(_event.c.id == _entry.c.event_id, _event.c.past.is_(False)))
        .union_all(select(_milestone.c.entry_id, _milestone.c.due_on).where(_milestone.c.past.is_(False)))
    )


def _by_counterpart(connection: Connection, ids: Sequence[int], window_days: int) -> set[tuple[int, int]]:
    """Return the pairs that share a counterpart and have days (of events or milestones) within the window."""
    days = _days()
    my_days = days.subquery("my_days")
    own: defaultdict[int, list[tuple[date, int]]] = defaultdict(list)
    with_days = connection.execute(
        select(_counterpart.c.entry_id, _counterpart.c.counterpart_id, my_days.c.day)
        .join(my_days, my_days.c.id == _counterpart.c.entry_id)
        .join(_entry, and_(_entry.c.id == _counterpart.c.entry_id, _released))
        .where(_counterpart.c.entry_id.in_(list(ids)))
    ).all()
    for entry_id, counterpart_id, day in with_days:
        own[counterpart_id].append((day, entry_id))
    found: set[tuple[int, int]] = set()
    if not own:
        return found
    window = timedelta(days=window_days)
    first = min(d for pairs in own.values() for d, _ in pairs) - window
    last = max(d for pairs in own.values() for d, _ in pairs) + window
    their_days = days.subquery("their_days")
    others = connection.execute(
        select(_counterpart.c.counterpart_id, _entry.c.id, their_days.c.day)
        .join(_entry, and_(_entry.c.id == _counterpart.c.entry_id, _released))
        .join(their_days, their_days.c.id == _entry.c.id)
        .where(_counterpart.c.counterpart_id.in_(list(own)), their_days.c.day.between(first, last))
    )
    for counterpart_id, other, day in others:
        found |= {(i, other) for d, i in own[counterpart_id] if i != other and abs(d - day) <= window}
    return found


def facts_of_content(
    connection: Connection, content: dict[str, Any], *, unit_id: int, text_digest: str, on: date, entry_id: int | None = None
) -> Facts:
    """Return what the detector would know of an entry (of a new one without an id) with a version's content, on a day."""
    event = connection.execute(
        select(_event.c.starts_on).where(_event.c.id == content.get("event_id"), _event.c.past.is_(False))
    ).one_or_none()
    due = [date.fromisoformat(d) for d, _ in content.get("milestones", ())]
    stance = content.get("stance")
    return Facts(
        id=entry_id or 0,
        unit_id=unit_id,
        text_digest=text_digest,
        question_id=content.get("question_id"),
        stance=Stance(stance) if stance else None,
        on_behalf_of_id=content.get("on_behalf_of_id"),
        event_id=content.get("event_id") if event else None,
        forum_id=content.get("forum_id"),
        topics=frozenset(standing(connection, content.get("topics", ()))),
        counterparts=frozenset(content.get("counterparts", ())),
        instruments=frozenset(content.get("instruments", ())),
        dates=tuple(sorted({*([event.starts_on] if event else []), *(d for d in due if d >= on)})),
    )


def candidates_of(connection: Connection, facts: Facts, *, window_days: int) -> set[int]:
    """Return the released entries of other units that share a question, an open event or a counterpart in time with facts."""
    released = and_(_released, _entry.c.unit_id != facts.unit_id)
    found: set[int] = set()
    if facts.question_id is not None:
        found |= set(connection.scalars(select(_entry.c.id).where(released, _entry.c.question_id == facts.question_id)))
    if facts.event_id is not None:
        found |= set(connection.scalars(select(_entry.c.id).where(released, _entry.c.event_id == facts.event_id)))
    if facts.counterparts and facts.dates:
        window = timedelta(days=window_days)
        days = _days().subquery("days")
        near = or_(*(days.c.day.between(d - window, d + window) for d in facts.dates))
        found |= set(
            connection.scalars(
                select(_entry.c.id)
                .join(_counterpart, _counterpart.c.entry_id == _entry.c.id)
                .join(days, days.c.id == _entry.c.id)
                .where(released, _counterpart.c.counterpart_id.in_(sorted(facts.counterparts)), near)
            )
        )
    return found


def entries_touched(connection: Connection, touched: dict[str, set[int]]) -> set[int]:
    """Return the released entries whose overlaps a change may have moved, from what it touched."""
    found: set[int] = set(touched.get("entry", ())) | set(touched.get("compared", ()))
    ways: list[tuple[str, Any, Any]] = [
        ("topic", _topic.c.entry_id, _topic.c.topic_id),
        ("counterpart", _counterpart.c.entry_id, _counterpart.c.counterpart_id),
        ("counterpart", _entry.c.id, _entry.c.on_behalf_of_id),
        ("instrument", _instrument.c.entry_id, _instrument.c.instrument_id),
        ("event", _entry.c.id, _entry.c.event_id),
        ("forum", _entry.c.id, _entry.c.forum_id),
        ("question", _entry.c.id, _entry.c.question_id),
        ("unit", _entry.c.id, _entry.c.unit_id),
        ("audience", _entry.c.id, _entry.c.audience_id),
    ]
    for kind, entry_id, key in ways:
        if touched.get(kind):
            found |= set(connection.scalars(select(entry_id).where(key.in_(sorted(touched[kind])))))
    return found


def sights(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return level and audience of some entries."""
    found: dict[int, tuple[int, int]] = {}
    for i, level, audience_id in connection.execute(
        select(_entry.c.id, _entry.c.level, _entry.c.audience_id).where(one_of(_entry.c.id, sorted(set(ids))))
    ):
        found[i] = (level, audience_id)
    return found


def audiences(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[int, frozenset[str]]]:
    """Return level and audience tokens of some entries: what decides which units are asked about an overlap."""
    level = sights(connection, ids)
    tokens: defaultdict[int, set[str]] = defaultdict(set)
    token = AudienceToken.__table__
    kept = sorted({a for _, a in level.values()})
    for a, t in connection.execute(select(token.c.audience_id, token.c.token).where(one_of(token.c.audience_id, kept))):
        tokens[a].add(t)
    frozen = {a: frozenset(t) for a, t in tokens.items()}
    return {i: (lvl, frozen[a]) for i, (lvl, a) in level.items()}


def texts(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[str, str, str]]:
    """Return title, text and language of some entries as they are compared: without the phrases that their units leave out."""
    left_out = exclusions.phrases(connection)
    rows = connection.execute(
        select(_entry.c.id, _entry.c.unit_id, _entry.c.title, _entry.c.text, _entry.c.language).where(
            _entry.c.id.in_(sorted(set(ids)))
        )
    )
    said = ((i, left_out.get(unit_id, ()), title, text, language) for i, unit_id, title, text, language in rows)
    return {i: (without(title, phrases), without(text, phrases), language) for i, phrases, title, text, language in said}


def released_ids(connection: Connection, *, after: int, most: int | None, last: int | None = None) -> list[int]:
    """Return the ids of released entries above one, and up to a last one, in order, at most `most`."""
    up_to = _entry.c.id <= last if last is not None else true()
    return list(
        connection.scalars(select(_entry.c.id).where(_released, _entry.c.id > after, up_to).order_by(_entry.c.id).limit(most))
    )


def lacking_words(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Return those of some entries whose text, as it is compared, is not what their words are kept of."""
    words, left_out = EntryWords.__table__, exclusions.phrases(connection)
    rows = connection.execute(
        select(_entry.c.id, _entry.c.unit_id, _entry.c.title, _entry.c.text, words.c.digest, words.c.parsed)
        .join(words, words.c.entry_id == _entry.c.id, isouter=True)
        .where(_entry.c.id.in_(ids))
        .order_by(_entry.c.id)
    )
    found = []
    for row in rows:
        said = left_out.get(row.unit_id, ())
        bare = text_digest(without(row.title, said), without(row.text, said))
        if (row.digest, row.parsed) != (text_digest(row.title, row.text), bare):
            found.append(row.id)
    return found


def released_count(connection: Connection) -> int:
    """Return how many entries are released."""
    return connection.scalar(select(func.count()).select_from(_entry).where(_entry.c.state == State.RELEASED)) or 0


def seen(connection: Connection, reader: Reader, ids: Iterable[int]) -> set[int]:
    """Return those of some entries that a reader may see: by the twin of the rule of access, which is quick for many at once."""
    return {i for i, (level, tokens) in audiences(connection, ids).items() if may_see(reader, level=level, audience=tokens)}


# --- what a reader sees ------------------------------------------------------------------------------------------------

PAGE = 25
MOST_COUNTED = 1000
OPEN = (OverlapState.OPEN, OverlapState.ACKNOWLEDGED)
CLASHES = (OverlapKind.CONFLICT, OverlapKind.COLLISION, OverlapKind.DUPLICATION)
"""What counts as a clash: a contact is an invitation to talk, a possibility nobody has looked at yet."""


@dataclass(frozen=True)
class Filters:
    """What the list of overlaps is narrowed by; every part is optional."""

    state: OverlapState | None = None
    still_open: bool = True
    kind: OverlapKind | None = None
    severity: Severity | None = None
    unit_id: int | None = None
    """The unit of one end; `unit_ids`, `other_id` and `other_ids` say more of the same end and of the end opposite."""
    unit_ids: frozenset[int] | None = None
    other_id: int | None = None
    other_ids: frozenset[int] | None = None
    circle: Circle | None = None
    topic_id: int | None = None
    topic_ids: frozenset[int] | None = None
    """A basket: either end is on one of these topics at least, as both are on `topic_id`."""
    wing_id: int | None = None
    """One end is on this topic, and the other one on `other_wing_id`."""
    other_wing_id: int | None = None
    question_id: int | None = None
    """Both ends answer it."""
    forum_id: int | None = None
    """One end at least names the forum, or one of its events."""
    event_id: int | None = None
    """One end at least is prepared for it."""
    counterpart_id: int | None = None
    """Both ends concern it."""
    instrument_id: int | None = None
    """Both ends refer to it."""
    entry_id: int | None = None
    own_unit_id: int | None = None
    """The unit whose overlaps alone are wanted; `unit_id` then says with whom."""
    apart: bool | None = None
    """True for what only the text says, False for everything else."""
    clashes: bool = False
    """Conflicts, collisions and duplications alone: what clashes, and does not merely touch."""
    unacknowledged: bool = False
    silent_id: int | None = None
    """A unit that is asked and has not acknowledged."""
    owing_id: int | None = None
    """A unit that has not answered what the other one would close it with."""
    found: tuple[datetime, datetime] | None = None
    """From a moment to another, which is not part of it any more; so are `acknowledged` and `closed`."""
    acknowledged: tuple[datetime, datetime] | None = None
    closed: tuple[datetime, datetime] | None = None
    until: date | None = None
    """The nearest day is not later."""
    after: date | None = None
    """There is a nearest day, and it is later."""
    undated: bool = False
    """Neither end has a day ahead."""
    closed_as: Closing | None = None
    """What the units said last, current or not; so is `dismissed_as`."""
    dismissed_as: Dismissal | None = None
    collapsed: tuple[int, ...] = ()
    """Crowded topics: contacts and possibilities on them are left out, never a conflict, because each topic reads as one item."""


THINGS = (
    "unit",
    "bureau",
    "other",
    "other_bureau",
    "silent",
    "owing",
    "topic",
    "basket",
    "wing",
    "other_wing",
    "question",
    "forum",
    "event",
    "counterpart",
    "instrument",
)
MOMENTS = ("opened", "acknowledged", "closed")
SINCE = tuple(f"{name}_since" for name in MOMENTS)
DAYS = ("until", "after")
MARKS = ("clashes", "unacknowledged", "undated")
JUDGED = ("closed_as", "dismissed_as")
NARROWING = (*THINGS[1:], "circle", *JUDGED, *MOMENTS, *SINCE, *DAYS, *MARKS)
"""What an address narrows the list by, apart from state, kind, severity, unit, `mine` and `tab`: with it every pair is listed."""


def asked(session: Session, args: Mapping[str, str], *, person: Person, zone: str) -> Asked:
    """Return what an address asks of the list of overlaps; days and weeks (of `opened`, `closed`) begin in a time zone.

    Contacts on crowded topics of the own unit read as one item unless something narrows the list further.
    Raises NotFound for a thing, a word or a day that is not there.
    """
    things = chosen(session, args, THINGS, person=person)
    kind, state = chosen_word(OverlapKind, args, "kind"), args.get("state") or None
    weeks = {name: _week(args, name, zone) for name in MOMENTS}
    since = {name: chosen_day(args, name) for name in SINCE}
    days = {name: chosen_day(args, name) for name in DAYS}
    spans = {name: weeks[name] or since_day(since[later], zone) for name, later in zip(MOMENTS, SINCE, strict=True)}
    words = {
        "kind": kind,
        "severity": chosen_word(Severity, args, "severity"),
        "state": state if state in {"all", "current"} else chosen_word(OverlapState, args, "state"),
        "circle": chosen_word(Circle, args, "circle"),
        "closed_as": chosen_word(Closing, args, "closed_as"),
        "dismissed_as": chosen_word(Dismissal, args, "dismissed_as"),
        **{name: week and week[0].date() for name, week in weeks.items()},
        **since,
        **days,
        **{name: True if args.get(name) else None for name in ("mine", *MARKS)},
    }
    possible = args.get("tab") == "possible" or kind is OverlapKind.POSSIBLE

    def number(name: str) -> int | None:
        return things[name].id if name in things else None

    def all_below(name: str) -> frozenset[int] | None:
        return below(session, [things[name].id]) if name in things else None

    filters = Filters(
        state=words["state"] if isinstance(words["state"], OverlapState) else None,
        still_open=state == "current" or (state is None and not any([*spans.values(), *(words[name] for name in JUDGED)])),
        kind=None if possible else kind,
        severity=words["severity"],
        unit_id=number("unit"),
        unit_ids=all_below("bureau"),
        other_id=number("other"),
        other_ids=all_below("other_bureau"),
        circle=words["circle"],
        topic_id=number("topic"),
        topic_ids=basket(session, things["basket"].id) if "basket" in things else None,
        wing_id=number("wing"),
        other_wing_id=number("other_wing"),
        question_id=number("question"),
        forum_id=number("forum"),
        event_id=number("event"),
        counterpart_id=number("counterpart"),
        instrument_id=number("instrument"),
        own_unit_id=person.unit_id if words["mine"] else None,
        apart=possible,
        clashes=bool(words["clashes"]),
        unacknowledged=bool(words["unacknowledged"]),
        silent_id=number("silent"),
        owing_id=number("owing"),
        found=spans["opened"],
        acknowledged=spans["acknowledged"],
        closed=spans["closed"],
        until=days["until"],
        after=days["after"],
        undated=bool(words["undated"]),
        closed_as=words["closed_as"],
        dismissed_as=words["dismissed_as"],
    )
    return Asked(filters, things | {name: word for name, word in words.items() if word is not None})


def _week(args: Mapping[str, str], name: str, zone: str) -> tuple[datetime, datetime] | None:
    """Return the week in which a day of an address lies: from its Monday to the next."""
    day = chosen_day(args, name)
    try:
        return None if day is None else week_of(day, zone)
    except OverflowError:
        raise NotFound from None


def with_company() -> Select[Overlap]:
    """Return a select of overlaps with both ends, their units, and what each side did."""
    low, high = joinedload(Overlap.low), joinedload(Overlap.high)
    return select(Overlap).options(
        low.joinedload(Entry.unit),
        high.joinedload(Entry.unit),
        low.joinedload(Entry.on_behalf_of),
        high.joinedload(Entry.on_behalf_of),
        low.joinedload(Entry.event),
        high.joinedload(Entry.event),
        selectinload(Overlap.sides).joinedload(Side.unit),
        joinedload(Overlap.lead_unit),
    )


def in_order() -> tuple[Any, ...]:
    """Return the order of every list: the worst first, then the nearest event, then as found."""
    return (Overlap.rank, Overlap.near_on, Overlap.id)


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions that the overlaps of a list meet; whoever counts what a list shows counts by the same."""
    where: list[ColumnElement[bool]] = []
    if filters.state is not None:
        where.append(Overlap.state == filters.state)
    elif filters.still_open:
        where += [Overlap.current.is_(True), Overlap.state.in_(OPEN)]
    if filters.apart is not None:
        where.append((Overlap.kind == OverlapKind.POSSIBLE) if filters.apart else (Overlap.kind != OverlapKind.POSSIBLE))
    own = filters.own_unit_id
    where += _wanted(
        (filters.clashes or None, lambda _: Overlap.kind.in_(CLASHES)),
        (filters.collapsed or None, lambda topics: ~_read_as_one(topics)),
        (filters.kind, lambda kind: Overlap.kind == kind),
        (filters.severity, lambda severity: Overlap.rank == RANK[severity]),  # which is what the lists are in order by
        (filters.closed_as, lambda closing: Overlap.closed_as == closing),
        (filters.dismissed_as, lambda reason: Overlap.dismissed_as == reason),
        (own, lambda unit_id: or_(Overlap.low_unit_id == unit_id, Overlap.high_unit_id == unit_id)),
        (filters.entry_id, lambda entry_id: or_(Overlap.low_id == entry_id, Overlap.high_id == entry_id)),
        (filters.silent_id, lambda unit_id: _waits_for(unit_id, proposed=False)),
        (filters.owing_id, lambda unit_id: _waits_for(unit_id, proposed=True)),
    )
    return [*where, *_when(filters), *_of_units(filters), *_about(filters)]


def _wanted(*optional: tuple[Any, Callable[[Any], ColumnElement[bool]]]) -> list[ColumnElement[bool]]:
    """Return the conditions of what is wanted; the others are not even made, because that takes longer than a list."""
    return [condition(value) for value, condition in optional if value is not None]


_own, _opposite = Side.__table__.alias("own_side"), Side.__table__.alias("opposite_side")  # of an overlap that is seen


def _waits_for(unit_id: int, *, proposed: bool) -> ColumnElement[bool]:
    """Return the condition for overlaps on which the move is a unit's: to answer what was `proposed`, or to acknowledge."""
    asked = exists().where(_own.c.overlap_id == Overlap.id, _own.c.unit_id == unit_id, _own.c.asked.is_(True))
    if not proposed:
        return asked.where(_own.c.acknowledged_at.is_(None))
    said = exists().where(_opposite.c.overlap_id == Overlap.id, _opposite.c.unit_id != unit_id, _opposite.c.closing.is_not(None))
    return and_(asked.where(_own.c.closing.is_(None)), said)


def _when(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions on what happened when, and on how near the nearest day is."""
    where: list[ColumnElement[bool]] = [Overlap.acknowledged_at.is_(None)] if filters.unacknowledged else []
    spans = (
        (Overlap.found_at, filters.found),
        (Overlap.acknowledged_at, filters.acknowledged),
        (Overlap.closed_at, filters.closed),
    )
    for moment, span in spans:
        if span is not None:
            where += [moment >= span[0], moment < span[1]]
    return where + _wanted(
        (filters.until, lambda day: Overlap.near_on <= day),
        (filters.after, lambda day: and_(Overlap.near_on > day, Overlap.near_on < FAR)),
        (filters.undated or None, lambda _: Overlap.near_on == FAR),
    )


def _of_units(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions on whose the two ends are: one way round, or the other."""
    low, high = Overlap.low_unit_id, Overlap.high_unit_id
    one_way = _one_way(filters, low, high)
    where = [or_(and_(*one_way), and_(*_one_way(filters, high, low)))] if one_way else []
    if filters.circle is not None:
        where.append(or_(of_units_in(filters.circle, low), of_units_in(filters.circle, high)))
    return where


def _one_way(filters: Filters, unit: Any, opposite: Any) -> list[ColumnElement[bool]]:
    """Return the conditions on the units of an end and of the end opposite, taken this way round."""
    return _wanted(
        (filters.unit_id, lambda unit_id: unit == unit_id),
        (filters.unit_ids, lambda ids: unit.in_(sorted(ids))),
        (filters.other_id, lambda unit_id: opposite == unit_id),
        (filters.other_ids, lambda ids: opposite.in_(sorted(ids))),
    )


def _about(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions on what the two ends are about (both of them) and where it comes up (one of them at least).

    They find numbers of entries only: the rule of access is asked of the overlap, and with it both ends are seen.
    """
    both = _wanted(
        (filters.topic_id, lambda topic_id: _both_in(ids_on(topic_id))),
        (filters.topic_ids, lambda ids: _both_in(ids_on(*ids))),
        (filters.question_id, lambda question_id: _both_in(_those(_entry.c.question_id == question_id))),
        (filters.counterpart_id, lambda i: _both_in(select(_counterpart.c.entry_id).where(_counterpart.c.counterpart_id == i))),
        (filters.instrument_id, lambda i: _both_in(select(_instrument.c.entry_id).where(_instrument.c.instrument_id == i))),
    )
    either = _wanted(
        (filters.forum_id, lambda forum_id: _either_in(_those(before_forum(forum_id, _entry.c)))),
        (filters.event_id, lambda event_id: _either_in(_those(_entry.c.event_id == event_id))),
    )
    where = [*both, *either]
    if filters.wing_id is not None or filters.other_wing_id is not None:
        where.append(_between_wings(filters.wing_id, filters.other_wing_id))
    return where


def _those(which: ColumnElement[bool]) -> Select[int]:
    return select(_entry.c.id).where(which)


def _both_in(ends: Select[int]) -> ColumnElement[bool]:
    return and_(among_found(Overlap.low_id, ends), among_found(Overlap.high_id, ends))


def _either_in(ends: Select[int]) -> ColumnElement[bool]:
    return or_(among_found(Overlap.low_id, ends), among_found(Overlap.high_id, ends))


def _between_wings(*topic_ids: int | None) -> ColumnElement[bool]:
    """Return the condition for overlaps with one end on a topic and the other end on another one."""

    def on(end: Any, topic_id: int | None) -> ColumnElement[bool]:
        return true() if topic_id is None else end.in_(ids_on(topic_id))

    low, high = Overlap.low_id, Overlap.high_id
    one, other = topic_ids
    return or_(and_(on(low, one), on(high, other)), and_(on(high, one), on(low, other)))


def _read_as_one(topic_ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition for contacts and possibilities whose two ends are both on one of some topics."""
    low, high = _topic.alias(), _topic.alias()  # of ends that are seen, because the overlap is
    shared = exists().where(
        low.c.entry_id == Overlap.low_id,
        high.c.entry_id == Overlap.high_id,
        low.c.topic_id == high.c.topic_id,
        low.c.topic_id.in_(topic_ids),
    )
    return and_(Overlap.kind.in_([OverlapKind.CONTACT, OverlapKind.POSSIBLE]), shared)


def listed(session: Session, filters: Filters, *, number: int = 1, size: int = PAGE) -> tuple[Sequence[Overlap], int]:
    """Return one page of the overlaps that pass the filters, the worst first, and how many there are (counted to 1,000)."""
    where = conditions(filters)
    some = select(Overlap.id).where(*where).limit(MOST_COUNTED).subquery()
    total = session.scalar(select(func.count()).select_from(some)) or 0
    # first only the ids: to put thousands of whole rows with their company in order takes ten times as long
    ids = session.scalars(select(Overlap.id).where(*where).order_by(*in_order()).limit(size).offset((number - 1) * size)).all()
    rows = session.scalars(with_company().where(Overlap.id.in_(ids)).order_by(*in_order())).all()
    return rows, total


def ids_listed(session: Session, filters: Filters) -> Sequence[int]:
    """Return the numbers inside of all overlaps that pass the filters, in the order of the lists."""
    return session.scalars(select(Overlap.id).where(*conditions(filters)).order_by(*in_order())).all()


def extent(session: Session, filters: Filters) -> tuple[int, int | None]:
    """Return how many overlaps pass the filters, and the highest level among their ends."""
    found = select(func.count(Overlap.id), func.max(Overlap.low_level), func.max(Overlap.high_level)).where(*conditions(filters))
    number, *levels = session.execute(found).one()
    return number, max((level for level in levels if level is not None), default=None)


def some(session: Session, ids: Iterable[int]) -> Sequence[Overlap]:
    """Return overlaps by their numbers inside with both ends and sides, in the order of the lists."""
    return session.scalars(with_company().where(Overlap.id.in_(list(ids))).order_by(*in_order())).all()


def one(session: Session, ref: str) -> Overlap:
    """Return an overlap by ref with both ends; raises NotFound unless the reader may see both."""
    found = session.scalars(
        with_company()
        .where(Overlap.ref == ref)
        .options(
            joinedload(Overlap.low).joinedload(Entry.forum),
            joinedload(Overlap.high).joinedload(Entry.forum),
            joinedload(Overlap.low).selectinload(Entry.topics),
            joinedload(Overlap.high).selectinload(Entry.topics),
            joinedload(Overlap.low).selectinload(Entry.counterparts),
            joinedload(Overlap.high).selectinload(Entry.counterparts),
            joinedload(Overlap.low).selectinload(Entry.instruments),
            joinedload(Overlap.high).selectinload(Entry.instruments),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
    # the question is a position's own: a second look fills it in on the ends that are positions
    session.scalars(
        select(Position).where(Position.id.in_([found.low_id, found.high_id])).options(joinedload(Position.question))
    ).all()
    return found


def steps(session: Session, overlap: Overlap) -> Sequence[Step]:
    """Return what happened to an overlap, oldest first, with who did it."""
    return session.scalars(
        select(Step).where(Step.overlap_id == overlap.id).options(joinedload(Step.person), joinedload(Step.unit)).order_by(Step.id)
    ).all()


def names(session: Session) -> Vocabulary:
    """Return the names of the shared lists, which are open to every reader."""

    def by_id(model: Any, name: Any) -> dict[int, str]:
        return dict(session.execute(select(model.id, name)).all())

    return Vocabulary(
        topics=by_id(Topic, Topic.name),
        questions=by_id(Question, Question.text),
        events=by_id(Event, Event.name),
        forums=by_id(Forum, Forum.name),
        counterparts=by_id(Counterpart, Counterpart.name),
        instruments=by_id(Instrument, Instrument.name),
    )


def of_entry(session: Session, entry_id: int) -> Sequence[Overlap]:
    """Return the current overlaps of an entry, the worst first."""
    return session.scalars(
        with_company()
        .where(or_(Overlap.low_id == entry_id, Overlap.high_id == entry_id), behind(Overlap.current).is_(True))
        .order_by(*in_order())
        .limit(100)
    ).all()


def waiting_for(session: Session, unit_id: int, *, most: int) -> Sequence[Overlap]:
    """Return the open overlaps that wait for a unit: to acknowledge, or to agree to what the other would close it with.

    What only the text says is not among them: it waits for nobody.
    """
    mine, other = aliased(Side), aliased(Side)
    return session.scalars(
        with_company()
        .join(mine, and_(mine.overlap_id == Overlap.id, mine.unit_id == unit_id, mine.asked.is_(True)))
        .outerjoin(other, and_(other.overlap_id == Overlap.id, other.unit_id != unit_id))
        .where(
            behind(Overlap.current).is_(True),
            Overlap.state.in_(OPEN),
            behind(Overlap.kind) != OverlapKind.POSSIBLE,
            or_(mine.acknowledged_at.is_(None), and_(other.closing.is_not(None), mine.closing.is_(None))),
        )
        .order_by(*in_order())
        .limit(most)
    ).all()


@dataclass(frozen=True)
class Crowd:
    """A topic that more units work on than anybody would want to see in pairs."""

    topic: Topic
    units: tuple[Unit, ...]
    """The first of them by name."""
    number: int
    """How many units there are."""
    entries: int

    @property
    def others(self) -> int:
        """Return how many units are not among the first."""
        return self.number - len(self.units)


CROWDED = 6
NAMED = 12
"""As many units of a crowd are named; of hundreds nobody reads the names."""


def contacts(session: Session, entry: Entry, *, most: int = 30) -> tuple[Sequence[Entry], Sequence[Crowd]]:
    """Return the released entries of other units that share a topic with an entry, and the topics too crowded to list by pairs.

    Contacts are not stored: they are read off the topics, by what the reader sees. Umbrella topics say nothing.
    """
    here = select(EntryTopic.topic_id).where(EntryTopic.entry_id == entry.id)
    stored = select(Overlap.low_id + Overlap.high_id - entry.id).where(
        or_(Overlap.low_id == entry.id, Overlap.high_id == entry.id), behind(Overlap.current).is_(True)
    )
    apart = held_apart(here, unit_id=entry.unit_id, entry_id=entry.id)
    return contacts_on(session, here, unit_id=entry.unit_id, but=union_all(stored, *apart), most=most)


def contacts_on(
    session: Session, topic_ids: Iterable[int] | Select[int], *, unit_id: int, but: Any, most: int = 30
) -> tuple[Sequence[Entry], Sequence[Crowd]]:
    """Return the released entries of other units on some topics but some of them, and the topics too crowded to list."""
    shared = _shared(session, topic_ids)
    crowded = [crowd for crowd in shared if crowd.number > CROWDED]
    quiet = [crowd.topic.id for crowd in shared if crowd.number <= CROWDED]
    # found by their topics and put in order here: in the order of the list a database would look through all that there is
    found = session.execute(
        select(Entry.logged_on, Entry.id)
        .join(_topic, _topic.c.entry_id == Entry.id)
        .where(_topic.c.topic_id.in_(quiet), Entry.unit_id != unit_id, behind(Entry.state) == State.RELEASED, Entry.id.not_in(but))
        .distinct()
    ).all()
    newest = [i for _, i in sorted((tuple(row) for row in found), reverse=True)[:most]]
    rows = session.scalars(
        select(Entry)
        .where(Entry.id.in_(newest))
        .options(joinedload(Entry.unit), selectinload(Entry.topics), joinedload(Entry.event))
        .order_by(Entry.logged_on.desc(), Entry.id.desc())
    ).all()
    return rows, crowded


def held_apart(topic_ids: Iterable[int] | Select[int], *, unit_id: int, entry_id: int | None = None) -> tuple[Select[Any], ...]:
    """Return selects of what exclusions hold apart from work of a unit on some topics: as two units there, or as a pair."""
    here = topic_ids if isinstance(topic_ids, Select) else sorted(topic_ids)
    holds, other, theirs = Exclusion.ended_at.is_(None), aliased(Entry), aliased(EntryTopic)
    units = (
        select(other.id)
        .join(theirs, theirs.entry_id == other.id)
        .join(Exclusion, and_(holds, Exclusion.kind == ExclusionKind.UNITS, Exclusion.topic_id == theirs.topic_id))
        .where(
            theirs.topic_id.in_(here),
            or_(
                and_(Exclusion.unit_id == unit_id, Exclusion.other_unit_id == other.unit_id),
                and_(Exclusion.other_unit_id == unit_id, Exclusion.unit_id == other.unit_id),
            ),
        )
    )
    if entry_id is None:
        return (units,)
    pairs = select(Exclusion.low_id + Exclusion.high_id - entry_id).where(
        holds, Exclusion.kind == ExclusionKind.PAIR, or_(Exclusion.low_id == entry_id, Exclusion.high_id == entry_id)
    )
    return pairs, units


def _shared(session: Session, topic_ids: Iterable[int] | Select[int], *, crowded: int | None = None) -> list[Crowd]:
    """Return who works on each of some topics but umbrellas, by topic; or on at most so many crowded ones, the most crowded first.

    One statement, because looking through the entries is what costs.
    """
    here = topic_ids if isinstance(topic_ids, Select) else sorted(topic_ids)
    pairs = units_on(here, Topic.umbrella.is_(False))
    units = func.count().label("units")
    counting = select(pairs.c.topic_id, units, func.sum(pairs.c.entries).label("entries")).group_by(pairs.c.topic_id)
    if crowded is not None:
        counting = counting.having(units > CROWDED).order_by(units.desc(), pairs.c.topic_id).limit(crowded)
    counted = counting.cte("counted")
    place = func.row_number().over(partition_by=pairs.c.topic_id, order_by=(Unit.short_name, Unit.id)).label("place")
    named = (
        select(pairs.c.topic_id, pairs.c.unit_id, place)
        .join(counted, counted.c.topic_id == pairs.c.topic_id)
        .join(Unit, Unit.id == pairs.c.unit_id)
        .subquery()
    )
    rows = session.execute(
        select(Topic, Unit, counted.c.units, counted.c.entries)
        .select_from(counted)
        .join(named, and_(named.c.topic_id == counted.c.topic_id, named.c.place <= NAMED))
        .join(Topic, Topic.id == counted.c.topic_id)
        .join(Unit, Unit.id == named.c.unit_id)
        .order_by(*([] if crowded is None else [counted.c.units.desc()]), counted.c.topic_id, named.c.place)
    )
    found: dict[int, tuple[Topic, int, int, list[Unit]]] = {}
    for topic, unit, number, entries in rows:
        found.setdefault(topic.id, (topic, number, int(entries), []))[3].append(unit)
    return [Crowd(topic, tuple(named), number, entries) for topic, number, entries, named in found.values()]


def seen_by(reader: PersonReader, overlap: Overlap) -> bool:
    """Say whether an overlap concerns a reader's own unit."""
    return reader.unit_id in {overlap.low_unit_id, overlap.high_unit_id}


def facets(session: Session, filters: Filters) -> dict[str, list[tuple[Any, int]]]:
    """Return for each facet its values and how many overlaps each would leave, most first, at most ten units and topics.

    Counts cover the worst 1,000, so that a page costs the same however much there is; `possible` is no kind among others here.
    """
    asked: dict[Filters, CTE] = {}

    def some(**without: Any) -> CTE:
        """Return the worst that pass the filters but one; found once for all facets that leave the same."""
        narrowed = replace(filters, **without)
        if narrowed not in asked:
            found = select(
                Overlap.kind,
                Overlap.severity,
                Overlap.state,
                Overlap.low_id,
                Overlap.high_id,
                Overlap.low_unit_id,
                Overlap.high_unit_id,
            )
            ordered = found.where(*conditions(narrowed)).order_by(*in_order()).limit(MOST_COUNTED)
            asked[narrowed] = ordered.cte(f"some_{len(asked)}")
        return asked[narrowed]

    many = func.count().label("many")

    def by(what: str, column: Any) -> Any:
        return select(literal(what), cast(column, String), literal(0), many).group_by(column)

    def most(what: str, column: Any, counted: Any) -> Any:
        first = counted.group_by(column).order_by(many.desc(), column).limit(10).subquery()
        return select(literal(what), literal(""), *first.c)

    pairs = some(unit_id=None)
    low_unit, high_unit, others = pairs.c.low_unit_id, pairs.c.high_unit_id, replace(filters, unit_id=None)
    ends = (
        select(low_unit.label("unit_id"))
        .where(*_one_way(others, low_unit, high_unit))
        .union_all(select(high_unit).where(*_one_way(others, high_unit, low_unit)))
        .subquery()
    )
    units = select(ends.c.unit_id, many).where(ends.c.unit_id != filters.own_unit_id if filters.own_unit_id is not None else true())
    wide, low, high = some(topic_id=None, collapsed=()), _topic.alias(), _topic.alias()
    topics = (
        select(low.c.topic_id, many)
        .join(high, high.c.topic_id == low.c.topic_id)
        .join(wide, and_(wide.c.low_id == low.c.entry_id, wide.c.high_id == high.c.entry_id))
    )
    counted = union_all(
        by("kind", some(kind=None, collapsed=()).c.kind),
        by("severity", some(severity=None).c.severity),
        by("state", some(state=None, still_open=False).c.state),
        most("unit", ends.c.unit_id, units),
        most("topic", low.c.topic_id, topics),
    ).subquery()
    found: defaultdict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for what, word, number, n in session.execute(select(counted)):
        found[what].append((-n, word, number))
    things: tuple[tuple[str, Any], ...] = (("unit", Unit), ("topic", Topic))
    named: dict[str, dict[int, Any]] = {
        what: {t.id: t for t in session.scalars(select(model).where(model.id.in_([i for _n, _w, i in found[what]])))}
        for what, model in things
    }
    words: dict[str, Any] = {"kind": OverlapKind, "severity": Severity, "state": OverlapState}
    return {
        **{what: [(kind(word), -n) for n, word, _number in sorted(found[what])] for what, kind in words.items()},
        **{what: [(listed[i], -n) for n, _word, i in sorted(found[what])] for what, listed in named.items()},
    }


FOREMOST = 12
"""Among so many topics of a unit, those on which it has most, its crowded ones are looked for."""


def crowds(session: Session, *, unit_id: int, most: int = 5) -> list[Crowd]:
    """Return the crowded topics (more than six units) among a unit's foremost, counted over what the reader sees.

    The most crowded come first. To count all topics of a unit would be to walk through most of the register for five lines.
    """
    # the links of entries that are seen: to ask of each link whether it is would be to ask twice
    own = (
        select(_topic.c.topic_id)
        .join(Entry, Entry.id == _topic.c.entry_id)
        .join(Topic, Topic.id == _topic.c.topic_id)
        .where(Entry.unit_id == unit_id, behind(Entry.state) == State.RELEASED, Topic.umbrella.is_(False))
        .group_by(_topic.c.topic_id)
        .order_by(func.count().desc(), _topic.c.topic_id)
        .limit(FOREMOST)
        .cte("own")
    )
    return _shared(session, select(own.c.topic_id), crowded=most)


# --- what exclusions hide ----------------------------------------------------------------------------------------------


def hidden_count(session: Session, ids: Iterable[int]) -> dict[int, int]:
    """Return how many pairs each of some exclusions hides, as far as the reader may see both ends."""
    rows = session.execute(
        select(Hidden.exclusion_id, func.count()).where(Hidden.exclusion_id.in_(list(ids))).group_by(Hidden.exclusion_id)
    )
    return {exclusion_id: number for exclusion_id, number in rows}


def hidden(session: Session, exclusion_id: int, *, most: int = 100) -> Sequence[Hidden]:
    """Return the pairs that an exclusion hides with both ends, as far as the reader may see them, the worst first."""
    low, high = joinedload(Hidden.low), joinedload(Hidden.high)
    worst = case({severity: rank for rank, severity in enumerate(Severity)}, value=Hidden.severity)
    return session.scalars(
        select(Hidden)
        .where(Hidden.exclusion_id == exclusion_id)
        .options(low.joinedload(Entry.unit), high.joinedload(Entry.unit))
        .order_by(worst, Hidden.low_id, Hidden.high_id)
        .limit(most)
    ).all()


def hiding(session: Session, low_id: int, high_id: int) -> Sequence[Exclusion]:
    """Return the exclusions that hide a pair, as far as the reader may see them, the oldest first."""
    ids = select(Hidden.exclusion_id).where(Hidden.low_id == low_id, Hidden.high_id == high_id)
    return session.scalars(exclusions.with_company().where(Exclusion.id.in_(ids)).order_by(Exclusion.id)).all()


# --- taking them out ---------------------------------------------------------------------------------------------------


def _to_export() -> Select[Any]:
    source = EntrySource.__table__

    def ref(of: Any) -> Any:  # of an end: seen, because the overlap is
        return select(_entry.c.ref).where(_entry.c.id == of).scalar_subquery()

    def external_id(of: Any) -> Any:
        return select(source.c.external_id).where(source.c.entry_id == of).scalar_subquery()

    return (
        select(
            ref(Overlap.low_id).label("a"),
            ref(Overlap.high_id).label("b"),
            external_id(Overlap.low_id).label("a_id"),
            external_id(Overlap.high_id).label("b_id"),
            Overlap.kind,
            Overlap.severity,
            Overlap.score,
            Overlap.reasons,
            Overlap.settings,
        )
        .where(Overlap.current.is_(True))
        .order_by(Overlap.low_id, Overlap.high_id)
        .execution_options(yield_per=1000)
    )


def exported(session: Session) -> Iterator[Any]:
    """Yield the current overlaps that the reader may see: refs and external ids of both ends, kind, severity, score, reasons."""
    yield from session.execute(_to_export())


def exported_all(connection: Connection) -> Iterator[Any]:
    """Yield all current overlaps, for the operator of the host."""
    yield from connection.execute(_to_export())
