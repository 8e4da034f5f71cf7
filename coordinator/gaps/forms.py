"""What may be typed about a gap: whom one asked and when, why it is known and until when."""

from flask_babel import lazy_gettext as _l

from coordinator.fields import DateField, Form, RefField, Required, Text


class AskedForm(Form):
    """Who was asked about an entry, and when."""

    unit = RefField(_l("Unit that was asked"), [Required(_l("Choose the unit."))], empty=_l("Choose a unit"))
    asked_on = DateField(_l("Asked on"), [Required(_l("Say on which day."))])
    note = Text(_l("What they said, or how they were asked"), most=1_000)


class KnownForm(Form):
    """Why a gap is known, and until when."""

    why = Text(_l("We know, because"), [Required(_l("Say why this is known, for whoever looks at it next."))], most=1_000)
    until = DateField(_l("Until"), [Required(_l("Say until when: nothing is known for ever."))])
