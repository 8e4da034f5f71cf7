"""What we know of entries; the rule of access as SQL, in this one place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, column, exists, func, or_, select, table
from sqlalchemy.orm import Session, joinedload, selectinload

from coordinator.calendar.models import Event, Forum
from coordinator.db import Reader as AnyReader
from coordinator.db import protect
from coordinator.entries.models import (
    AudienceToken,
    Entry,
    EntryCounterpart,
    EntrySource,
    EntryTopic,
    EntryVersion,
    Kind,
    State,
    TopicProposal,
)
from coordinator.errors import NotFound
from coordinator.people.models import Unit
from coordinator.stems import query_stems
from coordinator.topics.models import Topic

# --- the rule ----------------------------------------------------------------------------------------------------------


def visible(reader: AnyReader, entry: Any = Entry) -> ColumnElement[bool]:
    """Return the rule of access as SQL over a table with `level` and `audience_id`; rules.may_see is its twin."""
    held = select(AudienceToken.audience_id).where(AudienceToken.token.in_(sorted(reader.tokens)))
    return and_(entry.level <= reader.level, entry.audience_id.in_(held))


def visible_ids(reader: AnyReader) -> Select[int]:
    """Return a select of the ids of the entries that a reader may see."""
    entry = Entry.__table__.alias()
    return select(entry.c.id).where(visible(reader, entry.c))


def _version_visible(reader: AnyReader) -> ColumnElement[bool]:
    entry = Entry.__table__.alias()
    return and_(
        visible(reader, EntryVersion),
        exists().where(
            entry.c.id == EntryVersion.entry_id,
            visible(reader, entry.c),
            or_(EntryVersion.released_at.is_not(None), entry.c.unit_id == getattr(reader, "unit_id", None)),
        ),
    )


def hangs_on(entry_id: Any) -> Any:
    """Return a criterion for rows that hang on an entry: they are seen when the entry is."""

    def criterion(reader: AnyReader) -> ColumnElement[bool]:
        entry = Entry.__table__.alias()
        return exists().where(entry.c.id == entry_id, visible(reader, entry.c))

    return criterion


protect(Entry, visible, "entry_search")
protect(EntryVersion, _version_visible)
protect(EntryTopic, hangs_on(EntryTopic.entry_id))
protect(EntryCounterpart, hangs_on(EntryCounterpart.entry_id))
protect(EntrySource, hangs_on(EntrySource.entry_id))
protect(TopicProposal, hangs_on(TopicProposal.entry_id))

# --- one entry ---------------------------------------------------------------------------------------------------------


def with_company() -> Select[Entry]:
    """Return a select of entries with all that a list shows of them."""
    return select(Entry).options(
        joinedload(Entry.unit).joinedload(Unit.organisation),
        joinedload(Entry.forum),
        joinedload(Entry.event).joinedload(Event.forum),
        selectinload(Entry.topics),
    )


def one(session: Session, ref: str) -> Entry:
    """Return an entry by ref with its company; raises NotFound for a hidden one as for one that never was."""
    found = session.scalars(
        with_company()
        .where(Entry.ref == ref)
        .options(joinedload(Entry.author), joinedload(Entry.audience), selectinload(Entry.counterparts))
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
        .options(joinedload(EntryVersion.author), joinedload(EntryVersion.released_by))
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
    topic_id: int | None = None
    forum_id: int | None = None


def matching(session: Session, words: str) -> ColumnElement[bool] | None:
    """Return a condition for entries whose standing text holds all the words (the last one may be a beginning), or None."""
    wanted = query_stems(words)
    if not wanted:
        return None
    lite = session.get_bind().dialect.name == "sqlite"
    parts = []
    for i, forms in enumerate(wanted):
        last = i == len(wanted) - 1  # the word that may still be being typed
        kept = [f'"{f}"{"*" if last else ""}' if lite else f"'{f}'{':*' if last else ''}" for f in forms]
        parts.append("(" + (" OR " if lite else " | ").join(kept) + ")")
    if lite:
        rows = select(_search.c.rowid).where(column("entry_search").op("MATCH")(" AND ".join(parts)))
    else:
        rows = select(_search.c.rowid).where(_search.c.stems.op("@@")(func.to_tsquery("simple", " & ".join(parts))))
    return Entry.id.in_(rows)


def _conditions(session: Session, filters: Filters, *, but: str = "") -> list[ColumnElement[bool]]:
    found = matching(session, filters.words) if filters.words else None
    pairs: list[tuple[str, ColumnElement[bool] | None]] = [
        ("words", found),
        ("kind", Entry.kind == filters.kind if filters.kind else None),
        ("state", Entry.state == filters.state if filters.state else None),
        ("unit_id", Entry.unit_id == filters.unit_id if filters.unit_id else None),
        (
            "topic_id",
            Entry.id.in_(select(EntryTopic.entry_id).where(EntryTopic.topic_id == filters.topic_id)) if filters.topic_id else None,
        ),
        ("forum_id", Entry.forum_id == filters.forum_id if filters.forum_id else None),
    ]
    return [c for name, c in pairs if c is not None and name != but]


def listed(session: Session, filters: Filters, *, number: int = 1, size: int = PAGE) -> tuple[Sequence[Entry], int]:
    """Return one page of the entries that pass the filters, newest first, and how many there are in all."""
    where = _conditions(session, filters)
    total = session.scalar(select(func.count(Entry.id)).where(*where)) or 0
    rows = session.scalars(
        with_company().where(*where).order_by(Entry.logged_on.desc(), Entry.id.desc()).limit(size).offset((number - 1) * size)
    ).all()
    return rows, total


def facets(session: Session, filters: Filters) -> dict[str, list[tuple[Any, int]]]:
    """Return for each facet its values and how many entries each would leave, most first, at most ten of each."""
    counted = func.count(Entry.id)
    unit = select(Unit, counted).join(Entry, Entry.unit_id == Unit.id).where(*_conditions(session, filters, but="unit_id"))
    topic = (
        select(Topic, counted)
        .join(EntryTopic, EntryTopic.topic_id == Topic.id)
        .join(Entry, Entry.id == EntryTopic.entry_id)
        .where(*_conditions(session, filters, but="topic_id"))
    )
    forum = select(Forum, counted).join(Entry, Entry.forum_id == Forum.id).where(*_conditions(session, filters, but="forum_id"))
    state = select(Entry.state, counted).where(*_conditions(session, filters, but="state")).group_by(Entry.state)
    kind = select(Entry.kind, counted).where(*_conditions(session, filters, but="kind")).group_by(Entry.kind)
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
