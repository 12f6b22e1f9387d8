"""What the two demo gateways accept as a retrieval request, and what they refuse.

Here belong the fields of both forms and one order of refusals for both, so that a request that one side refuses is
refused by the other with the same status and shape: text, number of results, corpora, filter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from parity_pipeline.demo.corpus import CORPORA, INDEXES, Worker
from parity_pipeline.demo.models import DIMENSIONS
from parity_pipeline.demo.worker_filters import FilterError, Mask, SqlFilters, json_mask

MODEL: Final = "wordllama-256"
"""The model that workers and queries are embedded with on both sides."""

QUERY_LIMIT: Final = 8_000
"""Characters of the longest query; a choice of the demo."""

K_LIMIT: Final = 1_000
"""Largest number of results of one request; a choice of the demo."""

DEFAULT_K: Final = 10

LARGEST: Final = 1e18
"""Elements of a query vector stay below this, so that the square of its norm is a float32 as well."""

NAME_SHOWN: Final = 80
"""Characters of an unknown name that a refusal repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One request that was accepted.

    Attributes:
        text: The query; None where the request carries a vector.
        vector: The query vector, float32 of the model's width; None where the request carries a text.
        corpora: What to search, in the order of the request.
        k: Results wanted, 1 to `K_LIMIT`.
        per_corpus: Results taken from each corpus before they are merged.
        allowed: What the filter lets through; None without a filter.
    """

    text: str | None
    vector: NDArray[np.float32] | None
    corpora: tuple[str, ...]
    k: int
    per_corpus: int
    allowed: Mask | None


def read_legacy(body: bytes, filters: SqlFilters) -> Search:
    """Return the search of a body `{question, index, filter?, top_k?}`, or raise an HTTPException."""
    fields = _object(body)
    text = _query(fields, "question")
    k = _count(fields, "top_k", DEFAULT_K)
    index = fields.get("index")
    if not isinstance(index, str):
        raise HTTPException(400, "`index` is missing or not a string")
    if index not in INDEXES:
        raise HTTPException(404, f"unknown index '{_shown(index)}'; there are {', '.join(INDEXES)}")
    condition = fields.get("filter")
    if condition is not None and not isinstance(condition, str):
        raise HTTPException(400, "`filter` is not a string")
    allowed = None if condition is None else _filtered(lambda: filters.mask(condition))
    return Search(text=text, vector=None, corpora=INDEXES[index], k=k, per_corpus=k, allowed=allowed)


def read_candidate(body: bytes, workers: Sequence[Worker]) -> Search:
    """Return the search of a body `{query_text | query_vector, corpora, k?, per_corpus_k?, model?, filter?}`.

    Raises:
        HTTPException: With one sentence for the client: 400, 404 for an unknown corpus or model, 413 for a long text.
    """
    fields = _object(body)
    by_vector = "query_text" not in fields and fields.get("query_vector") is not None
    vector = _vector(fields["query_vector"]) if by_vector else None
    text = None if by_vector else _query(fields, "query_text")
    k = _count(fields, "k", DEFAULT_K)
    per_corpus = _count(fields, "per_corpus_k", k)
    corpora = _corpora(fields.get("corpora"))
    _check_model(fields.get("model"))
    condition = fields.get("filter")
    allowed = None if condition is None else _filtered(lambda: json_mask(condition, workers))
    return Search(text=text, vector=vector, corpora=corpora, k=k, per_corpus=per_corpus, allowed=allowed)


def refuse_without_direction(vector: NDArray[np.float32]) -> None:
    """Raise an HTTPException for a zero vector, such as that of a text without any token: everything is equally near."""
    if not np.any(vector):
        raise HTTPException(400, "the query has no direction: its vector is zero")


def _object(body: bytes) -> dict[str, Any]:
    try:
        fields: object = orjson.loads(body)
    except ValueError:
        raise HTTPException(400, "the body is not valid JSON") from None
    if not isinstance(fields, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return cast("dict[str, Any]", fields)


def _query(fields: dict[str, Any], name: str) -> str:
    text = fields.get(name)
    if not isinstance(text, str):
        raise HTTPException(400, f"`{name}` is missing" if text is None else f"`{name}` is not a string")
    if not text.strip():
        raise HTTPException(400, f"`{name}` is {'blank' if text else 'empty'}")
    if len(text) > QUERY_LIMIT:
        raise HTTPException(413, f"`{name}` has {len(text)} characters, the limit is {QUERY_LIMIT}")
    return text


def _count(fields: dict[str, Any], name: str, default: int) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= K_LIMIT:
        raise HTTPException(400, f"`{name}` is not a whole number from 1 to {K_LIMIT}")
    return value


def _corpora(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise HTTPException(400, "`corpora` is missing or not an array with names")
    names = cast("list[object]", value)
    for name in names:
        if not isinstance(name, str):
            raise HTTPException(400, "`corpora` is missing or not an array with names")
        if name not in CORPORA:
            raise HTTPException(404, f"unknown corpus '{_shown(name)}'; there are {', '.join(CORPORA)}")
    return tuple(dict.fromkeys(cast("list[str]", names)))


def _check_model(model: object) -> None:
    if model is None or model == MODEL:
        return
    if not isinstance(model, str):
        raise HTTPException(400, "`model` is not a string")
    raise HTTPException(404, f"no index of model '{_shown(model)}'; there is {MODEL}")


def _vector(value: object) -> NDArray[np.float32]:
    width = DIMENSIONS[MODEL]
    items = cast("list[object]", value) if isinstance(value, list) else []
    if len(items) != width or not all(type(item) in {int, float} for item in items):
        raise HTTPException(400, f"`query_vector` is not an array of {width} numbers")
    vector = np.array(items, dtype=np.float64)
    if not (np.abs(vector) < LARGEST).all():
        raise HTTPException(400, f"`query_vector` has an element of {LARGEST:g} or more")
    return vector.astype(np.float32)


def _filtered(mask: Callable[[], Mask]) -> Mask:
    try:
        return mask()
    except FilterError as error:
        raise HTTPException(400, str(error)) from None


def _shown(name: str) -> str:
    return name[:NAME_SHOWN].encode("ascii", "backslashreplace").decode("ascii")
