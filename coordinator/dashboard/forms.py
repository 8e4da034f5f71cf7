"""What the picture is narrowed by."""

from enum import StrEnum

from flask_babel import lazy_gettext as _l

from coordinator.errors import N_
from coordinator.fields import Form, RefField, WordField
from coordinator.people.models import Circle


class Period(StrEnum):
    """How far the picture looks ahead, and back."""

    MONTH = "30"
    QUARTER = "90"
    HALF_YEAR = "180"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Period.MONTH: N_("30 days"),
            Period.QUARTER: N_("90 days"),
            Period.HALF_YEAR: N_("180 days"),
        }[self]

    @property
    def days(self) -> int:
        """Return how many days it is."""
        return int(self.value)


class ScopeForm(Form):
    """What the picture is narrowed by; comes in the address, so it needs no guard against forgery."""

    class Meta:
        """A form that reads needs no token."""

        csrf = False

    circle = WordField(_l("Circle"), words=Circle, empty=_l("All"))
    bureau = RefField(_l("Bureau"), empty=_l("All"))
    basket = RefField(_l("Basket of topics"), empty=_l("All"))
    forum = RefField(_l("Forum"), empty=_l("All"))
    period = WordField(_l("Days ahead, and back"), words=Period, empty=_l("Any"))
