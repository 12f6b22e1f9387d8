"""The record of a verdict, with all that a report, a check and a summary need.

Here belong the fields and their stored version. What a check is, and the decision over all of them, belong to `checks`;
counting to `tally`, putting a verdict together to `verdict_builder`, the stored form to `storage.evidence_files`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from parity_pipeline.core.checks import Check
from parity_pipeline.core.confidence import PooledBound, ShareBound
from parity_pipeline.core.confirmation import Confirmation
from parity_pipeline.core.contract.comparison import ContractComparison
from parity_pipeline.core.diagnosis.records import Diagnosis
from parity_pipeline.core.discrimination import Background
from parity_pipeline.core.measures import Measure
from parity_pipeline.core.noise_floor import NoiseFloor, NoiseFloors
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import GRADED, PASSING, Decision, Outcome, Severity, Side
from parity_pipeline.core.power.records import Power
from parity_pipeline.core.provenance import Provenance, SampleSetIdentity
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.stability.records import Stability
from parity_pipeline.core.wire_drift import DriftRow, NormRange
from parity_pipeline.core.worst_rows import JudgedRow

SCHEMA_VERSION: Final = 4
"""Version of the verdict's JSON form; raised when a reader of the old form would misread the new one.

2: a pass may be one with waivers, so that samples counted as mismatches no longer rule a pass out.
3: nested records; every measure holds its limit and severity, every side its evidence.
4: the checks that the decision was made over.
"""

EMBED: Final = "embed"
"""The probe of embeddings, as verdicts name it."""

EMBED_THROUGH_ADAPTER: Final = "embed-through-adapter"
"""The same probe with the adapter in front of the candidate: what callers of the legacy's wire will get."""

