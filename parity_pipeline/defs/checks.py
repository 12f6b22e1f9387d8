"""Asset checks, each with the partitions of its asset.

Here belongs the step from the core's faults to Dagster's results. A check decides nothing on its own: it repeats what
the core says of the stored record. None blocks: the report of a failing date matters most (docs/adr/0004).
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from parity_pipeline.core.numerals import limit_text
from parity_pipeline.core.outcomes import PASSING, Outcome, Side
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
    asset: Sequence[str],
    name: str,
    faults: Sequence[str],
    good: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    **numbers: float | None,
) -> dg.AssetCheckResult:
    """Return a check's result; numbers that are known are plotted over the partitions."""
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(asset),
        check_name=name,
        passed=not faults,
        severity=severity,
        description="; ".join(prose(fault) for fault in faults) or good,
        metadata={name.replace("_", " "): number for name, number in numbers.items() if number is not None},
    )


def _specs(asset: Sequence[str], partitions: dg.PartitionsDefinition, **names: str) -> list[dg.AssetCheckSpec]:
    """Return the specifications of an asset's checks, by name with their description."""
    return [
        dg.AssetCheckSpec(name, asset=dg.AssetKey(asset), description=words, partitions_def=partitions)
        for name, words in names.items()
    ]


def _lane_checks(side: Side, partitions: dg.PartitionsDefinition) -> Check:
    asset = (side.value, "embeddings")
    specs = _specs(
        asset,
        partitions,
        fetch_complete="Every sample has a vector or a definite refusal.",
        vectors_finite_one_dimension="All vectors are finite, not zero, and of one dimension.",
    )

    @dg.multi_asset_check(
        name=f"{side.value}_embeddings_checks", specs=specs, ins={"batch": dg.AssetIn(key=dg.AssetKey(asset))}
    )
    def lane(batch: EmbeddingsFile) -> Iterator[dg.AssetCheckResult]:
        provenance = batch.provenance
        faults = completeness_faults(dict(provenance.status_counts), provenance.samples)
        if batch.rows != provenance.samples:
            faults = (*faults, f"the file holds {batch.rows} rows")
        good = f"{provenance.samples} of {provenance.samples} samples answered"
        yield _result(asset, "fetch_complete", faults, good, vectors=provenance.ok_rows)
        faults = vector_faults(dict(provenance.survey), provenance.ok_rows)
        good = f"{provenance.ok_rows} finite vectors of one dimension"
        yield _result(asset, "vectors_finite_one_dimension", faults, good)

    return lane


def _parity_checks(partitions: dg.PartitionsDefinition) -> Check:
    asset = ("parity",)
    specs = _specs(
        asset,
        partitions,
        cosine_at_threshold="Every compared sample reaches the cosine threshold.",
        norms_agree="The L2 norms of both sides agree; a difference is harmless under cosine and no failure.",
    )

    @dg.multi_asset_check(name="parity_checks", specs=specs, ins={"parity": dg.AssetIn(key=dg.AssetKey(asset))})
    def compared(parity: ParityFile) -> Iterator[dg.AssetCheckResult]:
        header = ParityHeader.from_json(parity.header, str(parity.path))
        good = f"{header.compared}/{header.compared} ≥ {limit_text(header.thresholds.cosine)}"
        below = header.counts[Outcome.MISMATCH]
        faults, worst = cosine_faults(header), header.worst_cosine
        yield _result(asset, "cosine_at_threshold", faults, good, worst_cosine=worst, below=below)
        warn = dg.AssetCheckSeverity.WARN
        yield _result(
            asset, "norms_agree", norm_faults(header), "all norms agree", warn, norms_differ=header.norms_differ
        )

    return compared


def build_checks(partitions: dg.PartitionsDefinition) -> list[Check]:
    """Return all asset checks; those of one asset share a step, since each step costs a run a tenth of a second."""

    @dg.asset_check(asset="samples", partitions_def=partitions)
    def corpus_sane(samples: SampleSetFile) -> dg.AssetCheckResult:
        """The stored sample set has samples, is whole, and is not blank."""
        header, found, blank = samples.header, SetHash(), 0
        for block in samples.blocks():
            blank += sum(not text.strip() for text in block.texts)
            for identity, category in zip(block.ids, block.categories, strict=True):
                found.add(identity, category)
        faults = corpus_faults(stated=header.samples, stated_hash=header.hash, found=found, blank=blank)
        good = f"{header.samples} distinct samples, {blank} of them blank"
        return _result(("samples",), "corpus_sane", faults, good, samples=header.samples)

    @dg.asset_check(asset="verdict", partitions_def=partitions)
    def verdict_is_pass(verdict: Verdict) -> dg.AssetCheckResult:
        """The verdict on this date and model is PASS, with waivers or without."""
        faults = () if verdict.decision in PASSING else (verdict.decision.value, *verdict.reasons)
        good = "; ".join((verdict.decision.value, *verdict.reasons))
        return _result(("verdict",), "verdict_is_pass", faults, good, worst_cosine=verdict.worst_cosine)

    lanes = [_lane_checks(side, partitions) for side in Side]
    return [corpus_sane, *lanes, _parity_checks(partitions), verdict_is_pass]
