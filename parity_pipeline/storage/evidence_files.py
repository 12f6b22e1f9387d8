"""Verdicts and the evidence for them as JSON files: one document each, the same bytes for the same record.

Here belong writing and reading. What they say belongs to `core.verdict`, `core.stability`, `core.confirmation`,
`core.contract`, `core.diagnosis` and `core.reproduction`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import Field

from parity_pipeline.core.confirmation import Confirmation
from parity_pipeline.core.contract.records import ContractObservation, ContractOrigin, ContractRecord
from parity_pipeline.core.diagnosis.records import Diagnosis
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.provenance import ParityHeader
from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.stability.records import Origin, Stability, StabilityRecord
from parity_pipeline.core.verdict import SCHEMA_VERSION, Verdict
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.atomic import publish_text
from parity_pipeline.storage.json_records import RecordKind, json_text, read_document

VERDICT: Final = RecordKind(
    record=Verdict,
    name="verdict",
    remedy="Materialize verdict again, or run that date again with `parity backfill`.",
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


STABILITY_VERSION: Final = 1
"""Version of a side's stability document. Any change of its fields is a new one."""

CONFIRMATION_VERSION: Final = 1
"""Version of a confirmation's document. Any change of its fields is a new one."""

REPRODUCTION_VERSION: Final = 1
"""Version of a reproduction's document. Any change of its fields is a new one."""

CONTRACT_VERSION: Final = 1
"""Version of a side's contract document. Any change of its fields is a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _StabilityFile:
    origin: Origin
    stability: Stability
    schema: Annotated[int, Field(ge=STABILITY_VERSION, le=STABILITY_VERSION)] = STABILITY_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class _ContractFile:
    origin: ContractOrigin
    observation: ContractObservation
    schema: Annotated[int, Field(ge=CONTRACT_VERSION, le=CONTRACT_VERSION)] = CONTRACT_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """What a confirmation, reproduction or diagnosis was made from: the sample set, and when both lanes were fetched."""

    sample_set: str
    legacy_fetched: str
    candidate_fetched: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConfirmationFile:
    identity: _Pair
    thresholds: Thresholds
    confirmation: Confirmation | None
    schema: Annotated[int, Field(ge=CONFIRMATION_VERSION, le=CONFIRMATION_VERSION)] = CONFIRMATION_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReproductionFile:
    identity: _Pair
    thresholds: Thresholds
    reproduction: Reproduction | None
    schema: Annotated[int, Field(ge=REPRODUCTION_VERSION, le=REPRODUCTION_VERSION)] = REPRODUCTION_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class _DiagnosisFile:
    identity: _Pair
    thresholds: Thresholds | None
    """What it was made under; None in files of earlier versions, which did not say."""
    diagnosis: Diagnosis | None
    schema: Annotated[int, Field(ge=3, le=3)] = 3
    """Version of the document. 2: no diagnosis is null and not an empty object. 3: it names its thresholds."""


_STABILITY: Final = RecordKind(
    record=_StabilityFile,
    name="stability",
    remedy="Materialize that side's stability again, or run that date again with `parity backfill`.",
)
_CONTRACT: Final = RecordKind(
    record=_ContractFile,
    name="contract",
    remedy="Materialize that side's contract again, or run that date again with `parity backfill`.",
)
_CONFIRMATION: Final = RecordKind(
    record=_ConfirmationFile,
    name="confirmation",
    remedy="Materialize confirmation again, or run that date again with `parity backfill`.",
)
_REPRODUCTION: Final = RecordKind(
    record=_ReproductionFile,
    name="reproduction",
    remedy="Materialize diagnosis again, or run that date again with `parity backfill`.",
)
_DIAGNOSIS: Final = RecordKind(
    record=_DiagnosisFile,
    name="diagnosis",
    remedy="Materialize diagnosis again, or run that date again with `parity backfill`.",
    upgrade=older_versions.diagnosis_file,
)


def write_stability(path: Path, record: StabilityRecord) -> None:
    """Write the stability of a side atomically.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    publish_text(path, json_text(_StabilityFile(origin=record.origin, stability=record.stability), indent=1))


