"""The only place that opens an SMTP connection."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from coordinator.settings import Settings


def letter(
    settings: Settings, *, to: str, subject: str, text: str, html: str | None = None, message_id: str | None = None
) -> EmailMessage:
    """Return a message; raises ValueError if a header holds a line break."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, to, subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = message_id or make_msgid(domain=settings.mail_from.rpartition("@")[2].strip("<> "))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def send(settings: Settings, message: EmailMessage) -> None:
    """Hand a message to the ministry's relay; raises OSError or smtplib.SMTPException if it is not taken."""
    context = ssl.create_default_context(cafile=settings.smtp_ca_file)
    where, seconds = (settings.smtp_host, settings.smtp_port), settings.smtp_timeout_seconds
    if settings.smtp_security == "tls":
        relay: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=seconds, context=context)
    else:
        relay = smtplib.SMTP(*where, timeout=seconds)
    with relay:
        if settings.smtp_security == "starttls":
            relay.starttls(context=context)
        if settings.smtp_user and settings.smtp_password:
            relay.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        relay.send_message(message)
