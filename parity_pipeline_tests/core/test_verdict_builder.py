import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity
from parity_pipeline.core.confidence import upper_bound
from parity_pipeline.core.contract_checks import OF_CONTRACT
from parity_pipeline.core.measures import Measure, Thresholds
from parity_pipeline.core.noise_floor import NoiseFloors, floor_of
from parity_pipeline.core.outcomes import IN_VERDICTS, Decision, Outcome, RowStatus, Severity, Side
from parity_pipeline.core.provenance import ComparisonSummary, ParityHeader, SampleSetIdentity
from parity_pipeline.core.self_drift import OF_DRIFT
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import SCHEMA_VERSION, Verdict
from parity_pipeline.core.verdict_builder import build_verdict
from parity_pipeline.core.waivers import Waiver, account_for
from parity_pipeline_tests.core.builders import Row, compared, provenance

ONE: Row = [1.0, 0.0]
MATCH: tuple[Row, Row] = (ONE, ONE)
MISMATCH: tuple[Row, Row] = (ONE, [0.0, 13.0])
LOST: tuple[Row, Row] = (ONE, RowStatus.FAILED)
SIDES = (provenance(Side.LEGACY), provenance(Side.CANDIDATE))
DAY = date(2026, 4, 30)


def header_of(samples: int, faults: Sequence[str] = ()) -> ParityHeader:
    """Return the header of a comparison of so many samples, none of them added to its counts."""
    identity = SampleSetIdentity(hash="a" * 64, samples=samples, duplicates_dropped=0, sources=())
    return ComparisonSummary().header(identity, SIDES, tuple(faults))


def concluded(
    pairs: list[tuple[Row, Row]],
    *,
    drawn: list[int] | None = None,
    categories: list[str] | None = None,
    tally: Tally | None = None,
    required_bound: float | None = None,
    faults: tuple[str, ...] = (),
) -> Verdict:
    """Return the verdict on some pairs, which has to be plain JSON."""
    tally = tally or Tally(Thresholds())
    tally.add(compared(pairs, categories=categories, drawn=drawn or ()))
    verdict = build_verdict(
        tally,
        header_of(len(pairs), faults),
        endpoint="embed",
        date="2026-04-30",
        model="m",
        package_version="0.1.0",
        required_bound=required_bound,
    )
    json.dumps(asdict(verdict), allow_nan=False)
    assert verdict.counts.apart is not None
    assert sum(asdict(verdict.counts.apart).values()) == verdict.counts.samples == len(pairs)
    return verdict


def checks(verdict: Verdict) -> dict[CheckName, Check]:
    """Return the checks of a verdict by name; each is there once, in order, but for the contract, which is off."""
    assert [one.name for one in verdict.checks] == [name for name in CheckName if name not in OF_CONTRACT + OF_DRIFT]
    return {one.name: one for one in verdict.checks}


def test_only_random_samples_bound_the_share() -> None:
    """Hand-picked samples, however many, do not tighten the bound; a text drawn three times counts three times."""
    verdict = concluded([MATCH] * 100, drawn=[0] * 98 + [3, 1])
    overall = verdict.random.bounds[0]
    assert (overall.category, overall.trials, overall.failures) == (None, 4, 0)
    assert overall.bound == upper_bound(0, 4)
    assert (verdict.random.texts, verdict.random.draws) == (2, 4)
    assert "4 of 4 random samples are clean" in overall.sentence()


def test_hand_picked_failures_do_not_count_either() -> None:
    """A mismatch that a person looked for says nothing about the share among random inputs, and is a FAIL all the same."""
    verdict = concluded([MATCH, MISMATCH], drawn=[1, 0])
    assert (verdict.random.bounds[0].failures, verdict.decision) == (0, Decision.FAIL)


def test_nothing_drawn_is_said_in_words() -> None:
    """Without a random sample there is one entry, and it says that nothing is known about other inputs."""
    [overall] = concluded([MATCH] * 5).random.bounds
    assert overall.bound == 1.0
    assert overall.sentence() == "no random sample was compared, so nothing is known about other inputs"


