"""What may be typed about organisations, units, persons, and when signing in."""

from enum import StrEnum
from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from coordinator.errors import N_
from coordinator.fields import (
    BooleanField,
    DateField,
    EmailLine,
    Form,
    Line,
    Password,
    RefField,
    RefMultipleField,
    Required,
    WordField,
    WordMultipleField,
    WordRadioField,
)
from coordinator.pages import LEVELS, translated
from coordinator.people.models import Circle, Role
from coordinator.people.rules import OrganisationDraft, PersonDraft, UnitDraft, password_fault


class LevelField(SelectField):
    """One of the levels; `data` is its number."""

    def __init__(self, label: object = None, **given: object) -> None:
        super().__init__(label, choices=[], coerce=int, validate_choice=False, **given)
        self.choices = [SelectChoice(str(n), translated(word)) for n, word in enumerate(LEVELS)]

    def pre_validate(self, form: object) -> None:
        """Refuse what is no level."""
        if self.data not in range(len(LEVELS)):
            raise ValidationError(_l("Choose one from the list."))


class TimeZoneField(SelectField):
    """One of the time zones of the world."""

    def __init__(self, label: object = None, **given: object) -> None:
        super().__init__(label, choices=[], validate_choice=False, **given)
        self.choices = [
            SelectChoice(zone, zone.replace("_", " ")) for zone in sorted(available_timezones()) if "/" in zone or zone == "UTC"
        ]

    def pre_validate(self, form: object) -> None:
        """Refuse what is no time zone."""
        if self.data not in {c.value for c in self.choices}:
            raise ValidationError(_l("Choose one from the list."))


class SignInForm(Form):
    """Address and password."""

    email = EmailLine(_l("E-mail address"), [Required()])
    password = Password(_l("Password"), [Required()])


class LinkForm(Form):
    """The address that a one-time link goes to."""

    email = EmailLine(_l("E-mail address"), [Required()])


class NewPasswordForm(Form):
    """A new password, typed once: a person who mistypes it asks for another link."""

    password = Password(_l("New password"), [Required()])

    def fault(self, *, name: str, email: str) -> bool:
        """Put the sentence beside the field if the password will not do, and say so."""
        found = password_fault(self.password.data or "", name=name, email=email)
        if found:
            self.password.errors = [*self.password.errors, translated(found)]
        return found is not None


class ChangePasswordForm(NewPasswordForm):
    """The password of today and the next one."""

    current = Password(_l("Current password"), [Required()])


class AccountForm(Form):
    """What everybody sets for themselves."""

    time_zone = TimeZoneField(_l("Time zone"))


class OrganisationForm(Form):
    """An organisation."""

    name = Line(_l("Name"), [Required()], most=200)
    short_name = Line(_l("Short name"), [Required()], most=40)
    circle = WordField(_l("Circle"), [Required()], words=Circle)
    ceiling = LevelField(_l("Highest level that its people may read"))
    starts_on = DateField(_l("Exists from"))
    ends_on = DateField(_l("Ended on"))

    def draft(self) -> OrganisationDraft:
        """Return what was typed."""
        return OrganisationDraft(
            name=self.name.data,
            short_name=self.short_name.data,
            circle=Circle(self.circle.data),
            ceiling=self.ceiling.data,
            starts_on=self.starts_on.data,
            ends_on=self.ends_on.data,
        )


class UnitForm(Form):
    """A unit."""

    organisation = RefField(_l("Organisation"), [Required()])
    name = Line(_l("Name"), [Required()], most=200)
    short_name = Line(_l("Short name"), [Required()], most=40)
    parent = RefField(_l("Stands below"))
    mailbox = EmailLine(_l("Mailbox of the unit"))
    starts_on = DateField(_l("Exists from"))
    ends_on = DateField(_l("Ended on"))

    def draft(self) -> UnitDraft:
        """Return what was typed; the form has to be valid."""
        return UnitDraft(
            organisation_id=self.organisation.chosen_id or 0,
            name=self.name.data,
            short_name=self.short_name.data,
            parent_id=self.parent.chosen_id,
            mailbox=self.mailbox.data or None,
            starts_on=self.starts_on.data,
            ends_on=self.ends_on.data,
        )


class Direction(StrEnum):
    """Which of two units is the older one."""

    CAME_FROM = "came_from"
    WENT_ON_AS = "went_on_as"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {Direction.CAME_FROM: N_("It came from the other unit"), Direction.WENT_ON_AS: N_("It went on as the other unit")}[
            self
        ]


class SuccessionForm(Form):
    """One unit that followed another."""

    direction = WordRadioField(_l("What happened"), [Required()], words=Direction, default=Direction.CAME_FROM.value)
    other = RefField(_l("The other unit"), [Required()])
    on = DateField(_l("On"), [Required()])
    ends = BooleanField(_l("The older of the two ended on that day"), default=True)


class PersonForm(Form):
    """A person."""

    name = Line(_l("Name"), [Required()], most=120)
    email = EmailLine(_l("E-mail address"), [Required()])
    unit = RefField(_l("Unit"), [Required()])
    roles = WordMultipleField(_l("Roles"), words=Role)
    clearance = LevelField(_l("Cleared for"))
    groups = RefMultipleField(_l("Reading groups"))

    def draft(self, *, time_zone: str) -> PersonDraft:
        """Return what was typed; the form has to be valid."""
        return PersonDraft(
            name=self.name.data,
            email=self.email.data,
            unit_id=self.unit.chosen_id or 0,
            roles=frozenset(Role(word) for word in self.roles.data or ()),
            clearance=self.clearance.data,
            time_zone=time_zone,
            group_ids=frozenset(self.groups.chosen_ids),
        )
