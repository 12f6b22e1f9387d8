"""Asset checks: what they are called, and what each says of the file that its asset has just published.

Here belongs the step from the core's faults to Dagster's results. A check makes no decision of its own: it repeats what
the core says of the stored record. None blocks: the report of a failing date matters most (docs/adr/0004). They run in
the step of their asset, which yields them after its output (docs/adr/0008).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import dagster as dg

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity, description
from parity_pipeline.core.outcomes import PASSING, Measure
from parity_pipeline.core.samples import SetHash, corpus_faults
from parity_pipeline.core.stability.analysis import stable_faults
from parity_pipeline.core.stability.records import StabilityRecord
from parity_pipeline.core.vector_stats import completeness_faults, vector_faults
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.escape import prose
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.sample_set_files import SampleSetFile

Results = Iterator[dg.AssetCheckResult]

SAMPLES: Final = {"corpus_sane": "The stored sample set has samples, is whole, and is not blank."}
LANE: Final = {
    "fetch_complete": "Every sample has a vector or a definite refusal.",
    "vectors_finite_one_dimension": "All vectors are finite, not zero, and of one dimension.",
}


def check_name(name: CheckName) -> str:
    """Return what Dagster, which takes no hyphens, calls a check of the verdict."""
    return name.value.replace("-", "_")


VERDICT: Final = {
    "verdict_is_pass": "The verdict on this date and model is PASS, with waivers or without.",
    **{check_name(name): description(name) for name in CheckName},
}
"""The verdict itself, and each check that it was decided over."""
STABILITY: Final = {
    "stable": "The side returns the same vector for a text, whenever and however it is sent, to the cosine threshold."
}


def specs(
    asset: Sequence[str], partitions: dg.PartitionsDefinition, checks: Mapping[str, str]
) -> list[dg.AssetCheckSpec]:
    """Return the specifications of an asset's checks, given by name with their description."""
    with warnings.catch_warnings():
        # Dagster's version is pinned for this part, which is a preview; each of its processes would say so ten times.
        warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(name, asset=dg.AssetKey(asset), description=words, partitions_def=partitions)
            for name, words in checks.items()
        ]


def result(
    name: str,
    faults: Sequence[str],
    good: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    **numbers: float | None,
) -> dg.AssetCheckResult:
    """Return a check's result; numbers that are known are plotted over the partitions."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=not faults,
        severity=severity,
        description="; ".join(prose(fault) for fault in faults) or good,
        metadata={name.replace("_", " "): number for name, number in numbers.items() if number is not None},
    )


def check_samples(samples: SampleSetFile) -> Results:
    """Read the whole stored set and hold it against its header."""
    header, found, blank = samples.header, SetHash(), 0
    for block in samples.blocks():
        blank += sum(not text.strip() for text in block.texts)
        for identity, category in zip(block.ids, block.categories, strict=True):
            found.add(identity, category)
    faults = corpus_faults(stated=header.samples, stated_hash=header.hash, found=found, blank=blank)
    good = f"{header.samples} distinct samples, {blank} of them blank"
    yield result("corpus_sane", faults, good, samples=header.samples)


def check_lane(batch: EmbeddingsFile) -> Results:
    """Compare the stored rows with the counts of the fetch, and check the vectors."""
    provenance = batch.provenance
    faults = completeness_faults(provenance.status_counts, provenance.samples)
    if batch.rows != provenance.samples:
        faults = (*faults, f"the file holds {batch.rows} rows")
    good = f"{provenance.samples} of {provenance.samples} samples fetched"
    yield result("fetch_complete", faults, good, vectors=provenance.ok_rows)
    faults = vector_faults(provenance.survey, provenance.ok_rows)
    yield result("vectors_finite_one_dimension", faults, f"{provenance.ok_rows} finite vectors of one dimension")


def check_verdict(verdict: Verdict) -> Results:
    """Repeat the verdict, with the strength of a pass, and each check that it was decided over."""
    said = (verdict.decision.value, *([verdict.strength] if verdict.strength else []), *verdict.reasons)
    faults = () if verdict.decision in PASSING else said
    yield result("verdict_is_pass", faults, "; ".join(said), worst_cosine=verdict.worst_cosine)
    numbers: Mapping[CheckName, Mapping[str, float | None]] = {
        CheckName.COSINE: {
            "worst_cosine": verdict.worst_cosine,
            "samples_below": verdict.measure(Measure.COSINE).beyond,
        },
        CheckName.NORM_RATIO: {"norms_differ": verdict.norms_differ},
    }
    for one in verdict.checks:
        yield _repeated(one, numbers.get(one.name, {}))


def _repeated(one: Check, numbers: Mapping[str, float | None]) -> dg.AssetCheckResult:
    """Return a check of the verdict as Dagster's: what was not measured warns, what is waived passes and says so."""
    measured = one.passed is not None
    warns = one.severity is CheckSeverity.WARN or not measured
    seen = one.seen if measured else f"nothing was measured: {one.seen}"
    words = f"{seen}. {one.remedy}" if one.stands and one.remedy else seen
    return result(
        check_name(one.name),
        (words,) if one.stands or not measured else (),
        prose(f"waived by {one.waived_by}: {one.seen}" if one.waived_by else one.seen),
        dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        **numbers,
    )


def check_stability(record: StabilityRecord, threshold: float) -> Results:
    """Repeat the findings and the noise floor. It only warns: the verdict decides what they mean."""
    found = record.stability
    good = f"{found.requests} requests, none of {len(found.completed)} experiments found anything"
    worst = None if found.floor is None else found.floor.worst
    warn = dg.AssetCheckSeverity.WARN
    faults = stable_faults(found, threshold)
    yield result("stable", faults, good, warn, noise_floor=worst, findings=len(found.findings))
