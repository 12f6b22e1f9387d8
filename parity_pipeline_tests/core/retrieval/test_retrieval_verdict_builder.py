"""The verdict record of retrieval: its counts, measures, drift and what it takes from the evidence."""

from dataclasses import replace

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.outcomes import IN_VERDICTS, Band
from parity_pipeline.core.retrieval.provenance import QuerySetIdentity, RetrievalParityHeader
from parity_pipeline.core.retrieval.simulated_faults import RetrievalPower
from parity_pipeline.core.retrieval.verdict_builder import build_retrieval_verdict, inputs_of
from parity_pipeline.core.retrieval.wire_drift import RetrievalObservation, retrieval_drift
from parity_pipeline.core.wire_drift import NOT_OBSERVED
from parity_pipeline_tests.core.retrieval.builders import in_order, refused
from parity_pipeline_tests.core.retrieval.judging import (
    CORPUS,
    DAY,
    LANES,
    OTHER,
    SAME,
    TEN,
    judged,
    noise,
    tally_of,
    with_noise,
)


def test_every_outcome_and_measure_is_named() -> None:
    """Counts hold every outcome of a verdict, measures every measure in order, and categories only what occurs."""
    verdict = judged([SAME, OTHER, (in_order(TEN), refused())])
    assert list(verdict.counts.outcomes) == list(IN_VERDICTS)
    assert [one.measure for one in verdict.set_measures] == list(SetMeasure)
    assert [one.measure for one in verdict.query_measures] == list(QueryMeasure)
    assert all(all(counts.values()) for counts in verdict.counts.by_category.values())
    assert verdict.counts.queries == 3


def test_measures_hold_values_limits_and_bands() -> None:
    """A measure says its limits, how many queries are in each band, and its worst value."""
    verdict = judged([SAME] * 3 + [OTHER])
    overlap = next(one for one in verdict.query_measures if one.measure is QueryMeasure.OVERLAP)
    assert (overlap.mean, overlap.worst, overlap.queries) == (0.75, 0.0, 4)
    assert overlap.bands == {Band.PASS: 3, Band.INVESTIGATE: 0, Band.FAIL: 1}
    change = next(one for one in verdict.query_measures if one.measure is QueryMeasure.RANK_CHANGE)
    assert (change.limits, change.bands) == (None, {})
    assert verdict.value(SetMeasure.MEAN_OVERLAP) == 0.75
    assert next(one.band for one in verdict.set_measures if one.measure is SetMeasure.MEAN_OVERLAP) is Band.FAIL


def test_what_was_not_measured_has_no_band() -> None:
    """Without queries there is no value, no worst query and no band."""
    verdict = judged([])
    assert {(one.value, one.band) for one in verdict.set_measures} == {(None, None)}
    assert {(one.mean, one.median, one.worst, one.queries) for one in verdict.query_measures} == {(None, None, None, 0)}


def test_power_belongs_to_a_pass() -> None:
    """What a query set would have caught is said of a pass alone."""
    power = RetrievalPower(faults=(), simulated=9, caught=8)
    for pairs, kept in (([SAME], power), ([SAME, OTHER], None)):
        header = RetrievalParityHeader(
            query_set=QuerySetIdentity(hash="a", queries=len(pairs)), sides=LANES, pairing_faults=(), counts={}
        )
        verdict = build_retrieval_verdict(
            tally_of(pairs),
            replace(inputs_of(header), attribution={Explanation.MERGE: 1}),
            date=DAY.isoformat(),
            corpus=CORPUS,
            package_version="1",
            power=power,
        )
        assert (verdict.power, verdict.attribution) == (kept, {Explanation.MERGE: 1})
        assert (verdict.date, verdict.corpus, verdict.endpoint) == (DAY.isoformat(), CORPUS, "retrieve")


def test_noise_below_the_difference_is_a_finding() -> None:
    """A side that is not quite repeatable is named even where its noise explains nothing."""
    verdict = judged([SAME] * 90 + [OTHER] * 10, sides=with_noise(noise(1, worst=0.9), noise()))
    assert verdict.decision is Decision.FAIL
    assert verdict.findings == (
        "the legacy side returned another list for 1 of 20 repeated queries, with an overlap of 0.90 at worst",
    )


def test_the_drift_sets_both_observations_side_by_side() -> None:
    """Equal fields are the same, others are not, and what was not observed is neither."""
    seen = RetrievalObservation(
        method_and_path="POST /vectors/hybrid",
        request_fields=("question", "top_k"),
        response_fields=("sources: array",),
        result_fields=("id: string",),
        takes="text",
        reported="score",
    )
    other = replace(seen, method_and_path="POST /v1/matrix/retrieve", modes=("hybrid",))
    drift = {row.field: row for row in retrieval_drift(seen, other)}
    assert (drift["URL"].same, drift["request fields"].same) == (False, True)
    assert (drift["mode reported"].legacy, drift["mode reported"].candidate) == ("none reported", "hybrid")
    assert (drift["fields that are not read"].legacy, drift["fields that are not read"].same) == ("none", True)
    unseen = retrieval_drift(seen, RetrievalObservation())
    assert {row.same for row in unseen} == {None}
    assert {row.candidate for row in unseen} == {NOT_OBSERVED}
