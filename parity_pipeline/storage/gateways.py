"""`gateways.jsonl`: every state that a side was seen in, one line each, only ever appended to.

Here belong adding what a fetch or the sensor saw, and reading the file. What a state is, and where a fingerprint belongs among
them, is for `core.gateway_states`. The file lies beside the ledger and is tracked with it; losing it loses no verdict, and
leaves open which of them are stale.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.gateway_states import (
    GATEWAY_SCHEMA_VERSION,
    GatewayRecord,
    GatewayStates,
    Lane,
    LaneStates,
    Placement,
)
from parity_pipeline.storage.json_records import RecordKind, json_text
from parity_pipeline.storage.line_log import append_line, torn

_RECORD: Final = RecordKind(
    record=GatewayRecord,
    name="line of the gateways' states",
    remedy="Restore that line from version control, or delete the file: which verdicts are stale is then open.",
    schema=GATEWAY_SCHEMA_VERSION,
)


def read_states(path: Path) -> GatewayStates:
    """Return all recorded states; none where there is no file.

    Args:
        path: The file, `Layout.gateways`.

    Raises:
        ArtifactError: A line is damaged or of another schema; names file and line.
    """
    return GatewayStates.of(_records(path))


def add_state(path: Path, lane: Lane, decide: Callable[[LaneStates], Placement]) -> Placement:
    """Place a fingerprint among the states of its lane, and append the line that it adds, one writer at a time.

    Args:
        path: The file; made with its folder where it is missing.
        lane: The lane.
        decide: Places it, given the states that are recorded now.

    Raises:
        ArtifactError: The file is damaged, or the disk does not take the line.
    """
    found: list[Placement] = []

    def line() -> bytes:
        probe, side, name = lane
        found.append(decide(read_states(path).of_lane(probe, side, name)))
        record = found[0].record
        return json_text(record).encode() if record else b""

    append_line(path, line)
    return found[0]


def add_record(path: Path, record: GatewayRecord) -> None:
    """Append one line.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    append_line(path, json_text(record).encode())


def _records(path: Path) -> Iterator[GatewayRecord]:
    """Yield the lines in file order; one that stops midway at the end was never a whole line and is passed over."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        problem = f"cannot read the gateways' states: {error.strerror}"
        raise ArtifactError(problem, place=str(path), remedy="Check its permissions.") from error
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        if not torn(line):
            yield _RECORD.read(line, f"{path}:{number}")
