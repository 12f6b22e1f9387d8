"""Short ways to judge pairs of ranked lists with the evidence beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import Bands, grade
from parity_pipeline.core.retrieval.checks import RetrievalCheck
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.provenance import QuerySetIdentity, RetrievalNoise, RetrievalProvenance
from parity_pipeline.core.retrieval.ranked_lists import Codebook
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.verdict_builder import RetrievalInputs, build_retrieval_verdict
from parity_pipeline.core.retrieval.waivers import QueryWaiver, query_account_for
from parity_pipeline_tests.core.retrieval.builders import Pair, compared, in_order

DAY = date(2026, 11, 26)
CORPUS = "staff"
TEN = "abcdefghij"
SAME: Pair = (in_order(TEN), in_order(TEN))
OTHER: Pair = (in_order(TEN), in_order("klmnopqrst"))


def lane(side: Side, **fields: Any) -> RetrievalProvenance:
    """Return where the rankings of one side came from, without anything that speaks against them."""
    usual: dict[str, Any] = {
        "side": side,
        "label": side.value,
        "url": f"http://{side.value}.test/search",
        "dialect": "x",
        "date": DAY.isoformat(),
        "corpus": CORPUS,
        "query_set_hash": "a" * 64,
        "queries": 1,
        "settings_hash": "b" * 64,
        "package_version": "1",
        "fetched_from": "2026-11-26T06:00:00Z",
        "fetched_to": "2026-11-26T06:00:09Z",
        "requests": 1,
        "retries": 0,
        "status_counts": {},
    }
    return RetrievalProvenance(**usual | fields)


LANES = (lane(Side.LEGACY), lane(Side.CANDIDATE))


def noise(differing: int = 0, queries: int = 20, worst: float = 1.0) -> RetrievalNoise:
    """Return a noise floor; `worst` is both the overlap and the rank-biased overlap of the worst repeat."""
    return RetrievalNoise(
        queries=queries,
        requests=2 * queries,
        differing=differing,
        worst_overlap=worst,
        worst_rbo=worst,
        score_delta=0.0,
    )


def with_noise(legacy: RetrievalNoise | None, candidate: RetrievalNoise | None) -> tuple[Any, Any]:
    """Return two lanes with the noise of each."""
    return replace(LANES[0], noise=legacy), replace(LANES[1], noise=candidate)


def tally_of(
    pairs: Sequence[Pair],
    *,
    queries: Sequence[Query] | None = None,
    waivers: Sequence[QueryWaiver] = (),
    confirmation: RetrievalConfirmation | None = None,
    bands: Bands | None = None,
    rules: ComparisonRules | None = None,
    today: date = DAY,
) -> RetrievalTally:
    """Return the tally of some pairs; query ids are `q0`, `q1` and so on."""
    known = queries or [Query(id=f"q{place}", text="welder", k=10) for place in range(len(pairs))]
    renamed = [
        (replace(one, query_id=query.id), replace(two, query_id=query.id))
        for (one, two), query in zip(pairs, known, strict=True)
    ]
    account = query_account_for(waivers, corpus=CORPUS, day=DAY, today=today)
    tally = RetrievalTally(bands or Bands(), waivers=account, confirmation=confirmation)
    if pairs:
        tally.add(grade(compared(renamed, rules, known, codebook=Codebook()), tally.bands))
    return tally


def judged(
    pairs: Sequence[Pair],
    *,
    expected: int | None = None,
    sides: tuple[RetrievalProvenance, RetrievalProvenance] = LANES,
    inputs: Mapping[str, Any] | None = None,
    **fields: Any,
) -> RetrievalVerdict:
    """Return the verdict on some pairs; `inputs` are fields of `RetrievalInputs`, the others arguments of `tally_of`."""
    identity = QuerySetIdentity(hash="a" * 64, queries=len(pairs) if expected is None else expected)
    evidence = RetrievalInputs(query_set=identity, sides=sides, **dict(inputs or {}))
    return build_retrieval_verdict(
        tally_of(pairs, **fields), evidence, date=DAY.isoformat(), corpus=CORPUS, package_version="1"
    )


def by_name(verdict: RetrievalVerdict) -> dict[str, RetrievalCheck]:
    """Return the checks of a verdict by name."""
    return {one.name.value: one for one in verdict.checks}
