"""Draw a whole verdict from a tally and from where the two batches came from.

Here belongs the composition of the record that everything later reads. The decision itself belongs to `verdict`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from parity_pipeline.core.drift import catalogue
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance, echo_fault
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Circumstances, Verdict, counts_by_name, judge


def doubts_of(sides: Iterable[Provenance]) -> tuple[str, ...]:
    """Return why even equal vectors of these batches prove nothing: another model answered, or a lane gave up."""
    doubts: list[str] = []
    for batch in sides:
        if fault := echo_fault(batch):
            doubts.append(fault)
        doubts.extend(f"{batch.side}: {doubt}" for doubt in batch.doubts)
        if batch.stopped_early:
            doubts.append(f"the {batch.side} lane stopped early: {batch.stopped_early}")
    return tuple(doubts)


def conclude(
    tally: Tally,
    *,
    endpoint: str,
    date: str,
    model: str,
    sides: tuple[Provenance, Provenance],
    sample_set: Mapping[str, Any],
    pairing_faults: Sequence[str],
    package_version: str,
) -> Verdict:
    """Judge a tally and return the whole verdict.

    Args:
        tally: The compared rows, all of them; empty where pairing was refused.
        endpoint: What was probed.
        date: Partition date, ISO 8601.
        model: Model name.
        sides: Where the legacy and the candidate batch came from, in this order.
        sample_set: `{"hash", "samples", "duplicates_dropped", "sources"}` of the stored set.
        pairing_faults: Why the batches may not be paired; empty where they were.
        package_version: Version that judges.
    """
    legacy, candidate = sides
    circumstances = Circumstances(
        expected=int(sample_set["samples"]), pairing_faults=pairing_faults, doubts=doubts_of(sides)
    )
    decision, reasons = judge(tally, circumstances)
    worst = tally.worst_cosine()
    norms = tally.norms()
    return Verdict(
        endpoint=endpoint,
        date=date,
        model=model,
        decision=decision,
        reasons=reasons,
        thresholds=asdict(tally.thresholds),
        samples=tally.samples,
        compared=tally.compared,
        counts=counts_by_name(tally.counts),
        by_category={
            category: {outcome.value: count for outcome, count in sorted(counts.items()) if count}
            for category, counts in sorted(tally.by_category.items())
        },
        worst_cosine=worst.cosine if worst else None,
        mean_cosine=tally.cosine_sum / tally.compared if tally.compared else None,
        worst_sample=worst.id if worst else None,
        identical=tally.identical,
        norms_differ=tally.norms_differ,
        norms={side.value: (span.low, span.high) for side, span in zip(Side, norms, strict=True)},
        rows=[asdict(row) for row in tally.shown_rows()],
        drift=[row.to_json() for row in catalogue(legacy.observation, candidate.observation, *norms)],
        sides={Side.LEGACY.value: legacy.to_json(), Side.CANDIDATE.value: candidate.to_json()},
        sample_set=dict(sample_set),
        package_version=package_version,
    )
