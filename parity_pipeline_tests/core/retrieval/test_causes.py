"""Causes of retrieval differences, over a small world of two engines: which are named, and which must not be.

`bench/retrieval_causes.py` measures the same faults at more seeds.
"""

from collections import Counter

import numpy as np
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.bands import Band, Bands, grade
from parity_pipeline.core.retrieval.causes import CauseConfidence
from parity_pipeline.core.retrieval.causes import RetrievalCauseName as N
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.diagnosis import evidence as evidence_module
from parity_pipeline.core.retrieval.diagnosis.cases import UNNUMBERED, Documents
from parity_pipeline.core.retrieval.diagnosis.evidence import CauseEvidence
from parity_pipeline.core.retrieval.diagnosis.name_causes import name_causes
from parity_pipeline.core.retrieval.provenance import RetrievalNoise
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline_tests.core.retrieval.builders import Pair, compared, in_order, query, ranked, refused
from parity_pipeline_tests.core.retrieval.faulty_engines import ALL, Fault
from parity_pipeline_tests.core.retrieval.world import CORPORA

CLEAN_RUNS = 30
TEN = "abcdefghij"
SAME: Pair = (in_order(TEN), in_order(TEN))
OTHER: Pair = (in_order(TEN), in_order("klmnopqrst"))


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_fault_is_named_rightly(name: str) -> None:
    """The right cause comes first, none that does not hold stands beside it, and none is proven wrongly."""
    found, causes = ALL[name].run(3)
    shown = [(cause.name, cause.confidence, cause.evidence) for cause in causes]
    assert ALL[name].holds(causes), shown
    assert not ALL[name].false_proof(causes), shown
    assert found.tally.band() is not Band.PASS or not causes


def test_clean_runs_name_nothing() -> None:
    """Shuffled ties, rounding and a recall of 0.99 fail no set, and have no cause."""
    for run in range(CLEAN_RUNS):
        found, causes = ALL["clean, recall 0.99"].run(run, seed_of_world=0)
        assert found.tally.band() is not Band.FAIL
        assert not causes


def test_a_cause_says_whom_it_is_about_and_what_to_set() -> None:
    """A cause has a side only where the evidence says so, and its remedy can be copied into the settings."""
    _, (rescaled,) = ALL["scores moved to [0, 1]"].run(1)
    assert rescaled.side is None
    assert "factor: 2, offset: -1" in rescaled.remedy
    _, (mapping,) = ALL["ids with a prefix"].run(1)
    assert "candidate.ids.prefix: 'workers:'" in mapping.remedy
    _, (cut,) = ALL["k - 1"].run(1)
    assert (cut.side, cut.confidence) == ("candidate", CauseConfidence.PROVEN)


def test_every_sentence_is_one_fact() -> None:
    """Evidence has no full stop at its end, and every cause says what to do."""
    for name in ("dropped corpus, the smaller", "dot product of raw vectors (both)", "stale index, 5% missing"):
        for cause in ALL[name].run(2)[1]:
            assert cause.evidence
            assert cause.remedy
            assert not any(fact.endswith(".") for fact in cause.evidence)
            assert cause.queries > 0


def gathered(pairs: list[Pair], **fields: object) -> CauseEvidence:
    """Return what is known of hand-made pairs, one query each."""
    found = CauseEvidence(**fields)  # pyright: ignore[reportArgumentType] - test fields
    queries = [query(identity=f"q{place}") for place in range(len(pairs))]
    named = [
        tuple(Ranking(**{**_fields(one), "query_id": sent.id}) for one in pair)  # pyright: ignore[reportArgumentType] - as given
        for pair, sent in zip(pairs, queries, strict=True)
    ]
    rows = compared([(left, right) for left, right in named], queries=queries)
    found.add(grade(rows, Bands()))
    return found


def _fields(one: Ranking) -> dict[str, object]:
    return {name: getattr(one, name) for name in Ranking.__slots__}


def test_nothing_to_compare_has_no_cause() -> None:
    """No query, refusals, and lists that agree name nothing."""
    assert name_causes(CauseEvidence()) == ()
    assert name_causes(gathered([(refused(), refused()), (in_order(TEN), refused()), SAME])) == ()