def read_stability(path: Path) -> StabilityRecord:
    """Return the stored stability of a side.

    Raises:
        ArtifactError: The file is missing, damaged or of another schema.
    """
    found = read_document(_STABILITY, path)
    return StabilityRecord(origin=found.origin, stability=found.stability)


def write_contract(path: Path, record: ContractRecord) -> None:
    """Write the contract of a side atomically.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    publish_text(path, json_text(_ContractFile(origin=record.origin, observation=record.observation), indent=1))


def read_contract(path: Path) -> ContractRecord:
    """Return the stored contract of a side.

    Raises:
        ArtifactError: The file is missing, damaged or of another schema.
    """
    found = read_document(_CONTRACT, path)
    return ContractRecord(origin=found.origin, observation=found.observation)


def write_confirmation(
    path: Path, confirmation: Confirmation | None, header: ParityHeader, thresholds: Thresholds
) -> None:
    """Write the confirmation of a comparison atomically, with what it was made from; None where nothing was requested.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    document = _ConfirmationFile(identity=_pair(header), thresholds=thresholds, confirmation=confirmation)
    publish_text(path, json_text(document, indent=1))


def read_confirmation(path: Path, header: ParityHeader, thresholds: Thresholds) -> Confirmation | None:
    """Return the stored confirmation of a comparison; None where there is none that holds for it.

    One of other lanes says nothing about these, and one under other thresholds was of other failing rows.

    Raises:
        ArtifactError: The file is damaged or of another schema.
    """
    found = _holding(_CONFIRMATION, path, header, thresholds)
    return found.confirmation if found else None


def write_reproduction(
    path: Path, reproduction: Reproduction | None, header: ParityHeader, thresholds: Thresholds
) -> None:
    """Write what trying to reproduce a failing sample came to atomically; None where nothing was requested.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    document = _ReproductionFile(identity=_pair(header), thresholds=thresholds, reproduction=reproduction)
    publish_text(path, json_text(document, indent=1))


def read_reproduction(path: Path, header: ParityHeader, thresholds: Thresholds | None = None) -> Reproduction | None:
    """Return the stored reproduction; None where there is none of these lanes and thresholds.

    Args:
        path: The file.
        header: The comparison.
        thresholds: What its trials have to be judged by; None for whatever it was.

    Raises:
        ArtifactError: The file is damaged or of another schema.
    """
    found = _holding(_REPRODUCTION, path, header, thresholds)
    return found.reproduction if found else None


def write_diagnosis(path: Path, diagnosis: Diagnosis | None, header: ParityHeader, thresholds: Thresholds) -> None:
    """Write the diagnosis of a comparison atomically, with what it was made from; None where none could be made.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    document = _DiagnosisFile(identity=_pair(header), thresholds=thresholds, diagnosis=diagnosis)
    publish_text(path, json_text(document, indent=1))


def read_diagnosis(path: Path, header: ParityHeader, thresholds: Thresholds | None = None) -> Diagnosis | None:
    """Return the stored diagnosis of a comparison; None where there is none that holds for it.

    One of other lanes says nothing about these, and one under other thresholds was of other failing rows.

    Args:
        path: The file.
        header: The comparison.
        thresholds: What it has to be made under; None for whatever it was.

    Raises:
        ArtifactError: The file is damaged or of another schema.
    """
    found = _holding(_DIAGNOSIS, path, header, thresholds)
    return found.diagnosis if found else None


_File = TypeVar("_File", _ConfirmationFile, _ReproductionFile, _DiagnosisFile)


def _holding(kind: RecordKind[_File], path: Path, header: ParityHeader, thresholds: Thresholds | None) -> _File | None:
    """Return what is stored of a comparison; None where nothing is, or of other lanes or, unless None, thresholds."""
    if not path.exists():
        return None
    found = read_document(kind, path)
    same = found.identity == _pair(header) and thresholds in (None, found.thresholds)
    return found if same else None


def _pair(header: ParityHeader) -> _Pair:
    legacy, candidate = header.sides
    return _Pair(
        sample_set=header.sample_set.hash, legacy_fetched=legacy.fetched_to, candidate_fetched=candidate.fetched_to
    )
