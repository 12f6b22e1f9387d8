"""The Python check of a reproduced query: what it sends, how it judges, what it prints, and how it ends."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import Bands, Limits, QueryMeasure
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.records import IdMapping, Reported, ScoreScale
from parity_pipeline.core.retrieval.reproduction import QueryTrial, SearchRequest, SmallSearch
from parity_pipeline.report.reproduce_query_check import render_query_check
from parity_pipeline.steps.write_check import refusing_statuses
from parity_pipeline_tests.fakes.ports import free_port
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.report.retrieval_verdicts import failing
from parity_pipeline_tests.report.small_searches import FIELDS, found_of, search_of
from parity_pipeline_tests.report.test_reproduce_check import run
from parity_pipeline_tests.report.verdicts import HOSTILE

TOKEN = "s3cret-token-of-a-fake"  # noqa: S105 - of a fake
Respond = Callable[[Request, Any], Response]
Ended = subprocess.CompletedProcess[str]
TEN = "abcdefghij"


def hits(ids: Sequence[Any], scores: Sequence[Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return the content of a response; scores fall from 0.9 where none are given."""
    given = [round(0.9 - place / 100, 2) for place in range(len(ids))] if scores is None else scores
    results = [{"id": one, "score": score} for one, score in zip(ids, given, strict=True)]
    return {"results": results, **more}


def returning(content: Any, status: int = 200) -> Respond:
    """Return a gateway that returns the same JSON to every request."""
    return lambda _request, _body: Response(json.dumps(content), status, media_type="application/json")


def gateway(respond: Respond, seen: list[Any] | None = None) -> Starlette:
    """Return an application that responds to every POST, and notes headers and bodies."""

    async def search(request: Request) -> Response:
        body = await request.json()
        if seen is not None:
            seen.append((dict(request.headers), body, request.url.path))
        return respond(request, body)

    return Starlette(routes=[Route("/{path:path}", search, methods=["POST"])])


def source(requests: Sequence[SmallSearch], bands: Bands | None = None, *, refused: bool = False, **more: Any) -> str:
    """Return the check that sends these requests; keywords change the reproduction."""
    found = found_of("q", QueryTrial(text="text"), requests, **more)
    refusing = refusing_statuses(refused=refused)
    return render_query_check(failing()[0], found, ComparisonRules(), bands or Bands(), refusing)


def both(folder: Path, legacy: Any, candidate: Any, **more: Any) -> Ended:
    """Run the check against two gateways, each a response or its content; keywords change how each side is read."""
    responds: list[Any] = [one if callable(one) else returning(one) for one in (legacy, candidate)]
    with serve(gateway(responds[0])) as one, serve(gateway(responds[1])) as two:
        sides = zip(Side, (one, two), strict=True)
        return run(folder, source([search_of(side, url, "text", **more) for side, url in sides]))


def test_equal_lists_end_with_0(tmp_path: Path) -> None:
    """Nothing differs, and no document is printed; ties in another order do not differ."""
    ended = both(tmp_path, hits(TEN), hits(TEN))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[1:] == ["nothing differs beyond the limits"]
    tied = both(tmp_path, hits("abc", [0.9, 0.9, 0.1]), hits("bac", [0.9, 0.9, 0.1]))
    assert (tied.returncode, tied.stdout.splitlines()[1:]) == (0, ["nothing differs beyond the limits"])


def test_lists_that_differ_end_with_1_and_name_the_documents(tmp_path: Path) -> None:
    """Documents that one side alone has, those of another rank, and by which limit the lists differ."""
    ended = both(tmp_path, hits("abcd"), hits("xyza"))
    assert (ended.returncode, ended.stderr) == (1, "")
    measures, *documents, last = ended.stdout.splitlines()
    assert measures.startswith("overlap 0.25, top_1 0, rbo ")
    assert documents == [
        "'a': rank 1 on the legacy side, 4 on the candidate",
        "'b': rank 2 on the legacy side, not on the candidate",
        "'c': rank 3 on the legacy side, not on the candidate",
        "'d': rank 4 on the legacy side, not on the candidate",
        "'x': rank 1 on the candidate side, not on the legacy",
        "'y': rank 2 on the candidate side, not on the legacy",
        "'z': rank 3 on the candidate side, not on the legacy",
    ]
    assert last.startswith("differs: overlap 0.25, limit 0.5; rbo ")


def test_a_difference_within_the_limits_ends_with_0_and_is_printed(tmp_path: Path) -> None:
    """One other document of ten fails no query: it is named, and the check ends as for equal lists."""
    ended = both(tmp_path, hits(TEN), hits([*TEN[:4], "x", *TEN[5:]]))
    assert ended.returncode == 0
    assert "'e': rank 5 on the legacy side, not on the candidate" in ended.stdout
    assert "'x': rank 5 on the candidate side, not on the legacy" in ended.stdout


