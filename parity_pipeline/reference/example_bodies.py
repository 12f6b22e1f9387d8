"""Example requests and responses of a dialect, made from its row.

Here belong small bodies that show where everything is. The requests come from the encoders that a lane uses; a response has
exactly the fields that the row reads, so a real one may have more. What stands around them belongs to `dialect_page`.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.encode import RequestEncoder, encode_text
from parity_pipeline.wire.retrieval_dialects import RetrievalDialect
from parity_pipeline.wire.retrieval_requests import QueryEncoder, body_of
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.side_config import SideConfig

MODEL: Final = "my-model"
TEXTS: Final = ("first text", "second text")
VECTORS: Final = ((0.5, -0.25, 1.0), (0.125, 2.0, 0.0))
QUERY: Final = Query(id="q-1", text="nurse in Oslo", k=2, filter="oslo")
RESULTS: Final = (("w-7", 0.75), ("w-9", 0.5))
"""Document ids with their scores."""

_COUNTS: Final = {"usage": {"prompt_tokens": 4, "total_tokens": 4}, "meta.billed_units": {"input_tokens": 4}}
"""Token usage by field path, where it is not one number."""


def embed_request(dialect: Dialect) -> Any:
    """Return the JSON of a request for the vectors of `TEXTS`; of the first one if the dialect takes one text."""
    texts = [encode_text(text) for text in TEXTS[: count(dialect)]]
    return json.loads(RequestEncoder(dialect, MODEL).body(texts))


def embed_response(dialect: Dialect) -> Any:
    """Return the JSON of a response to it, with `VECTORS`."""
    vectors = [_base64(one) if dialect.base64 else list(one) for one in VECTORS[: count(dialect)]]
    if not dialect.vectors_field:
        return vectors
    response: Any = [{} for _ in vectors] if dialect.vectors_field.startswith("[]") else {}
    _put(response, dialect.vectors_field, vectors[0] if dialect.one_text else vectors)
    for path, value in (
        (dialect.order_field, list(range(len(vectors)))),
        (dialect.model_echo_field, MODEL),
        (dialect.dimension_field, len(VECTORS[0])),
        (dialect.usage_field, _COUNTS.get(dialect.usage_field or "", 4)),
    ):
        if path is not None:
            _put(response, path, value)
    return response


def count(dialect: Dialect) -> int:
    """Return how many texts an example request holds."""
    return 1 if dialect.one_text else len(TEXTS)


def retrieval_side(dialect: RetrievalDialect) -> RetrievalSide:
    """Return a side of the dialect that searches one corpus and spells the filter of `QUERY` its own way."""
    config = SideConfig(side=Side.LEGACY, label="", base_url="", dialect=Dialect(name="", path="/"))
    return RetrievalSide(
        config=config,
        dialect=dialect,
        corpus="staff",
        searches=("staff",),
        corpora={},
        filters={"oslo": {"city": "Oslo"}},
        model=MODEL,
        metadata=("city",),
        reported="score",
    )


def retrieval_request(dialect: RetrievalDialect) -> Any:
    """Return the JSON of a request for `QUERY`, by its text where the dialect takes one, else by its vector."""
    vectors = {QUERY.id: VECTORS[0]} if dialect.text_request is None else None
    return json.loads(body_of(QueryEncoder(retrieval_side(dialect), vectors).encode(QUERY)))


def retrieval_response(dialect: RetrievalDialect) -> Any:
    """Return the JSON of a response to it, with `RESULTS`."""
    results = [_result(dialect, *one) for one in RESULTS]
    if not dialect.results_field:
        return results
    response: dict[str, Any] = {}
    _put(response, dialect.results_field, results)
    if dialect.mode_field is not None:
        _put(response, dialect.mode_field, "vector")
    return response


def _result(dialect: RetrievalDialect, identity: str, score: float) -> dict[str, Any]:
    result: dict[str, Any] = {}
    _put(result, dialect.id_field, identity)
    if dialect.score_field is not None:
        _put(result, dialect.score_field, score)
    if dialect.corpus_field is not None:
        _put(result, dialect.corpus_field, "staff")
    if dialect.metadata_field is not None:
        _put(result, f"{dialect.metadata_field}.city".lstrip("."), "Oslo")
    return result


def _put(into: Any, path: str, value: Any) -> None:
    """Put a value at a field path; behind `[]`, one of several values into each element of an array."""
    outer, elements, inner = path.partition("[]")
    if elements and inner:
        rows = _rows(into, outer, len(value))
        for row, one in zip(rows, value, strict=True):
            _put(row, inner.lstrip("."), one)
        return
    *above, last = outer.split(".")
    for name in above:
        into = into.setdefault(name, {})
    into[last] = value


def _rows(into: Any, outer: str, number: int) -> list[dict[str, Any]]:
    """Return the objects of an array at a path, made where they are missing."""
    if not outer:
        return into
    *above, last = outer.split(".")
    for name in above:
        into = into.setdefault(name, {})
    return into.setdefault(last, [{} for _ in range(number)])


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()
