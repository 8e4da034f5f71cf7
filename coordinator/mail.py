"""The only place that opens an SMTP connection; it knows at which stage a sending failed, because the answer to that differs."""

import re
import smtplib
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as LINES
from email.utils import format_datetime, make_msgid
from functools import lru_cache

from css_inline import CSSInliner

from coordinator.clock import now
from coordinator.settings import Settings

# Headers are short and stay on their line: folding would break the address inside List-Unsubscribe.
_POLICY = LINES.clone(max_line_length=998)
_LOADS_SOMETHING = re.compile(r"<\s*(?:img|link|script|iframe|object|embed|video|audio|source|svg)\b", re.IGNORECASE)


class NotTaken(smtplib.SMTPException):
    """The relay did not take the message, and said so or was never reached: it may be sent again without fear of a double."""

    def __init__(self, answer: str, *, lasting: bool = False, reached: bool = True) -> None:
        super().__init__(answer)
        self.answer, self.lasting, self.reached = answer, lasting, reached


class Unanswered(smtplib.SMTPException):
    """The body was on its way and no answer came: nobody can say whether the message was taken."""


def letter(
    settings: Settings,
    *,
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    message_id: str | None = None,
    at: datetime | None = None,
    headers: Mapping[str, str] | None = None,
) -> EmailMessage:
    """Return a message to one address; raises ValueError if a header holds a line break or the page loads anything."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = settings.mail_from
    message["To"] = _one_address(to)
    message["Subject"] = subject
    message["Date"] = format_datetime((at or now()).astimezone(UTC))
    message["Message-ID"] = message_id or make_msgid(domain=domain_of(settings))
    message["Auto-Submitted"] = "auto-generated"
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content(text, cte="quoted-printable")
    if html is not None:
        message.add_alternative(_inlined(html), subtype="html", cte="quoted-printable")
    return message


def domain_of(settings: Settings) -> str:
    """Return the domain that mails come from, for their names."""
    return settings.mail_from.rpartition("@")[2].strip("<> ")


def send(settings: Settings, message: EmailMessage, *, before_body: Callable[[], None] | None = None) -> None:
    """Hand a message to the ministry's relay; `before_body` runs when the relay waits for the body, and may stop it by raising.

    Raises NotTaken while nothing can have been taken (also when the relay refuses the body), Unanswered when the connection
    ended after the body began and before the answer to it. What happens after the relay said yes is of no matter.
    """
    relay = _connected(settings)
    try:
        _offer(relay, message)
    except NotTaken:
        _leave(relay)
        raise
    try:
        if before_body is not None:
            before_body()
    except BaseException:
        relay.close()  # without a word: the relay takes whatever comes now for the body, and drops what has no end
        raise
    try:
        _hand_over(relay, message)
    finally:
        _leave(relay)


def greet(settings: Settings) -> str:
    """Open a connection as for a letter, sign in if there is a name to sign in with, leave; return in a sentence how it went.

    Raises NotTaken.
    """
    relay = _connected(settings)
    locked = relay.sock.version() if isinstance(relay.sock, ssl.SSLSocket) else None
    _leave(relay)
    how = [
        f"encrypted ({locked})" if locked else "not encrypted",
        f"signed in as {settings.smtp_user}" if settings.smtp_user and settings.smtp_password else "without signing in",
    ]
    return f"The mail server {settings.smtp_host}:{settings.smtp_port} answers: {', '.join(how)}."


def _one_address(to: str) -> Address:
    if any(ord(c) < 33 or ord(c) == 127 for c in to):
        raise ValueError("an address is one word without line breaks")
    try:
        return Address(addr_spec=to)
    except (HeaderParseError, IndexError) as error:
        raise ValueError("this is no address") from error


@lru_cache
def _inliner() -> CSSInliner:
    # the style element stays for what no attribute can say: small screens and dark ones
    return CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)


def _inlined(html: str) -> str:
    if _LOADS_SOMETHING.search(html):
        raise ValueError("a mail shows nothing that has to be fetched: whoever serves it would learn who reads")
    return _inliner().inline(html)


def _connected(settings: Settings) -> smtplib.SMTP:
    """Return an open, greeted and where needed encrypted and signed-in connection; raises NotTaken."""
    relay: smtplib.SMTP | None = None
    try:
        where, seconds = (settings.smtp_host, settings.smtp_port), settings.smtp_timeout_seconds
        if settings.smtp_security == "tls":
            relay = smtplib.SMTP_SSL(*where, timeout=seconds, context=_trust(settings.smtp_ca_file))
        else:
            relay = smtplib.SMTP(*where, timeout=seconds)
        if settings.smtp_security == "starttls":
            relay.starttls(context=_trust(settings.smtp_ca_file))
        if settings.smtp_user and settings.smtp_password:
            relay.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        relay.ehlo_or_helo_if_needed()
    except (OSError, smtplib.SMTPException) as error:
        if relay is not None:
            relay.close()
        raise NotTaken(_said(error), reached=False) from error
    return relay


@lru_cache
def _trust(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def _offer(relay: smtplib.SMTP, message: EmailMessage) -> None:
    """Say from whom and to whom, and ask to send the body; raises NotTaken, lasting if it is about the recipient."""
    sender, to = (message[name].addresses[0].addr_spec for name in ("From", "To"))
    options = []
    if not (sender + to).isascii():
        if not relay.has_extn("smtputf8"):
            raise NotTaken("The mail server takes no address with such letters.", lasting=True)
        options = ["SMTPUTF8", "BODY=8BITMIME"]
    try:
        _want(relay.mail(sender, options), 250, lasting=False)
        _want(relay.rcpt(to), 250, 251, lasting=True)
        _want(relay.docmd("DATA"), 354, lasting=True)
    except NotTaken:
        raise
    except (OSError, smtplib.SMTPException) as error:
        raise NotTaken(_said(error)) from error


def _hand_over(relay: smtplib.SMTP, message: EmailMessage) -> None:
    """Send the body and read the answer to it; raises Unanswered without one, NotTaken if it is no."""
    utf8 = not str(message["To"]).isascii() or not str(message["From"]).isascii()
    body = message.as_bytes(policy=_POLICY.clone(utf8=utf8))
    try:
        relay.send(re.sub(rb"(?m)^\.", b"..", body.rstrip(b"\r\n")) + b"\r\n.\r\n")
        answer = relay.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise Unanswered(_said(error)) from error
    if answer[0] == -1:
        raise Unanswered("The connection ended without an answer.")
    _want(answer, 250, lasting=True)


def _want(answer: tuple[int, bytes], *codes: int, lasting: bool) -> None:
    code, said = answer
    if code not in codes:
        words = " ".join(said.decode("utf-8", "replace").split()) or "The connection ended."
        raise NotTaken(f"{code} {words}"[:300], lasting=lasting and code >= 500)


def _leave(relay: smtplib.SMTP) -> None:
    """Take leave; a relay that is gone by then changes nothing."""
    try:
        relay.quit()
    except (OSError, smtplib.SMTPException):
        relay.close()


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        return f"{error.smtp_code} {' '.join(words.split())}"[:300]
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
