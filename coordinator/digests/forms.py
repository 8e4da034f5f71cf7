"""What may be chosen about one's digest."""

from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from coordinator.digests.models import Cadence
from coordinator.fields import Form, WordRadioField


class HourField(SelectField):
    """An hour of the day; `data` is its number."""

    def __init__(self, label: object = None, **given: object) -> None:
        super().__init__(label, choices=[], coerce=int, validate_choice=False, **given)
        self.choices = [SelectChoice(str(hour), f"{hour:02}:00") for hour in range(24)]

    def pre_validate(self, form: object) -> None:
        """Refuse what is no hour."""
        if self.data not in range(24):
            raise ValidationError(_l("Choose one from the list."))


class DigestForm(Form):
    """How often, and at what hour."""

    cadence = WordRadioField(_l("How often"), words=Cadence)
    hour = HourField(_l("At what hour"))
