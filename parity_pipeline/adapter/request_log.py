"""The adapter's log: one JSON object per line on standard error, without texts, tokens or words of a caller or a side.

Here belong the format of a line and the two kinds of lines: a request, an event. Everything in a line is a number, a word of
this package, or a request id of a limited alphabet.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

LOGGER: Final = logging.getLogger("parity_pipeline.adapter")

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record: time, level, message, and the facts that came with it."""
        facts: dict[str, Any] = getattr(record, "facts", {})
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **facts,
        }
        if record.exc_info:
            # The message of a foreign exception may hold what a caller sent; where it was raised never does.
            line["exception"] = record.exc_info[0].__name__ if record.exc_info[0] else "unknown"
            frames = traceback.extract_tb(record.exc_info[2])
            line["raised"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames[-5:]]
        return json.dumps(line)


def write_to_stderr(level: int = logging.INFO) -> None:
    """Send the adapter's lines, and the server's warnings, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, one in (("parity_pipeline.adapter", level), ("uvicorn", logging.WARNING), ("asyncio", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(one)
        logger.propagate = False


def log(event: str, *, level: int = logging.INFO, exc_info: bool = False, **facts: Any) -> None:
    """Write one line."""
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, event, extra={"facts": facts}, exc_info=exc_info)


def usable_request_id(given: str | None) -> str | None:
    """Return a caller's request id if it can be written anywhere: up to 64 letters, digits, dots, dashes, underscores."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None
