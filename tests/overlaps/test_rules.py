"""The rule as a table: signals in, kind, severity and reasons out."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.overlaps.models import Closing, OverlapKind, OverlapState, Severity
from coordinator.overlaps.rules import (
    RANK,
    BadSettings,
    Facts,
    SideFacts,
    Signals,
    Tally,
    Text,
    changes,
    checked_settings,
    clash,
    judge,
    sentence,
    signals,
    state_of,
    version_of,
    what_changed,
)
from coordinator.positions.models import Stance
from tests.overlaps.known import FLOORS, KNOWN

SUPPORT, CONDITIONS, NONE, OPPOSE, RED = Stance.SUPPORT, Stance.CONDITIONS, Stance.NO_POSITION, Stance.OPPOSE, Stance.RED_LINE


def judged(s: Signals) -> tuple[OverlapKind, Severity] | None:
    finding = judge(s, KNOWN, FLOORS)
    return (finding.kind, finding.severity) if finding else None


@pytest.mark.parametrize(
    ("one", "other", "severity"),
    [
        pytest.param(SUPPORT, OPPOSE, Severity.HIGH, id="support and oppose"),
        pytest.param(SUPPORT, RED, Severity.CRITICAL, id="support and red line"),
        pytest.param(CONDITIONS, RED, Severity.CRITICAL, id="conditions and red line"),
        pytest.param(CONDITIONS, OPPOSE, Severity.MEDIUM, id="conditions and oppose"),
        pytest.param(OPPOSE, RED, None, id="oppose and red line say the same"),
        pytest.param(SUPPORT, CONDITIONS, None, id="support and conditions go together"),
        pytest.param(NONE, RED, None, id="no position clashes with nothing"),
        pytest.param(NONE, OPPOSE, None, id="no position and oppose"),
        pytest.param(SUPPORT, SUPPORT, None, id="equal stances"),
        pytest.param(RED, RED, None, id="two red lines"),
    ],
)
def test_stances_clash_as_the_matrix_says_both_ways(one, other, severity):
    assert clash((one, other)) == severity
    assert clash((other, one)) == severity


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        pytest.param(Signals(), None, id="nothing shared"),
        pytest.param(Signals(topics=(1,)), (OverlapKind.CONTACT, Severity.LOW), id="a topic alone is a contact"),
        pytest.param(
            Signals(question_id=1, stances=(SUPPORT, SUPPORT)), (OverlapKind.CONTACT, Severity.LOW), id="one question, one stance"
        ),
        pytest.param(Signals(forum_id=1), None, id="a forum alone says nothing"),
        pytest.param(Signals(event_id=1), None, id="an event without a common subject says nothing"),
        pytest.param(Signals(counterparts=(1,), days_apart=0), None, id="a counterpart without a common subject says nothing"),
        pytest.param(
            Signals(topics=(1,), event_id=1, days_apart=0), (OverlapKind.COLLISION, Severity.HIGH), id="topic and event collide"
        ),
        pytest.param(
            Signals(related=((1, 2),), event_id=1, days_apart=0),
            (OverlapKind.COLLISION, Severity.HIGH),
            id="a related topic and the event collide",
        ),
        pytest.param(
            Signals(question_id=1, stances=(SUPPORT, SUPPORT), event_id=1, days_apart=0),
            (OverlapKind.COLLISION, Severity.HIGH),
            id="question and event collide",
        ),
        pytest.param(Signals(instruments=(1,)), None, id="an instrument alone says nothing"),
        pytest.param(
            Signals(instruments=(1,), event_id=1, days_apart=0),
            (OverlapKind.COLLISION, Severity.HIGH),
            id="an instrument and the event collide",
        ),
        pytest.param(
            Signals(instruments=(1,), counterparts=(1,), days_apart=20),
            (OverlapKind.COLLISION, Severity.MEDIUM),
            id="an instrument and a counterpart collide",
        ),
        pytest.param(
            Signals(instruments=(2,), text=Text(0.2)),
            (OverlapKind.DUPLICATION, Severity.MEDIUM),
            id="an instrument and like text duplicate",
        ),
        pytest.param(
            Signals(topics=(1,), counterparts=(1,), days_apart=14),
            (OverlapKind.COLLISION, Severity.HIGH),
            id="a counterpart at fourteen days is high",
        ),
        pytest.param(
            Signals(topics=(1,), counterparts=(1,), days_apart=15),
            (OverlapKind.COLLISION, Severity.MEDIUM),
            id="a counterpart at fifteen days is medium",
        ),
        pytest.param(
            Signals(topics=(1,), counterparts=(1,), days_apart=31), (OverlapKind.CONTACT, Severity.LOW), id="out of the window"
        ),
        pytest.param(
            Signals(topics=(1,), counterparts=(1,)), (OverlapKind.CONTACT, Severity.LOW), id="a counterpart without dates"
        ),
        pytest.param(
            Signals(topics=(1,), text=Text(0.2)), (OverlapKind.DUPLICATION, Severity.MEDIUM), id="a topic and like text duplicate"
        ),
        pytest.param(
            Signals(forum_id=1, text=Text(0.2)), (OverlapKind.DUPLICATION, Severity.MEDIUM), id="a forum and like text duplicate"
        ),
        pytest.param(
            Signals(counterparts=(2,), text=Text(0.2)),
            (OverlapKind.DUPLICATION, Severity.MEDIUM),
            id="a counterpart and like text duplicate",
        ),
        pytest.param(Signals(text=Text(0.49)), None, id="text alone below its floor"),
        pytest.param(Signals(text=Text(0.5)), (OverlapKind.POSSIBLE, Severity.LOW), id="text alone at its floor is possible"),
        pytest.param(
            Signals(question_id=1, stances=(SUPPORT, RED), topics=(1,), event_id=1, days_apart=0, text=Text(0.9)),
            (OverlapKind.CONFLICT, Severity.CRITICAL),
            id="the strongest kind wins",
        ),
        pytest.param(
            Signals(question_id=1, stances=(CONDITIONS, OPPOSE), event_id=1, days_apart=0),
            (OverlapKind.CONFLICT, Severity.HIGH),
            id="a mild conflict at one event is as bad as the collision",
        ),
        pytest.param(Signals(event_id=1, text=Text(0.99)), (OverlapKind.POSSIBLE, Severity.LOW), id="text never claims more"),
    ],
)
def test_the_rule(what, expected):
    assert judged(what) == expected


def test_text_alone_never_makes_a_conflict():
    for likeness in (0.0, 0.3, 0.7, 1.0):
        found = judged(Signals(question_id=1, stances=(SUPPORT, SUPPORT), text=Text(likeness)))
        assert found is not None
        assert found[0] is not OverlapKind.CONFLICT


def test_umbrella_topics_are_not_shared():
    low, high = Facts(1, 1, topics=frozenset({3, 4})), Facts(2, 2, topics=frozenset({3}))
    assert signals(low, high, KNOWN, Text()).topics == ()


def test_an_edge_joins_topics_that_differ_and_is_not_said_beside_a_shared_one():
    low, high = Facts(1, 1, topics=frozenset({1})), Facts(2, 2, topics=frozenset({2}))
    assert signals(low, high, KNOWN, Text()).related == ((1, 2),)
    both = Facts(2, 2, topics=frozenset({1, 2}))
    assert signals(low, both, KNOWN, Text()).related == ()
    assert signals(low, both, KNOWN, Text()).topics == (1,)


def test_a_shared_instrument_is_a_reason_of_its_own_and_part_of_what_a_decision_rests_on():
    low, high = Facts(1, 1, topics=frozenset({1}), instruments=frozenset({1, 2})), Facts(2, 2, topics=frozenset({1}))
    without = judge(signals(low, high, KNOWN, Text()), KNOWN, FLOORS)
    with_one = judge(signals(low, replace(high, instruments=frozenset({1})), KNOWN, Text()), KNOWN, FLOORS)
    assert without is not None
    assert with_one is not None
    assert [sentence(r) for r in with_one.reasons] == ["Both refer to Cybercrime Convention.", "Both are on Encryption."]
    assert with_one.score > without.score
    assert what_changed(without.inputs, with_one.inputs) == ["the instruments"]
    assert "instruments" not in without.inputs  # a pair that shares none keeps its old fingerprint


VOICE = Signals(question_id=1, stances=(OPPOSE, SUPPORT), topics=(1,), event_id=1, days_apart=0, text=Text(0.9), voices=(1, None))


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        pytest.param(VOICE, (OverlapKind.CONFLICT, Severity.HIGH), id="a voice and a line clash"),
        pytest.param(
            replace(VOICE, stances=(SUPPORT, SUPPORT)),
            (OverlapKind.CONTACT, Severity.LOW),
            id="a voice goes nowhere and repeats nothing",
        ),
        pytest.param(
            replace(VOICE, voices=(1, 2)), (OverlapKind.CONTACT, Severity.LOW), id="two voices are not the units' business"
        ),
        pytest.param(Signals(text=Text(0.9), voices=(None, 1)), None, id="a voice is never possible by its text"),
    ],
)
def test_an_outside_voice_clashes_with_a_line_and_nothing_else(what, expected):
    assert judged(what) == expected


def test_a_clash_with_an_outside_voice_says_so_whichever_end_it_is():
    low, high = Facts(1, 1, question_id=1, stance=OPPOSE, on_behalf_of_id=1), Facts(2, 2, question_id=1, stance=SUPPORT)
    for one, other in ((low, high), (high, low)):
        finding = judge(signals(one, other, KNOWN, Text()), KNOWN, FLOORS)
        assert finding is not None
        question = KNOWN.questions[1]
        expected = f"On “{question}” Japan, an outside voice, says “oppose”, and a unit says “support”."
        assert [sentence(r) for r in finding.reasons] == [expected]
    bare = judge(signals(replace(low, on_behalf_of_id=None), high, KNOWN, Text()), KNOWN, FLOORS)
    assert bare is not None
    assert what_changed(bare.inputs, finding.inputs) == ["a stance", "whose voice it is"]


def test_days_apart_is_the_nearest_of_all_days():
    low = Facts(1, 1, dates=(date(2026, 3, 1), date(2026, 6, 1)))
    high = Facts(2, 2, dates=(date(2026, 5, 25), date(2026, 9, 1)))
    assert signals(low, high, KNOWN, Text()).days_apart == 7


facts = st.builds(
    Facts,
    id=st.just(1),
    unit_id=st.just(1),
    question_id=st.sampled_from([None, 1, 2]),
    stance=st.sampled_from(list(Stance)),
    on_behalf_of_id=st.sampled_from([None, None, 1]),
    event_id=st.sampled_from([None, 1, 2]),
    forum_id=st.sampled_from([None, 1, 2]),
    topics=st.frozensets(st.sampled_from([1, 2, 3, 4])),
    counterparts=st.frozensets(st.sampled_from([1, 2])),
    instruments=st.frozensets(st.sampled_from([1, 2])),
    dates=st.sampled_from([(), (date(2026, 3, 1),), (date(2026, 3, 20), date(2026, 8, 1))]),
)


@given(one=facts, other=facts, likeness=st.sampled_from([0.0, 0.3, 0.8]))
def test_the_rule_is_the_same_both_ways(one, other, likeness):
    ours = judge(signals(one, other, KNOWN, Text(likeness)), KNOWN, FLOORS)
    theirs = judge(signals(other, one, KNOWN, Text(likeness)), KNOWN, FLOORS)
    assert (ours is None) == (theirs is None)
    if ours and theirs:
        assert (ours.kind, ours.severity, ours.score) == (theirs.kind, theirs.severity, theirs.score)


@given(one=facts, other=facts, likeness=st.sampled_from([0.0, 0.3, 0.8]))
def test_every_finding_says_why_and_the_shares_make_a_whole(one, other, likeness):
    finding = judge(signals(one, other, KNOWN, Text(likeness, ("red lines",))), KNOWN, FLOORS)
    if finding is None:
        return
    assert 0 < finding.score <= 1
    assert finding.reasons
    assert sum(r["share"] for r in finding.reasons) == pytest.approx(1)
    assert [r["share"] for r in finding.reasons] == sorted((r["share"] for r in finding.reasons), reverse=True)
    for reason in finding.reasons:
        said = sentence(reason)
        assert said.endswith(".")
        assert "%(" not in said


def test_a_fingerprint_changes_with_the_inputs_and_not_with_names():
    what = Signals(question_id=1, stances=(SUPPORT, OPPOSE), topics=(1,))
    before = judge(what, KNOWN, FLOORS)
    renamed = judge(what, replace(KNOWN, topics={**KNOWN.topics, 1: "Cryptography"}), FLOORS)
    moved = judge(replace(what, stances=(SUPPORT, RED)), KNOWN, FLOORS)
    assert before
    assert renamed
    assert moved
    assert before.fingerprint == renamed.fingerprint
    assert before.fingerprint != moved.fingerprint
    assert what_changed(before.inputs, moved.inputs) == ["a stance"]


def test_texts_count_in_the_fingerprint_only_where_likeness_counts():
    quiet, loud = Signals(topics=(1,), texts=("a", "b")), Signals(topics=(1,), texts=("a", "b"), text=Text(0.9))
    for s, counts in ((quiet, False), (loud, True)):
        before, after = judge(s, KNOWN, FLOORS), judge(replace(s, texts=("a", "c")), KNOWN, FLOORS)
        assert before
        assert after
        assert (before.fingerprint != after.fingerprint) is counts


@pytest.mark.parametrize("severity", list(Severity))
def test_every_severity_has_its_rank(severity):
    assert RANK[severity] == list(Severity).index(severity)


NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def sides(*acknowledged: bool | None) -> list[SideFacts]:
    return [SideFacts(i, a is not None, NOON if a else None) for i, a in enumerate(acknowledged)]


@pytest.mark.parametrize(
    ("current", "closed_as", "who", "state"),
    [
        pytest.param(True, None, sides(False, False), OverlapState.OPEN, id="nobody yet"),
        pytest.param(True, None, sides(True, False), OverlapState.OPEN, id="seen by one hand only"),
        pytest.param(True, None, sides(True, True), OverlapState.ACKNOWLEDGED, id="both"),
        pytest.param(True, None, sides(True, None), OverlapState.ACKNOWLEDGED, id="sealed: the one that is asked"),
        pytest.param(True, None, sides(None, None), OverlapState.OPEN, id="nobody can see both"),
        pytest.param(True, Closing.SETTLE, sides(False, False), OverlapState.SETTLED, id="settled"),
        pytest.param(True, Closing.DISMISS, sides(True, True), OverlapState.DISMISSED, id="dismissed"),
        pytest.param(False, Closing.SETTLE, sides(True, True), OverlapState.LAPSED, id="lapsed, whatever was decided"),
    ],
)
def test_the_state_follows_from_what_was_done(current, closed_as, who, state):
    assert state_of(current=current, closed_as=closed_as, sides=who) == state


def test_sentences_name_what_is_shared():
    finding = judge(Signals(question_id=1, stances=(SUPPORT, RED), topics=(1, 4)), KNOWN, FLOORS)
    assert finding
    said = " ".join(sentence(r) for r in finding.reasons)
    assert "“A binding instrument”" in said
    assert "“red line”" in said
    assert "Encryption, Privacy" in said


def test_all_pairs_of_stances_are_decided():
    assert sum(clash(pair) is not None for pair in product(Stance, Stance)) == 8


# --- what changed, from what to what ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param(
            {"stances": ["support", "oppose"]},
            {"stances": ["support", "red_line"]},
            ["a stance: “support” and “oppose”, now “support” and “red line”"],
            id="a stance",
        ),
        pytest.param(
            {"topics": [1], "event": None},
            {"topics": [1, 4], "event": 1},
            ["the event: none, now “Thematic groups”", "the shared topics: “Encryption”, now “Encryption”, “Privacy”"],
            id="topics and the event",
        ),
        pytest.param({"close": False}, {"close": None}, ["how near the dates are: far apart, now none"], id="dates"),
        pytest.param({"texts": ["a", "b"]}, {"texts": ["a", "c"]}, ["the texts"], id="of texts only that they changed"),
        pytest.param({"forum": 99}, {"forum": 1}, ["the forum: “–”, now “Global Mechanism”"], id="gone from its list"),
        pytest.param({"topics": [1]}, {"topics": [1]}, [], id="nothing"),
    ],
)
def test_what_changed_is_told_with_its_names(before, after, said):
    assert changes(before, after, KNOWN) == said


# --- settings ----------------------------------------------------------------------------------------------------------------

SAID = {"text": {"floor": 0.5}, "dates": {"window_days": 30}, "weights": {"topic": 2}, "gaps": {"wings": 4}}


def with_setting(section, name, value):
    return {**SAID, section: {**SAID[section], name: value}}


def test_a_version_is_of_the_numbers_and_of_those_that_the_rule_follows():
    assert version_of(SAID) == version_of(with_setting("weights", "topic", 2.0)) == version_of(with_setting("gaps", "wings", 9))
    assert version_of(SAID) != version_of(with_setting("text", "floor", 0.51))
    assert len(version_of(SAID)) == 12


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        pytest.param(with_setting("text", "flor", 0.5), "text.flor is not known.", id="not known"),
        pytest.param({**SAID, "dates": {}}, "dates.window_days is missing.", id="missing"),
        pytest.param(with_setting("text", "floor", 1.5), "text.floor lies outside of 0 to 1.", id="out of bounds"),
        pytest.param(with_setting("dates", "window_days", 3.5), "dates.window_days is not a whole number.", id="not whole"),
        pytest.param(with_setting("weights", "topic", "two"), "weights.topic is not a number.", id="no number"),
        pytest.param(with_setting("weights", "topic", True), "weights.topic is not a number.", id="yes is no number"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(said, sentence):
    with pytest.raises(BadSettings) as refused:
        checked_settings(said, like=SAID)
    assert refused.value.sentence == sentence


def test_a_tally_counts_what_stays_comes_goes_and_changes():
    conflict, collision = (OverlapKind.CONFLICT, Severity.HIGH), (OverlapKind.COLLISION, Severity.HIGH)
    milder = (OverlapKind.COLLISION, Severity.MEDIUM)
    rows = Tally().and_those([(conflict, conflict), (None, collision)]).and_those([(collision, None), (collision, milder)]).rows()
    assert [(r.kind, r.stay, r.added, r.removed, r.other) for r in rows[:2]] == [
        (OverlapKind.CONFLICT, 1, 0, 0, 0),
        (OverlapKind.COLLISION, 0, 1, 1, 1),
    ]


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0, "Both deal with Ghana, Kenya at the same time."),
        (1, "Both deal with Ghana, Kenya, one day apart."),
        (2, "Both deal with Ghana, Kenya, 2 days apart."),
    ],
)
def test_how_far_apart_two_dates_are_is_said_in_words(days: int, said: str) -> None:
    assert sentence({"signal": "counterpart", "names": ["Ghana", "Kenya"], "days": days}) == said
