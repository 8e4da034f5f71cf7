"""From a line that somebody types to the letter that says it is settled, in five people's browsers."""

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from coordinator.digests.commands import send_due
from tests.journeys.actors import Actor
from tests.make import Make

pytestmark = pytest.mark.journey

QUESTION = "Should providers be obliged to give lawful access to encrypted messages?"
WHY = "one side says “support”, the other “red line”: both cannot be said in one room."
STATEMENT = "We go in with strong encryption; lawful access is raised only if a partner raises it first."


def letters_to(actor: Actor, letters: list[Any]) -> list[str]:
    """The plain text of the letters that the mail server took for somebody, oldest first."""
    texts = []
    for envelope in letters:
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        body = letter.get_body(("plain",))
        if actor.person.email in envelope.rcpt_tos and body is not None:
            texts.append(body.get_content())
    return texts


def test_two_units_find_out_acknowledge_and_settle_it_and_are_told(
    app: Flask, make: Make, arrives: Callable[..., Actor], letters: list[Any]
) -> None:
    cyber = make.unit("International Cyberspace Security", short_name="ICS")
    freedom = make.unit("Digital Freedom", short_name="CDF")
    topic = make.topic("Encryption")
    make.topic("Encrypted DNS", related=[topic])
    make.question(QUESTION, topic=topic, forum=make.forum("Expert group on lawful access"))

    # the other unit's line is there already
    freedom_writer = make.officer(unit=freedom)
    question = make.question("Should backdoors be allowed?", topic=topic)
    make.position(by=freedom_writer, title="No weakening of encryption", topic=topic, question=question, stance="oppose")

    officer = arrives("Juliette Moreau", unit=cyber)
    officer.goes_to_the_worklist()
    officer.sees("Nothing waits for you")
    officer.logs(
        title="Lawful access under a judge's order",
        line="We support lawful access to messages under the order of a judge.",
        topics=["Encryption"],
        question=QUESTION,
        stance="Support",
    )
    officer.sees("A draft: only ICS sees it.", "Its release was asked for", "Contacts: others on the same topics")

    releasing = arrives("David Okonkwo", unit=cyber, roles=("releasing_officer",))
    releasing.sees("Lawful access under a judge's order", "A version waits for a releasing officer of your unit.")
    releasing.releases("Lawful access under a judge's order")
    releasing.goes_to_the_worklist()
    releasing.does_not_see("Lawful access under a judge's order")

    # the other unit takes its stance on the same question: red line, which needs a reason
    other = arrives("Mio Tanaka", unit=freedom, roles=("officer", "releasing_officer"))
    other.begins_a_position()
    other.writes(title="No access of any kind", line="We reject every duty to open encrypted messages.")
    other.finds_by_keyboard("Topics", "encryption", chosen="Encryption")
    other.finds_by_mouse("Question", "lawful", chosen=QUESTION)
    other.takes_the_stance("Red line")
    other.presses("Release")
    other.sees("This needs your attention", "Reason")
    expect(other.page.get_by_label("Title")).to_have_value("No access of any kind")
    other.page.get_by_label("Reason").first.fill("Journalists and defenders of human rights depend on it.")
    other.presses("Release")
    other.sees("Released.", "Critical", "Conflict")

    other.goes_to_the_worklist()
    conflict = other.section("Overlaps that wait for CDF")
    expect(conflict).to_contain_text("Critical")
    expect(conflict).to_contain_text("Conflict")
    expect(conflict).to_contain_text(WHY)
    expect(conflict).to_contain_text("Acknowledge it for your unit")
    overlap = other.opens_the_overlap("Critical", "Lawful access under a judge's order")
    other.sees(
        "Nobody has acknowledged it yet.",
        "We support lawful access to messages under the order of a judge.",
        "We reject every duty to open encrypted messages.",
        WHY,
    )
    other.acknowledges()
    other.sees("Seen by one hand only: CDF", "asked, not acknowledged")

    # the morning after, each side is told by mail
    with app.app_context():
        assert send_due(moment=lambda: make.at + timedelta(days=1))["sent"] >= 2
    (told,) = letters_to(officer, letters)
    assert "CRITICAL · Conflict" in told
    assert WHY in told
    assert "CDF holds: Red line – “No access of any kind”" in told
    assert "You hold: Support – “Lawful access under a judge's order”" in told
    assert f"http://coordinator.test{overlap}" in told

    officer.goes_to(overlap)
    officer.sees("Seen by one hand only: CDF")
    officer.acknowledges()
    officer.does_not_see("Seen by one hand only")
    officer.goes_to_the_worklist()
    officer.does_not_see("No access of any kind")

    coordinator = arrives("Ana Ferreira", unit=make.unit("Front Office", short_name="FO"), roles=("coordinator",))
    expect(coordinator.section("Open between the units")).to_contain_text("No access of any kind")
    coordinator.opens_the_overlap("Critical", "No access of any kind")
    assert coordinator.path == overlap
    coordinator.settles(STATEMENT, outcome="A joint line")
    coordinator.sees("Settled:", STATEMENT)
    coordinator.goes_to_the_worklist()
    coordinator.does_not_see("No access of any kind")
    coordinator.goes_to_the("Overlaps")
    coordinator.does_not_see("No access of any kind")

    for actor in (officer, other):
        actor.goes_to_the_worklist()
        actor.does_not_see("Lawful access under a judge's order")
        actor.goes_to(overlap)
        actor.sees("Settled:", STATEMENT, "Ana Ferreira")

    letters.clear()
    with app.app_context():
        send_due(moment=lambda: make.at + timedelta(days=2))
    for actor in (officer, other):
        (told,) = letters_to(actor, letters)
        assert "Closed since the last digest: 1 settled." in told
        actor.goes_to("/digests")
        actor.follows("4 Mar 2026")
        actor.sees("Closed: 1 settled.")
