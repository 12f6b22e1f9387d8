"""The Python check of a reproduced sample, run as a process against gateways on the loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from parity_pipeline.core.measures import Measure, Thresholds, measure_rows
from parity_pipeline.core.noise_floor import NoiseFloor
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.reproduction import Reproduction, ReproductionResult, SmallRequest, Trial
from parity_pipeline.report.reproduce_check import render_check
from parity_pipeline.steps.write_check import refusing_statuses
from parity_pipeline_tests.fakes.ports import free_port
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.report.verdicts import HOSTILE, SEED, verdict_of

TOKEN = "s3cret-token"  # noqa: S105 - of a fake
Respond = Callable[[Request, Any], Response]
VECTOR = [0.6, 0.8, 0.25]


def vectors(*rows: Sequence[float]) -> Respond:
    """Return a gateway that returns the same vectors to every request."""
    return returning({"embeddings": rows})


def returning(content: Any) -> Respond:
    """Return a gateway that returns the same JSON to every request."""
    return lambda _request, _body: JSONResponse(content)


def gateway(respond: Respond, seen: list[Any] | None = None) -> Starlette:
    """Return an application that responds to `POST /embed`, and notes headers and bodies."""

    async def embed(request: Request) -> Response:
        body = await request.json()
        if seen is not None:
            seen.append((dict(request.headers), body))
        return respond(request, body)

    return Starlette(routes=[Route("/embed", embed, methods=["POST"])])


def request_to(side: Side, url: str, texts: Sequence[str], place: int = 0, **more: Any) -> SmallRequest:
    """Return a request of texts as the check is to send it."""
    known = SmallRequest(
        side=side,
        url=f"{url}/embed",
        body=json.dumps({"texts": list(texts)}),
        beside=(),
        place=place,
        texts=len(texts),
        token_variable="",
        header_names=(),
        vectors_field="embeddings",
        order_field=None,
        one_text=False,
        base64=False,
    )
    return replace(known, **more)


def found(requests: Sequence[SmallRequest]) -> Reproduction:
    """Return a reproduction that these requests show."""
    return Reproduction(
        sample="id",
        ordinal=0,
        outcome=Outcome.MISMATCH,
        result=ReproductionResult.REPRODUCED,
        smallest=Trial(text="text"),
        characters=4,
        complete=True,
        legacy_requests=1,
        candidate_requests=1,
        requests=tuple(requests),
    )


def source(requests: Sequence[SmallRequest], thresholds: Thresholds | None = None) -> str:
    """Return the check that sends these requests."""
    return render_check(verdict_of(SEED, thresholds=thresholds), found(requests), refusing_statuses())


def run(folder: Path, text: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a check with Python alone: no site packages, and nothing of this project."""
    path = folder / "check.py"
    path.write_text(text, "ascii")
    environ = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}}
    proxies = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    command = [sys.executable, "-I", "-S", "-W", "error", str(path)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        env={**environ, **proxies, **(variables or {})},
        check=False,
    )


