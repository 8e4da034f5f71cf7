"""What became of the mail: seen by administrators, without anybody's content, and said to whoever it concerns."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from coordinator import mail
from coordinator.db import bookkeeping, db, transaction
from coordinator.digests import actions, queries
from coordinator.digests.commands import check, send_probes
from coordinator.digests.models import Cadence, Digest, DigestState, Probe, Schedule, Subscription
from coordinator.digests.rules import NO_WORKER, STANDS_STILL, UNDELIVERED, Delivery, alarm
from coordinator.history.models import Event
from coordinator.people.models import Person
from tests.conftest import AT
from tests.digests.relay import Relay, closed_port
from tests.digests.test_contents import DAY, MORNING, acknowledge, do, pair, send
from tests.digests.test_sending import point_to, rows, states
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]
SENT, FAILED, QUEUED, UNCERTAIN = DigestState.SENT, DigestState.FAILED, DigestState.QUEUED, DigestState.UNCERTAIN
PAGE = "/digests/deliveries"


def stands(*tries: DigestState, since: int | None = None, undelivered: int = 0, last: int = 60) -> Delivery:
    """Say how mail stands; times are minutes ago."""
    tried_at = AT - timedelta(minutes=last)
    untried = None if since is None else AT - timedelta(minutes=since)
    return Delivery(tuple((t, "450 No", tried_at) for t in tries), untried, undelivered)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (stands(), None),
        (stands(SENT, SENT, SENT), None),
        (stands(FAILED, FAILED, SENT), None),
        (stands(FAILED, QUEUED, UNCERTAIN), ("danger", STANDS_STILL)),
        (stands(QUEUED), ("danger", STANDS_STILL)),
        (stands(SENT, FAILED, undelivered=1), ("warning", UNDELIVERED)),
        (stands(FAILED, FAILED, FAILED, undelivered=3), ("danger", STANDS_STILL)),
        (stands(since=9), None),
        (stands(since=10), ("danger", NO_WORKER)),
        (stands(SENT, since=180), ("danger", NO_WORKER)),
        (stands(SENT, since=180, last=1), None),  # many wait, and a worker is at it
        (stands(QUEUED, since=180, last=1), ("danger", STANDS_STILL)),
    ],
)
def test_an_alarm_is_raised_when_nothing_goes_out_and_a_warning_when_something_did_not_arrive(found: Any, said: Any) -> None:
    raised = alarm(found, at=AT, zone="Europe/Vienna")
    assert (raised and (raised[0], raised[1][0] if isinstance(raised[1], tuple) else raised[1])) == said


def text(browser: FlaskClient, address: str = PAGE) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_letters_are_counted_by_day_and_nothing_of_them_is_shown(make: Make, relay: Relay, sign_in: SignIn) -> None:
    one, _other = pair(make)
    admin = make.person(roles=("administrator",))
    relay.fault, relay.only = "550 at RCPT", one.email
    send()
    page = text(sign_in(admin))
    cells = page[page.index("By day") :].split("2 Mar 2026")[1].split("</tr>")[0]
    assert re.findall(r'<td class="number"[^>]*>(\d+)</td>', cells) == ["0", "1", "1", "0", "1"]
    assert one.email in page
    assert "550 Not here" in page
    for word in ("Lemons", "oranges", "Encryption", "instrument"):
        assert word not in page


def test_what_failed_can_be_tried_again_under_the_same_name_and_that_is_on_record(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    one, _other = pair(make)
    admin = make.person(roles=("administrator",))
    relay.fault, relay.only = "550 at RCPT", one.email
    send()
    relay.fault = None
    (failed,) = [d for d in rows(session) if d.state is FAILED]
    browser = sign_in(admin)
    assert f"/digests/{failed.ref}/retry" in text(browser)
    assert browser.post(f"/digests/{failed.ref}/retry").status_code == 303
    assert send(AT) == {"sent": 1}
    assert relay.times_taken()[one.email, failed.message_id] == 1
    assert "Everything that was sent has been taken by the mail server." in text(browser)
    done = session.scalars(select(Event).where(Event.action == "digest.tried_again")).one()
    assert (done.actor_id, done.subject_id) == (admin.id, failed.id)


def uncertain(make: Make, session: Session, relay: Relay) -> tuple[Person, Person, Digest]:
    """Let the mail server take one digest and say nothing."""
    one, other = pair(make)
    relay.fault, relay.only = "drop after the dot", one.email
    send()
    relay.fault = None
    (lost,) = [d for d in rows(session) if d.state is UNCERTAIN]
    return one, other, lost


def test_what_arrived_after_all_is_marked_and_not_told_again(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    one, other, lost = uncertain(make, session, relay)
    browser = sign_in(make.person(roles=("administrator",)))
    assert browser.post(f"/digests/{lost.ref}/arrived").status_code == 303
    (kept,) = [d for d in rows(session) if d.id == lost.id]
    assert (kept.state, kept.sent_at) == (SENT, MORNING)
    assert send(MORNING + DAY) == {"nothing": 3}
    do(make, session, other, acknowledge)
    assert send(MORNING + 2 * DAY) == {"sent": 1, "nothing": 2}
    assert [to for to, _ in relay.taken].count([one.email]) == 2


def test_what_may_not_have_arrived_is_sent_once_more_only_if_asked_for(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    one, _other, lost = uncertain(make, session, relay)
    browser = sign_in(make.person(roles=("administrator",)))
    assert send(AT) == {"nothing": 1}
    assert browser.post(f"/digests/{lost.ref}/retry").status_code == 303
    assert send(AT) == {"sent": 1}
    assert relay.times_taken()[one.email, lost.message_id] == 2


def test_where_a_later_one_stands_for_it_nothing_can_be_done(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    _one, _other, lost = uncertain(make, session, relay)
    send(MORNING + DAY)
    browser = sign_in(make.person(roles=("administrator",)))
    page = text(browser)
    assert "Nothing to do: a later one stands for it." in page
    assert "/retry" not in page
    before = states(session)
    for deed in ("retry", "arrived"):
        answer = browser.post(f"/digests/{lost.ref}/{deed}")
        assert answer.status_code == 409
        assert "a later one stands for it" in answer.get_data(as_text=True)
    assert states(session) == before
    assert [a for a in session.scalars(select(Event.action)) if a.startswith("digest.")] == []


@pytest.mark.parametrize("state", [DigestState.SENT, DigestState.DATA, DigestState.CLAIMED, DigestState.NOTHING])
def test_what_is_under_way_or_done_is_left_alone(make: Make, session: Session, relay: Relay, state: DigestState) -> None:
    _one, _other, lost = uncertain(make, session, relay)
    with bookkeeping(session):
        session.execute(update(Digest).where(Digest.id == lost.id).values(state=state))
    for deed in (actions.try_again, actions.mark_arrived):
        with pytest.raises(actions.TakenUp), transaction(session):
            deed(session, lost, by=None, at=AT)  # type: ignore[arg-type]


def test_a_letter_that_is_refused_for_now_is_listed_with_when_it_is_tried_again(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    pair(make)
    relay.fault = "451 at MAIL"
    send()
    browser = sign_in(make.person(roles=("administrator",)))
    page = text(browser)
    assert page.count("It is tried again at 07:35.") == 2
    relay.fault = None
    ref = rows(session)[0].ref
    assert browser.post(f"/digests/{ref}/retry").status_code == 303
    assert send(AT)["sent"] == 2


# --- the alarm ---------------------------------------------------------------------------------------------------------------


def test_when_the_mail_server_is_away_administrators_are_told_on_every_page_and_whom_it_concerns_on_their_own(
    make: Make, session: Session, relay: Relay, app: Flask, sign_in: SignIn
) -> None:
    one, _other = pair(make)
    admin, third = make.person(roles=("administrator",)), make.officer()
    point_to(app, closed_port())
    send(AT)
    point_to(app, relay.address)
    for address in ("/", "/positions", "/units", PAGE):
        assert "Mail does not go out" in text(sign_in(admin), address), address
    assert "ConnectionRefusedError" in text(sign_in(admin))
    told = rows(session)[0]
    assert told.trouble
    for address in ("/", "/digests", "/digests/settings"):
        assert "has not gone out yet" in text(sign_in(one), address), address
        assert "has not gone out yet" not in text(sign_in(third), address), address
    assert "Mail does not go out" not in text(sign_in(one), "/positions")
    send(AT + timedelta(hours=1))
    assert "notice-danger" not in text(sign_in(admin), "/")
    assert "has not gone out yet" not in text(sign_in(one), "/")


@pytest.mark.parametrize(
    ("fault", "said"),
    [("550 at RCPT", "could not be sent. The mail server said: 550"), ("drop after the dot", "Nobody knows whether")],
)
def test_somebody_whose_digest_did_not_arrive_is_told_why(make: Make, relay: Relay, sign_in: SignIn, fault: str, said: str) -> None:
    one, _other = pair(make)
    relay.fault, relay.only = fault, one.email
    send()
    assert said in text(sign_in(one), "/")
    admin = make.person(roles=("administrator",))
    assert "Some letters of the last week were not delivered." in text(sign_in(admin), "/")


def test_letters_that_nobody_tries_to_send_raise_the_alarm(make: Make, session: Session, sign_in: SignIn) -> None:
    pair(make)
    with bookkeeping(session):
        actions.plan(session, domain="ministry.example", at=AT)
    page = text(sign_in(make.person(roles=("administrator",))), "/")
    assert "Mail has been due since 2026-03-02 07:00, and nobody has tried to send it." in page


def test_the_alarm_costs_as_many_statements_whatever_there_is_to_tell(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    admin = make.person(roles=("administrator",))
    counted: list[int] = []

    def count(*_args: Any) -> None:
        counted[-1] += 1

    def looked() -> int:
        browser = sign_in(admin)
        counted.append(0)
        event.listen(db.engine, "before_cursor_execute", count)
        text(browser)
        event.remove(db.engine, "before_cursor_execute", count)
        return counted[-1]

    before = looked()
    pair(make)
    make.overlap()
    relay.fault = "550 at RCPT"
    send()
    assert looked() == before


# --- a test letter -----------------------------------------------------------------------------------------------------------


def test_a_test_letter_goes_to_the_own_address_by_the_worker_and_says_nothing(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    pair(make)
    admin = make.person(roles=("administrator",))
    browser = sign_in(admin)
    for _ in range(2):  # a second click waits with the first
        assert browser.post(f"{PAGE}/test").status_code == 303
    assert relay.taken == []
    assert "Waiting to be sent" in text(browser)
    assert send_probes(moment=lambda: AT) == 1
    ((to, _body),) = relay.taken
    (letter,) = relay.letters()
    assert to == [admin.email]
    assert letter["Subject"] == "Coordinator: a test"
    assert letter["X-Marking"] == "PUBLIC"
    assert letter["List-Unsubscribe"] is None
    assert "It arrived: mail goes out." in letter.get_content()
    assert "Lemons" not in letter.get_content()
    page = text(browser)
    assert "Sent" in page[page.index("A test") :]
    assert send_probes(moment=lambda: AT) == 0


@pytest.mark.parametrize(
    ("fault", "state", "said"),
    [("550 at RCPT", FAILED, "550 Not here"), ("drop after the dot", UNCERTAIN, "without an answer"), (None, FAILED, "refused")],
)
def test_what_became_of_a_test_letter_is_said_in_the_words_of_the_mail_server(
    make: Make, session: Session, relay: Relay, app: Flask, sign_in: SignIn, fault: str | None, state: DigestState, said: str
) -> None:
    browser = sign_in(make.person(roles=("administrator",)))
    browser.post(f"{PAGE}/test")
    relay.fault = fault
    if fault is None:
        point_to(app, closed_port())
    send_probes(moment=lambda: AT)
    session.rollback()
    assert session.scalars(select(Probe.state)).one() is state
    assert said in text(browser)
    assert "Mail does not go out" in text(browser, "/")


def test_a_test_letter_whose_sender_is_killed_is_not_sent_again(make: Make, session: Session, relay: Relay) -> None:
    admin = make.person(roles=("administrator",))
    with bookkeeping(session):
        actions.ask_for_probe(session, admin.id, at=AT)
    with bookkeeping(session):
        assert actions.take_probe(session, at=AT) is not None
    assert send_probes(moment=lambda: AT) == 0
    session.rollback()
    assert session.scalars(select(Probe.state)).one() is UNCERTAIN


# --- a look at the settings --------------------------------------------------------------------------------------------------


def test_the_command_says_whether_the_mail_server_answers(relay: Relay, app: Flask) -> None:
    ran = app.test_cli_runner().invoke(check)
    assert ran.exit_code == 0
    assert ran.output == f"The mail server 127.0.0.1:{relay.address} answers: not encrypted, without signing in.\n"
    assert relay.taken == []
    port = closed_port()
    point_to(app, port)
    ran = app.test_cli_runner().invoke(check)
    assert ran.exit_code == 1
    assert f"The mail server 127.0.0.1:{port} cannot be used: ConnectionRefusedError" in ran.output


def test_nobody_else_s_letter_is_found_by_the_page_of_deliveries(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    """An administrator sees the way of every letter, and the content of none but their own."""
    pair(make)
    send()
    browser = sign_in(make.person(roles=("administrator",)))
    for digest in rows(session):
        assert browser.get(f"/digests/{digest.ref}").status_code == 404


def test_a_mailbox_is_listed_with_its_address(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    one, _other = pair(make)
    with transaction(session):
        unit = one.unit
        session.execute(update(type(unit)).where(type(unit).id == unit.id).values(mailbox="box@ministry.example"))
        actions.choose_mailbox(
            session, unit, Schedule(Cadence.DAILY, 7), address="box@ministry.example", zone="Europe/Vienna", by=one, at=AT
        )
    relay.fault, relay.only = "550 at RCPT", "box@ministry.example"
    send()
    page = text(sign_in(make.person(roles=("administrator",))))
    assert "box@ministry.example" in page
    assert unit.name in page
    assert queries.count_in_trouble(session, since=MORNING.date()) == 1
    assert session.scalars(select(Subscription.address).where(Subscription.unit_id == unit.id)).one() == "box@ministry.example"


def test_a_letter_is_written_in_the_language_and_direction_of_its_reader(
    make: Make, session: Session, relay: Relay, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(make)
    monkeypatch.setattr(app.extensions["babel"], "default_locale", "ar")
    send()
    body = relay.letters()[0].get_body(("html",))
    assert body is not None
    assert '<html lang="ar" dir="rtl">' in body.get_content()


def test_the_time_at_which_a_letter_was_asked_for_is_said_in_the_zone_of_the_ministry(app: Flask, relay: Relay) -> None:
    from coordinator.digests.commands import _render  # noqa: PLC0415

    said = _render("digests/probe/body.txt", asked_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC), ministry="M", url="u")
    assert "2 March 2026, 10:00" in said


def test_greeting_a_server_that_is_silent_ends(app: Flask) -> None:
    with pytest.raises(mail.NotTaken):
        mail.greet(app.extensions["settings"].model_copy(update={"smtp_port": closed_port()}))
