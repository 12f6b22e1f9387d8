"""The demo as a project folder of its own: settings, samples, queries and relevance labels, written where it is run.

Here belong the content of its settings and its files, so that a demo depends on nobody's `parity.yaml` and writes among
nobody's reports. The processes of both sides belong to `demo_settings`, the retrieve section too.
"""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from parity_pipeline.core.errors import ParityError
from parity_pipeline.demo.demo_settings import SECTION, demo_sides
from parity_pipeline.settings.loading import DEFAULT_NAME, load
from parity_pipeline.storage.atomic import publish_text

if TYPE_CHECKING:
    from parity_pipeline.settings.model import Settings

FOLDER: Final = Path(".parity/demo")
"""Where a demo without a fault is written, below the working folder."""

FAULTS: Final = Path(".parity/faults")
"""Where each fault has a folder of its own."""

MODELS: Final = ("wordllama-256", "wordllama-64")
SAMPLES: Final = "samples"
FILES: Final = ("seed.txt", "queries.jsonl", "qrels.txt")
"""Samples, queries and labels; `data/samples/` of the repository has the same ones, which a test compares."""


def demo_folder(place: Path, fault: str = "") -> Path:
    """Return the folder of a demo below a working folder: one for all without a fault, and one per fault."""
    return place / FAULTS / fault.replace(",", "+") if fault else place / FOLDER


@contextmanager
def demo_project(folder: Path, fault: str = "") -> "Generator[Settings]":
    """Write the demo's project into a folder and yield its settings, for one command at a time.

    What an earlier demo left there stays; the settings are written again, with ports that are free now. Nothing of the
    environment overrides them.

    Args:
        folder: Where to write; made where it is missing.
        fault: A fault of the demo, or several joined by commas; "" for none.

    Raises:
        SettingsError: There is no such fault.
        ParityError: The folder cannot be written to, or another command runs the demo in it.
    """
    sides = demo_sides(fault, MODELS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout:
        # Its services have the same names, and the second command would replace those of the first.
        remedy = "Wait for it to end, or run this one in another folder."
        raise ParityError("another command runs the demo here", place=str(folder), remedy=remedy) from None
    except OSError as error:
        remedy = "Change into a folder that you may write to."
        raise ParityError(f"cannot be written to: {error.strerror}", place=str(folder), remedy=remedy) from error
    with lock:
        path = folder / DEFAULT_NAME
        for name in FILES:
            publish_text(folder / SAMPLES / name, packaged(name))
        publish_text(path, f"{_HEAD}{json.dumps(_content(sides), ensure_ascii=False, indent=1)}\n")
        yield load(path.resolve(), {})


_HEAD: Final = "# Written by each `parity demo` again, so do not edit it. JSON is YAML.\n"


def packaged(name: str) -> str:
    """Return one of the demo's `FILES` as it ships."""
    return files("parity_pipeline.demo").joinpath(SAMPLES, name).read_text("utf-8")


def _content(sides: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "first_date": "2026-04-30",
        "data_dir": "data",
        "reports_dir": "reports",
        "state_dir": "state",
        "dagster_home": "dagster",
        "models": list(MODELS),
        "samples": [{"path": f"{SAMPLES}/seed.txt"}],
        "sides": sides,
        "retrieve": {
            **SECTION,
            "queries": [{"path": f"{SAMPLES}/queries.jsonl"}],
            "qrels": f"{SAMPLES}/qrels.txt",
        },
    }
