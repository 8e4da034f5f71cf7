"""How holidays are typed: a list, one line for each day, so that a year's can be pasted in at once."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from coordinator.fields import Form, Required, Text
from coordinator.holidays.rules import MOST_AT_ONCE, Day, parsed


class HolidaysForm(Form):
    """Days and their names."""

    days = Text(_l("Days to add"), [Required()], most=20_000)

    def validate_days(self, field: Any) -> None:
        """Refuse the whole list for one line that is no day: half a list would have to be found out about."""
        days, wrong = parsed(field.data)
        if wrong is not None:
            raise ValidationError(
                _(
                    "This line is not a day and its name: “%(line)s”. Expected is a line such as 2026-12-25 Christmas Day.",
                    line=wrong[:80],
                )
            )
        if len(days) > MOST_AT_ONCE:
            raise ValidationError(_("At most %(most)s days at once.", most=MOST_AT_ONCE))

    def chosen(self) -> tuple[Day, ...]:
        """Return what was typed; the form has to be valid."""
        return parsed(self.days.data)[0]
