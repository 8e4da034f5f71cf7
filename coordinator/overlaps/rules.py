"""When two entries touch, how badly, and why: the heart of the product. No database, no clock, no other entries."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from coordinator.entries.models import Entry
from coordinator.errors import N_, Refused
from coordinator.exclusions.models import ExclusionKind
from coordinator.history.rules import canonical
from coordinator.overlaps.models import FAR, Closing, Overlap, OverlapKind, OverlapState, Severity, Side
from coordinator.people.models import Person, Role, Unit
from coordinator.positions.models import Stance

# --- what is looked at -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What the detector knows of one entry."""

    id: int
    unit_id: int
    text_digest: str = ""
    question_id: int | None = None
    stance: Stance | None = None
    on_behalf_of_id: int | None = None
    """An outside voice: the counterpart that holds it; the unit wrote it down."""
    event_id: int | None = None
    forum_id: int | None = None
    topics: frozenset[int] = frozenset()
    counterparts: frozenset[int] = frozenset()
    instruments: frozenset[int] = frozenset()
    dates: tuple[date, ...] = ()
    """Days of its event and milestones that are not past."""


@dataclass(frozen=True)
class Vocabulary:
    """The shared list as the detector needs it: names, umbrella marks, related edges, exclusions; the same for every pair."""

    topics: dict[int, str] = field(default_factory=dict)
    umbrella: frozenset[int] = frozenset()
    related: frozenset[tuple[int, int]] = frozenset()
    questions: dict[int, str] = field(default_factory=dict)
    events: dict[int, str] = field(default_factory=dict)
    forums: dict[int, str] = field(default_factory=dict)
    counterparts: dict[int, str] = field(default_factory=dict)
    instruments: dict[int, str] = field(default_factory=dict)
    excluded_pairs: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """The lower and the higher entry, and the exclusion."""
    excluded_units: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    """The lower unit, the higher unit, the topic, and the exclusion."""


@dataclass(frozen=True)
class Text:
    """How alike the two texts are, 0 to 1, and the phrases that carry it."""

    likeness: float = 0.0
    phrases: tuple[str, ...] = ()
    abroad: bool = False
    """They are in different languages."""
    uneven: bool = False
    """One is a line or two, the other a paper."""


@dataclass(frozen=True)
class Signals:
    """All that a pair says of itself; a pair's signals depend on that pair only."""

    question_id: int | None = None
    stances: tuple[Stance, Stance] | None = None
    voices: tuple[int | None, int | None] = (None, None)
    """Whose outside voices the two are, where they are any."""
    event_id: int | None = None
    forum_id: int | None = None
    topics: tuple[int, ...] = ()
    related: tuple[tuple[int, int], ...] = ()
    counterparts: tuple[int, ...] = ()
    instruments: tuple[int, ...] = ()
    days_apart: int | None = None
    text: Text = Text()
    texts: tuple[str, str] = ("", "")
    """Digests of the two texts."""
    excluded: tuple[tuple[ExclusionKind, int], ...] = ()
    """The exclusions that the pair falls under."""


@dataclass(frozen=True)
class Floors:
    """The floors, windows and weights of the detector, from config/detection.toml."""

    possible: float
    possible_abroad: float
    duplication: float
    window_days: int
    close_days: int
    weights: dict[str, float]
    version: str = ""
    """A short digest of all of them: what a flag remembers of the settings that raised it."""

    @property
    def least(self) -> float:
        """Return the likeness below which no text counts, whatever stands beside it."""
        return min(self.duplication, self.possible, self.possible_abroad)


BOUNDS: dict[str, tuple[float, float]] = {"text": (0, 1), "dates": (0, 3_650), "weights": (0.01, 1_000)}
"""The sections of config/detection.toml that the rule follows, and between what their numbers lie."""


class BadSettings(Refused):
    """These are not settings of the detector."""


