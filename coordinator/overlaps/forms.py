"""What may be typed about an overlap: why it is nothing, what was agreed, why it is taken up again, which topic it is."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from coordinator.fields import DateField, Form, RefField, Required, Text, WordRadioField
from coordinator.overlaps.models import Dismissal, Outcome


class DismissForm(Form):
    """Why an overlap is nothing."""

    reason = WordRadioField(_l("What it is instead"), [Required(_l("Choose what it is instead."))], words=Dismissal)
    why = Text(_l("Why is this nothing?"), [Required(_l("Say why this is nothing, for whoever looks at it next."))], most=2_000)


class SettleForm(Form):
    """What two units agreed."""

    statement = Text(_l("What was agreed"), [Required(_l("Say in a sentence or two what was agreed."))], most=4_000)
    outcome = WordRadioField(_l("What it comes to"), [Required(_l("Choose what it comes to."))], words=Outcome)
    lead = RefField(_l("Who leads"), empty=_l("Neither leads"))
    look_again_on = DateField(_l("Look at it again on"))

    def validate_lead(self, field: RefField) -> None:
        """Refuse a lead that is not named where one unit leads."""
        if self.outcome.data == Outcome.ONE_LEADS and not field.data:
            raise ValidationError(_("Say which of the two leads."))


class ReopenForm(Form):
    """Why a closed overlap is taken up again."""

    why = Text(_l("Why is it taken up again?"), [Required(_l("Say why it is taken up again."))], most=2_000)


class ConfirmForm(Form):
    """The topic that two texts have in common."""

    topic = RefField(_l("The topic that both are about"), [Required(_l("Choose the topic."))])
