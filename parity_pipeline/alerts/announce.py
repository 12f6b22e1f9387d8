"""Announce what is new: read the ledger, decide, and send what no channel has taken yet.

Here belongs the order of these steps, in which nothing is announced twice or lost: what is news is stored before the first
message is sent, and each delivery is stored when it is made. A process that is killed between the two sends that one message
again; its id is the same. Sensors, and `parity alerts send`, call the same function and share the state.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final

from parity_pipeline.alerts.delivery import Letter, deliver
from parity_pipeline.alerts.errors import DeliveryError
from parity_pipeline.alerts.options import AlertOptions, Channel
from parity_pipeline.alerts.state import (
    AlertState,
    ChannelState,
    KnownSubject,
    Message,
    Outgoing,
    only_one,
    read_state,
    write_state,
)
from parity_pipeline.core.alerts import News, NewsKind, Subject, changes, staleness
from parity_pipeline.core.recorded_time import moment
from parity_pipeline.core.slugs import report_name
from parity_pipeline.report.alert_text import Address, alert_text
from parity_pipeline.report.links import Links
from parity_pipeline.storage.ledger_tail import read_tail

FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(hours=1)
"""How long a channel that fails is left alone: twice as long each time, at most this."""

AT_ONCE: Final = 10
"""Messages of one channel that one round sends: each may take seconds, and a tick of a sensor has 60."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class AlertContext:
    """What announcing needs.

    Attributes:
        options: Of the settings.
        ledger: The ledger.
        reports_dir: Folder of the reports.
        state: Where the state is stored.
        expected: Returns the latest date that should have a verdict at a time, by subject.
        links: Where reports and the Dagster UI are reached.
        environ: Where secrets are looked up, when a message is sent.
        now: Returns the time; aware.
    """

    options: AlertOptions
    ledger: Path
    reports_dir: Path
    state: Path
    expected: Callable[[datetime], Mapping[Subject, str]]
    links: Links
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _now


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did.

    Attributes:
        news: Messages that are new.
        sent: Deliveries that were made, as `channel: title`.
        failed: Deliveries that were not, as `channel: why`; without secrets.
        waiting: Deliveries that are still to be made.
        busy: Whether another process was at it, and nothing was done.
    """

    news: int = 0
    sent: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    waiting: int = 0
    busy: bool = False

    def words(self) -> str:
        """Return it in one sentence."""
        if self.busy:
            return "Another process is sending alerts."
        parts = [f"sent {one}" for one in self.sent] + [f"not sent to {one}" for one in self.failed]
        if self.waiting:
            parts.append(f"{self.waiting} to be tried again")
        return "; ".join(parts) + "." if parts else "Nothing new."


def announce(context: AlertContext) -> Round:
    """Notice what is new, and send what is to be sent, to each channel on its own.

    Raises:
        ArtifactError: The ledger or the state cannot be read, or the disk does not take the state.
    """
    with only_one(context.state) as mine:
        if not mine:
            return Round(busy=True)
        before = read_state(context.state)
        noticed = _noticed(context, before)
        if noticed != before:
            write_state(context.state, noticed)
        return _Sending(context, noticed).run(news=len(noticed.outbox) - len(before.outbox))


def _noticed(context: AlertContext, state: AlertState) -> AlertState:
    """Return the state with the news of now in its outbox."""
    now, options = context.now(), context.options
    judged, mark = read_tail(context.ledger, state.ledger)
    settled_after = timedelta(minutes=options.settled_after_minutes)
    news, known = changes(state.known, judged, now=now, inconclusive=options.inconclusive, settled_after=settled_after)
    missing, known = staleness(known, context.expected(now), [one.subject for one in news])
    return replace(
        state,
        ledger=mark,
        subjects=tuple(KnownSubject(subject=subject, known=known[subject]) for subject in sorted(known)),
        outbox=(*state.outbox, *_outgoing([*news, *missing], options.channels, now)),
        channels={name: one for name, one in state.channels.items() if name in {c.name for c in options.channels}},
    )


def _outgoing(news: Sequence[News], channels: Sequence[Channel], now: datetime) -> list[Outgoing]:
    """Return one message per kind of news, for the channels that want it; none where no channel does."""
    found = list[Outgoing]()
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    for kind in NewsKind:
        items = tuple(one for one in news if one.kind is kind)
        names = tuple(channel.name for channel in channels if channel.wants(kind))
        if items and names:
            identity = hashlib.sha256(repr((at, items)).encode("utf-8", "surrogatepass")).hexdigest()[:24]
            found.append(Outgoing(message=Message(id=identity, kind=kind, at=at, items=items), channels=names))
    return found


class _Sending:
    """The deliveries of one round: a thread per channel, so that one that hangs does not hold up the others."""

    def __init__(self, context: AlertContext, state: AlertState) -> None:
        self._context, self._state = context, state
        self._guard = Lock()
        self._sent, self._failed = list[str](), list[str]()

    def run(self, news: int) -> Round:
        now = self._context.now()
        names = {name for one in self._state.outbox for name in one.channels}
        due = [one for one in self._context.options.channels if one.name in names and self._is_due(one, now)]
        self._forget_unknown()
        if due:
            # A disk that does not take the state now would not take that a message was sent: it would be sent each minute.
            write_state(self._context.state, self._state)
            with ThreadPoolExecutor(max_workers=len(due)) as pool:
                list(pool.map(self._send_all, due))
        waiting = sum(len(one.channels) for one in self._state.outbox)
        return Round(news=news, sent=tuple(self._sent), failed=tuple(self._failed), waiting=waiting)

    def _is_due(self, channel: Channel, now: datetime) -> bool:
        held = self._state.channels.get(channel.name)
        return held is None or moment(held.next_at) <= now

    def _forget_unknown(self) -> None:
        """Drop deliveries to channels that the settings no longer have."""
        known = {one.name for one in self._context.options.channels}
        kept = [
            replace(one, channels=left)
            for one in self._state.outbox
            if (left := tuple(name for name in one.channels if name in known))
        ]
        if tuple(kept) != self._state.outbox:
            self._state = replace(self._state, outbox=tuple(kept))
            write_state(self._context.state, self._state)

    def _send_all(self, channel: Channel) -> None:
        """Send a channel's messages, oldest first, until one fails for a reason that others would fail for too."""
        waiting = [one.message for one in self._state.outbox if channel.name in one.channels]
        failure, taken = None, 0
        for message in waiting:
            if taken == AT_ONCE:
                break
            letter = letter_of(self._context, message)
            try:
                deliver(channel, letter, self._context.environ)
            except DeliveryError as error:
                failure = error
                with self._guard:
                    self._failed.append(f"{channel.name}: {error.text}")
                if not error.only_this:
                    break
            else:
                taken += 1
                self._delivered(channel, message, letter.text.title)
        self._note(channel, failure)

    def _delivered(self, channel: Channel, message: Message, title: str) -> None:
        with self._guard:
            outbox = [
                replace(one, channels=tuple(name for name in one.channels if name != channel.name))
                if one.message.id == message.id
                else one
                for one in self._state.outbox
            ]
            self._state = replace(self._state, outbox=tuple(one for one in outbox if one.channels))
            write_state(self._context.state, self._state)
            self._sent.append(f"{channel.name}: {title}")

    def _note(self, channel: Channel, failure: DeliveryError | None) -> None:
        """Keep how a channel fares: how long it is left alone, or that it works again."""
        with self._guard:
            channels = dict(self._state.channels)
            held = channels.pop(channel.name, None)
            if failure:
                failures = (held.failures if held else 0) + 1
                # A message that is refused for what it is must not hold up those that come.
                wait = FIRST_WAIT if failure.only_this else _wait(failures)
                wait = max(wait, timedelta(seconds=failure.wait_seconds))
                next_at = (self._context.now() + wait).astimezone(UTC).isoformat(timespec="seconds")
                channels[channel.name] = ChannelState(failures=failures, next_at=next_at, error=failure.text)
            if channels != self._state.channels:
                self._state = replace(self._state, channels=channels)
                write_state(self._context.state, self._state)


def _wait(failures: int) -> timedelta:
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 10))


def letter_of(context: AlertContext, message: Message) -> Letter:
    """Return a message as channels get it."""
    addresses = {one.subject: _addresses(context, one) for one in message.items}
    text = alert_text(message.kind, message.items, addresses)
    return Letter(id=message.id, kind=message.kind, at=message.at, text=text, items=message.items, addresses=addresses)


def _addresses(context: AlertContext, one: News) -> list[Address]:
    """Return where the report of an item is, its page where there is one, and its run; nothing for a missing verdict."""
    if not one.run_id:
        return []
    report = context.reports_dir / report_name(one.date, one.subject.name, one.subject.probe)
    page = context.reports_dir / "html" / f"{report.name.removesuffix('.md')}.html"
    found = [
        Address(label=label, target=context.links.report(path, context.reports_dir) or str(path))
        for label, path in (("report", report), ("page", page))
        if path.exists()
    ]
    run = context.links.run(one.run_id)
    return [*found, *([Address(label="run", target=run)] if run else [])]
