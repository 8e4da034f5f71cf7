"""What is missing, kind by kind, as a table; and never another answer than the rule itself gives."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.detector.rules import TopicUse, lines, missing, precision, proposes_umbrella, wilson
from coordinator.overlaps.models import Dismissal, OverlapKind
from coordinator.overlaps.rules import Facts, Text, judge, signals
from coordinator.positions.models import Stance
from tests.overlaps.known import FLOORS as FLOORS_OF_RULE
from tests.overlaps.known import KNOWN

FLOORS = replace(FLOORS_OF_RULE, possible=0.6, possible_abroad=0.6, duplication=0.4)
DAY, LATER = date(2026, 3, 1), date(2026, 4, 15)
BARE = Facts(1, 1), Facts(2, 2)
MET, ASKED = Facts(1, 1, topics=frozenset({1}), counterparts=frozenset({1})), Facts(1, 1, question_id=1)


def asked(one, other, likeness=0.0, compared=True):
    return one, other, signals(one, other, KNOWN, Text(likeness)), KNOWN, FLOORS, compared


def lacks(kind: OverlapKind, one: Facts, other: Facts, likeness: float = 0.0, *, compared: bool = True) -> tuple[str, ...]:
    *what, compared = asked(one, other, likeness, compared)
    return next(a.missing for a in missing(*what, compared=compared) if a.kind is kind)


def both(**what):
    return tuple(replace(f, **what) for f in BARE)


@pytest.mark.parametrize(
    ("kind", "pair", "likeness", "said"),
    [
        pytest.param("conflict", BARE, 0, "Neither answers a question.", id="no question"),
        pytest.param(
            "conflict", (replace(BARE[0], question_id=1), BARE[1]), 0, "Only one of the two answers a question.", id="one"
        ),
        pytest.param(
            "conflict",
            (replace(BARE[0], question_id=1), replace(BARE[1], question_id=2)),
            0,
            "They answer different questions: “A binding instrument” and “A moratorium”.",
            id="two questions",
        ),
        pytest.param(
            "conflict",
            both(question_id=1, stance=Stance.SUPPORT),
            0,
            "“support” and “support” can both be said in one room.",
            id="stances that do not clash",
        ),
        pytest.param(
            "conflict", both(question_id=1), 0, "Both answer “A binding instrument”; a stance is missing.", id="without stances"
        ),
        pytest.param("collision", BARE, 0, "No topic, related topic, question or instrument in common.", id="no subject"),
        pytest.param(
            "collision",
            both(topics=frozenset({1})),
            0,
            "They go to no common event and deal with no common counterpart.",
            id="nowhere to meet",
        ),
        pytest.param(
            "collision",
            both(topics=frozenset({1}), counterparts=frozenset({1})),
            0,
            "They go to no common event; both deal with Japan, but one of the two has no day ahead.",
            id="no days",
        ),
        pytest.param(
            "collision",
            tuple(replace(MET, id=i, dates=(d,)) for i, d in enumerate((DAY, LATER))),
            0,
            "They go to no common event; both deal with Japan, but 45 days apart, and the window is 30.",
            id="too far apart",
        ),
        pytest.param(
            "duplication", BARE, 0.9, "No topic, related topic, forum, counterpart or instrument in common.", id="nothing beside"
        ),
        pytest.param(
            "duplication",
            both(topics=frozenset({3})),
            0.9,
            "Both are on “Cybersecurity”, an umbrella topic: sharing it says nothing.",
            id="umbrella",
        ),
        pytest.param(
            "duplication", both(forum_id=1), 0.25, "The texts are alike by 0.25, and 0.40 is asked for.", id="below the lower floor"
        ),
        pytest.param("possible", BARE, 0.5, "The texts are alike by 0.50, and 0.60 is asked for.", id="below the higher floor"),
        pytest.param("possible", BARE, 0.5999, "The texts are alike by 0.5999, and 0.60 is asked for.", id="just below it"),
        pytest.param("contact", BARE, 0, "No topic or question in common.", id="no contact"),
        pytest.param(
            "contact",
            (replace(BARE[0], topics=frozenset({1})), replace(BARE[1], topics=frozenset({2}))),
            0,
            "Their topics are related and not the same: alone that makes no contact.",
            id="related topics",
        ),
    ],
)
def test_what_is_missing_is_said_in_words(kind, pair, likeness, said):
    assert said in lacks(OverlapKind(kind), *pair, likeness)


def test_texts_that_were_not_compared_are_said_to_be_so():
    said = lacks(OverlapKind.POSSIBLE, *BARE, compared=False)
    assert said == ("The texts have too few telling words in common to be compared.",)


@pytest.mark.parametrize(
    ("kind", "pair", "likeness"),
    [
        pytest.param("conflict", tuple(replace(ASKED, stance=s) for s in (Stance.SUPPORT, Stance.OPPOSE)), 0, id="conflict"),
        pytest.param("collision", both(topics=frozenset({1}), event_id=1), 0, id="collision"),
        pytest.param("duplication", both(topics=frozenset({1})), 0.4, id="duplication"),
        pytest.param("contact", both(topics=frozenset({1})), 0, id="contact"),
        pytest.param("possible", BARE, 0.6, id="possible"),
    ],
)  # fmt: skip
def test_nothing_is_missing_where_a_kind_is_reached(kind, pair, likeness):
    assert lacks(OverlapKind(kind), *pair, likeness) == ()


facts = st.builds(
    Facts,
    id=st.just(1),
    unit_id=st.just(1),
    question_id=st.sampled_from([None, 1, 2]),
    stance=st.sampled_from([None, *Stance]),
    event_id=st.sampled_from([None, 1, 2]),
    forum_id=st.sampled_from([None, 1]),
    topics=st.frozensets(st.sampled_from([1, 2, 3])),
    counterparts=st.frozensets(st.sampled_from([1])),
    instruments=st.frozensets(st.sampled_from([1])),
    on_behalf_of_id=st.sampled_from([None, None, 1]),
    dates=st.sampled_from([(), (DAY,), (LATER, date(2026, 8, 1))]),
)


@given(one=facts, other=facts, likeness=st.sampled_from([0.0, 0.39, 0.4, 0.6, 0.8]))
def test_what_is_missing_and_the_rule_agree(one, other, likeness):
    *what, _ = asked(one, other, likeness)
    reached = [a.kind for a in missing(*what, compared=True) if a.reached]
    finding = judge(*what[2:])
    assert (finding.kind if finding else None) == (reached[0] if reached else None)
    for label, said in lines(*what, compared=True):
        assert label
        assert said.endswith(".")
        assert "%(" not in said


# --- how often it is right -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [
        pytest.param(0, 10, 0.0, 0.2775, id="none of ten"),
        pytest.param(5, 10, 0.2366, 0.7634, id="half of ten"),
        pytest.param(10, 10, 0.7225, 1.0, id="all of ten"),
        pytest.param(1, 1, 0.2065, 1.0, id="one of one"),
        pytest.param(90, 100, 0.8256, 0.9448, id="ninety of a hundred"),
    ],
)
def test_the_interval_is_the_one_of_the_tables(hits, tries, low, high):
    assert wilson(hits, tries) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("settled", "dismissed", "judged", "wrong"),
    [
        pytest.param(3, {}, 3, 0, id="settled is right"),
        pytest.param(3, {Dismissal.NOT_SAME: 1, Dismissal.TEXTS: 1, Dismissal.TOO_BROAD: 1}, 6, 3, id="errors"),
        pytest.param(0, {Dismissal.COORDINATED: 2}, 2, 0, id="coordinated already is no error"),
        pytest.param(1, {Dismissal.OTHER: 5, None: 2}, 1, 0, id="something else says nothing"),
    ],
)
def test_precision_counts_what_was_judged(settled, dismissed, judged, wrong):
    found = precision(settled=settled, dismissed=dismissed)
    assert found is not None
    assert (found.judged, found.wrong) == (judged, wrong)
    assert found.low <= found.share <= found.high


def test_nothing_judged_is_no_precision():
    assert precision(settled=0, dismissed={Dismissal.OTHER: 3}) is None


@pytest.mark.parametrize(
    ("units", "judged", "wrong", "proposed"),
    [
        pytest.param(7, 0, 0, True, id="more than six units"),
        pytest.param(6, 0, 0, False, id="six units"),
        pytest.param(2, 4, 2, True, id="half were errors"),
        pytest.param(2, 4, 1, False, id="a quarter was"),
        pytest.param(2, 3, 3, False, id="too few judged"),
    ],
)
def test_an_umbrella_is_proposed_from_use(units, judged, wrong, proposed):
    assert proposes_umbrella(TopicUse(1, units, 20, judged, wrong), crowded=6) is proposed
