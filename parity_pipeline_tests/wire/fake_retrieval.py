"""A retrieval endpoint in memory: responds through httpx's transport seam, in each built-in dialect.

Here belong the fakes of the tests of rankings; no test.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.provenance import FetchedRankings, QueriesBlock
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.fetch_rankings import fetch_rankings
from parity_pipeline.wire.retrieval_dialects import RETRIEVAL_DIALECTS, RetrievalDialect
from parity_pipeline.wire.retrieval_lane import RetrievalLaneResult
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline_tests.wire.fake_side import Time

DIALECTS = {dialect.name: dialect for dialect in RETRIEVAL_DIALECTS}
CITIES = ("Oslo", "Bergen", "Tromsø")

Rule = Callable[[dict[str, Any], int], httpx.Response | Exception | None]


def hits_response(body: dict[str, Any]) -> httpx.Response:
    """Return the correct response of the rust-hybrid dialect: `<question>/<rank>`, the scores falling from 1."""
    sources = [
        {"id": f"{body['question']}/{rank}", "score": 1.0 - rank / 8, "metadata": {"city": CITIES[rank % 3]}}
        for rank in range(body["top_k"])
    ]
    content = json.dumps({"sources": sources, "mode": "hybrid"})
    return httpx.Response(200, content=content, headers={"content-type": "application/json"})


@dataclass
class FakeEndpoint:
    """A rust-hybrid endpoint that responds correctly unless the rule says otherwise.

    Attributes:
        rule: Given the body and the number of the request (from 1), returns a response; None for the correct one.
        questions: How often each question was sent.
        requests: The requests.
        bodies: Their bodies.
    """

    rule: Rule = lambda _body, _number: None
    questions: Counter[str] = field(default_factory=Counter[str])
    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        body = json.loads(request.content)
        self.requests.append(request)
        self.bodies.append(body)
        self.questions[body.get("question", "")] += 1
        response = self.rule(body, len(self.requests))
        if isinstance(response, Exception):
            raise response
        return response if response is not None else hits_response(body)

    @property
    def paths(self) -> list[str]:
        """Return the path of each request, unquoted."""
        return [unquote(request.url.raw_path.decode()) for request in self.requests]


def retrieval_side(dialect: RetrievalDialect | str = "rust-hybrid", **changes: Any) -> RetrievalSide:
    """Return a side that searches `staff`; changes may be those of the side's config too."""
    own = set(RetrievalSide.__slots__)
    config: dict[str, Any] = {"concurrency": 2, "base_url": "http://side.test", "dialect": BUILT_IN[0]}
    config |= {name: value for name, value in changes.items() if name not in own}
    settings: dict[str, Any] = {"corpus": "staff", "searches": ("staff",), "metadata": ("city",)}
    settings |= {name: value for name, value in changes.items() if name in own}
    found = DIALECTS[dialect] if isinstance(dialect, str) else dialect
    side_config = SideConfig(side=Side.LEGACY, label="Fake", **config)
    return RetrievalSide(config=side_config, dialect=found, **settings)


def queries(count: int, k: int = 3) -> list[Query]:
    """Return queries with the texts `query 0`, `query 1` and so on."""
    return [Query(id=f"id-{number}", text=f"query {number}", k=k) for number in range(count)]


def query_blocks(wanted: Sequence[Query], size: int = 7) -> list[QueriesBlock]:
    """Return queries as blocks."""
    return [QueriesBlock(start, wanted[start : start + size]) for start in range(0, len(wanted), size)]


@dataclass
class FetchedLists:
    """Result of a fetch of rankings.

    Attributes:
        result: What `fetch_rankings` returned.
        rows: The blocks the sink got.
        time: The clock after it.
    """

    result: RetrievalLaneResult
    rows: list[FetchedRankings]
    time: Time

    @property
    def rankings(self) -> list[Ranking]:
        """Return all rankings."""
        return [ranking for block in self.rows for ranking in block.rankings]

    def column(self, name: str) -> list[Any]:
        """Return one column of all rows."""
        return [value for block in self.rows for value in getattr(block, name)]

    def is_complete(self, wanted: Sequence[Query]) -> bool:
        """Return whether each query arrived once, in its order."""
        starts = [block.start for block in self.rows]
        return self.column("ids") == [query.id for query in wanted] and starts == list(range(len(wanted)))


def fetch_lists(
    fake: Callable[[httpx.Request], Any], wanted: Sequence[Query], side: RetrievalSide, **more: Any
) -> FetchedLists:
    """Fetch rankings from a fake endpoint, on a clock that only sleeping moves."""
    rows: list[FetchedRankings] = []
    time = Time()
    result = fetch_rankings(
        side,
        query_blocks(wanted),
        rows.append,
        transport=httpx.MockTransport(fake),
        environment=time.environment(),
        **more,
    )
    return FetchedLists(result, rows, time)
