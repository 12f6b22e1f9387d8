"""Retrieval dialects: what each sends and reads, how templates are filled, and which rows are refused."""

import json
from dataclasses import replace
from typing import Any, Final

import httpx
import numpy as np
import pytest

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.wire.retrieval_dialects import (
    PLACEHOLDERS,
    RETRIEVAL_DIALECTS,
    RetrievalDialect,
    retrieval_dialect_faults,
)
from parity_pipeline.wire.retrieval_requests import ABSENT, filled
from parity_pipeline_tests.wire.fake_retrieval import DIALECTS, FakeEndpoint, fetch_lists, retrieval_side

QUERY: Final = Query(id="q", text="nurse in Oslo", k=2, filter="oslo")
VECTORS: Final = {"q": np.array([0.1, -0.5], np.float32)}
FREE: Final = RetrievalDialect(
    name="free",
    path="/search/{corpus}?model={model}",
    text_request={"q": "{text}", "in": "{corpora}", "top": [{"n": "{k}"}], "where": {"and": ["{filter}"]}, "v": 2},
    results_field="answer.hits",
    id_field="doc.key",
    score_field="rank.value",
    corpus_field="index",
    metadata_field="doc",
    mode_field="answer.how",
    id_template="{corpus}:{id}",
)
HIT: Final = {"city": "Oslo"}

RESPONSES: Final[dict[str, Any]] = {
    "rust-hybrid": {
        "sources": [{"id": "7", "score": 0.5, "metadata": HIT}, {"id": "9", "score": 0.25, "metadata": HIT}],
        "mode": "hybrid",
    },
    "go-matrix": {
        "results": [
            {"id": 7, "distance": 0.5, "corpus": "s_v2", "metadata": HIT},
            {"id": 9, "distance": 0.25, "corpus": "s_v2", "metadata": HIT},
        ],
        "model": "minilm",
    },
    "qdrant": {
        "result": {
            "points": [
                {"id": 7, "version": 3, "score": 0.5, "payload": HIT},
                {"id": 9, "version": 3, "score": 0.25, "payload": HIT},
            ]
        },
        "status": "ok",
        "time": 0.001,
    },
    "opensearch": {
        "took": 3,
        "timed_out": False,
        "hits": {
            "total": {"value": 2, "relation": "eq"},
            "max_score": 0.5,
            "hits": [
                {"_index": "s_v2", "_id": "7", "_score": 0.5, "_source": HIT},
                {"_index": "s_v2", "_id": "9", "_score": 0.25, "_source": HIT},
            ],
        },
    },
    "free": {
        "answer": {
            "hits": [
                {"doc": {"key": "7", **HIT}, "rank": {"value": 0.5}, "index": "s_v2"},
                {"doc": {"key": "9", **HIT}, "rank": {"value": 0.25}, "index": "c_v2"},
            ],
            "how": "vector",
        }
    },
}
RESPONSES["elasticsearch"] = RESPONSES["opensearch"]

VECTOR: Final = [0.1, -0.5]
REQUESTS: Final[dict[str, tuple[str, Any]]] = {
    "rust-hybrid": (
        "/vectors/hybrid",
        {"question": "nurse in Oslo", "index": "both_v2", "filter": {"city": "Oslo"}, "top_k": 2},
    ),
    "go-matrix": (
        "/v1/matrix/retrieve",
        {
            "query_text": "nurse in Oslo",
            "corpora": ["s_v2", "c_v2"],
            "k": 2,
            "model": "m/1",
            "filter": {"city": "Oslo"},
        },
    ),
    "qdrant": (
        "/collections/both_v2/points/query",
        {"query": VECTOR, "limit": 2, "filter": {"city": "Oslo"}, "with_payload": True},
    ),
    "opensearch": (
        "/s_v2,c_v2/_search",
        {"size": 2, "query": {"knn": {"embedding": {"vector": VECTOR, "k": 2, "filter": {"city": "Oslo"}}}}},
    ),
    "elasticsearch": (
        "/s_v2,c_v2/_search",
        {
            "size": 2,
            "knn": {"field": "embedding", "query_vector": VECTOR, "k": 2, "filter": {"city": "Oslo"}},
        },
    ),
    "free": (
        "/search/both_v2?model=m/1",
        {
            "q": "nurse in Oslo",
            "in": ["s_v2", "c_v2"],
            "top": [{"n": 2}],
            "where": {"and": [{"city": "Oslo"}]},
            "v": 2,
        },
    ),
}


