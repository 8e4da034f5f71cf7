"""What we know of entries; the rule of access as SQL, in this one place."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import CTE, ColumnElement, Select, and_, case, column, exists, func, or_, select, table, tuple_
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument, Question
from coordinator.db import Reader as AnyReader
from coordinator.db import among_found, among_held, among_most, behind, found_by, protect, read_as_system
from coordinator.entries.models import (
    AudienceToken,
    Entry,
    EntryCounterpart,
    EntryInstrument,
    EntrySource,
    EntryTopic,
    EntryVersion,
    Kind,
    State,
    TopicProposal,
)
from coordinator.errors import NotFound
from coordinator.history.models import Event as History
from coordinator.people.models import Circle, Duty, Group, Membership, Organisation, Person, Role, Unit
from coordinator.people.queries import Seat, below, seats, unit_readers
from coordinator.people.rules import has_ended
from coordinator.stems import beginnings, query_stems
from coordinator.topics.models import Topic, TopicName
from coordinator.topics.queries import basket, standing
from coordinator.topics.queries import topic as one_topic

# --- the rule ----------------------------------------------------------------------------------------------------------


def visible(reader: AnyReader, entry: Any = Entry) -> ColumnElement[bool]:
    """Return the rule of access as SQL over a table with `level` and `audience_id`; rules.may_see is its twin."""
    return and_(entry.level <= reader.level, among_held(entry.audience_id, reader))


def _audiences_of(tokens: Iterable[str]) -> Select[int]:
    """Return a select of the audiences that some tokens belong to."""
    return select(AudienceToken.audience_id).where(AudienceToken.token.in_(sorted(tokens)))


found_by(_audiences_of)


_entry: Any = Entry.__table__
_of_version = Entry.__table__.alias()  # making one is slow: each criterion keeps its own


def _version_visible(reader: AnyReader) -> ColumnElement[bool]:
    entry = _of_version
    own = getattr(reader, "unit_ids", None) or {getattr(reader, "unit_id", None)} - {None}  # an import writes for several
    return and_(
        visible(reader, EntryVersion),
        exists().where(
            entry.c.id == EntryVersion.entry_id,
            visible(reader, entry.c),
            or_(EntryVersion.released_at.is_not(None), entry.c.unit_id.in_(sorted(own))),
        ),
    )


def hangs_on(entry_id: Any) -> Any:
    """Return a criterion for rows that hang on an entry: they are seen when the entry is."""
    entry = Entry.__table__.alias()

    def criterion(reader: AnyReader) -> ColumnElement[bool]:
        return exists().where(entry.c.id == entry_id, visible(reader, entry.c))

    return criterion


protect(Entry, visible, "entry_search")
protect(EntryVersion, _version_visible)
protect(EntryTopic, hangs_on(EntryTopic.entry_id))
protect(EntryCounterpart, hangs_on(EntryCounterpart.entry_id))
protect(EntryInstrument, hangs_on(EntryInstrument.entry_id))
protect(EntrySource, hangs_on(EntrySource.entry_id))
protect(TopicProposal, hangs_on(TopicProposal.entry_id))

# --- one entry ---------------------------------------------------------------------------------------------------------


def with_company() -> Select[Entry]:
    """Return a select of entries with all that a list shows of them."""
    return select(Entry).options(
        joinedload(Entry.unit).joinedload(Unit.organisation),
        joinedload(Entry.forum),
        joinedload(Entry.event).joinedload(Event.forum),
        joinedload(Entry.on_behalf_of),
        selectinload(Entry.topics),
    )


def one(session: Session, ref: str) -> Entry:
    """Return an entry by ref with its company; raises NotFound for a hidden one as for one that never was."""
    found = session.scalars(
        with_company()
        .where(Entry.ref == ref)
        .options(
            joinedload(Entry.author),
            joinedload(Entry.audience),
            selectinload(Entry.counterparts),
            selectinload(Entry.instruments),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def versions(session: Session, entry: Entry) -> Sequence[EntryVersion]:
    """Return the versions of an entry that the reader may see, newest first, each with author and releasing officer."""
    return session.scalars(
        select(EntryVersion)
        .where(EntryVersion.entry_id == entry.id)
        .options(
            joinedload(EntryVersion.author),
            joinedload(EntryVersion.released_by),
            joinedload(EntryVersion.handed_to),
            joinedload(EntryVersion.recalled_by),
        )
        .order_by(EntryVersion.number.desc())
    ).all()


def version(session: Session, entry: Entry, number: int) -> EntryVersion:
    """Return one version of an entry; raises NotFound for one that is hidden or never was."""
    found = session.scalars(
        select(EntryVersion).where(EntryVersion.entry_id == entry.id, EntryVersion.number == number)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def by_form(session: Session, author_id: int, form_key: str) -> Entry | None:
    """Return the entry that one sending of a form already made, or None."""
    return session.scalars(
        select(Entry)
        .join(EntryVersion, EntryVersion.entry_id == Entry.id)
        .where(EntryVersion.author_id == author_id, EntryVersion.form_key == form_key)
    ).one_or_none()


def unseen_since(session: Session, entry_ids: Iterable[int]) -> datetime | None:
    """Return when the first version of some entries was released that the reader may not see, or None if there is none.

    From then on, what hangs on the entries may have come from that version.
    """
    ids = sorted(entry_ids)
    released = EntryVersion.entry_id.in_(ids), EntryVersion.released_at.is_not(None)
    seen = set(session.scalars(select(EntryVersion.id).where(*released)))
    version = EntryVersion.__table__
    with read_as_system(session, "detector") as connection:
        rows = connection.execute(
            select(version.c.id, version.c.released_at).where(version.c.entry_id.in_(ids), version.c.released_at.is_not(None))
        ).all()
    return min((at for i, at in rows if i not in seen), default=None)


def tokens_of(session: Session, audience_id: int) -> frozenset[str]:
    """Return the tokens of an audience."""
    return frozenset(session.scalars(select(AudienceToken.token).where(AudienceToken.audience_id == audience_id)))


# --- lists and search --------------------------------------------------------------------------------------------------

_search = table("entry_search", column("rowid"), column("stems"))
PAGE = 25


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed by; every part is optional."""

    words: str = ""
    kind: Kind | None = None
    state: State | None = None
    unit_id: int | None = None
    unit_ids: frozenset[int] | None = None
    """A bureau: one of these units is the owner."""
    circle: Circle | None = None
    topic_id: int | None = None
    topic_ids: frozenset[int] | None = None
    """A basket: the entry is on one of these topics at least."""
    forum_id: int | None = None
    """The forum that an entry names, else that of its event."""
    event_id: int | None = None
    question_id: int | None = None
    counterpart_id: int | None = None
    instrument_id: int | None = None
    stance: Any = None
    """A word of positions.models.Stance, which this floor does not know."""
    current: bool = False
    released: tuple[datetime, datetime] | None = None
    """The version that stands was released from a moment on to another, which is not part of it any more; so is `ended`."""
    ended: tuple[datetime, datetime] | None = None
    """It stood and ended, and nothing that is seen took its place."""


