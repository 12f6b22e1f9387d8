"""`gateways.jsonl` keeps every state, takes one writer at a time, and names a damaged line."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_states import Lane, LaneStates, Placement, place
from parity_pipeline.storage.gateways import add_state, read_states
from parity_pipeline_tests.core.fingerprints import LANE, fingerprint


def added(path: Path, found: Fingerprint, minute: int = 0, lane: Lane = LANE) -> Placement:
    """Place a fingerprint in a file."""

    def decide(states: LaneStates) -> Placement:
        time = f"2026-11-20T10:{minute:02}:00+00:00"
        return place(states, found, lane=lane, seen_at=time, seen_by="fetch")

    return add_state(path, lane, decide)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Two states of a lane come back as they were placed, and a fetch that says nothing new writes nothing."""
    path = tmp_path / "reports" / "gateways.jsonl"
    one = added(path, fingerprint(version="1"))
    size = path.stat().st_size
    again = added(path, fingerprint(version="1"), 1)
    assert path.stat().st_size == size
    two = added(path, fingerprint(2), 2)
    states = read_states(path).of_lane(*LANE)
    assert again.fingerprint.state == one.fingerprint.state
    assert states.known == {one.fingerprint.state: one.fingerprint, two.fingerprint.state: two.fingerprint}


def test_without_a_file_nothing_is_recorded(tmp_path: Path) -> None:
    """Without a file there is no state, and reading makes none."""
    assert not read_states(tmp_path / "gateways.jsonl").lanes
    assert not list(tmp_path.iterdir())


def test_fetches_at_the_same_time_add_one_first_state(tmp_path: Path) -> None:
    """Of eight fetches of one side at once, one records the state and the others find it."""
    path = tmp_path / "gateways.jsonl"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(added, [path] * 8, [fingerprint()] * 8))
    assert len({one.fingerprint.state for one in found}) == 1
    assert len(path.read_bytes().splitlines()) == 1


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    """A line that a crash left unfinished does not count, and the next append goes on behind it."""
    path = tmp_path / "gateways.jsonl"
    one = added(path, fingerprint())
    with path.open("ab") as file:
        file.write(b'{"schema": 1, "seen')
    assert list(read_states(path).of_lane(*LANE).known) == [one.fingerprint.state]
    two = added(path, fingerprint(2), 1)
    assert list(read_states(path).of_lane(*LANE).known) == [one.fingerprint.state, two.fingerprint.state]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    """A line in the middle that cannot be read is an error with its number."""
    path = tmp_path / "gateways.jsonl"
    added(path, fingerprint())
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(ArtifactError, match=r"gateways\.jsonl:1"):
        read_states(path)
