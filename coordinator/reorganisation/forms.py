"""What may be typed about units that are merged or split, and which of their things go where."""

from collections.abc import Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField

from coordinator.dossiers.forms import LinesField
from coordinator.fields import DateField, Form, RefField, RefMultipleField, Required
from coordinator.people.rules import UnitDraft, comparable


class NewUnitsField(LinesField):
    """New units: a short name, then the name."""

    def fault(self, line: str) -> str | None:
        """A line has a short name and a name, parted by a semicolon, and no two have the same."""
        short, name = self.parts(line)
        if not short or not name:
            return str(_("write the short name, a semicolon, then the name, as in CDP; Cyberspace and Digital Policy."))
        if len(short) > 40 or len(name) > 200:
            return str(_("at most 40 characters of short name and 200 of name fit."))
        others = [self.parts(other) for _number, other in self.rows() if other != line]
        same = any(comparable(short) == comparable(s) or comparable(name) == comparable(n) for s, n in others)
        return str(_("another line has the same name.")) if same else None

    @staticmethod
    def parts(line: str) -> tuple[str, str]:
        """Return short name and name of a line."""
        short, _semicolon, name = line.partition(";")
        return short.strip(), name.strip()

    @property
    def items(self) -> tuple[tuple[str, str], ...]:
        """Short names and names; the form has to be valid."""
        return tuple(self.parts(line) for _number, line in self.rows())


class ReorganisationForm(Form):
    """Which units give away, which follow, and from when on."""

    predecessors = RefMultipleField(_l("Units that are merged or split"), [Required()])
    existing = RefMultipleField(_l("Units that follow, of those there are"))
    new = NewUnitsField(_l("New units that follow"), most=4_000)
    parent = RefField(_l("The new ones stand below"))
    on = DateField(_l("From this day on"), [Required()])
    seen = HiddenField()

    def drafts(self, organisation_id: int) -> Mapping[int, UnitDraft]:
        """Return the new units under numbers below nought; the form has to be valid."""
        return {
            -number: UnitDraft(organisation_id, name, short, parent_id=self.parent.chosen_id)
            for number, (short, name) in enumerate(self.new.items, 1)
        }
