"""Write the evidence of some dates as one file.

Here belong the choice of what goes in, and the check that it can be verified before anyone gets it. Its form belongs to
`archive` and `manifest`.
"""

import hashlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from parity_pipeline.bundle.archive import write_archive
from parity_pipeline.bundle.manifest import (
    MANIFEST,
    PROVENANCE,
    SETTINGS,
    SIGNATURE,
    BundledFile,
    BundledVerdict,
    Manifest,
    further,
    inputs_hash,
    manifest_bytes,
    needed,
    read_stored_verdict,
    reproduction_files,
    settings_bytes,
)
from parity_pipeline.bundle.signature import sign
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.flip_steps import FlipRecord
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.storage import ledger
from parity_pipeline.storage.evidence_files import read_reproduction
from parity_pipeline.storage.json_records import json_text
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.ledger import AnyVerdict, Key, LedgerEntry, key_of, newest_entries
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.retrieval_evidence import read_query_reproduction
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile

_PACKAGES: Final = ("parity_pipeline", "numpy", "scipy", "pyarrow", "pydantic")
"""Packages whose version may matter to whoever judges again."""


@dataclass(frozen=True, kw_only=True)
class BundleRequest:
    """What is to be bundled.

    Attributes:
        layout: Where it lies.
        settings: The settings without secrets, their folders as in a bundle.
        names: Models and corpora, by probe.
        first: First date, ISO 8601.
        last: Last date, included.
        key: SSH key to sign with; None for no signature.
    """

    layout: Layout
    settings: Mapping[str, Any]
    names: Mapping[str, Sequence[str]]
    first: str
    last: str
    key: Path | None = None