def both(dialect: RetrievalDialect, **changes: Any) -> Any:
    """Return a side that searches two corpora by their spelling there."""
    settings: dict[str, Any] = {
        "corpus": "everyone",
        "searches": ("staff", "contractors"),
        "corpora": {"everyone": "both_v2", "staff": "s_v2", "contractors": "c_v2"},
        "filters": {"oslo": {"city": "Oslo"}},
        "model": "m/1",
        **changes,
    }
    return retrieval_side(dialect, **settings)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_dialect_sends_and_reads_its_form(name: str) -> None:
    """Every built-in dialect and a free one send the documented request and read ids, scores and mode."""
    dialect = FREE if name == "free" else DIALECTS[name]
    fake = FakeEndpoint(lambda _body, _number: httpx.Response(200, json=RESPONSES[name]))
    vectors = VECTORS if dialect.needs_vectors else None
    got = fetch_lists(fake, [QUERY], both(dialect), vectors=vectors)
    path, body = REQUESTS[name]
    assert fake.paths == [path]
    assert fake.bodies == [body]
    (ranking,) = got.rankings
    assert ranking.status is RowStatus.OK
    assert ranking.ids == (("staff:7", "contractors:9") if name == "free" else ("7", "9"))
    assert ranking.scores == (0.5, 0.25)
    assert ranking.mode == {"rust-hybrid": "hybrid", "free": "vector"}.get(name)
    assert len(set(ranking.metadata)) == 1
    assert ranking.metadata[0] > 0


def test_every_built_in_dialect_is_covered_and_sound() -> None:
    """No built-in row is left out of the tests above or would be refused in the settings."""
    assert {dialect.name for dialect in RETRIEVAL_DIALECTS} == REQUESTS.keys() - {"free"}
    for dialect in (*RETRIEVAL_DIALECTS, FREE):
        assert list(retrieval_dialect_faults(dialect)) == []


def test_what_a_query_does_not_have_is_left_out() -> None:
    """Without a filter and a model their fields are missing, not null."""
    fake = FakeEndpoint(lambda _body, _number: httpx.Response(200, json=RESPONSES["go-matrix"]))
    fetch_lists(fake, [Query(id="q", text="", k=1)], retrieval_side("go-matrix"))
    assert fake.bodies == [{"query_text": "", "corpora": ["staff"], "k": 1}]


@pytest.mark.parametrize("text", [*PLACEHOLDERS, "{text} {filter}", '"}, "k": 9, {"', "{{corpus}}", "\ud800 \x00"])
def test_the_text_of_a_query_is_sent_as_it_is(text: str) -> None:
    """A text that looks like a placeholder, or like JSON, is neither replaced nor read."""
    fake = FakeEndpoint()
    query = Query(id="q", text=text, k=1, filter="{text}")
    fetch_lists(fake, [query], retrieval_side(filters={"named": {"a": "{k}"}}))
    assert fake.bodies == [{"question": text, "index": "staff", "filter": "{text}", "top_k": 1}]
    fetch_lists(fake, [replace(query, filter="named")], retrieval_side(filters={"named": {"a": "{k}"}}))
    assert fake.bodies[1]["filter"] == {"a": "{k}"}


def test_values_keep_their_type() -> None:
    """Numbers, lists and objects are put in as they are; an absent one takes its key or element with it."""
    values: dict[str, Any] = {"{k}": 3, "{filter}": ABSENT, "{corpora}": ["a", "b"]}
    template = {"n": "{k}", "in": "{corpora}", "all": ["{k}", "{filter}", {"deep": "{filter}"}], "{k}": None}
    assert filled(template, values) == {"n": 3, "in": ["a", "b"], "all": [3, {}], "{k}": None}


def test_a_query_may_name_its_own_corpora() -> None:
    """One corpus is named by the side's spelling of it, several by that of the partition; names cannot leave the path."""
    dialect = replace(FREE, path="/{corpus}/{corpora}")
    fake = FakeEndpoint(lambda _body, _number: httpx.Response(200, json=RESPONSES["free"]))
    own = [
        Query(id="a", text="x", k=1, corpora=("staff",)),
        Query(id="b", text="x", k=1, corpora=("staff", "contractors")),
        Query(id="c", text="x", k=1, corpora=("../admin?x={model}",)),
    ]
    fetch_lists(fake, own, both(dialect, concurrency=1))
    assert fake.paths == ["/s_v2/s_v2", "/both_v2/s_v2,c_v2", "/../admin?x={model}/../admin?x={model}"]
    assert b"/..%2Fadmin%3Fx%3D%7Bmodel%7D/" in fake.requests[2].url.raw_path


