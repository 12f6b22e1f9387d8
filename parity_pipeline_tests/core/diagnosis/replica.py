"""A small replica of real embedding servers: word pieces, a window, special tokens, and contextual vectors.

Here belong the tokenizer's habits that recorded servers differ in, and a model that is uncased and anisotropic as the
recorded ones are. Faults that a proxy makes stand in the demo's table.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.records import Ask
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline_tests.core.builders import Row, fetched, samples_of

WIDTH: Final = 96

_SPECIAL = re.compile(r"(\[(?:CLS|SEP|MASK|PAD)\])")
_CONTROL = "\x0b\x0c\x85"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One server.

    Attributes:
        space: Decides the vectors of words: another one is another model of the same width.
        anisotropy: Share of one common vector in all of them.
        window: Tokens that are read.
        refuses: Whether more than that is refused, with the whole request, instead of cut.
        parses_special: Whether `[SEP]` and its like in a text are read as special tokens.
        long_word: Characters from which on a word is one unknown token; 0 for never.
        drops_control: Whether control characters that are white space are left away instead of read as blanks.
        prefix: What the server puts in front.
        rough: Size of an error that depends on all texts of the request, as ranges set at run time give; 0 for none.
        words: The server's sentence where it refuses.
    """

    space: str = "model"
    anisotropy: float = 0.0
    window: int = 256
    refuses: bool = False
    parses_special: bool = False
    long_word: int = 0
    drops_control: bool = False
    prefix: str = ""
    rough: float = 0.0
    words: str = "http_500: input is too large to process. increase the physical batch size"

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text, uncased, at most five characters of a word each."""
        parts = _SPECIAL.split(self.prefix + text) if self.parses_special else [self.prefix + text]
        found: list[str] = []
        for part in parts:
            if self.parses_special and _SPECIAL.fullmatch(part):
                found.append(part)
            else:
                found += self._pieces(part)
        return found

    def _pieces(self, part: str) -> list[str]:
        for sign in _CONTROL:
            part = part.replace(sign, "" if self.drops_control else " ")
        plain = unicodedata.normalize("NFD", part).lower()
        pieces: list[str] = []
        for word in re.findall(r"\w+|[^\w\s]", "".join(sign for sign in plain if not unicodedata.combining(sign))):
            if self.long_word and len(word) >= self.long_word:
                pieces.append("[UNK]")
            else:
                pieces += [("##" if start else "") + word[start : start + 5] for start in range(0, len(word), 5)]
        return pieces

    def embed(self, texts: Sequence[str]) -> list[Row]:
        """Return the rows of one request; all refused where one of its texts is too long."""
        all_tokens = [self.tokens(text) for text in texts]
        if self.refuses and any(len(tokens) > self.window for tokens in all_tokens):
            return [RowStatus.REFUSED] * len(texts)
        rows = [self._vector(tokens[: self.window]) for tokens in all_tokens]
        if self.rough:
            company = hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).digest()
            noise = np.random.default_rng(list(company)).standard_normal((len(rows), WIDTH))
            rows = [
                row + self.rough * np.linalg.norm(row) * one / np.linalg.norm(one)
                for row, one in zip(rows, noise, strict=True)
            ]
        return [row.astype(np.float32).tolist() for row in rows]

    def _vector(self, tokens: Sequence[str]) -> NDArray[np.float64]:
        """Return a mean of word vectors and of pairs of neighbours, so that a word changes those beside it."""
        kept = ["[cls]", *tokens, "[sep]"]
        pairs = [f"{one} {two}" for one, two in pairwise(kept)]
        mean = np.mean([_word(self.space, one) for one in (*kept, *pairs)], axis=0)
        mean /= np.linalg.norm(mean)
        return mean + self.anisotropy * _word(self.space, "everything") / np.linalg.norm(
            _word(self.space, "everything")
        )

    def fetch(self, texts: Sequence[str], batch: int = 32) -> FetchedRows:
        """Return the rows of a set; a refused request is sent again text by text."""
        rows: list[Row] = []
        for start in range(0, len(texts), batch):
            part = list(texts[start : start + batch])
            found = self.embed(part)
            refused = found and all(row is RowStatus.REFUSED for row in found)
            rows += [self.embed([text])[0] for text in part] if refused else found
        side = fetched(samples_of(texts), rows)
        errors = [self.words if status is RowStatus.REFUSED else None for status in side.status]
        return FetchedRows(
            start=0,
            ids=side.ids,
            values=side.values,
            offsets=side.offsets,
            status=side.status,
            http_status=side.http_status,
            errors=errors,
            request_ids=side.request_ids,
            latency_ms=side.latency_ms,
        )

    def ask(self) -> Ask:
        """Return the server as a diagnosis queries it: one request, refused as a whole."""
        return lambda texts: [
            None if isinstance(row, RowStatus) else np.array(row, np.float32) for row in self.embed(texts)
        ]


@cache
def _word(space: str, token: str) -> NDArray[np.float64]:
    seed = hashlib.sha256(f"{space}:{token}".encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(list(seed)).standard_normal(WIDTH)
