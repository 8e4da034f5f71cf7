"""What can be done with an entry: log, revise, offer, release, withdraw, let expire. The kinds call these and add their own."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, text, update
from sqlalchemy.orm import Session

from coordinator.db import read_as_system, touch
from coordinator.entries import queries
from coordinator.entries.models import (
    Audience,
    AudienceToken,
    Entry,
    EntryCounterpart,
    EntryInstrument,
    EntryTopic,
    EntryVersion,
    Kind,
    State,
    TopicProposal,
)
from coordinator.entries.rules import (
    Draft,
    EditedMeanwhile,
    LowersTheLevel,
    NotCurrent,
    NothingTakenBack,
    NotWaiting,
    ReachesFurther,
    Recall,
    SecondPerson,
    TextMissing,
    TitleMissing,
    WhyRecalled,
    audience_tokens,
    beyond_ministry,
    check_audience,
    needs_second_person,
)
from coordinator.errors import Refused
from coordinator.history.actions import record
from coordinator.people.models import Person, Unit
from coordinator.stems import index_stems
from coordinator.topics.actions import when_merged
from coordinator.topics.models import Topic
from coordinator.topics.queries import standing

# What the kinds keep beside the entry's own columns is written when a version becomes the standing one.
Apply = Callable[[Session, Any, dict[str, Any]], None]
_apply: dict[Kind, Apply] = {}
_may_stand: dict[Kind, Callable[[Session, Any, "EntryVersion", Person | None, datetime], None]] = {}
_ended: list[Callable[[Session, Any, datetime], None]] = []
_narrowed: list[Callable[[Session, Any, int, datetime], None]] = []


def with_standing(kind: Kind, apply: Apply) -> None:
    """Say what else is written when a version of an entry of a kind becomes the standing one."""
    _apply[kind] = apply


def before_release(kind: Kind, check: Callable[[Session, Any, EntryVersion, Person | None, datetime], None]) -> None:
    """Say what a kind checks, and makes room for, before a version is released; it may raise Refused."""
    _may_stand[kind] = check


def when_ended(follow: Callable[[Session, Any, datetime], None]) -> None:
    """Say what else happens when an entry stops being current."""
    _ended.append(follow)


def when_narrowed(follow: Callable[[Session, Any, int, datetime], None]) -> None:
    """Say what else happens when fewer may read an entry than before; it is told the number of the version that stood."""
    _narrowed.append(follow)


def keep_audience(session: Session, tokens: frozenset[str]) -> int:
    """Return the id of the audience with just these tokens, making it if there is none yet."""
    digest = hashlib.sha256("\n".join(sorted(tokens)).encode()).hexdigest()
    known = session.scalar(select(Audience.id).where(Audience.digest == digest))
    if known is not None:
        return known
    audience = Audience(digest=digest)
    session.add(audience)
    session.flush()  # gives the audience its id
    session.execute(insert(AudienceToken), [{"audience_id": audience.id, "token": t} for t in sorted(tokens)])
    return audience.id


def start(
    session: Session,
    entry: Entry,
    draft: Draft,
    *,
    unit: Unit,
    by: Person | None,
    at: datetime,
    on: date,
    form_key: str | None = None,
    offer: bool = False,
) -> Entry:
    """Log a new entry as a draft of a unit, with its first version; only that unit sees it until it is released."""
    _check(draft, unit.id)
    entry.unit_id, entry.author_id = unit.id, by.id if by else None
    entry.logged_at, entry.logged_on, entry.state = at, on, State.DRAFT
    entry.level, entry.audience_id = int(draft.level), keep_audience(session, audience_tokens(unit.id, ()))
    content = _content(session, draft)
    _write_columns(entry, content)
    entry.standing_version = entry.newest_version = 1
    entry.changed_number = 0
    session.add(entry)
    session.flush()  # gives the entry its id
    version = _add_version(session, entry, draft, content, by=by, at=at, form_key=form_key, offer=offer)
    _write_rest(session, entry, content)
    entry.changed_number = record(
        session, f"{entry.kind.value}.logged", subject=("entry", entry.id), by=by, at=at, said={"version": version.number}
    )
    touch(session, "entry", entry.id)
    return entry


def revise(
    session: Session,
    entry: Entry,
    draft: Draft,
    *,
    base: int,
    by: Person | None,
    at: datetime,
    form_key: str | None = None,
    offer: bool = False,
) -> EntryVersion:
    """Make a new version of an entry; what is released stays current until the new version is released.

    Raises EditedMeanwhile if `base` is no longer the newest version, NotCurrent if the entry is neither draft nor released.
    """
    refresh(session, entry)
    if entry.state not in {State.DRAFT, State.RELEASED}:
        raise NotCurrent
    if entry.newest_version != base:
        raise EditedMeanwhile
    _check(draft, entry.unit_id)
    content = _content(session, draft)
    entry.newest_version += 1
    version = _add_version(session, entry, draft, content, by=by, at=at, form_key=form_key, offer=offer)
    if entry.state == State.DRAFT:
        entry.standing_version = version.number
        entry.level = int(draft.level)
        _write_columns(entry, content)
        _write_rest(session, entry, content)
    entry.changed_number = record(
        session, f"{entry.kind.value}.revised", subject=("entry", entry.id), by=by, at=at, said={"version": version.number}
    )
    touch(session, "entry", entry.id)
    return version


def offer(session: Session, entry: Entry, *, by: Person, at: datetime) -> None:
    """Ask the unit's releasing officers to release the newest version."""
    refresh(session, entry)
    version = queries.version(session, entry, entry.newest_version)
    if version.released_at is not None or entry.state not in {State.DRAFT, State.RELEASED}:
        raise NotWaiting
    version.offered_at = at
    record(session, f"{entry.kind.value}.offered", subject=("entry", entry.id), by=by, at=at, said={"version": version.number})


