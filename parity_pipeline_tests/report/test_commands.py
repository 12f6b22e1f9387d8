"""File names and command lines survive hostile model names."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.slugs import report_name
from parity_pipeline.report.advice import backfill_command, run_command


@settings(deadline=None)
@given(st.text(max_size=400))
def test_a_report_name_is_one_file_name(model: str) -> None:
    """Whatever the model is called, its report lies in the reports folder under a name that file systems take."""
    name = report_name("2026-04-30", model)
    assert Path(name).name == name
    assert name.startswith("embed_parity_20260430_")
    assert len(name.encode()) <= 255


def test_the_first_report_keeps_its_name() -> None:
    """A plain model name stands in the file name as it is."""
    assert report_name("2026-04-30", "nomic-embed-text") == "embed_parity_20260430_nomic-embed-text.md"


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30).filter(str.isprintable))
def test_a_command_reads_back_as_its_words(model: str) -> None:
    """A shell splits a printed command into the words that were meant."""
    words = shlex.split(run_command("2026-04-30", model))
    named = [f"--model={model}"] if model.startswith("-") else ["--model", model]
    assert words == ["parity", "run", "--date", "2026-04-30", *named]


@pytest.mark.parametrize("model", ["a\nb", "it's\ta \\ tab", "\u202ex; rm -rf $HOME `id`", "e\u200b'"])
def test_what_cannot_be_typed_is_spelt_out(model: str) -> None:
    """A model name with control characters is one printable line that bash reads as that name."""
    command = run_command("2026-04-30", model)
    said = subprocess.run(
        ["/bin/bash", "-c", f'parity() {{ printf "%s" "${{@: -1}}"; }}; {command}'],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert command.isprintable()
    assert said.stdout.decode() == model


def test_a_backfill_names_the_side() -> None:
    """The command that fetches one side again leaves the other alone."""
    command = backfill_command("2026-04-30", "m", Side.LEGACY)
    assert command == "parity backfill --from 2026-04-30 --to 2026-04-30 --side legacy --model m"