def test_vectors_are_sent_where_the_dialect_takes_them() -> None:
    """With vectors a dialect that takes both sends the vector, and one that takes only text its text."""
    fake = FakeEndpoint(lambda _body, _number: httpx.Response(200, json=RESPONSES["go-matrix"]))
    got = fetch_lists(fake, [QUERY], retrieval_side("go-matrix"), vectors=VECTORS)
    assert fake.bodies[0]["query_vector"] == VECTOR
    assert "query_text" not in fake.bodies[0]
    assert got.result.observation.takes == "text, vector"
    fake = FakeEndpoint()
    fetch_lists(fake, [QUERY], retrieval_side(), vectors=VECTORS)
    assert fake.bodies[0]["question"] == "nurse in Oslo"


def test_a_float32_vector_is_sent_in_its_own_digits() -> None:
    """A float32 value is not widened, which would send twice the bytes; a float64 one keeps all its digits."""
    fake = FakeEndpoint(lambda _body, _number: httpx.Response(200, json=RESPONSES["qdrant"]))
    fetch_lists(fake, [QUERY], retrieval_side("qdrant"), vectors=VECTORS)
    fetch_lists(fake, [QUERY], retrieval_side("qdrant"), vectors={"q": [0.1, 1 / 3]})
    assert b"[0.1,-0.5]" in fake.requests[0].content
    assert json.loads(fake.requests[1].content)["query"] == [0.1, 1 / 3]


@pytest.mark.parametrize("vectors", [{"b": [0.5]}, {"a": [float("nan")], "b": [0.5]}])
def test_a_query_without_a_vector_is_not_sent(vectors: dict[str, list[float]]) -> None:
    """Where a vector is needed, a query with none, or with NaN in it, is FAILED and says why; the others are fetched."""
    fake = FakeEndpoint(lambda _body, _number: httpx.Response(200, json=RESPONSES["qdrant"]))
    wanted = [Query(id="a", text="x", k=1), Query(id="b", text="y", k=1)]
    got = fetch_lists(fake, wanted, retrieval_side("qdrant"), vectors=vectors)
    assert got.column("status") == [RowStatus.FAILED, RowStatus.OK]
    assert got.column("errors")[0] == "not requested: the legacy side needs a query vector, and has none"
    assert len(fake.requests) == 1


def test_a_dialect_of_vectors_without_any_is_refused() -> None:
    """Before a request is sent, the error names the setting that gives the vectors."""
    fake = FakeEndpoint()
    with pytest.raises(GatewayError, match="takes vectors alone") as caught:
        fetch_lists(fake, [QUERY], retrieval_side("qdrant"))
    assert "retrieve.model" in caught.value.remedy
    assert not fake.requests


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text_request": None}, "it has no request"),
        ({"text_request": {"q": "text"}}, "sends no query"),
        ({"text_request": {"q": "{text}", "v": "{vector}"}}, "holds '{vector}'"),
        ({"text_request": {"q": "{text}", "n": ["top {k}"]}}, "{k} is replaced only where it is the whole string"),
        ({"vector_request": {"q": "{text}"}}, "vector_request sends no query"),
        ({"path": "/x/{index}"}, "may hold braces only as {corpus}, {corpora}, {model}"),
        ({"id_template": "{corpus}"}, "must contain {id}"),
        ({"id_template": "{id}{"}, "must contain {id}"),
        ({"id_template": "{id.__class__}"}, "must contain {id}"),
        ({"id_template": "{corpus}/{id}", "corpus_field": None}, "needs corpus_field"),
    ],
)
def test_a_row_that_cannot_work_is_refused(changes: dict[str, Any], words: str) -> None:
    """Each mistake in a row of the settings is named, with what to write instead."""
    assert any(words in fault for fault in retrieval_dialect_faults(replace(FREE, **changes)))


def test_the_settings_hash_covers_what_affects_a_row() -> None:
    """Address, dialect, corpora, filters, model and metadata change the hash; a token, a time-out, `reported` and the key of the address do not."""
    plain = retrieval_side()
    same = retrieval_side(bearer_token="planted-token", attempts=9, reported="cosine_distance", address_key="a.key")  # noqa: S106 - planted
    assert plain.settings_hash() == same.settings_hash()
    changes: tuple[dict[str, Any], ...] = (
        {"base_url": "http://b"},
        {"searches": ("staff", "other")},
        {"corpora": {"staff": "s"}},
        {"filters": {"oslo": {"city": "Oslo"}}},
        {"model": "m"},
        {"metadata": ()},
        {"corpus": "other"},
    )
    others = [retrieval_side(**change) for change in changes] + [retrieval_side("go-matrix")]
    assert len({side.settings_hash() for side in (plain, *others)}) == len(others) + 1
