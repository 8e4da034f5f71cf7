from datetime import date

import pytest
from sqlalchemy import select

from coordinator.db import change_of, transaction
from coordinator.history.actions import record
from coordinator.history.queries import of
from coordinator.topics import actions, queries
from coordinator.topics.models import Equity, Related, Stake, TopicName
from coordinator.topics.rules import EquityDraft, TopicDraft


def names(topics):
    return [t.name for t in topics]


def touched(session):
    return set(change_of(session).touched["topic"])


def test_no_two_topics_share_a_name_or_alias_in_whatever_letters(session, make, at):
    make.topic("Data governance", aliases=["Gouvernance des données"])
    other = make.topic("Privacy")
    for name in ("DATA GOVERNANCE", "gouvernance  des DONNÉES", "ｄata governance"):
        with pytest.raises(actions.NameTaken), transaction(session):
            actions.add(session, TopicDraft(name=name), by=None, at=at)
        with pytest.raises(actions.NameTaken), transaction(session):
            actions.rename(session, other, name, by=None, at=at)
        with pytest.raises(actions.NameTaken), transaction(session):
            actions.add_alias(session, other, name, language="en", by=None, at=at)


def test_a_topic_may_take_its_own_alias_as_its_name(session, make, at):
    topic = make.topic("Data governance", aliases=["Data rules"])
    with transaction(session):
        actions.rename(session, topic, "Data rules", by=None, at=at)
    kept = session.execute(select(TopicName.text, TopicName.alias).where(TopicName.topic_id == topic.id)).all()
    assert [tuple(row) for row in kept] == [("Data rules", False)]


def test_several_broader_topics_are_allowed_but_no_circle(session, make, at):
    security, trade = make.topic("Security"), make.topic("Trade")
    export = make.topic("Export controls", broader=[security, trade])
    assert names(queries.broader_of(session, export.id)) == ["Security", "Trade"]
    with pytest.raises(actions.WithinItself), transaction(session):
        actions.broaden(session, security, [export.id], by=None, at=at)
    tree = queries.tree(session)
    assert [(n.topic.name, [c.topic.name for c in n.children]) for n in tree] == [
        ("Security", ["Export controls"]),
        ("Trade", ["Export controls"]),
    ]


def test_an_edge_of_the_butterfly_is_kept_once_and_seen_from_both_wings(session, make, at):
    one, other = make.topic("One"), make.topic("Other")
    for a, b in ((one, other), (other, one)):
        with transaction(session):
            actions.relate(session, a, b, by=None, at=at)
    assert len(session.scalars(select(Related)).all()) == 1
    assert names(queries.related_of(session, one.id)) == ["Other"]
    assert names(queries.related_of(session, other.id)) == ["One"]
    with transaction(session):
        actions.unrelate(session, other, one, by=None, at=at)
    assert not queries.related_of(session, one.id)


def test_whatever_can_move_an_overlap_is_touched(session, make, at):
    one, other, unit = make.topic(), make.topic(), make.unit()
    changes = {
        "relate": (lambda: actions.relate(session, one, other, by=None, at=at), {one.id, other.id}),
        "umbrella": (lambda: actions.mark_umbrella(session, one, True, by=None, at=at), {one.id}),
        "broaden": (lambda: actions.broaden(session, one, [other.id], by=None, at=at), {one.id, other.id}),
        "rename": (lambda: actions.rename(session, one, "Renamed", by=None, at=at), {one.id}),
        "alias": (lambda: actions.add_alias(session, one, "Alias", language="en", by=None, at=at), {one.id}),
        "stake": (
            lambda: actions.give_equity(session, one, EquityDraft(unit.id, Stake.LEAD, date(2026, 1, 1)), by=None, at=at),
            {one.id},
        ),
        "merge": (lambda: actions.merge(session, one, into=other, by=None, at=at), {one.id, other.id}),
    }
    for name, (act, ids) in changes.items():
        with transaction(session):
            act()
            assert touched(session) == ids, name


def test_what_is_done_twice_is_recorded_once(session, make, at):
    one, other = make.topic(), make.topic()
    before = len(of(session, "topic", one.id))
    for _ in range(2):
        with transaction(session):
            actions.relate(session, one, other, by=None, at=at)
            actions.mark_umbrella(session, one, True, by=None, at=at)
            actions.add_alias(session, one, "Alias", language="en", by=None, at=at)
            actions.broaden(session, one, [other.id], by=None, at=at)
    assert len(of(session, "topic", one.id)) == before + 4


def test_a_merged_topic_redirects_and_gives_away_all_it_had(session, make, at):
    wide, left, far = make.topic("Security"), make.topic("Cyber security"), make.topic("Norms")
    gone = make.topic("Cybersecurity", broader=[wide], related=[far, left], aliases=["Infosec"])
    narrow = make.topic("Ransomware", broader=[gone])
    lead, second = make.unit(), make.unit()
    make.equity(lead, gone)
    make.equity(second, gone, "inform")
    make.equity(second, left, "lead")
    with transaction(session):
        actions.merge(session, gone, into=left, by=None, at=at)
    session.expire_all()
    assert queries.topic(session, gone.ref).ref == left.ref
    assert queries.by_name(session, "cybersecurity").ref == queries.by_name(session, "INFOSEC").ref == left.ref
    assert names(queries.broader_of(session, left.id)) == ["Security"]
    assert names(queries.related_of(session, left.id)) == ["Norms"]
    assert names(queries.broader_of(session, narrow.id)) == ["Cyber security"]
    assert {(e.unit_id, e.stake.value) for e in queries.equities(session, left.id)} == {(lead.id, "lead"), (second.id, "lead")}
    with pytest.raises(actions.MergedAlready), transaction(session):
        actions.rename(session, gone, "Anything", by=None, at=at)


