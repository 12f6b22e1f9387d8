"""What a shell completes after an option: models, corpora, probes and dates of the settings.

Here belongs a quick look at the file that a command would take, without validating it: whoever presses Tab waits for it, and an
unusable file completes nothing. Faults of the demo are imported when they are wanted.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import typer


def models(context: typer.Context, incomplete: str) -> list[str]:
    """Return the models of the settings that begin so."""
    return _begin(_list(_content(context).get("models")), incomplete)


def corpora(context: typer.Context, incomplete: str) -> list[str]:
    """Return the corpora of the settings that begin so."""
    return _begin(_list(_section(context).get("corpora")), incomplete)


def probes(context: typer.Context, incomplete: str) -> list[str]:
    """Return the probes of the settings that begin so."""
    return _begin(["embed", *(["retrieve"] if _section(context) else [])], incomplete)


def dates(context: typer.Context, incomplete: str) -> list[str]:
    """Return the dates that have samples stored and begin so, newest first."""
    content = _content(context)
    folder = Path(str(content.get("root", "."))) / str(content.get("data_dir", "data")) / "samplesets"
    found = sorted((path.name.removeprefix("date=") for path in folder.glob("date=*")), reverse=True)
    return _begin(found, incomplete)


def faults(incomplete: str) -> list[str]:
    """Return the faults of the demo that begin so, behind those before a comma."""
    from parity_pipeline.demo.fault_table import FAULTS
    from parity_pipeline.demo.retrieval_faults import RETRIEVAL_FAULTS

    before, comma, last = incomplete.rpartition(",")
    names = [one.name for one in (*FAULTS, *RETRIEVAL_FAULTS)]
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]


def _content(context: typer.Context) -> dict[str, Any]:
    """Return what the settings file holds, with its folder as `root`; nothing where it cannot be read."""
    from parity_pipeline.core.errors import ParityError
    from parity_pipeline.settings.loading import find_file, read_content

    given = context.params.get("config")
    try:
        path = find_file(Path(str(given)) if given else None, os.environ, Path.cwd())
        return {**read_content(path, os.environ), "root": path.parent}
    except ParityError:
        return {}


def _section(context: typer.Context) -> dict[str, Any]:
    found = _content(context).get("retrieve")
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _list(value: Any) -> list[str]:
    """Return the names in a list, or the keys of a mapping."""
    return [str(one) for one in cast("Iterable[Any]", value)] if isinstance(value, list | dict) else []


def _begin(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
