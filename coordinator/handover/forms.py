"""What may be chosen when work is handed over."""

from flask_babel import lazy_gettext as _l

from coordinator.fields import BooleanField, Form, RefField, Required


class HandoverForm(Form):
    """To whom, and whether the account ends with it."""

    to = RefField(_l("A colleague of the unit"), [Required()])
    disable = BooleanField(_l("Disable the account: they are signed out everywhere, at once"))
