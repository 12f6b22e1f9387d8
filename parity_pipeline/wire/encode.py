"""Texts to request bodies, each text encoded once.

Here belong the encoding of one text, the body of a batch, and the plan that divides a stream of samples into batches.
The format of a body belongs to `dialects`.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.wire.dialects import Dialect

WHOLE_BODY: Final = "(whole body)"
"""What stands for a field where the texts are the body itself."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive samples of one planned request, or one query.

    Attributes:
        start: Ordinal of the first sample.
        ids: Sample ids.
        texts: The texts as JSON strings, UTF-8; a query as `retrieval_requests` encodes it.
    """

    start: int
    ids: Sequence[str]
    texts: Sequence[bytes]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.ids)

    def part(self, first: int, last: int) -> "Batch":
        """Return the samples from index `first` up to but not including `last`."""
        return Batch(self.start + first, self.ids[first:last], self.texts[first:last])

    def runs_between(self, lone: Collection[int]) -> Iterator["Batch"]:
        """Yield what is left of the batch without the samples at some indices, each run of neighbours as a batch."""
        first = 0
        for index in (*sorted(lone), len(self)):
            if first < index:
                yield self.part(first, index)
            first = index + 1

    def as_block(self) -> SampleBlock:
        """Return the samples without their texts, for rows without vectors."""
        return SampleBlock(self.start, self.ids, [""] * len(self), [""] * len(self))


def encode_text(text: object) -> bytes:
    """Return a text, or the value of another field, as JSON. A lone surrogate, which has no UTF-8, is sent as its escape."""
    try:
        return orjson.dumps(text)
    except TypeError:
        return json.dumps(text).encode()


class RequestEncoder:
    """Builds request bodies for one dialect and model."""

    def __init__(self, dialect: Dialect, model: str | None) -> None:
        """Encode once what all bodies share.

        Args:
            dialect: The dialect of the side.
            model: The model to request; None to leave the field out.
        """
        rest: dict[str, Any] = dict(dialect.extra_fields)
        if dialect.model_field is not None and model is not None:
            rest = {dialect.model_field: model, **rest}
        self.fields = tuple(sorted([dialect.texts_field or WHOLE_BODY, *rest]))
        self._head, self._tail = (b"", b"") if dialect.one_text else (b"[", b"]")
        if dialect.texts_field:
            members = b"".join(b"," + encode_text(name) + b":" + encode_text(value) for name, value in rest.items())
            self._head = b"{" + encode_text(dialect.texts_field) + b":" + self._head
            self._tail += members + b"}"
        self.overhead = len(self._head) + len(self._tail)

    def body(self, texts: Sequence[bytes]) -> bytes:
        """Return the request body for encoded texts; exactly one of them if the dialect takes one text."""
        return self._head + b",".join(texts) + self._tail


def plan(samples: Iterable[SampleBlock], *, texts: int, size: int, overhead: int) -> Iterator[Batch]:
    """Divide a stream of samples into batches, lazily and the same way each time.

    Args:
        samples: The samples in their order, without a gap.
        texts: Largest number of texts in a batch.
        size: Largest size of a body in bytes; a longer text makes a batch of its own.
        overhead: Bytes of a body beside its texts.

    Yields:
        Batches of at least one sample. Holds one batch in memory.
    """
    start, ids, encoded, used = 0, list[str](), list[bytes](), overhead
    for block in samples:
        for index, (identity, text) in enumerate(zip(block.ids, block.texts, strict=True)):
            one = encode_text(text)
            if ids and (len(ids) >= texts or used + len(one) + 1 > size):
                yield Batch(start, ids, encoded)
                ids, encoded, used = [], [], overhead
            if not ids:
                start = block.start + index
            ids.append(identity)
            encoded.append(one)
            used += len(one) + 1
    if ids:
        yield Batch(start, ids, encoded)
