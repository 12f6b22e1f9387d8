import asyncio
import json

import httpx
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline_tests.wire.fake_side import Fetched, fetch, side, vector_of, vectors_answer

TEXTS = [f"text {number}" for number in range(3000)]
BEARS = 5


class Crowded:
    """A side that refuses whatever comes while it has as many requests as it bears.

    Attributes:
        most: Largest number of requests at once, refused ones included.
        refused: Requests refused.
    """

    def __init__(self, status: int) -> None:
        """Take the status to refuse with."""
        self._status = status
        self._here = 0
        self.most = 0
        self.refused = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer after some turns of the loop, so that requests meet."""
        self._here += 1
        self.most = max(self.most, self._here)
        crowded = self._here > BEARS
        for _ in range(30):
            await asyncio.sleep(0)
        self._here -= 1
        if crowded:
            self.refused += 1
            return httpx.Response(self._status)
        return vectors_answer(json.loads(request.content)["texts"])


def ask(status: int, *, adaptive: bool) -> tuple[Crowded, Fetched]:
    """Fetch with up to 16 requests in flight from a side that bears five."""
    crowded = Crowded(status)
    config = side(concurrency=16, adaptive=adaptive, attempts=8, backoff_seconds=0.1, stop_share=1.0)
    return crowded, fetch(crowded, TEXTS, config)


@pytest.mark.parametrize("status", [429, 503])
def test_a_crowded_side_is_given_room(status: int) -> None:
    """Where asked to, the engine rises to what a side bears, falls when it is refused, and fetches everything."""
    fixed, _ = ask(status, adaptive=False)
    careful, got = ask(status, adaptive=True)
    assert got.is_complete(TEXTS)
    assert set(got.column("status")) == {RowStatus.OK}
    assert got.vectors() == [vector_of(text) for text in TEXTS]
    assert fixed.most == 16
    assert BEARS < careful.most < fixed.most
    assert 0 < careful.refused < fixed.refused / 2