@dataclass(frozen=True)
class Asked:
    """What an address asks of a list: the filters, and by its name in the address each thing, word or day that was chosen."""

    filters: Any
    chosen: Mapping[str, Any]


THINGS: Mapping[str, type[Any]] = {
    "unit": Unit,
    "bureau": Unit,
    "other": Unit,
    "other_bureau": Unit,
    "silent": Unit,
    "owing": Unit,
    "topic": Topic,
    "basket": Topic,
    "wing": Topic,
    "other_wing": Topic,
    "forum": Forum,
    "event": Event,
    "question": Question,
    "counterpart": Counterpart,
    "instrument": Instrument,
}
NAMED = ("unit", "bureau", "topic", "basket", "forum", "event", "question", "counterpart", "instrument")
"""The things that a list of entries is narrowed to."""


def chosen(session: Session, args: Mapping[str, str], names: Iterable[str], *, person: Person) -> dict[str, Any]:
    """Return the things that an address names, by their names in it; raises NotFound for one that is not there.

    Outside the ministry a unit is there if it is of the own organisation, or owns something that is shared with the person.
    """
    found: dict[str, Any] = {}
    for name in names:
        if not args.get(name):
            continue
        model = THINGS[name]
        wanted = select(model).where(model.ref == args[name])
        if model is Unit and person.unit.organisation.circle is not Circle.MINISTRY:
            known = Unit.id.in_(select(Entry.unit_id))
            wanted = wanted.where(or_(Unit.organisation_id == person.unit.organisation_id, known))
        thing = one_topic(session, args[name]) if model is Topic else session.scalars(wanted).one_or_none()
        if thing is None:
            raise NotFound
        found[name] = thing
    return found


def chosen_word(words: type[StrEnum], args: Mapping[str, str], name: str) -> Any:
    """Return the word of a list that an address names, or None; raises NotFound for one that is not in the list."""
    said = args.get(name)
    if not said:
        return None
    if said not in set(words):
        raise NotFound
    return words(said)


def asked(session: Session, args: Mapping[str, str], *, person: Person, kind: Kind | None = None) -> Asked:
    """Return what an address asks of a list of entries (of one kind, or of the kind it names).

    Raises NotFound for a thing or a word that is not there; `words` are what the text has to hold.
    """
    things = chosen(session, args, NAMED, person=person)
    stances = _entry.c.stance.type.enum_class  # the kinds add their columns to the one table
    words = {
        "kind": kind or chosen_word(Kind, args, "kind"),
        "state": chosen_word(State, args, "state"),
        "circle": chosen_word(Circle, args, "circle"),
        "stance": chosen_word(stances, args, "stance"),
        "current": True if args.get("current") else None,
        **{name: chosen_day(args, name) for name in ("released_since", "ended_since")},
    }
    filters = Filters(
        words=args.get("words", ""),
        kind=words["kind"],
        state=words["state"],
        unit_id=_id_of(things.get("unit")),
        unit_ids=below(session, [things["bureau"].id]) if "bureau" in things else None,
        circle=words["circle"],
        topic_id=_id_of(things.get("topic")),
        topic_ids=basket(session, things["basket"].id) if "basket" in things else None,
        forum_id=_id_of(things.get("forum")),
        event_id=_id_of(things.get("event")),
        question_id=_id_of(things.get("question")),
        counterpart_id=_id_of(things.get("counterpart")),
        instrument_id=_id_of(things.get("instrument")),
        stance=words["stance"],
        current=bool(words["current"]),
        released=since_day(words["released_since"], person.time_zone),
        ended=since_day(words["ended_since"], person.time_zone),
    )
    given = {name: word for name, word in words.items() if word is not None and (name != "kind" or kind is None)}
    return Asked(filters, things | given)


