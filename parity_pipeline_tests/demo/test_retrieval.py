import hashlib
import json
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import orjson
import pytest

from parity_pipeline.demo.corpus import CORPORA, workers
from parity_pipeline.demo.gateway import CANDIDATE, LEGACY, build_app
from parity_pipeline.demo.retrieval import CandidateRetrieval, LegacyRetrieval
from parity_pipeline.demo.retrieval_request import K_LIMIT, MODEL, QUERY_LIMIT
from parity_pipeline.demo.worker_indexes import ExactIndex, LexicalIndex, unit_rows
from parity_pipeline_tests.demo.retrieval_support import (
    ask_candidate,
    ask_legacy,
    candidate,
    legacy,
    queries,
    vectors,
)
from parity_pipeline_tests.demo.support import ask, embedder

QUERY = "forklift operator in Oslo"


def test_responses_have_the_forms_of_their_gateways() -> None:
    """The legacy returns scores and its mode, the candidate distances, corpora and its model; metadata are the worker's."""
    one, two = ask_legacy(QUERY, k=3).json(), ask_candidate(QUERY, k=3).json()
    assert (list(one), one["mode"]) == (["sources", "mode"], "vector")
    assert (list(two), two["model"]) == (["results", "model"], "wordllama-256")
    by_id = {worker.id: worker for worker in workers()}
    for source, result in zip(one["sources"], two["results"], strict=True):
        assert list(source) == ["id", "score", "metadata"]
        assert list(result) == ["id", "distance", "corpus", "metadata"]
        worker = by_id[result["id"]]
        assert source["id"] == result["id"]
        assert source["metadata"] == result["metadata"] == json.loads(json.dumps(worker.metadata))
        assert result["corpus"] == worker.corpus
        assert source["score"] == pytest.approx(1 - result["distance"], abs=1e-6)


def test_the_legacy_is_exact() -> None:
    """Its scores are the cosines of the model's vectors in float64, the highest first, over all workers."""
    raw = vectors().embed(MODEL, [worker.text for worker in workers()]).astype(np.float64)
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    for text in queries(20):
        query = embedder().embed(MODEL, [text])[0].astype(np.float64)
        cosines = np.sort(unit @ (query / np.linalg.norm(query)))[::-1]
        scores = [source["score"] for source in ask_legacy(text, k=100).json()["sources"]]
        assert np.abs(scores - cosines[:100]).max() < 1e-6


def test_the_candidate_finds_nearly_all_that_there_is() -> None:
    """Over 500 queries, the graphs find at least 99 % of the true hundred, though not all: the index is approximate."""
    exact_side, graphs = LegacyRetrieval(vectors().embed), CandidateRetrieval(vectors().embed)
    found = wanted = 0
    for text in queries(500):
        legacy, candidate = {"question": text, "index": "everyone"}, {"query_text": text, "corpora": list(CORPORA)}
        body = orjson.dumps({**legacy, **candidate, "top_k": 100, "k": 100})
        exact = [source["score"] for source in orjson.loads(exact_side.respond(body))["sources"]]
        scores = [1 - result["distance"] for result in orjson.loads(graphs.respond(body))["results"]]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == 100
        found += sum(score >= exact[-1] - 1e-6 for score in scores)
        wanted += len(exact)
    assert 0.99 <= found / wanted < 1


def test_workers_registered_twice_are_ties_on_both_sides() -> None:
    """Two workers with the same text have the same score, and the same distance, up to the rounding of float32."""
    ids: dict[str, list[str]] = {}
    for worker in workers():
        ids.setdefault(worker.text, []).append(worker.id)
    text, twins = next((text, found) for text, found in ids.items() if len(found) > 1)
    for hits, value in (
        (ask_legacy(text, k=2).json()["sources"], "score"),
        (ask_candidate(text, k=2).json()["results"], "distance"),
    ):
        assert {hit["id"] for hit in hits} == set(twins)
        assert hits[0][value] == pytest.approx(hits[1][value], abs=1e-6)


@pytest.mark.parametrize("k", [1, 7, 100, K_LIMIT])
def test_as_many_results_as_there_are_up_to_k(k: int) -> None:
    """Both sides return k results, or the whole corpus where it has fewer."""
    for name, size in CORPORA.items():
        assert len(ask_legacy(QUERY, k=k, index=name).json()["sources"]) == min(k, size)
        results = ask_candidate(QUERY, k=k, corpora=[name]).json()["results"]
        assert len(results) == min(k, size)
        assert {result["corpus"] for result in results} == {name}


