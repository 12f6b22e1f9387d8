"""The candidate's cache of vectors: least recently used goes first, keyed by model and SHA-256 of the text.

Here belongs the cache alone. That a repeated text may never reach the model is a property of the Go gateway which the
demo keeps on purpose, because a probe has to cope with it.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

CAPACITY: Final = 10_000
"""Vectors kept: about 10 MB at 256 dimensions."""

Key = tuple[str, bytes]
Matrix = NDArray[np.float32]


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
        """Return float32 vectors of shape (len(texts), width), asking the model only for what is not kept."""
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
