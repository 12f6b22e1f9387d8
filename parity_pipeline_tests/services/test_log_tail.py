from pathlib import Path

import pytest

from parity_pipeline.core.errors import ServiceError
from parity_pipeline.services.bringing import Surroundings, up
from parity_pipeline.services.log_tail import LINE_CHARACTERS, LINES, last_lines, secret_values
from parity_pipeline.services.spec import ServiceSpec
from parity_pipeline_tests.services.programs import script


def log_with(folder: Path, content: bytes) -> Path:
    """Return a log with this content."""
    path = folder / "one.log"
    path.write_bytes(content)
    return path


def test_the_last_lines_are_bounded(tmp_path: Path) -> None:
    """Many and long lines are cut, blank ones left out, and the last ones shown."""
    content = b"".join(b"line %d\n\n" % number for number in range(1000)) + b"x" * 9999
    lines = last_lines(log_with(tmp_path, content), [])
    assert lines[0] == f"line {1000 - LINES + 1}"
    assert (len(lines), lines[-1]) == (LINES, "x" * LINE_CHARACTERS + "…")


def test_a_huge_log_is_not_read_whole_and_no_secret_is_cut_in_two(tmp_path: Path) -> None:
    """Of a log larger than what is read, the first line, which may be half a line, is left out."""
    lines = last_lines(log_with(tmp_path, b"secret-value " * 10_000 + b"\nend\n"), ["secret-value"])
    assert lines == ["end"]


def test_lines_are_escaped(tmp_path: Path) -> None:
    """Control characters, bidirectional overrides and invalid UTF-8 cannot act on a terminal; letters stay."""
    content = "naïve \x1b]0;title\x07 \u202e café\rnext\x00".encode() + b"\xff\n"
    assert last_lines(log_with(tmp_path, content), []) == ["naïve \\x1b]0;title\\x07 \\u202e café", "next\\x00\ufffd"]


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    """A log that cannot be read is an empty one."""
    assert last_lines(tmp_path / "none", []) == []


def test_secret_values_are_the_given_and_the_telling_ones() -> None:
    """Given values of 6 characters count, shorter ones and inherited ones by their name, longest first."""
    given = {"PORT": "3110", "MODE": "production", "PASSWORD": "abcd", "PEM": "-----\nsecond-line"}
    inherited = {"LEGACY_TOKEN": "inherited-token", "HOME": "/home/someone", "MY_KEY": "abc"}
    found = secret_values(given, inherited)
    assert found == ["-----\nsecond-line", "inherited-token", "second-line", "production", "abcd"]


def test_no_secret_is_in_an_error_or_repr(tmp_path: Path, state: Path) -> None:
    """What a failing service prints of its environment, or of what the caller names, is masked."""
    code = "import os; print(dict(os.environ), 'named-by-caller'); raise SystemExit(1)"
    spec = script(tmp_path, code, env={"PLAIN": "planted-value"})
    around = Surroundings(environ={"SOME_TOKEN": "planted-token"}, secrets=["named-by-caller"])
    with pytest.raises(ServiceError) as caught:
        up([spec], state, around=around)
    assert "'SOME_TOKEN': '***'" in str(caught.value)
    shown = str(caught.value) + repr(caught.value) + repr(spec) + repr(around)
    assert not any(secret in shown for secret in ("planted-value", "planted-token"))
    assert "named-by-caller" not in str(caught.value)


def test_a_spec_hides_its_environment() -> None:
    """The `repr` of a service has no variable in it."""
    spec = ServiceSpec(name="a", command=("b",), cwd=Path(), env={"X": "planted"}, health_url="http://127.0.0.1:1/")
    assert "planted" not in repr(spec)
