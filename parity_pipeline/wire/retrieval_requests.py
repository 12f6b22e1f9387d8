"""Queries to requests: the template of a dialect, filled with what a query holds.

Here belong the filling of a template and the bytes by which the fetch engine knows a query. The templates belong to
`retrieval_dialects`, the spellings of a side to `retrieval_side`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import orjson

from parity_pipeline.core.retrieval.provenance import QueriesBlock
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.wire.encode import Batch
from parity_pipeline.wire.retrieval_dialects import TEXT, VECTOR, Template
from parity_pipeline.wire.retrieval_side import RetrievalSide

ABSENT: Final = object()
"""The value of a placeholder that a query has nothing for: its field is left out."""
PLAIN_TEXT: Final = "who can start tomorrow"
"""A query that no side has reason to refuse; sent without a filter, with k = 1."""

_SEPARATOR: Final = b"\n"
Vectors = Mapping[str, Sequence[float]]


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a template with its placeholders replaced; what was put in is never searched for placeholders again.

    Args:
        template: JSON values.
        values: A value by placeholder; `ABSENT` leaves out the field or element that holds it.

    >>> filled({"query": "{text}", "filter": "{filter}"}, {"{text}": "a {filter}", "{filter}": ABSENT})
    {'query': 'a {filter}'}
    """
    if isinstance(template, str):
        return values.get(template, template)
    if isinstance(template, Mapping):
        fields = ((name, filled(value, values)) for name, value in cast("Template", template).items())
        return {name: value for name, value in fields if value is not ABSENT}
    if isinstance(template, (list, tuple)):
        elements = (filled(value, values) for value in cast("Sequence[Any]", template))
        return [value for value in elements if value is not ABSENT]
    return template


class QueryEncoder:
    """Builds the requests of one side. An encoded query is its path, a line feed, and the body of its request."""

    def __init__(self, side: RetrievalSide, vectors: Vectors | None) -> None:
        """Choose the template.

        Args:
            side: The side.
            vectors: A vector by query id. Where they are given and the dialect takes vectors, they are what is sent.
        """
        self._side = side
        dialect = side.dialect
        by_vector = vectors is not None and dialect.vector_request is not None
        self._vectors = vectors if by_vector else None
        self._template = dialect.vector_request if by_vector else dialect.text_request
        self.takes = "vector" if by_vector else "text"

    def plain(self) -> bytes:
        """Return a query that no side has reason to refuse, with any of the vectors where vectors are sent."""
        vectors = self._vectors or {}
        some = next((name for name, vector in vectors.items() if _is_finite(vector)), "")
        return self.encode(Query(id=some, text=PLAIN_TEXT, k=1))

    def encode(self, query: Query) -> bytes:
        """Return an encoded query; its body is empty where a vector is needed and there is none, or one with NaN."""
        side, searched = self._side, self._side.searched(query)
        path = side.path(searched).encode() + _SEPARATOR
        vector = self._vectors.get(query.id) if self._vectors is not None else None
        if self._template is None or (self._vectors is not None and not _is_finite(vector)):
            return path
        values = {
            TEXT: query.text,
            VECTOR: ABSENT if vector is None else np.asarray(vector),
            "{k}": query.k,
            "{corpus}": side.single(searched),
            "{corpora}": [side.spelled(name) for name in searched],
            "{filter}": self._filter(query.filter),
            "{model}": ABSENT if side.model is None else side.model,
        }
        return path + _json(filled(self._template, values))

    def _filter(self, name: str | None) -> Any:
        """Return this side's spelling of a filter: a named one as the settings have it, another one as it is."""
        found = None if name is None else self._side.filters.get(name, name)
        return ABSENT if found is None else found


def _is_finite(vector: Sequence[float] | None) -> bool:
    return vector is not None and bool(np.isfinite(vector).all())


def path_of(encoded: bytes) -> str:
    """Return the path of an encoded query, below the base URL."""
    return encoded.partition(_SEPARATOR)[0].decode()


def body_of(encoded: bytes) -> bytes:
    """Return the request body of an encoded query."""
    return encoded.partition(_SEPARATOR)[2]


def _json(value: Any) -> bytes:
    """Return JSON; a float32 vector in the shortest digits that give it back, a lone surrogate as its escape."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        return json.dumps(value, default=_listed).encode()


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return cast("list[Any]", value.tolist())
    raise TypeError(type(value).__name__)


def plan_queries(blocks: Iterable[QueriesBlock], encoder: QueryEncoder) -> Iterator[Batch]:
    """Yield one batch per query, lazily, in their order."""
    for block in blocks:
        for index, query in enumerate(block.queries):
            yield Batch(block.start + index, [query.id], [encoder.encode(query)])
