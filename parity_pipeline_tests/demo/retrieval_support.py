"""Requests to the retrieval endpoints of the demo, with one cache of vectors for all tests."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import httpx
from starlette.applications import Starlette

from parity_pipeline.demo.corpus import CORPORA, EVERYONE, workers
from parity_pipeline.demo.gateway import CANDIDATE, LEGACY, build_app
from parity_pipeline.demo.models import VectorCache
from parity_pipeline.demo.retrieval_faults import DEMO_SEED, chosen_retrieval_faults
from parity_pipeline_tests.demo.support import ask, embedder

Json = dict[str, Any]
BOTH = tuple(CORPORA)


@cache
def vectors() -> VectorCache:
    """Return a cache that keeps the vectors of the workers from one gateway to the next."""
    return VectorCache(embedder().embed)


@cache
def legacy() -> Starlette:
    """Return a legacy gateway that has built its index with the first request."""
    return build_app(LEGACY, vectors().embed)


@cache
def candidate(faults: str = "", seed: int = DEMO_SEED) -> Starlette:
    """Return a candidate with the faults named."""
    return build_app(CANDIDATE, vectors().embed, faults=chosen_retrieval_faults(faults), seed=seed)


def ask_legacy(text: str, *, k: int = 10, index: str = EVERYONE, **more: Any) -> httpx.Response:
    """Send a query to the legacy gateway."""
    return ask(legacy(), "POST", LEGACY.retrieve_path, json={"question": text, "index": index, "top_k": k, **more})


def ask_candidate(
    text: str, *, k: int = 10, corpora: Sequence[str] = BOTH, app: Starlette | None = None, **more: Any
) -> httpx.Response:
    """Send a query to a candidate, the one without faults where none is given."""
    body = {"query_text": text, "corpora": list(corpora), "k": k, **more}
    return ask(app or candidate(), "POST", CANDIDATE.retrieve_path, json=body)


def queries(count: int) -> list[str]:
    """Return different queries that name what some worker has, as users do: roles, places, skills, certificates."""
    forms = (
        "{0.role} in {0.city}",
        "{0.skills[0]} and {0.skills[1]}",
        "someone for {0.skills[0]}, {0.years} years",
        "{0.role} available {0.available}",
    )
    made = (forms[row % len(forms)].format(worker) for row, worker in enumerate(workers()))
    return list(dict.fromkeys(made))[:count]
