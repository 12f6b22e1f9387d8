"""Asset checks: what they are called, and what each says of the file that its asset has just published.

Here belongs the step from the core's faults to Dagster's results. A check makes no decision of its own: it repeats what
the core says of the stored record. None blocks: the report of a failing date matters most (docs/adr/0004). They run in
the step of their asset, which yields them after its output (docs/adr/0008).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import dagster as dg

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity, description, of_side
from parity_pipeline.core.contract_checks import OF_CONTRACT
from parity_pipeline.core.measures import Measure
from parity_pipeline.core.outcomes import PASSING, Side
from parity_pipeline.core.retrieval.checks import RetrievalCheck
from parity_pipeline.core.samples import SetHash, corpus_faults
from parity_pipeline.core.self_drift import OF_DRIFT
from parity_pipeline.core.side_checks import EXPERIMENTS
from parity_pipeline.core.stability.analysis import stable_faults
from parity_pipeline.core.stability.records import StabilityRecord
from parity_pipeline.core.vector_stats import completeness_faults, vector_faults
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.defs.verdict_metadata import report_address, to_act_on
from parity_pipeline.report.escape import prose
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.sample_set_files import SampleSetFile

Results = Iterator[dg.AssetCheckResult]
Leads = Mapping[str, dg.MetadataValue[Any]]
NO_LEADS: Final[Leads] = MappingProxyType({})

SAMPLES: Final = {"corpus_sane": "The stored sample set has samples, is whole, and is not blank."}
LANE: Final = {
    "fetch_complete": "Every sample has a vector or a definite refusal.",
    "vectors_finite_one_dimension": "All vectors are finite, not zero, and of one dimension.",
}


_LANE: Final = ("model-echo", "outage", "canaries", "request-size", "declared-dimension", "norm-consistency")
_REPEATABILITY: Final = ("noise-floor", "floor-measured", *EXPERIMENTS.values(), "foreign-vectors")

FAMILIES: Final[Mapping[str, tuple[CheckName, ...]]] = {
    "comparison": (
        CheckName.PAIRING,
        CheckName.COMPLETE_COUNTS,
        CheckName.MISSING,
        CheckName.COMPARED_SHARE,
        CheckName.SOME_MATCH,
    ),
    "cosine": (CheckName.COSINE,),
    "norm_ratio": (CheckName.NORM_RATIO,),
    "other_limits": (CheckName.MAX_ABS_DELTA_UNIT, CheckName.MAX_ABS_DELTA, CheckName.MAX_ABS_DELTA_RELATIVE),
    "sample_outcomes": (
        CheckName.DIMENSION,
        CheckName.NOT_A_NUMBER,
        CheckName.ZERO_VECTOR,
        CheckName.REFUSED_BY_CANDIDATE,
        CheckName.REFUSED_BY_LEGACY,
        CheckName.NOT_A_NUMBER_ON_BOTH,
        CheckName.ZERO_VECTOR_ON_BOTH,
    ),
    "legacy_repeatability": (
        *(of_side(Side.LEGACY, subject) for subject in _REPEATABILITY),
        CheckName.WITHIN_NOISE,
    ),
    "candidate_repeatability": tuple(of_side(Side.CANDIDATE, subject) for subject in _REPEATABILITY),
    "legacy_lane": tuple(of_side(Side.LEGACY, subject) for subject in _LANE),
    "candidate_lane": tuple(of_side(Side.CANDIDATE, subject) for subject in _LANE),
    "contract": OF_CONTRACT,
    "circumstances": (
        CheckName.SAME_ORIGIN,
        CheckName.CAVEATS,
        CheckName.CONFIRMATION,
        CheckName.DISCRIMINATION,
        CheckName.REQUIRED_BOUND,
        CheckName.CHANGED_VERDICT,
        CheckName.LEGACY_DRIFT,
        CheckName.CANDIDATE_DRIFT,
    ),
}
"""Checks of the verdict that Dagster shows as one, each in one family. Dagster stores several events per check of its own:
one for each of fifty made a run take more than twice as long. The verdict's metadata list every check."""

