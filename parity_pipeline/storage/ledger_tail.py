"""The newest lines of the ledger, as far as alerts need them: what was appended since a mark.

Here belongs reading few fields of those lines. Reading whole verdicts takes milliseconds each, and a sensor has seconds: a
line is parsed and not validated, so that lines of every version are read alike. Everything else about the ledger belongs
to `ledger`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from parity_pipeline.core.alerts import Judged, Subject
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.storage.line_log import torn

_REMEDY: Final = "Restore that line from version control; do not delete it."
_CHECKED: Final = 4096
"""Bytes before a mark that have to be the same for what follows it to be what was appended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMark:
    """How far a ledger was read.

    Attributes:
        offset: Bytes that were read: whole lines.
        hash: SHA-256 of the last bytes of them.
    """

    offset: int = 0
    hash: str = ""


def read_tail(path: Path, mark: LedgerMark) -> tuple[list[Judged], LedgerMark]:
    """Return the verdicts after a mark in file order, and the mark after them; all of a ledger that is another than before.

    A last line without a newline is left for the next time: it may be in the middle of being written.

    Raises:
        ArtifactError: A line is damaged, or the file cannot be read; names file and line.
    """
    try:
        with path.open("rb") as file:
            start = mark.offset if _follows(file, mark) else 0
            file.seek(start)
            content = file.read()
            whole = content.rfind(b"\n") + 1
            found = list(_verdicts(content[:whole], lambda line: f"{path}:{_lines(path, start) + line}"))
            return found, LedgerMark(offset=start + whole, hash=_hash(file, start + whole))
    except FileNotFoundError:
        return [], LedgerMark()
    except OSError as error:
        problem = f"cannot read the ledger: {error.strerror}"
        raise ArtifactError(problem, place=str(path), remedy="Check its permissions.") from error


def _follows(file: BinaryIO, mark: LedgerMark) -> bool:
    """Return whether a file still begins with what was read of it; version control may have merged lines in."""
    return file.seek(0, 2) >= mark.offset and _hash(file, mark.offset) == mark.hash


def _hash(file: BinaryIO, offset: int) -> str:
    start = max(0, offset - _CHECKED)
    file.seek(start)
    return hashlib.sha256(file.read(offset - start)).hexdigest()


def _lines(path: Path, offset: int) -> int:
    """Return how many lines end before an offset; only an error needs it."""
    with path.open("rb") as file:
        return file.read(offset).count(b"\n")


def _verdicts(content: bytes, place_of: Callable[[int], str]) -> Iterator[Judged]:
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        if line.strip() and not torn(line):
            place = partial(place_of, number)
            found = _parsed(line, place)
            # Beside verdicts there are steps of the flip; any other line is damage.
            if "verdict" in found or found.get("kind") != "flip":
                yield _judged(found, place)


def _parsed(line: bytes, place: Callable[[], str]) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        found: object = json.loads(line)
        if isinstance(found, dict):
            return cast("dict[str, Any]", found)
    raise ArtifactError("a line of the ledger is damaged: not a JSON object", place=place(), remedy=_REMEDY)


def _judged(found: dict[str, Any], place: Callable[[], str]) -> Judged:
    try:
        verdict: dict[str, Any] = found["verdict"]
        name = verdict["corpus"] if verdict["endpoint"] == "retrieve" else verdict["model"]
        return Judged(
            subject=Subject(probe=str(verdict["endpoint"]), name=str(name)),
            date=str(verdict["date"]),
            decision=Decision(verdict["decision"]),
            recorded_at=str(found["recorded_at"]),
            run_id=str(found["run_id"]),
            reason=_first(verdict.get("reasons")),
            cause=_cause(verdict),
        )
    except (LookupError, TypeError, ValueError) as error:
        problem = f"a line of the ledger is not a verdict ({type(error).__name__})"
        raise ArtifactError(problem, place=place(), remedy=_REMEDY) from error


def _first(texts: Any) -> str:
    return str(texts[0]) if isinstance(texts, list) and texts else ""


def _cause(verdict: dict[str, Any]) -> str:
    """Return the name of the first cause, of either probe; "" where there is none or it is of a version without."""
    with suppress(LookupError, TypeError):
        causes: Any = verdict["causes"] if verdict["endpoint"] == "retrieve" else verdict["diagnosis"]["causes"]
        return str(causes[0]["name"])
    return ""
