"""What the `parity` command writes to stderr: error messages, and warnings about renamed options.

Here belongs what has to be printed before anything heavy is imported. Results on stdout belong to `console`.
"""

from collections.abc import Mapping
from typing import Final

import typer
from rich.console import Console

from parity_pipeline.core.errors import ParityError
from parity_pipeline.report.escape import visible

RENAMED_OPTIONS: Final[Mapping[str, str]] = {"--afresh": "--discard-staging"}
"""Options that were renamed, old to new; the old one still works and gives a warning."""

errors = Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(error: ParityError) -> None:
    """Print an error as one message, control characters made visible and nothing read as markup."""
    errors.print("error: ", end="", style="bold red")
    errors.print(visible_lines(str(error)), markup=False)


def deprecated_option(option: typer.CallbackParam, given: bool) -> bool:
    """Warn that an option was renamed, where it is given."""
    if given:
        old = option.opts[0]
        errors.print(f"warning: {old} is deprecated; write {RENAMED_OPTIONS[old]} instead", markup=False)
    return given


def visible_lines(text: str) -> str:
    r"""Return a message whose lines stay lines and keep their indentation, and whose other control characters can be seen.

    >>> print(visible_lines("not usable\n  - a\x1b"))
    not usable
      - a⟨U+001B⟩
    """
    return "\n".join(_indented(line) for line in text.splitlines())


def _indented(line: str) -> str:
    content = line.lstrip(" ")
    return line[: len(line) - len(content)] + (visible(content) if content else "")
