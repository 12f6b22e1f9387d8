"""Lines of the ledger that this version does not know: never passed over, whoever asks for one model."""

from pathlib import Path

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.storage.ledger import append, entries, history
from parity_pipeline_tests.storage.records import make_verdict


def _append(path: Path, **changes: object) -> None:
    append(path, make_verdict(**changes), recorded_at="2026-05-01T00:00:00Z", run_id="run")


@pytest.mark.parametrize(
    "line",
    [
        b'{"schema": 1}\n',
        b'{"damaged": true}\n',
        b'{"kind":"flip","step":"gateway-changed"}\n',
        b'{"recorded_at": "", "run_id": "", "verdict": {"date": "2026-05-01", "decision": "PASS"}}\n',
        b'{"recorded_at": "", "run_id": "", "verdict": {"date": "2026-05-01", "decision": "PASS", "schema": 99}}\n',
        b'{"verdict": {"date": "2026-05-01", "decision": "PASS", "endpoint": "retrieve", "schema": 2}}\n',
    ],
)
@pytest.mark.parametrize("name", [None, "m"])
def test_a_line_that_may_be_of_any_model_is_never_passed_over(tmp_path: Path, name: str | None, line: bytes) -> None:
    """What no reader of this version knows is an error, also for who asks for one model that it does not name."""
    path = tmp_path / "ledger.jsonl"
    _append(path, model="m")
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(ArtifactError, match="this line of the ledger") as caught:
        list(entries(path, name))
    assert caught.value.place == f"{path}:2"


def test_a_line_without_a_date_that_names_a_model_is_an_error_in_its_history(tmp_path: Path) -> None:
    """A date may not be judged by what came before while a line of the model cannot be placed."""
    path = tmp_path / "ledger.jsonl"
    _append(path, model="m", date="2026-04-29")
    _append(path, model="m", date="2026-04-30")
    path.write_bytes(path.read_bytes() + b'{"verdict": {"model": "m", "schema": 99}}\n')
    with pytest.raises(ArtifactError, match="this line of the ledger"):
        history(path, "embed", "2026-04-30", "m")
