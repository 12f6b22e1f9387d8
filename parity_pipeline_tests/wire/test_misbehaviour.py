import json
from pathlib import Path
from random import Random

import httpx

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline.wire.retry_policy import rule_of
from parity_pipeline_tests.wire.fake_side import FakeSide, fetch, side, vector_of, vectors_response

TEXTS = [f"text {number}" for number in range(4000)]


def unreliable(seed: int) -> FakeSide:
    """Return a side with 5 % 500, 5 % 429, 2 % dropped, 1 % truncated and 1 % incomplete responses."""
    dice = Random(seed)  # noqa: S311 - the same errors each time, nothing secret

    def respond(texts: list[str], _number: int) -> httpx.Response | Exception | None:
        roll = dice.random()
        errors: list[tuple[float, httpx.Response | Exception]] = [
            (0.05, httpx.Response(500, text="oops")),
            (0.10, httpx.Response(429, headers={"retry-after": "1"})),
            (0.12, httpx.ReadError("dropped")),
            (0.13, httpx.Response(200, content=json.dumps({"embeddings": [vector_of(texts[0])]})[:-5])),
            (0.14, vectors_response(texts[: len(texts) // 2])),
        ]
        return next((response for below, response in errors if roll < below), None)

    return FakeSide(respond)


def test_an_unreliable_gateway_loses_nothing(tmp_path: Path) -> None:
    """However requests fail at random, each sample ends once: with its own vector, or with a named error."""
    for seed in range(3):
        with SqliteStaging(tmp_path / str(seed)) as staging:
            got = fetch(unreliable(seed), TEXTS, side(attempts=5, concurrency=8), staging=staging)
        assert got.is_complete(TEXTS)
        for text, status, vector, error in zip(
            TEXTS, got.column("status"), got.vectors(), got.column("errors"), strict=True
        ):
            if status is RowStatus.OK:
                assert (vector, error) == (vector_of(text), None)
            else:
                assert vector == []
                assert rule_of(error.partition(":")[0]).ends_as is status
        assert got.result.status_counts["ok"] >= 0.99 * len(TEXTS)
        assert not got.result.stopped_early
        assert got.result.errors_by_kind.keys() == {"http_500", "http_429", "reset", "not_json", "wrong_count"}