def release(session: Session, entry: Entry, *, by: Person | None, at: datetime) -> None:
    """Release the newest version: it becomes the standing one, and what it supersedes ends.

    Raises NotWaiting if nothing waits, SecondPerson if the author alone may not go so far.
    """
    refresh(session, entry)
    version = queries.version(session, entry, entry.newest_version)
    if version.released_at is not None or entry.state not in {State.DRAFT, State.RELEASED}:
        raise NotWaiting
    audience = queries.tokens_of(session, version.audience_id)
    first = entry.state == State.DRAFT
    readers = frozenset() if first else queries.tokens_of(session, entry.audience_id)
    second = needs_second_person(
        version,
        audience=audience,
        standing_level=None if first else entry.level,
        standing_audience=readers,
        outside=queries.held_outside(session, audience | readers) - {f"unit:{entry.unit_id}"},
    )
    if second and by is not None and by.id == version.author_id:
        raise SecondPerson
    if first and entry.supersedes_id is not None:
        _supersede(session, entry, by=by, at=at)  # first, so that the old line makes room in the unique index
    if entry.kind in _may_stand:
        _may_stand[entry.kind](session, entry, version, by, at)
    said = {"version": version.number, **_moved(entry, version)}
    version.released_at, version.released_by_id = at, by.id if by else None
    version.offered_at = version.offered_at or at
    entry.state, entry.standing_version = State.RELEASED, version.number
    entry.released_at = entry.released_at or at
    entry.level, entry.audience_id = version.level, version.audience_id
    _write_columns(entry, version.content)
    _write_rest(session, entry, version.content)
    entry.changed_number = record(session, f"{entry.kind.value}.released", subject=("entry", entry.id), by=by, at=at, said=said)
    touch(session, "entry", entry.id)


def recall(session: Session, entry: Entry, wanted: Recall, *, by: Person, at: datetime) -> None:
    """Take back a release that was too wide: fewer read it from this change on, or its own unit alone, as a draft again.

    What stood and what was under way go on in new versions for those readers, so that the next release is not as wide by habit.
    Raises NotCurrent if it is not released, and refuses what would let anybody read it who could not before.
    """
    refresh(session, entry)
    if entry.state != State.RELEASED:
        raise NotCurrent
    before = entry.level, queries.tokens_of(session, entry.audience_id)
    level = max(entry.level, wanted.level) if wanted.to_draft else wanted.level
    audience = audience_tokens(entry.unit_id, () if wanted.to_draft else wanted.audience)
    _check_recall(session, wanted.why, before, (level, audience), changes=wanted.to_draft)
    stood = queries.version(session, entry, entry.standing_version)
    waits = queries.version(session, entry, entry.newest_version) if entry.newest_version > stood.number else None
    stood.recalled_at, stood.recalled_by_id, stood.recalled_why = at, by.id, wanted.why.strip()
    audience_id = keep_audience(session, audience)
    if wanted.to_draft:
        again = _narrower(session, entry, waits or stood, level, audience_id, wanted.why, by=by, at=at)
        entry.state, entry.released_at = State.DRAFT, None
        entry.level = again.level
    else:
        again = _narrower(session, entry, stood, level, audience_id, wanted.why, by=by, at=at)
        if entry.kind in _may_stand and level != entry.level:
            _may_stand[entry.kind](session, entry, again, by, at)
        again.offered_at = again.released_at = at
        again.released_by_id = by.id
        entry.level = level
    entry.audience_id, entry.standing_version = audience_id, again.number
    _write_columns(entry, again.content)
    _write_rest(session, entry, again.content)
    if wanted.to_draft:
        for end in _ended:
            end(session, entry, at)
    else:
        if waits is not None:
            _narrower(session, entry, waits, level, audience_id, wanted.why, by=by, at=at)
        for follow in _narrowed:
            follow(session, entry, stood.number, at)
    session.flush()
    said: dict[str, Any] = {"version": stood.number, "draft": wanted.to_draft}
    said |= {"level": [before[0], entry.level]} if entry.level != before[0] else {}
    entry.changed_number = record(session, f"{entry.kind.value}.recalled", subject=("entry", entry.id), by=by, at=at, said=said)
    touch(session, "entry", entry.id)


