"""What may be typed about forums, events, questions, counterparts and instruments."""

from typing import Any

from babel import Locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from coordinator.calendar.models import CounterpartKind, InstrumentKind
from coordinator.calendar.rules import (
    LONGEST_ALIAS,
    MOST_ALIASES,
    CounterpartDraft,
    EventDraft,
    ForumDraft,
    InstrumentDraft,
    QuestionDraft,
)
from coordinator.fields import DateField, Form, Line, LinkLine, RefField, RefMultipleField, Required, Text, WordField

ALIASES = _l(
    "One on each line, in any language: abbreviations, old names, what people say. A text that uses one is known to speak of it."
)


class AliasesField(Text):
    """Other names, one on each line; `names` are those that were typed."""

    @property
    def names(self) -> tuple[str, ...]:
        """The lines that say something, white space folded."""
        return tuple(name for line in (self.data or "").split("\n") if (name := " ".join(line.split())))

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        """Refuse too many names, and one that is too long."""
        if len(self.names) > MOST_ALIASES:
            raise ValidationError(_("There are %(count)s names; at most %(most)s fit.", count=len(self.names), most=MOST_ALIASES))
        long = next((name for name in self.names if len(name) > LONGEST_ALIAS), None)
        if long is not None:
            raise ValidationError(
                _("“%(name)s…” is too long: at most %(most)s characters fit.", name=long[:40], most=LONGEST_ALIAS)
            )


class ForumForm(Form):
    """A forum."""

    name = Line(_l("Name"), [Required()], most=200)
    short_name = Line(_l("Short name"), [Required()], most=60)
    aliases = AliasesField(_l("Other names"), description=ALIASES)

    def draft(self) -> ForumDraft:
        """Return what was typed."""
        return ForumDraft(name=self.name.data, short_name=self.short_name.data, aliases=self.aliases.names)


class EventForm(Form):
    """A dated session of a forum."""

    forum = RefField(_l("Forum"), [Required()])
    name = Line(_l("Name"), [Required()], most=200)
    place = Line(_l("Place"), most=120)
    starts_on = DateField(_l("First day"), [Required()])
    ends_on = DateField(_l("Last day"))
    aliases = AliasesField(_l("Other names"), description=ALIASES)

    def draft(self) -> EventDraft:
        """Return what was typed; without a last day it lasts one. The form has to be valid."""
        assert self.starts_on.data is not None
        return EventDraft(
            forum_id=self.forum.chosen_id or 0,
            name=self.name.data,
            place=self.place.data,
            starts_on=self.starts_on.data,
            ends_on=self.ends_on.data or self.starts_on.data,
            aliases=self.aliases.names,
        )


class QuestionForm(Form):
    """A proposition on which stances can be compared."""

    text = Line(_l("Question"), [Required()], most=300)
    topic = RefField(_l("Topic"), [Required()])
    forum = RefField(_l("Forum"))

    def draft(self) -> QuestionDraft:
        """Return what was typed; the form has to be valid."""
        return QuestionDraft(text=self.text.data, topic_id=self.topic.chosen_id or 0, forum_id=self.forum.chosen_id)


class CounterpartForm(Form):
    """A country, organisation or firm."""

    name = Line(_l("Name"), [Required()], most=120)
    kind = WordField(_l("Kind"), [Required()], words=CounterpartKind)
    code = Line(_l("Country code"), most=2)

    def validate_code(self, field: Line) -> None:
        """Take a code of the world's territories, for a country only."""
        if not field.data:
            return
        if self.kind.data != CounterpartKind.COUNTRY:
            raise ValidationError(_("Only a country has a code."))
        if len(field.data) != 2 or field.data.upper() not in Locale("en").territories:
            raise ValidationError(_("This is no country code: two letters are expected, as in CH."))

    def draft(self) -> CounterpartDraft:
        """Return what was typed; the form has to be valid."""
        return CounterpartDraft(
            name=self.name.data, kind=CounterpartKind(self.kind.data), code=self.code.data.upper() if self.code.data else None
        )


class InstrumentForm(Form):
    """A treaty, agreement, norms document or national strategy."""

    name = Line(_l("Name"), [Required()], most=200)
    short_name = Line(_l("Short name"), [Required()], most=60)
    kind = WordField(_l("Kind"), [Required()], words=InstrumentKind)
    forum = RefField(_l("Forum"), empty=_l("None"))
    party_list = RefMultipleField(_l("Parties among the counterparts"))
    parties = Line(_l("Parties in words"), most=300)
    adopted_on = DateField(_l("Adopted on"))
    in_force_on = DateField(_l("In force since"))
    link = LinkLine(_l("Link to the text"))

    def draft(self) -> InstrumentDraft:
        """Return what was typed; the form has to be valid."""
        return InstrumentDraft(
            name=self.name.data,
            short_name=self.short_name.data,
            kind=InstrumentKind(self.kind.data),
            forum_id=self.forum.chosen_id,
            party_ids=self.party_list.chosen_ids,
            parties=self.parties.data or "",
            adopted_on=self.adopted_on.data,
            in_force_on=self.in_force_on.data,
            link=self.link.data or "",
        )