def write_bundle(request: BundleRequest, path: Path) -> Manifest:
    """Write the bundle and return its manifest.

    Raises:
        ArtifactError: There is no verdict on these dates, a file of one is missing or damaged, the ledger says otherwise, or
            the disk does not take the bundle.
        SettingsError: The key cannot be used.
    """
    lines, newest = _ledger(request)
    held = _verdicts(request, newest)
    if not held:
        remedy = "Choose other dates with --from and --to; `parity run` judges today."
        raise ArtifactError(
            f"no verdict is stored from {request.first} to {request.last}", place="--from/--to", remedy=remedy
        )
    contents: dict[str, bytes | Path] = {
        SETTINGS: settings_bytes(dict(request.settings)),
        PROVENANCE: _provenance([one for one, _ in held]),
        _name(request.layout, request.layout.ledger): b"".join(lines),
    }
    for verdict, _ in held:
        for file in _files(request.layout, verdict):
            contents[_name(request.layout, file)] = file
    manifest = Manifest(
        first=request.first,
        last=request.last,
        verdicts=tuple(_row(verdict, recorded) for verdict, recorded in held),
        versions={"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        files=tuple(_hashed(name, contents[name]) for name in sorted(contents)),
    )
    stated = manifest_bytes(manifest)
    signature = [(SIGNATURE, sign(stated, request.key))] if request.key else []
    ordered = [(name, contents[name]) for name in sorted(contents)]
    write_archive(path, [(MANIFEST, stated), *signature, *ordered])
    return manifest


def _ledger(request: BundleRequest) -> tuple[list[bytes], dict[Key, LedgerEntry]]:
    """Return the lines of the dates and of every step of the flip, and the newest verdict of each probe, date and name."""
    lines: list[bytes] = []
    entries: list[LedgerEntry] = []
    for line, held in ledger.raw_lines(request.layout.ledger):
        if isinstance(held, FlipRecord):
            lines.append(line if line.endswith(b"\n") else line + b"\n")
        elif request.first <= held.verdict.date <= request.last:
            lines.append(line if line.endswith(b"\n") else line + b"\n")
            entries.append(held)
    return lines, newest_entries(entries)


def _verdicts(request: BundleRequest, newest: Mapping[Key, LedgerEntry]) -> list[tuple[AnyVerdict, str]]:
    """Return the stored verdicts with the time at which the ledger recorded each, in the order of probe, date and name.

    Raises:
        ArtifactError: One is missing or damaged, or is not the one that the ledger has.
    """
    found: list[tuple[AnyVerdict, str]] = []
    for key in sorted(newest):
        probe, day, name = key
        if name not in request.names.get(probe, ()):
            continue
        path = needed(request.layout, *key)[0]
        if not path.exists():
            remedy = f"Run `parity backfill --from {day} --to {day}`, or choose other dates."
            raise ArtifactError("the ledger has a verdict whose file is missing", place=str(path), remedy=remedy)
        verdict = read_stored_verdict(request.layout, *key)
        if verdict.not_run:
            problem = f"this date could not be run ({verdict.not_run.problem}), so that there is no evidence to bundle"
            remedy = f"Run `parity backfill --from {day} --to {day}`, or choose other dates."
            raise ArtifactError(problem, place=str(path), remedy=remedy)
        if not same_verdict(verdict, newest[key].verdict):
            remedy = f"Run `parity backfill --from {day} --to {day}`."
            raise ArtifactError("this verdict is not the newest one of the ledger", place=str(path), remedy=remedy)
        found.append((verdict, newest[key].recorded_at))
    return found


def same_verdict(stored: AnyVerdict, recorded: AnyVerdict) -> bool:
    """Return whether a stored verdict is the one that a line of the ledger records."""
    facts = [(key_of(one), one.decision, one.reasons, one.findings, inputs_hash(one)) for one in (stored, recorded)]
    return facts[0] == facts[1]


def _files(layout: Layout, verdict: AnyVerdict) -> Iterable[Path]:
    key = key_of(verdict)
    for path in needed(layout, *key):
        if not path.exists():
            remedy = "Run that date again with `parity backfill`, or choose other dates."
            raise ArtifactError("a bundle needs this file, and it is missing", place=str(path), remedy=remedy)
        yield path
    others = () if _is_reproduced(layout, verdict) else reproduction_files(layout, *key)
    yield from (path for path in further(layout, *key) if path.exists() and path not in others)


def _is_reproduced(layout: Layout, verdict: AnyVerdict) -> bool:
    """Return whether what is stored of a reproduction is of this verdict: that of an earlier FAIL stays on the disk.

    Raises:
        ArtifactError: A file is damaged or of another schema.
    """
    probe, date, name = key_of(verdict)
    path, parity = reproduction_files(layout, probe, date, name)[0], needed(layout, probe, date, name)[1]
    if verdict.decision is not Decision.FAIL or not path.exists():
        return False
    if isinstance(verdict, Verdict):
        sample = read_reproduction(path, ParityFile(parity).header)
        return sample is not None and sample.sample in {row.id for row in verdict.rows}
    query = read_query_reproduction(path, RetrievalParityFile(parity).header)
    return query is not None and query.query in {one.id for one in verdict.queries}


def _name(layout: Layout, path: Path) -> str:
    """Return the path of a file within a bundle."""
    if path.is_relative_to(layout.data_dir):
        return f"data/{path.relative_to(layout.data_dir).as_posix()}"
    return f"reports/{path.relative_to(layout.reports_dir).as_posix()}"


def _hashed(name: str, content: bytes | Path) -> BundledFile:
    if isinstance(content, bytes):
        return BundledFile(path=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    try:
        with content.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return BundledFile(path=name, bytes=file.tell(), sha256=digest)
    except OSError as error:
        problem = f"cannot read this file: {error.strerror}"
        raise ArtifactError(problem, place=str(content), remedy="Check its permissions.") from error


def _row(verdict: AnyVerdict, recorded_at: str) -> BundledVerdict:
    probe, day, name = key_of(verdict)
    return BundledVerdict(
        probe=probe,
        date=day,
        name=name,
        decision=verdict.decision,
        strength=verdict.strength,
        inputs_hash=inputs_hash(verdict),
        recorded_at=recorded_at,
        package_version=verdict.package_version,
    )


def _provenance(verdicts: Sequence[AnyVerdict]) -> bytes:
    """Return where both lanes of each verdict came from, as one document."""
    rows = [
        {
            "probe": one.endpoint,
            "date": one.date,
            "name": key_of(one)[2],
            "inputs_hash": inputs_hash(one),
            "sources": list(one.sample_set.sources if isinstance(one, Verdict) else one.query_set.sources),
            "sides": [
                {name: getattr(lane, name) for name in _OF_LANE}
                for lane in (
                    (one.legacy.provenance, one.candidate.provenance) if isinstance(one, Verdict) else one.sides
                )
            ],
        }
        for one in verdicts
    ]
    return json_text({"verdicts": rows}, indent=1).encode()


_OF_LANE: Final = (
    "side",
    "label",
    "url",
    "dialect",
    "server_headers",
    "settings_hash",
    "fetched_from",
    "fetched_to",
    "requests",
    "retries",
    "package_version",
)
