"""What may happen between two sides of which neither is wrong: errors that pass, restarts, refusals alike, rare strays.

Here belong the network that is unreliable, and embedders that differ by less than a verdict may blame. Which of them a
run has belongs to `clean_runs`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Final

import httpx
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Wide = NDArray[np.float64]
Embed = Callable[[str, Sequence[str]], Matrix]
Effect = httpx.Response | Exception | None
"""What takes the place of a response: another one, or an error of the connection; None for nothing."""

STRAY_RATE: Final = 1 / 2000
STRAY_COSINE: Final = 0.995
"""A vector strays this far, as with the back end of which a few responses came from another build."""

FLOOR_SHARE: Final = 0.5
"""Largest share of the noise's angle between a vector and the true one. Two vectors of one text, of one or both
sides, are then at most the whole angle apart."""

_TRANSIENT: Final[tuple[Callable[[], Effect], ...]] = (
    lambda: httpx.Response(429),
    lambda: httpx.Response(500),
    lambda: httpx.Response(502),
    lambda: httpx.Response(503, headers={"retry-after": "0"}),
    lambda: httpx.Response(504),
    lambda: httpx.Response(200, headers={"content-type": "application/json"}, content=b'{"embeddings": [[0.1, '),
    lambda: httpx.ConnectError("refused"),
    lambda: httpx.ReadError("reset by peer"),
    lambda: httpx.ReadTimeout("no byte"),
    lambda: httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
)


class UnreliableNetwork(httpx.AsyncBaseTransport):
    """A network before a side that responds, except where a rule puts something else in place of the response."""

    def __init__(self, side: httpx.AsyncBaseTransport, rule: Callable[[httpx.Request], Effect]) -> None:
        """Take the side, and the rule that each request is put to."""
        self._side = side
        self._rule = rule

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        effect = self._rule(request)
        if isinstance(effect, Exception):
            raise effect
        return effect if effect is not None else await self._side.handle_async_request(request)


def transient_errors(share: float, seed: int) -> Callable[[httpx.Request], Effect]:
    """Return a rule that loses this share of requests, each by an error of another kind; never the first one."""
    random = Random(seed)  # noqa: S311 - repeatable runs, nothing secret
    sent = [0]

    def rule(_request: httpx.Request) -> Effect:
        sent[0] += 1
        return random.choice(_TRANSIENT)() if random.random() < share and sent[0] > 1 else None

    return rule


def restarts(longest: int, seed: int) -> Callable[[httpx.Request], Effect]:
    """Return a rule by which the side restarts now and then: connections break, are refused, then it is starting.

    Args:
        longest: Requests that one restart costs at most; at least 1.
        seed: Of when it restarts, and how long that takes.
    """
    random = Random(seed)  # noqa: S311 - repeatable runs, nothing secret

    def effects() -> Iterator[Effect]:
        while True:
            yield from [None] * random.randint(1, 20)
            down = random.randint(1, longest)
            yield httpx.ReadError("reset by peer")
            yield from (httpx.ConnectError("refused") for _ in range(down // 2))
            yield from (httpx.Response(503, content=b"starting") for _ in range(down - down // 2 - 1))

    found = effects()
    return lambda _request: next(found)


def refusals(refused: AbstractSet[str], status: int) -> Callable[[httpx.Request], Effect]:
    """Return a rule that refuses every request that holds one of these texts."""

    def rule(request: httpx.Request) -> Effect:
        fields = json.loads(request.content)
        texts = next(value for value in fields.values() if isinstance(value, list))
        return None if refused.isdisjoint(texts) else httpx.Response(status, json={"error": "not this text"})

    return rule


def noisy(embed: Embed, noise: float, seed: int) -> Embed:
    """Return an embedder that adds fresh noise to each vector.

    Args:
        embed: Returns the true vectors, float32 of shape (n, d).
        noise: Largest 1 - cosine between two vectors of one text; 0 for none.
        seed: Of the noise.
    """
    generator = np.random.default_rng(seed)
    largest = np.tan(FLOOR_SHARE * np.arccos(1.0 - noise)) if noise else 0.0

    def embed_with_noise(model: str, texts: Sequence[str]) -> Matrix:
        rows = embed(model, texts).astype(np.float64)
        if not noise:
            return rows.astype(np.float32)
        aside = generator.uniform(0.0, 1.0, (len(rows), 1)) * largest
        return (rows + _across(rows, generator) * aside).astype(np.float32)

    return embed_with_noise


def straying(embed: Embed, seed: int, rate: float = STRAY_RATE) -> Embed:
    """Return an embedder of which a vector strays now and then to `STRAY_COSINE`, whatever the text."""
    generator = np.random.default_rng(seed)
    aside = np.tan(np.arccos(STRAY_COSINE))

    def embed_with_strays(model: str, texts: Sequence[str]) -> Matrix:
        rows = embed(model, texts).astype(np.float64)
        strays = generator.random((len(rows), 1)) < rate
        return (rows + _across(rows, generator) * aside * strays).astype(np.float32)

    return embed_with_strays


def shifted(embed: Embed, distance: float, seed: int) -> Embed:
    """Return an embedder whose every vector is shifted along one direction.

    Args:
        embed: Returns the true vectors, float32 of shape (n, d).
        distance: 1 - cosine between a vector and the shifted one, at most; below 0.5.
        seed: Of the direction.
    """
    aside = np.sin(np.arccos(1.0 - distance))

    def embed_shifted(model: str, texts: Sequence[str]) -> Matrix:
        rows = embed(model, texts).astype(np.float64)
        direction = np.random.default_rng(seed).standard_normal(rows.shape[1])
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows + norms * aside * direction / np.linalg.norm(direction)).astype(np.float32)

    return embed_shifted


def _across(rows: Wide, generator: np.random.Generator) -> Wide:
    """Return a random direction at a right angle to each row, as long as the row."""
    across = generator.standard_normal(rows.shape)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(norms > 0, norms, 1.0)
    across -= unit * np.einsum("ij,ij->i", across, unit)[:, None]
    return across * norms / np.linalg.norm(across, axis=1, keepdims=True)