Reach = tuple[int, frozenset[str]]  # a level, and the tokens of an audience


def _check_recall(session: Session, why: str, before: Reach, after: Reach, *, changes: bool) -> None:
    if not why.strip():
        raise WhyRecalled
    if not changes and before == after:
        raise NothingTakenBack
    if after[0] < before[0]:
        raise LowersTheLevel
    check_audience(*after, restriction_reason=why)
    outside = queries.held_outside(session, before[1] | after[1])
    farther = beyond_ministry(after[1], outside) and not beyond_ministry(before[1], outside)
    if farther or queries.somebody_gains(session, before, after):
        raise ReachesFurther


def _narrower(
    session: Session, entry: Entry, of: EntryVersion, level: int, audience_id: int, why: str, *, by: Person, at: datetime
) -> EntryVersion:
    """Add a version that says the same as another, for fewer readers; what was under way stays with whoever writes it."""
    entry.newest_version += 1
    own = of.released_at is None
    version = EntryVersion(
        entry_id=entry.id,
        number=entry.newest_version,
        content=of.content,
        level=max(level, of.level),
        audience_id=audience_id,
        restriction_reason=why.strip(),
        note=of.note if own else "",
        author_id=of.author_id if own else by.id,
        handed_to_id=of.handed_to_id if own else None,
        made_at=at,
    )
    session.add(version)
    session.flush()
    return version


def withdraw(session: Session, entry: Entry, *, why: str, by: Person | None, at: datetime) -> None:
    """Take an entry back, with a reason; what it touched lapses and stays in the record."""
    refresh(session, entry)
    if entry.state not in {State.DRAFT, State.RELEASED}:
        raise NotCurrent
    if not why.strip():
        raise Refused("Say why it is withdrawn.", field="why")
    entry.released_at = entry.released_at or at  # a dropped draft was closed at this moment, never open to others
    _end(session, entry, State.WITHDRAWN, why=why.strip(), by=by, at=at)


def expire(session: Session, entry: Entry, *, at: datetime) -> None:
    """End an entry whose validity has run out; the nightly change does it, by nobody."""
    _end(session, entry, State.EXPIRED, why="", by=None, at=at)


def _supersede(session: Session, newer: Entry, *, by: Person | None, at: datetime) -> None:
    older = session.scalars(select(Entry).where(Entry.id == newer.supersedes_id)).one_or_none()
    if older is not None and older.unit_id == newer.unit_id and older.state == State.RELEASED:
        _end(session, older, State.SUPERSEDED, why="", by=by, at=at)


def _end(session: Session, entry: Entry, state: State, *, why: str, by: Person | None, at: datetime) -> None:
    entry.state, entry.ended_at, entry.ended_why = state, at, why
    for follow in _ended:
        follow(session, entry, at)
    session.flush()
    entry.changed_number = record(
        session, f"{entry.kind.value}.{state.value}", subject=("entry", entry.id), by=by, at=at, said={"why": bool(why)}
    )
    touch(session, "entry", entry.id)


