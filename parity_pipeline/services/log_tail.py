"""The last lines of a service's log, fit to stand in an error message.

Here belong cutting, masking and escaping: a log is foreign text, and a service prints its secrets more often than
anyone would like.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LINES: Final = 20
"""Lines that an error message shows."""

LINE_CHARACTERS: Final = 300
"""Characters of one line that it shows."""

_TAIL_BYTES: Final = 64 * 1024
_MASK: Final = "***"
_TELLING_NAME: Final = re.compile(r"TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH|DSN", re.IGNORECASE)
_SHORTEST_TELLING: Final = 4
_SHORTEST_GIVEN: Final = 6
"""A shorter value, such as a port or `true`, would be masked where it is no secret and hide what went wrong."""


def secret_values(given: Mapping[str, str], inherited: Mapping[str, str]) -> list[str]:
    """Return what must not be shown, longest first.

    Args:
        given: Variables set for the service: every value of 6 characters or more counts as secret.
        inherited: The rest of its environment: values of 4 characters or more count where the name sounds like it.
    """
    values = {value for value in given.values() if len(value) >= _SHORTEST_GIVEN}
    for name, value in (*inherited.items(), *given.items()):
        if _TELLING_NAME.search(name) and len(value) >= _SHORTEST_TELLING:
            values.add(value)
    lines = {line for value in values for line in value.splitlines() if len(line) >= _SHORTEST_GIVEN}
    return sorted(values | lines, key=lambda value: (-len(value), value))


def last_lines(log: Path, secrets: list[str]) -> list[str]:
    """Return at most `LINES` last lines of a log, without secrets and without a character that is not printable.

    Args:
        log: The file; one that cannot be read gives no lines.
        secrets: What `secret_values` returned.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
    except OSError:
        return []
    if size > _TAIL_BYTES:  # a secret cut in two would not be recognised, so the cut line goes
        tail = tail.partition(b"\n")[2]
    text = tail.decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, _MASK)
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()]
    return [_printable(line) for line in lines[-LINES:]]


def _printable(line: str) -> str:
    shown = line[:LINE_CHARACTERS] + ("…" if len(line) > LINE_CHARACTERS else "")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in shown)
