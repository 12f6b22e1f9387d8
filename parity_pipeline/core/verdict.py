"""The record of a verdict, with all that a report, a check and a summary need.

Here belong the fields and their stored version. Deciding belongs to `decision` and counting to `tally`, whose names can
be imported from here too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parity_pipeline.core.outcomes import Decision, Outcome

SCHEMA_VERSION = 2
"""Version of the verdict's JSON form; raised when a reader of the old form would misread the new one.

2: a pass may be one with waivers, so that samples counted as mismatches no longer rule a pass out.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one endpoint, date and model, with all that a report and a summary need. Plain values only.

    Attributes:
        schema: `SCHEMA_VERSION`.
        endpoint: What was probed; `embed`.
        date: Partition date, ISO 8601.
        model: Model name.
        decision: `PASS`, `PASS WITH WAIVERS`, `FAIL` or `INCONCLUSIVE`.
        reasons: Why, worst first.
        thresholds: Limit a measure.
        samples: Size of the sample set.
        compared: Samples that have a cosine.
        counts: Samples of each outcome, every outcome named.
        by_category: The counts that are not 0, a category.
        worst_cosine: Smallest cosine; None where none was measured. It is also the threshold at which this date
            would have no mismatch.
        mean_cosine: Mean cosine; None likewise.
        worst_sample: Id of the sample with the smallest cosine.
        identical: Compared samples equal as float32.
        norms_differ: Compared samples whose norm ratio leaves the tolerance.
        norms: `{"legacy": [low, high], "candidate": [low, high]}`, None where unknown.
        rows: The rows of the report's table, `JudgedRow` as plain values.
        drift: The drift catalogue, `DriftRow` as plain values.
        sides: The provenance of each side, as plain values.
        sample_set: `{"hash", "samples", "duplicates_dropped", "sources"}`.
        package_version: Version that judged.
        severities: `fail` or `warn`, a measure that has a limit.
        measures: A measure that has a limit: `{"limit", "off", "failing", "worst", "worst_sample", "passing_limit"}`.
            `passing_limit` is text, the limit at which no sample without a waiver would have left it; None where none
            did, or where none can be named.
        norm_ratios: Smallest and largest norm ratio of all compared samples, None where there is none.
        apart: Samples counted apart, each once: `matched`, `different`, `waived`, `within_noise`, `without_evidence`,
            `refused_by_both`.
        drawn: `{"texts", "draws"}`: samples that came from a random draw, and how often they were drawn.
        drawn_by_category: Random draws of each outcome that are not 0, a category.
        confidence: What the random samples prove, `ShareBound` as plain values with its `sentence`; the one of all
            together, category None, comes first.
        required_bound: Share of inputs that at most may fail; None where no proof was asked for.
        floors: The noise floor of each side, `NoiseFloor` as plain values, None where none was measured.
        findings: What else a person has to see to, in words: waivers, and sides that contradict themselves.
        waived: Samples that each waiver took, by its id.
        diagnosis: What explains the failing samples, `diagnosis.records.Diagnosis` as plain values, with the collisions
            that one side alone has under `collisions`; empty where none was made.
        stability: What asking each side the same texts in different ways showed, by side and as plain values; a side
            that was not tried is not named.
        coverage: Documented failure modes that this run would have shown: `{"exercised": [1, …], "missing": [{"number",
            "title", "why"}, …], "total"}`; empty in a verdict of an earlier version.
    """

    endpoint: str
    date: str
    model: str
    decision: Decision
    reasons: Sequence[str]
    thresholds: Mapping[str, float]
    samples: int
    compared: int
    counts: Mapping[str, int]
    by_category: Mapping[str, Mapping[str, int]]
    worst_cosine: float | None
    mean_cosine: float | None
    worst_sample: str | None
    identical: int
    norms_differ: int
    norms: Mapping[str, Sequence[float | None]]
    rows: Sequence[Mapping[str, Any]]
    drift: Sequence[Mapping[str, Any]]
    sides: Mapping[str, Mapping[str, Any]]
    sample_set: Mapping[str, Any]
    package_version: str
    severities: Mapping[str, str] = field(default_factory=dict[str, str])
    measures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    norm_ratios: Sequence[float | None] = (None, None)
    apart: Mapping[str, int] = field(default_factory=dict[str, int])
    drawn: Mapping[str, int] = field(default_factory=dict[str, int])
    drawn_by_category: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    confidence: Sequence[Mapping[str, Any]] = ()
    required_bound: float | None = None
    floors: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict[str, Mapping[str, Any] | None])
    findings: Sequence[str] = ()
    waived: Mapping[str, int] = field(default_factory=dict[str, int])
    diagnosis: Mapping[str, Any] = field(default_factory=dict[str, Any])
    stability: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    coverage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    schema: int = SCHEMA_VERSION


def counts_by_name(counts: Mapping[Outcome, int], outcomes: Iterable[Outcome] = Outcome) -> dict[str, int]:
    """Return the counts under the stored names of the outcomes, every one named, zeros included."""
    return {outcome.value: counts.get(outcome, 0) for outcome in outcomes}