def test_each_category_has_its_own_bound() -> None:
    """The bound and the outcomes of random draws are listed per category, those without a draw left out."""
    verdict = concluded([MATCH, MATCH, MISMATCH, LOST], drawn=[2, 0, 3, 1], categories=["jobs", "seed", "chat", "chat"])
    assert [(one.category, one.failures, one.trials) for one in verdict.random.bounds] == [
        (None, 4, 6),
        ("chat", 4, 4),
        ("jobs", 0, 2),
    ]
    assert verdict.random.by_category == {"chat": {"mismatch": 3, "missing": 1}, "jobs": {"match": 2}}


@pytest.mark.parametrize(
    ("pairs", "drawn", "expected", "says"),
    [
        ([MATCH] * 59, [1] * 59, Decision.PASS, "59/59 samples ≥ 0.9990"),
        ([MATCH] * 58, [1] * 58, Decision.INCONCLUSIVE, "1 more clean random samples are needed"),
        ([MATCH] * 58, [2] + [1] * 57, Decision.PASS, "58/58"),
        (
            [MATCH] * 59,
            [0] * 59,
            Decision.INCONCLUSIVE,
            "no sample was drawn at random, and at most 5 % are allowed: 59",
        ),
        ([MATCH] * 59 + [MISMATCH], [1] * 60, Decision.FAIL, "< 0.9990"),
    ],
)
def test_a_required_bound_has_to_be_proven(
    pairs: list[tuple[Row, Row]], drawn: list[int], expected: Decision, says: str
) -> None:
    """Short of a required bound there is no PASS, and the reason says how many clean random samples are missing."""
    verdict = concluded(pairs, drawn=drawn, required_bound=0.05)
    assert verdict.decision is expected
    assert says in "; ".join(verdict.reasons)
    assert verdict.random.required_bound == 0.05


@given(st.integers(1, 80), st.integers(0, 80), st.floats(0.01, 0.5))
def test_the_missing_samples_are_enough(clean: int, drawn: int, required: float) -> None:
    """A set with as many more clean random samples as the verdict requires proves the required bound."""
    pairs = [MATCH] * clean
    first = concluded(pairs, drawn=[int(place < drawn) for place in range(clean)], required_bound=required)
    if first.decision is Decision.PASS:
        return
    more = int(first.reasons[0].rpartition(": ")[2].split()[0].replace(",", ""))
    second = [*[int(place < drawn) for place in range(clean)], *[1] * more]
    assert concluded([*pairs, *[MATCH] * more], drawn=second, required_bound=required).decision is Decision.PASS


def test_each_measure_names_the_limit_that_would_have_passed() -> None:
    """A measure that some sample leaves names the limit it would have stayed within; one that none leaves does not."""
    tally = Tally(Thresholds(max_abs_delta=100.0))
    near: tuple[Row, Row] = (ONE, [1.5, 2.0])
    cosine, ratio, delta = concluded([MATCH, near], tally=tally).measures
    assert [one.measure for one in (cosine, ratio, delta)] == ["cosine", "norm_ratio", "max_abs_delta"]
    assert [one.passing_limit for one in (cosine, ratio, delta)] == ["0.600000", "1.5", None]
    assert (cosine.beyond, cosine.failing, ratio.limit) == (1, 1, 0.001)


def test_a_passing_limit_is_above_zero() -> None:
    """A cosine of 0 or less would pass at no threshold, and a set without a comparison at none that can be named."""
    assert concluded([MATCH, MISMATCH]).measure(Measure.COSINE).passing_limit is None
    nothing = concluded([LOST]).measure(Measure.COSINE)
    assert (nothing.worst, nothing.worst_sample, nothing.passing_limit) == (None, None, None)


def test_the_norm_ratios_are_those_of_all_rows() -> None:
    """The range is exact also for a set of which the table shows a part, and unknown where nothing was compared."""
    pairs: list[tuple[Row, Row]] = [*[MATCH] * 300, (ONE, [13.0, 0.0]), (ONE, [0.5, 0.0]), LOST, *[MATCH] * 300]
    assert concluded(pairs).norm_ratios == (0.5, 13.0)
    assert concluded([LOST]).norm_ratios is None


def test_floors_and_findings_travel() -> None:
    """The verdict holds both floors, None where none was measured, and what a person has to see to."""
    late = Waiver(id="W", owner="o", reason="r", expires=date(2026, 4, 29), max_samples=1, outcomes=(Outcome.MISMATCH,))
    noisy = floor_of(Side.LEGACY, {"repeat": {"a": 0.9}}, requests=2)
    tally = Tally(
        Thresholds(),
        floors=NoiseFloors(legacy=noisy),
        waivers=account_for([late], model="m", day=DAY, today=DAY),
    )
    verdict = concluded([MATCH], tally=tally)
    assert (verdict.legacy.floor, verdict.candidate.floor) == (noisy, None)
    assert len(verdict.findings) == 2
    assert "expired on 2026-04-29" in verdict.findings[0]
    assert verdict.findings[1].startswith("the legacy side is not repeatable")


