"""A real mail server on loopback that fails on demand, at the stage it is told to."""

import asyncio
import socket
import ssl
import threading
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

FAULTS = (
    "421 at MAIL",
    "451 at MAIL",
    "452 at RCPT",
    "550 at RCPT",
    "drop at DATA",
    "drop in the body",
    "451 after the dot",
    "554 after the dot",
    "drop after the dot",
    "drop at QUIT",
)


class _Server(SMTP):
    relay: "Relay"

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the name that the library calls
        fault = self.relay.fault_of(self.envelope)
        if fault == "drop at DATA":
            self.transport.abort()
        elif fault == "drop in the body":
            await self.push("354 Go on")
            await self._reader.readline()
            self.transport.abort()
        else:
            await super().smtp_DATA(arg)


class _Handler:
    def __init__(self, relay: "Relay") -> None:
        self.relay = relay

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if self.relay.fault in {"421 at MAIL", "451 at MAIL"}:
            return f"{self.relay.fault[:3]} Come back later"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        fault = self.relay.fault_of(envelope)
        return "250 OK" if fault is None or not fault.endswith("at RCPT") else f"{fault[:3]} Not here, <{address}>"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        fault = self.relay.fault_of(envelope)
        if fault in {"451 after the dot", "554 after the dot"}:
            return f"{fault[:3]} Not like this"
        if self.relay.pause:
            await asyncio.sleep(self.relay.pause)
        with self.relay.news:
            self.relay.taken.append((envelope.rcpt_tos, bytes(envelope.content)))
            self.relay.news.notify_all()
        if fault == "drop after the dot":
            server.transport.abort()
        return "250 Taken"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.relay.fault == "drop at QUIT":
            server.transport.abort()
        return "221 Bye"


class Relay(Controller):
    """Keeps what it takes; `fault` is what goes wrong, for everybody or, with `only`, for one address."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, pause: float = 0) -> None:
        self.taken: list[tuple[list[str], bytes]] = []
        self.fault: str | None = None
        self.only: str | None = None
        self.pause, self.tls = pause, tls
        self.news = threading.Condition()
        super().__init__(_Handler(self), hostname="127.0.0.1", port=0, ready_timeout=20)

    def factory(self) -> SMTP:
        """Make the protocol of one connection."""
        made = _Server(self.handler, hostname="relay.test", tls_context=self.tls, require_starttls=self.tls is not None)
        made.relay = self
        return made

    def _trigger_server(self) -> None:
        with socket.create_connection(("127.0.0.1", self.address), 5) as first:  # the library would try port 0
            first.recv(1024)

    def fault_of(self, envelope: Any) -> str | None:
        """Return what goes wrong with a message."""
        return self.fault if self.only is None or self.only in envelope.rcpt_tos else None

    @property
    def address(self) -> int:
        """The port it listens on."""
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    def wait_for(self, number: int) -> None:
        """Wait until so many letters were taken; two minutes are more than that ever lasts, on a crowded machine too."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.taken) >= number, timeout=120)

    def letters(self) -> list[EmailMessage]:
        """Return what was taken, parsed."""
        return [cast(EmailMessage, message_from_bytes(body, policy=policy.default)) for _to, body in self.taken]

    def times_taken(self) -> Counter[tuple[str, str]]:
        """Return how often each (recipient, Message-ID) was taken."""
        return Counter((to[0], str(letter["Message-ID"])) for (to, _body), letter in zip(self.taken, self.letters(), strict=True))


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
