"""The stored form of a verdict: one JSON document, the same bytes for the same verdict.

Here belong writing and reading. What a verdict says belongs to `core.verdict`.
"""

from pathlib import Path
from typing import Final

from parity_pipeline.core.verdict import SCHEMA_VERSION, Verdict
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.atomic import publish_text
from parity_pipeline.storage.json_records import RecordKind, json_text, read_document

VERDICT: Final = RecordKind(
    record=Verdict,
    name="verdict",
    remedy="Materialize verdict again.",
    upgrade=older_versions.verdict,
    schema=SCHEMA_VERSION,
)


def write_verdict(path: Path, verdict: Verdict) -> None:
    """Write the verdict atomically.

    Raises:
        ArtifactError: The disk or folder does not take it, or a number is NaN or infinite.
    """
    publish_text(path, json_text(verdict, indent=1))


def read_verdict(path: Path) -> Verdict:
    """Return a stored verdict, also one of an earlier version.

    Raises:
        ArtifactError: The file is missing, damaged or of another schema.
    """
    return read_document(VERDICT, path)
