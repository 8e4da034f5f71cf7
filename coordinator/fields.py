"""Our form fields: what may be typed, and the plain sentence when something else was."""

import html
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms import DateField as PlainDateField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional, StopValidation, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget, Select, html_params

from coordinator.errors import Refused
from coordinator.links import is_link
from coordinator.pages import translated

__all__ = [
    "BooleanField",
    "DateField",
    "EmailLine",
    "Form",
    "Line",
    "LinkLine",
    "Password",
    "RefField",
    "RefMultipleField",
    "Required",
    "Text",
    "WholeNumber",
    "WordField",
    "WordMultipleField",
    "WordRadioField",
    "is_link",
]

# What turns the reading direction of a text: each opening one has to be closed again within its paragraph.
_OPENS = {"\u202a": "\u202c", "\u202b": "\u202c", "\u2066": "\u2069", "\u2067": "\u2069", "\u2068": "\u2069"}
_OVERRIDES = {"\u202d", "\u202e"}


def tidy(text: str) -> str:
    """Return a text with one kind of line end, composed (NFC), without white space round it."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def fault(text: str, *, lines: bool) -> str | None:
    """Return the sentence about characters that have no place in a text, or None."""
    for character in text:
        if "\ud800" <= character <= "\udfff":
            return str(_("This text held half a character. It is taken out below: look at it, and send it again."))
        if character in _OVERRIDES:
            return str(
                _("This text held a sign that reverses the reading direction. It is taken out below: look, and send it again.")
            )
        if unicodedata.category(character) == "Cc" and not (lines and character in "\n\t"):
            if character in "\n\t":
                return str(_("This has to fit on one line, without tabs."))
            return str(
                _("This text held a control character, which cannot be seen. It is taken out below: look at it, and send it again.")
            )
    if not all(_turns_back(paragraph) for paragraph in text.split("\n")):
        return str(
            _("This text changed the reading direction and did not change it back. That is taken out below: look, and send again.")
        )
    return None


def without_fault(text: str) -> str:
    """Return a text as it is shown again: without what it was refused for."""
    kept = "".join(c for c in text if c in "\n\t" or not (unicodedata.category(c) in {"Cc", "Cs"} or c in _OVERRIDES))
    if all(_turns_back(paragraph) for paragraph in kept.split("\n")):
        return kept
    return "".join(c for c in kept if c not in _OPENS and c not in _OPENS.values())


def _turns_back(paragraph: str) -> bool:
    waiting: list[str] = []
    for character in paragraph:
        if character in _OPENS:
            waiting.append(_OPENS[character])
        elif character in _OPENS.values() and (not waiting or waiting.pop() != character):
            return False
    return not waiting


class Required:
    """The field has to be filled in; white space does not count."""

    field_flags = {"required": True}

    def __init__(self, sentence: Any = None) -> None:
        self.sentence = sentence

    def __call__(self, form: Any, field: Any) -> None:
        """Raise StopValidation with the sentence of the field."""
        filled = field.data is not None and (not isinstance(field.data, str | list) or len(field.data) > 0)
        if not filled and not field.errors:
            raise StopValidation(self.sentence or _("Please fill this in."))


class _Plain:
    """Refuses characters that have no place in a text."""

    def __init__(self, *, lines: bool) -> None:
        self.lines = lines

    def __call__(self, form: Any, field: Any) -> None:
        """Raise StopValidation with the fault."""
        found = fault(field.data or "", lines=self.lines)
        if found:
            raise StopValidation(found)


class _Fits:
    """Counts the characters and says the count."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.field_flags = {"maxlength": most}

    def __call__(self, form: Any, field: Any) -> None:
        """Raise ValidationError with both numbers."""
        length = len(field.data or "")
        if length > self.most:
            raise ValidationError(
                _(
                    "%(what)s is %(length)s characters long; at most %(most)s fit.",
                    what=field.label.text,
                    length=length,
                    most=self.most,
                )
            )


def _checks(most: int, validators: Sequence[Any] | None, *, lines: bool) -> list[Any]:
    # characters first: a forbidden one has to be named also in a field that may stay empty
    return [_Plain(lines=lines), *(validators or ()), _Fits(most)]


class Line(StringField):
    """One line of text of at most `most` characters."""

    def __init__(self, label: Any = None, validators: Sequence[Any] | None = None, *, most: int = 200, **given: Any) -> None:
        super().__init__(label, _checks(most, validators, lines=False), filters=[lambda t: tidy(t) if t else ""], **given)

    def _value(self) -> str:
        return without_fault(super()._value())


class LinkLine(Line):
    """The address of a page or a file elsewhere."""

    def __init__(self, label: Any = None, **given: Any) -> None:
        super().__init__(label, most=500, **given)

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        """Take a whole https address only: nothing else is ever shown as a link."""
        if self.data and not self.errors and not is_link(self.data):
            raise ValidationError(_("A link starts with https://."))


