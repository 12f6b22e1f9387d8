"""Stop a command in good order on SIGINT, SIGTERM and SIGHUP.

Here belongs what a process does about signals, and nothing that a command does. The default of SIGTERM and SIGHUP ends
the process at once and leaves the services that it started running.
"""

import contextlib
import signal
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Final, TypeVar

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command as Ctrl-C does: what it started is stopped, the exit code is 130."""


Step = TypeVar("Step")


@dataclass
class StopSignals:
    """What this process was told by signals.

    While Dagster runs a job it puts its own handlers in place, and takes some interrupts for the failure of a step. So
    each signal is noted in a second way too, which no handler can hide: Python writes its number into a socket.
    """

    _inbox: socket.socket | None = field(default=None, init=False, repr=False)
    _outbox: socket.socket | None = field(default=None, init=False, repr=False)

    def install(self) -> None:
        """Raise KeyboardInterrupt for each of the signals; one that is ignored, as by `nohup`, stays ignored."""
        self._inbox, self._outbox = socket.socketpair()
        self._inbox.settimeout(0)
        self._outbox.settimeout(0)
        signal.set_wakeup_fd(self._outbox.fileno(), warn_on_full_buffer=False)
        for number in STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _interrupt)

    def asked(self) -> bool:
        """Return whether a signal to stop came since the last time this was asked."""
        if self._inbox is None:
            return False
        with contextlib.suppress(BlockingIOError):
            return any(number in STOPPING for number in self._inbox.recv(4096))
        return False

    def heeded(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Yield each step of a work, and begin no further one after a signal to stop.

        Once one came, further signals are ignored: an impatient second one must not keep services from being stopped.

        Raises:
            KeyboardInterrupt: A signal came, whatever the step made of it.
        """
        try:
            for step in steps:
                self._heed()
                yield step
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or self.asked():
                for number in STOPPING:
                    signal.signal(number, signal.SIG_IGN)
                raise KeyboardInterrupt from error
            raise

    def _heed(self) -> None:
        if self.asked():
            raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
