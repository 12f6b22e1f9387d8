"""`parity doctor`: one line per check, with the remedy, exit 0 or 2."""

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_states import GatewayRecord, StateEvent
from parity_pipeline.core.outcomes import Side
from parity_pipeline.storage.json_records import json_text
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import Project, free_ports, side


@pytest.fixture
def sides() -> Generator[tuple[str, str]]:
    """Return the addresses of two sound gateways, the Rust and the Go shape."""
    with ExitStack() as served:
        yield tuple(served.enter_context(serve(hash_gateway(name).app)) for name in ("rust", "go"))  # pyright: ignore[reportReturnType] - two of them


def faults(text: str) -> list[str]:
    """Return the lines of failed checks."""
    return [line for line in text.splitlines() if line.startswith("FAIL")]


def test_a_sound_project(tmp_path: Path, sides: tuple[str, str]) -> None:
    """Everything is ok, exit 0, and nothing was written."""
    project = Project(tmp_path, side(sides[0], "rust"), side(sides[1], "go"))
    result = project.parity("doctor")
    assert (result.code, faults(result.out)) == (0, [])
    assert all(line.startswith("ok ") for line in result.out.splitlines())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parity.yaml", "samples.txt"]


def test_a_side_that_is_down(tmp_path: Path, sides: tuple[str, str]) -> None:
    """The address that does not respond is named, and the other side is examined all the same."""
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    result = Project(tmp_path, side(url, "rust"), side(sides[1], "go")).parity("doctor")
    assert result.code == 2
    assert "legacy reachable" in faults(result.out)[0]
    assert url in faults(result.out)[0]
    assert "→" in faults(result.out)[0]
    assert "candidate model" in result.out


@pytest.mark.parametrize("dialect", ["openai", "rust"])
def test_a_wrong_dialect(tmp_path: Path, sides: tuple[str, str], dialect: str) -> None:
    """A gateway that does not know the path is distinguished from one that is down, with the remedy."""
    result = Project(tmp_path, side(sides[0], "rust"), side(sides[1], dialect)).parity("doctor")
    assert result.code == 2
    assert "candidate dialect" in faults(result.out)[0]
    assert "→" in faults(result.out)[0]


def test_a_response_of_another_shape(tmp_path: Path, sides: tuple[str, str]) -> None:
    """A gateway that responds at the path with other fields speaks another dialect."""
    mine = {"path": "/ai/embed", "texts_field": "texts", "vectors_field": "vectors"}
    more = {"dialects": {"mine": mine}}
    result = Project(tmp_path, side(sides[0], "mine"), side(sides[1], "go"), more=more).parity("doctor")
    assert result.code == 2
    assert "legacy dialect" in faults(result.out)[0]
    assert "vectors" in faults(result.out)[0]


def test_an_unknown_model(tmp_path: Path, sides: tuple[str, str]) -> None:
    """A model that the sides do not know is named, with where to give its name."""
    project = Project(tmp_path, side(sides[0], "rust"), side(sides[1], "go"), models=("fake-32", "fake-99"))
    result = project.parity("doctor")
    assert result.code == 2
    assert {line.split()[1] for line in faults(result.out)} == {"legacy", "candidate"}
    assert all("fake-99" in line and "→" in line for line in faults(result.out))


def test_a_token_that_is_not_set(tmp_path: Path, sides: tuple[str, str]) -> None:
    """The variable is named with what to do; set, its value appears nowhere."""
    project = Project(tmp_path, side(sides[0], "rust", bearer_env="OLD_TOKEN"), side(sides[1], "go"))
    result = project.parity("doctor")
    assert result.code == 2
    assert "OLD_TOKEN is not set" in faults(result.out)[0]
    assert "Set OLD_TOKEN" in faults(result.out)[0]
    result = project.parity("doctor", OLD_TOKEN="tok-9c41-never-shown")  # noqa: S106 - a planted one
    assert result.code == 0
    assert "never-shown" not in result.printed


def test_the_states_of_the_gateways(tmp_path: Path, sides: tuple[str, str]) -> None:
    """Recorded states are counted, and a line of them that cannot be read is named with its number."""
    project = Project(tmp_path, side(sides[0], "rust"), side(sides[1], "go"))
    path = tmp_path / "reports" / "cutover" / "gateways.jsonl"
    path.parent.mkdir(parents=True)
    line = json_text(
        GatewayRecord(
            seen_at="2026-05-01T00:00:00Z",
            seen_by="fetch",
            probe="embed",
            side=Side.LEGACY,
            name="fake-32",
            event=StateEvent.FIRST,
            fingerprint=Fingerprint(state="one", version="1"),
        )
    )
    path.write_text(line, "utf-8")
    sound = project.parity("doctor")
    assert (sound.code, faults(sound.out)) == (0, [])
    assert "states of 1 lane are recorded" in sound.out
    path.write_text(line + '{"schema": 1}\n', "utf-8")
    result = project.parity("doctor")
    assert result.code == 2
    assert f"{path}:2: this line of the gateways' states" in faults(result.out)[0]
    assert "→" in faults(result.out)[0]


def test_sample_files(tmp_path: Path, sides: tuple[str, str]) -> None:
    """A missing sample file and one that is not UTF-8 are named, the latter with the line."""
    project = Project(tmp_path, side(sides[0], "rust"), side(sides[1], "go"))
    samples = tmp_path / "samples.txt"
    samples.write_bytes(b"one\ntwo \xff\n")
    result = project.parity("doctor")
    assert result.code == 2
    assert f"{samples}:2: invalid UTF-8" in faults(result.out)[0]
    samples.unlink()
    result = project.parity("doctor")
    assert result.code == 2
    assert str(samples) in faults(result.out)[0]
    assert "→" in faults(result.out)[0]
