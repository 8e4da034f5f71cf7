"""What is known of a text that is still being written; nothing of it is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument, Question
from coordinator.drafting.rules import Listed, Suggestion, suggest
from coordinator.entries.models import Entry
from coordinator.overlaps.actions import Touch, would_touch
from coordinator.overlaps.queries import Crowd, contacts_on, held_apart
from coordinator.topics.models import Topic, TopicName
from coordinator.topics.queries import standing


@dataclass(frozen=True)
class Check:
    """Whose work a text that is still being written touches, as its author may see it."""

    touches: Sequence[Touch] = ()
    contacts: Sequence[Entry] = ()
    """Entries of others that share a topic with it and nothing more."""
    crowds: Sequence[Crowd] = ()
    topic_ids: frozenset[int] = frozenset()
    suggestions: Sequence[Suggestion] = ()
    """What its words suggest: nothing of that counts before somebody takes it."""
    blank: bool = False
    """There was nothing to look at."""

    @property
    def entries(self) -> list[Entry]:
        """The entries that are shown, the worst first."""
        return [*(t.other for t in self.touches), *self.contacts]

    @property
    def level(self) -> int | None:
        """The highest level of what is shown, or None."""
        return max((e.level for e in self.entries), default=None)


def check(session: Session, content: Mapping[str, Any], *, unit_id: int, on: date, entry_id: int | None = None) -> Check:
    """Return what a text of a unit touches on a day, by the rule that would raise the flags; the session's reader is its author.

    `entry_id` is the entry that it is a new version of: what is excluded as a pair with that one is not told again.
    """
    if not any(
        content.get(name)
        for name in ("title", "text", "topics", "question_id", "event_id", "forum_id", "counterparts", "instruments")
    ):
        return Check(blank=True)
    touches = would_touch(session, dict(content), unit_id=unit_id, on=on, entry_id=entry_id)
    topic_ids = frozenset(standing(session, content.get("topics", ())))
    told = select(Entry.id).where(Entry.id.in_([t.other.id for t in touches]))
    apart = held_apart(topic_ids, unit_id=unit_id, entry_id=entry_id)
    contacts, crowds = contacts_on(session, topic_ids, unit_id=unit_id, but=union_all(told, *apart))
    return Check(touches, contacts, crowds, topic_ids, _suggested(session, content, topic_ids))


def _suggested(session: Session, content: Mapping[str, Any], topic_ids: frozenset[int]) -> list[Suggestion]:
    """Return what a text suggests that is not chosen yet; a list that takes one thing and has it takes no more."""

    def one(name: str) -> frozenset[int] | None:
        return frozenset() if name in content and content[name] is None else None

    chosen = {
        "topics": topic_ids,
        "question": one("question_id"),
        "forum": one("forum_id"),
        "event": one("event_id"),
        "counterparts": frozenset(content.get("counterparts", ())),
        "instruments": frozenset(content.get("instruments", ())),
    }
    title, text, language = content["title"], content["text"], content["language"]
    return suggest(title, text, language, shared_lists(session), chosen=chosen)


def shared_lists(session: Session) -> list[Listed]:
    """Return all that a form offers to everybody who writes, with the names by which it is known."""
    topics: dict[int, Listed] = {}
    named = session.execute(
        select(Topic.id, Topic.ref, Topic.name, Topic.umbrella, TopicName.language, TopicName.text)
        .outerjoin(TopicName, TopicName.topic_id == Topic.id)
        .where(Topic.merged_into_id.is_(None))
        .order_by(Topic.id, TopicName.id)
    )
    for i, ref, name, umbrella, language, text in named:
        names = topics[i].names if i in topics else (("en", name),)
        also = ((language, text),) if text is not None and text != name else ()
        topics[i] = Listed("topics", i, ref, name, (*names, *also), umbrella=umbrella)
    found = list(topics.values())
    questions = session.execute(select(Question.id, Question.ref, Question.text).order_by(Question.id))
    found += [Listed("question", i, ref, text, (("en", text),)) for i, ref, text in questions]
    events = session.execute(select(Event.id, Event.ref, Event.name, Event.aliases).where(Event.past.is_(False)).order_by(Event.id))
    found += [_proper("event", e, (e.name, *e.aliases)) for e in events]
    forums = session.execute(select(Forum.id, Forum.ref, Forum.name, Forum.short_name, Forum.aliases).order_by(Forum.id))
    found += [_proper("forum", f, (f.name, f.short_name, *f.aliases)) for f in forums]
    papers = session.execute(select(Instrument.id, Instrument.ref, Instrument.name, Instrument.short_name).order_by(Instrument.id))
    found += [_proper("instruments", p, (p.name, p.short_name)) for p in papers]
    others = session.execute(select(Counterpart.id, Counterpart.ref, Counterpart.name).order_by(Counterpart.id))
    return [*found, *(_proper("counterparts", c, (c.name,)) for c in others)]


def _proper(field: str, row: Any, names: Iterable[str]) -> Listed:
    """Return a thing with its proper names, in whatever language they are: they are known by their English stems too."""
    return Listed(field, row.id, row.ref, row.name, tuple(("en", name) for name in dict.fromkeys(names)), proper=True)
