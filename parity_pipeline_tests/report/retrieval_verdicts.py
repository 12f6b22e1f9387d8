"""Retrieval verdicts for the report's tests, written down by hand: a PASS, a FAIL, and one without queries.

Here belong the whole verdicts, their queries and the requests of one. Their parts belong to `retrieval_records`.
"""

from dataclasses import replace
from typing import Any

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.confidence import ShareBound
from parity_pipeline.core.outcomes import Decision, Outcome, Side
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.causes import CauseConfidence, RetrievalCause, RetrievalCauseName
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.provenance import QuerySetIdentity
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.relevance import RelevanceDifference
from parity_pipeline.core.retrieval.simulated_faults import RetrievalPower, SimulatedRetrievalFault
from parity_pipeline.core.retrieval.verdict import (
    RetrievalRandomDraws,
    RetrievalVerdict,
)
from parity_pipeline.core.retrieval.wire_drift import RetrievalObservation
from parity_pipeline_tests.report.past import FAILURE
from parity_pipeline_tests.report.retrieval_records import (
    CORPUS,
    DRIFT,
    NOISE,
    OUT,
    check,
    counts,
    judged,
    lane,
    query_measures,
    sent,
    set_measures,
)
from parity_pipeline_tests.report.verdicts import DATE, HASH, HOSTILE


def _verdict(**fields: Any) -> RetrievalVerdict:
    known: dict[str, Any] = {
        "date": DATE,
        "corpus": CORPUS,
        "findings": (),
        "checks": (check("pairing", passed=True), check("complete-counts", passed=True)),
        "query_set": QuerySetIdentity(hash=HASH, queries=200, sources=("data/samples/queries.jsonl",)),
        "random": RetrievalRandomDraws(queries=0, draws=0, bounds=(), required_bound=None),
        "legacy": lane(Side.LEGACY),
        "candidate": lane(Side.CANDIDATE),
        "causes": (),
        "attribution": {},
        "relevance": (),
        "confirmation": None,
        "power": None,
        "drift": DRIFT,
        "package_version": "0.1.0",
    }
    return RetrievalVerdict(**{**known, **fields})


_WORKERS = [f"w-{number:04}" for number in range(101, 121)]


def passing() -> tuple[RetrievalVerdict, dict[str, Query]]:
    """Return a PASS of random and picked queries, two of which are worth a look, and its queries."""
    one_missed = judged(
        41,
        _WORKERS[:10],
        [*_WORKERS[:4], *_WORKERS[5:11]],
        outcome=OUT.INVESTIGATE,
        overlap=0.9,
        rbo=0.899999,
        drawn=1,
        rank_change=1,
    )
    tied = judged(
        7,
        _WORKERS[:5],
        [_WORKERS[1], _WORKERS[0], *_WORKERS[2:4], _WORKERS[7]],
        k=5,
        rbo=1.0,
        overlap=1.0,
        rank_change=0,
        paired=1,
        top_1=1.0,
        missing=0,
        extra=0,
    )
    other_end = judged(
        99,
        _WORKERS[:3],
        [*_WORKERS[:2], _WORKERS[9]],
        outcome=OUT.INVESTIGATE,
        category="certificates",
        k=3,
        overlap=2 / 3,
        rbo=0.81,
    )
    equal = judged(0, _WORKERS[:10], _WORKERS[:10])
    draws = {Outcome.MATCH: 149, Outcome.MISMATCH: 1}
    verdict = _verdict(
        decision=Decision.PASS,
        reasons=("198/200 queries have the same lists, mean overlap 0.9978",),
        counts=counts(
            {
                "people": {OUT.MATCH: 189, OUT.INVESTIGATE: 1},
                "certificates": {OUT.MATCH: 8, OUT.INVESTIGATE: 1, OUT.BOTH_EMPTY: 1},
            }
        ),
        set_measures=set_measures(
            {
                SetMeasure.MEAN_OVERLAP: 0.9978333333,
                SetMeasure.MEAN_OVERLAP_AT_10: 0.9994,
                SetMeasure.MEAN_RBO: 0.99854,
                SetMeasure.INVESTIGATE_SHARE: 0.01,
            }
        ),
        query_measures=query_measures(
            199, {QueryMeasure.OVERLAP: 2 / 3, QueryMeasure.RBO: 0.81, QueryMeasure.RANK_CHANGE: 1.0}
        ),
        random=RetrievalRandomDraws(
            queries=150,
            draws=150,
            bounds=(ShareBound.of(None, draws),),
            required_bound=None,
        ),
        power=RetrievalPower(
            faults=(
                SimulatedRetrievalFault(name="one corpus of two is dropped", caught=True, decision="FAIL"),
                SimulatedRetrievalFault(name="scores rescaled by 0.5", caught=True, decision="FAIL"),
                SimulatedRetrievalFault(
                    name="one query in 500 returns the list of another",
                    caught=False,
                    decision="PASS",
                    why_not="200 queries rarely hold one",
                ),
                SimulatedRetrievalFault(
                    name="filter ignored", caught=None, decision="", why_not="no query has a filter"
                ),
            ),
            simulated=3,
            caught=2,
        ),
        relevance=(
            RelevanceDifference(
                measure="nDCG@10",
                queries=120,
                legacy=0.5213,
                candidate=0.5208,
                low=-0.0021,
                high=0.0009,
                better=2,
                worse=3,
            ),
        ),
        attribution={Explanation.APPROXIMATE_INDEX: 2},
        queries=(one_missed, other_end, tied, equal),
    )
    texts = {
        one_missed.id: sent(one_missed, "welder with TIG certificate in Aurora", corpora=("staff",)),
        other_end.id: sent(other_end, "forklift", filter="city = 'Oslo'", corpora=("staff", "contractors")),
        tied.id: sent(
            tied,
            "someone who can lead a night shift of twelve people in a cold store and speaks Polish, Spanish and English, at once please",
        ),
        equal.id: sent(equal, "nurse"),
    }
    return verdict, texts


