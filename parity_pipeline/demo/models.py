"""The embedding models of the demo, and the turning of texts into raw vectors.

Here belong the table of models and the arithmetic of a static model: look up one vector per token, take the mean.
What a gateway makes of a raw vector (norm, number format, cache) belongs to `gateway`.
"""

import hashlib
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

DIMENSIONS: Final[Mapping[str, int]] = {"wordllama-256": 256, "wordllama-64": 64}
"""Every model of the demo with the width of its vectors. The narrow one is the first 64 columns of the wide one."""

_TOKENIZED: Final = 1_000
"""Texts whose tokens are kept: tokenizing takes most of the time of a long text, and each text comes once per model."""

_TOKEN_BLOCK: Final = 8192
"""Tokens of one text that are looked up at a time: 8 MB at 256 columns, so a 2 MB text does not take 500 MB."""


class Embedder:
    """The models of the demo, loaded once; safe to use from several threads.

    A vector depends on its text and model alone: never on its neighbours in a batch, nor on what came before.
    """

    def __init__(self) -> None:
        """Load the vectors and the tokenizer that the package `wordllama` carries; nothing is downloaded."""
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # threads cost more than they give on 32 short texts
        level = logging.getLogger().level
        import wordllama  # noqa: PLC0415 - 0.3 s, which a fault proxy and `--help` need not pay

        package = Path(wordllama.__file__).parent
        loaded = wordllama.WordLlama.load(cache_dir=package, disable_download=True)
        logging.getLogger().setLevel(level)  # the package sets the root logger to INFO when imported
        self._tokenizer = loaded.tokenizer
        self._tokenizer.no_padding()
        self._tokens: OrderedDict[bytes, list[int]] = OrderedDict()
        self._lock = threading.Lock()
        self._matrices = {
            name: np.ascontiguousarray(loaded.embedding[:, :width], dtype=np.float32)
            for name, width in DIMENSIONS.items()
        }

    def embed(self, model: str, texts: Sequence[str]) -> Matrix:
        """Return raw vectors, float32 of shape (len(texts), width of the model).

        Args:
            model: A name of `DIMENSIONS`.
            texts: Texts without lone surrogates. One without any token gets a zero vector.
        """
        matrix = self._matrices[model]
        vectors = np.zeros((len(texts), matrix.shape[1]), dtype=np.float32)
        for row, ids in enumerate(self._token_ids(texts)):
            if ids:
                vectors[row] = _mean_of(matrix, ids)
        return vectors

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, which all models share; those of the newest texts are kept."""
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        with self._lock:
            found = {key: self._tokens[key] for key in keys if key in self._tokens}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            encoded = self._tokenizer.encode_batch_fast(list(missing.values()), add_special_tokens=False)
            fresh = {key: tokens.ids for key, tokens in zip(missing, encoded, strict=True)}
            found |= fresh
            with self._lock:
                self._tokens |= fresh
                while len(self._tokens) > _TOKENIZED:
                    self._tokens.popitem(last=False)
        return [found[key] for key in keys]


def _mean_of(matrix: Matrix, ids: list[int]) -> Matrix:
    """Return the mean of the rows `ids` of the matrix; which way it is added up depends on the number of ids alone."""
    if len(ids) <= _TOKEN_BLOCK:
        return matrix.take(ids, axis=0).mean(axis=0)
    total = np.zeros(matrix.shape[1], dtype=np.float64)
    for start in range(0, len(ids), _TOKEN_BLOCK):
        total += matrix.take(ids[start : start + _TOKEN_BLOCK], axis=0).sum(axis=0, dtype=np.float64)
    return (total / len(ids)).astype(np.float32)


CAPACITY: Final = 10_000
"""Vectors kept: about 10 MB at 256 dimensions."""

Key = tuple[str, bytes]


class VectorCache:
    """A bounded cache in front of an embedder; safe to use from several threads."""

    def __init__(self, embed: Callable[[str, Sequence[str]], Matrix], capacity: int = CAPACITY) -> None:
        """Keep at most `capacity` vectors of what `embed` returns."""
        self._embed = embed
        self._capacity = capacity
        self._vectors: OrderedDict[Key, Matrix] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of vectors kept."""
        return len(self._vectors)

    def embed(self, model: str, texts: Sequence[str]) -> Matrix:
        """Return float32 vectors of shape (len(texts), width), calling the model only for what is not kept."""
        keys = [(model, hashlib.sha256(text.encode()).digest()) for text in texts]
        found = self._look_up(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            fresh = dict(zip(missing, self._embed(model, list(missing.values())), strict=True))
            self._keep(fresh)
            found.update(fresh)
        return np.stack([found[key] for key in keys])

    def _look_up(self, keys: Sequence[Key]) -> dict[Key, Matrix]:
        found: dict[Key, Matrix] = {}
        with self._lock:
            for key in keys:
                if (vector := self._vectors.get(key)) is not None:
                    self._vectors.move_to_end(key)
                    found[key] = vector
        return found

    def _keep(self, fresh: dict[Key, Matrix]) -> None:
        with self._lock:
            for key, vector in fresh.items():
                self._vectors[key] = vector.copy()  # a row of a batch would keep the whole batch alive
                self._vectors.move_to_end(key)
            while len(self._vectors) > self._capacity:
                self._vectors.popitem(last=False)
