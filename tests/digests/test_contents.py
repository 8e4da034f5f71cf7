"""A digest says what its reader may see at the moment of sending, and nothing of anything else."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, bookkeeping, db, transaction
from coordinator.digests import actions
from coordinator.digests.commands import send_due
from coordinator.digests.models import Cadence, Digest, Schedule, Subscription
from coordinator.entries import actions as entries
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps import queries as overlap_queries
from coordinator.overlaps.models import Outcome
from coordinator.people import queries as people
from coordinator.people.models import Organisation, Person, Unit
from coordinator.people.rules import Reader
from coordinator.positions import actions as positions
from coordinator.positions.rules import PositionDraft
from tests.digests.relay import Relay
from tests.make import Make

MORNING = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SignIn = Callable[[Person], FlaskClient]


def ref_of(session: Session, person: Person) -> str:
    session.rollback()
    return session.scalars(select(Digest.ref).join(Digest.subscription).where(Subscription.person_id == person.id)).one()


def send(at: datetime = MORNING) -> Counter[str]:
    return send_due(moment=lambda: at)


def mails(relay: Relay, person: Person) -> list[str]:
    """Return what a person was sent: the text part and the HTML part, each as one string."""
    found = []
    for (to, _body), letter in zip(relay.taken, relay.letters(), strict=True):
        if to == [person.email]:
            plain, html = letter.get_body(("plain",)), letter.get_body(("html",))
            assert plain is not None
            assert html is not None
            found.append(plain.get_content() + html.get_content())
    return found


def pair(make: Make, *, sealed: bool = False, **said: Any) -> tuple[Person, Person]:
    """Make a critical conflict of two officers with telling titles; sealed, it is between the two units only."""
    topic = make.topic("Encryption")
    question = make.question("Should there be an instrument?", topic=topic)
    one, other = make.officer(), make.officer()
    if sealed:
        tokens = frozenset({f"unit:{one.unit_id}", f"unit:{other.unit_id}"})
        said |= {"level": 2, "audience": tokens, "restriction_reason": "a source"}
    make.position(by=one, question=question, topic=topic, stance="support", title="Lemons are welcome", **said)
    make.position(by=other, question=question, topic=topic, stance="red_line", title="Never any oranges", **said)
    return one, other


def do(make: Make, session: Session, person: Person, act: Any) -> None:
    """Let a person act on the one overlap there is."""
    by = make.act_as(person)
    ref = session.scalars(select(overlap_queries.Overlap.ref)).one()
    with transaction(session):
        act(session, overlap_queries.one(session, ref), by)
    bind_reader(session, None)


def acknowledge(session: Session, overlap: Any, by: Person) -> None:
    overlaps.acknowledge(session, overlap, by=by, at=MORNING)


def settle(session: Session, overlap: Any, by: Person) -> None:
    overlaps.settle(session, overlap, statement="We say pears.", outcome=Outcome.JOINT_LINE, by=by, at=MORNING)


def test_each_item_says_who_holds_what_against_what_why_and_what_to_do(make: Make, relay: Relay) -> None:
    one, other = pair(make)
    send()
    ((mine,), (theirs,)) = mails(relay, one), mails(relay, other)
    for said in (
        "Support – “Lemons are welcome”",
        "Red line – “Never any oranges”",
        "“Should there be an instrument?”",
        "Both are on Encryption.",
        "Acknowledge it for your unit",
        "CRITICAL",
        "Conflict",
    ):
        assert mine.count(said) >= 1, said
        assert theirs.count(said) >= 1, said
    assert f"{other.unit.short_name} holds: Red line" in mine
    assert "You hold: Support" in mine
    assert "You hold: Red line" in theirs


def test_an_outside_voice_stands_under_whose_it_is_and_says_who_recorded_it(make: Make, relay: Relay) -> None:
    topic = make.topic("Encryption")
    question = make.question("Should there be an instrument?", topic=topic)
    one, other, firm = make.officer(), make.officer(), make.counterpart("Orrery Cloud")
    make.position(by=one, question=question, topic=topic, stance="support", title="Lemons are welcome")
    voice = {"on_behalf_of_id": firm.id, "source": "Its letter", "said_on": make.today}
    make.position(by=other, question=question, topic=topic, stance="oppose", title="Never any oranges", **voice)
    send()
    (mine,) = mails(relay, one)
    assert f"Orrery Cloud holds: Oppose – “Never any oranges” (outside voice, recorded by {other.unit.short_name})" in mine
    assert f"{one.unit.short_name} and Orrery Cloud" in mine
    assert f"{other.unit.short_name} holds:" not in mine


def test_of_what_is_sensitive_a_mail_gives_the_link_and_nothing_else(make: Make, session: Session, relay: Relay) -> None:
    one, other = pair(make, sealed=True)
    send()
    for person in (one, other):
        (body,) = mails(relay, person)
        assert body.count("http://coordinator.test/overlaps/") == 2
        for word in ("Lemons", "oranges", "instrument", "Encryption", "CRITICAL", "Critical", "onflict", "SENSITIVE", "holds"):
            assert word not in body, word


def restrict(make: Make, session: Session, one: Person, other: Person) -> None:
    """Let the other unit narrow its entry to itself."""
    by = make.act_as(other)
    entry = session.scalars(select(positions.Position).where(positions.Position.unit_id == by.unit_id)).one()
    content = {k: entry.__dict__[k] for k in ("title", "text", "question_id", "stance", "reason")}
    draft = PositionDraft(**content, audience=frozenset({f"unit:{by.unit_id}"}), restriction_reason="x")
    with transaction(session):
        positions.revise(session, entry, draft, base=1, by=by, at=MORNING)
        entries.release(session, entry, by=by, at=MORNING)
    bind_reader(session, None)


def raise_marking(make: Make, session: Session, one: Person, other: Person) -> None:
    with bookkeeping(session):
        session.execute(update(Person).where(Person.id == one.id).values(clearance=0))


def move_away(make: Make, session: Session, one: Person, other: Person) -> None:
    firm = make.organisation("A firm", circle="country", ceiling=0)
    unit = make.unit(of=firm)
    with bookkeeping(session):
        session.execute(update(Person).where(Person.id == one.id).values(unit_id=unit.id))


def lower_ceiling(make: Make, session: Session, one: Person, other: Person) -> None:
    with bookkeeping(session):
        session.execute(update(Organisation).values(ceiling=0))


def disable(make: Make, session: Session, one: Person, other: Person) -> None:
    with bookkeeping(session):
        session.execute(update(Person).where(Person.id == one.id).values(disabled_at=MORNING))


@pytest.mark.parametrize("revoke", [restrict, raise_marking, move_away, lower_ceiling, disable], ids=lambda f: f.__name__)
def test_a_right_that_is_taken_between_the_promise_and_the_sending_is_gone(
    make: Make, session: Session, relay: Relay, revoke: Any
) -> None:
    one, other = pair(make)
    with bookkeeping(session):
        actions.plan(session, domain="ministry.example", at=MORNING)
    revoke(make, session, one, other)
    send()
    assert mails(relay, one) == []
    for _to, body in relay.taken:
        assert b"oranges" not in body or _to == [other.email]


def test_a_third_unit_hears_nothing_and_leadership_hears_of_all_it_may_see(make: Make, session: Session, relay: Relay) -> None:
    one, other = pair(make)
    third = make.officer()
    boss = make.person(roles=("leadership",))
    lowly = make.person(roles=("coordinator",), clearance=0)
    assert send() == {"sent": 4, "nothing": 2}
    assert mails(relay, third) == mails(relay, lowly) == []
    body, _brief = mails(relay, boss)
    assert "See whether the two units settle it" in body
    assert "You hold" not in body
    assert one.unit.short_name in body
    assert other.unit.short_name in body


def test_what_one_did_oneself_is_no_news_but_what_the_other_did_is(make: Make, session: Session, relay: Relay) -> None:
    one, other = pair(make)
    send()
    do(make, session, one, acknowledge)
    assert send(MORNING + DAY) == {"sent": 1, "nothing": 1}
    assert [len(mails(relay, p)) for p in (one, other)] == [1, 2]


def test_a_proposal_is_put_to_the_other_unit_in_its_words(make: Make, session: Session, relay: Relay) -> None:
    one, other = pair(make)
    send()
    do(make, session, one, settle)
    send(MORNING + DAY)
    body = mails(relay, other)[-1]
    assert f"{one.unit.short_name} would settle it: “We say pears.”" in body
    assert "Answer the other unit's proposal to close it" in body or "Answer the other unit&#39;s proposal" in body


def test_what_was_closed_since_is_one_line(make: Make, session: Session, relay: Relay) -> None:
    one, other = pair(make)
    send()
    boss = make.person(roles=("coordinator",))
    do(make, session, boss, settle)
    send(MORNING + DAY)
    assert [len(mails(relay, p)) for p in (one, other)] == [2, 2]
    body = mails(relay, one)[-1]
    assert "Closed since the last digest: 1 settled." in body
    assert "Lemons" not in body


def test_that_something_merely_lapsed_is_worth_no_mail(make: Make, session: Session, relay: Relay) -> None:
    one, other = pair(make)
    send()
    by = make.act_as(one)
    entry = session.scalars(select(positions.Position).where(positions.Position.unit_id == by.unit_id)).one()
    with transaction(session):
        entries.withdraw(session, entry, why="over", by=by, at=MORNING)
    bind_reader(session, None)
    assert send(MORNING + DAY) == {"nothing": 2}


def test_a_version_that_waits_for_release_is_news_to_who_releases_and_not_to_who_wrote_it(
    make: Make, session: Session, relay: Relay
) -> None:
    unit = make.unit()
    writer, releaser = make.person(unit=unit), make.person(unit=unit, roles=("releasing_officer",))
    make.position(by=writer, released=False, offer=True, title="Pears for all")
    assert send() == {"sent": 1, "nothing": 1}
    (body,) = mails(relay, releaser)
    assert "Pears for all" in body
    assert "Read it, then release it" in body
    assert send(MORNING + DAY) == {"nothing": 2}


def test_at_most_twelve_are_told_and_the_rest_counted(make: Make, session: Session, relay: Relay) -> None:
    one, other = make.officer(), make.officer()
    for number in range(14):
        topic = make.topic()
        question = make.question(f"Question {number}?", topic=topic)
        make.position(by=one, question=question, topic=topic, stance="support")
        make.position(by=other, question=question, topic=topic, stance="oppose")
    send()
    (body,) = mails(relay, one)
    assert "12 of 14, see all: http://coordinator.test/digests/" in body
    assert body.count("HIGH · Conflict") == 12
    assert "Question 13?" in body  # the newest first
    assert "Question 0?" not in body


def test_a_coordinator_is_told_of_the_six_worst_and_where_the_rest_stands(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    one, other, coordinator = make.officer(), make.officer(), make.person(roles=("coordinator",))
    for number in range(14):
        topic = make.topic()
        question = make.question(f"Question {number}?", topic=topic)
        make.position(by=one, question=question, topic=topic, stance="support")
        make.position(by=other, question=question, topic=topic, stance="oppose" if number else "red_line")
    send()
    (body,) = mails(relay, coordinator)
    (address,) = re.findall(r"6 of 14, see all: http://coordinator.test(/digests/[\w-]+\?all=1)", body)
    assert body.count("HIGH · Conflict") == 5
    assert body.index("CRITICAL · Conflict") < body.index("HIGH · Conflict")
    browser = sign_in(coordinator)
    first = browser.get(address.partition("?")[0]).get_data(as_text=True)
    assert first.count("overlap-title") == 12
    assert f'href="{address}"' in first
    whole = browser.get(address).get_data(as_text=True)
    assert whole.count("overlap-title") == 14
    assert f'href="{address}"' not in whole


def test_all_units_that_were_not_asked_about_one_entry_are_one_item(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    topic, owner = make.topic("Encryption"), make.officer()
    units = [make.unit(short_name=f"Q{number}") for number in range(5)]
    for unit in units:
        make.equity(unit, topic, stake="must_consult")
    make.position(by=owner, topic=topic, title="Our keys")
    send()
    (body,) = mails(relay, owner)
    said = (
        "Not asked, with a say in “Encryption”: Q0 (Must be consulted), Q1 (Must be consulted), Q2 (Must be consulted) and 2 more."
    )
    assert body.count("- Our keys") == body.count(">Our keys</a>") == 1
    assert body.count(said) == 2
    browser = sign_in(owner)
    for path in (f"/digests/{ref_of(session, owner)}", "/"):
        page = browser.get(path).get_data(as_text=True)
        assert page.count("<bdi>Our keys</bdi></a></h3>") == 1
        assert page.count(said) == 1


def test_the_number_of_statements_does_not_grow_with_what_there_is_to_tell(make: Make, session: Session, relay: Relay) -> None:
    topic, one, other = make.topic(), make.officer(), make.officer()
    counted = [0]

    def count(*_args: Any) -> None:
        counted[-1] += 1

    event.listen(db.engine, "before_cursor_execute", count)
    with bookkeeping(session):
        actions.choose(session, one.id, Schedule(Cadence.DAILY, 7))
        actions.choose(session, other.id, Schedule(Cadence.OFF, 7))
    for day, more in enumerate((1, 9)):
        for number in range(more):
            question = make.question(f"Question {day} {number}?", topic=topic)
            make.position(by=one, question=question, topic=topic, stance="support")
            make.position(by=other, question=question, topic=topic, stance="oppose")
        counted.append(0)
        assert send(MORNING + day * DAY)["sent"] == 1
        counted.append(0)
    event.remove(db.engine, "before_cursor_execute", count)
    assert counted[1] == counted[3]


def test_every_unit_s_reader_reaches_every_entry(make: Make, session: Session) -> None:
    make.position(sealed=True)
    make.position(sealed=True)
    bind_reader(session, people.all_units_reader(session))
    assert len(session.scalars(select(positions.Position)).all()) == 2
    bind_reader(session, Reader(level=2, tokens=frozenset(f"unit:{i}" for i in session.scalars(select(Unit.id)).all()[:1])))
    assert len(session.scalars(select(positions.Position)).all()) == 1


def test_a_digest_row_holds_no_content(make: Make, session: Session, relay: Relay) -> None:
    pair(make)
    send()
    for row in session.execute(select(Digest.__table__)).all():
        assert "Lemons" not in repr(row)
        assert "oranges" not in repr(row)