OutcomeCounts = Mapping[Outcome, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesApart:
    """Samples counted apart, each once, so that the numbers sum to all.

    Attributes:
        matched: Within every limit that fails a sample.
        different: Prove a difference that nothing excuses.
        waived: Taken by a waiver.
        within_noise: Below the cosine threshold, and explained by the legacy side's own noise.
        without_evidence: No usable response of one side, or NaN or zeros on both.
        refused_by_both: Refused by both sides.
        unconfirmed: Differed in the lane and did not persist when they were requested again.
    """

    matched: int
    different: int
    waived: int
    within_noise: int
    without_evidence: int
    refused_by_both: int
    unconfirmed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCounts:
    """How many samples have each outcome.

    Attributes:
        outcomes: Samples of each outcome, every one of `outcomes.IN_VERDICTS` named.
        by_category: The counts that are not 0, per category.
        apart: The same samples by what they mean; None in a verdict of schema 1.
        waived: Samples that each waiver took, by its id.
        identical: Compared samples equal as float32.
    """

    outcomes: OutcomeCounts
    by_category: Mapping[str, OutcomeCounts]
    apart: SamplesApart | None
    waived: Mapping[str, int]
    identical: int

    @property
    def samples(self) -> int:
        """Return the number of samples that have an outcome."""
        return sum(self.outcomes.values())

    @property
    def compared(self) -> int:
        """Return the number of samples that have a cosine."""
        return sum(self.outcomes.get(outcome, 0) for outcome in GRADED)

    @property
    def matched(self) -> int:
        """Return the number of samples that match."""
        return self.outcomes.get(Outcome.MATCH, 0)

    @property
    def refused_by_both(self) -> int:
        """Return the number of samples that both sides refuse."""
        return self.outcomes.get(Outcome.REFUSED_BY_BOTH, 0)

    @property
    def samples_waived(self) -> int:
        """Return the number of samples that waivers took."""
        return self.apart.waived if self.apart else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureResult:
    """Result of one measure that has a limit, over all compared samples.

    Attributes:
        measure: The measure.
        limit: Its limit.
        severity: What a sample beyond the limit comes to.
        beyond: Samples beyond the limit.
        failing: Those of them that neither a waiver nor noise excuses.
        worst: The worst value; None where none was measured.
        worst_sample: Id of its sample.
        passing_limit: The limit, as text, at which no sample without a waiver would have been beyond it; None where
            none was, or where none can be named.
    """

    measure: Measure
    limit: float
    severity: Severity
    beyond: int
    failing: int
    worst: float | None
    worst_sample: str | None
    passing_limit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomDraws:
    """What the samples that came from a random draw prove.

    Attributes:
        texts: Samples that came from a random draw.
        draws: How often they were drawn.
        by_category: Random draws of each outcome that are not 0, per category.
        bounds: What they prove: of all together first (category None), then of each category, these simultaneously.
        required_bound: Share of inputs that at most may fail; None where no proof is required.
        draws_hash: The same where the same texts were drawn as often, 16 hex digits; "" where none was drawn, and in
            verdicts of earlier versions.
    """

    texts: int
    draws: int
    by_category: Mapping[str, OutcomeCounts]
    bounds: tuple[ShareBound, ...]
    required_bound: float | None
    draws_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideEvidence:
    """What is known of one side.

    Attributes:
        provenance: Where its batch came from.
        norms: The L2 norms of its vectors.
        floor: Its noise floor; None where none was measured.
        stability: What trying it against itself showed; None where it was not tried.
    """

    provenance: Provenance
    norms: NormRange
    floor: NoiseFloor | None
    stability: Stability | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one probe, date and model.

    Attributes:
        endpoint: The probe; `EMBED` or `EMBED_THROUGH_ADAPTER`.
        date: Partition date, ISO 8601.
        model: Model name.
        decision: The decision.
        reasons: Why, worst first.
        findings: What else a person has to see to: waivers, and sides that are not repeatable.
        checks: Every check, in the order of `CheckName`; empty in a verdict of an earlier version.
        sample_set: The set whose samples were compared.
        counts: How many samples have each outcome.
        measures: Each measure that has a limit, in the order of `Measure`; cosine and norm ratio always have one.
        mean_cosine: Mean cosine; None where none was measured. Informational.
        norm_ratios: Smallest and largest norm ratio of all compared samples; None where there is none.
        random: What the random samples prove.
        legacy: What is known of the legacy side.
        candidate: What is known of the candidate.
        diagnosis: What explains the failing samples; None where no diagnosis was made.
        drift: The wire drift of the two sides.
        rows: The rows of the report's table; empty in the ledger.
        package_version: Version that judged.
        background: Cosines of different texts across the sides; None where they were not looked at.
        confirmation: What requesting failing rows again showed; None where nothing was requested.
        contract: The contracts of both sides against each other; None where neither was observed, in the ledger, and in
            verdicts of earlier versions.
        pooled: What the random samples of this and earlier dates prove together; None where there is one date alone,
            and in verdicts of earlier versions.
        power: What the samples would have caught; None for a verdict that is not a pass, and in verdicts of earlier
            versions.
        not_run: Why the run ended before anything was judged; None for every other verdict.
        min_compared_share: Smallest share of samples that had to have a cosine; None in verdicts of earlier versions.
        schema: `SCHEMA_VERSION`.
    """

    endpoint: str
    date: str
    model: str
    decision: Decision
    reasons: tuple[str, ...]
    findings: tuple[str, ...]
    checks: tuple[Check, ...]
    sample_set: SampleSetIdentity
    counts: SampleCounts
    measures: tuple[MeasureResult, ...]
    mean_cosine: float | None
    norm_ratios: tuple[float, float] | None
    random: RandomDraws
    legacy: SideEvidence
    candidate: SideEvidence
    diagnosis: Diagnosis | None
    drift: tuple[DriftRow, ...]
    rows: tuple[JudgedRow, ...]
    package_version: str
    pooled: PooledBound | None = None
    background: Background | None = None
    confirmation: Confirmation | None = None
    power: Power | None = None
    contract: ContractComparison | None = None
    not_run: RunFailure | None = None
    min_compared_share: float | None = None
    schema: Literal[4] = SCHEMA_VERSION

    @property
    def strength(self) -> str:
        """Return how much a pass proves, such as `sampled (50 random texts: at most 5.82 % may differ)`; "" for no pass."""
        if self.decision not in PASSING:
            return ""
        drawn = next((one for one in self.random.bounds if one.category is None and one.trials), None)
        if drawn is None:
            texts = "text" if self.counts.compared == 1 else "texts"
            return f"smoke test ({self.counts.compared:,} hand-picked {texts})"
        if self.random.required_bound is not None:
            return f"proved to {percent(self.random.required_bound)}"
        texts = "text" if drawn.trials == 1 else "texts"
        return f"sampled ({drawn.trials:,} random {texts}: at most {percent(drawn.bound)} may differ)"

    @property
    def through_adapter(self) -> bool:
        """Return whether the candidate was requested through the adapter, in the legacy's dialect."""
        return self.endpoint == EMBED_THROUGH_ADAPTER

    @property
    def sides(self) -> tuple[SideEvidence, SideEvidence]:
        """Return what is known of the legacy and of the candidate side, in this order."""
        return self.legacy, self.candidate

    @property
    def lanes(self) -> tuple[Provenance, Provenance]:
        """Return where the legacy and the candidate lane came from, in this order."""
        return self.legacy.provenance, self.candidate.provenance

    def side(self, side: Side) -> SideEvidence:
        """Return what is known of one side."""
        return self.legacy if side is Side.LEGACY else self.candidate

    @property
    def floors(self) -> NoiseFloors:
        """Return the noise floors of both sides."""
        return NoiseFloors(legacy=self.legacy.floor, candidate=self.candidate.floor)

    def measure(self, measure: Measure) -> MeasureResult:
        """Return the result of a measure that has a limit, as cosine and norm ratio always have."""
        return next(one for one in self.measures if one.measure is measure)

    @property
    def threshold(self) -> float:
        """Return the limit of the cosine."""
        return self.measure(Measure.COSINE).limit

    @property
    def worst_cosine(self) -> float | None:
        """Return the smallest cosine; None where none was measured."""
        return self.measure(Measure.COSINE).worst

    @property
    def norms_differ(self) -> int:
        """Return the number of compared samples whose norm ratio leaves the tolerance."""
        return self.measure(Measure.NORM_RATIO).beyond
