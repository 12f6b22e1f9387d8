"""Stop a command in an orderly way on SIGINT, SIGTERM and SIGHUP.

Here belongs how a process handles signals, and nothing that a command does. By default SIGTERM and SIGHUP would end the
process at once and leave the services that it started running.
"""

import contextlib
import signal
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Final, TypeVar

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command as Ctrl-C does: its services are stopped, the exit code is 130."""


Step = TypeVar("Step")


@dataclass
class StopSignals:
    """The stop signals that this process has received.

    While Dagster runs a job it installs its own handlers, and treats some interrupts as the failure of a step. So each
    signal is also recorded in a way that no handler can hide: Python writes its number to a socket.
    """

    _inbox: socket.socket | None = field(default=None, init=False, repr=False)
    _outbox: socket.socket | None = field(default=None, init=False, repr=False)
    _ignored: frozenset[int] = field(default=frozenset(), init=False)

    def install(self) -> None:
        """Raise KeyboardInterrupt for each of the signals; one that is ignored, as by `nohup`, has no effect.

        A signal that is ignored gets a handler that does nothing: Dagster hands the handler of SIGINT on to SIGTERM, and
        in a shell's background job, where SIGINT is ignored, nothing could end the run any more.
        """
        self._inbox, self._outbox = socket.socketpair()
        self._inbox.settimeout(0)
        self._outbox.settimeout(0)
        signal.set_wakeup_fd(self._outbox.fileno(), warn_on_full_buffer=False)
        self._ignored = frozenset(number for number in STOPPING if signal.getsignal(number) is signal.SIG_IGN)
        for number in STOPPING:
            signal.signal(number, self._interrupt)

    def received(self) -> bool:
        """Return whether a stop signal has arrived since the last call."""
        if self._inbox is None:
            return False
        with contextlib.suppress(BlockingIOError):
            return any(number in STOPPING and number not in self._ignored for number in self._inbox.recv(4096))
        return False

    def until_stopped(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Yield each result, and start no further step after a stop signal.

        After the first one, further signals are ignored: a second Ctrl-C must not keep services from being stopped.

        Raises:
            KeyboardInterrupt: A signal arrived, whatever the step made of it.
        """
        try:
            for step in steps:
                self._raise_if_stopped()
                yield step
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or self.received():
                for number in STOPPING:
                    signal.signal(number, signal.SIG_IGN)
                raise KeyboardInterrupt from error
            raise

    def _raise_if_stopped(self) -> None:
        if self.received():
            raise KeyboardInterrupt

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        if number not in self._ignored:
            raise KeyboardInterrupt
