"""Settings of alerts: the section `alerts` of `parity.yaml`, and the step from it to what announcing needs.

Here belongs the form of the section, above all what each kind of channel has to name and may not. A secret is never a
setting: an address, a token or a password is named by the environment variable that holds it. What is news belongs to
`core.alerts`, sending to the room `alerts`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from parity_pipeline.alerts.announce import AlertContext
from parity_pipeline.alerts.options import AlertOptions, Channel, ChannelKind
from parity_pipeline.alerts.state import STATE_NAME
from parity_pipeline.core.alerts import NewsKind, Subject, expected_date
from parity_pipeline.settings.fields import Validated, known_names, without_faults

if TYPE_CHECKING:
    from parity_pipeline.settings.model import Settings

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ADDRESS: Final = r"^[^@\s<>,;\"\x00-\x1f\x7f]+@[^@\s<>,;\"\x00-\x1f\x7f]+$"

_OF_KIND: Final[Mapping[ChannelKind, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    ChannelKind.SLACK: (("url_env",), ()),
    ChannelKind.WEBHOOK: (("url_env",), ("bearer_env",)),
    ChannelKind.EMAIL: (("host", "sender", "to"), ("port", "encryption", "user", "password_env")),
    ChannelKind.APPRISE: (("url_env",), ()),
}
"""Keys that a channel of a kind needs, and those that it may have."""

_OF_ALL: Final = ("name", "kind", "only")


def _variable(value: str) -> str:
    """Refuse what cannot be the name of an environment variable, without repeating it: it may be the secret itself."""
    if value and not _VARIABLE.match(value):
        raise ValueError(
            "this is not the name of an environment variable; put the address or secret into one, and write its name here"
        )
    return value


def _channel_faults(channel: Channel) -> Iterator[str]:
    needed, allowed = _OF_KIND[channel.kind]
    empty = Channel(name="", kind=channel.kind)
    yield from (
        f"{key} is missing; a channel of kind {channel.kind} needs it" for key in needed if not getattr(channel, key)
    )
    for key in ("url_env", "bearer_env", "host", "port", "encryption", "user", "password_env", "sender", "to"):
        if key not in (*_OF_ALL, *needed, *allowed) and getattr(channel, key) != getattr(empty, key):
            yield f"{key} means nothing for a channel of kind {channel.kind}; remove it"
    if bool(channel.user) != bool(channel.password_env):
        yield "user and password_env belong together; name both, or none"


def _whole(channel: Channel) -> Channel:
    return without_faults(_channel_faults(channel), channel)


def _distinct(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    names = [one.name for one in channels]
    twice = sorted({name for name in names if names.count(name) > 1})
    return without_faults((f"two channels are named {name}; give each its own name" for name in twice), channels)


Port = Annotated[int, Field(ge=1, le=65535)]
Hours = Annotated[float, Field(ge=0, le=744)]
Variable = Annotated[str, AfterValidator(_variable)]
Address = Annotated[str, Field(pattern=_ADDRESS)]
ChannelSettings = Annotated[
    Channel,
    Validated(
        name=Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")],
        url_env=Variable,
        bearer_env=Variable,
        host=Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]*$")],
        port=Port | None,
        password_env=Variable,
        sender=Address,
        to=tuple[Address, ...],
        only=Annotated[tuple[NewsKind, ...], BeforeValidator(known_names(NewsKind, "a kind of alert"))],
    ),
    AfterValidator(_whole),
]
AlertSettings = Annotated[
    AlertOptions,
    Validated(
        channels=Annotated[tuple[ChannelSettings, ...], AfterValidator(_distinct)],
        stale_after_hours=Hours | None,
        settled_after_minutes=Annotated[float, Field(ge=0, le=1440)],
    ),
]


def alert_context(settings: "Settings", environ: Mapping[str, str]) -> AlertContext:
    """Return what announcing needs for these settings.

    Args:
        settings: All settings.
        environ: Where addresses, tokens and passwords are looked up when a message is sent.
    """
    layout = settings.layout()
    return AlertContext(
        options=settings.alerts,
        ledger=layout.ledger,
        reports_dir=layout.reports_dir,
        state=settings.path(settings.state_dir) / STATE_NAME,
        expected=lambda now: expected_dates(settings, now),
        links=settings.links,
        environ=environ,
    )


def expected_dates(settings: "Settings", now: datetime) -> dict[Subject, str]:
    """Return the latest date that should have a verdict by now, of each model and corpus of the settings."""
    if settings.alerts.stale_after_hours is None:
        return {}
    due = expected_date(
        now.astimezone(ZoneInfo(settings.timezone)),
        time(settings.schedule.hour, settings.schedule.minute),
        timedelta(hours=settings.alerts.stale_after_hours),
        settings.first_date,
    )
    corpora = settings.retrieve.corpora if settings.retrieve else ()
    subjects = [
        *(Subject(probe=settings.embed_probe, name=model) for model in settings.models),
        *(Subject(probe="retrieve", name=corpus) for corpus in corpora),
    ]
    return dict.fromkeys(subjects, due) if due else {}
