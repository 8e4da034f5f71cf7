"""What may be typed to bring in several units or persons at once."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from coordinator.dossiers.forms import LinesField
from coordinator.fields import BooleanField, Form, Required, address_like
from coordinator.pages import translated
from coordinator.people.forms import LevelField
from coordinator.people.models import Role
from coordinator.setup import rules
from coordinator.setup.actions import OnLine
from coordinator.setup.rules import NoSuchRole, PersonLine, UnitLine


class UnitLinesField(LinesField):
    """Units, one on each line, those below another with a hyphen more."""

    most_lines = 300

    def fault(self, line: str) -> str | None:
        """A line has a short name and a name."""
        found = rules.unit_line(line)
        if not found.short_name or not found.name:
            return translated(rules.TWO_NAMES)
        long = len(found.short_name) > 40 or len(found.name) > 200
        return str(_("at most 40 characters of short name and 200 of name fit.")) if long else None

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        """Look at each line, then at how they stand below one another."""
        super().post_validate(form, validation_stopped)
        try:
            rules.parents(self.items)
        except ValueError as error:
            number = self.rows()[int(str(error))][0]
            raise ValidationError(_("Line %(number)s: %(fault)s", number=number, fault=translated(rules.TOO_DEEP))) from None

    @property
    def items(self) -> tuple[UnitLine, ...]:
        """The units, in the order of the lines."""
        return tuple(rules.unit_line(line) for _number, line in self.rows())


class PersonLinesField(LinesField):
    """Persons, one on each line."""

    most_lines = 300

    def fault(self, line: str) -> str | None:
        """A line has a name, an address, a unit and roles that there are."""
        try:
            found = rules.person_line(line, t=translated)
        except NoSuchRole as error:
            known = ", ".join(translated(role.label) for role in Role)
            return translated((rules.NO_SUCH_ROLE, {"role": str(error), "roles": known}))
        except ValueError:
            return translated(rules.FOUR_PARTS)
        if len(found.name) > 120:
            return str(_("at most 120 characters of name fit."))
        if not address_like(found.email) or len(found.email) > 254:
            return str(_("“%(email)s” does not look like an e-mail address.", email=found.email))
        return None

    @property
    def items(self) -> tuple[PersonLine, ...]:
        """The persons, in the order of the lines; the form has to be valid."""
        return tuple(rules.person_line(line, t=translated) for _number, line in self.rows())


class _LinesForm(Form):
    lines: LinesField

    def refuse_line(self, error: OnLine) -> None:
        """Show the refusal of one line, with its number as it stands in the text."""
        number = self.lines.rows()[error.number - 1][0]
        said = _("Line %(number)s: %(fault)s", number=number, fault=translated(error.sentence))
        self.lines.errors = [*self.lines.errors, said]


class UnitsForm(_LinesForm):
    """Several units of the ministry."""

    lines = UnitLinesField(_l("Units, one on each line"), [Required()], most=20_000)


class PeopleForm(_LinesForm):
    """Several persons."""

    lines = PersonLinesField(_l("People, one on each line"), [Required()], most=40_000)
    clearance = LevelField(_l("Cleared for"))
    mail = BooleanField(_l("Mail each of them a link that sets a password"), default=True)