def add_topic(session: Session, entry: Entry, topic: Topic, *, by: Person, at: datetime) -> None:
    """Put an entry on one more topic, by its unit's word: a new version that differs in nothing else."""
    refresh(session, entry)
    version = queries.version(session, entry, entry.standing_version)
    topics = sorted({*standing(session, version.content.get("topics", [])), topic.id})
    newest = entry.newest_version + 1
    was_newest = entry.newest_version == entry.standing_version
    if not was_newest:
        raise Refused("A newer version of this entry is under way: put the topic there.")
    session.add(
        EntryVersion(
            entry_id=entry.id,
            number=newest,
            content={**version.content, "topics": topics},
            level=version.level,
            audience_id=version.audience_id,
            restriction_reason=version.restriction_reason,
            note="",
            author_id=by.id,
            made_at=at,
            offered_at=version.offered_at,
            released_at=at if entry.state == State.RELEASED else None,
            released_by_id=by.id if entry.state == State.RELEASED else None,
        )
    )
    entry.newest_version = entry.standing_version = newest
    _write_rest(session, entry, {**version.content, "topics": topics})
    entry.changed_number = record(
        session,
        f"{entry.kind.value}.topic_added",
        subject=("entry", entry.id),
        by=by,
        at=at,
        said={"version": newest, "topic": topic.name},
    )
    touch(session, "entry", entry.id)


def propose_topic(session: Session, entry: Entry, topic: Topic, *, unit: Unit, by: Person, at: datetime) -> None:
    """Propose a topic for another unit's entry; nothing if it is on it, or if that was proposed before."""
    known = session.scalar(select(TopicProposal.id).where(TopicProposal.entry_id == entry.id, TopicProposal.topic_id == topic.id))
    on_it = session.scalar(select(EntryTopic.topic_id).where(EntryTopic.entry_id == entry.id, EntryTopic.topic_id == topic.id))
    if known is not None or on_it is not None:
        return
    session.add(TopicProposal(entry_id=entry.id, topic_id=topic.id, by_unit_id=unit.id, at=at))
    record(session, "entry.topic_proposed", subject=("entry", entry.id), by=by, at=at, said={"topic": topic.name})


def answer_proposal(session: Session, proposal: TopicProposal, *, taken: bool, by: Person, at: datetime) -> None:
    """Take or leave a topic that another unit proposed for one's own entry."""
    if proposal.answered_at is not None:
        return
    proposal.answered_at, proposal.taken = at, taken
    if taken:
        add_topic(session, proposal.entry, proposal.topic, by=by, at=at)
    else:
        record(
            session,
            "entry.topic_declined",
            subject=("entry", proposal.entry_id),
            by=by,
            at=at,
            said={"topic": proposal.topic.name},
        )


def refresh(session: Session, entry: Entry) -> None:
    """Read an entry's columns again, now that the change holds the sequence: what was loaded before it may be old."""
    session.refresh(entry, [c.key for c in Entry.__mapper__.column_attrs])


def index(session: Session, ids: Iterable[int]) -> None:
    """Bring the full-text index of some entries up to date: titles, texts, and the names of their topics and units."""
    wanted = sorted(set(ids))
    if not wanted:
        return
    with read_as_system(session, "search index") as connection:
        entry = Entry.__table__
        columns = [c for n in _SEARCHED if (c := entry.c.get(n)) is not None]
        rows = connection.execute(
            select(entry.c.id, entry.c.language, Unit.__table__.c.name, Unit.__table__.c.short_name, *columns)
            .join(Unit.__table__, Unit.__table__.c.id == entry.c.unit_id)
            .where(entry.c.id.in_(wanted))
        ).all()
        names: dict[int, list[str]] = {}
        for entry_id, name in connection.execute(
            select(EntryTopic.__table__.c.entry_id, Topic.__table__.c.name)
            .join(Topic.__table__, Topic.__table__.c.id == EntryTopic.__table__.c.topic_id)
            .where(EntryTopic.__table__.c.entry_id.in_(wanted))
        ):
            names.setdefault(entry_id, []).append(name)
        kept = [
            {
                "id": row.id,
                "stems": index_stems("\n".join(str(v) for v in (*row[2:], *names.get(row.id, [])) if v), row.language),
            }
            for row in rows
        ]
        gone = text("DELETE FROM entry_search WHERE rowid = :id")
        lite = connection.dialect.name == "sqlite"
        put = (
            text("INSERT INTO entry_search (rowid, stems) VALUES (:id, :stems)")
            if lite
            else text("INSERT INTO entry_search (rowid, stems) VALUES (:id, array_to_tsvector(string_to_array(:stems, ' ')))")
        )
        connection.execute(gone, [{"id": i} for i in wanted])
        connection.execute(put, kept)


_SEARCHED = ("title", "text", "reason", "red_lines", "fallback", "talking_points", "source", "code")


