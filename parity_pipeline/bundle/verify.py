"""Verify a bundle: every byte by its manifest, the ledger, the signature, and every verdict by judging again.

Here belongs the order of these checks. Nothing of a bundle is believed before it was checked: names of files come from the
layout and never from the bundle, and settings are read as JSON and validated.
"""

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from parity_pipeline.bundle.archive import Entry, content_of, read_archive, refused, unpack
from parity_pipeline.bundle.manifest import (
    ALWAYS,
    MANIFEST,
    PROBES,
    SETTINGS,
    SIGNATURE,
    BundledVerdict,
    Manifest,
    further,
    inputs_hash,
    layout_of,
    manifest_bytes,
    needed,
    read_manifest,
    read_stored_verdict,
)
from parity_pipeline.bundle.signature import verify_signature
from parity_pipeline.bundle.write import same_verdict
from parity_pipeline.core.errors import ArtifactError, ParityError
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.rejudge import judge_again, without_change
from parity_pipeline.storage import ledger
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.ledger import Key, LedgerEntry, newest_entries

_MANIFEST_BYTES: Final = 64 * 1024 * 1024
_SIGNATURE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who has to have signed: an identity, and the file of allowed signers that it is in."""

    identity: str
    signers: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What holds of a bundle.

    Attributes:
        manifest: Its manifest.
        sha256: SHA-256 of the whole file.
        signed: Whether it has a signature, checked or not.
        signed_by: Who signed it; "" where that was not checked.
    """

    manifest: Manifest
    sha256: str
    signed: bool
    signed_by: str


MakeContext: TypeAlias = Callable[[bytes, Path, str], RunContext]
"""Returns what the steps share, of the settings in a bundle, the folder that it is unpacked in, and the name of a probe."""


def verify_bundle(path: Path, make_context: MakeContext, signer: Signer | None = None) -> Verified:
    """Check a bundle and return what holds of it.

    Args:
        path: The bundle.
        make_context: Returns what the steps share.
        signer: Who has to have signed it; None to leave a signature unchecked.

    Raises:
        ArtifactError: It was changed, holds what does not belong there, or is judged differently.
        SettingsError: Its settings cannot be used.
    """
    try:
        with path.open("rb") as file, tempfile.TemporaryDirectory(prefix="parity-bundle-") as folder:
            return _verified(file, path, Path(folder), make_context, signer)
    except OSError as error:
        problem = f"cannot read this bundle: {error.strerror}"
        raise ArtifactError(problem, place=str(path), remedy="Check its path and permissions.") from error


def _verified(
    file: BinaryIO,
    path: Path,
    folder: Path,
    make_context: MakeContext,
    signer: Signer | None,
) -> Verified:
    place = str(path)
    entries = read_archive(file, place)
    stated = _small(file, entries, MANIFEST, _MANIFEST_BYTES, place)
    manifest = read_manifest(stated, place)
    if manifest_bytes(manifest) != stated:
        raise refused("has a manifest of another form", place)
    if signer is not None:
        signature = _small(file, entries, SIGNATURE, _SIGNATURE_BYTES, place)
        verify_signature(stated, signature, signer.signers, signer.identity, place)
    layout = Layout(data_dir=folder / "data", reports_dir=folder / "reports")
    _check_names(manifest, entries, layout, folder, place)
    _unpack_all(file, manifest, entries, folder, place)
    settings = (folder / SETTINGS).read_bytes()
    runs = {probe: make_context(settings, folder, probe) for probe in {one.probe for one in manifest.verdicts}}
    if any(run.layout != layout_of(layout, probe) for probe, run in runs.items()):
        raise refused("has settings that name other folders", place)
    _check_verdicts(manifest, runs, layout, place)
    with path.open("rb") as whole:
        digest = hashlib.file_digest(whole, "sha256").hexdigest()
    signed_by = signer.identity if signer else ""
    return Verified(manifest=manifest, sha256=digest, signed=SIGNATURE in entries, signed_by=signed_by)


def _small(file: BinaryIO, entries: Mapping[str, Entry], name: str, limit: int, place: str) -> bytes:
    entry = entries.get(name)
    if entry is None:
        raise refused(f"has no {name}", place)
    if entry.size > limit:
        raise refused(f"has a {name} of {entry.size:,} bytes", place)
    return b"".join(content_of(file, entry))


