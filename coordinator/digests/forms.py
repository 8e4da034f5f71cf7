"""What may be chosen about a letter."""

from collections.abc import Iterable

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from coordinator.digests.models import EVERY_DAY, WORKING_DAYS, Cadence, Schedule, Weekday
from coordinator.fields import BooleanField, Form, WordField, WordMultipleField, WordRadioField
from coordinator.people.forms import TimeZoneField


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
    """How often, on which days, and at what hour."""

    cadence = WordRadioField(_l("How often"), words=Cadence)
    days = WordMultipleField(_l("On which weekdays"), words=Weekday)
    day = WordField(_l("On which day of the week"), words=Weekday)
    hour = HourField(_l("At what hour"))

    @classmethod
    def of(cls, schedule: Schedule, **given: object) -> "DigestForm":
        """Return the form as it is shown at first."""
        few = schedule.weekdays if schedule.cadence is Cadence.CHOSEN else WORKING_DAYS
        one = min(schedule.weekdays, key=lambda d: d.number) if schedule.cadence is Cadence.WEEKLY else Weekday.MONDAY
        return cls(cadence=schedule.cadence.value, days=_in_order(few), day=one.value, hour=schedule.hour, **given)

    def validate_days(self, field: WordMultipleField) -> None:
        """Refuse chosen weekdays without one."""
        if self.cadence.data == Cadence.CHOSEN and not field.data:
            raise ValidationError(_("Tick at least one day, or choose Off."))

    def schedule(self) -> Schedule:
        """Return what was chosen; the form has to be valid. Of days only those count that the cadence asks for."""
        cadence = Cadence(self.cadence.data)
        weekdays = {
            Cadence.CHOSEN: lambda: frozenset(Weekday(word) for word in self.days.data),
            Cadence.WEEKLY: lambda: frozenset({Weekday(self.day.data or Weekday.MONDAY)}),
        }.get(cadence, lambda: EVERY_DAY)()
        return Schedule(cadence, self.hour.data, weekdays)


class MailboxForm(DigestForm):
    """When a unit's mailbox gets its letter: by a clock of its own, because it has no account."""

    time_zone = TimeZoneField(_l("Time zone"))


class BriefForm(Form):
    """Whether the weekly brief is wanted, and when."""

    wanted = BooleanField(_l("Send me the weekly brief"))
    day = WordField(_l("On which day of the week"), words=Weekday)
    hour = HourField(_l("At what hour"))

    @classmethod
    def of(cls, schedule: Schedule) -> "BriefForm":
        """Return the form as it is shown at first."""
        one = min(schedule.weekdays, key=lambda d: d.number) if len(schedule.weekdays) == 1 else Weekday.MONDAY
        return cls(wanted=schedule.cadence is not Cadence.OFF, day=one.value, hour=schedule.hour)

    def schedule(self) -> Schedule:
        """Return what was chosen; the form has to be valid."""
        cadence = Cadence.WEEKLY if self.wanted.data else Cadence.OFF
        return Schedule(cadence, self.hour.data, frozenset({Weekday(self.day.data or Weekday.MONDAY)}))


def _in_order(days: Iterable[Weekday]) -> list[str]:
    return [day.value for day in sorted(days, key=lambda d: d.number)]
