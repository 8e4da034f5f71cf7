"""What the detector says of a pair that it is silent about: each signal, and what each kind would have asked for."""

from dataclasses import dataclass
from typing import Any

from coordinator.entries.models import Entry, State
from coordinator.errors import N_
from coordinator.overlaps.models import OverlapKind
from coordinator.overlaps.rules import STRONGEST_FIRST, Facts, Floors, Signals, Vocabulary, clash
from coordinator.people.models import Person, Role

# --- who asks ----------------------------------------------------------------------------------------------------------


def may_ask_why(person: Person) -> bool:
    """A coordinator asks why two entries are not flagged: both of them seen, or the question is about nothing."""
    return Role.COORDINATOR in person.roles


# --- what stands before every signal -----------------------------------------------------------------------------------

NOT_CURRENT = {
    State.DRAFT: N_("“%(title)s” is not released: only what is current is compared."),
    State.SUPERSEDED: N_("“%(title)s” was superseded: only what is current is compared."),
    State.WITHDRAWN: N_("“%(title)s” was withdrawn: only what is current is compared."),
    State.EXPIRED: N_("“%(title)s” has expired: only what is current is compared."),
}


def barred(one: Entry, other: Entry, *, waiting: bool, t: Any = str) -> list[str]:
    """Return in words why two entries are not compared at all, whatever they share."""
    if one.id == other.id:
        return [str(t(N_("This is one and the same entry.")))]
    found = [str(t(NOT_CURRENT[e.state])) % {"title": e.title} for e in (one, other) if e.state in NOT_CURRENT]
    if one.unit_id == other.unit_id:
        found.append(str(t(N_("Both are of %(unit)s: a unit is never flagged to itself."))) % {"unit": one.unit.short_name})
    if waiting and not found:
        found.append(
            str(t(N_("A large change is still being worked through; what is kept of this pair may be older than this page.")))
        )
    return found


# --- the signals, one by one -------------------------------------------------------------------------------------------


def lines(
    one: Facts, other: Facts, s: Signals, known: Vocabulary, floors: Floors, *, compared: bool, t: Any = str
) -> list[tuple[str, str]]:
    """Return each signal of a pair with its value in words, whether it says something or not."""
    return [
        (str(t(N_("Question"))), _question(one, other, s, known, t)),
        (str(t(N_("Topics"))), " ".join(_topics(one, other, s, known, t))),
        (str(t(N_("Event"))), _event(one, other, s, known, t)),
        (str(t(N_("Forum"))), _forum(s, known, t)),
        (str(t(N_("Counterparts"))), _counterparts(s, known, t)),
        (str(t(N_("Instruments"))), _instruments(s, known, t)),
        (str(t(N_("Days"))), _days(s, floors, t)),
        (str(t(N_("Texts"))), _texts(s, floors, compared, t)),
    ]


def _say(t: Any, sentence: str, **values: Any) -> str:
    return str(t(sentence)) % values


def _question(one: Facts, other: Facts, s: Signals, known: Vocabulary, t: Any) -> str:
    if s.question_id is not None:
        question = known.questions[s.question_id]
        if s.stances is None:
            return _say(t, N_("Both answer “%(question)s”; a stance is missing."), question=question)
        low, high = (str(t(stance.label)).lower() for stance in s.stances)
        return _say(t, N_("Both answer “%(question)s”: “%(low)s” and “%(high)s”."), question=question, low=low, high=high)
    if one.question_id is None and other.question_id is None:
        return _say(t, N_("Neither answers a question."))
    if one.question_id is None or other.question_id is None:
        return _say(t, N_("Only one of the two answers a question."))
    asked = {"one": known.questions[one.question_id], "other": known.questions[other.question_id]}
    return _say(t, N_("They answer different questions: “%(one)s” and “%(other)s”."), **asked)


def _topics(one: Facts, other: Facts, s: Signals, known: Vocabulary, t: Any) -> list[str]:
    found = []
    if s.topics:
        found.append(_say(t, N_("Both are on %(names)s."), names=", ".join(known.topics[i] for i in s.topics)))
    elif s.related:
        edges = ", ".join(f"{known.topics[a]} ↔ {known.topics[b]}" for a, b in s.related)
        found.append(_say(t, N_("No topic in common, but related ones: %(edges)s."), edges=edges))
    else:
        found.append(_say(t, N_("No topic in common, and none that is related.")))
    return [*found, *_umbrellas(one, other, known, t)]


def _umbrellas(one: Facts, other: Facts, known: Vocabulary, t: Any) -> list[str]:
    shared = sorted(one.topics & other.topics & known.umbrella)
    said = N_("Both are on “%(name)s”, an umbrella topic: sharing it says nothing.")
    return [_say(t, said, name=known.topics[i]) for i in shared]


def _event(one: Facts, other: Facts, s: Signals, known: Vocabulary, t: Any) -> str:
    if s.event_id is not None:
        return _say(t, N_("Both go to %(event)s."), event=known.events[s.event_id])
    if one.event_id is not None and other.event_id is not None:
        events = {"one": known.events[one.event_id], "other": known.events[other.event_id]}
        return _say(t, N_("They go to different events: %(one)s and %(other)s."), **events)
    if one.event_id is None and other.event_id is None:
        return _say(t, N_("Neither is prepared for an event that is still to come."))
    return _say(t, N_("Only one of the two is prepared for an event that is still to come."))


def _forum(s: Signals, known: Vocabulary, t: Any) -> str:
    if s.forum_id is not None:
        return _say(t, N_("Both are for %(forum)s."), forum=known.forums[s.forum_id])
    return _say(t, N_("No forum in common."))