def test_a_redirect_follows_to_the_end(session, make, at):
    first, second, third = make.topic(), make.topic(), make.topic()
    for gone, into in ((first, second), (second, third)):
        with transaction(session):
            actions.merge(session, gone, into=into, by=None, at=at)
    session.expire_all()
    assert queries.topic(session, first.ref).ref == third.ref
    assert [t.ref for t in queries.topics(session)] == [third.ref]


def test_merging_a_topic_with_the_one_it_lies_within_leaves_no_circle(session, make, at):
    wide = make.topic()
    narrow = make.topic(broader=[wide])
    with transaction(session):
        actions.merge(session, wide, into=narrow, by=None, at=at)
    assert not queries.broader_of(session, narrow.id)


def test_a_stake_is_held_by_a_unit_once_at_a_time(session, make, at):
    unit, topic = make.unit(), make.topic()
    stake = make.equity(unit, topic, from_on=date(2026, 1, 1), until_on=date(2026, 3, 31))
    with pytest.raises(actions.StakeHeld), transaction(session):
        actions.give_equity(session, topic, EquityDraft(unit.id, Stake.INFORM, date(2026, 3, 31)), by=None, at=at)
    make.equity(unit, topic, "inform", from_on=date(2026, 4, 1))
    with pytest.raises(actions.EndsBeforeItStarts), transaction(session):
        actions.end_equity(session, stake, on=date(2025, 12, 31), by=None, at=at)
    held = {
        day: [e.stake.value for e in queries.equities_at(session, [topic.id], day)] for day in (date(2026, 3, 31), date(2026, 4, 1))
    }
    assert held == {date(2026, 3, 31): ["lead"], date(2026, 4, 1): ["inform"]}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("cyb", ["Cybercrime", "Cybersecurity"]),
        ("CYBERS", ["Cybersecurity"]),
        ("seguridad", ["Cybersecurity"]),
        ("cy", []),
        ("%yb", []),
        ("___", []),
        ("security", []),
    ],
    ids=["a beginning", "capitals", "an alias", "too short", "a wildcard", "wildcards", "not the beginning"],
)
def test_topics_are_suggested_by_how_a_name_begins(session, make, typed, found):
    make.topic("Cybersecurity", aliases=["Seguridad digital"])
    make.topic("Cybercrime")
    assert names(queries.suggestions(session, typed)) == found


def test_at_most_ten_topics_are_suggested(session, make):
    for number in range(12):
        make.topic(f"Cyber {number:02}")
    assert len(queries.suggestions(session, "cyber")) == 10


# --- handed on -------------------------------------------------------------------------------------------------------------

DAY = date(2026, 3, 2)
LONG_AGO, BEFORE, SOON, LATER = date(2020, 1, 1), date(2026, 3, 1), date(2026, 6, 30), date(2026, 12, 31)


@pytest.mark.parametrize(
    ("given", "held", "after"),
    [
        (("lead", LONG_AGO, None), None, [("lead", DAY, None)]),
        (("lead", SOON, LATER), None, [("lead", SOON, LATER)]),
        (("inform", LONG_AGO, BEFORE), None, []),
        (("lead", LONG_AGO, None), ("inform", LONG_AGO, None), [("inform", LONG_AGO, BEFORE), ("lead", DAY, None)]),
        (("inform", LONG_AGO, None), ("lead", LONG_AGO, None), [("lead", LONG_AGO, None)]),
        (("lead", LONG_AGO, None), ("lead", LONG_AGO, None), [("lead", LONG_AGO, None)]),
        (
            ("lead", LONG_AGO, SOON),
            ("inform", LONG_AGO, LATER),
            [("inform", LONG_AGO, BEFORE), ("lead", DAY, SOON), ("inform", date(2026, 7, 1), LATER)],
        ),
        (("inform", LONG_AGO, None), ("lead", LONG_AGO, SOON), [("lead", LONG_AGO, SOON), ("inform", date(2026, 7, 1), None)]),
        (("inform", LONG_AGO, None), ("lead", SOON, None), [("inform", DAY, date(2026, 6, 29)), ("lead", SOON, None)]),
        (("lead", LONG_AGO, None), ("inform", SOON, LATER), [("lead", DAY, None)]),
    ],
    ids=[
        "nothing held",
        "not begun",
        "over already",
        "stronger",
        "weaker",
        "the same",
        "stronger for a while",
        "weaker, outlasts",
        "weaker, begins sooner",
        "stronger, the other not begun",
    ],
)
def test_a_stake_is_handed_on_and_the_stronger_counts(session, make, at, given, held, after):
    old, new, topic = make.unit(), make.unit(), make.topic()
    stake = make.equity(old, topic, given[0], from_on=given[1], until_on=given[2])
    if held:
        make.equity(new, topic, held[0], from_on=held[1], until_on=held[2])
    with transaction(session):
        actions.hand_on(session, stake, to=new.id, on=DAY, by=None, at=at)
        record(session, "test.looked", subject=("topic", topic.id), by=None, at=at)
    rows = session.scalars(select(Equity).where(Equity.unit_id == new.id).order_by(Equity.from_on)).all()
    assert [(e.stake, e.from_on, e.until_on) for e in rows] == after
    left = session.scalars(select(Equity).where(Equity.unit_id == old.id)).all()
    assert all(e.until_on == BEFORE for e in left)
