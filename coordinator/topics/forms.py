"""What may be typed about topics and stakes."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from coordinator.fields import BooleanField, DateField, Form, Line, RefField, RefMultipleField, Required, Text, WordField
from coordinator.topics.models import Stake
from coordinator.topics.rules import EquityDraft, TopicDraft, alias_lines

MOST_ALIASES = 60


class TopicForm(Form):
    """A topic."""

    name = Line(_l("Name"), [Required()], most=120)
    broader = RefMultipleField(_l("Lies within"))
    related = RefMultipleField(_l("Touches"))
    umbrella = BooleanField(_l("So wide that sharing it says nothing"))
    aliases = Text(_l("Other names"), most=8_000)

    def validate_aliases(self, field: Text) -> None:
        """Refuse a name that is too long, or too many of them."""
        lines = alias_lines(field.data or "")
        long = [text for _language, text in lines if len(text) > 120]
        if long:
            raise ValidationError(_("“%(text)s…” is too long: at most 120 characters fit on a line.", text=long[0][:40]))
        if len(lines) > MOST_ALIASES:
            raise ValidationError(_("At most %(most)s other names fit.", most=MOST_ALIASES))

    def draft(self) -> TopicDraft:
        """Return what was typed; the form has to be valid."""
        return TopicDraft(
            name=self.name.data,
            umbrella=bool(self.umbrella.data),
            broader_ids=frozenset(self.broader.chosen_ids),
            related_ids=frozenset(self.related.chosen_ids),
            aliases=frozenset(alias_lines(self.aliases.data or "")),
        )


class EquityForm(Form):
    """A unit's stake."""

    unit = RefField(_l("Unit"), [Required()])
    stake = WordField(_l("Stake"), [Required()], words=Stake)
    from_on = DateField(_l("From"), [Required()])
    until_on = DateField(_l("Until"))

    def draft(self) -> EquityDraft:
        """Return what was typed; the form has to be valid."""
        assert self.from_on.data is not None
        return EquityDraft(
            unit_id=self.unit.chosen_id or 0, stake=Stake(self.stake.data), from_on=self.from_on.data, until_on=self.until_on.data
        )


class EndForm(Form):
    """The last day of a stake."""

    on = DateField(_l("Last day"), [Required()])
