"""What may be typed about a reading group."""

from flask_babel import lazy_gettext as _l

from coordinator.fields import Form, Line, RefMultipleField, Required


class GroupForm(Form):
    """A reading group and who is in it."""

    name = Line(_l("Name"), [Required()], most=120)
    members = RefMultipleField(_l("Members"))