def _check_names(manifest: Manifest, entries: Mapping[str, Entry], layout: Layout, folder: Path, place: str) -> None:
    """Refuse a file that the manifest does not list, one that it lists and is missing, and one that belongs to no verdict."""
    listed = [one.path for one in manifest.files]
    optional = [SIGNATURE] if SIGNATURE in entries else []
    if list(entries) != [MANIFEST, *optional, *listed] or listed != sorted(listed):
        odd = sorted({*entries, *listed} - ({*entries} & {*listed}) - {MANIFEST, SIGNATURE})
        raise refused(f"does not hold the files of its manifest, in their order: {', '.join(odd[:3])!a}", place)
    required, allowed = set(ALWAYS), set(ALWAYS)
    for one in manifest.verdicts:
        if one.probe not in PROBES:
            raise refused(f"has a verdict of a probe that is not known: {one.probe!a}", place)
        paths = needed(layout, one.probe, one.date, one.name)
        required |= {path.relative_to(folder).as_posix() for path in paths}
        allowed |= {path.relative_to(folder).as_posix() for path in further(layout, one.probe, one.date, one.name)}
    allowed |= required
    if foreign := sorted(set(listed) - allowed):
        raise refused(f"holds a file that belongs to none of its verdicts: {foreign[0]!a}", place)
    if missing := sorted(required - set(listed)):
        raise refused(f"lacks a file that its verdicts need: {missing[0]!a}", place)


def _unpack_all(file: BinaryIO, manifest: Manifest, entries: Mapping[str, Entry], folder: Path, place: str) -> None:
    for one in manifest.files:
        digest = hashlib.sha256()
        unpack(file, entries[one.path], folder / one.path, digest.update)
        if (digest.hexdigest(), entries[one.path].size) != (one.sha256, one.bytes):
            raise refused(f"holds a file that is not the one of its manifest: {one.path!a}", place)


def _check_verdicts(manifest: Manifest, runs: Mapping[str, RunContext], layout: Layout, place: str) -> None:
    recorded = newest_entries(ledger.entries(layout.ledger))
    named = [(one.probe, one.date, one.name) for one in manifest.verdicts]
    if not named or named != sorted(set(named)) or not all(manifest.first <= key[1] <= manifest.last for key in named):
        raise refused("lists no verdicts, or not those of its dates in their order", place)
    for one in manifest.verdicts:
        _check_verdict(one, recorded, runs[one.probe], place)


def _check_verdict(one: BundledVerdict, recorded: Mapping[Key, LedgerEntry], run: RunContext, place: str) -> None:
    what = f"{one.probe}, {one.date}, {one.name!a}"
    entry = recorded.get((one.probe, one.date, one.name))
    verdict = read_stored_verdict(run.layout, one.probe, one.date, one.name)
    if entry is None or not same_verdict(verdict, entry.verdict) or entry.recorded_at != one.recorded_at:
        raise refused(f"has a verdict that its ledger does not have as the newest: {what}", place)
    if (verdict.decision, inputs_hash(verdict), verdict.strength) != (one.decision, one.inputs_hash, one.strength):
        raise refused(f"has a manifest that says something else of a verdict: {what}", place)
    # Waivers expire: what counts is the day on which the verdict was given.
    at_the_time = replace(run, now=lambda: _moment(entry.recorded_at, place))
    try:
        again = judge_again(at_the_time, one.probe, one.date, one.name)
    except ParityError as error:
        raise refused(f"cannot be judged again ({error.problem}): {what}", place) from error
    if inputs_hash(again) != one.inputs_hash:
        raise refused(f"has a comparison of other inputs than its verdict: {what}", place)
    if again.decision is not verdict.decision and again.decision is not without_change(verdict):
        raise refused(f"says {verdict.decision} where its evidence says {again.decision}: {what}", place)


def _moment(recorded_at: str, place: str) -> datetime:
    try:
        moment = datetime.fromisoformat(recorded_at)
    except ValueError:
        raise refused(f"has a verdict recorded at {recorded_at!a}, which is not a time", place) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
