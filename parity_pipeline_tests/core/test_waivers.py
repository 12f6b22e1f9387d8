import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.measures import Measure, Thresholds
from parity_pipeline.core.noise_floor import NoiseFloors, floor_of
from parity_pipeline.core.outcomes import IN_VERDICTS, Decision, Outcome, RowStatus, Side
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict_builder import DecisionInputs, counted_apart
from parity_pipeline.core.waivers import Waiver, account_for, waiver_faults
from parity_pipeline_tests.core.builders import Row, compared, decide

DAY = date(2026, 4, 30)
ONE: Row = [1.0, 0.0]
MATCH: tuple[Row, Row] = (ONE, ONE)
MISMATCH: tuple[Row, Row] = (ONE, [0.0, 1.0])
NEAR: tuple[Row, Row] = (ONE, [0.9, math.sqrt(0.19)])
REFUSED: tuple[Row, Row] = (ONE, RowStatus.REFUSED)
BOTH_REFUSED: tuple[Row, Row] = (RowStatus.REFUSED, RowStatus.REFUSED)
MISSING: tuple[Row, Row] = (ONE, RowStatus.FAILED)
NAN: tuple[Row, Row] = (ONE, [math.nan, 1.0])
NANS: tuple[Row, Row] = ([math.nan, 1.0], [math.nan, 1.0])
ANY = [MATCH, MISMATCH, NEAR, REFUSED, BOTH_REFUSED, MISSING, NAN, NANS]

PLAIN = Waiver(id="W-1", owner="search", reason="known", expires=DAY, max_samples=3, outcomes=(Outcome.MISMATCH,))


def tallied(
    pairs: Sequence[tuple[Row, Row]],
    waivers: Sequence[Waiver],
    *,
    cuts: Sequence[int] = (),
    categories: Sequence[str] | None = None,
    **more: Any,
) -> Tally:
    """Return the tally of some pairs under waivers, cut into blocks."""
    thresholds = more.pop("thresholds", Thresholds())
    account = account_for(waivers, model=more.pop("model", "m"), day=DAY, today=more.pop("today", DAY))
    tally = Tally(thresholds, waivers=account, **more)
    names = list(categories or ["seed"] * len(pairs))
    edges = [0, *sorted(min(cut, len(pairs)) for cut in cuts), len(pairs)]
    for low, high in itertools.pairwise(edges):
        tally.add(compared(pairs[low:high], low, names[low:high]))
    return tally


def decision_on(tally: Tally) -> Decision:
    """Return the decision on a whole tally."""
    return decide(tally, DecisionInputs(expected=tally.samples))[0]


@st.composite
def some_waivers(draw: st.DrawFn) -> list[Waiver]:
    """Draw up to four waivers of any kind, some of them expired, small or about another model."""
    kinds = [one for one in IN_VERDICTS if one not in {Outcome.MATCH, Outcome.REFUSED_BY_BOTH}]
    found: list[Waiver] = []
    for place in range(draw(st.integers(0, 4))):
        outcomes = tuple(draw(st.lists(st.sampled_from(kinds), max_size=3, unique=True)))
        found.append(
            replace(
                PLAIN,
                id=f"W-{place}",
                outcomes=outcomes,
                measures=draw(st.sampled_from([{}, {Measure.COSINE: 0.8}])) if outcomes else {Measure.COSINE: 0.5},
                max_samples=draw(st.integers(1, 4)),
                side=draw(st.sampled_from([None, "candidate", "both"])),
                categories=draw(st.sampled_from([(), ("a",)])),
                models=draw(st.sampled_from([(), ("m",), ("other",)])),
                expires=draw(st.sampled_from([DAY, date(2026, 4, 29)])),
            )
        )
    return found


pairs_of_any_kind = st.lists(st.sampled_from(ANY), max_size=25)
RANK = {Decision.FAIL: 0, Decision.INCONCLUSIVE: 1, Decision.PASS_WITH_WAIVERS: 2, Decision.PASS: 3}


