"""Serve one engine over HTTP in the dialect `go-matrix`: `python -m bench.peers.server ENGINE OPTIONS DATA [FILE]`.

Here belong requests and responses, the embedding of texts, and the merge of several corpora. What an engine does belongs
to its adapter. One JSON line on standard output says the port and the version once the engine can be searched.

With a fourth argument, a file, the responses are kept there when the process is terminated. If that file is there at the
start, they come from it, no engine is built, and a query that it does not hold gets a 404.
"""

import importlib
import json
import signal
import socket
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.peers import dataset
from bench.peers.dataset import Matrix
from bench.peers.engines.base import Engine
from parity_pipeline.demo.models import Embedder

ENGINES: Final = {
    "brute-force": "brute_force.BruteForce",
    "pgvector": "postgres.Postgres",
    "lancedb": "lance.Lance",
    "chroma": "chroma.Chroma",
    "milvus": "milvus.Milvus",
    "usearch": "usearch_index.Usearch",
}
"""Module and class of each adapter."""


@dataclass(slots=True)
class Kept:
    """Results by request, and the version of the engine that gave them."""

    version: str
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])


def application(engine: Engine | None, kept: Kept, prefix: str) -> Starlette:
    """Return the application in front of an engine, or of what it gave before where that is None.

    Args:
        engine: The engine.
        kept: Takes every result; without an engine they come from there.
        prefix: Put before each text that is embedded.
    """
    embedder = Embedder()

    async def embed(request: Request) -> JSONResponse:
        body: dict[str, Any] = await request.json()
        vectors = embedder.embed(dataset.MODEL, [prefix + text for text in body["texts"]]).tolist()
        return JSONResponse({"vectors": vectors, "model": dataset.MODEL, "dimension": len(vectors[0])})

    async def retrieve(request: Request) -> JSONResponse:
        body: dict[str, Any] = await request.json()
        # The model is the same for all, and requests without controls do not name it.
        key = json.dumps({name: value for name, value in body.items() if name != "model"}, sort_keys=True)
        if engine is None:
            if key not in kept.results:
                return JSONResponse({"error": "this query was not kept"}, 404)
            return JSONResponse({"results": kept.results[key], "model": dataset.MODEL})
        given: list[float] | None = body.get("query_vector")
        if given is None:
            vector = embedder.embed(dataset.MODEL, [prefix + body["query_text"]])[0]
        else:
            vector = np.array(given, np.float32)
        # A query that is sent again is searched for again: an engine's own noise has to show.
        found = _search(engine, vector, body)
        kept.results.setdefault(key, found)
        return JSONResponse({"results": found, "model": dataset.MODEL})

    routes = [("/v1/embed", embed), ("/v1/matrix/retrieve", retrieve)]
    return Starlette(routes=[Route(path, endpoint, methods=["POST"]) for path, endpoint in routes])


def _search(engine: Engine, vector: Matrix, body: dict[str, Any]) -> list[dict[str, Any]]:
    k, where = body["k"], body.get("filter") or {}
    hits = [(corpus, hit) for corpus in body["corpora"] for hit in engine.search(corpus, vector, k, where)]
    hits.sort(key=lambda one: one[1].distance, reverse=engine.descending)
    return [{"corpus": corpus, **asdict(hit)} for corpus, hit in hits[:k]]


def _end(_signal: int, _frame: FrameType | None) -> None:
    """End in order, so that the engine is closed."""
    sys.exit(0)


def main(name: str, options: dict[str, Any], data: Path, file: Path | None = None) -> None:
    """Build the engine, say so, and serve until the process is terminated."""
    signal.signal(signal.SIGTERM, _end)
    prefix: str = options.get("query_prefix", "")
    if file is not None and file.exists():
        kept = Kept(**json.loads(file.read_text("utf-8")))
        serve(application(None, kept, prefix), kept.version)
        return
    module, _, adapter = ENGINES[name].partition(".")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        engine: Engine = getattr(importlib.import_module(f"bench.peers.engines.{module}"), adapter)(options, folder)
        kept = Kept(engine.version)
        try:
            for corpus in dataset.read(data).corpora:
                engine.add(corpus)
            serve(application(engine, kept, prefix), engine.version)
        finally:
            if file is not None and kept.results:
                file.write_text(json.dumps(asdict(kept)), "utf-8")
            engine.close()


def serve(app: Starlette, version: str) -> None:
    """Serve on a free port of the loopback interface, and say which."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(json.dumps({"port": listening.getsockname()[1], "version": version}), flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), *map(Path, sys.argv[3:]))
