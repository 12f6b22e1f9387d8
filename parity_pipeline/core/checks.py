"""The checks of a verdict: what was looked at, what it showed, how much that weighs, and the decision over all of them.

Here belong the closed set of names of the embed probe, the record, the default severities, what settings may change, and
the one function that turns the checks of any probe into a decision. Measuring for them belongs to `sample_checks` and `side_checks`.

A new check takes, with what notices that it is missing:

    a member of `CheckName`, a sentence in `DESCRIPTIONS`                  importing `defs.checks`, KeyError
    a function that returns it, in `sample_checks` or `side_checks`        nothing
    its call in `verdict_builder`                                          a test: every name is measured
    its family in `defs.checks` (`FAMILIES`), for the UI                   a test
    `make reference`, which writes its row in `docs/checks.md`             a test
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from parity_pipeline.core.limits import MIN_COMPARED_SHARE
from parity_pipeline.core.measures import Measure
from parity_pipeline.core.outcomes import Decision, Side


class CheckSeverity(StrEnum):
    """What it means for the decision when a check does not pass."""

    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    WARN = "warn"


class CheckName(StrEnum):
    """Every check, in the order in which reasons are listed. The spelling is stored, so a name is only ever added."""

    PAIRING = "pairing"
    COMPLETE_COUNTS = "complete-counts"
    DIMENSION = "dimension"
    COSINE = "cosine"
    NORM_RATIO = "norm-ratio"
    MAX_ABS_DELTA_UNIT = "max-abs-delta-unit"
    MAX_ABS_DELTA = "max-abs-delta"
    MAX_ABS_DELTA_RELATIVE = "max-abs-delta-relative"
    NOT_A_NUMBER = "not-a-number"
    ZERO_VECTOR = "zero-vector"
    REFUSED_BY_CANDIDATE = "refused-by-candidate"
    REFUSED_BY_LEGACY = "refused-by-legacy"
    LEGACY_NOISE_FLOOR = "legacy-noise-floor"
    CANDIDATE_NOISE_FLOOR = "candidate-noise-floor"
    WITHIN_NOISE = "within-noise"
    CONFIRMATION = "confirmation"
    MISSING = "missing"
    NOT_A_NUMBER_ON_BOTH = "not-a-number-on-both"
    ZERO_VECTOR_ON_BOTH = "zero-vector-on-both"
    COMPARED_SHARE = "compared-share"
    SOME_MATCH = "some-match"
    REQUIRED_BOUND = "required-bound"
    DISCRIMINATION = "discrimination"
    SAME_ORIGIN = "same-origin"
    LEGACY_MODEL_ECHO = "legacy-model-echo"
    CANDIDATE_MODEL_ECHO = "candidate-model-echo"
    CAVEATS = "caveats"
    LEGACY_OUTAGE = "legacy-outage"
    CANDIDATE_OUTAGE = "candidate-outage"
    LEGACY_CANARIES = "legacy-canaries"
    CANDIDATE_CANARIES = "candidate-canaries"
    LEGACY_REQUEST_SIZE = "legacy-request-size"
    CANDIDATE_REQUEST_SIZE = "candidate-request-size"
    LEGACY_DECLARED_DIMENSION = "legacy-declared-dimension"
    CANDIDATE_DECLARED_DIMENSION = "candidate-declared-dimension"
    LEGACY_NORM_CONSISTENCY = "legacy-norm-consistency"
    CANDIDATE_NORM_CONSISTENCY = "candidate-norm-consistency"
    LEGACY_FLOOR_MEASURED = "legacy-floor-measured"
    CANDIDATE_FLOOR_MEASURED = "candidate-floor-measured"
    LEGACY_REPEATS = "legacy-repeats"
    LEGACY_BATCH_SIZES = "legacy-batch-sizes"
    LEGACY_ORDER = "legacy-order"
    LEGACY_LOAD = "legacy-load"
    LEGACY_EQUAL_LENGTHS = "legacy-equal-lengths"
    LEGACY_HISTORY = "legacy-history"
    LEGACY_SALTED = "legacy-salted"
    LEGACY_FOREIGN_VECTORS = "legacy-foreign-vectors"
    CANDIDATE_REPEATS = "candidate-repeats"
    CANDIDATE_BATCH_SIZES = "candidate-batch-sizes"
    CANDIDATE_ORDER = "candidate-order"
    CANDIDATE_LOAD = "candidate-load"
    CANDIDATE_EQUAL_LENGTHS = "candidate-equal-lengths"
    CANDIDATE_HISTORY = "candidate-history"
    CANDIDATE_SALTED = "candidate-salted"
    CANDIDATE_FOREIGN_VECTORS = "candidate-foreign-vectors"
    CONTRACT_UNKNOWN_MODEL = "contract-unknown-model"
    CONTRACT_NO_MODEL = "contract-no-model"
    CONTRACT_EMPTY_LIST = "contract-empty-list"
    CONTRACT_BLANK_TEXT = "contract-blank-text"
    CONTRACT_WRONG_ELEMENT = "contract-wrong-element"
    CONTRACT_LONE_SURROGATE = "contract-lone-surrogate"
    CONTRACT_BAD_REQUEST = "contract-bad-request"
    CONTRACT_LONG_TEXT = "contract-long-text"
    CONTRACT_LARGE_BATCH = "contract-large-batch"
    CONTRACT_OPTIONS = "contract-options"
    CONTRACT_CONNECTION = "contract-connection"
    CONTRACT_ERRORS = "contract-errors"
    CONTRACT_DECLARATIONS = "contract-declarations"
    CONTRACT_LIMITS = "contract-limits"
    CHANGED_VERDICT = "changed-verdict"
    LEGACY_DRIFT = "legacy-drift"
    CANDIDATE_DRIFT = "candidate-drift"


def of_side(side: Side, subject: str) -> CheckName:
    """Return the check of one side, such as `candidate-load`.

    Raises:
        ValueError: Sides have no such check.
    """
    return CheckName(f"{side.value}-{subject}")


def of_measure(measure: Measure) -> CheckName:
    """Return the check of a measure that may have a limit."""
    return CheckName(measure.value.replace("_", "-"))


OF_MEASURES: Final = {of_measure(measure): measure for measure in Measure}
"""The checks of the measures: whether one fails a sample belongs to `thresholds.warn_only` too."""

GROUND: Final = (CheckName.PAIRING, CheckName.COMPLETE_COUNTS)
"""Checks without which nothing that counts samples means anything."""

ALWAYS: Final = frozenset({*GROUND, CheckName.SOME_MATCH})
"""Checks that no setting changes and no waiver covers: without them nothing was compared that a verdict could be about."""

OF_SAMPLES: Final = frozenset(
    {
        *OF_MEASURES,
        CheckName.DIMENSION,
        CheckName.NOT_A_NUMBER,
        CheckName.ZERO_VECTOR,
        CheckName.REFUSED_BY_CANDIDATE,
        CheckName.REFUSED_BY_LEGACY,
        CheckName.WITHIN_NOISE,
        CheckName.MISSING,
        CheckName.NOT_A_NUMBER_ON_BOTH,
        CheckName.ZERO_VECTOR_ON_BOTH,
    }
)
"""Checks that count samples. A waiver covers those by outcomes or measures, so that it always has a largest number."""

DESCRIPTIONS: Final[Mapping[CheckName, str]] = {
    CheckName.PAIRING: "Both lanes hold the same sample set, date and model.",
    CheckName.COMPLETE_COUNTS: "Every sample of the set has exactly one outcome.",
    CheckName.DIMENSION: "The two vectors of a sample have one dimension.",
    CheckName.COSINE: "Every compared sample reaches the cosine threshold.",
    CheckName.NORM_RATIO: "The L2 norms of both sides agree; a difference is harmless under cosine.",
    CheckName.MAX_ABS_DELTA_UNIT: "No element of the normalised vectors differs by more than its limit.",
    CheckName.MAX_ABS_DELTA: "No element of the raw vectors differs by more than its limit.",
    CheckName.MAX_ABS_DELTA_RELATIVE: "No element differs by more than its limit, relative to the legacy norm.",
    CheckName.NOT_A_NUMBER: "No vector holds NaN or infinity on one side alone.",
    CheckName.ZERO_VECTOR: "No vector is zero on one side alone.",
    CheckName.REFUSED_BY_CANDIDATE: "The candidate refuses no text that the legacy side returns a vector for.",
    CheckName.REFUSED_BY_LEGACY: "The legacy side refuses no text that the candidate returns a vector for.",
    CheckName.WITHIN_NOISE: "No sample is below the threshold by what the legacy side's own noise explains.",
    CheckName.CONFIRMATION: "Differences that did not persist leave both sides reliable.",
    CheckName.DISCRIMINATION: "A wrong row would not have reached the threshold.",
    CheckName.MISSING: "Every sample has a usable response, or a definite refusal, from both sides.",
    CheckName.NOT_A_NUMBER_ON_BOTH: "No sample holds NaN or infinity on both sides.",
    CheckName.ZERO_VECTOR_ON_BOTH: "No sample is a zero vector on both sides.",
    CheckName.COMPARED_SHARE: "Enough of the samples have a cosine.",
    CheckName.SOME_MATCH: "At least one compared sample matches.",
    CheckName.REQUIRED_BOUND: "The random samples prove the required bound, where one is set.",
    CheckName.SAME_ORIGIN: "The two sides were fetched from different addresses.",
    CheckName.CAVEATS: "The fetch saw nothing that makes equal vectors prove less than they seem to.",
    CheckName.CONTRACT_UNKNOWN_MODEL: "Both sides treat a request for an unknown model alike.",
    CheckName.CONTRACT_NO_MODEL: "Both sides treat a request without a model alike.",
    CheckName.CONTRACT_EMPTY_LIST: "Both sides treat a request without texts alike.",
    CheckName.CONTRACT_BLANK_TEXT: "Both sides treat empty and blank texts among others alike.",
    CheckName.CONTRACT_WRONG_ELEMENT: "Both sides treat null and a number in place of a text alike.",
    CheckName.CONTRACT_LONE_SURROGATE: "Both sides treat half a surrogate pair alike.",
    CheckName.CONTRACT_BAD_REQUEST: "Both sides reject invalid JSON, another method and another content type alike.",
    CheckName.CONTRACT_LONG_TEXT: "Both sides treat a text beyond the context window alike.",
    CheckName.CONTRACT_LARGE_BATCH: "Both sides return the rows of a batch of four times `batch_texts` as of the texts alone.",
    CheckName.CONTRACT_OPTIONS: "Both sides honour `dimensions` and `encoding_format` alike, where their dialects have them.",
    CheckName.CONTRACT_CONNECTION: "Both sides keep a connection open after a response, or neither does.",
    CheckName.CONTRACT_ERRORS: "Both sides return errors with the same status and form.",
    CheckName.CONTRACT_DECLARATIONS: "The candidate states what its responses hold, and all that the legacy side states.",
    CheckName.CONTRACT_LIMITS: "Both sides accept bodies and batches up to the same size.",
    CheckName.CHANGED_VERDICT: "The same samples and settings give the verdict that they gave before.",
}
"""What each check that is not of one side looks at."""

SIDE_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "noise-floor": "The {side}'s own responses to one text reach the cosine threshold.",
    "model-echo": "The model that the {side} echoes is the one that was requested.",
    "outage": "The lane of the {side} ran to its end.",
    "canaries": "The {side} returns the same vectors at the start, in the middle and at the end of its lane.",
    "request-size": "The {side} accepts requests of the configured size.",
    "declared-dimension": "The dimension that the {side} declares is that of its vectors.",
    "norm-consistency": "The {side}'s vectors are all of unit length, or all are not.",
    "floor-measured": "The {side}'s noise floor was measured after the fetch that it is used for.",
    "repeats": "The {side} returns the same vectors for the same request.",
    "batch-sizes": "The {side} returns the same vector for a text alone and in a batch.",
    "order": "The {side} returns the same vectors in whatever order a request holds its texts.",
    "load": "The {side} returns the same vectors while other requests are in flight.",
    "equal-lengths": "The {side} keeps texts of equal length apart that come at once.",
    "history": "The {side} returns the same vectors after other texts came.",
    "salted": "The {side} returns for a new text the first time what it returns later.",
    "drift": "The {side} returns the vectors that it returned for the same texts on earlier dates.",
    "foreign-vectors": "The {side} returns no vectors of another model, such as from a stale cache.",
}
"""What the checks of one side look at."""


def description(name: CheckName) -> str:
    """Return what a check looks at, as one sentence."""
    if name in DESCRIPTIONS:
        return DESCRIPTIONS[name]
    side, _, subject = name.value.partition("-")
    return SIDE_DESCRIPTIONS[subject].format(side=side)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCheck:
    """One check of a verdict of any probe.

    Attributes:
        name: Its name, which each probe narrows to its own set.
        severity: What it means that it does not pass.
        passed: Whether it passed; None where nothing was measured for it.
        seen: What was seen, a clause without a full stop. It may hold a server's words.
        remedy: What to do where it did not pass; "" where that is said by what was seen.
        side: The side that it is about; None for both.
        waived_by: Ids of the waivers that cover all of it, joined by commas; "" where it is not waived.
        by_default: The severity that it would have without the settings; None where they leave it as it is.
    """

    name: StrEnum
    severity: CheckSeverity
    passed: bool | None
    seen: str
    remedy: str = ""
    side: Side | None = None
    waived_by: str = ""
    by_default: CheckSeverity | None = None

    @property
    def stands(self) -> bool:
        """Return whether it did not pass and nothing excuses that."""
        return self.passed is False and not self.waived_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(JudgedCheck):
    """One check of the embed probe."""

    name: CheckName


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """What the settings say of checks.

    Attributes:
        severities: Severity of each check that shall not have its default one.
        min_compared_share: Smallest share of samples that must have a cosine, in [0, 1].
        allow_same_origin: Whether both sides may have one address, as when a gateway is compared with itself on purpose.
        accept_echo: Names, or globs of names, that a side may say it used in place of the one that was requested.
        floors_expected: Whether each side's repeatability is measured, so that a missing noise floor is a gap.
        contract_expected: Whether each side's contract is observed, so that its checks belong to the verdict.
    """

    severities: Mapping[CheckName, CheckSeverity] = field(default_factory=dict[CheckName, CheckSeverity])
    min_compared_share: float = MIN_COMPARED_SHARE
    allow_same_origin: bool = False
    accept_echo: Mapping[Side, tuple[str, ...]] = field(default_factory=dict[Side, tuple[str, ...]])
    floors_expected: bool = False
    contract_expected: bool = False


def settings_faults(names: Iterable[StrEnum], always: Collection[StrEnum] = ALWAYS) -> tuple[str, ...]:
    """Return why settings cannot give severities to these checks; empty when they can.

    Args:
        names: The checks, or a mapping from them.
        always: Checks of the probe that no setting changes.
    """
    return tuple(f"{name.value}: this check cannot be changed; remove it" for name in names if name in always)


def decision_of(
    checks: Sequence[JudgedCheck],
    *,
    reached: Sequence[str] = (),
    waived: Sequence[str] = (),
    refused: Sequence[str] = (),
    ground: Collection[StrEnum] = GROUND,
    counting: Collection[StrEnum] = OF_SAMPLES,
) -> tuple[Decision, tuple[str, ...]]:
    """Decide over all checks, and say why, worst reason first.

    FAIL where any check of that severity stands, that is, did not pass and is not waived; else INCONCLUSIVE where any of
    that severity does; else PASS WITH WAIVERS where anything was waived; else PASS. Lanes that may not be paired and
    counts that do not add up outweigh all of that: nothing else was judged on sound ground.

    Args:
        checks: All checks of a date and model, or corpus.
        reached: What the matches reached, the first reason of a pass.
        waived: What waivers took, which every decision names.
        refused: What both sides refuse, which a pass names.
        ground: Checks of the probe without which nothing that it counts means anything.
        counting: Checks of the probe that count its inputs; `waived` says what waivers took of these.
    """
    broken = [one.seen for one in checks if one.name in ground and one.stands]
    if broken:
        return Decision.INCONCLUSIVE, (broken[0],)
    stands = [one for one in checks if one.stands]
    reasons = [one.seen for severity in _AGAINST for one in stands if one.severity is severity]
    by_name = [
        f"{one.name} is waived by {one.waived_by}: {one.seen}"
        for one in checks
        if one.waived_by and one.name not in counting
    ]
    if reasons:
        failed = any(one.severity is CheckSeverity.FAIL for one in stands)
        return (Decision.FAIL if failed else Decision.INCONCLUSIVE), (*reasons, *waived, *by_name)
    passed = Decision.PASS_WITH_WAIVERS if any(one.waived_by for one in checks) else Decision.PASS
    return passed, (*reached, *waived, *by_name, *refused)


_AGAINST: Final = (CheckSeverity.FAIL, CheckSeverity.INCONCLUSIVE)
