"""What is typed to take a release back."""

from enum import StrEnum

from flask_babel import lazy_gettext as _l

from coordinator.entries.forms import CIRCLE_TOKENS, LevelField, Reach, ReadersField, offered_readers
from coordinator.entries.queries import Choices
from coordinator.entries.rules import OPEN_TO, Recall
from coordinator.errors import N_
from coordinator.fields import Form, Required, Text, WordRadioField


class Back(StrEnum):
    """How far a release is taken back."""

    DRAFT = "draft"
    NARROWER = "narrower"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Back.DRAFT: N_("To our unit alone: it becomes a draft again"),
            Back.NARROWER: N_("To fewer readers, or to a higher level, as chosen below: it stays released"),
        }[self]


class RecallForm(Form):
    """How a release that was too wide is taken back, and why. `offer` comes first, then `start` where nothing was typed yet."""

    how = WordRadioField(_l("How far is it taken back?"), words=Back, default=Back.DRAFT.value)
    level = LevelField(_l("Level"))
    audience = WordRadioField(_l("Who may still see it"), words=Reach, default=Reach.NAMED.value)
    named = ReadersField(_l("Named readers"))
    why = Text(_l("Why"), [Required(_l("Say why it is recalled; your unit alone reads it."))], most=1_000)

    def offer(self, choices: Choices, *, tokens: frozenset[str], level: int, highest: int) -> None:
        """Say what is left to choose for an entry of an audience and a level: no circle that is wider, no level that is lower."""
        if not self.is_submitted():
            self.level.data = str(level)
        self.level.offer(highest, lowest=level)
        self.named.offer_readers(offered_readers(choices, self.level.level))
        held = [reach for token, reach in CIRCLE_TOKENS.items() if token in tokens]
        within = list(Reach)[: list(Reach).index(held[-1]) + 1] if held else []
        self.audience.choices = [c for c in self.audience.choices if c.value in {*within, Reach.NAMED}]

    def start(self, tokens: frozenset[str]) -> None:
        """Begin with the named readers that it has now."""
        self.named.choose(tokens)

    def recall(self) -> Recall:
        """Return what was typed; the form has to be valid."""
        circle = frozenset() if self.audience.data == Reach.NAMED else {f"circle:{OPEN_TO[self.audience.data].value}"}
        return Recall(
            to_draft=self.how.data == Back.DRAFT,
            why=self.why.data,
            level=int(self.level.level),
            audience=self.named.tokens | circle,
        )
