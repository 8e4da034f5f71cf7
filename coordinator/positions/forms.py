"""What may be typed about a position."""

from typing import Any

from flask_babel import lazy_gettext as _l

from coordinator.entries.forms import EntryForm, choose, day_of
from coordinator.entries.models import EntryVersion
from coordinator.entries.queries import Choices
from coordinator.fields import DateField, Line, RefField, Text, WordRadioField
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft


class PositionForm(EntryForm):
    """A position: the line to take, and the stance on a question if there is one."""

    question = RefField(_l("Question"), empty=_l("None"))
    stance = WordRadioField(_l("Stance"), words=Stance, empty=_l("Not stated"), default="")
    reason = Text(_l("Reason"), most=5_000)
    red_lines = Text(_l("Red lines"), most=10_000)
    fallback = Text(_l("Fallback"), most=10_000)
    talking_points = Text(_l("Talking points"), most=20_000)
    valid_from = DateField(_l("Valid from"))
    valid_until = DateField(_l("Valid until"))
    on_behalf_of = RefField(_l("Outside voice of"), empty=_l("Nobody: this is our unit's own line"))
    source = Line(_l("Where it was said"), most=300)
    said_on = DateField(_l("When it was said"))

    LOOKED_AT = (*EntryForm.LOOKED_AT, "question", "stance")

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.text.label.text = _l("Line to take")

    def offer(self, choices: Choices, *, highest: int, level: int | None = None) -> None:
        """Say what may be chosen in every list, up to the highest level of the author; `level` is the one to begin with."""
        super().offer(choices, highest=highest, level=level)
        self.question.offer(
            (ref, text, i, {"data-aliases": f"{topic} {forum or ''}"}) for i, ref, text, topic, forum in choices.questions
        )
        self.records_voices = choices.headcount is not None
        self.on_behalf_of.offer((c.ref, c.name, c.id) for c in choices.counterparts if self.records_voices)

    def fill(self, version: EntryVersion, tokens: frozenset[str]) -> None:
        """Take over what a version holds."""
        super().fill(version, tokens)
        held = version.content
        choose(self.question, held.get("question_id"))
        self.stance.data = held.get("stance") or ""
        self.reason.data, self.red_lines.data = held.get("reason", ""), held.get("red_lines", "")
        self.fallback.data, self.talking_points.data = held.get("fallback", ""), held.get("talking_points", "")
        choose(self.on_behalf_of, held.get("on_behalf_of_id"))
        self.source.data, self.said_on.data = held.get("source", ""), day_of(held.get("said_on"))
        self.valid_from.data, self.valid_until.data = day_of(held.get("valid_from")), day_of(held.get("valid_until"))

    def so_far(self) -> dict[str, Any]:
        """Return what counts for overlaps of a form that may be half filled in; a stance is one on a question."""
        said, asked = self.stance.data, self.question.chosen_id
        return {
            **super().so_far(),
            "question_id": asked,
            "on_behalf_of_id": self.on_behalf_of.chosen_id,
            "stance": said if asked is not None and said in set(Stance) else None,
        }

    def draft(self) -> PositionDraft:
        """Return what was typed; the form has to be valid."""
        return PositionDraft(
            **self.common(),
            question_id=self.question.chosen_id,
            stance=Stance(self.stance.data) if self.stance.data else None,
            reason=self.reason.data,
            red_lines=self.red_lines.data,
            fallback=self.fallback.data,
            talking_points=self.talking_points.data,
            valid_from=self.valid_from.data,
            valid_until=self.valid_until.data,
            on_behalf_of_id=self.on_behalf_of.chosen_id,
            source=self.source.data or "",
            said_on=self.said_on.data,
        )

    records_voices: bool = False
    """Whether the author is of the ministry: nobody else writes down what others hold."""