def test_the_limits_are_those_of_the_verdict(tmp_path: Path) -> None:
    """The same lists differ under stricter bands."""
    strict = Bands(query={QueryMeasure.RANK_CHANGE: Limits(0.0, 0.5)})
    with serve(gateway(returning(hits("abcd")))) as one, serve(gateway(returning(hits("bacd")))) as two:
        requests = [search_of(side, url, "text") for side, url in zip(Side, (one, two), strict=True)]
        ended = [run(tmp_path, source(requests, bands=bands)) for bands in (None, strict)]
    assert [one.returncode for one in ended] == [0, 1]
    assert "differs: rank_change 1, limit 0.5" in ended[1].stdout


def test_of_a_query_that_is_worth_a_look_the_limits_are_those_of_pass(tmp_path: Path) -> None:
    """A list that is one result longer fails no query, and differs where that is what was reproduced."""
    with serve(gateway(returning(hits("abcd")))) as one, serve(gateway(returning(hits("abcde")))) as two:
        requests = [search_of(side, url, "text") for side, url in zip(Side, (one, two), strict=True)]
        outcomes = RetrievalOutcome.MISMATCH, RetrievalOutcome.INVESTIGATE
        ended = [run(tmp_path, source(requests, outcome=outcome)) for outcome in outcomes]
    assert [one.returncode for one in ended] == [0, 1]
    assert "length 1, limit 0" in ended[1].stdout.splitlines()[-1]


def test_many_documents_are_cut(tmp_path: Path) -> None:
    """A terminal is not filled by a list of hundreds."""
    ended = both(tmp_path, hits([f"a{n}" for n in range(80)]), hits([f"b{n}" for n in range(80)]))
    assert ended.returncode == 1
    assert "and 60 more documents" in ended.stdout


def test_a_gateway_that_is_down_ends_with_2(tmp_path: Path) -> None:
    """Nothing is claimed of lists that nobody saw."""
    with serve(gateway(returning(hits(TEN)))) as one:
        urls = (one, f"http://127.0.0.1:{free_port()}")
        ended = run(tmp_path, source([search_of(side, url, "t") for side, url in zip(Side, urls, strict=True)]))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "could not be found out" in ended.stderr


@pytest.mark.parametrize(
    ("status", "code"), [(400, 1), (422, 1), (500, 1), (401, 2), (403, 2), (404, 2), (429, 2), (503, 2)]
)
def test_a_refusal_by_one_side_differs(tmp_path: Path, status: int, code: int) -> None:
    """A definite no of one side is a difference; a status that says nothing about the query is not."""
    assert both(tmp_path, hits(TEN), returning({"error": "no\u202e"}, status)).returncode == code


def test_a_corpus_that_may_not_be_searched_differs_where_that_is_the_fault(tmp_path: Path) -> None:
    """Of a query that was refused, 403 and 404 are a no."""
    with serve(gateway(returning(hits(TEN)))) as one, serve(gateway(returning({"e": 1}, 404))) as two:
        requests = [search_of(side, url, "text") for side, url in zip(Side, (one, two), strict=True)]
        ended = run(tmp_path, source(requests, refused=True))
    assert ended.returncode == 1
    assert "differs: the candidate side refuses the query" in ended.stdout


def test_refusals_by_both_sides_are_compared(tmp_path: Path) -> None:
    """The same status and fields are equal; another status or form is not."""
    no = returning({"error": "no", "message": "a"}, 400)
    assert both(tmp_path, no, returning({"message": "b", "error": "c"}, 400)).returncode == 0
    assert both(tmp_path, no, returning({"error": "no", "message": "a"}, 422)).returncode == 1
    assert both(tmp_path, no, returning({"detail": "no"}, 400)).returncode == 1


def test_a_list_without_results(tmp_path: Path) -> None:
    """On one side it differs, and the documents of the other are named; on both it is equal."""
    ended = both(tmp_path, hits("ab"), hits(""))
    assert ended.returncode == 1
    assert "differs: the candidate side returns no results" in ended.stdout
    assert "'b': rank 2 on the legacy side, not on the candidate" in ended.stdout
    assert both(tmp_path, hits(""), hits("")).returncode == 0


def test_another_mode_than_agreed_differs(tmp_path: Path) -> None:
    """A side that is held to a mode and reports another one; one that says nothing is held to none."""
    fields: dict[str, Any] = {"fields": replace(FIELDS, mode="mode"), "mode": "vector"}
    assert both(tmp_path, hits(TEN, mode="vector"), hits(TEN), **fields).returncode == 0
    ended = both(tmp_path, hits(TEN, mode="vector"), hits(TEN, mode="lexical"), **fields)
    assert ended.returncode == 1
    assert "differs: the candidate side used the mode 'lexical', not 'vector'" in ended.stdout


