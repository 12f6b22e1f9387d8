"""The ledger: every verdict ever given, by whatever probe, and every step of the flip, one line each, only ever appended to.

Here belong appending and reading. Of one probe, date and model or corpus the entry with the newest `recorded_at` counts, the last
in the file among equal ones: a merge in version control may put an older line behind a newer one.

Readers pass over a line in which writing stopped, as `line_log` says. Any other line that cannot be read is damage and an
error: a ledger that skips lines proves nothing.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.flip_steps import FLIP_SCHEMA_VERSION, FlipRecord
from parity_pipeline.core.provenance import without_vectors
from parity_pipeline.core.recorded_time import moment
from parity_pipeline.core.retrieval.verdict import RETRIEVAL_SCHEMA_VERSION, RetrievalVerdict
from parity_pipeline.core.verdict import SCHEMA_VERSION, Verdict
from parity_pipeline.core.verdict_changes import name_of_partition
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.json_records import RecordKind, json_text
from parity_pipeline.storage.line_log import append_line, holds, torn
from parity_pipeline.storage.retrieval_evidence import RETRIEVAL_VERDICT, restored, storable

REJUDGED: Final = "rejudged-"
"""What the run id of a verdict begins with that was given on what was stored; a run of Dagster has a UUID."""

AnyVerdict: TypeAlias = Verdict | RetrievalVerdict
"""The verdict of one of the probes, which its `endpoint` names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One line of the ledger.

    Attributes:
        recorded_at: When it was appended, ISO 8601.
        run_id: The run that gave the verdict.
        verdict: The verdict, without what only its own file holds: the `rows`, the `contract` and the canary vectors of
            an embed verdict, the `queries` of a retrieval verdict, and the faults of its `power`.
    """

    recorded_at: str
    run_id: str
    verdict: AnyVerdict

    @property
    def rejudged(self) -> bool:
        """Return whether `parity rejudge` gave the verdict, of what was stored and without a request."""
        return self.run_id.startswith(REJUDGED)


Key = tuple[str, str, str]
"""Probe, date, and model or corpus."""


def key_of(verdict: AnyVerdict) -> Key:
    """Return what a verdict is about."""
    return verdict.endpoint, verdict.date, name_of_partition(verdict)


def newest_entries(entries: Iterable[LedgerEntry]) -> dict[Key, LedgerEntry]:
    """Return the entry that counts for each probe, date and name."""
    found: dict[Key, LedgerEntry] = {}
    for entry in entries:
        key = key_of(entry.verdict)
        if key not in found or moment_of(entry) >= moment_of(found[key]):
            found[key] = entry
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _EmbedLine:
    recorded_at: str
    run_id: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _RetrievalLine:
    recorded_at: str
    run_id: str
    verdict: RetrievalVerdict


_NAME: Final = "line of the ledger"
_REMEDY: Final = "Restore that line from version control; do not delete it."
_EMBED: Final = RecordKind(
    record=_EmbedLine, name=_NAME, remedy=_REMEDY, upgrade=older_versions.ledger_line, schema=SCHEMA_VERSION
)
_RETRIEVAL: Final = RecordKind(
    record=_RetrievalLine,
    name=_NAME,
    remedy=_REMEDY,
    upgrade=older_versions.retrieval_line,
    schema=RETRIEVAL_VERDICT.schema,
)
_RETRIEVAL_MARK: Final = b'"endpoint": "retrieve"'
"""Stands in every line of a retrieval verdict."""
_FLIP: Final = RecordKind(record=FlipRecord, name=_NAME, remedy=_REMEDY, schema=FLIP_SCHEMA_VERSION)
_FLIP_MARK: Final = b'"kind": "flip"'
"""Stands in every line of a step of the flip."""


def append(path: Path, verdict: AnyVerdict, *, recorded_at: str, run_id: str, once: bool = False) -> bool:
    """Append one verdict, durably, one writer at a time, without what only its own file holds (`LedgerEntry.verdict`).

    Return whether it was appended.

    Args:
        path: The ledger; made with its folder where it is missing. The lock lies beside it as `.ledger.lock`.
        verdict: The verdict.
        recorded_at: The time now, ISO 8601.
        run_id: The run that gave it.
        once: Leave the ledger as it is where it has a line of this run, probe, date and name already.

    Raises:
        ArtifactError: The disk or folder does not take it, or another writer does not let go.
    """
    entry = LedgerEntry(recorded_at=recorded_at, run_id=run_id, verdict=_short(verdict))
    line = json_text(entry).encode()
    # What stands in every line of a run; within a string of JSON its quotes would be escaped.
    of_run = f'"run_id": {json.dumps(run_id)}'.encode()
    return append_line(path, lambda: b"" if once and _has(path, of_run, key_of(verdict)) else line)


def _has(path: Path, of_run: bytes, key: Key) -> bool:
    """Return whether a run has a line of this key; one run may judge several dates."""
    if not holds(path, of_run):
        return False
    lines = ((number, line) for number, line in _lines(path) if of_run in line and not torn(line))
    return any(key_of(_entry(line, f"{path}:{number}").verdict) == key for number, line in lines)


def judged_after(path: Path, key: Key, time: datetime) -> bool:
    """Return whether there is a line of this key that was recorded after a time, whatever it says.

    Raises:
        ArtifactError: A line of that date is damaged or of another schema; names file and line.
    """
    return any(key_of(one.verdict) == key and moment_of(one) > time for one in history(path, *key))


def append_step(path: Path, record: FlipRecord) -> None:
    """Append one step of the flip, durably, one writer at a time.

    Args:
        path: The ledger, as for `append`.
        record: The step.

    Raises:
        ArtifactError: The disk or folder does not take it, or another writer does not let go.
    """
    append_line(path, json_text(record).encode())


def _short(verdict: AnyVerdict) -> AnyVerdict:
    # Two branches of one text: what `replace` may be given depends on the type.
    if isinstance(verdict, Verdict):
        power = replace(verdict.power, faults=()) if verdict.power else None
        legacy, candidate = (replace(one, provenance=without_vectors(one.provenance)) for one in verdict.sides)
        return replace(verdict, rows=(), contract=None, power=power, legacy=legacy, candidate=candidate)
    simulated = replace(verdict.power, faults=()) if verdict.power else None
    return replace(storable(verdict), queries=(), power=simulated)


def entries(path: Path, model: str | None = None) -> Iterator[LedgerEntry]:
    """Yield the verdicts of all probes in file order, steps of the flip left out; none where there is no ledger.

    Args:
        path: The ledger.
        model: Name of a model or corpus. Pass over verdicts in which this name does not occur, unread: of 10,000 lines of 20
            models, reading the others takes seconds. Entries of others may still be yielded.

    Raises:
        ArtifactError: A line is damaged or of another schema; names file and line.
    """
    named = b"" if model is None else json.dumps(model).encode()
    for number, line in _lines(path):
        if (named in line or not _looks_like_a_verdict(line)) and not torn(line) and not _is_step(line):
            yield _entry(line, f"{path}:{number}")


def steps(path: Path) -> list[FlipRecord]:
    """Return the steps of the flip in the order in which they were recorded; none where there is no ledger.

    Raises:
        ArtifactError: A line with a step is damaged or of another schema; names file and line.
    """
    found = [_FLIP.read(line, f"{path}:{number}") for number, line in _lines(path) if _is_step(line) and not torn(line)]
    return sorted(found, key=lambda one: moment(one.recorded_at))


def raw_lines(path: Path) -> Iterator[tuple[bytes, LedgerEntry | FlipRecord]]:
    """Yield every line as it is stored, its newline included, with what it holds; torn ones are passed over.

    Raises:
        ArtifactError: A line is damaged or of another schema; names file and line.
    """
    for number, line in _lines(path):
        if not torn(line):
            place = f"{path}:{number}"
            yield line, (_FLIP.read(line, place) if _is_step(line) else _entry(line, place))


def history(path: Path, probe: str, date: str, name: str) -> list[LedgerEntry]:
    """Return every verdict of one date and model or corpus, and all of the newest earlier date that has any.

    They are sorted by when they were recorded, those of the earlier date first. Lines of other dates are passed over
    unread: in a long ledger, reading them all takes seconds.

    Raises:
        ArtifactError: A line of these two dates, or one that names no date, is damaged or of another schema; names file
            and line.
    """
    by_date: dict[str, list[tuple[int, bytes]]] = {}
    named = json.dumps(name).encode()
    for number, line in _lines(path):
        if named not in line or torn(line) or _is_step(line):
            continue
        day = _date(line) or _entry(line, f"{path}:{number}").verdict.date
        if day <= date:
            by_date.setdefault(day, []).append((number, line))

    def of(day: str) -> list[LedgerEntry]:
        found = (_entry(line, f"{path}:{number}") for number, line in by_date.get(day, ()))
        held = [one for one in found if key_of(one.verdict) == (probe, day, name)]
        return sorted(held, key=moment_of)

    earlier = (of(day) for day in sorted(by_date, reverse=True) if day < date)
    return [*next((found for found in earlier if found), []), *of(date)]


def last_judged(path: Path, probe: str, date: str, name: str) -> AnyVerdict | None:
    """Return the newest verdict of one date and model or corpus that was judged, whatever runs failed since; None for none.

    Raises:
        ArtifactError: A line of that date is damaged or of another schema; names file and line.
    """
    found = (entry.verdict for entry in reversed(history(path, probe, date, name)))
    return next((one for one in found if one.date == date and one.not_run is None), None)


_DATED: Final = re.compile(rb'"date": "([^"\\\\]*)", "decision": "')
"""Where a line that this version wrote says its date: keys are sorted, and a quote within a string would be escaped."""


def _date(line: bytes) -> str:
    """Return the date of a line without reading all of it; "" for one that does not say it."""
    if len(found := _DATED.findall(line)) == 1:
        return found[0].decode("utf-8", "replace")
    with suppress(ValueError, RecursionError, TypeError, LookupError):
        return str(json.loads(line)["verdict"]["date"])
    return ""


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers, from 1 on; none where there is no ledger."""
    try:
        with path.open("rb") as file:
            yield from enumerate(file, start=1)
    except FileNotFoundError:
        return
    except OSError as error:
        problem = f"cannot read the ledger: {error.strerror}"
        raise ArtifactError(problem, place=str(path), remedy="Check its permissions.") from error


