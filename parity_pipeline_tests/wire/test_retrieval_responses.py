"""Responses to queries: what is read, what makes one malformed, and what never reaches a row."""

import json
import math
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.wire.decode import SLOW_BYTES
from parity_pipeline.wire.error_text import error_shape
from parity_pipeline.wire.gateway_errors import MalformedResponse
from parity_pipeline.wire.retrieval_dialects import RETRIEVAL_DIALECTS
from parity_pipeline.wire.retrieval_responses import RankingDecoder, metadata_hash
from parity_pipeline.wire.retry_policy import RETRIEVAL_RULES, RULES, retrieval_rule_of, rule_of
from parity_pipeline_tests.wire.fake_retrieval import FakeEndpoint, FetchedLists, fetch_lists, queries, retrieval_side

DECODER = RankingDecoder(retrieval_side())


def decoded(*hits: Any, **more: Any) -> Any:
    """Return what a rust-hybrid response with these results decodes to."""
    return DECODER.decode(json.dumps({"sources": hits, **more}).encode())


def response_with(body: bytes, **changes: Any) -> tuple[Ranking, str | None]:
    """Return the ranking and the error of a query whose response has this body, where another one was fine."""
    reply = httpx.Response(200, content=body, headers={"content-type": "application/json"})
    fake = FakeEndpoint(lambda got, _number: reply if got["question"] == "query 1" else None)
    got = fetch_lists(fake, queries(2), retrieval_side(**changes))
    return got.rankings[1], got.column("errors")[1]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "not_json"),
        (b"nonsense", "not_json"),
        (b'{"sources": [', "not_json"),
        (b'{"sources": [{"id": "\xff"}]}', "not_json"),
        (b'"sources"', "no_results_field"),
        (b'{"results": []}', "no_results_field: no array at 'sources': the response has the fields results"),
        (b'{"sources": null}', "no_results_field"),
        (b'{"sources": {"id": "a"}}', "no_results_field"),
        (b'{"sources": [], "sources": []}', "duplicate_keys"),
        (b'{"sources": ["a"]}', "bad_result: string where a result was expected"),
        (b'{"sources": [{"id": "a", "id": "b"}]}', "duplicate_keys"),
        (b'{"sources": [{"id": "a", "metadata": {"city": 1, "city": 2}}]}', "duplicate_keys"),
        (b'{"sources": [{"id": "a", "metadata": {"city": {"x": 1, "x": 2}}}]}', "duplicate_keys"),
        (b'{"sources": [{"key": "a"}]}', "bad_id: nothing at 'id'"),
        (b'{"sources": [{"id": null}]}', "bad_id: null 'None' at 'id'"),
        (b'{"sources": [{"id": true}]}', "bad_id: boolean"),
        (b'{"sources": [{"id": 1.5}]}', "bad_id: number '1.5'"),
        (b'{"sources": [{"id": ["a"]}]}', "bad_id: array"),
        (b'{"sources": [{"id": "a", "score": "0.5"}]}', "bad_score: string"),
        (b'{"sources": [{"id": "a", "score": true}]}', "bad_score: boolean"),
        (b'{"sources": [{"id": "a", "score": Infinity}]}', "bad_score"),
        (b'{"sources": [{"id": "a", "score": 1e999}]}', "bad_score"),
        (b'{"sources": [{"id": "a", "score": [1]}]}', "bad_score"),
        (b"[" * 100_000, "too_deep"),
        (b'{"sources": ' + b"[" * 100_000, "too_deep"),
        (b"<!doctype html><title>Sign in</title>", "not_json: a web page titled 'Sign in'"),
    ],
)
def test_a_response_that_cannot_be_read_is_malformed(body: bytes, error: str) -> None:
    """Nothing is guessed from a broken response: its query is MALFORMED with the reason, and its neighbour is fetched."""
    ranking, found = response_with(body)
    assert ranking == Ranking(query_id="id-1", status=RowStatus.MALFORMED)
    assert found is not None
    assert found.startswith(error)


def test_a_huge_body_is_refused() -> None:
    """More bytes than can be read as Python objects, or than the side may send, make a response malformed."""
    with pytest.raises(MalformedResponse, match="too_large"):
        DECODER.decode(b" " * (SLOW_BYTES + 1))
    assert (response_with(b" " * 5000, response_bytes=4000)[1] or "").startswith("too_large")


