"""What is known of a text that is still being written; nothing of it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from coordinator.entries.models import Entry
from coordinator.overlaps.actions import Touch, would_touch
from coordinator.overlaps.queries import Crowd, contacts_on
from coordinator.topics.queries import standing


@dataclass(frozen=True)
class Check:
    """Whose work a text that is still being written touches, as its author may see it."""

    touches: Sequence[Touch] = ()
    contacts: Sequence[Entry] = ()
    """Entries of others that share a topic with it and nothing more."""
    crowds: Sequence[Crowd] = ()
    topic_ids: frozenset[int] = frozenset()
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


def check(session: Session, content: Mapping[str, Any], *, unit_id: int, on: date) -> Check:
    """Return what a text of a unit touches on a day, by the rule that would raise the flags; the session's reader is its author."""
    if not any(
        content.get(name)
        for name in ("title", "text", "topics", "question_id", "event_id", "forum_id", "counterparts", "instruments")
    ):
        return Check(blank=True)
    touches = would_touch(session, dict(content), unit_id=unit_id, on=on)
    topic_ids = frozenset(standing(session, content.get("topics", ())))
    contacts, crowds = contacts_on(session, topic_ids, unit_id=unit_id, but=[t.other.id for t in touches])
    return Check(touches, contacts, crowds, topic_ids)
