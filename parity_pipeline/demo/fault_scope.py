"""What a fault receives: its scope, and the call that it may corrupt.

Here belong plain records and the one rule which texts are hit. Everything is a function of the seed and the text, so
that a fault hits the same texts again in another batch, order or run. Texts of the same letters and digits are hit
alike: what is wrong with a text on a real server is rarely cured by a blank behind it, so it must not be here.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Row = list[Any]
"""One vector as JSON: numbers, or whatever a fault put there."""

Rows = list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which texts are hit, and the parameters that some faults read.

    Attributes:
        seed: Decides which texts a rate hits, and the noise.
        rate: Share of texts that are hit, 0 to 1; chosen by their letters and digits, not by chance.
        position: Only this row of a request is hit, counted from 0 or, negative, from the end; None for every row.
        every: drop-row: also responses to a single text are one short.
        other_models: wrong-model: the first that was not requested is used instead.
        characters: truncate, refuse-long: characters that are let through.
    """

    seed: int = 0
    rate: float = 1.0
    position: int | None = None
    every: bool = False
    other_models: tuple[str, ...] = ()
    characters: int = 40

    def hits(self, texts: Sequence[str]) -> list[bool]:
        """Return for each text of a request whether it is hit."""
        places = range(len(texts)) if self.position is None else {self.position, self.position + len(texts)}
        return [index in places and _share(self.seed, _kin(text)) < self.rate for index, text in enumerate(texts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a fault sees it.

    Attributes:
        texts: The texts as the client sent them.
        hits: Which of them are in scope.
        scope: The parameters.
        body_bytes: Size of the request body.
        in_flight: Requests in progress, this one included.
        requests: Requests completed before.
        longest: Characters of the longest text of the requests before.
        seen: How often each text came in a request before.
        beside: Texts of the other requests in flight.
    """

    texts: Sequence[str]
    hits: Sequence[bool]
    scope: Scope
    body_bytes: int = 0
    in_flight: int = 1
    requests: int = 0
    longest: int = 0
    seen: Sequence[int] = ()
    beside: Sequence[str] = ()

    def generator(self, index: int, salt: int = 0) -> np.random.Generator:
        """Return the generator of a text: the same for the same seed, text and salt."""
        digest = _digest(self.scope.seed, self.texts[index])
        return np.random.default_rng([int.from_bytes(digest[:8], "big"), salt])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response that a fault makes itself.

    Attributes:
        status: HTTP status.
        body: The body.
        headers: Headers, the content type among them.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


def _kin(text: str) -> str:
    """Return what a text shares with its other spellings: its letters and digits without case and accents, if any."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text).casefold() if sign.isalnum()) or text


def _digest(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}:".encode() + text.encode("utf-8", "surrogatepass")).digest()


def _share(seed: int, text: str) -> float:
    """Return a number in [0, 1) that depends on seed and text alone, evenly spread over texts."""
    return int.from_bytes(_digest(seed, text)[8:15], "big") / 2**56
