from datetime import timedelta

import pytest
from sqlalchemy import select

from coordinator.db import Unrecorded, bookkeeping, read_as_system, transaction
from coordinator.history.queries import of
from coordinator.overlaps.models import Side
from coordinator.people import actions, queries
from coordinator.people.models import OneTimeLink, SignIn, SignInTry
from coordinator.people.rules import PersonDraft, Throttle, UnitDraft, secret_digest
from coordinator.recompute.actions import unlike

WINDOW = timedelta(minutes=15)


def draft_of(person, **other):
    given = {
        "name": person.name,
        "email": person.email,
        "unit_id": person.unit_id,
        "roles": person.roles,
        "clearance": person.clearance,
        "time_zone": person.time_zone,
    }
    return PersonDraft(**{**given, **other})


@pytest.mark.parametrize("look_alike", ["Ana@ministry.example", " ana@ministry.example", "ａna@ministry.example"])
def test_an_account_that_looks_like_another_is_refused(session, make, at, look_alike):
    ana, other = make.person(email="ana@ministry.example"), make.person()
    with pytest.raises(actions.AddressTaken), transaction(session):
        actions.revise_person(session, other, draft_of(other, email=look_alike), by=None, at=at)
    assert queries.person_by_email(session, look_alike).id == ana.id


def test_every_change_of_a_unit_is_in_its_history(session, make, at):
    keeper, unit = make.person(roles=("coordinator",)), make.unit("Old name")
    with transaction(session):
        draft = UnitDraft(organisation_id=unit.organisation_id, name="New name", short_name="NEW")
        actions.revise_unit(session, unit, draft, by=keeper, at=at)
    events = of(session, "unit", unit.id)
    assert [e.action for e in events] == ["unit.added", "unit.revised"]
    assert events[1].actor.name == keeper.name
    assert events[1].payload.said["name"] == "New name"


def test_a_change_without_history_is_not_kept(session, make):
    unit = make.unit("Kept")
    with pytest.raises(Unrecorded), transaction(session):
        unit.name = "Changed behind the back"
    assert queries.unit(session, unit.ref).name == "Kept"


def test_a_unit_cannot_be_moved_below_one_of_its_own(session, make, at):
    bureau = make.unit("Bureau")
    desk = make.unit("Desk", under=make.unit("Division", under=bureau))
    draft = UnitDraft(organisation_id=bureau.organisation_id, name="Bureau", short_name="B", parent_id=desk.id)
    with pytest.raises(actions.UnderItself), transaction(session):
        actions.revise_unit(session, bureau, draft, by=None, at=at)


def test_a_unit_stands_below_one_of_its_own_organisation_only(session, make, at):
    abroad = make.unit(of=make.organisation("Department of Trade", circle="government"))
    draft = UnitDraft(organisation_id=make.ministry().id, name="Odd", short_name="O", parent_id=abroad.id)
    with pytest.raises(actions.OtherOrganisation), transaction(session):
        actions.add_unit(session, draft, by=None, at=at)


def test_names_of_units_are_taken_in_whatever_letters(session, make, at):
    make.unit("Digital Freedom", short_name="CDF")
    for name, short, field in (("DIGITAL  freedom", "X", "name"), ("Other", "cdf", "short_name")):
        with pytest.raises(actions.NameTaken) as refused, transaction(session):
            actions.add_unit(session, UnitDraft(organisation_id=make.ministry().id, name=name, short_name=short), by=None, at=at)
        assert refused.value.field == field


def test_a_successor_ends_its_predecessor(session, make, at):
    old, new = make.unit("Old"), make.unit("New")
    with transaction(session):
        actions.succeed(session, old, new, on=make.today, by=None, at=at)
    assert [s.successor.name for s in queries.successions(session, old.id)] == ["New"]
    assert [s.predecessor.name for s in queries.successions(session, new.id)] == ["Old"]
    assert queries.unit(session, old.ref).ends_on == make.today


