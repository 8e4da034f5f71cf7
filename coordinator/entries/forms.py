"""What may be typed about an entry: the part that positions and dossiers share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, TypedDict

from flask import request, url_for
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from coordinator.entries import queries
from coordinator.entries.models import Entry, EntryVersion, Kind, Level, State
from coordinator.entries.queries import Choices, Filters, Named
from coordinator.entries.rules import LABELS, OPEN_TO, Draft, Part, Shown, Side, audience_tokens, difference, in_words, sides
from coordinator.errors import N_, NotFound
from coordinator.fields import (
    NOT_IN_LIST,
    DateField,
    Form,
    KeyField,
    Line,
    LinkLine,
    RefField,
    RefMultipleField,
    Required,
    Text,
    VersionField,
    WordField,
    WordRadioField,
    without_fault,
)
from coordinator.pages import translated
from coordinator.people.models import Circle, Person, Unit
from coordinator.people.queries import units_for
from coordinator.topics.queries import topics
from coordinator.topics.rules import LANGUAGES

LEADERSHIP = "Leadership"  # the reading group that a restricted entry is for unless somebody takes it out


class Wish(StrEnum):
    """Which button was pressed."""

    DRAFT = "draft"
    OFFER = "offer"
    RELEASE = "release"


class Reach(StrEnum):
    """How far an entry goes: one of the circles, or named readers only."""

    MINISTRY = "ministry"
    GOVERNMENT = "government"
    COUNTRY = "country"
    NAMED = "named"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Reach.MINISTRY: N_("The whole ministry"),
            Reach.GOVERNMENT: N_("Other government too"),
            Reach.COUNTRY: N_("The country, public"),
            Reach.NAMED: N_("Named readers only"),
        }[self]


HIGHEST = {Reach.MINISTRY: Level.OFFICIAL, Reach.GOVERNMENT: Level.OFFICIAL, Reach.COUNTRY: Level.PUBLIC}
CIRCLE_TOKENS = {f"circle:{circle.value}": Reach(word) for word, circle in OPEN_TO.items()}


def people(number: int) -> str:
    """Return a number of people in words."""
    return str(ngettext("%(num)s person", "%(num)s people", number))


def token_in_words(token: str, named: Mapping[str, Named]) -> str:
    """Return what a token of an audience means to a person; what has no name any more is said to be so."""
    if token in CIRCLE_TOKENS:
        words = {
            Reach.MINISTRY: _("the whole ministry"),
            Reach.GOVERNMENT: _("the whole government"),
            Reach.COUNTRY: _("the whole country"),
        }
        return str(words[CIRCLE_TOKENS[token]])
    name = named[token].name if token in named else str(_("somebody no longer listed"))
    match token.partition(":")[0]:
        case "bureau":
            return str(_("%(name)s with all its units", name=name))
        case "coord":
            return str(_("the coordinators of %(name)s", name=name))
        case "group":
            return str(_("the group %(name)s", name=name))
        case _:
            return str(name)


def audience_in_words(tokens: Iterable[str], named: Mapping[str, Named], *, owner_id: int) -> tuple[str, ...]:
    """Return an audience in words: the circle first, then those who are named; the owner unit goes without saying."""
    owner = f"unit:{owner_id}"
    listed = [t for t in tokens if t != owner]
    if not listed:
        return (str(_("%(name)s alone", name=token_in_words(owner, named))),)
    circles = [t for t in CIRCLE_TOKENS if t in listed]
    others = sorted(token_in_words(t, named) for t in listed if t not in CIRCLE_TOKENS)
    return (*(token_in_words(t, named) for t in circles[-1:]), *others)


def shown(
    content: Mapping[str, Any],
    *,
    level: int,
    audience: tuple[str, ...],
    restriction_reason: str,
    names: Mapping[str, Mapping[Any, str]],
) -> Shown:
    """Return a version in words, with level and readers, as two of them are compared."""
    languages = {code: translated(name) for code, name in LANGUAGES.items()}
    held = {**content, "level": translated(Level(level).label), "restriction_reason": restriction_reason}
    if held.get("language") not in languages:
        languages[held.get("language", "")] = held.get("language", "")
    return in_words(held, {**names, "language": languages}, day=day) | {"audience": audience}


def labelled(rows: Iterable[tuple[str, list[Part]]], kind: Kind) -> list[tuple[str, list[Part]]]:
    """Return what differs under the labels that a person reads."""
    return [(label(field, kind), parts) for field, parts in rows]


def label(field: str, kind: Kind) -> str:
    """Return the label of a field; the text goes by what it is in each kind."""
    if field == "text":
        return str(_("Line to take") if kind is Kind.POSITION else _("What it is about"))
    return translated(LABELS[field])


def against(mine: Shown, saved: Shown, kind: Kind) -> list[tuple[str, Side, Side]]:
    """Return label, saved text and own text of each field in which a form differs from what was saved meanwhile."""
    return [(label(field, kind), theirs, own) for field, theirs, own in sides(saved, mine)]


def wish() -> Wish:
    """Return which button was pressed; a form sent by the Enter key is saved as a draft, which asks nothing of anybody."""
    pressed = request.form.get("do", "")
    return Wish(pressed) if pressed in set(Wish) else Wish.DRAFT


def checking() -> bool:
    """Say whether a form was sent only to look at what it touches: by the button for that, or by taking what the text suggests."""
    return request.form.get("do") == "check" or "take" in request.form


def saved_words(pressed: Wish) -> str:
    """Return what a person is told after pressing a button."""
    said = {
        Wish.DRAFT: _("Saved. Only your unit sees it until it is released."),
        Wish.OFFER: _("Saved. Your unit's releasing officers are asked to release it."),
        Wish.RELEASE: _("Released."),
    }
    return str(said[pressed])


def day(value: date) -> str:
    """Return a day as a person reads it."""
    return str(format_date(value, "d MMM y"))


# --- fields ----------------------------------------------------------------------------------------------------------------


class LevelField(RadioField):
    """One of the levels that the author may read; `level` is it once the form is valid."""

    def __init__(self, label: Any = None, **given: Any) -> None:
        super().__init__(label, choices=[], validate_choice=False, default=str(int(Level.OFFICIAL)), **given)

    def offer(self, highest: int, *, lowest: int = Level.PUBLIC) -> None:
        """Say between which levels one may be chosen."""
        self.choices = [SelectChoice(str(int(level)), translated(level.label)) for level in Level if lowest <= level <= highest]

    def pre_validate(self, form: Any) -> None:
        """Refuse what is no level, and one that the author could not read afterwards."""
        if self.data not in {c.value for c in self.choices}:
            raise ValidationError(NOT_IN_LIST)

    @property
    def level(self) -> Level:
        """The level chosen, the usual one if none is."""
        return Level(int(self.data)) if self.data in {"0", "1", "2"} else Level.OFFICIAL


class ReadersField(RefMultipleField):
    """Readers by name: units, bureaus, groups, coordinators, persons; `tokens` are the tokens of an audience."""

    def __init__(self, label: Any = None, **given: Any) -> None:
        super().__init__(label, **given)
        self._tokens: dict[str, str] = {}

    def offer_readers(self, things: Iterable[tuple[str, str, str]]) -> None:
        """Say who may be named: token, ref, label. A token carries a number of the database, so the page gets kind and ref."""
        listed = {f"{token.partition(':')[0]}:{ref}": (token, label) for token, ref, label in things}
        self._tokens = {value: token for value, (token, _label) in listed.items()}
        self.offer((value, label, number) for number, (value, (_token, label)) in enumerate(listed.items()))

    def choose(self, tokens: Iterable[str]) -> None:
        """Choose at first those of some tokens that are on offer."""
        wanted = set(tokens)
        self.data = [value for value, token in self._tokens.items() if token in wanted]

    @property
    def tokens(self) -> frozenset[str]:
        """The tokens of what is chosen."""
        return frozenset(self._tokens[value] for value in self.data or () if value in self._tokens)


class LanguageField(SelectField):
    """The language that an entry is written in."""

    def __init__(self, label: Any = None, **given: Any) -> None:
        super().__init__(label, choices=[], validate_choice=False, default="en", **given)
        self.choices = [SelectChoice(code, translated(name)) for code, name in LANGUAGES.items()]

    def pre_validate(self, form: Any) -> None:
        """Refuse what is not in the list."""
        if self.data not in {c.value for c in self.choices}:
            raise ValidationError(NOT_IN_LIST)

    def start(self, code: str) -> None:
        """Choose at first a language, which stays on offer if it is a rare one."""
        if code not in LANGUAGES:
            self.choices = [*self.choices, SelectChoice(code, code)]
        self.data = code


# --- the form ----------------------------------------------------------------------------------------------------------------


class Common(TypedDict):
    """What the drafts of both kinds share, as `draft()` passes it on."""

    title: str
    text: str
    topics: tuple[int, ...]
    language: str
    forum_id: int | None
    event_id: int | None
    counterparts: tuple[int, ...]
    instruments: tuple[int, ...]
    registry_link: str
    review_by: date | None
    level: int
    audience: frozenset[str]
    restriction_reason: str
    note: str


def searched(*names: str) -> dict[str, str]:
    """Return what an option of a list is found by besides its label."""
    return {"data-aliases": " | ".join(names)} if names else {}


class EntryForm(Form):
    """What is typed of every entry. `offer` comes first, then `start` or `fill` where nothing has been typed yet."""

    title = Line(_l("Title"), [Required(_l("Give it a title."))], most=200)
    topics = RefMultipleField(_l("Topics"), [Required(_l("Choose at least one topic."))])
    text = Text(_l("Text"), [Required(_l("Write the line, if only one sentence."))], most=20_000)
    forum = RefField(_l("Forum"), empty=_l("None"))
    event = RefField(_l("Event"), empty=_l("None"))
    counterparts = RefMultipleField(_l("Counterparts"))
    review_by = DateField(_l("Review by"))
    instruments = RefMultipleField(_l("Instruments"))
    registry_link = LinkLine(_l("Registry file"))
    language = LanguageField(_l("Language of the text"))
    level = LevelField(_l("Level"))
    audience = WordRadioField(_l("Who will see it once it is released"), words=Reach, default=Reach.MINISTRY.value)
    named = ReadersField(_l("Named readers"))
    restriction_reason = Text(_l("Why it is not open to the whole ministry"), most=1_000)
    note = Line(_l("What you changed, in a few words"), most=300)
    form_key = KeyField()
    base = VersionField()

    LOOKED_AT: tuple[str, ...] = ("title", "text", "topics", "language", "forum", "event", "counterparts", "instruments")
    """The fields that `so_far` reads: what a script sends while somebody writes, and nothing else."""

    def offer(self, choices: Choices, *, highest: int, level: int | None = None) -> None:
        """Say what may be chosen in every list, up to the highest level of the author; `level` is the one to begin with."""
        if not self.is_submitted():
            self.level.data = str(min(highest, int(Level.OFFICIAL) if level is None else level))
        self._leadership = next((f"group:{g.id}" for g in choices.groups if g.name == LEADERSHIP), None)
        self._held_topics = choices.held_topics
        aliases = {i: searched(names) for i, names in choices.aliases.items()}
        self.topics.offer((t.ref, t.name, t.id, aliases.get(t.id, {})) for t in choices.topics)
        self.forum.offer((f.ref, f.name, f.id, searched(f.short_name, *f.aliases)) for f in choices.forums)
        self.event.offer((e.ref, f"{e.name}, {e.forum}, {day(e.starts_on)}", e.id, searched(*e.aliases)) for e in choices.events)
        self.counterparts.offer((c.ref, c.name, c.id) for c in choices.counterparts)
        self.instruments.offer((i.ref, called(i.name, i.short_name), i.id) for i in choices.instruments)
        self.level.offer(highest)
        counted = self.level.level
        self.named.offer_readers(offered_readers(choices, counted))
        if choices.headcount is not None:
            for choice in self.audience.choices:
                if choice.value in OPEN_TO:
                    # counted at the highest level that may go so far
                    number = choices.headcount.of(f"circle:{OPEN_TO[choice.value].value}", min(counted, HIGHEST[choice.value]))
                    choice.label = f"{choice.label} – {people(number)}"

    def start(
        self,
        *,
        topics: Iterable[str] = (),
        event: str | None = None,
        counterparts: Iterable[str] = (),
        instruments: Iterable[str] = (),
    ) -> None:
        """Choose what a new entry starts with: what it is to be on, an event, and leadership among the named readers."""
        self.topics.data = list(topics)
        self.counterparts.data, self.instruments.data = list(counterparts), list(instruments)
        if event is not None:
            self.event.data = event
        self.named.choose({self._leadership} if self._leadership else ())

    def fill(self, version: EntryVersion, tokens: frozenset[str]) -> None:
        """Take over what a version holds."""
        held = version.content
        self.title.data, self.text.data = held["title"], held["text"]
        self.language.start(held.get("language", "en"))
        choose_many(self.topics, self._held_topics)
        choose_many(self.counterparts, held.get("counterparts", ()))
        choose_many(self.instruments, held.get("instruments", ()))
        choose(self.forum, held.get("forum_id"))
        choose(self.event, held.get("event_id"))
        self.registry_link.data = held.get("registry_link", "")
        self.review_by.data = day_of(held.get("review_by"))
        self.level.data = str(version.level)
        self.audience.data = next((r for t, r in reversed(CIRCLE_TOKENS.items()) if t in tokens), Reach.NAMED).value
        self.named.choose(tokens)
        self.restriction_reason.data = version.restriction_reason
        self.base.data = str(version.number)

    def common(self) -> Common:
        """Return what both kinds of draft share; the form has to be valid."""
        return {
            "title": self.title.data,
            "text": self.text.data,
            "topics": self.topics.chosen_ids,
            "language": self.language.data,
            "forum_id": self.forum.chosen_id,
            "event_id": self.event.chosen_id,
            "counterparts": self.counterparts.chosen_ids,
            "instruments": self.instruments.chosen_ids,
            "registry_link": self.registry_link.data,
            "review_by": self.review_by.data,
            "level": int(self.level.level),
            "audience": self.tokens(),
            "restriction_reason": self.restriction_reason.data if self.audience.data == Reach.NAMED else "",
            "note": self.note.data,
        }

    def so_far(self) -> dict[str, Any]:
        """Return what counts for overlaps of a form that may be half filled in, as a version would keep it; to look at only.

        What is not right yet is left out.
        """
        return {
            "title": without_fault(self.title.data or "")[:200],
            "text": without_fault(self.text.data or "")[:20_000],
            "topics": list(self.topics.chosen_ids),
            "language": self.language.data or "en",
            "forum_id": self.forum.chosen_id,
            "event_id": self.event.chosen_id,
            "counterparts": list(self.counterparts.chosen_ids),
            "instruments": list(self.instruments.chosen_ids),
        }

    def take_suggested(self) -> None:
        """Choose what the text suggested and somebody took; what is not on offer changes nothing."""
        name, _space, ref = request.form.get("take", "").partition(" ")
        field = self._fields.get(name)
        if isinstance(field, RefMultipleField) and ref in field._ids:
            field.data = list(dict.fromkeys([*(field.data or ()), ref]))
        elif isinstance(field, RefField) and ref in field._ids:
            field.data = ref

    def tokens(self) -> frozenset[str]:
        """Return the tokens of the audience that was chosen."""
        if self.audience.data == Reach.NAMED:
            return self.named.tokens
        # leadership was ticked before anybody chose: within the circle it adds nobody
        return self.named.tokens - {self._leadership} | {f"circle:{OPEN_TO[self.audience.data].value}"}

    def holds(self, *names: str) -> bool:
        """Say whether one of some fields holds a value or an error, so that its part of the page opens."""
        return any(self[name].data or self[name].errors for name in names)

    _leadership: str | None = None
    _held_topics: frozenset[int] = frozenset()


class WithdrawForm(Form):
    """Why an entry is taken back."""

    why = Text(_l("Why"), [Required(_l("Say why it is withdrawn."))], most=1_000)


class FilterForm(Form):
    """What a list is narrowed by; comes in the address, so it needs no guard against forgery."""

    class Meta:
        """Sent by GET: nothing is changed by it."""

        csrf = False

    words = Line(_l("Words"), most=200)
    state = WordField(_l("State"), words=State, empty=_l("Any"))
    unit = RefField(_l("Unit"), empty=_l("Any"))
    topic = RefField(_l("Topic"), empty=_l("Any"))


TYPED = ("words", "state", "unit", "topic")
"""What the form of a list asks for; everything else that narrows it comes from a link, and is shown as a chip."""
LINKED = (
    "bureau",
    "circle",
    "basket",
    "forum",
    "event",
    "question",
    "counterpart",
    "instrument",
    "stance",
    "current",
    "released_since",
    "ended_since",
)


@dataclass(frozen=True)
class Chip:
    """One filter of a list in words, and the address of the list without it."""

    name: str
    value: str
    url: str


_CHIPS: dict[str, tuple[Any, Callable[[Any], str]]] = {
    "mine": (_l("Whose"), lambda _yes: _("My unit's only")),
    "unit": (_l("Unit"), lambda u: str(u.short_name)),
    "bureau": (_l("Bureau"), lambda u: _("%(unit)s and all below it", unit=u.short_name)),
    "other": (_l("Other unit"), lambda u: str(u.short_name)),
    "other_bureau": (_l("Other bureau"), lambda u: _("%(unit)s and all below it", unit=u.short_name)),
    "circle": (_l("Circle"), lambda c: translated(c.label)),
    "topic": (_l("Topic"), lambda t: str(t.name)),
    "basket": (_l("Topic"), lambda t: _("%(topic)s and all within it", topic=t.name)),
    "question": (_l("Question"), lambda q: str(q.text)),
    "forum": (_l("Forum"), lambda f: str(f.short_name)),
    "event": (_l("Event"), lambda e: f"{e.name}, {day(e.starts_on)}"),
    "counterpart": (_l("Counterpart"), lambda c: str(c.name)),
    "instrument": (_l("Instrument"), lambda i: str(i.short_name)),
    "kind": (_l("Kind"), lambda k: translated(k.label)),
    "severity": (_l("Severity"), lambda s: translated(s.label)),
    "stance": (_l("Stance"), lambda s: translated(s.label)),
    "state": (_l("State"), lambda s: {"all": _("All"), "current": _("Not closed yet")}.get(s) or translated(s.label)),
    "current": (_l("State"), lambda _yes: _("Current")),
    "closed_as": (_l("Closed"), lambda c: translated(c.label)),
    "dismissed_as": (_l("Dismissed"), lambda d: translated(d.label)),
    "unacknowledged": (_l("Acknowledged"), lambda _yes: _("By nobody yet")),
    "opened": (_l("Found"), lambda d: _("In the week of %(day)s", day=day(d))),
    "closed": (_l("Closed"), lambda d: _("In the week of %(day)s", day=day(d))),
    "opened_since": (_l("Found"), lambda d: _("Since %(day)s", day=day(d))),
    "acknowledged": (_l("Acknowledged"), lambda d: _("In the week of %(day)s", day=day(d))),
    "acknowledged_since": (_l("Acknowledged"), lambda d: _("Since %(day)s", day=day(d))),
    "closed_since": (_l("Closed"), lambda d: _("Since %(day)s", day=day(d))),
    "until": (_l("Nearest day"), lambda d: _("Until %(day)s", day=day(d))),
    "after": (_l("Nearest day"), lambda d: _("After %(day)s", day=day(d))),
    "undated": (_l("Nearest day"), lambda _yes: _("None")),
    "clashes": (_l("Kind"), lambda _yes: _("Conflicts, collisions and duplications")),
    "silent": (_l("Not acknowledged by"), lambda u: str(u.short_name)),
    "owing": (_l("A proposal not answered by"), lambda u: str(u.short_name)),
    "wing": (_l("One end"), lambda t: str(t.name)),
    "other_wing": (_l("Other end"), lambda t: str(t.name)),
    "released_since": (_l("Released"), lambda d: _("Since %(day)s", day=day(d))),
    "ended_since": (_l("Ended"), lambda d: _("Since %(day)s", day=day(d))),
}


def chips(chosen: Mapping[str, Any], link: Callable[..., str], *, but: Iterable[str] = ()) -> list[Chip]:
    """Return the filters of a list in words, in one order; `link(name=None)` gives the address of the list without one."""
    return [
        Chip(str(label), words(chosen[name]), link(**{name: None}))
        for name, (label, words) in _CHIPS.items()
        if name in chosen and name not in set(but)
    ]


@dataclass(frozen=True)
class Narrowing:
    """How a list of positions or of dossiers is narrowed: by its form, and by what a link brought along."""

    form: FilterForm
    valid: bool
    filters: Filters
    chips: Sequence[Chip]
    kept: Mapping[str, str]
    """What a link brought along, by its name in the address: the form sends it again."""

    @property
    def anything(self) -> bool:
        """Say whether the list is narrowed at all."""
        return bool(self.kept) or any(request.args.get(name) for name in TYPED)


def narrowing(session: Session, *, person: Person, kind: Kind) -> Narrowing:
    """Return how the address narrows a list; what was typed and is wrong narrows nothing and gets its sentence.

    Raises NotFound for something in a link that is not there.
    """
    form = FilterForm(request.args)
    kept = {name: request.args[name] for name in LINKED if request.args.get(name)}
    named = {"unit": request.args.get("unit", "")}
    try:
        also = [u.id for u in queries.chosen(session, named, named, person=person).values()]
    except NotFound:
        also = []  # the form says it
    form.unit.offer((u.ref, f"{u.short_name} – {u.name}", u.id) for u in units_for(session, person, also=also))
    form.topic.offer((t.ref, t.name, t.id) for t in topics(session))
    valid = form.validate()
    typed = {name: request.args[name] for name in TYPED if valid and request.args.get(name)}
    asked = queries.asked(session, kept | typed, person=person, kind=kind)
    filters = replace(asked.filters, words=form.words.data if valid else "")

    def link(**changes: str | None) -> str:
        wanted: dict[str, Any] = {k: v for k, v in (kept | typed | changes).items() if v}
        return url_for(str(request.endpoint), **wanted)

    return Narrowing(form, valid, filters, chips(asked.chosen, link, but=TYPED), kept)


def called(name: str, short_name: str) -> str:
    """Return a thing with two names as a list offers it: it is found by either."""
    return name if name == short_name else f"{short_name} – {name}"


def choose(field: RefField, held: int | None) -> None:
    """Choose at first the thing with an id, if it is on offer."""
    field.data = next((ref for ref, number in field._ids.items() if number == held), "")


def choose_many(field: RefMultipleField, held: Iterable[int]) -> None:
    """Choose at first the things with some ids, as far as they are on offer."""
    wanted = set(held)
    field.data = [ref for ref, number in field._ids.items() if number in wanted]


def day_of(held: str | None) -> date | None:
    """Return the day that a version keeps in ISO form."""
    return date.fromisoformat(held) if held else None


def offered_readers(choices: Choices, level: int) -> Iterable[tuple[str, str, str]]:
    """Yield who may be named as a reader: token, ref and label, where it may be told with the number of people at a level."""
    offered: dict[str, tuple[str, str]] = {}
    numbers: dict[int, str] = {}  # many units are of one size, and it takes a while to say it
    every: tuple[tuple[str, Sequence[Any]], ...] = (
        ("group", choices.groups),
        ("coord", choices.coordinated),
        ("bureau", choices.bureaus),
        ("unit", choices.units),
    )
    for kind, things in every:
        for thing in things:
            name = f"{thing.short_name} – {thing.name}" if kind == "unit" else thing.name
            offered[f"{kind}:{thing.id}"] = (thing.ref, name)
    for token, named in choices.named.items():
        if not token.startswith("circle:"):
            offered.setdefault(token, (named.ref, named.name))
    for token, (ref, name) in offered.items():
        words = name if token.startswith("unit:") else _capital(token_in_words(token, {token: Named(ref, name)}))
        if choices.headcount is None or token.startswith(("user:", "org:")):
            yield token, ref, words
            continue
        number = choices.headcount.of(token, level)
        if number not in numbers:
            numbers[number] = people(number)
        yield token, ref, f"{words} ({numbers[number]})"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def inside_ministry(unit: Unit) -> bool:
    """Say whether a unit belongs to the ministry itself; the query has to load the organisation."""
    return unit.organisation.circle is Circle.MINISTRY


# --- two who wrote at the same time ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Merge:
    """What somebody else saved while a form was being filled in."""

    saved: EntryVersion
    meanwhile: list[tuple[str, list[Part]]]  # what the other changed
    both: list[tuple[str, Side, Side]]  # label, saved text, own text of what differs


def merge_of(
    session: Session,
    form: EntryForm,
    entry: Entry,
    newest: EntryVersion,
    *,
    draft: Draft,
    names: Mapping[str, Mapping[Any, str]],
) -> Merge:
    """Return what was saved meanwhile against what was typed; sending the form again saves what was typed over the newest."""
    seen = {v.number: v for v in queries.versions(session, entry)}
    saved, base = seen[newest.number], seen.get(form.base.number or 0)
    mine_tokens = audience_tokens(entry.unit_id, draft.audience)
    tokens = {v.number: queries.tokens_of(session, v.audience_id) for v in (saved, base) if v is not None}
    names = {**queries.names_in(session, [draft.content(), *(v.content for v in (saved, base) if v is not None)]), **names}
    named = queries.named_readers(session, mine_tokens.union(*tokens.values()))

    def of_version(version: EntryVersion) -> Shown:
        return shown(
            version.content,
            level=version.level,
            audience=audience_in_words(tokens[version.number], named, owner_id=entry.unit_id),
            restriction_reason=version.restriction_reason,
            names=names,
        )

    mine = shown(
        draft.content(),
        level=int(draft.level),
        audience=audience_in_words(mine_tokens, named, owner_id=entry.unit_id),
        restriction_reason=draft.restriction_reason,
        names=names,
    )
    form.base.data = str(newest.number)
    return Merge(
        saved=saved,
        meanwhile=labelled(difference(of_version(base), of_version(saved)), entry.kind) if base is not None else [],
        both=against(mine, of_version(saved), entry.kind),
    )
