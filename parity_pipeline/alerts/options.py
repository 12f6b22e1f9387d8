"""What may be set of alerts: the channels, and what is news.

Here belong the plain records and their defaults. The form of the section in `parity.yaml` belongs to `settings.alerts`.
"""

from dataclasses import dataclass
from enum import StrEnum

from parity_pipeline.core.alerts import NewsKind


class ChannelKind(StrEnum):
    """How a channel is reached."""

    SLACK = "slack"
    """An incoming webhook of Slack, or of a server that takes the same body: Mattermost, Rocket.Chat, Google Chat."""
    WEBHOOK = "webhook"
    """Any address that takes JSON."""
    EMAIL = "email"
    """A mail server."""
    APPRISE = "apprise"
    """A service that the library Apprise knows, such as Teams or PagerDuty."""


class Encryption(StrEnum):
    """How the connection to a mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One place that alerts are sent to. No secret is held, only the names of the environment variables that hold them.

    Attributes:
        name: What messages and the state call it.
        kind: How it is reached.
        url_env: Environment variable with the address of the webhook, or with Apprise's; its path is a secret.
        bearer_env: Environment variable with a token that a webhook is sent with; "" for none.
        host: Mail server.
        port: Its port; None for 587 with STARTTLS, 465 with TLS and 25 without encryption.
        encryption: How the connection to it is encrypted.
        user: Who logs in there; "" for nobody.
        password_env: Environment variable with the password.
        sender: Address of the sender.
        to: Addresses of the receivers.
        only: Kinds of news that are sent; all where it is empty.
    """

    name: str
    kind: ChannelKind
    url_env: str = ""
    bearer_env: str = ""
    host: str = ""
    port: int | None = None
    encryption: Encryption = Encryption.STARTTLS
    user: str = ""
    password_env: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    only: tuple[NewsKind, ...] = ()

    def wants(self, kind: NewsKind) -> bool:
        """Return whether news of a kind is sent there."""
        return not self.only or kind in self.only


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOptions:
    """What may be set of alerts.

    Attributes:
        channels: Where they are sent to; none where it is empty.
        inconclusive: Whether a date without enough evidence is news.
        stale_after_hours: Hours after the daily schedule after which a missing verdict is news; None for never.
        settled_after_minutes: Minutes without another verdict of a model or corpus after which its failing past dates are
            announced, all in one message.
    """

    channels: tuple[Channel, ...] = ()
    inconclusive: bool = True
    stale_after_hours: float | None = 4.0
    settled_after_minutes: float = 10.0
