"""The manifest of a bundle: what it says of itself, with the SHA-256 of every other file in it.

Here belong the record, its form as JSON with its version, and which files belong to a verdict. A manifest of an earlier format
is read as it is, so that it is still the bytes that were signed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from parity_pipeline.bundle.archive import refused
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER, Verdict
from parity_pipeline.steps.probes import RETRIEVE
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline.storage.json_records import Json, RecordKind, json_text
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.ledger import AnyVerdict
from parity_pipeline.storage.retrieval_evidence import read_retrieval_verdict

FORMAT: Final = 2
"""Version of the bundle's form. Any change of what is in it, or of a field of the manifest, is a new one.

2: the reproduction of the worst failing input and its Python check are in it, where there are any.
"""

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.json.sig"
SETTINGS: Final = "settings.json"
PROVENANCE: Final = "provenance.json"
PROBES: Final = (EMBED, EMBED_THROUGH_ADAPTER, RETRIEVE.name)
"""Probes whose verdicts can be bundled."""
_LEDGER: Final = "reports/ledger.jsonl"
ALWAYS: Final = (SETTINGS, PROVENANCE, _LEDGER)
"""Files of every bundle beside the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledVerdict:
    """What the manifest says of one verdict.

    Attributes:
        probe: `embed`, `embed-through-adapter` or `retrieve`.
        date: Partition date, ISO 8601.
        name: Model or corpus.
        decision: The decision.
        strength: What a pass proves; "" for none.
        inputs_hash: Content hash of the sample set or query set.
        recorded_at: When the ledger recorded it, ISO 8601.
        package_version: Version that judged.
    """

    probe: str
    date: str
    name: str
    decision: Decision
    strength: str
    inputs_hash: str
    recorded_at: str
    package_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledFile:
    """One file: its path in the bundle, its size in bytes, and its SHA-256, 64 hex digits."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        first: First date, ISO 8601.
        last: Last date, included.
        verdicts: The verdicts, in the order of probe, date and name.
        versions: Versions of the software that wrote it, by name.
        files: Every other file, in the order of their paths; neither the manifest nor its signature.
        format: `FORMAT`, or an earlier one.
    """

    first: str
    last: str
    verdicts: tuple[BundledVerdict, ...]
    versions: dict[str, str]
    files: tuple[BundledFile, ...]
    format: Annotated[int, Field(ge=1, le=FORMAT)] = FORMAT


_KIND: Final = RecordKind(
    record=Manifest,
    name="manifest",
    remedy="Ask for the bundle again, and do not rely on this one.",
)


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as JSON."""
    return json_text(manifest, indent=1).encode()


def read_manifest(content: bytes, place: str) -> Manifest:
    """Return the manifest of a bundle, also one of an earlier format.

    Raises:
        ArtifactError: It is damaged, or of a later format.
    """
    value = _KIND.parsed(content, place)
    form = value.get("format")
    if isinstance(form, int) and form > FORMAT:
        raise refused(f"is of format {form}, and this version reads up to {FORMAT}; use a later one", place)
    return _KIND.of(value, place)


def inputs_hash(verdict: AnyVerdict) -> str:
    """Return the content hash of what both sides were sent."""
    return verdict.sample_set.hash if isinstance(verdict, Verdict) else verdict.query_set.hash


def layout_of(layout: Layout, probe: str) -> Layout:
    """Return where the files of a probe lie, of the layout of all."""
    return replace(layout, probe=probe) if probe == EMBED_THROUGH_ADAPTER else replace(layout, probe=EMBED)


def read_stored_verdict(layout: Layout, probe: str, date: str, name: str) -> AnyVerdict:
    """Return a stored verdict.

    Raises:
        ArtifactError: The file is missing, damaged or of another schema.
    """
    path = needed(layout, probe, date, name)[0]
    return read_retrieval_verdict(path) if probe == RETRIEVE.name else read_verdict(path)


def needed(layout: Layout, probe: str, date: str, name: str) -> tuple[Path, Path]:
    """Return the verdict and the comparison, without which nothing can be judged again."""
    if probe == RETRIEVE.name:
        return layout.retrieval_verdict(date, name), layout.retrieval_parity(date, name)
    own = layout_of(layout, probe)
    return own.verdict(date, name), own.parity(date, name)


def further(layout: Layout, probe: str, date: str, name: str) -> Iterator[Path]:
    """Yield the other files that belong to a verdict where they are there: its report, and what it rests on."""
    if probe == RETRIEVE.name:
        yield layout.retrieval_report(date, name)
        yield layout.retrieval_evidence(date, name)
        yield from reproduction_files(layout, probe, date, name)
        return
    own = layout_of(layout, probe)
    yield own.report(date, name)
    yield own.confirmation(date, name)
    yield own.diagnosis(date, name)
    yield from reproduction_files(layout, probe, date, name)
    for side in Side:
        yield own.stability(side, date, name)
        yield own.contract(side, date, name)


def reproduction_files(layout: Layout, probe: str, date: str, name: str) -> tuple[Path, Path]:
    """Return the small form of the worst failing input of a verdict, and its Python check."""
    if probe == RETRIEVE.name:
        return layout.retrieval_reproduction(date, name), layout.retrieval_check(date, name)
    own = layout_of(layout, probe)
    return own.reproduction(date, name), own.reproduce_check(date, name)


def settings_bytes(content: Json) -> bytes:
    """Return settings as JSON; dates as ISO 8601."""
    return (json.dumps(content, sort_keys=True, indent=1, default=str) + "\n").encode()
