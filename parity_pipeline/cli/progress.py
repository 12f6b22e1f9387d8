"""Show a person who waits how far each lane is: bars on a terminal, a line now and then where standard error goes elsewhere.

Here belongs the layout of bars and lines. The handle that they are written to belongs to `terminal`, what is counted belongs to
`wire.progress`, what is printed after a run to `console`.
"""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn

from parity_pipeline.cli.terminal import OwnHandle, own_console
from parity_pipeline.report.escape import visible
from parity_pipeline.wire.progress import Progress as LaneProgress

PLAIN_SECONDS: Final = 5.0
"""Seconds between two lines about one lane where there is no terminal, so that a long fetch leaves some lines and no flood."""

MINUTE: Final = 60
HOUR: Final = 3600
NUMBERS: Final = 46
"""Columns that the numbers beside a bar take: `41,200/100,000 (41 %), 1,034/s, 57 s left`."""

BAR: Final = 8
"""Columns that a bar has at least; where there are fewer, there is none."""

Watch = Callable[[str, LaneProgress], None]


@contextmanager
def showing_progress(*, bars: bool = True, lines: bool = True, verbose: bool = False) -> Generator[Watch | None]:
    """Yield what shows a lane's progress on standard error; None where nothing is to be shown, or nobody could see it.

    Args:
        bars: Show bars where standard error is a terminal.
        lines: Write plain lines where it is not.
        verbose: Also write a line when a lane has ended.
    """
    try:
        handle = OwnHandle(sys.stderr)  # pyright: ignore[reportArgumentType] - a TextIO has the same methods
    except (OSError, ValueError, AttributeError):
        yield None
        return
    with handle:
        console = own_console(handle)
        if console.is_terminal and not console.is_dumb_terminal:
            if not bars:
                yield None
                return
            with _bars(console, verbose=verbose) as watch:
                yield watch
        else:
            yield Lines(handle.write, verbose=verbose).watch if lines else None


@contextmanager
def _bars(console: Console, *, verbose: bool) -> Generator[Watch]:
    """Yield a function that shows lanes as bars; those of the partition that is running stay, and all vanish at the end."""
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
    if (spare := console.width - NUMBERS - len("candidate ")) >= BAR:
        columns.append(BarColumn(bar_width=min(spare // 3, 30)))
    columns.append(TextColumn("{task.fields[detail]}", markup=False))
    room = spare - (min(spare // 3, 30) if spare >= BAR else 0) + len("candidate ")
    # Redirecting the streams would be in vain while Dagster has them, and would hide what others write between two runs.
    shown = Progress(
        *columns, console=console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
    )
    with shown:
        tasks: dict[str, TaskID] = {}

        def watch(name: str, progress: LaneProgress) -> None:
            if name not in tasks:
                for old in [one for one in tasks if not _same_partition(one, name)]:
                    shown.remove_task(tasks.pop(old))
                label = visible(name) if cell_len(visible(name)) < room else name.partition(" ")[0]
                tasks[name] = shown.add_task(label, total=progress.total, detail="")
            detail = bar_text(progress, console.width - len("candidate  "))
            shown.update(tasks[name], completed=progress.done, total=progress.total, detail=detail, refresh=True)
            if progress.finished and verbose:
                console.print(lane_line(name, progress), markup=False, soft_wrap=True)

        yield watch


def _same_partition(one: str, other: str) -> bool:
    """Return whether two lanes differ in their side alone, the first word of their names."""
    return one.partition(" ")[2] == other.partition(" ")[2]


@dataclass
class Lines:
    """Lines about lanes for a log: each `PLAIN_SECONDS`, and at the end of a lane that had one before.

    Attributes:
        write: Takes a line with its line feed.
        verbose: Whether each lane has a line at its end.
        clock: Seconds from any start, never going back.
    """

    write: Callable[[str], object]
    verbose: bool = False
    clock: Callable[[], float] = time.monotonic
    _last: dict[str, float] = field(default_factory=dict[str, float])
    _written: set[str] = field(default_factory=set[str])

    def watch(self, name: str, progress: LaneProgress) -> None:
        """Write a line where it is time for one."""
        now = self.clock()
        last = self._last.setdefault(name, now)
        if progress.finished:
            del self._last[name]
            if self.verbose or name in self._written:
                self._written.discard(name)
                self.write(f"{lane_line(name, progress)}\n")
        elif now - last >= PLAIN_SECONDS:
            self._last[name] = now
            self._written.add(name)
            self.write(f"{lane_line(name, progress)}\n")


def lane_line(name: str, progress: LaneProgress) -> str:
    """Return one line about a lane, with its name."""
    return f"{visible(name)}: {lane_text(progress)}"


def lane_text(progress: LaneProgress) -> str:
    """Return how far a lane is, such as `41,200 of 100,000 samples (41 %), 1,034 samples/s, 57 s left, 3 retries`."""
    rows = progress.rows
    of = f" of {progress.total:,}" if progress.total is not None else ""
    share = f" ({found})" if (found := _share(progress)) else ""
    retries = f"{progress.retries:,} {'retry' if progress.retries == 1 else 'retries'}" if progress.retries else ""
    kept = f"{progress.kept:,} kept from an earlier run" if progress.kept else ""
    parts = (f"{progress.done:,}{of} {rows}{share}", f"{progress.rate:,.0f} {rows}/s", _left(progress), retries, kept)
    return ", ".join(part for part in parts if part)


def bar_text(progress: LaneProgress, columns: int) -> str:
    """Return how far a lane is, for the space beside a bar: `41,200/100,000 (41 %), 1,034/s, 57 s left`.

    Where even that takes more than these columns, there is the share or the number done alone.
    """
    share, done = _share(progress), f"{progress.done:,}"
    total = f"/{progress.total:,} ({share})" if share else ""
    rest = [part for part in (f"{progress.rate:,.0f}/s", _left(progress)) if part]
    text = ", ".join([done + total, *rest])
    return text if len(text) <= columns else ", ".join([share or done, *rest])


def _share(progress: LaneProgress) -> str:
    """Return the share that is done in per cent, cut and not rounded: 100 % is the end. "" where the total is unknown."""
    return f"{progress.done * 100 // progress.total} %" if progress.total else ""


def _left(progress: LaneProgress) -> str:
    return f"{duration(progress.seconds_left)} left" if progress.seconds_left and not progress.finished else ""


def duration(seconds: float) -> str:
    """Return a duration in the unit that suits it.

    >>> [duration(one) for one in (0.2, 57.4, 90, 3_700)]
    ['1 s', '57 s', '2 min', '1 h 2 min']
    """
    if seconds < MINUTE:
        return f"{max(1, round(seconds))} s"
    minutes = -int(-seconds // MINUTE)
    hours = minutes * MINUTE // HOUR
    return f"{hours} h {minutes % MINUTE} min" if hours else f"{minutes} min"
