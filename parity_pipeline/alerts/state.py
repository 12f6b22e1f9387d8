"""What was announced and what is still to be sent: one file, which one process at a time uses.

Here belong the file and its lock. It is the memory of alerts, and not Dagster's cursor: a cursor belongs to one sensor of
one instance, is lost when someone resets it, and knows nothing of `parity alerts send` (docs/adr/0042).
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock, Timeout

from parity_pipeline.core.alerts import Known, News, NewsKind, State, Subject
from parity_pipeline.storage.atomic import publish_text, write_errors
from parity_pipeline.storage.json_records import RecordKind, json_text, read_document
from parity_pipeline.storage.ledger_tail import LedgerMark

STATE_NAME: Final = "alerts.json"
STATE_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: all that happened of one kind at one time.

    Attributes:
        id: Its id, which receivers recognise repeats by.
        kind: What happened.
        at: When it was noticed, ISO 8601 in UTC.
        items: What it happened to.
    """

    id: str
    kind: NewsKind
    at: str
    items: tuple[News, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message that some channels have not taken yet.

    Attributes:
        message: The message.
        channels: Names of those channels.
    """

    message: Message
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """A channel that did not take its last message.

    Attributes:
        failures: How often in a row.
        next_at: When it is tried again, ISO 8601 in UTC.
        error: Why it did not, without secrets.
    """

    failures: int
    next_at: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSubject:
    """A subject and what is known of it."""

    subject: Subject
    known: Known


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """The whole memory.

    Attributes:
        ledger: How far the ledger was read.
        subjects: What is known of each subject.
        outbox: Messages that are still to be sent, oldest first.
        channels: Channels that fail, by name.
        schema: `STATE_VERSION`.
    """

    ledger: LedgerMark = LedgerMark()  # noqa: RUF009 - it is frozen
    subjects: tuple[KnownSubject, ...] = ()
    outbox: tuple[Outgoing, ...] = ()
    channels: Mapping[str, ChannelState] = field(default_factory=dict[str, ChannelState])
    schema: Literal[1] = STATE_VERSION

    @property
    def known(self) -> State:
        """Return what is known, by subject."""
        return {one.subject: one.known for one in self.subjects}


_KIND: Final = RecordKind(
    record=AlertState,
    name="state of alerts",
    remedy="Remove it: every model or corpus whose latest date does not pass is then announced once more.",
    schema=STATE_VERSION,
)


def read_state(path: Path) -> AlertState:
    """Return what is stored; the empty state where nothing is.

    Raises:
        ArtifactError: It is damaged or of another version.
    """
    return read_document(_KIND, path) if path.exists() else AlertState()


def write_state(path: Path, state: AlertState) -> None:
    """Store the state, whole or not at all.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    publish_text(path, json_text(state))


@contextmanager
def only_one(path: Path) -> Generator[bool]:
    """Hold the lock of a state while the body runs; yield False, without waiting, where another process holds it.

    Raises:
        ArtifactError: The disk or folder does not take the lock.
    """
    file = path.with_name(f".{path.stem}.lock")
    lock = FileLock(file, thread_local=False)
    with write_errors(file):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:  # an OSError too
            mine = False
        else:
            mine = True
    if not mine:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