def test_a_waived_sample_counts_in_the_bound_and_not_against_the_required_one() -> None:
    """The share below the threshold stays as measured; the requirement is about the share that no waiver covers."""
    waiver = Waiver(id="W", owner="o", reason="r", expires=DAY, max_samples=1, outcomes=(Outcome.MISMATCH,))
    tally = Tally(Thresholds(), waivers=account_for([waiver], model="m", day=DAY, today=DAY))
    near: tuple[Row, Row] = (ONE, [1.5, 2.0])
    verdict = concluded([near, *[MATCH] * 59], drawn=[1] * 60, tally=tally, required_bound=0.05)
    assert (verdict.decision, verdict.counts.waived) == (Decision.PASS_WITH_WAIVERS, {"W": 1})
    assert verdict.random.bounds[0].bound == upper_bound(1, 60)
    assert (verdict.measures[0].worst, verdict.measures[0].passing_limit) == (0.6, None)


def test_a_refused_pairing_claims_nothing() -> None:
    """Batches that were not paired have no bound, no range and no idle waiver, and still a whole record."""
    waiver = Waiver(id="W", owner="o", reason="r", expires=DAY, max_samples=1, outcomes=(Outcome.MISMATCH,))
    tally = Tally(Thresholds(), waivers=account_for([waiver], model="m", day=DAY, today=DAY))
    verdict = concluded([], tally=tally, faults=("a fault",))
    assert (verdict.decision, verdict.findings, verdict.schema) == (Decision.INCONCLUSIVE, (), SCHEMA_VERSION)
    assert [(one.measure, one.limit, one.severity) for one in verdict.measures] == [
        (Measure.COSINE, verdict.threshold, Severity.FAIL),
        (Measure.NORM_RATIO, 0.001, Severity.WARN),
    ]


def test_the_counts_name_every_outcome_of_a_verdict() -> None:
    """Every outcome is counted under its stored name, zeros included, and none is left ungraded."""
    counts = concluded([MATCH, MATCH, LOST]).counts
    assert list(counts.outcomes) == list(IN_VERDICTS)
    assert (counts.outcomes[Outcome.MATCH], counts.outcomes[Outcome.MISSING], counts.samples) == (2, 1, 3)


def test_the_checks_repeat_the_verdict() -> None:
    """What the checks of cosine and norms say is what the verdict counted, under its limits; without data neither passes."""
    found = checks(concluded([MATCH, (ONE, [0.9, math.sqrt(0.19)]), (ONE, [13.0, 0.0])]))
    cosine, norms = found[CheckName.COSINE], found[CheckName.NORM_RATIO]
    assert (cosine.passed, cosine.seen) == (False, "1/3 compared samples < 0.9990, the worst 0.899999")
    assert (norms.passed, norms.seen) == (False, "1/3 compared samples have a norm ratio off 1 by more than 0.001")
    assert [one.severity for one in (cosine, norms)] == [CheckSeverity.FAIL, CheckSeverity.WARN]
    clean, nothing = checks(concluded([MATCH])), checks(concluded([LOST]))
    for name in (CheckName.COSINE, CheckName.NORM_RATIO):
        assert (clean[name].passed, nothing[name].passed) == (True, None)
        assert nothing[name].seen == "no sample was compared"


def test_the_header_of_a_comparison_holds_measures_and_no_grades() -> None:
    """Block by block: how many samples were compared, and the worst cosine with its first sample."""
    summary = ComparisonSummary()
    first, second = compared([LOST, MATCH]), compared([MISMATCH, MISMATCH], start=2)
    summary.add(first)
    summary.add(second)
    header = summary.header(header_of(4).sample_set, SIDES, ())
    assert header.counts == {Outcome.COMPARED: 3, Outcome.MISSING: 1}
    assert (header.compared, header.worst_cosine, header.worst_sample) == (3, 0.0, second.ids[0])
    assert header_of(4).worst_cosine is None