@given(pairs_of_any_kind, some_waivers(), some_waivers(), st.data())
def test_one_more_waiver_never_hurts(
    pairs: list[tuple[Row, Row]], waivers: list[Waiver], more: list[Waiver], data: st.DataObject
) -> None:
    """A waiver added anywhere among others never unwaives a row, and never turns a verdict into FAIL."""
    added = [replace(waiver, id=f"new {waiver.id}") for waiver in more[:1]]
    place = data.draw(st.integers(0, len(waivers)))
    categories = ["ab"[place % 2] for place in range(len(pairs))]
    before = tallied(pairs, waivers, categories=categories)
    after = tallied(pairs, [*waivers[:place], *added, *waivers[place:]], categories=categories)
    waived = [{row.ordinal for row in tally.shown_rows() if row.waiver is not None} for tally in (before, after)]
    assert waived[0] <= waived[1]
    assert decision_on(after) is not Decision.FAIL or decision_on(before) is Decision.FAIL
    assert (decision_on(before) is Decision.PASS) == (decision_on(after) is Decision.PASS)


@given(pairs_of_any_kind, some_waivers())
def test_a_waiver_takes_only_what_it_covers_and_counts_add_up(
    pairs: list[tuple[Row, Row]], waivers: list[Waiver]
) -> None:
    """Each waived row is about the waiver's model, day, outcome or measure, side and category; each row counts once."""
    categories = ["ab"[place % 2] for place in range(len(pairs))]
    tally = tallied(pairs, waivers, categories=categories)
    by_id = {waiver.id: waiver for waiver in waivers}
    for row in tally.shown_rows():
        if row.waiver is None:
            continue
        waiver = by_id[row.waiver]
        assert waiver.expires >= DAY
        assert not waiver.models or "m" in waiver.models
        assert waiver.side in (None, row.side)
        assert not waiver.categories or row.category in waiver.categories
        by_measure = (
            row.outcome == "mismatch"
            and row.cosine is not None
            and row.cosine >= waiver.measures.get(Measure.COSINE, 2)
        )
        assert row.outcome in waiver.outcomes or by_measure
    apart = counted_apart(tally)
    assert sum(asdict(apart).values()) == len(pairs)
    assert (
        apart.waived == sum(tally.waivers.taken.values()) == sum(row.waiver is not None for row in tally.shown_rows())
    )
    assert all(tally.waivers.taken[waiver.id] <= waiver.max_samples for waiver in waivers)


@given(pairs_of_any_kind, some_waivers(), st.lists(st.integers(0, 25), max_size=4))
def test_blocks_change_nothing(pairs: list[tuple[Row, Row]], waivers: list[Waiver], cuts: list[int]) -> None:
    """However a set is cut into blocks, the same rows are waived."""
    streamed, whole = tallied(pairs, waivers, cuts=cuts), tallied(pairs, waivers)
    assert streamed == whole
    assert streamed.shown_rows() == whole.shown_rows()


def test_every_difference_waived_is_a_pass_with_waivers() -> None:
    """Waived, matched and mismatched samples are counted apart, and the reason names each waiver with its count."""
    tally = tallied([MATCH, MATCH, MISMATCH, NEAR, BOTH_REFUSED], [PLAIN])
    decision, reasons = decide(tally, DecisionInputs(expected=5))
    assert decision is Decision.PASS_WITH_WAIVERS
    assert reasons == (
        "2/4 samples ≥ 0.9990",
        "2/5 samples differ and are waived: W-1 (2)",
        "1/5 samples are refused by both sides",
    )