def test_a_difference_that_did_not_persist_has_no_cause() -> None:
    """A query that agreed when it was sent again is explained by nothing; one that differed again is a stray."""
    pairs = [OTHER, *[SAME] * 99]
    gone = RetrievalConfirmation(asked=1, requests=4, confirmed=(), unconfirmed=("q0",))
    assert name_causes(gathered(pairs, confirmation=gone)) == ()
    again = RetrievalConfirmation(asked=1, requests=4, confirmed=("q0",), unconfirmed=())
    (cause,) = name_causes(gathered(pairs, confirmation=again))
    assert (cause.name, cause.queries, cause.confidence) == (N.STRAY_QUERIES, 1, CauseConfidence.LIKELY)
    assert "1 of them differed each time they were sent" in cause.evidence


def test_noise_is_said_beside_strays() -> None:
    """A side that returns other lists when it is sent again is named in the evidence."""
    noise = RetrievalNoise(queries=20, requests=40, differing=3, worst_overlap=0.1, worst_rbo=0.1, score_delta=None)
    (cause,) = name_causes(gathered([OTHER, *[SAME] * 99], noise=(None, noise)))
    assert "the candidate returned another list for 3 of 20 queries that it was sent again" in cause.evidence


def test_metadata_are_named_beside() -> None:
    """Metadata that differ are a cause of their own; they are proven where other queries' metadata agree."""
    hashes = {"metadata": (1,) * 10}
    other = (in_order(TEN, **hashes), in_order(TEN, metadata=(2,) + (1,) * 9))
    (cause,) = name_causes(gathered([other, *[SAME] * 9]))
    assert (cause.name, cause.confidence) == (N.METADATA, CauseConfidence.PROVEN)


def test_two_strange_queries_are_strays() -> None:
    """A cause rests on three queries or more: two that differ alike among a hundred are strays."""
    short = (in_order(TEN), in_order(TEN[:9]))
    assert [cause.name for cause in name_causes(gathered([short] * 2 + [SAME] * 98))] == [N.STRAY_QUERIES]


def test_two_faults_are_both_named() -> None:
    """A filter that is ignored does not hide that ids are given twice."""
    fault = Fault(
        names=(N.DUPLICATES,),
        also=(N.FILTER_IGNORED,),
        engine=lambda world, seed: {
            "filtering": "ignored",
            "again": np.random.default_rng(seed).random(len(world.raw)) < 0.05,
        },
    )
    causes = fault.run(1)[1]
    assert {N.DUPLICATES, N.FILTER_IGNORED} <= {cause.name for cause in causes}


def test_cases_are_bounded_and_stand_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a kind with many differing queries a number is kept, and a cause still counts all."""
    monkeypatch.setattr(evidence_module, "DIFFERING_CASES", 20)
    doubled = (ranked(*((name, 0.9 - place / 50) for place, name in enumerate(TEN))), in_order(TEN))
    found = gathered([doubled] * 100)
    assert len(found.cases) == 20
    (cause,) = name_causes(found)
    assert (cause.name, cause.queries) == (N.SCORES_RESCALED, 100)


def test_documents_beyond_the_limit_have_no_number() -> None:
    """Documents beyond the limit count for nothing, and names of the others stay."""
    found = gathered([OTHER] * 3, documents=Documents(limit=5))
    assert len(found.documents) == 5
    assert UNNUMBERED in found.cases[0].legacy.documents
    assert name_causes(found)


def test_blocks_do_not_matter() -> None:
    """The same queries in one block or in many give the same counts of outcomes and documents."""
    pairs = [SAME, OTHER, (in_order(TEN), in_order("acdefghijk"))] * 4
    whole = gathered(pairs)
    counted = Counter(whole.outcomes)
    assert sum(counted.values()) == len(pairs)
    assert int(whole.counts.legacy.sum()) == 10 * len(pairs)
    assert whole.counts.missed[whole.documents.names.index("b")] >= 4


def test_statuses_without_a_list_are_left_out() -> None:
    """A lost response proves nothing, and is not kept."""
    lost = Ranking(query_id="q", status=RowStatus.FAILED)
    assert gathered([(in_order(TEN), lost)]).cases == []
    assert CORPORA == ("staff", "contractors")
