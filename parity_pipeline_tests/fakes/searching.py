"""A fake gateway that embeds and searches: brute force over a few documents whose vectors are made of hashes.

Here belong its documents, both retrieval endpoints of the demo's forms, and what a test looks at afterwards. The real demo
gateways search two thousand workers; this one responds at once, and a test can make it refuse, fail or stray.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parity_pipeline_tests.fakes.gateways import Gateway, hash_gateway, hash_vector
from parity_pipeline_tests.fakes.shapes import Vector

MODEL: Final = "fake-32"
DIMENSION: Final = 32
CORPORA: Final[Mapping[str, Sequence[str]]] = {
    "staff": [f"s{number:02}" for number in range(30)],
    "contractors": [f"c{number:02}" for number in range(20)],
}
"""Ids of the documents of each corpus."""

Rule = Callable[[str, int], Response | None]
"""Given the text of a query ("" for a vector) and the number of the request, from 1, a response in place of the correct one."""


def document_vector(document: str) -> Vector:
    """Return the unit vector of a document, float32, shape (32,)."""
    return hash_vector(f"document {document}", MODEL, DIMENSION)


@dataclass
class SearchingGateway:
    """A gateway with an embed and a retrieval endpoint.

    Attributes:
        dialect: `rust` searches as `rust-hybrid`, `go` as `go-matrix`.
        indexed: Ids of the documents in each corpus.
        embed_query: Returns the vector that a text is searched by.
        rule: Responds in place of the correct response.
        down: Whether connections are refused.
        queries: How often each text was searched for; a vector counts as "".
        embedding: The embed endpoint.
        app: The ASGI application.
    """

    dialect: str
    indexed: dict[str, Sequence[str]] = field(default_factory=lambda: dict(CORPORA))
    embed_query: Callable[[str], Vector] = lambda text: hash_vector(text, MODEL, DIMENSION)
    rule: Rule = lambda _text, _number: None
    down: bool = False
    queries: Counter[str] = field(default_factory=Counter[str])
    embedding: Gateway = field(init=False)
    app: Any = field(init=False)

    def __post_init__(self) -> None:
        """Build the application."""
        self.embedding = hash_gateway(self.dialect)
        path = "/vectors/hybrid" if self.dialect == "rust" else "/v1/matrix/retrieve"
        served = Starlette(routes=[*self.embedding.app.routes, Route(path, self._respond, methods=["POST"])])

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if self.down:
                raise httpx.ConnectError("connection refused")
            await served(scope, receive, send)

        self.app = app

    @property
    def requests(self) -> int:
        """Return the number of requests to the embed endpoint."""
        return self.embedding.requests

    @property
    def texts(self) -> Counter[str]:
        """Return how often a vector was returned for each text."""
        return self.embedding.texts

    @property
    def searches(self) -> int:
        """Return the number of requests to the retrieval endpoint."""
        return self.queries.total()

    async def _respond(self, request: Request) -> Response:
        body = json.loads(await request.body())
        text = body.get("question", body.get("query_text", ""))
        self.queries[text] += 1
        return self.rule(text, self.searches) or self._searched(text, body)

    def _searched(self, text: str, body: Mapping[str, Any]) -> Response:
        named = [body["index"]] if "index" in body else body["corpora"]
        corpora = list(self.indexed) if named == ["everyone"] else named
        if unknown := [name for name in corpora if name not in self.indexed]:
            return JSONResponse({"error": "not_found", "message": f"no corpus {unknown[0]}"}, 400)
        vector = np.asarray(body["query_vector"], np.float32) if "query_vector" in body else self.embed_query(text)
        found = [(name, one, float(document_vector(one) @ vector)) for name in corpora for one in self.indexed[name]]
        best = sorted(found, key=lambda one: -one[2])[: body.get("top_k", body.get("k"))]
        if self.dialect == "rust":
            hits = [{"id": one, "score": score, "metadata": {"role": one[0]}} for _, one, score in best]
            return JSONResponse({"sources": hits, "mode": "vector"})
        results = [
            {"id": one, "distance": 1.0 - score, "corpus": name, "metadata": {"role": one[0]}}
            for name, one, score in best
        ]
        return JSONResponse({"results": results})


RETRIEVE: Final[Mapping[str, Any]] = {
    "corpora": {"everyone": ["staff", "contractors"], "staff": ["staff"]},
    "queries": [{"path": "queries.jsonl"}],
    "hazards": False,
    "k": 5,
    "model": MODEL,
    "metadata": ["role"],
    "noise": {"queries": 3, "repeats": 1},
    "legacy": {"dialect": "rust-hybrid", "mode": "vector"},
    "candidate": {"dialect": "go-matrix", "scores": {"reported": "cosine_distance"}},
}
"""The section `retrieve` of settings for two of these gateways."""

QUERIES: Final = tuple(f"query number {number}" for number in range(12))
"""Texts of the queries that tests send."""


def query_lines(texts: Sequence[str] = QUERIES) -> str:
    """Return texts as a query source in JSON lines; their ids are `q0`, `q1` and so on."""
    rows = ({"id": f"q{number}", "text": text, "category": "plain"} for number, text in enumerate(texts))
    return "".join(json.dumps(row) + "\n" for row in rows)
