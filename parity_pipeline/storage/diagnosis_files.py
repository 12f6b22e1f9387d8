"""Diagnoses as JSON files: what explains the failing samples of one date and model.

Here belong reading and writing. What a diagnosis says belongs to `core.diagnosis`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.storage.atomic import write_errors

SCHEMA_VERSION: Final = 1
"""Version of the file's form; raised when a reader of the old form would misread the new one."""


def write_diagnosis(path: Path, diagnosis: Mapping[str, Any], *, identity: Mapping[str, str]) -> None:
    """Write a diagnosis, as plain JSON values, with what it was made from.

    Raises:
        ArtifactError: The file cannot be written.
    """
    content = {"schema": SCHEMA_VERSION, "identity": dict(identity), "diagnosis": dict(diagnosis)}
    with write_errors(path):
        path.write_text(json.dumps(content, sort_keys=True, allow_nan=False, indent=1) + "\n", "utf-8")


def read_diagnosis(path: Path, *, identity: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the diagnosis of a file; empty where there is none, or it was made from other batches.

    Raises:
        ArtifactError: The file is damaged or of another schema.
    """
    if not path.exists():
        return {}
    try:
        content: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        problem = f"this diagnosis cannot be read ({type(error).__name__})"
        raise ArtifactError(problem, place=str(path), remedy="Materialize diagnosis again.") from error
    known = isinstance(content, dict) and cast("dict[str, Any]", content).get("schema") == SCHEMA_VERSION
    if not known:
        problem = "this diagnosis was written by another version of parity_pipeline"
        raise ArtifactError(problem, place=str(path), remedy="Materialize diagnosis again.")
    return content["diagnosis"] if content["identity"] == dict(identity) else {}
