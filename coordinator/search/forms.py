"""What may be typed into the box."""

from flask_babel import lazy_gettext as _l

from coordinator.fields import Form, Line


class SearchForm(Form):
    """The box: read from the address, changes nothing, so it carries no token."""

    class Meta:
        """Without the forgery token."""

        csrf = False

    q = Line(_l("Search"), most=200)