@pytest.mark.parametrize(
    ("corpora", "number"),
    [(("staff", "staff"), 1), (("staff", "freelance"), 2), ((), 0), (("staff", None), None), (("staff", 3), None)],
)
def test_distinct_corpora_of_the_results_are_counted(corpora: Sequence[object], number: int | None) -> None:
    """Where a dialect names the corpus of a result, the number of different ones is known, if every result has one."""
    hits = [{"id": f"d{place}", "distance": 0.1, "corpus": name} for place, name in enumerate(corpora)]
    body = json.dumps({"results": hits}).encode()
    matrix = next(row for row in RETRIEVAL_DIALECTS if row.name == "go-matrix")
    assert RankingDecoder(retrieval_side(dialect=matrix)).decode(body).hit_corpora == number
    assert decoded({"id": "a", "corpus": "staff"}).hit_corpora is None


def test_ids_are_strings_or_integers() -> None:
    """An integer becomes its digits, however the response spells it; any string is an id."""
    found = decoded({"id": 7}, {"id": 18_446_744_073_709_551_615}, {"id": "æ/ø"}, {"id": ""}, {"id": "\ud800"})
    assert found.ids == ("7", "18446744073709551615", "æ/ø", "", "\\ud800")


def test_scores_are_numbers_or_null() -> None:
    """null, NaN and a missing score are NaN; without any number there are no scores."""
    body = b'{"sources": [{"id": 1, "score": 1}, {"id": 2, "score": null}, {"id": 3}, {"id": 4, "score": NaN}]}'
    scores = DECODER.decode(body).scores
    assert scores[0] == 1.0
    assert all(math.isnan(score) for score in scores[1:])
    assert decoded({"id": 1, "score": None}, {"id": 2}).scores == ()
    assert decoded().ids == ()


def test_modes_are_as_reported() -> None:
    """The mode is the response's own word on one line; without one, or with another type, there is none."""
    assert decoded(mode="lexical\n(fallback)").mode == "lexical (fallback)"
    assert decoded(mode=3).mode is None
    assert decoded().mode is None
    assert len(decoded(mode="m" * 999).mode) == 80


def test_the_hash_of_metadata_is_of_the_named_fields() -> None:
    """Order, other fields and the spelling of numbers do not change it; a value, a type and a nested value do."""
    base = metadata_hash({"city": "Oslo", "years": 3, "other": 1}, ["city", "years"])
    assert base == metadata_hash({"years": 3.0, "city": "Oslo"}, ["city", "years"])
    assert 0 < base < 2**64
    changed: tuple[dict[str, Any], ...] = (
        {"city": "Oslo"},
        {"city": "oslo", "years": 3},
        {"city": "Oslo", "years": "3"},
        {"city": "Oslo", "years": [3]},
        {"city": "Oslo", "years": True},
    )
    assert len({base, *(metadata_hash(one, ["city", "years"]) for one in changed)}) == 6
    assert metadata_hash({"a": {"b": 1}}, ["a.b"]) == metadata_hash({"a.b": 1}, ["a.b"])


def test_a_result_without_the_fields_has_no_hash() -> None:
    """Where none of the named fields is there, or all are null, the hash is 0; where none is named, there is none."""
    for nothing in ({}, {"city": None}, None, "text", []):
        assert metadata_hash(nothing, ["city"]) == 0
    hit = {"id": "a", "metadata": {"city": "Oslo"}}
    assert len(decoded(hit).metadata) == 1
    body = json.dumps({"sources": [hit]}).encode()
    assert RankingDecoder(retrieval_side(metadata=())).decode(body).metadata == ()


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b'{"message": "m", "error": {"code": 1}}', "400 {error, message}"),
        (b"{}", "400 {}"),
        (b"", "400 (empty)"),
        (b"no such corpus", "400 (not JSON)"),
        (b'["a"]', "400 (array)"),
        (b'"a"', "400 (string)"),
        (b"null", "400 (null)"),
        (b"[" * 60_000, "400 (not JSON)"),
        (json.dumps(dict.fromkeys("abcdefghijklmnop")).encode(), "400 {a, b, c, d, e, f, g, h, i, j, k, l, …}"),
    ],
)
def test_the_shape_of_a_refusal(body: bytes, shape: str) -> None:
    """A refusal is its status and the sorted names of its top-level fields, whatever its body is."""
    assert error_shape(400, body) == shape