def test_a_unit_from_which_another_came_may_go_on(session, make, at):
    old, new = make.unit("Old"), make.unit("New")
    with transaction(session):
        actions.succeed(session, old, new, on=make.today, by=None, at=at, ends=False)
    assert queries.unit(session, old.ref).ends_on is None


def test_no_unit_follows_itself(session, make, at):
    one = make.unit()
    with pytest.raises(actions.FollowsItself), transaction(session):
        actions.succeed(session, one, one, on=make.today, by=None, at=at)


def test_a_succession_can_be_taken_back(session, make, at):
    old, new = make.unit("Old"), make.unit("New")
    for do in (lambda: actions.succeed(session, old, new, on=make.today, by=None, at=at),) + (
        lambda: actions.unlink(session, old, new, by=None, at=at),
    ) * 2:
        with transaction(session):
            do()
    assert queries.successions(session, old.id) == []
    assert [e.action for e in of(session, "unit", old.id)] == ["unit.added", "unit.succeeded", "unit.succession_taken_back"]


def test_what_stands_below_a_unit_that_moves_is_asked_anew(session, make, at):
    """Whoever is below a bureau reads what is shared with the bureau: a move above them changes who is asked."""
    home, away = make.unit("Home"), make.unit("Away")
    middle = make.unit("Middle", under=home)
    below = make.unit("Below", under=middle)
    topic = make.topic()
    question = make.question(topic=topic)
    make.position(by=make.officer(unit=below), question=question, topic=topic, stance="support")
    sealed = {"level": 2, "audience": frozenset({f"bureau:{home.id}"}), "restriction_reason": "for the bureau"}
    make.position(question=question, topic=topic, stance="red_line", **sealed)
    asked = select(Side.__table__.c.asked).where(Side.__table__.c.unit_id == below.id)
    with read_as_system(session, "check") as connection:
        assert connection.scalars(asked).all() == [True]
    with transaction(session):
        draft = UnitDraft(middle.organisation_id, middle.name, middle.short_name, parent_id=away.id)
        actions.revise_unit(session, queries.unit(session, middle.ref), draft, by=None, at=at)
    with read_as_system(session, "check") as connection:
        assert connection.scalars(asked).all() == [False]
    assert unlike(session) == []


def test_revising_a_person_twice_changes_nothing_the_second_time(session, make, at):
    person = make.person(roles=("officer",))
    group = make.group("Leadership")
    for changed in (True, False):
        with transaction(session):
            wanted = draft_of(person, roles=frozenset({"coordinator", "auditor"}), group_ids=frozenset({group.id}))
            assert actions.revise_person(session, person, wanted, by=None, at=at) is changed
    session.expire_all()
    again = queries.person(session, person.ref)
    assert {r.value for r in again.roles} == {"coordinator", "auditor"}
    assert [m.group_id for m in again.memberships] == [group.id]


def test_neither_name_nor_address_of_a_person_is_in_the_trail(session, make):
    person = make.person("Ana Ferreira", email="ana@ministry.example")
    said = str([e.payload.said for e in of(session, "person", person.id)])
    assert "Ferreira" not in said
    assert "ana@" not in said


def test_disabling_ends_sign_ins_and_links_at_once(session, make, at):
    person, keeper = make.person(), make.person(roles=("administrator",))
    with bookkeeping(session):
        secret = actions.start_sign_in(session, person.id, at=at)
        link = actions.make_link(session, person.id, at=at, lasts=timedelta(hours=48))
    with transaction(session):
        actions.disable(session, person, by=keeper, at=at)
    assert queries.sign_in(session, secret, at=at, idle=WINDOW, at_most=WINDOW) is None
    assert queries.link_owner(session, link, at=at) is None
    with pytest.raises(actions.NotYourself), transaction(session):
        actions.disable(session, keeper, by=keeper, at=at)


def test_only_digests_of_secrets_are_kept(session, make, at):
    person = make.person()
    with bookkeeping(session):
        secret = actions.start_sign_in(session, person.id, at=at)
        link = actions.make_link(session, person.id, at=at, lasts=WINDOW)
    assert session.scalars(select(SignIn.secret_digest)).all() == [secret_digest(secret)]
    assert session.scalars(select(OneTimeLink.secret_digest)).all() == [secret_digest(link)]


