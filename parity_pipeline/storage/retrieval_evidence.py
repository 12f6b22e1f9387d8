"""Retrieval verdicts and the evidence for them as JSON files: one document each, the same bytes for the same record.

Here belong writing and reading, the reproduction of the worst query among them, and the record of what a verdict rests on
beside the comparison. What they say belongs to `core.retrieval`.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import Limits
from parity_pipeline.core.retrieval.causes import RetrievalCause
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.provenance import RetrievalParityHeader
from parity_pipeline.core.retrieval.relevance import RelevanceDifference
from parity_pipeline.core.retrieval.reproduction import QueryReproduction
from parity_pipeline.core.retrieval.verdict import RETRIEVAL_SCHEMA_VERSION, RetrievalVerdict
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.atomic import publish_text
from parity_pipeline.storage.json_records import RecordKind, json_text, read_document

RETRIEVAL_VERDICT: Final = RecordKind(
    record=RetrievalVerdict,
    name="retrieval verdict",
    remedy="Materialize retrieve/verdict again, or run that date again with `parity backfill`.",
    upgrade=older_versions.retrieval_verdict,
    schema=RETRIEVAL_SCHEMA_VERSION,
)

EVIDENCE_VERSION: Final = 1
"""Version of the evidence document. Any change of its fields is a new one."""

QUERY_REPRODUCTION_VERSION: Final = 1
"""Version of a reproduction's document. Any change of its fields is a new one."""

_NEVER: Final = sys.float_info.max
"""Stands in JSON, which has no infinity, for a limit that no value is beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalEvidence:
    """What a verdict rests on beside the comparison.

    Attributes:
        confirmation: What sending differing queries again showed; None where nothing was sent.
        attribution: Differing queries by what explains each.
        explained: What explains those of them that further requests were spent on, and the worst of each outcome, by
            query id.
        causes: What explains the differences, the surest first.
        relevance: How relevant both sides' lists are; empty without labels.
    """

    confirmation: RetrievalConfirmation | None = None
    attribution: Mapping[Explanation, int] = field(default_factory=dict[Explanation, int])
    explained: Mapping[str, Explanation] = field(default_factory=dict[str, Explanation])
    causes: tuple[RetrievalCause, ...] = ()
    relevance: tuple[RelevanceDifference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """What evidence was made from: the query set, when both lanes were fetched, and how they were compared."""

    query_set: str
    legacy_fetched: str
    candidate_fetched: str
    rules: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _EvidenceFile:
    identity: _Pair
    evidence: RetrievalEvidence
    schema: Annotated[int, Field(ge=EVIDENCE_VERSION, le=EVIDENCE_VERSION)] = EVIDENCE_VERSION


_EVIDENCE: Final = RecordKind(
    record=_EvidenceFile,
    name="retrieval evidence",
    remedy="Materialize retrieve/parity again, or run that date again with `parity backfill`.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReproductionFile:
    identity: _Pair
    reproduction: QueryReproduction | None
    schema: Annotated[int, Field(ge=QUERY_REPRODUCTION_VERSION, le=QUERY_REPRODUCTION_VERSION)] = (
        QUERY_REPRODUCTION_VERSION
    )


_REPRODUCTION: Final = RecordKind(
    record=_ReproductionFile, name="reproduction of a query", remedy="Materialize retrieve/parity again."
)


def write_retrieval_verdict(path: Path, verdict: RetrievalVerdict) -> None:
    """Write the verdict atomically.

    Raises:
        ArtifactError: The disk or folder does not take it, or a number other than a limit is NaN or infinite.
    """
    publish_text(path, json_text(storable(verdict), indent=1))


def read_retrieval_verdict(path: Path) -> RetrievalVerdict:
    """Return a stored verdict.

    Raises:
        ArtifactError: The file is missing, damaged or of another schema.
    """
    return restored(read_document(RETRIEVAL_VERDICT, path))


def write_retrieval_evidence(path: Path, evidence: RetrievalEvidence, header: RetrievalParityHeader) -> None:
    """Write the evidence on a comparison atomically, with what it was made from.

    Raises:
        ArtifactError: The disk or folder does not take it, or a number is NaN or infinite.
    """
    publish_text(path, json_text(_EvidenceFile(identity=_pair(header), evidence=evidence), indent=1))


def read_retrieval_evidence(path: Path, header: RetrievalParityHeader) -> RetrievalEvidence | None:
    """Return the stored evidence on a comparison; None where there is none that holds for it.

    Evidence of other lanes, or of lists compared in another way, says nothing about these.

    Raises:
        ArtifactError: The file is damaged or of another schema.
    """
    if not path.exists():
        return None
    found = read_document(_EVIDENCE, path)
    return found.evidence if found.identity == _pair(header) else None


def write_query_reproduction(
    path: Path, reproduction: QueryReproduction | None, header: RetrievalParityHeader, rules_hash: str
) -> None:
    """Write what trying to reproduce a failing query came to atomically; None where nothing was requested.

    Args:
        path: The file.
        reproduction: What was found.
        header: The comparison.
        rules_hash: Of how its trials were compared and graded, which may be in another way than the lanes were.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    identity = replace(_pair(header), rules=rules_hash)
    publish_text(path, json_text(_ReproductionFile(identity=identity, reproduction=reproduction), indent=1))


def read_query_reproduction(
    path: Path, header: RetrievalParityHeader, rules_hash: str = ""
) -> QueryReproduction | None:
    """Return the stored reproduction; None where there is none of these lanes, compared and graded in this way.

    Args:
        path: The file.
        header: The comparison.
        rules_hash: Of how its trials have to be compared and graded; "" for whatever it was.

    Raises:
        ArtifactError: The file is damaged or of another schema.
    """
    if not path.exists():
        return None
    found = read_document(_REPRODUCTION, path)
    return (
        found.reproduction
        if found.identity == replace(_pair(header), rules=rules_hash or found.identity.rules)
        else None
    )


def storable(verdict: RetrievalVerdict) -> RetrievalVerdict:
    """Return the verdict with the largest number in place of limits that are infinite, as JSON can hold it."""
    return _with_limits(verdict, lambda limit: max(-_NEVER, min(_NEVER, limit)))


def restored(verdict: RetrievalVerdict) -> RetrievalVerdict:
    """Return a verdict that was read from JSON with its infinite limits."""
    return _with_limits(verdict, lambda limit: limit if abs(limit) < _NEVER else limit * 2)


def _with_limits(verdict: RetrievalVerdict, change: Callable[[float], float]) -> RetrievalVerdict:
    def changed(limits: Limits | None) -> Limits | None:
        return limits and Limits(change(limits.passes), change(limits.fails))

    return replace(
        verdict,
        set_measures=tuple(replace(one, limits=changed(one.limits)) for one in verdict.set_measures),
        query_measures=tuple(replace(one, limits=changed(one.limits)) for one in verdict.query_measures),
    )


def _pair(header: RetrievalParityHeader) -> _Pair:
    legacy, candidate = header.sides
    return _Pair(
        query_set=header.query_set.hash,
        legacy_fetched=legacy.fetched_to,
        candidate_fetched=candidate.fetched_to,
        rules=header.rules_hash,
    )
