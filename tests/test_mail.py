"""A letter leaves by a real connection, and whoever sends it is told at which stage it failed."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import trustme

from coordinator import mail
from coordinator.settings import Settings, load
from tests.digests.relay import Relay, closed_port

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def relay() -> Iterator[Relay]:
    server = Relay()
    server.start()
    yield server
    server.stop()


def settings(port: int, **said: Any) -> Settings:
    return load("test", secret_key="n0t-a-secret-but-long-enough-for-tests", smtp_port=port, **said)


def letter(port: int = 0, **said: Any) -> Any:
    given = {"to": "j.moreau@ministry.example", "subject": "Hello", "text": "A line.\n.\n.hidden\n", "at": AT}
    return mail.letter(settings(port), **(given | said))


class Steps:
    """Notes whether the body was about to go."""

    def __init__(self) -> None:
        self.begun = 0

    def __call__(self) -> None:
        self.begun += 1


def test_a_letter_arrives_as_it_was_written(relay: Relay) -> None:
    begun = Steps()
    mail.send(settings(relay.address), letter(html="<html><body><p>Ünïcode</p></body></html>"), before_body=begun)
    (to, _body), (got,) = relay.taken[0], relay.letters()
    assert (to, begun.begun) == (["j.moreau@ministry.example"], 1)
    assert got["Subject"] == "Hello"
    assert got["Date"] == "Mon, 02 Mar 2026 09:00:00 +0000"
    assert got.get_body(("plain",)).get_content().replace("\r\n", "\n") == "A line.\n.\n.hidden\n"
    assert "Ünïcode" in got.get_body(("html",)).get_content()


# what is known, whether the body began, whether the server has it
STAGES = {
    "421 at MAIL": (mail.NotTaken, False, 0),
    "451 at MAIL": (mail.NotTaken, False, 0),
    "452 at RCPT": (mail.NotTaken, False, 0),
    "550 at RCPT": (mail.NotTaken, False, 0),
    "drop at DATA": (mail.NotTaken, False, 0),
    "drop in the body": (mail.Unanswered, True, 0),
    "451 after the dot": (mail.NotTaken, True, 0),
    "554 after the dot": (mail.NotTaken, True, 0),
    "drop after the dot": (mail.Unanswered, True, 1),
}


@pytest.mark.parametrize("fault", STAGES)
def test_the_stage_of_a_failure_is_told(relay: Relay, fault: str) -> None:
    relay.fault = fault
    error, body_began, taken = STAGES[fault]
    begun = Steps()
    with pytest.raises(error):
        mail.send(settings(relay.address), letter(), before_body=begun)
    assert (bool(begun.begun), len(relay.taken)) == (body_began, taken)


@pytest.mark.parametrize(("fault", "lasting"), [("451 at MAIL", False), ("452 at RCPT", False), ("550 at RCPT", True)])
def test_only_a_refusal_of_the_recipient_or_the_text_is_lasting(relay: Relay, fault: str, lasting: bool) -> None:
    relay.fault = fault
    with pytest.raises(mail.NotTaken) as caught:
        mail.send(settings(relay.address), letter())
    assert (caught.value.lasting, caught.value.reached, caught.value.answer[:3]) == (lasting, True, fault[:3])


def test_a_relay_that_hangs_up_after_saying_yes_has_taken_the_letter(relay: Relay) -> None:
    relay.fault = "drop at QUIT"
    mail.send(settings(relay.address), letter())
    assert len(relay.taken) == 1


def test_a_relay_that_is_not_there_is_told_apart() -> None:
    port = closed_port()
    with pytest.raises(mail.NotTaken) as caught:
        mail.send(settings(port), letter())
    assert not caught.value.reached


def test_a_relay_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(mail.NotTaken) as caught:
        mail.send(settings(silent.getsockname()[1], smtp_timeout_seconds=0.2), letter())
    assert not caught.value.reached


def test_whoever_decides_at_the_last_moment_that_the_body_stays_here_is_obeyed(relay: Relay) -> None:
    def no() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        mail.send(settings(relay.address), letter(), before_body=no)
    assert relay.taken == []


@pytest.mark.parametrize(
    "said",
    [
        {"to": "a@ministry.example\r\nBcc: b@elsewhere.example"},
        {"to": "a@ministry.example, b@elsewhere.example"},
        {"to": "A <a@ministry.example>"},
        {"to": "nobody"},
        {"subject": "Hello\nBcc: b@elsewhere.example"},
        {"headers": {"List-Unsubscribe": "<http://x>\r\nBcc: b@elsewhere.example"}},
    ],
    ids=["line in to", "two addresses", "name", "no address", "line in subject", "line in header"],
)
def test_no_header_and_no_recipient_can_be_smuggled_in(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        letter(**said)


@pytest.mark.parametrize("tag", ['<img src="http://x/p.gif">', '<link rel="stylesheet" href="http://x">', "<script></script>"])
def test_a_letter_that_would_fetch_something_is_not_made(tag: str) -> None:
    with pytest.raises(ValueError, match="fetched"):
        letter(html=f"<html><body>{tag}</body></html>")


def test_styles_stand_in_the_elements_and_stay_for_small_and_dark_screens() -> None:
    html = "<html><head><style>p { color: #123456 } @media (max-width: 9px) { p { color: red } }</style></head><body><p>x</p>"
    body = letter(html=html).get_body(("html",)).get_content()
    assert 'style="color: #123456;"' in body
    assert "@media (max-width: 9px)" in body


def test_a_long_address_in_a_header_stays_whole() -> None:
    url = "<https://coordinator.ministry.example/digests/stop/" + "a" * 22 + "/" + "b" * 60 + ">"
    message = letter(headers={"List-Unsubscribe": url})
    wire = message.as_bytes()
    assert b"List-Unsubscribe: " + url.encode() + b"\r\n" in wire
    assert message_from_bytes(wire, policy=policy.default)["List-Unsubscribe"] == url


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, str]:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return made, str(tmp_path / "ca.pem")


@pytest.fixture
def sealed(authority: tuple[trustme.CA, str]) -> Iterator[Callable[[str], Relay]]:
    started: list[Relay] = []

    def start(name: str) -> Relay:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority[0].issue_cert(name).configure_cert(context)
        started.append(Relay(tls=context))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.stop()


def test_starttls_is_used_with_the_ministry_s_own_authority(sealed: Callable[[str], Relay], authority: Any) -> None:
    relay = sealed("127.0.0.1")
    mail.send(settings(relay.address, smtp_security="starttls", smtp_ca_file=authority[1]), letter())
    assert len(relay.taken) == 1


def test_a_certificate_of_another_name_or_authority_is_not_believed(sealed: Callable[[str], Relay], authority: Any) -> None:
    for relay, file in ((sealed("elsewhere.example"), authority[1]), (sealed("127.0.0.1"), None)):
        with pytest.raises(mail.NotTaken):
            mail.send(settings(relay.address, smtp_security="starttls", smtp_ca_file=file), letter())
        assert relay.taken == []


def test_a_relay_without_starttls_gets_nothing_in_the_clear(relay: Relay) -> None:
    with pytest.raises(mail.NotTaken):
        mail.send(settings(relay.address, smtp_security="starttls"), letter())
    assert relay.taken == []
