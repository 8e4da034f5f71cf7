"""What is known of what a file names, and of what was taken from it before."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument, Question
from coordinator.db import read_as_system
from coordinator.entries.models import Entry, EntrySource
from coordinator.errors import NotFound
from coordinator.exchange.models import Staged
from coordinator.exchange.rules import Known, named, of_forum, rows_of
from coordinator.people.models import Group, Organisation, Person, Unit
from coordinator.people.rules import comparable
from coordinator.sheets import Table
from coordinator.topics.models import Topic, TopicName


def known(session: Session, *, organisation: str | None = None) -> Known:
    """Return what names mean now; a unit of the named organisation comes before one of the same name elsewhere."""
    units = session.execute(
        select(Unit.id, Unit.name, Unit.short_name, Organisation.name).join(Organisation, Organisation.id == Unit.organisation_id)
    ).all()
    everywhere = named((name, u.id) for u in units for name in {u.short_name, u[1]})
    at_home = [u for u in units if organisation and comparable(u[3]) == comparable(organisation)]
    topics = session.execute(select(Topic.id, Topic.key, Topic.merged_into_id)).all()
    merged = {t.id: t.merged_into_id for t in topics if t.merged_into_id}
    aliases = session.execute(select(TopicName.text, TopicName.topic_id)).all()
    events = session.execute(select(Event.id, Event.name, Event.aliases, Event.forum_id)).all()
    forums = session.execute(select(Forum.id, Forum.name, Forum.short_name, Forum.aliases)).all()
    return Known(
        unit=everywhere | named((name, u.id) for u in at_home for name in {u.short_name, u[1]}),
        topic=named((name, _standing(i, merged)) for name, i in [*((t.key, t.id) for t in topics), *aliases]),
        forum=named((n, f.id) for f in forums for n in (f.name, f.short_name, *f.aliases)),
        event=named((n, e.id) for e in events for own in (e.name, *e.aliases) for n in (own, of_forum(e.forum_id, own))),
        question=named((text, i) for text, i in session.execute(select(Question.text, Question.id))),
        counterpart=named((name, i) for name, i in session.execute(select(Counterpart.name, Counterpart.id))),
        instrument=named(
            (n, i.id) for i in session.execute(select(Instrument.id, Instrument.name, Instrument.short_name)) for n in {*i[1:]}
        ),
        group=named((name, i) for name, i in session.execute(select(Group.name, Group.id))),
        person=named((email, i) for email, i in session.execute(select(Person.email_key, Person.id))),
    )


def _standing(topic_id: int, merged: dict[int, int]) -> int:
    seen = {topic_id}
    while merged.get(topic_id) and merged[topic_id] not in seen:
        topic_id = merged[topic_id]
        seen.add(topic_id)
    return topic_id


def short_names(session: Session, organisation_id: int) -> set[str]:
    """Return the names, as they are compared, that units of an organisation have."""
    rows = session.execute(select(Unit.short_name, Unit.name).where(Unit.organisation_id == organisation_id))
    return {comparable(name) for row in rows for name in row}


def taken_before(session: Session, source: str, ids: Iterable[str]) -> dict[str, tuple[int, int, str]]:
    """Return of those external ids of a source that were taken before: entry, unit, and digest of the row."""
    source_, entry = EntrySource.__table__, Entry.__table__
    with read_as_system(session, "check") as connection:  # ids and digests, so that no id is taken for a second unit
        rows = connection.execute(
            select(source_.c.external_id, source_.c.entry_id, entry.c.unit_id, source_.c.digest)
            .join(entry, entry.c.id == source_.c.entry_id)
            .where(source_.c.source == source, source_.c.external_id.in_(sorted(set(ids))))
        )
        return {external_id: (entry_id, unit_id, digest) for external_id, entry_id, unit_id, digest in rows}


def staged(session: Session, ref: str, *, person_id: int) -> Staged:
    """Return an upload by ref, read afresh; raises NotFound for somebody else's as for one that never was."""
    found = session.scalars(
        select(Staged).where(Staged.ref == ref, Staged.person_id == person_id).execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def staged_rows(session: Session, staged_id: int) -> Table:
    """Return the rows of an upload; once it was used, those that were refused."""
    return rows_of(
        session.scalars(select(Staged.rows).where(Staged.id == staged_id)).one() or {"columns": [], "unused": [], "lines": []}
    )