class Text(TextAreaField):
    """Several lines of text of at most `most` characters."""

    def __init__(self, label: Any = None, validators: Sequence[Any] | None = None, *, most: int = 20_000, **given: Any) -> None:
        super().__init__(label, _checks(most, validators, lines=True), filters=[lambda t: tidy(t) if t else ""], **given)

    def _value(self) -> str:
        return without_fault(super()._value())


class EmailLine(EmailField):
    """An e-mail address: one @, something on both sides, no spaces."""

    def __init__(self, label: Any = None, validators: Sequence[Any] | None = None, **given: Any) -> None:
        super().__init__(label, _checks(254, validators, lines=False), filters=[lambda t: tidy(t) if t else ""], **given)

    def _value(self) -> str:
        return without_fault(super()._value())

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        """Look at the shape only; whether somebody reads it, the first mail shows."""
        text = self.data or ""
        if text and not self.errors and not address_like(text):
            raise ValidationError(_("This does not look like an e-mail address: name@place is expected."))


def address_like(text: str) -> bool:
    """Say whether a text has the shape of an e-mail address."""
    name, at, place = text.partition("@")
    return bool(name and at and "." in place.strip(".") and "@" not in place) and not any(
        c.isspace() or c in '<>",;()' for c in text
    )


class Password(PasswordField):
    """A password: kept as it was typed, counted, never shown again."""

    def __init__(self, label: Any = None, validators: Sequence[Any] | None = None, **given: Any) -> None:
        super().__init__(label, [*(validators or ()), _Fits(200)], **given)


class DateField(PlainDateField):
    """A day, year-month-day as the browser's own control sends it."""

    data: date | None

    def __init__(self, label: Any = None, validators: Sequence[Any] | None = None, **given: Any) -> None:
        super().__init__(label, validators or [Optional()], **given)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take a day between 1900 and 2199; raises ValueError with a sentence on anything else."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(_("This is not a day: year-month-day is expected, as in 2026-03-02.")) from None
        if self.data is not None and not 1900 <= self.data.year <= 2199:
            self.data = None
            raise ValueError(_("This day is too far away: a year from 1900 to 2199 is expected."))


class WholeNumber(IntegerField):
    """A whole number within bounds."""

    data: int | None

    def __init__(
        self, label: Any = None, validators: Sequence[Any] | None = None, *, least: int = 0, most: int, **given: Any
    ) -> None:
        super().__init__(label, validators, **given)
        self.least, self.most = least, most

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take digits only; raises ValueError with a sentence on anything else."""
        typed = (valuelist[0] if valuelist else "").strip()
        self.data = None
        if not typed:
            return
        if not (typed.isascii() and typed.isdigit() and len(typed) <= 9 and self.least <= int(typed) <= self.most):
            raise ValueError(_("A whole number from %(least)s to %(most)s is expected.", least=self.least, most=self.most))
        self.data = int(typed)


# --- choices -----------------------------------------------------------------------------------------------------------------

NOT_IN_LIST = _l("Choose one from the list.")
Thing = tuple[str, str, int] | tuple[str, str, int, dict[str, Any]]
"""What a view offers: ref, label, id and, if wanted, attributes of the option."""


class Options(Select):
    """A select that writes its options at once: there may be thousands, and made one by one they cost more than their query."""

    def __call__(self, field: Any, **given: Any) -> Markup:
        """Return the select with all that the view offered; what is chosen is marked."""
        given = {"id": field.id, **({"multiple": True} if self.multiple else {}), **given}
        for flag in ("required", "disabled"):
            if flag in field.flags and flag not in given:
                given[flag] = True
        chosen = set(field.data or ()) if self.multiple else {field.data or ""}
        parts = [f"<select {html_params(name=field.name, **given)}>"]
        written: dict[tuple[tuple[str, Any], ...], str] = {}  # what many options say alike is written once
        for ref, label, _number, *more in field.offered:
            marked = " selected" if ref in chosen else ""
            said = ""
            if more and more[0]:
                attributes = tuple(more[0].items())
                said = written.get(attributes) or written.setdefault(attributes, f" {html_params(**more[0])}")
            parts.append(f'<option{marked} value="{html.escape(ref)}"{said}>{html.escape(label)}</option>')
        return Markup("".join([*parts, "</select>"]))  # noqa: S704 - each part is escaped


class _Listed:
    """What select fields of ours share: the sentence for a value that is not in the list."""

    choices: Any

    def _unlisted(self) -> ValidationError:
        return ValidationError(NOT_IN_LIST)

    def _values(self) -> set[str]:
        return {str(c.value) for c in self.choices or ()}


class WordField(_Listed, SelectField):
    """One of a StrEnum's words; `data` is the stored word, "" where none is chosen."""

    def __init__(
        self,
        label: Any = None,
        validators: Sequence[Any] | None = None,
        *,
        words: Iterable[Any] = (),
        empty: Any = None,
        **given: Any,
    ) -> None:
        self.words, self.empty = list(words), empty
        super().__init__(label, validators, choices=[], validate_choice=False, **given)
        self.choices = self._worded()

    def _worded(self) -> list[SelectChoice]:
        none = [SelectChoice("", self.empty)] if self.empty is not None else []
        return [*none, *(SelectChoice(w.value, translated(w.label)) for w in self.words)]

    def pre_validate(self, form: Any) -> None:
        """Refuse what is not in the list."""
        if (self.data or "") not in self._values() and not (not self.data and self.empty is None):
            raise self._unlisted()