@pytest.mark.parametrize(
    ("change", "pairs", "expected"),
    [
        ({}, [MATCH, MISMATCH], Decision.PASS_WITH_WAIVERS),
        ({}, [MATCH, MISMATCH, REFUSED], Decision.FAIL),
        ({"outcomes": (Outcome.REFUSED_BY_CANDIDATE,)}, [MATCH, REFUSED], Decision.PASS_WITH_WAIVERS),
        ({"outcomes": (Outcome.REFUSED_BY_LEGACY,)}, [MATCH, REFUSED], Decision.FAIL),
        ({"outcomes": (), "measures": {Measure.COSINE: 0.8}}, [MATCH, NEAR], Decision.PASS_WITH_WAIVERS),
        ({"outcomes": (), "measures": {Measure.COSINE: 0.95}}, [MATCH, NEAR], Decision.FAIL),
        ({"outcomes": (), "measures": {Measure.NORM_RATIO: 9.0}}, [MATCH, NEAR], Decision.FAIL),
        ({"side": "candidate"}, [MATCH, MISMATCH], Decision.FAIL),
        ({"side": "candidate", "outcomes": (Outcome.NON_FINITE,)}, [MATCH, NAN], Decision.PASS_WITH_WAIVERS),
        ({"side": "legacy", "outcomes": (Outcome.NON_FINITE,)}, [MATCH, NAN], Decision.FAIL),
        ({"samples": (sample_id("text 1"),)}, [MATCH, MISMATCH], Decision.PASS_WITH_WAIVERS),
        ({"samples": (sample_id("text 0"),)}, [MATCH, MISMATCH], Decision.FAIL),
        ({"head": "text ?"}, [MATCH, MISMATCH], Decision.PASS_WITH_WAIVERS),
        ({"head": "Text *"}, [MATCH, MISMATCH], Decision.FAIL),
        ({"categories": ("seed",)}, [MATCH, MISMATCH], Decision.PASS_WITH_WAIVERS),
        ({"categories": ("traffic",)}, [MATCH, MISMATCH], Decision.FAIL),
        ({"models": ("other",)}, [MATCH, MISMATCH], Decision.FAIL),
        ({"first_date": date(2026, 5, 1)}, [MATCH, MISMATCH], Decision.FAIL),
        ({"last_date": date(2026, 4, 29)}, [MATCH, MISMATCH], Decision.FAIL),
        ({"first_date": DAY, "last_date": DAY}, [MATCH, MISMATCH], Decision.PASS_WITH_WAIVERS),
        ({"max_samples": 1}, [MATCH, MISMATCH, MISMATCH], Decision.FAIL),
        ({}, [MISMATCH], Decision.INCONCLUSIVE),
        ({}, [MATCH, MISMATCH, MISSING], Decision.INCONCLUSIVE),
        ({"outcomes": (Outcome.MISSING,)}, [MATCH, MISSING], Decision.PASS_WITH_WAIVERS),
        ({"outcomes": (Outcome.MISSING,)}, [MISSING], Decision.INCONCLUSIVE),
        ({"outcomes": (Outcome.NON_FINITE,)}, [MATCH, NANS], Decision.PASS_WITH_WAIVERS),
        ({"outcomes": (Outcome.ZERO_NORM,)}, [MATCH, NANS], Decision.INCONCLUSIVE),
    ],
)
def test_what_a_waiver_covers(change: dict[str, Any], pairs: list[tuple[Row, Row]], expected: Decision) -> None:
    """A waiver covers what all that it names agrees to, and missing evidence only where that is named."""
    assert decision_on(tallied(pairs, [replace(PLAIN, **change)])) is expected


def test_a_measure_waived_hides_no_other_measure() -> None:
    """A sample that leaves two limits is waived only by a waiver that names both."""
    thresholds = Thresholds(warn_only=())
    pairs: list[tuple[Row, Row]] = [MATCH, (ONE, [1.8, 0.9])]
    cosine = replace(PLAIN, outcomes=(), measures={Measure.COSINE: 0.5})
    both = replace(cosine, measures={Measure.COSINE: 0.5, Measure.NORM_RATIO: 2.0})
    assert decision_on(tallied(pairs, [cosine], thresholds=thresholds)) is Decision.FAIL
    less = replace(cosine, measures={Measure.COSINE: 0.5, Measure.NORM_RATIO: 0.9})
    assert decision_on(tallied(pairs, [both], thresholds=thresholds)) is Decision.PASS_WITH_WAIVERS
    assert decision_on(tallied(pairs, [less], thresholds=thresholds)) is Decision.FAIL


@pytest.mark.parametrize(
    "inputs",
    [{"expected": 3}, {"expected": 2, "pairing_faults": ("a fault",)}, {"expected": 2, "caveats": ("a caveat",)}],
)
def test_a_waiver_covers_no_caveat_and_no_lost_row(inputs: dict[str, Any]) -> None:
    """Pairing faults, counts that do not add up and caveats stay INCONCLUSIVE under any waiver."""
    every = replace(PLAIN, outcomes=tuple(set(IN_VERDICTS) - {Outcome.MATCH, Outcome.REFUSED_BY_BOTH}))
    tally = tallied([MATCH, MISMATCH], [every])
    assert decide(tally, DecisionInputs(**inputs))[0] is Decision.INCONCLUSIVE


