"""What makes a position sound, and who may adhere to one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from coordinator.entries.models import Level, State
from coordinator.entries.rules import Draft
from coordinator.errors import Refused
from coordinator.people.models import Circle, Person, Role
from coordinator.positions.models import Position, Stance

REASON_NEEDED = {Stance.OPPOSE, Stance.RED_LINE}


class StanceWithoutQuestion(Refused):
    """A stance is on a question: choose one, or leave the stance open."""

    field = "question"


class QuestionWithoutStance(Refused):
    """Choose a stance on this question; "no position" is one."""

    field = "stance"


class ReasonMissing(Refused):
    """Say why: a refusal without a reason cannot be settled."""

    field = "reason"


class EndsBeforeItStarts(Refused):
    """It would end before it starts."""

    field = "valid_until"


class VoiceWithoutSource(Refused):
    """Say where it was said: what somebody else holds is worth no more than its source."""

    field = "source"


class VoiceWithoutDay(Refused):
    """Say when it was said."""

    field = "said_on"


class SourceWithoutVoice(Refused):
    """Say whose voice this is, or leave out where and when it was said."""

    field = "on_behalf_of"


class AlreadyHeld(Refused):
    """Your unit already has a released position on this question at this level. Revise that one, or let this one supersede it."""


class AdheresToItself(Refused):
    """A unit cannot adhere to its own line."""


class NothingToAdhereTo(Refused):
    """Only a released line of a unit on a question can be adhered to."""


@dataclass(frozen=True, kw_only=True)
class PositionDraft(Draft):
    """What a form or an import says of a position."""

    question_id: int | None = None
    stance: Stance | None = None
    reason: str = ""
    red_lines: str = ""
    fallback: str = ""
    talking_points: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    on_behalf_of_id: int | None = None
    """An outside voice: the counterpart that holds this; the unit only writes it down, with where and when it was said."""
    source: str = ""
    said_on: date | None = None


def check(draft: PositionDraft) -> None:
    """Refuse what does not go together: a stance without a question, a refusal without a reason, a voice without its source."""
    if draft.stance is not None and draft.question_id is None:
        raise StanceWithoutQuestion
    if draft.question_id is not None and draft.stance is None:
        raise QuestionWithoutStance
    if draft.stance in REASON_NEEDED and not draft.reason.strip():
        raise ReasonMissing
    if draft.valid_from and draft.valid_until and draft.valid_until < draft.valid_from:
        raise EndsBeforeItStarts
    if draft.on_behalf_of_id is None and (draft.source.strip() or draft.said_on is not None):
        raise SourceWithoutVoice
    if draft.on_behalf_of_id is not None and not draft.source.strip():
        raise VoiceWithoutSource
    if draft.on_behalf_of_id is not None and draft.said_on is None:
        raise VoiceWithoutDay


def is_voice(position: Position) -> bool:
    """Say whether a position is what somebody outside the ministry holds, written down by themselves or by a unit."""
    return position.on_behalf_of_id is not None or position.unit.organisation.circle is not Circle.MINISTRY


def may_adhere(person: Person, position: Position) -> bool:
    """A releasing officer makes another unit's released line on a question the own unit's; outside voices are no such lines."""
    return (
        Role.RELEASING_OFFICER in person.roles
        and person.unit_id != position.unit_id
        and position.state == State.RELEASED
        and position.question_id is not None
        and position.on_behalf_of_id is None
        and (not is_voice(position) or position.unit.organisation_id == person.unit.organisation_id)
    )


def may_copy(position: Position) -> bool:
    """A released line may be copied; a draft is nobody's line yet, and an outside voice never is."""
    return position.state == State.RELEASED and position.on_behalf_of_id is None


def may_leave(person: Person, adhering: Iterable[int]) -> bool:
    """A releasing officer ends the adherence of the own unit, if it is one of the units that adhere."""
    return Role.RELEASING_OFFICER in person.roles and person.unit_id in set(adhering)


def line_to_copy(position: Position, *, level: Level, released_on: date | None = None) -> str:
    """Return the line with version, day and level, as it is pasted into a brief; the day is the standing version's."""
    on = released_on or (position.released_at.date() if position.released_at else None)
    day = f"{on:%d %B %Y}" if on else ""
    return (
        f"{level.label}\n{position.title}\n\n{position.text.strip()}\n\n"
        f"{position.unit.name}, version {position.standing_version}, released {day}. {level.label}"
    )