@pytest.mark.parametrize(
    "odd",
    [
        {"results": 7},
        {"results": ["a"]},
        {"results": [{"score": 1}]},
        {"results": [{"id": True, "score": 1}]},
        {"results": [{"id": "a", "score": "1"}]},
        [],
    ],
)
def test_a_response_that_cannot_be_read_ends_with_2(tmp_path: Path, odd: Any) -> None:
    """Nothing is guessed, as fetching guesses nothing."""
    assert both(tmp_path, hits(TEN), odd).returncode == 2


def test_a_field_that_occurs_twice_ends_with_2(tmp_path: Path) -> None:
    """Which of the two counts is a guess."""
    twice = '{"results": [{"id": "a", "id": "b", "score": 1}]}'

    def respond(_request: Request, _body: Any) -> Response:
        return Response(twice, media_type="application/json")

    assert both(tmp_path, hits("a"), respond).returncode == 2


def test_ids_are_compared_as_the_settings_spell_them(tmp_path: Path) -> None:
    """Nested fields, the corpus in the id, the prefix of a side, numbers as ids."""
    legacy = search_of(Side.LEGACY, "", "text", ids=IdMapping(template="{corpus}:{id}", corpus="staff"))
    fields = replace(FIELDS, results="hits.hits", id="_id", score=None, corpus="_index", id_template="{corpus}/{id}")
    candidate = search_of(
        Side.CANDIDATE,
        "",
        "text",
        fields=replace(fields, corpora={"staff_v2": "staff"}),
        ids=IdMapping(prefix="staff/", template="staff:{id}"),
    )
    nested = {"hits": {"hits": [{"_id": 7, "_index": "staff_v2"}, {"_id": 8, "_index": "staff_v2"}]}}
    with serve(gateway(returning(hits([7, "8"])))) as one, serve(gateway(returning(nested))) as two:
        sent = [
            replace(side, request=SearchRequest(url=url, body="{}"))
            for side, url in ((legacy, one), (candidate, f"{two}/any/path"))
        ]
        ended = run(tmp_path, source(sent))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("reported", "values"),
    [
        (Reported.SCORE, [0.9, 0.5]),
        (Reported.COSINE_DISTANCE, [0.1, 0.5]),
        (Reported.SQUARED_EUCLIDEAN, [0.2, 1.0]),
        (Reported.EUCLIDEAN, [0.2**0.5, 1.0]),
        (Reported.NEGATIVE_DOT, [-0.9, -0.5]),
    ],
)
def test_distances_become_scores(tmp_path: Path, reported: Reported, values: list[float]) -> None:
    """Each kind of distance, with a factor and an offset, is the score that the legacy side reports."""
    scale = ScoreScale(reported=reported, factor=2.0, offset=1.0)
    with serve(gateway(returning(hits("ab", [0.9, 0.5])))) as one, serve(gateway(returning(hits("ab", values)))) as two:
        legacy = search_of(Side.LEGACY, one, "text", scale=ScoreScale(factor=2.0, offset=1.0))
        ended = run(tmp_path, source([legacy, search_of(Side.CANDIDATE, two, "text", scale=scale)]))
    assert ended.returncode == 0
    assert "score_delta nan" not in ended.stdout
    shown = dict(one.split() for one in ended.stdout.splitlines()[0].split(", "))
    assert float(shown["score_delta"]) < 1e-9


def test_metadata_that_must_be_equal_are_compared(tmp_path: Path) -> None:
    """1 and 1.0, null and nothing are the same; another value differs, and its document is named."""

    def content(**metadata: Any) -> dict[str, Any]:
        return {"results": [{"id": "a", "score": 1.0, "metadata": metadata}]}

    fields: dict[str, Any] = {"fields": replace(FIELDS, metadata="metadata", compared=("years", "city.name"))}
    assert both(tmp_path, content(years=1, other="x"), content(years=1.0, city=None), **fields).returncode == 0
    ended = both(tmp_path, content(years=1, city={"name": "Oslo"}), content(years=1, city={"name": "Bergen"}), **fields)
    assert ended.returncode == 1
    assert "'a': rank 1 on the legacy side, 1 on the candidate, other metadata" in ended.stdout