def _is_step(line: bytes) -> bool:
    # The mark alone may also be what a side sent.
    if _FLIP_MARK not in line:
        return False
    with suppress(ValueError, RecursionError):
        held: object = json.loads(line)
        return isinstance(held, dict) and "verdict" not in held
    return False


def _entry(line: bytes, place: str) -> LedgerEntry:
    # The mark alone may also be a response header that a side sent.
    if _RETRIEVAL_MARK in line and _endpoint(line) == "retrieve":
        found = _RETRIEVAL.read(line, place)
        return LedgerEntry(recorded_at=found.recorded_at, run_id=found.run_id, verdict=restored(found.verdict))
    embed = _EMBED.read(line, place)
    return LedgerEntry(recorded_at=embed.recorded_at, run_id=embed.run_id, verdict=embed.verdict)


def _endpoint(line: bytes) -> object:
    """Return what a line says of its probe; None where it says nothing that can be read."""
    with suppress(ValueError, RecursionError, TypeError, LookupError):
        return json.loads(line)["verdict"]["endpoint"]
    return None


_SCHEMA_OF: Final = re.compile(rb'"schema": (\d+)')


def _looks_like_a_verdict(line: bytes) -> bool:
    """Return whether a line is, as far as a glance shows, a verdict that can be read; any other may be of any model."""
    known = range(1, (RETRIEVAL_SCHEMA_VERSION if _RETRIEVAL_MARK in line else SCHEMA_VERSION) + 1)
    stated = {int(one) for one in _SCHEMA_OF.findall(line)}
    whole = line.startswith(b"{") and line.endswith(b"}\n") and len(_DATED.findall(line)) == 1
    return whole and bool(stated) and stated <= {*known}


def newest(path: Path) -> list[AnyVerdict]:
    """Return the verdict that counts for each probe, date and model or corpus, sorted by these three.

    Raises:
        ArtifactError: A line is damaged or of another schema.
    """
    found = newest_entries(entries(path))
    return [found[key].verdict for key in sorted(found)]


def moment_of(entry: LedgerEntry) -> datetime:
    """Return when an entry was appended; aware, and the oldest time where that cannot be read."""
    return moment(entry.recorded_at)