EXPLAINED = {"q41": Explanation.APPROXIMATE_INDEX, "q99": Explanation.APPROXIMATE_INDEX, "q3": Explanation.MERGE}


def failing() -> tuple[RetrievalVerdict, dict[str, Query]]:
    """Return a FAIL with two causes, an unknown, waivers, strays, lost responses, and hostile words everywhere."""
    half = judged(
        3,
        _WORKERS[:10],
        [*_WORKERS[:8:2], *[f"c-{number}" for number in range(6)]],
        outcome=OUT.MISMATCH,
        rbo=0.41,
        repeats=1,
    )
    hostile = [
        judged(
            10 + place,
            [text, *_WORKERS[:2]],
            [_WORKERS[1], f"x{text}", text],
            outcome=OUT.MISMATCH,
            category="hostile|`x`",
            rbo=0.5 + place / 100,
        )
        for place, text in enumerate(HOSTILE)
    ]
    long = [f"doc-{number}" for number in range(100)]
    deep = judged(
        30,
        long,
        [*long[1:60], long[0], *long[61:], "new"],
        k=100,
        outcome=OUT.INVESTIGATE,
        rbo=0.88,
        overlap=0.99,
        rank_change=59,
    )
    without = [
        judged(
            40, [], [], outcome=OUT.REFUSED_BY_CANDIDATE, side="candidate", category="bad filter", rbo=0.0, overlap=0.0
        ),
        judged(41, [], [], outcome=OUT.REFUSED_DIFFERENTLY, side="both", category="blank", rbo=0.0, overlap=0.0),
        judged(42, _WORKERS[:2], [], outcome=OUT.EMPTY_CANDIDATE, side="candidate", rbo=0.0, k=2, waiver="RET-1 | <b>"),
        judged(43, [], [], outcome=OUT.MISSING, side="candidate", rbo=0.0, overlap=0.0),
        judged(44, _WORKERS[:3], _WORKERS[2:5], outcome=OUT.WRONG_MODE, side="candidate", rbo=0.2, k=3),
    ]
    queries = (*without[2:3], without[4], half, *hostile, *without[:2], deep, without[3])
    verdict = _verdict(
        decision=Decision.FAIL,
        reasons=(
            "16/60 queries prove a difference, at most 2 % may",
            "the candidate | reports the mode `lexical` for 1 query",
            "mean overlap 0.8123 < 0.95",
        ),
        findings=("waiver 'RET-4' expired on 2026-04-01 and waives nothing (owner team:search)",),
        checks=(
            check("pairing", passed=True),
            check(
                "complete-counts",
                "the candidate | gave no response for **1** query",
                passed=False,
                remedy="Check its health.",
                side=Side.CANDIDATE,
            ),
            check("complete-counts", "1 query is short", passed=False, severity=CheckSeverity.WARN, waived_by="RET-1"),
            check("pairing", passed=None),
        ),
        query_set=QuerySetIdentity(
            hash=HASH, queries=60, sources=("data/samples/queries.jsonl", "hazards"), duplicates_dropped=1
        ),
        counts=counts(
            {
                "people": {
                    OUT.MATCH: 40,
                    OUT.MISMATCH: 1,
                    OUT.INVESTIGATE: 1,
                    OUT.EMPTY_CANDIDATE: 1,
                    OUT.WRONG_MODE: 1,
                    OUT.MISSING: 1,
                },
                "hostile|`x`": {OUT.MISMATCH: 11},
                "bad filter": {OUT.REFUSED_BY_CANDIDATE: 1},
                "blank": {OUT.REFUSED_DIFFERENTLY: 1, OUT.REFUSED_BY_BOTH: 2},
            },
            waived={"RET-1 | <b>": 1},
            unconfirmed=1,
        ),
        set_measures=set_measures(
            {
                SetMeasure.MEAN_OVERLAP: 0.81234,
                SetMeasure.MEAN_OVERLAP_AT_10: 0.80001,
                SetMeasure.TOP_1_SHARE: 0.98,
                SetMeasure.MEAN_RBO: 0.84,
                SetMeasure.MEAN_TAU_B: 0.999,
                SetMeasure.DIFFERENT_SHARE: 16 / 60,
                SetMeasure.INVESTIGATE_SHARE: 1 / 60,
                SetMeasure.WRONG_MODE_SHARE: 1 / 60,
            }
        ),
        query_measures=query_measures(
            53,
            {
                QueryMeasure.OVERLAP: 0.25,
                QueryMeasure.RBO: 0.41,
                QueryMeasure.TOP_1: 0.0,
                QueryMeasure.REPEATS: 1.0,
                QueryMeasure.RANK_CHANGE: 59.0,
            },
        ),
        random=RetrievalRandomDraws(
            queries=30,
            draws=40,
            bounds=(
                ShareBound.of(None, {Outcome.MATCH: 30, Outcome.MISMATCH: 10}, waived=1),
                ShareBound.of("people", {Outcome.MATCH: 30}, confidence=0.975),
                ShareBound.of("hostile|`x`", {Outcome.MISMATCH: 10}, confidence=0.975),
            ),
            required_bound=0.01,
        ),
        legacy=lane(Side.LEGACY, queries=60),
        candidate=lane(
            Side.CANDIDATE,
            queries=60,
            label="Go | gateway <new>",
            modes={"hybrid|`x`": 58, "lexical": 1},
            retries=9,
            status_counts={"ok": 55, "refused": 4, "failed": 1, "malformed": 0},
            errors_by_kind={"timeout": 3, "HTTP 503": 6},
            server_headers={"server": "nginx`1`", "via": "1.1 a|b"},
            noise=replace(NOISE, differing=2, worst_overlap=0.8, worst_rbo=0.77, score_delta=3e-9, failed=1),
            observation=RetrievalObservation(reported="cosine_distance", takes="both", unknown_fields=("took | ms",)),
            doubts=("its clock | is behind",),
            stopped_early="too many | failures",
        ),
        causes=(
            RetrievalCause(
                name=RetrievalCauseName.DROPPED_CORPUS,
                confidence=CauseConfidence.PROVEN,
                side="candidate",
                queries=9,
                evidence=(
                    "9 of 9 queries over two corpora hold no document of `contractors|x`",
                    "for that corpus alone, the candidate returns the missing documents",
                ),
                remedy="Let the candidate search every corpus of a request",
            ),
            RetrievalCause(
                name=RetrievalCauseName.TIE_ORDER,
                confidence=CauseConfidence.LIKELY,
                side=None,
                queries=1,
                evidence=("the scores of the exchanged documents differ by at most 0.0001",),
                remedy="",
            ),
            RetrievalCause(
                name=RetrievalCauseName.UNKNOWN,
                confidence=CauseConfidence.LIKELY,
                side=None,
                queries=4,
                evidence=(),
                remedy="Compare both lists below by hand",
            ),
        ),
        attribution={Explanation.MERGE: 9, Explanation.TIE_ORDER: 1, Explanation.EMBEDDING: 0, Explanation.UNKNOWN: 4},
        confirmation=RetrievalConfirmation(
            asked=12,
            requests=48,
            confirmed=tuple(f"q{n}" for n in range(11)),
            unconfirmed=("q11",),
            strays=(0, 1),
            not_asked=2,
        ),
        queries=queries,
    )
    texts = {half.id: sent(half, "who drives a forklift, it's urgent", corpora=("staff", "contractors"))}
    texts |= {
        one.id: sent(one, text, filter=text or None, corpora=(text,))
        for one, text in zip(hostile, HOSTILE, strict=True)
    }
    return verdict, texts


