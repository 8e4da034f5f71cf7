"""What may be asked of the detector."""

from flask_babel import lazy_gettext as _l

from coordinator.fields import Form, Line


class WhyNotForm(Form):
    """Two entries: read from the address, changes nothing, so it carries no token."""

    class Meta:
        """Without the forgery token."""

        csrf = False

    one = Line(_l("One entry"), most=500)
    other = Line(_l("The other entry"), most=500)