def both(
    folder: Path, legacy: Respond, candidate: Respond, texts: Sequence[str] = ("text",), place: int = 0, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run the check against two gateways."""
    with serve(gateway(legacy)) as one, serve(gateway(candidate)) as two:
        sides = zip(Side, (one, two), strict=True)
        return run(folder, source([request_to(side, url, texts, place, **more) for side, url in sides]))


def test_equal_vectors_end_with_0(tmp_path: Path) -> None:
    """Vectors of the same direction at another scale are within the limits of a verdict, which warn of norms."""
    ended = both(tmp_path, vectors(VECTOR), vectors([2 * value for value in VECTOR]))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "equal within the limits" in ended.stdout


def test_vectors_that_differ_end_with_1(tmp_path: Path) -> None:
    """The cosine and its limit are named."""
    ended = both(tmp_path, vectors(VECTOR), vectors([0.6, 0.8, -0.25]))
    assert ended.returncode == 1
    assert "differs: cosine 0.88" in ended.stdout
    assert "limit 0.999" in ended.stdout


def test_a_gateway_that_is_down_ends_with_2(tmp_path: Path) -> None:
    """Nothing is claimed of vectors that nobody saw."""
    with serve(gateway(vectors(VECTOR))) as one:
        requests = [
            request_to(side, url, ["text"])
            for side, url in zip(Side, (one, f"http://127.0.0.1:{free_port()}"), strict=True)
        ]
        ended = run(tmp_path, source(requests))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "could not be found out" in ended.stderr


def respond_with(status: int) -> Respond:
    """Return a gateway that responds with a status."""
    return lambda _request, _body: JSONResponse({"error": "no\u202e"}, status)


@pytest.mark.parametrize(
    ("status", "code"), [(400, 1), (422, 1), (500, 1), (418, 1), (401, 2), (404, 2), (429, 2), (503, 2)]
)
def test_a_refusal_by_one_side_differs(tmp_path: Path, status: int, code: int) -> None:
    """A definite no of one side is a difference; a status that says nothing about the text is not."""
    assert both(tmp_path, vectors(VECTOR), respond_with(status)).returncode == code


def test_a_status_that_passes_is_tried_again(tmp_path: Path) -> None:
    """One overloaded response is not the result; a definite no is not sent twice."""
    for status, sent, code in ((503, 3, 0), (400, 2, 1)):
        seen: list[Any] = []

        def once(_request: Request, _body: Any, status: int = status, seen: list[Any] = seen) -> Response:
            return JSONResponse({"error": "busy"}, status) if len(seen) == 1 else JSONResponse({"embeddings": [VECTOR]})

        with serve(gateway(once, seen)) as url:
            ended = run(tmp_path, source([request_to(side, url, ["text"]) for side in Side]))
        assert (len(seen), ended.returncode) == (sent, code)


def test_a_refusal_by_both_sides_is_equal(tmp_path: Path) -> None:
    """Both refuse the text alike."""
    assert both(tmp_path, respond_with(400), respond_with(422)).returncode == 0


def test_a_refused_batch_says_nothing_about_one_text(tmp_path: Path) -> None:
    """Another text of the request may be the one that is refused."""
    ended = both(tmp_path, vectors(VECTOR, VECTOR), respond_with(400), ["a", "b"])
    assert ended.returncode == 2


@pytest.mark.parametrize(
    ("candidate", "code"),
    [
        ([0.6, 0.8], 1),
        ([0.0, 0.0, 0.0], 1),
        ([0.6, None, 0.25], 1),
        ([], 2),
        (["0.6"], 2),
    ],
)
def test_odd_vectors_are_judged_as_a_verdict_does(tmp_path: Path, candidate: list[Any], code: int) -> None:
    """Another dimension, zeros and null of one side differ; an empty vector or text proves nothing."""
    assert both(tmp_path, vectors(VECTOR), vectors(candidate)).returncode == code


@pytest.mark.parametrize("odd", [[0.0, 0.0], [None, 1.0]])
def test_odd_vectors_of_both_sides_prove_nothing(tmp_path: Path, odd: list[Any]) -> None:
    """Zeros or null on both sides are neither equal nor different."""
    assert both(tmp_path, vectors(odd), vectors(odd)).returncode == 2


def test_the_vector_of_the_text_is_compared(tmp_path: Path) -> None:
    """Of several texts that at its place, by the positions that the response states."""

    def stated(*order: int) -> Respond:
        rows = [VECTOR, [1.0, 0.0, 0.0]]
        return lambda _request, _body: JSONResponse({"data": [{"index": i, "embedding": rows[i]} for i in order]})

    fields: dict[str, Any] = {"vectors_field": "data[].embedding", "order_field": "data[].index"}
    assert both(tmp_path, stated(0, 1), stated(1, 0), ["a", "b"], 1, **fields).returncode == 0
    assert both(tmp_path, vectors(VECTOR, [1, 0]), vectors(VECTOR, [0, 1]), ["a", "b"], 0).returncode == 0
    assert both(tmp_path, vectors(VECTOR, [1, 0]), vectors(VECTOR, [0, 1]), ["a", "b"], 1).returncode == 1


def test_base64_bare_and_unnamed_vectors_are_read(tmp_path: Path) -> None:
    """The forms of the built-in dialects."""
    packed = "mpkZP83MTD8AAIA+"  # VECTOR as little-endian float32
    base64: dict[str, Any] = {"vectors_field": "data[].embedding", "base64": True}
    ended = both(
        tmp_path, returning({"data": [{"embedding": packed}]}), returning({"data": [{"embedding": packed}]}), **base64
    )
    assert ended.returncode == 0
    bare: dict[str, Any] = {"vectors_field": "embedding", "one_text": True}
    assert both(tmp_path, returning({"embedding": VECTOR}), returning({"embedding": VECTOR}), **bare).returncode == 0
    assert both(tmp_path, returning([VECTOR]), returning([VECTOR]), vectors_field="").returncode == 0


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_sent_as_it_is_and_starts_nothing(tmp_path: Path, text: str) -> None:
    """Quotes, newlines, half surrogates and markup arrive as they were, and the file is ASCII."""
    seen: list[Any] = []
    with serve(gateway(vectors(VECTOR), seen)) as url:
        odd = text + "'''\"\"\"\\\n\x00"
        check = source([request_to(side, url, [odd]) for side in Side])
        ended = run(tmp_path, check)
    assert check.isascii()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [body for _, body in seen] == [{"texts": [odd]}] * 2


def test_tokens_and_headers_come_from_the_environment(tmp_path: Path) -> None:
    """They are not in the file; without them nothing is sent, and the variable is named."""
    seen: list[Any] = []
    with serve(gateway(vectors(VECTOR), seen)) as url:
        secret: dict[str, Any] = {"token_variable": "SIDE_TOKEN", "header_names": ("X-Key",)}
        check = source([request_to(Side.LEGACY, url, ["a"]), request_to(Side.CANDIDATE, url, ["a"], **secret)])
        without = run(tmp_path, check)
        sent_without = len(seen)
        ended = run(tmp_path, check, {"SIDE_TOKEN": TOKEN, "CANDIDATE_X_KEY": "k"})
    assert (without.returncode, sent_without) == (2, 1)
    assert "CANDIDATE_X_KEY" in without.stderr
    assert ended.returncode == 0
    headers = seen[-1][0]
    assert (headers["authorization"], headers["x-key"]) == (f"Bearer {TOKEN}", "k")
    assert "authorization" not in seen[-2][0]
    assert TOKEN not in ended.stdout + ended.stderr


def test_a_token_that_no_header_takes_is_not_printed(tmp_path: Path) -> None:
    """White space around a token is left out, as fetching does; one that is broken within ends with 2, and stays unseen."""
    secret: dict[str, Any] = {"token_variable": "SIDE_TOKEN"}
    with serve(gateway(vectors(VECTOR))) as url:
        check = source([request_to(side, url, ["a"], **secret) for side in Side])
        around = run(tmp_path, check, {"SIDE_TOKEN": f" {TOKEN}\n"})
        within = run(tmp_path, check, {"SIDE_TOKEN": f"{TOKEN}\nsecond"})
    assert (around.returncode, around.stderr) == (0, "")
    assert within.returncode == 2
    assert "SIDE_TOKEN" in within.stderr
    assert TOKEN not in within.stdout + within.stderr


def test_a_token_that_an_error_repeats_is_masked(tmp_path: Path) -> None:
    """What a gateway says of an error is printed without its token."""
    secret: dict[str, Any] = {"token_variable": "SIDE_TOKEN"}
    with serve(gateway(lambda _request, _body: JSONResponse(f"bad token {TOKEN}", 401))) as url:
        check = source([request_to(side, url, ["a"], **secret) for side in Side])
        ended = run(tmp_path, check, {"SIDE_TOKEN": TOKEN})
    assert ended.returncode == 2
    assert "HTTP 401" in ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr


def test_no_redirect_is_followed(tmp_path: Path) -> None:
    """A token would go to an address that nobody configured."""
    ended = both(tmp_path, vectors(VECTOR), lambda _request, _body: RedirectResponse("/elsewhere", 302))
    assert ended.returncode == 2


def test_requests_beside_it_are_sent_too(tmp_path: Path) -> None:
    """Each side gets all of them, and the one that holds the text is compared."""
    seen: list[Any] = []

    def respond(_request: Request, body: Any) -> Response:
        return JSONResponse({"embeddings": [VECTOR if body["texts"] == ["text"] else [1.0, 0.0, 0.0]]})

    with serve(gateway(respond, seen)) as url:
        beside = tuple(json.dumps({"texts": [other]}) for other in ("b", "c"))
        ended = run(tmp_path, source([request_to(side, url, ["text"], beside=beside) for side in Side]))
    assert ended.returncode == 0
    assert sorted(body["texts"][0] for _, body in seen) == ["b", "b", "c", "c", "text", "text"]


def test_its_measures_are_those_of_a_verdict(tmp_path: Path) -> None:
    """Each measure, by the formula of `core.measures`, to nine digits."""
    random = np.random.default_rng(5)
    pair = [random.standard_normal((1, 16)).astype(np.float32) for _ in Side]
    expected = measure_rows(pair[0], pair[1])
    ended = both(tmp_path, vectors(pair[0][0].tolist()), vectors(pair[1][0].tolist()))
    shown = dict(one.split() for one in ended.stdout.splitlines()[0].split(", "))
    assert set(shown) == {measure.value for measure in Measure}
    ratio = float(expected.candidate_norm[0] / expected.legacy_norm[0])
    assert shown == {
        "cosine": f"{expected.cosine[0]:.9g}",
        "norm_ratio": f"{abs(ratio - 1):.9g}",
        "max_abs_delta_unit": f"{expected.max_abs_delta_unit[0]:.9g}",
        "max_abs_delta": f"{expected.max_abs_delta[0]:.9g}",
        "max_abs_delta_relative": f"{expected.max_abs_delta[0] / expected.legacy_norm[0]:.9g}",
    }


def test_every_limit_that_fails_a_sample_is_in_it(tmp_path: Path) -> None:
    """A limit of the settings on raw differences ends the check with 1, and its value is named."""
    strict = Thresholds(max_abs_delta=0.1)
    with serve(gateway(vectors(VECTOR))) as one, serve(gateway(vectors([2 * value for value in VECTOR]))) as two:
        requests = [request_to(side, url, ["text"]) for side, url in zip(Side, (one, two), strict=True)]
        ended = run(tmp_path, source(requests, strict))
    assert ended.returncode == 1
    assert "differs: max_abs_delta 0.8" in ended.stdout


def test_what_the_noise_of_the_legacy_side_explains_is_equal(tmp_path: Path) -> None:
    """A cosine below its limit alone, as a verdict takes it; without that noise the same vectors differ."""
    verdict = verdict_of(SEED)
    noise = NoiseFloor(side=Side.LEGACY, worst=0.1, by_experiment={"repeat": 0.1}, samples=8, requests=60)
    noisy = replace(verdict, legacy=replace(verdict.legacy, floor=noise))
    with serve(gateway(vectors(VECTOR))) as one, serve(gateway(vectors([0.6, 0.8, -0.25]))) as two:
        requests = [request_to(side, url, ["text"]) for side, url in zip(Side, (one, two), strict=True)]
        ended = [run(tmp_path, render_check(of, found(requests), refusing_statuses())) for of in (noisy, verdict)]
    assert [one.returncode for one in ended] == [0, 1]