def chosen_day(args: Mapping[str, str], name: str) -> date | None:
    """Return the day that an address names, or None; raises NotFound for what is no day, or one too far away."""
    said = args.get(name)
    if not said:
        return None
    try:
        day = datetime.strptime(said, "%Y-%m-%d").date()  # noqa: DTZ007 - a day
    except ValueError:
        raise NotFound from None
    if not 1900 <= day.year <= 2199:
        raise NotFound
    return day


def since_day(day: date | None, zone: str) -> tuple[datetime, datetime] | None:
    """Return all time from the beginning of a day in a time zone on, or None if there is no day."""
    return None if day is None else (datetime.combine(day, time(), ZoneInfo(zone)), datetime(2300, 1, 1, tzinfo=UTC))


def _id_of(thing: Any) -> int | None:
    return None if thing is None else int(thing.id)


def of_circle(circle: Circle) -> Select[int]:
    """Return a select of the units whose organisations stand in a circle."""
    return select(Unit.id).join(Organisation, Organisation.id == Unit.organisation_id).where(Organisation.circle == circle)


def held_in(circle: Circle) -> ColumnElement[bool]:
    """Return the condition for what units of a circle hold themselves: an outside voice that one wrote down is not theirs."""
    return and_(of_units_in(circle, Entry.unit_id), behind(Entry.on_behalf_of_id).is_(None))


def of_units_in(circle: Circle, unit_id: Any) -> ColumnElement[bool]:
    """Return the condition that a column is one of the units whose organisations stand in a circle."""
    if circle is not Circle.MINISTRY:
        there: ColumnElement[bool] = behind(unit_id).in_(of_circle(circle))
        return there
    outside = select(Unit.id).join(Organisation, Organisation.id == Unit.organisation_id).where(Organisation.circle != circle)
    return among_most(unit_id, of_circle(circle), outside)


def before_forum(forum_id: int, entry: Any = Entry) -> ColumnElement[bool]:
    """Return the condition for entries that name a forum, or name none and an event of it."""
    sessions = select(Event.id).where(Event.forum_id == forum_id)
    return or_(entry.forum_id == forum_id, and_(entry.forum_id.is_(None), entry.event_id.in_(sessions)))


_of_topic = EntryTopic.__table__  # of an entry that is seen already: what hangs on it is seen with it


def ids_on(*topic_ids: int) -> Select[int]:
    """Return a select of the numbers of entries on one of some topics; whether they are seen is asked of what has the numbers."""
    return select(_of_topic.c.entry_id).where(_of_topic.c.topic_id.in_(sorted(topic_ids)))


def on_topics(*topic_ids: int) -> ColumnElement[bool]:
    """Return the condition for entries that are on one of some topics."""
    return Entry.id.in_(ids_on(*topic_ids))


def work_by_topic(*where: ColumnElement[bool]) -> Select[int, int, int]:
    """Return a select of topics, with how many units (`units`) and how many released entries (`entries`) are seen on each."""
    units = func.count(func.distinct(Entry.unit_id)).label("units")
    return (
        select(_of_topic.c.topic_id, units, func.count(Entry.id).label("entries"))
        .join(Entry, Entry.id == _of_topic.c.entry_id)
        .where(behind(Entry.state) == State.RELEASED, *where)
        .group_by(_of_topic.c.topic_id)
    )


def units_on(topic_ids: Sequence[int] | Select[int], *where: ColumnElement[bool]) -> CTE:
    """Return who works on some topics: (topic, unit, how many released entries), as far as they are seen.

    The entries are looked up one by one: joined to some thousand links, PostgreSQL would walk through all that there are.
    """
    unit_id = select(Entry.unit_id).where(Entry.id == _of_topic.c.entry_id, behind(Entry.state) == State.RELEASED)
    links = (
        select(_of_topic.c.topic_id, unit_id.scalar_subquery().label("unit_id"))
        .join(Topic, Topic.id == _of_topic.c.topic_id)
        .where(_of_topic.c.topic_id.in_(topic_ids), *where)
        .subquery()
    )
    counted = select(links.c.topic_id, links.c.unit_id, func.count().label("entries"))
    by_unit = counted.group_by(links.c.topic_id, links.c.unit_id).having(links.c.unit_id.is_not(None))  # seen, that is
    return by_unit.cte("units_on")


