import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.bands import Bands, SetMeasure, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules, compare
from parity_pipeline.core.retrieval.outcomes import Band
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking, Reported, ScoreScale
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.demo.corpus import CORPORA, EVERYONE
from parity_pipeline.demo.gateway import CANDIDATE, LEGACY
from parity_pipeline.demo.retrieval_faults import DEMO_SEED, RETRIEVAL_FAULTS
from parity_pipeline.faults.trial_run import searching_gateway
from parity_pipeline_tests.demo.retrieval_support import queries
from parity_pipeline_tests.demo.support import ask_all

SAMPLES: Final = Path(__file__).parents[2] / "data" / "samples" / "queries.jsonl"

FILTERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "oslo": ("city = 'Oslo'", {"city": "Oslo"}),
    "experienced": ("years >= 10", {"years": {"gte": 10}}),
    "packing": ("list_contains(skills, 'packing')", {"skills": {"contains": "packing"}}),
    "oslo_or_bergen": ("city IN ('Oslo', 'Bergen')", {"city": {"in": ["Oslo", "Bergen"]}}),
}
"""The named filters of the demo as each side spells them."""

RULES: Final = ComparisonRules(candidate_scale=ScoreScale(reported=Reported.COSINE_DISTANCE))


@cache
def demo_queries() -> tuple[Query, ...]:
    """Return the demo's queries."""
    lines = [json.loads(line) for line in SAMPLES.read_text("utf-8").splitlines()]
    return tuple(
        Query(
            id=one["id"],
            text=one["text"],
            k=one.get("k", 10),
            filter=one.get("filter"),
            corpora=tuple(one.get("corpora", ())),
            category=one["category"],
        )
        for one in lines
    )


def bodies(query: Query) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the request of a query to each side."""
    index = query.corpora[0] if len(query.corpora) == 1 else EVERYONE
    legacy: dict[str, Any] = {"question": query.text, "index": index, "top_k": query.k}
    candidate: dict[str, Any] = {"query_text": query.text, "corpora": query.corpora or list(CORPORA), "k": query.k}
    if query.filter:
        legacy["filter"], candidate["filter"] = FILTERS[query.filter]
    return legacy, candidate


def rankings(side: Side, sent: Sequence[Query], fault: str = "") -> list[Ranking]:
    """Return what a gateway in this process returns."""
    path, field, score = (
        (LEGACY.retrieve_path, "sources", "score")
        if side is Side.LEGACY
        else (CANDIDATE.retrieve_path, "results", "distance")
    )
    app = searching_gateway(side, fault, seed=DEMO_SEED)
    place = int(side is Side.CANDIDATE)
    responses = ask_all(app, [("POST", path, {"json": bodies(query)[place]}) for query in sent])
    return [
        Ranking(
            query_id=query.id,
            status=RowStatus.OK,
            ids=tuple(hit["id"] for hit in response.json()[field]),
            scores=tuple(hit[score] for hit in response.json()[field]),
            metadata=tuple(_hash(hit["metadata"]) for hit in response.json()[field]),
            mode=response.json().get("mode"),
        )
        for query, response in zip(sent, responses, strict=True)
    ]


def _hash(metadata: object) -> int:
    return int.from_bytes(sha256(json.dumps(metadata, sort_keys=True).encode()).digest()[:8], "big")


def tally(sent: Sequence[Query], fault: str = "") -> RetrievalTally:
    """Return what the probe counts for a candidate with a fault, by its own comparison and bands."""
    found = RetrievalTally()
    legacy, candidate = rankings(Side.LEGACY, sent), rankings(Side.CANDIDATE, sent, fault)
    rows = compare(QueryBlock.of(sent), RankedLists.of(legacy), RankedLists.of(candidate), Codebook(), RULES)
    found.add(grade(rows, Bands()))
    return found


def test_the_clean_demo_passes_and_is_not_identical() -> None:
    """Without a fault the demo's queries pass every band, and so do 300 others, although the index is approximate.

    It finds all of the first ten at this size; of the first hundred it misses some.
    """
    assert tally(demo_queries()).band() is Band.PASS
    others = [Query(id=str(number), text=text, k=(10, 100)[number % 2]) for number, text in enumerate(queries(300))]
    found = tally(others)
    assert found.band() is Band.PASS
    overlap = found.values()[SetMeasure.MEAN_OVERLAP]
    assert overlap is not None
    assert overlap < 1


@pytest.mark.parametrize("fault", [one.name for one in RETRIEVAL_FAULTS])
def test_a_fault_does_not_pass_on_the_demos_queries(fault: str) -> None:
    """Over the demo's queries every fault leaves the band PASS, but for ties in another order, which do not count as one."""
    assert (tally(demo_queries(), fault).band() is Band.PASS) == (fault == "shuffled-ties")