@pytest.mark.parametrize(
    ("sql", "condition"),
    [
        ("city = 'Oslo'", {"city": "Oslo"}),
        ("years >= 29 AND role = 'cook'", {"years": {"gte": 29}, "role": "cook"}),
        ("city = 'Atlantis'", {"city": "Atlantis"}),
    ],
)
def test_a_filter_lets_the_same_workers_through_on_both_sides(sql: str, condition: dict[str, Any]) -> None:
    """With k beyond what is left, both sides return exactly the workers that the filter selects, or none."""
    one = ask_legacy(QUERY, k=K_LIMIT, filter=sql).json()["sources"]
    two = ask_candidate(QUERY, k=K_LIMIT, filter=condition).json()["results"]
    assert {source["id"] for source in one} == {result["id"] for result in two}
    assert len(ask_candidate(QUERY, filter=condition).json()["results"]) == min(10, len(one))


def test_a_vector_finds_what_its_text_does() -> None:
    """The candidate takes a query vector instead, of any length, and returns the list of the text that it belongs to."""
    expected = ask_candidate(QUERY).json()["results"]
    vector = embedder().embed(MODEL, [QUERY])[0]
    for given in (vector, unit_rows(vector)):
        body = {"query_vector": given.tolist(), "corpora": list(CORPORA)}
        results = ask(candidate(), "POST", CANDIDATE.retrieve_path, json=body).json()["results"]
        assert [one["id"] for one in results] == [one["id"] for one in expected]


def test_fewer_per_corpus_leave_fewer_in_all() -> None:
    """`per_corpus_k` limits what each corpus contributes to the merge."""
    results = ask_candidate(QUERY, per_corpus_k=2).json()["results"]
    assert sorted(result["corpus"] for result in results) == ["contractors"] * 2 + ["staff"] * 2


REFUSED: list[tuple[dict[str, Any], dict[str, Any], int]] = [
    ({"question": ""}, {"query_text": ""}, 400),
    ({"question": " \n"}, {"query_text": " \n"}, 400),
    ({"question": None}, {"query_text": None}, 400),
    ({"question": 3}, {"query_text": 3}, 400),
    ({"question": "a" * (QUERY_LIMIT + 1)}, {"query_text": "a" * (QUERY_LIMIT + 1)}, 413),
    ({"index": "nobody"}, {"corpora": ["nobody"]}, 404),
    ({"index": "nobody", "question": " "}, {"corpora": ["nobody"], "query_text": " "}, 400),
    ({"index": None}, {"corpora": None}, 400),
    ({"index": 3}, {"corpora": [3]}, 400),
    ({"top_k": 0}, {"k": 0}, 400),
    ({"top_k": -1}, {"k": -1}, 400),
    ({"top_k": K_LIMIT + 1}, {"k": K_LIMIT + 1}, 400),
    ({"top_k": True}, {"k": True}, 400),
    ({"top_k": 1.5}, {"k": 1.5}, 400),
    ({"filter": ")((' AND"}, {"filter": ")((' AND"}, 400),
    ({"filter": "salary > 3"}, {"filter": {"salary": {"gt": 3}}}, 400),
    ({"filter": 3}, {"filter": 3}, 400),
]


@pytest.mark.parametrize(("one", "two", "status"), REFUSED)
def test_both_sides_refuse_alike(one: dict[str, Any], two: dict[str, Any], status: int) -> None:
    """What one side refuses, the other refuses with the same status and a JSON object with the same field."""
    fields = {"question": QUERY, "index": "everyone", **one}
    first = ask(legacy(), "POST", LEGACY.retrieve_path, json=fields)
    second = ask(candidate(), "POST", CANDIDATE.retrieve_path, json={"query_text": QUERY, "corpora": ["staff"], **two})
    assert first.status_code == second.status_code == status
    assert list(first.json()) == list(second.json()) == ["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"question": "\\ud800", "query_text": "\\ud800"}'])
def test_both_sides_refuse_what_is_not_a_request(body: bytes) -> None:
    """Invalid JSON, another type and a lone surrogate are 400 on both sides."""
    for app, shape in ((legacy(), LEGACY), (candidate(), CANDIDATE)):
        assert ask(app, "POST", shape.retrieve_path, content=body).status_code == 400
        assert ask(app, "GET", shape.retrieve_path).status_code == 405


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"query_vector": [0.0] * 256}, 400),
        ({"query_vector": [1.0] * 64}, 400),
        ({"query_vector": ["a"] * 256}, 400),
        ({"query_vector": ["1"] * 256}, 400),
        ({"query_vector": [True] * 256}, 400),
        ({"query_vector": [1e300] * 256}, 400),
        ({"query_vector": [2**63] * 256}, 400),
        ({"query_vector": [1e-300] * 256}, 400),
        ({"query_vector": 1.0}, 400),
        ({"query_vector": [1.0] * 256, "model": "wordllama-64"}, 404),
        ({"query_vector": [1.0] * 256, "corpora": []}, 400),
        ({"query_vector": [1.0] * 256, "per_corpus_k": 0}, 400),
    ],
)
def test_the_candidate_refuses_what_it_cannot_search_for(more: dict[str, Any], status: int) -> None:
    """Vectors of another width or without direction, another model, and no corpus are refused."""
    response = ask(candidate(), "POST", CANDIDATE.retrieve_path, json={"corpora": ["staff"], **more})
    assert response.status_code == status
    assert response.json()["error"]