def is_worked_on(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition for topics on which an entry is seen for which some conditions hold.

    The first that is found will do; by a limit, because with EXISTS PostgreSQL finds all entries of all topics.
    """
    found = select(Entry.id).join(_of_topic, _of_topic.c.entry_id == Entry.id).where(_of_topic.c.topic_id == Topic.id, *where)
    return found.limit(1).correlate(Topic).scalar_subquery().is_not(None)


def with_counterpart(counterpart_id: int) -> ColumnElement[bool]:
    """Return the condition for entries that concern a counterpart."""
    return Entry.id.in_(select(EntryCounterpart.entry_id).where(EntryCounterpart.counterpart_id == counterpart_id))


def with_instrument(instrument_id: int) -> ColumnElement[bool]:
    """Return the condition for entries that refer to an instrument."""
    return Entry.id.in_(select(EntryInstrument.entry_id).where(EntryInstrument.instrument_id == instrument_id))


def matching(session: Session, words: str) -> ColumnElement[bool] | None:
    """Return a condition for entries whose standing text holds all the words (the last one may be a beginning), or None."""
    wanted = query_stems(words)
    if not wanted:
        return None
    lite = session.get_bind().dialect.name == "sqlite"
    parts, open_ended = [], beginnings(words)
    for i, forms in enumerate(wanted):
        begins = open_ended if i == len(wanted) - 1 else frozenset()  # the word that may still be being typed
        kept = [f'"{f}"{"*" if f in begins else ""}' if lite else f"'{f}'{':*' if f in begins else ''}" for f in forms]
        parts.append("(" + (" OR " if lite else " | ").join(kept) + ")")
    if lite:
        rows = select(_search.c.rowid).where(column("entry_search").op("MATCH")(" AND ".join(parts)))
    else:
        rows = select(_search.c.rowid).where(_search.c.stems.op("@@")(func.to_tsquery("simple", " & ".join(parts))))
    return among_found(Entry.id, rows)


def conditions(session: Session, filters: Filters, *, but: str = "") -> list[ColumnElement[bool]]:
    """Return the conditions that the entries of a list meet; whoever counts what a list shows counts by the same."""
    found = matching(session, filters.words) if filters.words else None
    # of what moved within a time there is little: the time comes first, whose and what it is afterwards
    within = filters.released or filters.ended
    kind, state, unit_id = (behind(c) if within else c for c in (Entry.kind, Entry.state, Entry.unit_id))
    pairs: list[tuple[str, ColumnElement[bool] | None]] = [
        ("words", found),
        ("kind", kind == filters.kind if filters.kind else None),
        ("state", state == filters.state if filters.state else None),
        ("unit_id", unit_id == filters.unit_id if filters.unit_id else None),
        ("bureau", unit_id.in_(sorted(filters.unit_ids)) if filters.unit_ids is not None else None),
        ("circle", held_in(filters.circle) if filters.circle else None),
        ("topic_id", on_topics(filters.topic_id) if filters.topic_id else None),
        ("basket", on_topics(*filters.topic_ids) if filters.topic_ids is not None else None),
        ("forum_id", before_forum(filters.forum_id) if filters.forum_id else None),
        ("event", Entry.event_id == filters.event_id if filters.event_id else None),
        ("question", _entry.c.question_id == filters.question_id if filters.question_id else None),
        ("counterpart", with_counterpart(filters.counterpart_id) if filters.counterpart_id else None),
        ("instrument", with_instrument(filters.instrument_id) if filters.instrument_id else None),
        ("stance", _entry.c.stance == filters.stance if filters.stance else None),
        ("current", behind(Entry.state) == State.RELEASED if filters.current else None),
        ("released", _released_within(*filters.released) if filters.released else None),
        ("ended", _ended_within(*filters.ended) if filters.ended else None),
    ]
    return [c for name, c in pairs if c is not None and name != but]


_of_standing = EntryVersion.__table__.alias()  # the version that stands is what is seen of a released entry


def _released_within(begin: datetime, end: datetime) -> ColumnElement[bool]:
    """Return the condition for current entries whose standing version was released within a time."""
    version = _of_standing
    within = version.c.released_at >= begin, version.c.released_at < end
    late = select(version.c.entry_id, version.c.number).where(*within)
    return and_(
        behind(Entry.state) == State.RELEASED,
        Entry.id.in_(select(version.c.entry_id).where(*within)),
        tuple_(Entry.id, Entry.standing_version).in_(late),
    )


def _ended_within(begin: datetime, end: datetime) -> ColumnElement[bool]:
    """Return the condition for entries that ended within a time; dropped drafts never stood, and a successor speaks for itself."""
    successor = aliased(Entry)
    followed = exists().where(successor.supersedes_id == Entry.id, successor.state == State.RELEASED)
    return and_(Entry.ended_at >= begin, Entry.ended_at < end, Entry.released_at < Entry.ended_at, ~followed)


def listed(session: Session, filters: Filters, *, number: int = 1, size: int = PAGE) -> tuple[Sequence[Entry], int]:
    """Return one page of the entries that pass the filters, newest first, and how many there are in all."""
    where = conditions(session, filters)
    total = session.scalar(select(func.count(Entry.id)).where(*where)) or 0
    rows = session.scalars(
        with_company().where(*where).order_by(Entry.logged_on.desc(), Entry.id.desc()).limit(size).offset((number - 1) * size)
    ).all()
    return rows, total


def ids_listed(session: Session, filters: Filters) -> Sequence[int]:
    """Return the numbers inside of all entries that pass the filters, in the order of the lists."""
    found = select(Entry.id).where(*conditions(session, filters))
    return session.scalars(found.order_by(Entry.logged_on.desc(), Entry.id.desc())).all()


def extent(session: Session, filters: Filters) -> tuple[int, int | None]:
    """Return how many entries pass the filters, and the highest level among them."""
    number, level = session.execute(select(func.count(Entry.id), func.max(Entry.level)).where(*conditions(session, filters))).one()
    return number, level


def facets(session: Session, filters: Filters) -> dict[str, list[tuple[Any, int]]]:
    """Return for each facet its values and how many entries each would leave, most first, at most ten of each."""
    counted = func.count(Entry.id)
    unit = select(Unit, counted).join(Entry, Entry.unit_id == Unit.id).where(*conditions(session, filters, but="unit_id"))
    topic = (
        select(Topic, counted)
        .join(EntryTopic, EntryTopic.topic_id == Topic.id)
        .join(Entry, Entry.id == EntryTopic.entry_id)
        .where(*conditions(session, filters, but="topic_id"))
    )
    named = func.coalesce(Entry.forum_id, Event.forum_id)
    forum = (
        select(Forum, counted)
        .select_from(Entry)
        .outerjoin(Event, Event.id == Entry.event_id)
        .join(Forum, Forum.id == named)
        .where(*conditions(session, filters, but="forum_id"))
    )
    state = select(Entry.state, counted).where(*conditions(session, filters, but="state")).group_by(Entry.state)
    kind = select(Entry.kind, counted).where(*conditions(session, filters, but="kind")).group_by(Entry.kind)
    return {
        "kind": [(k, n) for k, n in session.execute(kind.order_by(counted.desc()))],
        "state": [(s, n) for s, n in session.execute(state.order_by(counted.desc()))],
        "unit": [(u, n) for u, n in session.execute(unit.group_by(Unit.id).order_by(counted.desc(), Unit.id).limit(10))],
        "topic": [(t, n) for t, n in session.execute(topic.group_by(Topic.id).order_by(counted.desc(), Topic.id).limit(10))],
        "forum": [(f, n) for f, n in session.execute(forum.group_by(Forum.id).order_by(counted.desc(), Forum.id).limit(10))],
    }


def on_topic(session: Session, topic_id: int, *, state: State = State.RELEASED, most: int = 200) -> Sequence[Entry]:
    """Return the entries on a topic in one state, newest first, at most `most`."""
    return session.scalars(
        with_company()
        .where(Entry.id.in_(select(EntryTopic.entry_id).where(EntryTopic.topic_id == topic_id)), Entry.state == state)
        .order_by(Entry.logged_on.desc(), Entry.id.desc())
        .limit(most)
    ).all()


def waiting_for_release(session: Session, unit_id: int, *, most: int = 50) -> Sequence[Entry]:
    """Return the entries of a unit whose newest version its officers want released, oldest first."""
    return session.scalars(
        with_company()
        .join(
            EntryVersion,
            and_(EntryVersion.entry_id == Entry.id, EntryVersion.number == Entry.newest_version),
        )
        .where(
            Entry.unit_id == unit_id,
            Entry.state.in_([State.DRAFT, State.RELEASED]),
            EntryVersion.offered_at.is_not(None),
            EntryVersion.released_at.is_(None),
        )
        .order_by(EntryVersion.offered_at, Entry.id)
        .limit(most)
    ).all()


def to_review(session: Session, unit_id: int, *, by: date, most: int = 50) -> Sequence[Entry]:
    """Return the released entries of a unit whose review is due by a day, the most overdue first."""
    return session.scalars(
        with_company()
        .where(Entry.unit_id == unit_id, Entry.state == State.RELEASED, Entry.review_by <= by)
        .order_by(Entry.review_by, Entry.id)
        .limit(most)
    ).all()


def proposals(session: Session, unit_id: int) -> Sequence[TopicProposal]:
    """Return the topics that others propose for a unit's entries and that nobody answered yet."""
    return session.scalars(
        select(TopicProposal)
        .join(Entry, Entry.id == TopicProposal.entry_id)
        .where(Entry.unit_id == unit_id, TopicProposal.answered_at.is_(None), Entry.state == State.RELEASED)
        .options(joinedload(TopicProposal.entry), joinedload(TopicProposal.topic), joinedload(TopicProposal.by_unit))
        .order_by(TopicProposal.at, TopicProposal.id)
    ).all()


def titles(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """Return the titles of those of some entries that the reader may see."""
    return {i: t for i, t in session.execute(select(Entry.id, Entry.title).where(Entry.id.in_(list(ids))))}


# --- around one entry ----------------------------------------------------------------------------------------------------


def superseded_by(session: Session, entry: Entry) -> Entry | None:
    """Return the entry that superseded an entry, or that will once it is released, if the reader may see it."""
    return session.scalars(
        select(Entry).where(Entry.supersedes_id == entry.id).order_by(Entry.released_at.desc(), Entry.id.desc())
    ).first()


def by_id(session: Session, entry_id: int | None) -> Entry | None:
    """Return an entry with its unit by its number inside, or None if there is none that the reader may see."""
    if entry_id is None:
        return None
    return session.scalars(select(Entry).where(Entry.id == entry_id).options(joinedload(Entry.unit))).one_or_none()


def names_in(session: Session, contents: Iterable[Mapping[str, Any]]) -> dict[str, dict[Any, str]]:
    """Return the names of all that some versions' contents speak of, by field; hidden positions are left out."""
    contents = list(contents)

    def ids(*fields: str) -> list[int]:
        found: set[int] = set()
        for content in contents:
            for field in fields:
                value = content.get(field)
                found |= set(value) if isinstance(value, list) else {value} if value is not None else set()
        return sorted(found)

    def named(model: Any, name: Any, *fields: str) -> dict[Any, str]:
        wanted = ids(*fields)
        return dict(session.execute(select(model.id, name).where(model.id.in_(wanted))).all()) if wanted else {}

    return {
        "topics": named(Topic, Topic.name, "topics"),
        "forum_id": named(Forum, Forum.name, "forum_id"),
        "event_id": named(Event, Event.name, "event_id"),
        "question_id": named(Question, Question.text, "question_id"),
        "counterparts": named(Counterpart, Counterpart.name, "counterparts"),
        "instruments": named(Instrument, Instrument.name, "instruments"),
        "on_behalf_of_id": named(Counterpart, Counterpart.name, "on_behalf_of_id"),
        "lead_id": named(Person, Person.name, "lead_id"),
        "contributing": named(Unit, Unit.name, "contributing"),
        "positions": titles(session, wanted) if (wanted := ids("positions")) else {},
    }


# --- how many people an audience is --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """Somebody or something that a token of an audience stands for: its ref and its name."""

    ref: str
    name: str


def named_readers(session: Session, tokens: Iterable[str]) -> dict[str, Named]:
    """Return what the tokens of an audience stand for; the circles have no name but their own word."""
    wanted: dict[str, set[int]] = {}
    for token in tokens:
        kind, _, number = token.partition(":")
        if number.isdecimal():
            wanted.setdefault(kind, set()).add(int(number))
    found: dict[str, Named] = {}
    models: dict[str, Any] = {
        "unit": Unit,
        "bureau": Unit,
        "coord": Unit,
        "group": Group,
        "user": Person,
        "org": Organisation,
    }
    for kind, ids in wanted.items():
        model = models.get(kind)
        if model is not None:
            rows = session.execute(select(model.id, model.ref, model.name).where(model.id.in_(sorted(ids))))
            found |= {f"{kind}:{i}": Named(ref, name) for i, ref, name in rows}
    return found


def _reach() -> ColumnElement[int]:
    """The highest level that a person reads; people.rules.effective_level is its twin."""
    return case((Person.clearance <= Organisation.ceiling, Person.clearance), else_=Organisation.ceiling)


def _coordinates() -> ColumnElement[bool]:
    return exists().where(Duty.person_id == Person.id, Duty.role == Role.COORDINATOR)


@dataclass(frozen=True)
class Headcount:
    """How many people hold a token and read at a level."""

    held: Mapping[str, Sequence[int]]  # token → people by their highest level, 0 to 2

    def of(self, token: str, level: int) -> int:
        """Return how many hold a token and read at a level."""
        return sum(self.held.get(token, ())[level:])


def headcount(session: Session, units: Mapping[int, Seat]) -> Headcount:
    """Return how many people hold each token of a unit, a bureau, a circle, a group, a bureau's coordinators."""
    held: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    active = Person.disabled_at.is_(None)
    coordinates = Duty.person_id.is_not(None)  # over a join: PostgreSQL groups by no subquery of the row
    rows = session.execute(
        select(Person.unit_id, _reach(), coordinates, func.count(Person.id))
        .join(Unit, Unit.id == Person.unit_id)
        .join(Organisation, Organisation.id == Unit.organisation_id)
        .outerjoin(Duty, and_(Duty.person_id == Person.id, Duty.role == Role.COORDINATOR))
        .where(active)
        .group_by(Person.unit_id, _reach(), coordinates)
    )
    for unit_id, level, coordinating, people in rows:
        tokens = units[unit_id].tokens | ({f"coord:{a}" for a in units[unit_id].line} if coordinating else frozenset())
        for token in tokens:
            held[token][level] += people
    members = session.execute(
        select(Membership.group_id, _reach(), func.count(Person.id))
        .join(Person, Person.id == Membership.person_id)
        .join(Unit, Unit.id == Person.unit_id)
        .join(Organisation, Organisation.id == Unit.organisation_id)
        .where(active)
        .group_by(Membership.group_id, _reach())
    )
    for group_id, level, people in members:
        held[f"group:{group_id}"][level] += people
    return Headcount(held)


def held_outside(session: Session, tokens: frozenset[str]) -> frozenset[str]:
    """Return those of some tokens that name units, bureaus, groups or persons outside the ministry, or with somebody from there."""
    away = Organisation.circle != Circle.MINISTRY
    units = session.scalars(select(Unit.id).join(Organisation, Organisation.id == Unit.organisation_id).where(away)).all()
    named = {
        t for reader in unit_readers(session, units).values() for t in reader.tokens if t.startswith(("unit:", "bureau:", "org:"))
    }
    ids: dict[str, list[int]] = {kind: [int(t.split(":")[1]) for t in tokens if t.startswith(kind)] for kind in ("user:", "group:")}
    persons = select(Person.id).where(Person.id.in_(ids["user:"]), Person.unit_id.in_(units))
    groups = (
        select(Membership.group_id)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.group_id.in_(ids["group:"]), Person.unit_id.in_(units))
    )
    named |= {f"user:{i}" for i in session.scalars(persons)} | {f"group:{i}" for i in session.scalars(groups)}
    return tokens & named


def _read_by(session: Session, *, level: int, audience: frozenset[str]) -> ColumnElement[bool]:
    """Return the condition for persons, joined with unit and organisation, who may see an entry of a level and an audience."""
    units = seats(session)
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for token in audience:
        kind, _, number = token.partition(":")
        if number.isdecimal():
            numbers[kind].append(int(number))
    coordinated = [i for i, seat in units.items() if not set(seat.line).isdisjoint(numbers["coord"])]
    return and_(
        Person.disabled_at.is_(None),
        _reach() >= level,
        or_(
            Person.unit_id.in_([i for i, seat in units.items() if not seat.tokens.isdisjoint(audience)]),
            Person.id.in_(numbers["user"]),
            Person.id.in_(select(Membership.person_id).where(Membership.group_id.in_(numbers["group"]))),
            and_(Person.unit_id.in_(coordinated), _coordinates()),
        ),
    )


def _everybody(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(Person)
        .join(Unit, Unit.id == Person.unit_id)
        .join(Organisation, Organisation.id == Unit.organisation_id)
    )


def count_readers(session: Session, *, level: int, audience: frozenset[str]) -> int:
    """Return how many people may see an entry of a level and an audience; rules.may_see over everybody is its twin."""
    return int(session.scalars(_everybody(func.count(Person.id)).where(_read_by(session, level=level, audience=audience))).one())


def readers_among(session: Session, ids: Iterable[int], *, level: int, audience: frozenset[str]) -> frozenset[int]:
    """Return those of some persons who may see an entry of a level and an audience."""
    may = _read_by(session, level=level, audience=audience)
    return frozenset(session.scalars(_everybody(Person.id).where(Person.id.in_(sorted(ids)), may)))


def somebody_gains(session: Session, before: tuple[int, frozenset[str]], after: tuple[int, frozenset[str]]) -> bool:
    """Say whether somebody could read an entry of a level and an audience after a change who could not before."""
    could, can = (_read_by(session, level=level, audience=audience) for level, audience in (before, after))
    return session.scalar(_everybody(Person.id).where(can, ~could).limit(1)) is not None


# --- the page of an entry -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class About:
    """What the page of an entry shows around its text."""

    versions: Sequence[EntryVersion]
    under_way: EntryVersion | None
    tokens: frozenset[str]
    wanted: frozenset[str]
    named: Mapping[str, Named]
    people: int
    supersedes: Entry | None
    superseded_by: Entry | None
    proposals: Sequence[TopicProposal]


def about(session: Session, entry: Entry, *, own: bool) -> About:
    """Return what stands around an entry; what is not released yet, and who is to read it, for its own unit only."""
    seen = versions(session, entry)
    newest = next((v for v in seen if own and v.number == entry.newest_version and v.released_at is None), None)
    tokens = tokens_of(session, entry.audience_id)
    wanted = tokens if newest is None else tokens_of(session, newest.audience_id)
    return About(
        versions=seen,
        under_way=newest,
        tokens=tokens,
        wanted=wanted,
        named=named_readers(session, tokens | wanted | {f"unit:{entry.unit_id}"}),
        people=count_readers(session, level=entry.level if newest is None else newest.level, audience=wanted),
        supersedes=by_id(session, entry.supersedes_id),
        superseded_by=superseded_by(session, entry),
        proposals=[p for p in proposals(session, entry.unit_id) if p.entry_id == entry.id] if own else (),
    )


# --- what a form offers --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choices:
    """What an entry may be put on and who may be named as its readers: plain rows, because there are thousands."""

    topics: Sequence[Any]
    """Of each topic id, ref and name."""
    aliases: Mapping[int, str]
    """Of each topic the other names by which it is found."""
    forums: Sequence[Any]
    events: Sequence[Any]
    """Of each event id, ref, name, forum and day."""
    questions: Sequence[Any]
    """Of each question id, ref, text, topic and forum."""
    counterparts: Sequence[Any]
    instruments: Sequence[Any]
    """Of each instrument id, ref, name and short name."""
    units: Sequence[Seat]
    bureaus: Sequence[Seat]
    coordinated: Sequence[Seat]
    groups: Sequence[Any]
    named: Mapping[str, Named]
    headcount: Headcount | None
    held_topics: frozenset[int]
    """What the topics that the version holds stand for today."""


def choices(
    session: Session,
    person: Person,
    *,
    content: Mapping[str, Any] | None = None,
    audience: Iterable[str] = (),
    on: date | None = None,
    readers: bool = True,
) -> Choices:
    """Return what a person may choose for an entry on a day; what a version holds already stays on offer though it is past.

    Without `readers` it is left open who may be named, and how many they are. Outside the ministry the reading groups and the
    numbers of its people are nobody's business: they are left out.
    """
    held = content or {}
    inside = person.unit.organisation.circle is Circle.MINISTRY
    every = seats(session) if readers else {}
    standing_units = set(held.get("contributing", ()))
    units = [
        u
        for u in every.values()
        if (inside or u.organisation_id == person.unit.organisation_id)
        and (on is None or u.id in standing_units or not has_ended(u.ends_on, on=on))
    ]
    with_units_below = {above for u in units for above in u.line[1:]}
    over_me = set(every[person.unit_id].line[1:]) if readers else set()
    return Choices(
        topics=session.execute(
            select(Topic.id, Topic.ref, Topic.name).where(Topic.merged_into_id.is_(None)).order_by(Topic.name, Topic.id)
        ).all(),
        aliases=_aliases(session),
        forums=session.execute(
            select(Forum.id, Forum.ref, Forum.name, Forum.short_name, Forum.aliases).order_by(Forum.name, Forum.id)
        ).all(),
        events=session.execute(
            select(Event.id, Event.ref, Event.name, Event.aliases, Event.starts_on, Forum.short_name.label("forum"))
            .join(Forum, Forum.id == Event.forum_id)
            .where(or_(Event.past.is_(False), Event.id == held.get("event_id")))
            .order_by(Event.starts_on, Event.id)
        ).all(),
        questions=session.execute(
            select(Question.id, Question.ref, Question.text, Topic.name.label("topic"), Forum.name.label("forum"))
            .join(Topic, Topic.id == Question.topic_id)
            .outerjoin(Forum, Forum.id == Question.forum_id)
            .order_by(Question.text, Question.id)
        ).all(),
        counterparts=_named(session, Counterpart),
        instruments=session.execute(
            select(Instrument.id, Instrument.ref, Instrument.name, Instrument.short_name).order_by(
                Instrument.short_name, Instrument.id
            )
        ).all(),
        units=[u for u in units if u.id != person.unit_id],
        bureaus=[u for u in units if u.id in with_units_below],
        coordinated=[u for u in units if u.id in over_me],
        groups=_named(session, Group) if inside and readers else (),
        named=named_readers(session, audience) if readers else {},
        headcount=headcount(session, every) if inside and readers else None,
        held_topics=frozenset(standing(session, held.get("topics", ()))),
    )


def _named(session: Session, model: Any) -> Sequence[Any]:
    return session.execute(select(model.id, model.ref, model.name).order_by(model.name, model.id)).all()


def _aliases(session: Session) -> dict[int, str]:
    """Return the names of each topic that are not the one by which it goes, as one text."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    rows = session.execute(
        select(TopicName.topic_id, TopicName.text)
        .join(Topic, Topic.id == TopicName.topic_id)
        .where(TopicName.text != Topic.name)
        .order_by(TopicName.text, TopicName.id)
    )
    for topic_id, text in rows:
        found[topic_id].append(text)
    return {topic_id: " ".join(texts) for topic_id, texts in found.items()}


# --- what a crash could break --------------------------------------------------------------------------------------------


def halves(session: Session) -> list[str]:
    """Return a sentence for each entry that lacks a version, its line in the history or its place in the search index."""
    with read_as_system(session, "check") as connection:
        entry, version, event = Entry.__table__, EntryVersion.__table__, History.__table__
        standing = (
            select(entry.c.id, version.c.content["title"].as_string().label("title"), entry.c.title.label("shown"))
            .outerjoin(version, and_(version.c.entry_id == entry.c.id, version.c.number == entry.c.standing_version))
            .order_by(entry.c.id)
        )
        sentences = [
            f"Entry {row.id} does not show the version that stands."
            for row in connection.execute(standing)
            if row.title != row.shown
        ]
        kept = and_(version.c.entry_id == entry.c.id, version.c.number <= entry.c.newest_version)
        few = select(entry.c.id).where(
            select(func.count()).select_from(version).where(kept).scalar_subquery() != entry.c.newest_version
        )
        sentences += [f"Entry {i} lacks one of its versions." for i in connection.scalars(few.order_by(entry.c.id))]
        told = exists().where(event.c.subject_kind == "entry", event.c.subject_id == entry.c.id, event.c.action.endswith(".logged"))
        silent = select(entry.c.id).where(~told)
        sentences += [f"Entry {i} is not in the history." for i in connection.scalars(silent.order_by(entry.c.id))]
        lost = select(entry.c.id).where(entry.c.id.not_in(select(_search.c.rowid)))
        sentences += [f"Entry {i} cannot be searched." for i in connection.scalars(lost.order_by(entry.c.id))]
    return sentences