def unpaired() -> RetrievalVerdict:
    """Return an INCONCLUSIVE without queries: the candidate was fetched for another query set."""
    fault = (
        "candidate was fetched for query set 111111111111 while the snapshot is 9f2c9f2c9f2c: "
        "materialize candidate/retrieval again"
    )
    return _verdict(
        decision=Decision.INCONCLUSIVE,
        reasons=(fault,),
        checks=(
            check("pairing", fault, passed=False, severity=CheckSeverity.INCONCLUSIVE),
            check("complete-counts", passed=None),
        ),
        counts=counts({}),
        set_measures=set_measures(dict.fromkeys(SetMeasure)),
        query_measures=(),
        legacy=lane(Side.LEGACY, noise=None),
        candidate=lane(Side.CANDIDATE, noise=None, status_counts={"failed": 3}),
        drift=(),
        queries=(),
    )


def not_run() -> RetrievalVerdict:
    """Return the verdict on a date that could not be run, as `steps.record_failure` makes it."""
    bare = unpaired()
    legacy, candidate = (
        replace(lane, requests=0, fetched_from="", fetched_to="", status_counts={}) for lane in bare.sides
    )
    return replace(
        bare,
        reasons=(FAILURE.words,),
        findings=(),
        checks=(check("pairing", passed=False, seen=FAILURE.words),),
        legacy=legacy,
        candidate=candidate,
        drift=(),
        not_run=FAILURE,
    )
