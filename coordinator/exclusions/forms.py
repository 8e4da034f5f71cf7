"""What may be typed to exclude something: what, why, and until when."""

from flask_babel import lazy_gettext as _l

from coordinator.exclusions.rules import LONGEST_PHRASE, ExclusionDraft
from coordinator.fields import DateField, Form, Line, RefField, Required, Text


class ExclusionForm(Form):
    """Why something is excluded, and the last day on which it is."""

    reason = Text(_l("Why?"), [Required(_l("Say why, for whoever looks for it and does not find it."))], most=1_000)
    until_on = DateField(_l("Last day"), [Required(_l("Choose the last day: an exclusion has an end."))])

    def draft(self) -> ExclusionDraft:
        """Return what was typed; the form has to be valid."""
        assert self.until_on.data is not None
        return ExclusionDraft(self.reason.data or "", self.until_on.data)


class UnitsForm(ExclusionForm):
    """Two units and a topic."""

    one = RefField(_l("One unit"), [Required(_l("Choose a unit."))], empty=_l("Choose a unit"))
    other = RefField(_l("The other unit"), [Required(_l("Choose a unit."))], empty=_l("Choose a unit"))
    topic = RefField(_l("Topic"), [Required(_l("Choose a topic."))], empty=_l("Choose a topic"))


class PhraseForm(ExclusionForm):
    """Words that say nothing."""

    phrase = Line(_l("The phrase"), [Required(_l("Type the phrase as it stands in your texts."))], most=LONGEST_PHRASE)