class WordRadioField(WordField, RadioField):
    """One of a StrEnum's words, as radio buttons."""

    widget = RadioField.widget
    option_widget = RadioField.option_widget


class WordMultipleField(_Listed, SelectMultipleField):
    """Several of a StrEnum's words; `data` is a list of stored words. Shown as tick boxes by `choices`."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(
        self, label: Any = None, validators: Sequence[Any] | None = None, *, words: Iterable[Any] = (), **given: Any
    ) -> None:
        super().__init__(label, validators, choices=[], validate_choice=False, **given)
        self.choices = [SelectChoice(w.value, translated(w.label)) for w in words]

    def pre_validate(self, form: Any) -> None:
        """Refuse what is not in the list."""
        if any(d not in self._values() for d in self.data or ()):
            raise self._unlisted()


class RefField(_Listed, SelectField):
    """One thing of a list that the view offers: `field.offer([(ref, label, id)…])` comes before validating, `chosen_id` after.

    What is not in the list is refused with one sentence, whether it exists or not.
    """

    widget = Options()

    def __init__(self, label: Any = None, validators: Sequence[Any] | None = None, *, empty: Any = "", **given: Any) -> None:
        self.empty = empty
        self.offered: list[Any] = []
        self._ids: dict[str, int] = {}
        super().__init__(label, validators, choices=[], validate_choice=False, coerce=str, **given)

    def offer(self, things: Iterable[Thing]) -> None:
        """Say what may be chosen."""
        listed = list(things)
        self._ids = {t[0]: t[2] for t in listed}
        self.offered = [("", str(self.empty), 0), *listed]

    def process_data(self, value: Any) -> None:
        """Take the ref that is chosen at first, or nothing."""
        self.data = "" if value is None else str(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the first value sent."""
        self.data = valuelist[0] if valuelist else ""

    def pre_validate(self, form: Any) -> None:
        """Refuse what is not in the list."""
        if self.data and self.data not in self._ids:
            raise self._unlisted()

    @property
    def chosen_id(self) -> int | None:
        """The id of what is chosen, or None."""
        return self._ids.get(self.data or "")


class RefMultipleField(_Listed, SelectMultipleField):
    """Several things of a list that the view offers, as in RefField; `chosen_ids` are their ids in the order of the list."""

    widget = Options(multiple=True)

    def __init__(self, label: Any = None, validators: Sequence[Any] | None = None, **given: Any) -> None:
        self.offered: list[Any] = []
        self._ids: dict[str, int] = {}
        super().__init__(label, validators, choices=[], validate_choice=False, coerce=str, **given)

    def offer(self, things: Iterable[Thing]) -> None:
        """Say what may be chosen."""
        self.offered = list(things)
        self._ids = {t[0]: t[2] for t in self.offered}

    def pre_validate(self, form: Any) -> None:
        """Refuse what is not in the list."""
        if any(d not in self._ids for d in self.data or ()):
            raise self._unlisted()

    @property
    def chosen_ids(self) -> tuple[int, ...]:
        """The ids of what is chosen."""
        chosen = set(self.data or ())
        return tuple(i for ref, i in self._ids.items() if ref in chosen)


# --- the form itself ---------------------------------------------------------------------------------------------------------


class Form(FlaskForm):
    """Base of our forms: guarded against forgery, keeps what was typed, knows one submission from two.

    `form_key` is made once per page shown; an action that takes it makes one thing of a double click.
    """

    def refuse(self, error: Refused) -> None:
        """Show a refusal of an action beside its field, or above the form."""
        sentence = translated(error.sentence)
        field = self._fields.get(error.field or "")
        if field is not None:
            field.errors = [*field.errors, sentence]
        else:
            self.form_errors.append(sentence)


class KeyField(HiddenField):
    """A hidden key, made when the page is shown, kept when it is sent: 22 url-safe characters."""

    def __init__(self, label: Any = None, validators: Sequence[Any] | None = None, **given: Any) -> None:
        super().__init__(label, validators, default=lambda: secrets.token_urlsafe(16), **given)

    def pre_validate(self, form: Any) -> None:
        """Refuse a key that was not made here."""
        if not (
            self.data and len(self.data) == 22 and self.data.replace("-", "").replace("_", "").isalnum() and self.data.isascii()
        ):
            raise ValidationError(_("This page was not sent whole. Load it again."))


class VersionField(HiddenField):
    """The hidden number of the version that was on the page; `number` is None if it is not one."""

    @property
    def number(self) -> int | None:
        """The number, 0 to 999999, or None."""
        typed = str(self.data if self.data is not None else "")
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 6 else None