def test_a_document_that_is_repeated_is_named(tmp_path: Path) -> None:
    """Ranks are those of the list as it was returned, repeats included."""
    ended = both(tmp_path, hits("abcde"), hits("aadbe"))
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[1:] == [
        "'b': rank 2 on the legacy side, 4 on the candidate",
        "'c': rank 3 on the legacy side, not on the candidate",
        "'d': rank 4 on the legacy side, 3 on the candidate",
        "'a': again at rank 2 on the candidate side",
        "differs: repeats 1, limit 0",
    ]


def test_a_side_with_noise_has_to_differ_twice(tmp_path: Path) -> None:
    """One stray list does not count where a side's lists differ from time to time."""
    for other, code in ((hits("abcd"), 0), (hits("wxyz"), 1)):
        seen: list[Any] = []

        def stray(_request: Request, _body: Any, seen: list[Any] = seen, other: Any = other) -> Response:
            return JSONResponse(hits("wxyz") if len(seen) == 1 else other)

        with serve(gateway(returning(hits("abcd")))) as one, serve(gateway(stray, seen)) as two:
            requests = [search_of(side, url, "text") for side, url in zip(Side, (one, two), strict=True)]
            ended = run(tmp_path, source(requests, times=2))
        assert (ended.returncode, len(seen)) == (code, 2)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_sent_as_it_is_and_starts_nothing(tmp_path: Path, text: str) -> None:
    """Quotes, newlines, half surrogates and markup arrive as they were; ids are printed so that none moves a cursor."""
    seen: list[Any] = []
    odd = text + "'''\"\"\"\\\n\x00"
    with serve(gateway(returning(hits(["a", odd])), seen)) as one, serve(gateway(returning(hits("bc")), seen)) as two:
        requests = [search_of(side, url, odd) for side, url in zip(Side, (one, two), strict=True)]
        check = source(requests)
        ended = run(tmp_path, check)
    assert check.isascii()
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.isascii()
    assert all(one.isprintable() for one in ended.stdout.splitlines())
    assert [body["query"] for _, body, _ in seen] == [odd] * 2


def test_tokens_come_from_the_environment_and_are_never_printed(tmp_path: Path) -> None:
    """They are not in the file; without them nothing is sent; one that a gateway repeats in an id is masked."""
    seen: list[Any] = []
    secret: dict[str, Any] = {"token_variable": "SIDE_TOKEN", "header_names": ("X-Key",)}
    with serve(gateway(returning(hits([f"a-{TOKEN}"])), seen)) as url:
        check = source([search_of(Side.LEGACY, url, "a"), search_of(Side.CANDIDATE, url, "a", **secret)])
        without = run(tmp_path, check)
        ended = run(tmp_path, check, {"SIDE_TOKEN": TOKEN, "CANDIDATE_X_KEY": "k"})
    assert without.returncode == 2
    assert "CANDIDATE_X_KEY" in without.stderr
    headers: Mapping[str, str] = seen[-1][0]
    assert (headers["authorization"], headers["x-key"]) == (f"Bearer {TOKEN}", "k")
    assert "'a-***': rank 1 on the candidate side, not on the legacy" in ended.stdout
    assert TOKEN not in check


def test_a_token_that_an_error_repeats_is_masked(tmp_path: Path) -> None:
    """What a gateway says of an error is printed without its token, also where the text is cut within the token."""
    secret: dict[str, Any] = {"token_variable": "SIDE_TOKEN"}
    for room in (0, 190):
        respond = returning(f"{'.' * room} bad token {TOKEN}", 401)
        with serve(gateway(respond)) as url:
            check = source([search_of(side, url, "a", **secret) for side in Side])
            ended = run(tmp_path, check, {"SIDE_TOKEN": TOKEN})
        assert ended.returncode == 2
        assert "HTTP 401" in ended.stderr
        assert TOKEN[:4] not in ended.stdout + ended.stderr


def test_no_redirect_is_followed(tmp_path: Path) -> None:
    """A token would go to an address that nobody configured."""

    def elsewhere(_request: Request, _body: Any) -> Response:
        return RedirectResponse("/elsewhere", 307)

    assert both(tmp_path, hits(TEN), elsewhere).returncode == 2


def test_requests_beside_it_are_sent_too(tmp_path: Path) -> None:
    """Each side gets all of them, each at its own address, and the one that holds the text is compared."""
    seen: list[Any] = []

    def respond(_request: Request, body: Any) -> Response:
        return JSONResponse(hits("ab") if body.get("query") == "text" else hits("xy"))

    with serve(gateway(respond, seen)) as url:
        beside = tuple(SearchRequest(url=f"{url}/{other}", body=json.dumps({"q": other})) for other in "bc")
        ended = run(tmp_path, source([search_of(side, url, "text", beside=beside) for side in Side]))
    assert ended.returncode == 0
    assert sorted(path for *_, path in seen) == ["/b", "/b", "/c", "/c", "/search", "/search"]
