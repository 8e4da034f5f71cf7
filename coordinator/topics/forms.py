"""What may be typed about topics and stakes."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FieldList, FormField, SelectField
from wtforms import Form as Part
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from coordinator.errors import Refused
from coordinator.fields import (
    NOT_IN_LIST,
    BooleanField,
    DateField,
    Form,
    Line,
    RefField,
    RefMultipleField,
    Required,
    WordField,
)
from coordinator.pages import translated
from coordinator.people.rules import comparable
from coordinator.topics.actions import NameTaken
from coordinator.topics.models import Equity, Stake, TopicName
from coordinator.topics.rules import LANGUAGES, EquityDraft, TopicDraft

MOST_ALIASES = 60
EMPTY_ROWS = 2


class NameLanguage(SelectField):
    """The language of another name."""

    def __init__(self, label: Any = None, **given: Any) -> None:
        super().__init__(label, choices=[], validate_choice=False, default="en", **given)
        self.choices = [SelectChoice(code, translated(name)) for code, name in LANGUAGES.items()]

    def pre_validate(self, form: Any) -> None:
        """Refuse what is not in the list."""
        if self.data not in {c.value for c in self.choices}:
            raise ValidationError(NOT_IN_LIST)


class NamePart(Part):
    """Another name with its language; an empty one is none."""

    text = Line(_l("Name"), most=120)
    language = NameLanguage(_l("Language"))


class TopicForm(Form):
    """A topic."""

    name = Line(_l("Name"), [Required()], most=120)
    broader = RefMultipleField(_l("Lies within"))
    narrower = RefMultipleField(_l("Covers"))
    related = RefMultipleField(_l("Touches"))
    umbrella = BooleanField(_l("So wide that sharing it says nothing"))
    aliases = FieldList(FormField(NamePart), _l("Other names"), max_entries=MOST_ALIASES)

    def offer_rows(self, names: Iterable[TopicName] = ()) -> None:
        """Show a row for each of some names, and empty ones for more; what was typed stays as it is."""
        if not self.is_submitted():
            for name in names:
                self.aliases.append_entry({"text": name.text, "language": name.language})
        while len(self.aliases) < MOST_ALIASES and self._empty_rows() < EMPTY_ROWS:
            self.aliases.append_entry()
        rare = sorted({name.language for name in names} - LANGUAGES.keys())
        for row in self.aliases:
            row.form.language.choices = [*row.form.language.choices, *(SelectChoice(code, code) for code in rare)]

    def refuse(self, error: Refused) -> None:
        """Show which of the other names is taken beside it."""
        if not isinstance(error, NameTaken) or error.field != "aliases":
            super().refuse(error)
            return
        for row in self.aliases:
            if comparable(row.form.text.data or "") == comparable(error.text):
                row.form.text.errors = [translated(error.sentence)]
        self.aliases.errors = [row.errors for row in self.aliases if row.errors]

    def _empty_rows(self) -> int:
        return sum(1 for row in self.aliases if not row.form.text.data)

    def validate_aliases(self, field: FieldList) -> None:
        """Refuse a name that is typed twice."""
        seen: set[str] = set()
        for row in field:
            key = comparable(row.form.text.data or "")
            if key and key in seen:
                raise ValidationError(_("“%(name)s” stands here twice.", name=row.form.text.data))
            seen.add(key)

    def draft(self) -> TopicDraft:
        """Return what was typed; the form has to be valid."""
        return TopicDraft(
            name=self.name.data,
            umbrella=bool(self.umbrella.data),
            broader_ids=frozenset(self.broader.chosen_ids),
            narrower_ids=frozenset(self.narrower.chosen_ids),
            related_ids=frozenset(self.related.chosen_ids),
            aliases=frozenset((row.form.language.data, row.form.text.data) for row in self.aliases if row.form.text.data),
        )


class MergeForm(Form):
    """Which topic takes another up."""

    into = RefField(_l("Into"), [Required(_l("Choose the topic that stays."))])


class EquityForm(Form):
    """A unit's stake."""

    unit = RefField(_l("Unit"), [Required()])
    stake = WordField(_l("Stake"), [Required()], words=Stake)
    from_on = DateField(_l("From"), [Required()])
    until_on = DateField(_l("Until"))

    def draft(self) -> EquityDraft:
        """Return what was typed; the form has to be valid."""
        assert self.from_on.data is not None
        return EquityDraft(
            unit_id=self.unit.chosen_id or 0, stake=Stake(self.stake.data), from_on=self.from_on.data, until_on=self.until_on.data
        )


class CellForm(Form):
    """What one unit has in one topic, from a day on."""

    stake = WordField(_l("Stake"), words=Stake, empty=_l("No stake"))
    from_on = DateField(_l("From"), [Required()])
    until_on = DateField(_l("Until"))

    def start(self, held: Equity | None, *, on: date) -> None:
        """Begin with what the unit has, from today on."""
        self.stake.data = held.stake.value if held else ""
        self.from_on.data = max(on, held.from_on) if held else on
        self.until_on.data = held.until_on if held else None

    def draft(self, unit_id: int) -> EquityDraft | None:
        """Return what was typed, None where it is no stake; the form has to be valid."""
        assert self.from_on.data is not None
        if not self.stake.data:
            return None
        return EquityDraft(unit_id=unit_id, stake=Stake(self.stake.data), from_on=self.from_on.data, until_on=self.until_on.data)


class EndForm(Form):
    """The last day of a stake."""

    on = DateField(_l("Last day"), [Required()])