def test_no_secret_reaches_a_row() -> None:
    """A token or a header that a server repeats as an id, mode, error, field or header is masked everywhere."""
    leaky = {
        "sources": [{"id": "doc planted-token-value", "planted-token-value": 1, "score": 1.0}],
        "mode": "planted-token-value",
        "planted-key-value": True,
    }
    replies = {
        "query 0": httpx.Response(200, json=leaky, headers={"server": "planted-key-value"}),
        "query 1": httpx.Response(400, json={"planted-token-value": "no planted-key-value", "b": 1}),
        "query 2": httpx.Response(200, content=b'{"planted-token-value": 1}'),
    }
    fake = FakeEndpoint(lambda body, _number: replies[body["question"]])
    side = retrieval_side(bearer_token="planted-token-value", headers={"x-key": "planted-key-value"})  # noqa: S106
    got = fetch_lists(fake, queries(3), side)
    assert fake.requests[0].headers["authorization"] == "Bearer planted-token-value"
    everything = f"{got.rows} {got.result} {side!r}"
    assert got.rankings[0].ids == ("doc ***",)
    assert got.rankings[1].refusal == "400 {***, b}"
    assert "planted" not in everything


def test_a_short_header_value_is_not_masked_in_an_id() -> None:
    """Ids are compared, so a tenant's name in a header is not masked in them; a bearer token always is."""
    hit = {"sources": [{"id": "acme-7"}, {"id": "tok-7"}]}
    fake = FakeEndpoint(lambda _body, _number: httpx.Response(200, json=hit))
    side = retrieval_side(bearer_token="tok-", headers={"x-tenant": "acme"})  # noqa: S106 - planted
    assert fetch_lists(fake, queries(1), side).rankings[0].ids == ("acme-7", "***7")


def observed(*bodies: Any) -> FetchedLists:
    """Return a fetch whose responses have these bodies in turn."""
    fake = FakeEndpoint(lambda _body, number: httpx.Response(200, json=bodies[number - 1]))
    return fetch_lists(fake, queries(len(bodies)), retrieval_side(concurrency=1))


def test_the_wire_is_observed() -> None:
    """Fields of responses and results with their types, those that nothing reads, and all modes are listed."""
    hit = {"id": "a", "score": 0.5, "metadata": {}, "chunk": 3}
    got = observed({"sources": [], "mode": "vector"}, {"sources": [hit], "mode": "hybrid", "took": 2}).result
    seen = got.observation
    assert seen.method_and_path == "POST /vectors/hybrid"
    assert seen.request_fields == ("index", "question", "top_k")
    assert seen.response_fields == ("mode: string", "sources: array of object", "took: number")
    assert seen.result_fields == ("chunk: number", "id: string", "metadata: object", "score: number")
    assert seen.unknown_fields == ("sources[].chunk: number", "took: number")
    assert (seen.modes, seen.reported, seen.takes) == (("hybrid", "vector"), "score", "text")
    assert got.modes == {"vector": 1, "hybrid": 1}
    assert got.caveats == ()


def test_scores_that_never_come_are_a_caveat() -> None:
    """Where the dialect names a score and no result has one, a person learns that only the order is compared."""
    caveats = observed({"sources": [{"id": "a"}]}, {"sources": [{"id": "b", "score": None}]}).result.caveats
    assert caveats == ("no result has a number at 'score', so only the order can be compared",)
    assert observed({"sources": []}).result.caveats == ()


def test_every_rule_has_its_row() -> None:
    """Retrieval has the rules of the embed probe, but for its own kinds and for a status about one corpus."""
    own = {rule.kind for rule in RETRIEVAL_RULES}
    assert own & {rule.kind for rule in RULES} == {"http_403", "http_404"}
    assert all(retrieval_rule_of(rule.kind) is rule for rule in RETRIEVAL_RULES)
    assert all(retrieval_rule_of(rule.kind) is rule_of(rule.kind) for rule in RULES if rule.kind not in own)


def test_a_query_beyond_the_corpus_gets_what_there_is() -> None:
    """An empty list, and one shorter or longer than k, are rankings like any other."""
    fake = FakeEndpoint(lambda _body, number: httpx.Response(200, json={"sources": [{"id": i} for i in range(number)]}))
    wanted = [Query(id=str(number), text="x", k=2) for number in range(3)]
    got = fetch_lists(fake, wanted, retrieval_side(concurrency=1))
    assert [len(ranking.ids) for ranking in got.rankings] == [1, 2, 3]