def test_a_waiver_covers_no_noise() -> None:
    """A legacy side that is not repeatable is INCONCLUSIVE, whatever is waived; a waived row is not noise as well."""
    noisy = NoiseFloors(legacy=floor_of(Side.LEGACY, {"repeat": {"a": 0.9}}, requests=2))
    tally = tallied([MATCH, NEAR], [PLAIN], floors=noisy)
    assert decision_on(tally) is Decision.INCONCLUSIVE
    assert (tally.waived.total(), tally.within_noise) == (1, 0)


def test_more_than_the_limit_fails_and_is_found() -> None:
    """The first samples up to the limit are waived, those beyond fail, and both numbers are reported with the owner."""
    tally = tallied([MATCH, *[MISMATCH] * 5], [PLAIN])
    assert tally.different(Outcome.MISMATCH) == 2
    assert "2/6 compared samples < 0.9990" in decide(tally, DecisionInputs(expected=6))[1][0]
    assert tally.waivers.findings(complete=True) == (
        "waiver 'W-1' is larger than its limit: 5 samples, 3 allowed; the 2 beyond are not waived (owner search)",
    )


def test_an_expired_waiver_waives_nothing_and_is_found() -> None:
    """From the day after, the samples fail, and the finding says how many would need the waiver."""
    today = date(2026, 5, 1)
    tally = tallied([MATCH, MISMATCH], [PLAIN], today=today)
    assert decision_on(tally) is Decision.FAIL
    assert tally.waivers.findings(complete=True) == (
        "waiver 'W-1' expired on 2026-04-30 and waives nothing; samples that would need it: 1 (owner search)",
    )


def test_a_waiver_that_nothing_needs_is_found() -> None:
    """A waiver without a row is reported once all rows are in, and not of a model or date it is not about."""
    assert "is needed by no sample" in tallied([MATCH], [PLAIN]).waivers.findings(complete=True)[0]
    assert tallied([MATCH], [PLAIN]).waivers.findings(complete=False) == ()
    assert tallied([MATCH], [replace(PLAIN, models=("other",))]).waivers.findings(complete=True) == ()
    assert tallied([MATCH, MISMATCH], [PLAIN]).waivers.findings(complete=True) == ()


def test_waived_rows_do_not_crowd_out_others() -> None:
    """A thousand waived mismatches leave the one that fails in the table, and at its top."""
    tally = tallied([*[MISMATCH] * 1000, NEAR], [replace(PLAIN, max_samples=1000)])
    shown = tally.shown_rows()
    assert (shown[0].ordinal, shown[0].waiver) == (1000, None)
    assert shown[1].waiver == "W-1"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"owner": " "}, "has no owner"),
        ({"reason": "", "id": ""}, "has no id, reason"),
        ({"max_samples": 0}, "covers no sample"),
        ({"outcomes": ()}, "covers nothing"),
        ({"outcomes": (Outcome.MATCH,)}, "in which the sides agree"),
        ({"outcomes": (Outcome.REFUSED_BY_BOTH,)}, "in which the sides agree"),
        ({"outcomes": (Outcome.COMPARED,)}, "which no verdict has"),
        ({"measures": {Measure.COSINE: math.nan}}, "allows NaN"),
        ({"side": "rust"}, "names the side 'rust'"),
        ({"first_date": DAY, "last_date": date(2026, 4, 1)}, "ends before it begins"),
    ],
)
def test_odd_waivers_are_refused(change: dict[str, Any], says: str) -> None:
    """A waiver without owner, reason, limit or content is an error that names it, and every fault is listed."""
    odd = replace(PLAIN, **change)
    assert says in "; ".join(waiver_faults([odd]))
    with pytest.raises(SettingsError, match="these waivers cannot be used"):
        account_for([odd], model="m", day=DAY, today=DAY)


def test_two_waivers_of_one_id_are_refused() -> None:
    """Counts by id would mix them up."""
    assert waiver_faults([PLAIN, PLAIN]) == ("waiver 'W-1' is there 2 times: give each its own id",)
    assert waiver_faults([PLAIN, replace(PLAIN, id="W-2")]) == ()
