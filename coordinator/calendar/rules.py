"""What is typed about forums, events, questions and counterparts."""

from dataclasses import dataclass
from datetime import date

from coordinator.calendar.models import CounterpartKind


@dataclass(frozen=True)
class ForumDraft:
    """A forum as it was typed."""

    name: str
    short_name: str


@dataclass(frozen=True)
class EventDraft:
    """An event as it was typed."""

    forum_id: int
    name: str
    starts_on: date
    ends_on: date
    place: str = ""


@dataclass(frozen=True)
class QuestionDraft:
    """A question as it was typed."""

    text: str
    topic_id: int
    forum_id: int | None = None


@dataclass(frozen=True)
class CounterpartDraft:
    """A counterpart as it was typed; `code` is a country's ISO 3166 code of two letters."""

    name: str
    kind: CounterpartKind
    code: str | None = None


def is_past(ends_on: date, *, today: date) -> bool:
    """An event is past on the day after its last."""
    return ends_on < today
