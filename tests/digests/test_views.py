"""One's own digests in the product, when they come, and the page that stops them without a sign-in."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from coordinator.db import bookkeeping
from coordinator.digests import actions, queries
from coordinator.digests.commands import send_due
from coordinator.digests.models import Cadence, Digest, DigestState, Subscription
from coordinator.digests.rules import stop_token
from coordinator.history.queries import last_number
from coordinator.people.models import Person
from tests.conftest import AT
from tests.digests.relay import Relay
from tests.digests.test_contents import acknowledge, disable, do, pair, ref_of, restrict
from tests.make import Make

MORNING = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
SignIn = Callable[[Person], FlaskClient]


def cadence_of(session: Session, person: Person) -> tuple[Cadence, int]:
    session.rollback()
    row = session.scalars(
        select(Subscription).where(Subscription.person_id == person.id).execution_options(populate_existing=True)
    ).one()
    return row.cadence, row.hour


def test_what_was_sent_can_be_read_in_the_product(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    one, _other = pair(make)
    send_due(moment=lambda: MORNING)
    browser = sign_in(one)
    listed = browser.get("/digests").get_data(as_text=True)
    ref = ref_of(session, one)
    assert f"/digests/{ref}" in listed
    assert "Sent" in listed
    page = browser.get(f"/digests/{ref}").get_data(as_text=True)
    assert "Never any oranges" in page
    assert "Lemons are welcome" in page


def test_it_is_read_with_the_rights_of_now(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    one, other = pair(make)
    send_due(moment=lambda: MORNING)
    restrict(make, session, one, other)
    page = sign_in(one).get(f"/digests/{ref_of(session, one)}").get_data(as_text=True)
    assert "oranges" not in page
    assert "Nothing that you can see changed for you then." in page


def test_somebody_else_s_digest_is_not_found(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    one, other = pair(make)
    send_due(moment=lambda: MORNING)
    assert sign_in(other).get(f"/digests/{ref_of(session, one)}").status_code == 404
    assert sign_in(other).get(f"/digests/{'x' * 22}").status_code == 404


@pytest.mark.parametrize("state", [s for s in DigestState if s not in {DigestState.SENT, DigestState.NOTHING}])
def test_every_state_has_a_word(make: Make, session: Session, relay: Relay, sign_in: SignIn, state: DigestState) -> None:
    one, _other = pair(make)
    send_due(moment=lambda: MORNING)
    with bookkeeping(session):
        session.execute(update(Digest).values(state=state, trouble="451 Come back later", after_number=None, sent_at=None))
    browser = sign_in(one)
    listed = browser.get("/digests").get_data(as_text=True)
    assert state.label in listed
    assert "451 Come back later" in listed
    assert "It has not been put together" in browser.get(f"/digests/{ref_of(session, one)}").get_data(as_text=True)


def test_day_and_hour_are_chosen(make: Make, session: Session, sign_in: SignIn) -> None:
    person = make.officer()
    browser = sign_in(person)
    assert "07:00" in browser.get("/digests/settings").get_data(as_text=True)
    assert browser.post("/digests/settings", data={"cadence": "weekly", "day": "friday", "hour": "16"}).status_code == 303
    assert cadence_of(session, person) == (Cadence.WEEKLY, 16)
    assert "Weekly, on Friday at 16:00" in browser.get("/digests").get_data(as_text=True)


@pytest.mark.parametrize("data", [{"cadence": "hourly", "hour": "7"}, {"cadence": "daily", "hour": "24"}, {"hour": "x"}])
def test_what_is_no_choice_is_refused_beside_its_field(make: Make, session: Session, sign_in: SignIn, data: Any) -> None:
    answer = sign_in(make.officer()).post("/digests/settings", data=data)
    assert answer.status_code == 422
    session.rollback()
    assert session.scalars(select(Subscription)).all() == []


def link(app: Flask, session: Session, person: Person) -> str:
    """Return the link that the mails to a person carry."""
    with bookkeeping(session):
        actions.plan(session, domain="ministry.example", at=MORNING - timedelta(days=400))
    kept = queries.chosen(session, person.id)
    secret = app.extensions["settings"].secret_key.get_secret_value()
    return f"/digests/stop/{kept.ref}/{stop_token(secret, kept.ref)}"


def test_the_link_in_the_mail_asks_first_and_stops_without_a_sign_in(
    make: Make, session: Session, app: Flask, client: FlaskClient
) -> None:
    person = make.officer()
    assert client.get(link(app, session, person)).status_code == 200
    assert cadence_of(session, person) == (Cadence.DAILY, 7)  # a scanner that follows links stops nothing
    assert client.post(link(app, session, person), data={"List-Unsubscribe": "One-Click"}, forged=True).status_code == 200  # type: ignore[call-arg]
    assert cadence_of(session, person) == (Cadence.OFF, 7)


def test_the_link_opens_nothing_else(make: Make, session: Session, app: Flask, client: FlaskClient) -> None:
    person = make.officer()
    client.post(link(app, session, person))
    assert client.get("/digests/settings").status_code == 302
    assert client.get("/").status_code == 302


def test_a_token_of_somebody_else_is_not_found(make: Make, session: Session, app: Flask, client: FlaskClient) -> None:
    one, other = make.officer(), make.officer()
    right, theirs = link(app, session, one), link(app, session, other)
    wrong = "/".join([*right.split("/")[:3], *theirs.split("/")[3:4], right.rpartition("/")[2]])
    for method in (client.get, client.post):
        assert method(wrong).status_code == 404
    assert {cadence_of(session, p)[0] for p in (one, other)} == {Cadence.DAILY}


def test_stopping_twice_or_after_leaving_does_no_harm(make: Make, session: Session, app: Flask, client: FlaskClient) -> None:
    person = make.officer()
    address = link(app, session, person)
    disable(make, session, person, person)
    for _ in range(2):
        assert client.post(address).status_code == 200
    assert cadence_of(session, person)[0] is Cadence.OFF


def test_the_preview_prints_the_text_and_moves_nothing(make: Make, session: Session, relay: Relay, app: Flask) -> None:
    one, _other = pair(make)
    ran = app.test_cli_runner()
    from coordinator.digests.commands import preview  # noqa: PLC0415

    said = ran.invoke(preview, [one.email]).output
    assert "Never any oranges" in said
    assert said.startswith("OFFICIAL\n")
    session.rollback()
    assert session.scalars(select(Digest)).all() == []
    assert relay.taken == []
    assert ran.invoke(preview, ["nobody@ministry.example"]).exit_code == 1


def test_the_command_sends_as_of_a_moment_and_says_what_became_of_it(make: Make, relay: Relay, app: Flask) -> None:
    pair(make)
    from coordinator.digests.commands import send  # noqa: PLC0415

    ran = app.test_cli_runner()
    assert ran.invoke(send, ["--at", "2026-03-02T07:30", "--limit", "1"]).output == "1 sent\n"
    assert ran.invoke(send, ["--at", "2026-03-02T06:30+00:00"]).output == "1 sent\n"
    assert ran.invoke(send, ["--at", "2026-03-02T06:30Z"]).output == "nothing is due\n"
    assert ran.invoke(send, ["--at", "soon"]).exit_code == 2


# --- the next one ------------------------------------------------------------------------------------------------------------


def test_the_next_one_is_shown_with_the_moment_at_which_it_comes(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    one, other = pair(make)
    browser = sign_in(one)
    page = browser.get("/digests/settings").get_data(as_text=True)
    assert "It is due, and goes out within the next minutes." in page
    send_due(moment=lambda: AT)
    page = browser.get("/digests/settings").get_data(as_text=True)
    assert "It goes out on Tuesday 3 March 2026, 07:00." in page
    assert "as it stands, no mail would be sent" in page
    do(make, session, other, acknowledge)
    page = browser.get("/digests/settings").get_data(as_text=True)
    for said in ("Never any oranges", "Lemons are welcome", "Both are on Encryption.", "Acknowledge it for your unit", "OFFICIAL"):
        assert said in page, said
    assert len(relay.taken) == 2  # looking sends nothing, and tells nobody
    assert queries.chosen(session, one.id).told_number < last_number(session)


def test_the_next_one_skips_holidays_and_says_nothing_of_what_is_sealed(make: Make, session: Session, sign_in: SignIn) -> None:
    one, _other = pair(make, sealed=True)
    make.holiday(one.unit, AT.date())
    page = sign_in(one).get("/digests/settings").get_data(as_text=True)
    assert "It goes out on Tuesday 3 March 2026, 07:00." in page
    assert "One more waits for you that is not described in mail" in page
    assert "oranges" not in page


def test_twelve_of_more_are_shown_and_the_rest_one_click_away(make: Make, sign_in: SignIn) -> None:
    one, other = make.officer(), make.officer()
    for number in range(14):
        topic = make.topic()
        question = make.question(f"Question {number}?", topic=topic)
        make.position(by=one, question=question, topic=topic, stance="support")
        make.position(by=other, question=question, topic=topic, stance="oppose")
    browser = sign_in(one)
    page = browser.get("/digests/settings").get_data(as_text=True)
    assert "12 of 14 are in it," in page
    assert "“Question 13?”" in page
    assert "“Question 0?”" not in page
    assert "“Question 0?”" in browser.get("/digests/settings?all=1").get_data(as_text=True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"cadence": "off", "hour": "7"}, "Off, if"),
        ({"cadence": "daily", "hour": "0", "days": ["sunday"], "day": "friday"}, "Daily at 00:00"),
        ({"cadence": "chosen", "hour": "23", "days": ["friday", "monday"]}, "On Monday, Friday at 23:00"),
        ({"cadence": "weekly", "hour": "9", "days": ["sunday"], "day": "wednesday"}, "Weekly, on Wednesday at 09:00"),
    ],
)
def test_each_cadence_is_kept_and_said(make: Make, sign_in: SignIn, data: Any, said: str) -> None:
    browser = sign_in(make.officer())
    assert browser.post("/digests/settings", data=data).status_code == 303
    assert said in browser.get("/digests").get_data(as_text=True)
    page = browser.get("/digests/settings").get_data(as_text=True)
    chosen = re.findall(r'<input[^>]*checked[^>]*value="([a-z]+)"', page)
    assert data["cadence"] in chosen
    assert ("None is planned" in page) == (data["cadence"] == "off")


def test_chosen_weekdays_without_one_are_refused_beside_the_field(make: Make, session: Session, sign_in: SignIn) -> None:
    answer = sign_in(make.officer()).post("/digests/settings", data={"cadence": "chosen", "hour": "7"})
    assert answer.status_code == 422
    assert "Tick at least one day, or choose Off." in answer.get_data(as_text=True)
    session.rollback()
    assert session.scalars(select(Subscription)).all() == []
