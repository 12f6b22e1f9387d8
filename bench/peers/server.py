"""Serve one engine over HTTP in the dialect `go-matrix`: `python -m bench.peers.server ENGINE OPTIONS DATA`.

Here belong the request and response, the embedding of query texts, and the merge of several corpora. What an engine does
belongs to its adapter. One JSON line on standard output says the port, the version and the seconds of building, once the
engine can be searched.
"""

import importlib
import json
import signal
import socket
import sys
import tempfile
import time
from dataclasses import asdict
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


def application(engine: Engine, prefix: str) -> Starlette:
    """Return the application in front of an engine; `prefix` is put before each text that is embedded."""
    embedder = Embedder()

    async def retrieve(request: Request) -> JSONResponse:
        body: dict[str, Any] = await request.json()
        given: list[float] | None = body.get("query_vector")
        if given is None:
            vector = embedder.embed(dataset.MODEL, [prefix + body["query_text"]])[0]
        else:
            vector = np.array(given, np.float32)
        k, where = body["k"], body.get("filter") or {}
        hits = [(corpus, hit) for corpus in body["corpora"] for hit in engine.search(corpus, vector, k, where)]
        hits.sort(key=lambda one: one[1].distance, reverse=engine.descending)
        results = [{"corpus": corpus, **asdict(hit)} for corpus, hit in hits[:k]]
        return JSONResponse({"results": results, "model": dataset.MODEL})

    return Starlette(routes=[Route("/v1/matrix/retrieve", retrieve, methods=["POST"])])


def _end(_signal: int, _frame: FrameType | None) -> None:
    """End in order, so that the engine is closed."""
    sys.exit(0)


def main(name: str, options: dict[str, Any], data: Path) -> None:
    """Build the engine, say so, and serve until the process is terminated."""
    signal.signal(signal.SIGTERM, _end)
    module, _, adapter = ENGINES[name].partition(".")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        began = time.perf_counter()
        engine: Engine = getattr(importlib.import_module(f"bench.peers.engines.{module}"), adapter)(options, folder)
        try:
            for corpus in dataset.read(data).corpora:
                engine.add(corpus)
            app = application(engine, options.get("query_prefix", ""))
            with socket.create_server(("127.0.0.1", 0)) as listening:
                ready = {"port": listening.getsockname()[1], "version": engine.version}
                print(json.dumps(ready | {"seconds": round(time.perf_counter() - began, 1)}), flush=True)
                uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
        finally:
            engine.close()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3]))