def _content(session: Session, draft: Draft) -> dict[str, Any]:
    """Return what a new version keeps; a topic that was merged while the form was open is the one that took it up."""
    content = draft.content()
    return {**content, "topics": sorted(standing(session, content["topics"]))}


def _check(draft: Draft, owner_id: int) -> None:
    if not draft.title.strip():
        raise TitleMissing
    if not draft.text.strip():
        raise TextMissing
    check_audience(draft.level, audience_tokens(owner_id, draft.audience), restriction_reason=draft.restriction_reason)


def _add_version(
    session: Session,
    entry: Entry,
    draft: Draft,
    content: dict[str, Any],
    *,
    by: Person | None,
    at: datetime,
    form_key: str | None,
    offer: bool,
) -> EntryVersion:
    version = EntryVersion(
        entry_id=entry.id,
        number=entry.newest_version,
        content=content,
        level=int(draft.level),
        audience_id=keep_audience(session, audience_tokens(entry.unit_id, draft.audience)),
        restriction_reason=draft.restriction_reason.strip(),
        note=draft.note.strip(),
        author_id=by.id if by else None,
        form_key=form_key,
        made_at=at,
        offered_at=at if offer else None,
    )
    session.add(version)
    session.flush()
    return version


_DAYS = {"review_by", "valid_from", "valid_until", "said_on"}


def _write_columns(entry: Entry, content: dict[str, Any]) -> None:
    for name in entry.VERSIONED:
        value = content.get(name)
        if name in _DAYS and value is not None:
            value = date.fromisoformat(value)
        setattr(entry, name, value)


def _write_rest(session: Session, entry: Entry, content: dict[str, Any]) -> None:
    replace(session, EntryTopic, entry.id, "topic_id", standing(session, content.get("topics", [])))
    replace(session, EntryCounterpart, entry.id, "counterpart_id", content.get("counterparts", []))
    replace(session, EntryInstrument, entry.id, "instrument_id", content.get("instruments", []))
    if entry.kind in _apply:
        _apply[entry.kind](session, entry, content)
    session.flush()
    index(session, [entry.id])


def replace(session: Session, link: Any, entry_id: int, name: str, ids: Iterable[int]) -> None:
    """Let an entry be linked to just these ids in a table of links."""
    session.execute(delete(link).where(link.entry_id == entry_id), execution_options={"synchronize_session": False})
    rows = [{"entry_id": entry_id, name: i} for i in sorted(set(ids))]
    if rows:
        session.execute(insert(link), rows)


def _moved(entry: Entry, version: EntryVersion) -> dict[str, Any]:
    """Return the short facts that a release moves, for the history: stance and level, never text."""
    said: dict[str, Any] = {}
    stance = version.content.get("stance")
    if "stance" in entry.VERSIONED and entry.state == State.RELEASED and entry.stance != stance:  # type: ignore[attr-defined]
        said["stance"] = [entry.stance, stance]  # type: ignore[attr-defined]
    if entry.state == State.RELEASED and entry.level != version.level:
        said["level"] = [entry.level, version.level]
    return said


def _follow_topic(session: Session, gone: Topic, into: Topic, at: datetime) -> None:
    """Put the entries on a merged topic, and what was proposed for it, on the one that took it up.

    Every row moves, those that the one who merges may not see too; nothing of them is read. The versions keep the topic by
    whose name they were released: a version is for good, and `standing` finds what it stands for.
    """
    session.flush()
    connection, link, proposal = session.connection(), EntryTopic.__table__, TopicProposal.__table__
    there, proposed = link.alias(), proposal.alias()
    on_it = select(there.c.entry_id).where(there.c.topic_id == into.id)
    taken = select(proposed.c.entry_id).where(proposed.c.topic_id == into.id)
    connection.execute(update(EntryTopic).where(link.c.topic_id == gone.id, link.c.entry_id.not_in(on_it)).values(topic_id=into.id))
    connection.execute(delete(EntryTopic).where(link.c.topic_id == gone.id))
    open_ones = (proposal.c.topic_id == gone.id, proposal.c.answered_at.is_(None))
    connection.execute(delete(TopicProposal).where(*open_ones, or_(proposal.c.entry_id.in_(on_it), proposal.c.entry_id.in_(taken))))
    connection.execute(
        update(TopicProposal).where(proposal.c.topic_id == gone.id, proposal.c.entry_id.not_in(taken)).values(topic_id=into.id)
    )


when_merged(_follow_topic)
