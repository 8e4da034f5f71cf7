"""What may be typed about a deputy."""

from flask_babel import lazy_gettext as _l

from coordinator.deputies.rules import DeputyDraft
from coordinator.fields import DateField, Form, RefField, Required


class DeputyForm(Form):
    """Who stands in, and when."""

    deputy = RefField(_l("Deputy"), [Required()])
    from_on = DateField(_l("From"), [Required()])
    until_on = DateField(_l("Last day"))

    def draft(self) -> DeputyDraft:
        """Return what was typed; the form has to be valid."""
        assert self.from_on.data is not None
        return DeputyDraft(deputy_id=self.deputy.chosen_id or 0, from_on=self.from_on.data, until_on=self.until_on.data)
