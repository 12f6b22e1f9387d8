"""The consoles of the `parity` command: standard output, standard error for messages, and a handle that a run does not redirect.

Here belong colours and widths: whoever sets `NO_COLOR` gets plain text, without bold, and what goes into a pipe or a file
is never wrapped. What is printed belongs to `console` and to the commands.
"""

import io
import os
from contextlib import suppress
from typing import Final, Literal

from rich.console import Console, ConsoleDimensions

from parity_pipeline.report.escape import visible_lines


def new_console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """Return a console that takes nothing from data as markup, and leaves a model named `:smile:` as it is.

    Plain text where `NO_COLOR` is set to anything but the empty string: rich itself leaves out colours and keeps bold, while
    https://no-color.org is about a terminal without ANSI codes of style.

    Args:
        stderr: Standard error instead of standard output.
        soft_wrap: Leave the breaking of long lines to the terminal.
    """
    return Console(stderr=stderr, highlight=False, emoji=False, soft_wrap=soft_wrap, color_system=_colours())


def _colours() -> Literal["auto"] | None:
    return None if os.environ.get("NO_COLOR") else "auto"


output: Final = new_console()
errors: Final = new_console(stderr=True, soft_wrap=True)


def print_error(message: str) -> None:
    """Print one error of the product, with every character visible."""
    errors.print("error: ", end="", style="bold red")
    errors.print(visible_lines(message), markup=False)


class OwnHandle(io.TextIOBase):
    """A duplicate of a stream's descriptor, for writing while Dagster has the stream itself redirected.

    Dagster lets the descriptors 1 and 2 lead into its compute logs while a step runs. A duplicate that was made before keeps
    leading to the terminal. Errors of writing are ignored: nobody's fetch fails because a terminal was closed.
    """

    def __init__(self, stream: io.TextIOBase) -> None:
        """Duplicate the stream's descriptor.

        Raises:
            OSError: It has none, or it is closed.
            ValueError: Likewise.
        """
        super().__init__()
        self._file = os.fdopen(
            os.dup(stream.fileno()), "w", encoding=stream.encoding or "utf-8", errors="backslashreplace"
        )

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - typeshed has an attribute
        """Return the stream's encoding, by which rich chooses the characters of a bar."""
        return self._file.encoding

    def write(self, text: str, /) -> int:
        """Write and flush, whatever comes of it."""
        with suppress(OSError):
            self._file.write(text)
            self._file.flush()
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` flushes."""

    def isatty(self) -> bool:
        """Return whether it leads to a terminal."""
        return self._file.isatty()

    def fileno(self) -> int:
        """Return the duplicate's number."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the duplicate; the stream stays open."""
        with suppress(OSError):
            self._file.close()
        super().close()


class OwnConsole(Console):
    """A console as wide as the terminal behind its own file; rich asks the descriptors 0, 1 and 2 alone."""

    @property
    def size(self) -> ConsoleDimensions:  # pyright: ignore[reportIncompatibleMethodOverride] - its setter is not used
        """Return the size of the terminal behind the file, as it is now."""
        if "COLUMNS" not in os.environ:
            with suppress(OSError):
                width, height = os.get_terminal_size(self.file.fileno())
                if width > 0:
                    return ConsoleDimensions(width, height or 25)
        return super().size


def own_console(handle: OwnHandle) -> OwnConsole:
    """Return a console like the others on a handle of its own."""
    return OwnConsole(file=handle, highlight=False, emoji=False, color_system=_colours())  # pyright: ignore[reportArgumentType] - a TextIO has the same methods
