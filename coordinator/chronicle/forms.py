"""What the history is narrowed by."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from coordinator.chronicle.rules import Sort
from coordinator.fields import DateField, Form, Line, WordField


class PeriodForm(Form):
    """Who did it and when; comes in the address, so it needs no guard against forgery."""

    class Meta:
        """Sent by GET: nothing is changed by it."""

        csrf = False

    who = Line(_l("Name of whoever did it"), most=120)
    since = DateField(_l("From"))
    until = DateField(_l("Until"))

    def validate_until(self, field: DateField) -> None:
        """Refuse a period that ends before it starts."""
        if field.data is not None and self.since.data is not None and field.data < self.since.data:
            raise ValidationError(_("This period ends before it starts."))

    def period(self, zone: str) -> dict[str, Any]:
        """Return the moments between which things happened; both days are included, as they are in a time zone."""
        after = self.until.data + timedelta(days=1) if self.until.data is not None else None
        return {"since": _begins(self.since.data, zone), "until": _begins(after, zone)}


def _begins(day: date | None, zone: str) -> datetime | None:
    return datetime.combine(day, time(), ZoneInfo(zone)) if day is not None else None


class HistoryForm(PeriodForm):
    """What kind of thing it was done to as well."""

    sort = WordField(_l("Kind"), words=Sort, empty=_l("Any"))
