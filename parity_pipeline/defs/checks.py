"""Asset checks, each with the partitions of its asset.

Here belongs the step from the core's faults to Dagster's results. A check decides nothing on its own: it repeats what
the core says of the stored record. None blocks: the report of a failing date matters most (docs/adr/0004).
"""

from collections.abc import Sequence

import dagster as dg

from parity_pipeline.core.numerals import limit_text
from parity_pipeline.core.outcomes import Decision, Outcome, Side
from parity_pipeline.core.parity_header import ParityHeader, cosine_faults, norm_faults
from parity_pipeline.core.samples import SetHash, corpus_faults
from parity_pipeline.core.survey import completeness_faults, vector_faults
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.escape import prose
from parity_pipeline.storage.embeddings import EmbeddingsFile
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_sets import SampleSetFile

Check = dg.AssetChecksDefinition


def _result(
    faults: Sequence[str],
    good: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    **numbers: float | None,
) -> dg.AssetCheckResult:
    """Return a check's result; numbers that are known are plotted over the partitions."""
    text = "; ".join(prose(fault) for fault in faults) or good
    known = {name.replace("_", " "): number for name, number in numbers.items() if number is not None}
    return dg.AssetCheckResult(passed=not faults, severity=severity, description=text, metadata=known)


def _lane_checks(side: Side, partitions: dg.PartitionsDefinition) -> list[Check]:
    asset = dg.AssetKey([side.value, "embeddings"])

    @dg.asset_check(asset=asset, name="fetch_complete", partitions_def=partitions)
    def fetch_complete(batch: EmbeddingsFile) -> dg.AssetCheckResult:
        """Every sample has a vector or a definite refusal."""
        provenance = batch.provenance
        faults = completeness_faults(dict(provenance.status_counts), provenance.samples)
        if batch.rows != provenance.samples:
            faults = (*faults, f"the file holds {batch.rows} rows")
        return _result(faults, f"{provenance.samples} of {provenance.samples} samples answered")

    @dg.asset_check(asset=asset, name="vectors_finite_one_dimension", partitions_def=partitions)
    def vectors_finite(batch: EmbeddingsFile) -> dg.AssetCheckResult:
        """All vectors are finite, not zero, and of one dimension."""
        provenance = batch.provenance
        faults = vector_faults(dict(provenance.survey), provenance.ok_rows)
        return _result(faults, f"{provenance.ok_rows} finite vectors of one dimension")

    return [fetch_complete, vectors_finite]


def build_checks(partitions: dg.PartitionsDefinition) -> list[Check]:
    """Return all asset checks."""

    @dg.asset_check(asset="samples", partitions_def=partitions)
    def corpus_sane(samples: SampleSetFile) -> dg.AssetCheckResult:
        """The stored sample set has samples, is whole, and is not blank."""
        header, found, blank = samples.header, SetHash(), 0
        for block in samples.blocks():
            blank += sum(not text.strip() for text in block.texts)
            for identity, category in zip(block.ids, block.categories, strict=True):
                found.add(identity, category)
        faults = corpus_faults(stated=header.samples, stated_hash=header.hash, found=found, blank=blank)
        return _result(faults, f"{header.samples} distinct samples, {blank} of them blank")

    @dg.asset_check(asset="parity", partitions_def=partitions)
    def cosine_at_threshold(parity: ParityFile) -> dg.AssetCheckResult:
        """Every compared sample reaches the cosine threshold."""
        header = ParityHeader.from_json(parity.header, str(parity.path))
        good = f"{header.compared}/{header.compared} ≥ {limit_text(header.thresholds.cosine)}"
        return _result(
            cosine_faults(header), good, worst_cosine=header.worst_cosine, below=header.counts[Outcome.MISMATCH]
        )

    @dg.asset_check(asset="parity", partitions_def=partitions)
    def norms_agree(parity: ParityFile) -> dg.AssetCheckResult:
        """The L2 norms of both sides agree; a difference is harmless under cosine and no failure."""
        header = ParityHeader.from_json(parity.header, str(parity.path))
        return _result(
            norm_faults(header), "all norms agree", dg.AssetCheckSeverity.WARN, norms_differ=header.norms_differ
        )

    @dg.asset_check(asset="verdict", partitions_def=partitions)
    def verdict_is_pass(verdict: Verdict) -> dg.AssetCheckResult:
        """The verdict on this date and model is PASS."""
        faults = () if verdict.decision is Decision.PASS else (verdict.decision.value, *verdict.reasons)
        return _result(faults, "; ".join(verdict.reasons))

    lanes = [check for side in Side for check in _lane_checks(side, partitions)]
    return [corpus_sane, *lanes, cosine_at_threshold, norms_agree, verdict_is_pass]
