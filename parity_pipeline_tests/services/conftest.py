"""A state folder that is left without a running process, whatever a test did."""

from collections.abc import Generator
from pathlib import Path

import pytest

from parity_pipeline.services.supervisor import down


@pytest.fixture
def state(tmp_path: Path) -> Generator[Path]:
    """Return a folder that does not exist yet; stop what its records name afterwards."""
    folder = tmp_path / "state"
    yield folder
    down(folder)
