"""Deliver one message to one channel of whatever kind, its secrets taken from the environment at that moment.

Here belong the body that each kind of channel gets, and the promise that no error holds a secret. HTTP belongs to
`webhooks`, mail to `mail`, the hundred services of Apprise to that library (docs/adr/0042).
"""

import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from parity_pipeline.alerts.errors import DeliveryError
from parity_pipeline.alerts.mail import mail
from parity_pipeline.alerts.options import Channel, ChannelKind
from parity_pipeline.alerts.webhooks import post
from parity_pipeline.core.alerts import News, NewsKind, Subject
from parity_pipeline.report.alert_text import Address, AlertText, as_html, plain, slack

PAYLOAD_VERSION: Final = 1
"""Version of the body that a webhook gets; raised when a reader of the old form would misread the new one."""

ID_HEADER: Final = "x-parity-alert-id"

_CHATTY: Final = ("apprise", "urllib3", "urllib3.connectionpool", "requests")
"""Loggers that show addresses when they are set to be verbose."""

_ONE_OF_APPRISE: Final = Lock()
"""All channels share these loggers: with two at once, the error of one would hold the words, and secrets, of the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message as all channels get it.

    Attributes:
        id: Its id.
        kind: Kind of its news; None for a test.
        at: When it was noticed, ISO 8601 with a zone.
        text: Its words.
        items: Its news.
        addresses: Where to read on, by subject.
    """

    id: str
    kind: NewsKind | None
    at: str
    text: AlertText
    items: tuple[News, ...] = ()
    addresses: Mapping[Subject, Sequence[Address]]


def deliver(channel: Channel, letter: Letter, environ: Mapping[str, str]) -> None:
    """Send one message to one channel.

    Args:
        channel: The channel.
        letter: The message.
        environ: Where addresses, tokens and passwords are looked up.

    Raises:
        DeliveryError: It was not taken; without secrets.
    """
    secrets = [environ.get(name, "").strip() for name in (channel.url_env, channel.bearer_env, channel.password_env)]
    failed: DeliveryError | None = None
    try:
        _SENDERS[channel.kind](channel, letter, environ)
    except DeliveryError as error:
        failed = error.without(secrets)
    except Exception as error:  # noqa: BLE001 - whatever a library raises: the other channels go on, its text may hold a secret
        failed = DeliveryError(f"it cannot be sent ({type(error).__name__})")
    if failed:
        # Outside of the handler: an exception with a secret must not be attached to this one.
        raise failed


def _slack(channel: Channel, letter: Letter, environ: Mapping[str, str]) -> None:
    post(_secret(channel.url_env, environ), {"text": slack(letter.text)}, {ID_HEADER: letter.id})


def _webhook(channel: Channel, letter: Letter, environ: Mapping[str, str]) -> None:
    headers = {ID_HEADER: letter.id}
    if channel.bearer_env:
        headers["authorization"] = f"Bearer {_secret(channel.bearer_env, environ)}"
    post(_secret(channel.url_env, environ), payload_of(letter), headers)


def _mail(channel: Channel, letter: Letter, environ: Mapping[str, str]) -> None:
    mail(
        channel,
        title=letter.text.title,
        plain=plain(letter.text),
        html=as_html(letter.text),
        at=letter.at,
        identity=letter.id,
        password=_secret(channel.password_env, environ) if channel.password_env else None,
    )


def _apprise(channel: Channel, letter: Letter, environ: Mapping[str, str]) -> None:
    try:
        import apprise  # noqa: PLC0415 - an extra that few need
    except ImportError:
        raise DeliveryError("Apprise is not installed; install parity_pipeline[alerts]") from None
    service = apprise.Apprise()
    with _ONE_OF_APPRISE, _quiet(_CHATTY) as said:
        added = service.add(_secret(channel.url_env, environ))
        if not added:
            raise DeliveryError("the address is not one that Apprise knows")
        if not service.notify(title=letter.text.title, body=plain(letter.text), body_format=apprise.NotifyFormat.TEXT):
            raise DeliveryError("; ".join(said) or "Apprise could not send it")


_SENDERS: Final = {
    ChannelKind.SLACK: _slack,
    ChannelKind.WEBHOOK: _webhook,
    ChannelKind.EMAIL: _mail,
    ChannelKind.APPRISE: _apprise,
}


def _secret(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise DeliveryError(f"the environment variable {name} is not set")
    return value


class _Kept(logging.Filter):
    """Keep the warnings of a library as words, and let none of its records pass: they may hold addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.said = list[str]()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            self.said.append(record.getMessage())
        return False


@contextmanager
def _quiet(names: Iterable[str]) -> Generator[list[str]]:
    kept, loggers = _Kept(), [logging.getLogger(name) for name in names]
    for one in loggers:
        one.addFilter(kept)
    try:
        yield kept.said
    finally:
        for one in loggers:
            one.removeFilter(kept)


def payload_of(letter: Letter) -> dict[str, Any]:
    """Return the body that a webhook gets."""
    return {
        "schema": PAYLOAD_VERSION,
        "id": letter.id,
        "kind": letter.kind.value if letter.kind else "test",
        "at": letter.at,
        "title": letter.text.title,
        "text": plain(letter.text),
        "items": [_item(one, letter.addresses.get(one.subject, ())) for one in letter.items],
    }


def _item(one: News, addresses: Sequence[Address]) -> dict[str, Any]:
    return {
        "probe": one.subject.probe,
        "name": one.subject.name,
        "date": one.date,
        "since": one.since or None,
        "decision": one.decision.value if one.decision else None,
        "dates": list(one.dates),
        "reason": one.reason or None,
        "cause": one.cause or None,
        "run_id": one.run_id or None,
        "links": {address.label: address.target for address in addresses},
    }