def _counterparts(s: Signals, known: Vocabulary, t: Any) -> str:
    if s.counterparts:
        return _say(t, N_("Both deal with %(names)s."), names=_counterpart_names(s, known))
    return _say(t, N_("No counterpart in common."))


def _instruments(s: Signals, known: Vocabulary, t: Any) -> str:
    if s.instruments:
        return _say(t, N_("Both refer to %(names)s."), names=", ".join(known.instruments[i] for i in s.instruments))
    return _say(t, N_("No instrument in common."))


def _counterpart_names(s: Signals, known: Vocabulary) -> str:
    return ", ".join(known.counterparts[i] for i in s.counterparts)


def _days(s: Signals, floors: Floors, t: Any) -> str:
    if s.days_apart is None:
        return _say(t, N_("At least one of the two has no day ahead."))
    return _say(t, N_("Nearest days %(days)s apart; the window is %(window)s."), days=s.days_apart, window=floors.window_days)


def _texts(s: Signals, floors: Floors, compared: bool, t: Any) -> str:
    if not compared:
        return _say(t, N_("Not compared: the texts have too few telling words in common."))
    values = {"likeness": _share(s.text.likeness), "possible": _share(floors.possible), "duplication": _share(floors.duplication)}
    said = _say(
        t,
        N_("Likeness %(likeness)s. Beside something in common %(duplication)s counts, alone %(possible)s."),
        **values,
    )
    if not s.text.phrases:
        return said
    return f"{said} {_say(t, N_('Both speak of %(phrases)s.'), phrases=', '.join(f'“{p}”' for p in s.text.phrases))}"


def _share(number: float) -> str:
    return f"{number:.2f}"


# --- kind by kind ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What the rule says of one kind: nothing is missing, or these are, in words."""

    kind: OverlapKind
    missing: tuple[str, ...]

    @property
    def reached(self) -> bool:
        """Say whether the pair has all that the kind asks for."""
        return not self.missing


def missing(
    one: Facts, other: Facts, s: Signals, known: Vocabulary, floors: Floors, *, compared: bool, t: Any = str
) -> tuple[Answer, ...]:
    """Return for each kind what a pair lacks to be of it, the strongest kind first; overlaps.rules.judge is its twin."""
    umbrellas = _umbrellas(one, other, known, t)
    subject = bool(s.topics or s.related or s.question_id is not None or s.instruments)
    without_subject = [] if subject else [_say(t, N_("No topic, related topic, question or instrument in common.")), *umbrellas]
    lacks = {
        OverlapKind.CONFLICT: _no_clash(one, other, s, known, t),
        OverlapKind.COLLISION: [*without_subject, *_not_met(s, known, floors, t)],
        OverlapKind.DUPLICATION: [*_nothing_beside(s, umbrellas, t), *_unlike(s, floors.duplication, compared, t)],
        OverlapKind.CONTACT: _no_contact(s, umbrellas, t),
        OverlapKind.POSSIBLE: _unlike(s, floors.possible, compared, t),
    }
    return tuple(Answer(kind, tuple(lacks[kind])) for kind in STRONGEST_FIRST)


def _no_clash(one: Facts, other: Facts, s: Signals, known: Vocabulary, t: Any) -> list[str]:
    if clash(s.stances):
        return []
    if s.stances is None:
        return [_question(one, other, s, known, t)]
    low, high = (str(t(stance.label)).lower() for stance in s.stances)
    return [_say(t, N_("“%(low)s” and “%(high)s” can both be said in one room."), low=low, high=high)]


def _not_met(s: Signals, known: Vocabulary, floors: Floors, t: Any) -> list[str]:
    if s.event_id is not None:
        return []
    if not s.counterparts:
        return [_say(t, N_("They go to no common event and deal with no common counterpart."))]
    names = _counterpart_names(s, known)
    if s.days_apart is None:
        return [
            _say(t, N_("They go to no common event; both deal with %(names)s, but one of the two has no day ahead."), names=names)
        ]
    if s.days_apart <= floors.window_days:
        return []
    said = N_("They go to no common event; both deal with %(names)s, but %(days)s days apart, and the window is %(window)s.")
    return [_say(t, said, names=names, days=s.days_apart, window=floors.window_days)]


def _nothing_beside(s: Signals, umbrellas: list[str], t: Any) -> list[str]:
    if s.topics or s.related or s.forum_id is not None or s.counterparts or s.instruments:
        return []
    return [_say(t, N_("No topic, related topic, forum, counterpart or instrument in common.")), *umbrellas]


def _no_contact(s: Signals, umbrellas: list[str], t: Any) -> list[str]:
    if s.topics or s.question_id is not None:
        return []
    if s.related:
        return [_say(t, N_("Their topics are related and not the same: alone that makes no contact.")), *umbrellas]
    return [_say(t, N_("No topic or question in common.")), *umbrellas]


def _unlike(s: Signals, floor: float, compared: bool, t: Any) -> list[str]:
    if s.text.likeness >= floor:
        return []
    if not compared:
        return [_say(t, N_("The texts have too few telling words in common to be compared."))]
    said = N_("The texts are alike by %(likeness)s, and %(floor)s is asked for.")
    return [_say(t, said, likeness=_below(s.text.likeness, floor), floor=_share(floor))]


def _below(number: float, floor: float) -> str:
    """Return a number in words that do not round it up to the floor that it misses."""
    return _share(number) if _share(number) != _share(floor) else f"{number:.4f}"