STABILITY: Final = {
    "stable": "The side returns the same vector for a text, whenever and however it is sent, to the cosine threshold."
}


def verdict_checks(*, contract: bool) -> dict[str, str]:
    """Return the verdict itself, and the checks that it is decided over by family, with their descriptions.

    Args:
        contract: Whether each side's contract is observed.
    """
    families = {family: names for family, names in FAMILIES.items() if contract or family != "contract"}
    return {
        "verdict_is_pass": "The verdict on this date and model is PASS, with waivers or without.",
        **{family: " ".join(description(name) for name in names) for family, names in families.items()},
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
    *,
    leads: Leads = NO_LEADS,
    **numbers: float | None,
) -> dg.AssetCheckResult:
    """Return a check's result; numbers that are known are plotted over the partitions.

    `leads` are links that a person needs where the check did not pass, and are left out where it did.
    """
    plotted = {name.replace("_", " "): _rounded(number) for name, number in numbers.items() if number is not None}
    return dg.AssetCheckResult(
        check_name=name,
        passed=not faults,
        severity=severity,
        description="; ".join(prose(fault) for fault in faults) or good,
        metadata={**(leads if faults else {}), **plotted},
    )


def _rounded(number: float) -> float:
    """Return a count as it is, and a measure to twelve decimals: what storing a vector loses is not news."""
    return number if isinstance(number, int) else round(number, 12)


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
    provenance = batch.header
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
    leads = report_address(verdict)
    yield result(
        "verdict_is_pass", faults, "; ".join(said), leads=to_act_on(verdict), worst_cosine=verdict.worst_cosine
    )
    numbers: Mapping[str, Mapping[str, float | None]] = {
        "cosine": {
            "threshold": verdict.threshold,
            "worst_cosine": verdict.worst_cosine,
            "samples_below": verdict.measure(Measure.COSINE).beyond,
        },
        "norm_ratio": {"norms_differ": verdict.norms_differ},
    }
    found = {one.name: one for one in verdict.checks}
    for family, names in FAMILIES.items():
        # Checks of the contract are there where contracts are observed, and where both sides have what they look at.
        if checks := [found[name] for name in names if name in found or name not in OF_CONTRACT + OF_DRIFT]:
            yield family_result(family, checks, numbers.get(family, {}), leads=leads)


def family_result(
    name: str,
    checks: Sequence[Check | RetrievalCheck],
    numbers: Mapping[str, float | None] = MappingProxyType({}),
    *,
    leads: Leads = NO_LEADS,
) -> dg.AssetCheckResult:
    """Return some checks of the verdict as one of Dagster's: an error where one of them counts, else a warning.

    What nothing was measured for warns, and what is waived passes and says so.
    """
    against = [one for one in checks if one.stands or one.passed is None]
    counts = any(one.stands and one.severity is not CheckSeverity.WARN for one in against)
    waived = [f"{one.name}, waived by {one.waived_by}: {one.seen}" for one in checks if one.waived_by]
    good = waived or ([checks[0].seen] if len(checks) == 1 else [f"{len(checks)} checks passed"])
    return result(
        name,
        [*map(_against, against), *(waived if against else [])],
        prose("; ".join(good)),
        dg.AssetCheckSeverity.ERROR if counts else dg.AssetCheckSeverity.WARN,
        leads=leads,
        **numbers,
    )


def _against(one: Check | RetrievalCheck) -> str:
    if one.passed is None:
        return f"{one.name}: nothing was measured, {one.seen}"
    return f"{one.name} ({one.severity}): {one.seen}" + (f". {one.remedy}" if one.remedy else "")


def check_stability(record: StabilityRecord, threshold: float) -> Results:
    """Repeat the findings and the noise floor. It only warns: the verdict decides what they mean."""
    found = record.stability
    good = f"{found.requests} requests, none of {len(found.completed)} experiments found anything"
    worst = None if found.floor is None else found.floor.worst
    warn = dg.AssetCheckSeverity.WARN
    faults = stable_faults(found, threshold)
    yield result("stable", faults, good, warn, noise_floor=worst, findings=len(found.findings))