def test_a_link_works_once_and_not_after_its_end(session, make, at):
    person = make.person()
    with bookkeeping(session):
        link = actions.make_link(session, person.id, at=at, lasts=timedelta(hours=1))
    assert queries.link_owner(session, link, at=at + timedelta(minutes=59)).id == person.id
    assert queries.link_owner(session, link, at=at + timedelta(minutes=61)) is None
    with transaction(session):
        actions.use_link(session, link, "hash", at=at)
    with pytest.raises(actions.LinkSpent), transaction(session):
        actions.use_link(session, link, "other hash", at=at)
    session.expire_all()
    assert queries.person(session, person.ref).password_hash == "hash"


def test_a_new_link_ends_the_one_before(session, make, at):
    person = make.person()
    with bookkeeping(session):
        first = actions.make_link(session, person.id, at=at, lasts=WINDOW)
    with bookkeeping(session):
        second = actions.make_link(session, person.id, at=at, lasts=WINDOW)
    assert queries.link_owner(session, first, at=at) is None
    assert queries.link_owner(session, second, at=at).id == person.id


def test_a_new_password_ends_every_sign_in_but_this_one(session, make, at):
    person = make.person()
    with bookkeeping(session):
        here, there = (actions.start_sign_in(session, person.id, at=at) for _ in range(2))
    with transaction(session):
        actions.set_password(session, person, "hash", by=person, at=at, keep=here)
    stands = {s: queries.sign_in(session, s, at=at, idle=WINDOW, at_most=WINDOW) is not None for s in (here, there)}
    assert stands == {here: True, there: False}


def test_tries_run_out_and_come_back_with_time(session, at):
    limits = Throttle(tries=3, window=WINDOW).limits("ana@ministry.example", "10.0.0.1")

    def tries(number, when):
        answers = []
        for _ in range(number):
            with bookkeeping(session):
                answers.append(actions.begin_try(session, limits, window=WINDOW, at=when))
        return answers

    assert tries(5, at) == [True, True, True, False, False]
    assert tries(1, at + WINDOW) == [True]


def test_one_hostile_source_cannot_keep_the_owner_out(session, at):
    throttle = Throttle(tries=3, window=WINDOW)
    for _ in range(10):
        with bookkeeping(session):
            actions.begin_try(session, throttle.limits("ana@ministry.example", "6.6.6.6"), window=WINDOW, at=at)
    with bookkeeping(session):
        assert actions.begin_try(session, throttle.limits("ana@ministry.example", "10.0.0.1"), window=WINDOW, at=at)


def test_one_source_cannot_go_through_all_accounts(session, at):
    throttle = Throttle(tries=3, window=WINDOW)
    answers = []
    for number in range(70):
        with bookkeeping(session):
            limits = throttle.limits(f"person{number}@ministry.example", "6.6.6.6")
            answers.append(actions.begin_try(session, limits, window=WINDOW, at=at))
    assert answers.count(True) == 60


def test_the_right_password_takes_its_try_back(session, at):
    limits = Throttle(tries=3, window=WINDOW).limits("ana@ministry.example", "10.0.0.1")
    for _ in range(20):
        with bookkeeping(session):
            assert actions.begin_try(session, limits, window=WINDOW, at=at)
        with bookkeeping(session):
            actions.forget_tries(session, limits)
    assert session.scalars(select(SignInTry)).all() == []


def test_nobody_and_somebody_without_a_password_get_the_same_work(make):
    made_by = actions.hasher(1, 1024)
    worked = []

    class Counting:
        hash = made_by.hash

        def verify(self, kept, password):
            worked.append(kept.rsplit("$", 2)[0])
            return made_by.verify(kept, password)

    counting = Counting()
    known = make.person(password="slow otters cross rivers")
    for person in (None, make.person(), known):
        assert not actions.fits(person, "a wrong password", counting)
    assert actions.fits(known, "slow otters cross rivers", counting)
    assert len(worked) == 4
    assert len(set(worked)) == 1  # the same parameters every time
