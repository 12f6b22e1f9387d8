"""Send an alert by a mail server: one message with a plain and an HTML part.

Here belong the message and the conversation with the server. What is in the message belongs to `report.alert_text`.
"""

import smtplib
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from parity_pipeline.alerts.errors import DeliveryError
from parity_pipeline.alerts.options import Channel, Encryption

SECONDS: Final = 10.0
"""Longest wait for each response of the server."""

PORTS: Final[Mapping[Encryption, int]] = {Encryption.STARTTLS: 587, Encryption.TLS: 465, Encryption.NONE: 25}


def mail(channel: Channel, *, title: str, plain: str, html: str, at: str, identity: str, password: str | None) -> None:
    """Send one message to all receivers of a channel.

    Args:
        channel: The channel.
        title: Subject of the message, one line.
        plain: Its plain part.
        html: Its HTML part.
        at: Its date, ISO 8601 with a zone.
        identity: Id of the message, by which a mail server may recognise repeats.
        password: Password of the channel's user; None where nobody logs in.

    Raises:
        DeliveryError: The server did not take it for any receiver.
    """
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = title, channel.sender, ", ".join(channel.to)
    message["Date"] = format_datetime(datetime.fromisoformat(at))
    message["Message-ID"] = f"<{identity}@parity-pipeline.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(plain)
    message.add_alternative(html, subtype="html")
    try:
        with _conversation(channel) as server:
            if channel.encryption is Encryption.STARTTLS:
                server.starttls(context=ssl.create_default_context())
            if channel.user and password is not None:
                server.login(channel.user, password)
            server.send_message(message)
    except smtplib.SMTPResponseException as error:
        words = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        raise DeliveryError(f"{channel.host} returns {error.smtp_code} {words}") from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise DeliveryError(f"{channel.host} refuses all receivers ({', '.join(map(str, codes))})") from None
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryError(f"{channel.host}: {type(error).__name__}: {error}") from None


@contextmanager
def _conversation(channel: Channel) -> Generator[smtplib.SMTP]:
    """Take leave whatever the body did. The response to that is ignored: a message that was taken would be sent again."""
    server = _connection(channel)
    try:
        yield server
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()


def _connection(channel: Channel) -> smtplib.SMTP:
    port = channel.port or PORTS[channel.encryption]
    if channel.encryption is Encryption.TLS:
        return smtplib.SMTP_SSL(channel.host, port, timeout=SECONDS, context=ssl.create_default_context())
    return smtplib.SMTP(channel.host, port, timeout=SECONDS)
