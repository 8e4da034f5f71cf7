"""What may be asked of the detector: of two entries, and of other settings."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from coordinator.fields import Form, Line
from coordinator.overlaps.rules import BOUNDS, numbers


class _Asking(Form):
    """What is read from the address and changes nothing, so that it carries no token."""

    class Meta:
        """Without the forgery token."""

        csrf = False


class WhyNotForm(_Asking):
    """Two entries."""

    one = Line(_l("One entry"), most=500)
    other = Line(_l("The other entry"), most=500)


LABELS = {
    "text.possible_floor": _l("Possible, by the texts alone"),
    "text.possible_floor_abroad": _l("Possible, in two languages"),
    "text.duplication_floor": _l("Duplication, with a topic or forum in common"),
    "dates.window_days": _l("Two dates collide within"),
    "dates.close_days": _l("Two dates are close within"),
    "weights.clash": _l("Stances that clash"),
    "weights.event": _l("Same event"),
    "weights.question": _l("Same question"),
    "weights.counterpart": _l("Same counterpart"),
    "weights.instrument": _l("Same instrument"),
    "weights.topic": _l("Same topic"),
    "weights.related": _l("Related topic"),
    "weights.forum": _l("Same forum"),
    "weights.text": _l("Like texts"),
}
HEADINGS = {
    "text": _l("From which likeness on, 0 to 1"),
    "dates": _l("Days between two dates"),
    "weights": _l("How much each reason weighs"),
}


class _Setting(Line):
    """One number of the settings, within the bounds of its section."""

    def __init__(self, label: Any = None, *, section: str, **given: Any) -> None:
        super().__init__(label, most=12, **given)
        self.section = section

    @property
    def number(self) -> float | None:
        """The number that was typed, whole where the section asks for it, or None."""
        try:
            return int(self.data or "") if self.section == "dates" else float((self.data or "").replace(",", "."))
        except ValueError:
            return None

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        """Refuse what is no number, or out of bounds."""
        least, most = BOUNDS[self.section]
        number = self.number
        if number is None or not least <= number <= most:
            raise ValidationError(_("A number from %(least)s to %(most)s is expected.", least=least, most=most))


def settings_form(said: Mapping[str, Any], asked: Any) -> Any:
    """Return a form with a field for each setting of the rule, filled with what is asked, else with what holds."""
    fields: dict[str, Any] = {
        f"{section}_{name}": _Setting(LABELS.get(f"{section}.{name}", f"{section}.{name}"), section=section, default=f"{value:g}")
        for (section, name), value in numbers(said).items()
        if f"{section}.{name}" in LABELS  # the rest is what the scores were measured with
    }
    return type("SettingsForm", (_Asking,), fields)(formdata=asked if asked else None)