_ASK = """
from parity_pipeline_tests.demo.retrieval_support import ask_candidate, ask_legacy, queries
import hashlib
said = b"".join(ask_legacy(text, k=50).content + ask_candidate(text, k=50).content for text in queries(20))
print(hashlib.sha256(said).hexdigest())
"""


def test_another_process_returns_the_same_bytes() -> None:
    """Texts, graphs and rankings do not depend on the process: two of them respond alike, byte by byte."""
    other = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, check=True, text=True).stdout.strip()
    said = b"".join(ask_legacy(text, k=50).content + ask_candidate(text, k=50).content for text in queries(20))
    assert hashlib.sha256(said).hexdigest() == other


def test_a_gateway_that_only_embeds_loads_no_index() -> None:
    """Neither usearch nor DuckDB is imported until a retrieval request comes, and DuckDB not before the first filter."""
    program = (
        "import sys; from parity_pipeline_tests.demo.retrieval_support import *\n"
        "heavy = lambda: sorted({'duckdb', 'usearch'} & set(sys.modules))\n"
        "for app, path in ((legacy(), '/ai/embed'), (candidate(), '/v1/embed')):\n"
        "    assert ask(app, 'POST', path, json={'texts': ['a']}).status_code == 200\n"
        "print(heavy()); ask_legacy('a'); ask_candidate('a'); print(heavy())\n"
        "ask_legacy('a', filter='true'); print(heavy())"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert said.splitlines() == ["[]", "['usearch']", "['duckdb', 'usearch']"]


def test_a_gateway_can_build_its_indexes_before_the_first_request() -> None:
    """Where that is wanted, the first look at `/health` builds everything, once, in a worker thread."""
    submitted: list[str] = []

    class Recording(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            submitted.append(fn.__qualname__)
            return super().submit(fn, *args, **kwargs)

    for shape in (LEGACY, CANDIDATE):
        with Recording(1) as pool:
            warm, cold = (build_app(shape, vectors().embed, pool, warm_up=choice) for choice in (True, False))
            for app in (cold, warm, warm):
                assert ask(app, "GET", "/health").status_code == 200
    assert submitted == ["LegacyRetrieval.build", "CandidateRetrieval.build"]


def test_equal_scores_come_in_the_order_of_rows() -> None:
    """The exact index leaves ties as they stand, and an index of zeros or nothing still responds."""
    index = ExactIndex(np.array([[1, 0], [0, 1], [2, 0], [0, 0]], dtype=np.float32))
    query = np.array([3, 0], dtype=np.float32)
    every = np.ones(4, dtype=np.bool_)
    assert [(one.row, one.value) for one in index.search(query, 4, every)] == [(0, 1), (2, 1), (1, 0), (3, 0)]
    assert index.search(query, 4, ~every) == []


def test_bm25_is_the_formula() -> None:
    """The score of a word in a worker is idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean)), worked by hand."""
    index = LexicalIndex(range(2), workers())
    found = index.search("Gdańsk zebra", 10, None)
    assert [one.row for one in found] == [0]
    lengths = [len(worker.text.replace("-", " ").split()) for worker in workers()[:2]]
    idf = np.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    norm = 1.2 * (1 - 0.75 + 0.75 * lengths[0] / np.mean(lengths))
    assert found[0].value == pytest.approx(idf * 2.2 / (1 + norm))