def numbers(said: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Return the settings of the rule by section and name."""
    return {(section, name): value for section in BOUNDS for name, value in dict(said.get(section) or {}).items()}


def version_of(said: Mapping[str, Any]) -> str:
    """Return the version of some settings: twelve signs that are the same for the same numbers, however they are written."""
    kept = {f"{section}.{name}": float(value) for (section, name), value in numbers(said).items()}
    return hashlib.sha256(canonical(kept)).hexdigest()[:12]


def checked_settings(said: Mapping[str, Any], *, like: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return settings that say the same things as others, each within its bounds; raises BadSettings with a sentence."""
    ours, theirs = numbers(said), numbers(like)
    for section, name in sorted(ours.keys() ^ theirs.keys()):
        what = "missing" if (section, name) in theirs else "not known"
        raise BadSettings(f"{section}.{name} is {what}.")
    for (section, name), value in ours.items():
        whole = section == "dates"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise BadSettings(f"{section}.{name} is not a {'whole number' if whole else 'number'}.")
        least, most = BOUNDS[section]
        if not least <= value <= most:
            raise BadSettings(f"{section}.{name} lies outside of {least} to {most}.")
    return said


@dataclass(frozen=True)
class Finding:
    """What the rule says of a pair."""

    kind: OverlapKind
    severity: Severity
    score: float
    reasons: tuple[dict[str, Any], ...]
    inputs: dict[str, Any]
    settings: str = ""
    """The version of the settings that say so."""

    @property
    def fingerprint(self) -> str:
        """Return the digest of what a decision about the pair rests on."""
        return fingerprint(self.inputs)


def fingerprint(inputs: dict[str, Any]) -> str:
    """Return the digest of a pair's inputs."""
    return hashlib.sha256(canonical(inputs)).hexdigest()


def signals(low: Facts, high: Facts, known: Vocabulary, text: Text) -> Signals:
    """Return what two entries share; umbrella topics say nothing, and a related edge joins two that do not."""
    mine, theirs = low.topics - known.umbrella, high.topics - known.umbrella
    shared = mine & theirs
    edges = () if shared else {(a, b) for a, b in known.related if (a in mine and b in theirs) or (b in mine and a in theirs)}
    same_question = low.question_id is not None and low.question_id == high.question_id
    stances = (low.stance, high.stance) if same_question and low.stance and high.stance else None
    days = [abs((a - b).days) for a in low.dates for b in high.dates]
    return Signals(
        question_id=low.question_id if same_question else None,
        stances=stances,
        voices=(low.on_behalf_of_id, high.on_behalf_of_id),
        event_id=low.event_id if low.event_id is not None and low.event_id == high.event_id else None,
        forum_id=low.forum_id if low.forum_id is not None and low.forum_id == high.forum_id else None,
        topics=tuple(sorted(shared)),
        related=tuple(sorted(edges)),
        counterparts=tuple(sorted(low.counterparts & high.counterparts)),
        instruments=tuple(sorted(low.instruments & high.instruments)),
        days_apart=min(days) if days else None,
        text=text,
        texts=(low.text_digest, high.text_digest),
        excluded=_excluded(low, high, known),
    )


def _excluded(low: Facts, high: Facts, known: Vocabulary) -> tuple[tuple[ExclusionKind, int], ...]:
    pair, units = sorted((low.id, high.id)), sorted((low.unit_id, high.unit_id))
    as_pair = known.excluded_pairs.get((pair[0], pair[1]))
    on_topics = (
        {known.excluded_units.get((units[0], units[1], t)) for t in low.topics & high.topics} if known.excluded_units else ()
    )
    found = [(ExclusionKind.PAIR, as_pair), *((ExclusionKind.UNITS, i) for i in on_topics)]
    return tuple(sorted((kind, i) for kind, i in found if i is not None))


# --- the rule ----------------------------------------------------------------------------------------------------------

CLASHES = {
    frozenset({Stance.SUPPORT, Stance.RED_LINE}): Severity.CRITICAL,
    frozenset({Stance.CONDITIONS, Stance.RED_LINE}): Severity.CRITICAL,
    frozenset({Stance.SUPPORT, Stance.OPPOSE}): Severity.HIGH,
    frozenset({Stance.CONDITIONS, Stance.OPPOSE}): Severity.MEDIUM,
}
RANK = {Severity.CRITICAL: 0, Severity.HIGH: 1, Severity.MEDIUM: 2, Severity.LOW: 3}
STRONGEST_FIRST = tuple(OverlapKind)


def clash(stances: tuple[Stance, Stance] | None) -> Severity | None:
    """Return how badly two stances on one question clash, or None if both can be said in one room."""
    return CLASHES.get(frozenset(stances)) if stances else None


def judge(s: Signals, known: Vocabulary, floors: Floors) -> Finding | None:
    """Return what is said of a pair: its finding, or None if it does not touch or an exclusion hides it."""
    finding = weigh(s, known, floors)
    return None if finding is None or hidden_by(s, finding) else finding


def hidden_by(s: Signals, finding: Finding) -> tuple[int, ...]:
    """Return the exclusions that hide what was found.

    What is critical is never hidden. Stances that clash are hidden pair by pair, by somebody who read both, never wholesale.
    """
    if finding.severity is Severity.CRITICAL:
        return ()
    wholesale = finding.kind is not OverlapKind.CONFLICT
    return tuple(i for kind, i in s.excluded if wholesale or kind is ExclusionKind.PAIR)


def weigh(s: Signals, known: Vocabulary, floors: Floors) -> Finding | None:
    """Return the strongest kind of a pair with all its reasons, or None if it does not touch; whatever is excluded.

    Text never claims a conflict: on public labelled sets, likeness tells agreeing from opposing pairs hardly better than chance.
    An outside voice that a unit wrote down clashes with a unit's line and nothing else: it goes nowhere and repeats no work.
    """
    subject = bool(s.topics or s.related or s.question_id is not None or s.instruments)
    met = s.event_id is not None or (s.counterparts and s.days_apart is not None and s.days_apart <= floors.window_days)
    alike = s.text.likeness >= floors.duplication
    found: dict[OverlapKind, Severity] = {}
    heard = sum(voice is not None for voice in s.voices)
    clashing = clash(s.stances) if heard < 2 else None
    if clashing:
        found[OverlapKind.CONFLICT] = clashing
    if subject and met and not heard:
        close = s.event_id is not None or (s.days_apart is not None and s.days_apart <= floors.close_days)
        found[OverlapKind.COLLISION] = Severity.HIGH if close else Severity.MEDIUM
    if alike and not heard and (s.topics or s.related or s.forum_id is not None or s.counterparts or s.instruments):
        found[OverlapKind.DUPLICATION] = Severity.MEDIUM
    if s.topics or s.question_id is not None:
        found[OverlapKind.CONTACT] = Severity.LOW
    if s.text.likeness >= (floors.possible_abroad if s.text.abroad else floors.possible) and not heard:
        found[OverlapKind.POSSIBLE] = Severity.LOW
    if not found:
        return None
    kind = next(k for k in STRONGEST_FIRST if k in found)
    severity = min(found.values(), key=RANK.__getitem__)
    reasons, total = _reasons(s, known, floors, clashing=clashing is not None, alike=alike)
    score = s.text.likeness if kind is OverlapKind.POSSIBLE else 1 - 2 ** (-total / 4)
    return Finding(kind, severity, round(score, 4), reasons, _inputs(s, floors, alike=alike), floors.version)


def _reasons(
    s: Signals, known: Vocabulary, floors: Floors, *, clashing: bool, alike: bool
) -> tuple[tuple[dict[str, Any], ...], float]:
    """Return each signal with its value and its share of the whole, the largest first, and their sum."""
    weigh = floors.weights
    parts: list[tuple[float, dict[str, Any]]] = []
    value: dict[str, Any]
    if s.question_id is not None:
        weight = weigh["clash"] if clashing else weigh["question"]
        value = {"signal": "clash" if clashing else "question", "question": known.questions[s.question_id]}
        if s.stances:
            value |= {"low": s.stances[0].value, "high": s.stances[1].value}
            value |= _one_voice(s.voices, known)
        parts.append((weight, value))
    if s.event_id is not None:
        parts.append((weigh["event"], {"signal": "event", "event": known.events[s.event_id]}))
    if s.counterparts:
        near = s.days_apart is not None and s.days_apart <= floors.window_days
        value = {"signal": "counterpart", "names": [known.counterparts[i] for i in s.counterparts]}
        parts.append((weigh["counterpart"] if near else weigh["forum"], value | ({"days": s.days_apart} if near else {})))
    if s.instruments:
        parts.append((weigh["instrument"], {"signal": "instrument", "names": [known.instruments[i] for i in s.instruments]}))
    if s.topics:
        parts.append((weigh["topic"], {"signal": "topic", "names": [known.topics[i] for i in s.topics]}))
    if s.related:
        edges = [[known.topics[a], known.topics[b]] for a, b in s.related]
        parts.append((weigh["related"], {"signal": "related", "edges": edges}))
    if s.forum_id is not None and s.event_id is None:
        parts.append((weigh["forum"], {"signal": "forum", "forum": known.forums[s.forum_id]}))
    if alike:
        value = {"signal": "text", "likeness": round(s.text.likeness, 2), "phrases": list(s.text.phrases)}
        value |= {mark: True for mark in ("abroad", "uneven") if getattr(s.text, mark)}
        parts.append((weigh["text"] * s.text.likeness, value))
    total = sum(w for w, _ in parts)
    parts.sort(key=lambda p: -p[0])
    shares = _hundredths([w for w, _ in parts])
    return tuple(v | {"share": share} for (_, v), share in zip(parts, shares, strict=True)), total


def _one_voice(voices: tuple[int | None, int | None], known: Vocabulary) -> dict[str, Any]:
    """Return which end is an outside voice, and whose, where one of the two is."""
    low, high = voices
    if (low is None) == (high is None):
        return {}
    return {"voice": known.counterparts[low or high or 0], "voice_of": "low" if low is not None else "high"}


def _hundredths(weights: list[float]) -> list[float]:
    """Return each weight's share in hundredths that add up to one: the largest remainders get what rounding down left over."""
    exact = [100 * w / sum(weights) for w in weights]
    whole = [int(e) for e in exact]
    for i in sorted(range(len(exact)), key=lambda i: (whole[i] - exact[i], i))[: 100 - sum(whole)]:
        whole[i] += 1
    return [w / 100 for w in whole]


def _inputs(s: Signals, floors: Floors, *, alike: bool) -> dict[str, Any]:
    near = s.days_apart is not None and s.days_apart <= floors.window_days and bool(s.counterparts)
    return {
        "question": s.question_id,
        "stances": [st.value for st in s.stances] if s.stances else None,
        "event": s.event_id,
        "forum": s.forum_id,
        "topics": list(s.topics),
        "related": [list(e) for e in s.related],
        "counterparts": list(s.counterparts),
        "close": (s.days_apart or 0) <= floors.close_days if near else None,
        "texts": list(s.texts) if alike else None,
        # only where there are some: what was decided about a pair before there were instruments and voices rests on the same
        **({"instruments": list(s.instruments)} if s.instruments else {}),
        **({"voices": list(s.voices)} if any(s.voices) else {}),
    }


def without_topic(inputs: dict[str, Any], gone: int, into: int) -> dict[str, Any]:
    """Return the inputs of a pair after one topic was merged into another: the one stands where the other stood."""

    def now(topics: Iterable[int]) -> list[int]:
        return sorted({into if t == gone else t for t in topics})

    edges = [now(edge) for edge in inputs["related"]]
    return inputs | {
        "topics": now([*inputs["topics"], *([into] if [into] in edges else [])]),
        "related": sorted(edge for n, edge in enumerate(edges) if len(edge) == 2 and edge not in edges[:n]),
    }


# --- what other settings would change ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TallyRow:
    """What other settings would do to the flags of one kind: a flag that changes its kind counts where it is now."""

    kind: OverlapKind
    stay: int
    added: int
    removed: int
    other: int
    """How many would be of another kind or severity."""


@dataclass(frozen=True)
class Tally:
    """How many flags other settings would keep, add, remove and change, by kind."""

    counts: Mapping[tuple[OverlapKind, str], int] = field(default_factory=dict)

    def and_those(
        self, moves: Iterable[tuple[tuple[OverlapKind, Severity] | None, tuple[OverlapKind, Severity] | None]]
    ) -> "Tally":
        """Return the tally with some more pairs: what each is flagged as now, and what it would be."""
        counts = dict(self.counts)
        for now, then in moves:
            flag = now or then
            if flag is None:
                continue
            what = "stay" if now == then else "added" if now is None else "removed" if then is None else "other"
            counts[flag[0], what] = counts.get((flag[0], what), 0) + 1
        return Tally(counts)

    def rows(self) -> list[TallyRow]:
        """Return one row for each kind, the strongest first."""
        words = ("stay", "added", "removed", "other")
        return [TallyRow(kind, *(self.counts.get((kind, w), 0) for w in words)) for kind in STRONGEST_FIRST]


# --- in words ----------------------------------------------------------------------------------------------------------

SENTENCES = {
    "clash": N_("On “%(question)s” one side says %(low)s, the other %(high)s: both cannot be said in one room."),
    "clash_voice": N_("On “%(question)s” %(voice)s, an outside voice, says %(said)s, and a unit says %(ours)s."),
    "question_voice": N_("Both answer “%(question)s”: %(voice)s, an outside voice, with %(said)s, and a unit with %(ours)s."),
    "question": N_("Both answer “%(question)s”: %(low)s and %(high)s."),
    "question_plain": N_("Both answer “%(question)s”."),
    "event": N_("Both go to %(event)s."),
    "counterpart_near": N_("Both deal with %(names)s, %(days)s days apart."),
    "counterpart_next_day": N_("Both deal with %(names)s, one day apart."),
    "counterpart_same_day": N_("Both deal with %(names)s at the same time."),
    "counterpart": N_("Both deal with %(names)s."),
    "instrument": N_("Both refer to %(names)s."),
    "topic": N_("Both are on %(names)s."),
    "related": N_("Related topics: %(edges)s."),
    "forum": N_("Both are for %(forum)s."),
    "text": N_("The texts are alike; both speak of %(phrases)s."),
    "text_plain": N_("The texts are alike."),
    "text_abroad": N_("The texts say much the same in two languages."),
    "text_uneven": N_("The short text is like the long one, as far as a line can be; both speak of %(phrases)s."),
    "text_uneven_plain": N_("The short text is like the long one, as far as a line can be."),
}


def sentence(reason: dict[str, Any], t: Any = str) -> str:
    """Return one reason in words, for page, mail and export alike; `t` translates."""
    key = reason["signal"]
    values: dict[str, Any] = {k: v for k, v in reason.items() if isinstance(v, str | int)}
    if key == "counterpart" and "days" in reason:
        key = {0: "counterpart_same_day", 1: "counterpart_next_day"}.get(reason["days"], "counterpart_near")
    if key == "text":
        key = _of_text(reason)
    if key == "question" and "low" not in reason:  # one of the two is still being written, and has no stance yet
        key = "question_plain"
    for stance in ("low", "high"):
        if stance in reason:
            values[stance] = f"“{t(Stance(reason[stance]).label).lower()}”"
    if "voice_of" in reason:
        key = f"{key}_voice"
        values["said"], values["ours"] = values[reason["voice_of"]], values["high" if reason["voice_of"] == "low" else "low"]
    if "names" in reason:
        values["names"] = ", ".join(reason["names"])
    if "phrases" in reason:
        values["phrases"] = ", ".join(f"“{p}”" for p in reason["phrases"])
    if "edges" in reason:
        values["edges"] = ", ".join(f"{a} ↔ {b}" for a, b in reason["edges"])
    return str(t(SENTENCES[key])) % values


def _of_text(reason: dict[str, Any]) -> str:
    if reason.get("abroad"):
        return "text_abroad"
    key = "text_uneven" if reason.get("uneven") else "text"
    return key if reason.get("phrases") else f"{key}_plain"


CHANGED = {
    "question": N_("the question"),
    "stances": N_("a stance"),
    "voices": N_("whose voice it is"),
    "event": N_("the event"),
    "forum": N_("the forum"),
    "topics": N_("the shared topics"),
    "related": N_("the related topics"),
    "counterparts": N_("the counterparts"),
    "instruments": N_("the instruments"),
    "close": N_("how near the dates are"),
    "texts": N_("the texts"),
}


def what_changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return in words which inputs of a pair differ."""
    return list(dict.fromkeys(CHANGED[k] for k in CHANGED if before.get(k) != after.get(k)))


def changes(before: dict[str, Any], after: dict[str, Any], known: Vocabulary, t: Any = str) -> list[str]:
    """Return in words what a pair rested on before and rests on now; of texts only that they changed."""
    return [
        str(t(N_("%(what)s: %(before)s, now %(after)s"))) % {"what": str(t(word)), "before": old, "after": new}
        if (old := _named(key, before, known, t)) != (new := _named(key, after, known, t))
        else str(t(word))
        for key, word in CHANGED.items()
        if before.get(key) != after.get(key)
    ]


def _named(key: str, inputs: dict[str, Any], known: Vocabulary, t: Any) -> str:
    """Return one input of a pair in words; what is no longer in a list has no name any more."""
    value, nothing = inputs.get(key), str(t(N_("none")))
    lists = {"topics": known.topics, "counterparts": known.counterparts, "instruments": known.instruments}
    singles = {"question": known.questions, "event": known.events, "forum": known.forums}
    if not value or key == "texts":
        return nothing if key != "close" or value is None else str(t(N_("far apart")))
    if key in singles:
        return f"“{singles[key].get(value, '–')}”"
    if key in lists:
        return ", ".join(f"“{lists[key].get(i, '–')}”" for i in value)
    if key == "related":
        return ", ".join(f"{known.topics.get(a, '–')} ↔ {known.topics.get(b, '–')}" for a, b in value)
    if key == "stances":
        return str(t(N_("%(low)s and %(high)s"))) % {
            end: f"“{str(t(Stance(said).label)).lower()}”" for end, said in zip(("low", "high"), value, strict=True)
        }
    return str(t(N_("close together")))


# --- what the units do about it ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SideFacts:
    """What one unit was asked and did."""

    unit_id: int
    asked: bool
    acknowledged_at: datetime | None = None
    closing: Closing | None = None

    @property
    def acknowledged(self) -> bool:
        """Say whether the unit said that it knows."""
        return self.acknowledged_at is not None


def first_acknowledged(sides: Iterable[SideFacts]) -> datetime | None:
    """Return when the first of the units that are asked acknowledged, or None."""
    return min((s.acknowledged_at for s in sides if s.asked and s.acknowledged_at is not None), default=None)


def state_of(*, current: bool, closed_as: Closing | None, sides: Iterable[SideFacts]) -> OverlapState:
    """Return where the units are with an overlap; seen by one hand only is still open."""
    if not current:
        return OverlapState.LAPSED
    if closed_as is not None:
        return OverlapState.SETTLED if closed_as is Closing.SETTLE else OverlapState.DISMISSED
    asked = [s for s in sides if s.asked]
    return OverlapState.ACKNOWLEDGED if asked and all(s.acknowledged for s in asked) else OverlapState.OPEN


def dismissal_needs_both(severity: Severity) -> bool:
    """Low and medium ones either unit may dismiss; high and critical ones take both, or a coordinator."""
    return severity in {Severity.CRITICAL, Severity.HIGH}


class NotYourOverlap(Refused):
    """Only the two units, or a coordinator who sees both texts, can do this."""


class Lapsed(Refused):
    """This overlap has lapsed: one of the two is no longer current."""


class Closed(Refused):
    """This overlap is closed already."""


class WhyDismiss(Refused):
    """Say why this is nothing, for whoever looks at it next."""

    field = "why"


class StatementMissing(Refused):
    """Say in a sentence or two what was agreed."""

    field = "statement"


class CriticalStands(Refused):
    """What is critical is never excluded: settle it, or dismiss it together."""


class ExcludesBoth(Refused):
    """One unit alone excludes what is of low or medium severity; a high one takes a coordinator who sees both."""


def check_excludable(person: Person, overlap: Overlap) -> None:
    """Refuse to exclude a pair that is critical, or a high one for anybody but a coordinator: CriticalStands, ExcludesBoth."""
    if overlap.severity is Severity.CRITICAL:
        raise CriticalStands
    if overlap.severity is Severity.HIGH and Role.COORDINATOR not in person.roles:
        raise ExcludesBoth


def may_exclude(person: Person, overlap: Overlap) -> bool:
    """Whoever may act on it excludes a pair, if check_excludable has nothing against it."""
    try:
        check_excludable(person, overlap)
    except Refused:
        return False
    return overlap.current and may_act(person, overlap)


def is_side(person: Person, overlap: Overlap) -> bool:
    """Say whether a person works for one of the two units, and writes there."""
    writes = bool(person.roles & {Role.OFFICER, Role.RELEASING_OFFICER})
    return writes and person.unit_id in {overlap.low_unit_id, overlap.high_unit_id}


def may_act(person: Person, overlap: Overlap) -> bool:
    """The two units' officers act, and a coordinator; whoever gets here sees both ends, or the overlap would not be found."""
    return is_side(person, overlap) or Role.COORDINATOR in person.roles


def own_end(person: Person, overlap: Overlap) -> Entry | None:
    """Return the end that belongs to a person's unit, or None."""
    if person.unit_id == overlap.low_unit_id:
        return overlap.low
    return overlap.high if person.unit_id == overlap.high_unit_id else None


def week_of(day: date, zone: str) -> tuple[datetime, datetime]:
    """Return the week in which a day lies: the moments at which its Monday and the next one begin in a time zone."""
    monday = day - timedelta(days=day.weekday())
    first, last = (datetime.combine(d, time(), ZoneInfo(zone)) for d in (monday, monday + timedelta(days=7)))
    return first, last


def sides_after(units: tuple[int, int], ends: tuple[int, int], moved: Mapping[int, int]) -> tuple[int, int] | None:
    """Return the units of a pair after its ends moved, or None if it stays as it is or comes to lie within one unit."""
    now = (moved.get(ends[0], units[0]), moved.get(ends[1], units[1]))
    return None if now == units or now[0] == now[1] else now


# --- as one reader looks at it -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What a list shows of an overlap to one reader: the own end first, in the reader's words."""

    overlap: Overlap
    mine: Entry
    theirs: Entry
    own: Side | None
    """The side that the reader may act for."""
    reasons: tuple[str, ...]
    event: tuple[str, int] | None
    """The nearest event or milestone and the days to it."""
    todo: str | None
    acknowledged: tuple[Unit, ...]
    waiting: tuple[Unit, ...]


def look(overlap: Overlap, person: Person, *, on: date, t: Any = str) -> Look:
    """Return an overlap, loaded with its company, as a person looks at it on a day; `t` translates."""
    turned = own_end(person, overlap) is overlap.high
    mine, theirs = (overlap.high, overlap.low) if turned else (overlap.low, overlap.high)
    still = overlap.current and overlap.closed_as is None
    asked = [s for s in overlap.sides if s.asked] if still else []
    return Look(
        overlap=overlap,
        mine=mine,
        theirs=theirs,
        own=own_side(person, overlap),
        reasons=tuple(sentence(r, t) for r in overlap.reasons[:3]),
        event=_nearest(overlap, on, t),
        todo=_todo(overlap, person, t) if still else None,
        acknowledged=tuple(s.unit for s in asked if s.acknowledged_at is not None),
        waiting=tuple(s.unit for s in asked if s.acknowledged_at is None),
    )


def own_side(person: Person, overlap: Overlap) -> Side | None:
    """Return the side that a person may act for: the own unit's, if it is asked."""
    if not is_side(person, overlap):
        return None
    return next((s for s in overlap.sides if s.unit_id == person.unit_id and s.asked), None)


def _nearest(overlap: Overlap, on: date, t: Any) -> tuple[str, int] | None:
    if overlap.near_on == FAR or overlap.near_on < on:
        return None
    named = [e.event.name for e in (overlap.low, overlap.high) if e.event is not None and e.event.starts_on == overlap.near_on]
    return (named[0] if named else str(t(N_("A milestone")))), (overlap.near_on - on).days


def _todo(overlap: Overlap, person: Person, t: Any) -> str | None:
    own = own_side(person, overlap)
    if own is None:
        return None
    other = next((s for s in overlap.sides if s.unit_id != own.unit_id), None)
    if other is not None and other.closing is not None and own.closing is None:
        return str(t(N_("%(unit)s made a proposal: answer it"))) % {"unit": other.unit.short_name}
    if own.acknowledged_at is None:
        return str(t(N_("Acknowledge it for your unit")))
    if other is not None and not other.asked:
        return str(t(N_("Only your unit sees both: reach out")))
    return None
