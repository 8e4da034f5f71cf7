"""What the detector says of a pair that it is silent about, and how often it is right about the others."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coordinator.entries.models import Entry, State
from coordinator.errors import N_
from coordinator.exclusions.models import Exclusion, ExclusionKind
from coordinator.overlaps.models import Dismissal, OverlapKind
from coordinator.overlaps.rules import STRONGEST_FIRST, Facts, Floors, Signals, Vocabulary, clash
from coordinator.people.models import Person, Role

# --- who asks ----------------------------------------------------------------------------------------------------------


def may_ask_why(person: Person) -> bool:
    """A coordinator asks why two entries are not flagged: both of them seen, or the question is about nothing."""
    return Role.COORDINATOR in person.roles


def may_see_health(person: Person) -> bool:
    """Coordinators, leadership and administrators look at how the detector does; over what they may read, as everywhere."""
    return bool(person.roles & {Role.COORDINATOR, Role.LEADERSHIP, Role.ADMINISTRATOR})


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


def hidden(exclusion: Exclusion, *, day: str, t: Any = str) -> str:
    """Return in words which exclusion hides a pair; `day` is its last one, in words."""
    said = {"unit": exclusion.owner_unit.short_name, "day": day, "reason": exclusion.reason}
    if exclusion.kind is ExclusionKind.PAIR:
        return _say(t, N_("%(unit)s excluded this pair until %(day)s: %(reason)s"), **said)
    if exclusion.kind is ExclusionKind.UNITS and exclusion.topic is not None:
        sentence = N_("%(unit)s excluded the two units on “%(topic)s” until %(day)s: %(reason)s")
        return _say(t, sentence, topic=exclusion.topic.name, **said)
    sentence = N_("“%(phrase)s” is left out of the texts of %(unit)s until %(day)s: %(reason)s")
    return _say(t, sentence, phrase=exclusion.phrase, **said)


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
    heard = _only_heard(s, t)
    lacks = {
        OverlapKind.CONFLICT: [*_no_clash(one, other, s, known, t), *(heard if all(s.voices) else [])],
        OverlapKind.COLLISION: [*heard, *without_subject, *_not_met(s, known, floors, t)],
        OverlapKind.DUPLICATION: [*heard, *_nothing_beside(s, umbrellas, t), *_unlike(s, floors.duplication, compared, t)],
        OverlapKind.CONTACT: _no_contact(s, umbrellas, t),
        OverlapKind.POSSIBLE: [*heard, *_unlike(s, floors.possible, compared, t)],
    }
    return tuple(Answer(kind, tuple(lacks[kind])) for kind in STRONGEST_FIRST)


def _no_clash(one: Facts, other: Facts, s: Signals, known: Vocabulary, t: Any) -> list[str]:
    if clash(s.stances):
        return []
    if s.stances is None:
        return [_question(one, other, s, known, t)]
    low, high = (str(t(stance.label)).lower() for stance in s.stances)
    return [_say(t, N_("“%(low)s” and “%(high)s” can both be said in one room."), low=low, high=high)]


def _only_heard(s: Signals, t: Any) -> list[str]:
    if not any(s.voices):
        return []
    return [_say(t, N_("An outside voice that a unit wrote down clashes with a unit's line, and nothing else."))]


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


# --- how often it is right -----------------------------------------------------------------------------------------------

WRONG = frozenset({Dismissal.NOT_SAME, Dismissal.TEXTS, Dismissal.TOO_BROAD})
"""Dismissed so, a flag was an error; *coordinated already* was right and late, and *something else* says nothing either way."""


@dataclass(frozen=True)
class Precision:
    """The part of the judged flags that was right, 0 to 1, and the interval in which it lies for nineteen samples in twenty."""

    judged: int
    wrong: int
    share: float
    low: float
    high: float


def precision(*, settled: int, dismissed: Mapping[Dismissal | None, int]) -> Precision | None:
    """Return how often flags were right, of those that the units judged; None if they judged none."""
    wrong = sum(dismissed.get(reason, 0) for reason in WRONG)
    judged = settled + wrong + dismissed.get(Dismissal.COORDINATED, 0)
    if not judged:
        return None
    low, high = wilson(judged - wrong, judged)
    return Precision(judged, wrong, (judged - wrong) / judged, low, high)


def wilson(hits: int, tries: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the score interval of a share, 95 % by default (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927, 209–212).

    Unlike the plain one it stays within 0 and 1 and says something honest of few tries.
    """
    share, square = hits / tries, z * z
    middle = (share + square / (2 * tries)) / (1 + square / tries)
    half = z / (1 + square / tries) * math.sqrt(share * (1 - share) / tries + square / (4 * tries * tries))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class KindHealth:
    """What became of the flags of one kind."""

    kind: OverlapKind
    raised: int
    open: int
    acknowledged: int
    settled: int
    dismissed: Mapping[Dismissal | None, int]
    lapsed: int

    @property
    def dismissals(self) -> int:
        """Return how many were dismissed, for whatever reason."""
        return sum(self.dismissed.values())

    @property
    def precision(self) -> Precision | None:
        """Return how often they were right."""
        return precision(settled=self.settled, dismissed=self.dismissed)


# --- topics that drown others ----------------------------------------------------------------------------------------------

JUDGED_ENOUGH = 4
"""So many flags on a topic have to be judged before their dismissals speak against it."""


@dataclass(frozen=True)
class TopicUse:
    """How a topic is used, as one reader sees it."""

    topic_id: int
    units: int
    entries: int
    judged: int
    wrong: int


def proposes_umbrella(use: TopicUse, *, crowded: int) -> bool:
    """More units work on it than anybody compares in pairs, or half of what was judged on it was dismissed as an error."""
    return use.units > crowded or (use.judged >= JUDGED_ENOUGH and 2 * use.wrong >= use.judged)
