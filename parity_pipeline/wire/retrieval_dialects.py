"""Retrieval dialects: how a query becomes a request and a response becomes a ranking, as rows of data.

Here belong the record, the built-in rows, and what makes a row unusable. Filling a template belongs to
`retrieval_requests`, reading a response to `retrieval_responses`, what a side searches to `retrieval_side`.

A request body is a JSON template. A string in it that is exactly one of `PLACEHOLDERS` is replaced by the value that it
stands for, with its type; a field whose value a query does not have (a filter, a model) is left out with its key.
"""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

TEXT: Final = "{text}"
VECTOR: Final = "{vector}"
PLACEHOLDERS: Final = (TEXT, VECTOR, "{k}", "{corpus}", "{corpora}", "{filter}", "{model}")
"""The text of a query, its vector, the number of results, the one corpus (or the name of several), the list of all of
them, the filter, and the model that the query is embedded with."""
IN_PATH: Final = ("{corpus}", "{corpora}", "{model}")
"""Placeholders that a path may hold; `{corpora}` then stands for the names joined by commas."""

Template = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalDialect:
    """The request and response format of one kind of retrieval endpoint.

    A field path names nested fields with dots, such as `hits.hits`.

    Attributes:
        name: Its name in the settings.
        path: Path of the endpoint below the base URL, with any of `IN_PATH`.
        text_request: Template of a request with the text of a query; None if the endpoint takes vectors alone.
        vector_request: Template of a request with the vector of a query; None if it takes none.
        results_field: Response path of the list of results; "" if the whole response is the list.
        id_field: Path of the document id in a result.
        score_field: Path of the score or distance in a result; None if there is none.
        corpus_field: Path of the corpus in a result; None if it is never named.
        metadata_field: Path of the object that holds the metadata in a result; "" if it is the result itself, None if
            there are none.
        mode_field: Response path of the mode in which the query was served; None if it is never named.
        id_template: What a document id becomes, with `{id}` and `{corpus}`, the corpus of the result.
    """

    name: str
    path: str
    text_request: Template | None = None
    vector_request: Template | None = None
    results_field: str = "results"
    id_field: str = "id"
    score_field: str | None = "score"
    corpus_field: str | None = None
    metadata_field: str | None = "metadata"
    mode_field: str | None = None
    id_template: str = "{id}"

    @property
    def needs_vectors(self) -> bool:
        """Return whether every query needs a vector, because the endpoint takes no text."""
        return self.text_request is None

    @property
    def takes_vectors(self) -> bool:
        """Return whether a query may be sent as a vector."""
        return self.vector_request is not None

    @property
    def takes(self) -> str:
        """Return what the endpoint takes: `text`, `vector`, or `text, vector`."""
        named = (("text", self.text_request), ("vector", self.vector_request))
        return ", ".join(name for name, template in named if template is not None)


def retrieval_dialect_faults(dialect: RetrievalDialect) -> Iterator[str]:
    """Yield why no query could be sent, or no response read, by a dialect, each with what to do."""
    if dialect.text_request is None and dialect.vector_request is None:
        yield f"it has no request: give text_request, vector_request or both, such as {{query: {TEXT!r}}}"
    for key, template, needed in (
        ("text_request", dialect.text_request, TEXT),
        ("vector_request", dialect.vector_request, VECTOR),
    ):
        if template is not None:
            yield from _template_faults(key, template, needed)
    left = dialect.path
    for placeholder in IN_PATH:
        left = left.replace(placeholder, "")
    if re.search(r"[{}]", left):
        yield f"path {dialect.path!r} may hold braces only as {', '.join(IN_PATH)}"
    yield from _id_template_faults(dialect)


def _template_faults(key: str, template: Template, needed: str) -> Iterator[str]:
    strings = list(strings_of(template))
    if needed not in strings:
        yield f"{key} sends no query: write {needed!r} where it belongs"
    other = VECTOR if needed == TEXT else TEXT
    if other in strings:
        yield f"{key} holds {other!r}: write that in {'vector_request' if other == VECTOR else 'text_request'}"
    for text in strings:
        inside = [placeholder for placeholder in PLACEHOLDERS if placeholder in text and placeholder != text]
        if inside:
            yield f"{key} holds {text!r}: {inside[0]} is replaced only where it is the whole string"


def _id_template_faults(dialect: RetrievalDialect) -> Iterator[str]:
    try:
        named = {name for _, name, _, _ in string.Formatter().parse(dialect.id_template) if name is not None}
    except ValueError:
        named = {""}
    if "id" not in named or named - {"id", "corpus"}:
        yield f"id_template {dialect.id_template!r} must contain {{id}}, and may contain {{corpus}}"
    elif "corpus" in named and dialect.corpus_field is None:
        yield f"id_template {dialect.id_template!r} needs corpus_field, the place of the corpus in a result"


def strings_of(template: Any) -> Iterator[str]:
    """Yield every string value of a template, at any depth, but no key."""
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping):
        for value in cast("Mapping[str, Any]", template).values():
            yield from strings_of(value)
    elif isinstance(template, Sequence) and not isinstance(template, (bytes, bytearray)):
        for value in cast("Sequence[Any]", template):
            yield from strings_of(value)


_MATRIX: Final = {"corpora": "{corpora}", "k": "{k}", "model": "{model}", "filter": "{filter}"}

RETRIEVAL_DIALECTS: Final[tuple[RetrievalDialect, ...]] = (
    RetrievalDialect(
        name="rust-hybrid",
        path="/vectors/hybrid",
        text_request={"question": TEXT, "index": "{corpus}", "filter": "{filter}", "top_k": "{k}"},
        results_field="sources",
        mode_field="mode",
    ),
    RetrievalDialect(
        name="go-matrix",
        path="/v1/matrix/retrieve",
        text_request={"query_text": TEXT, **_MATRIX},
        vector_request={"query_vector": VECTOR, **_MATRIX},
        score_field="distance",
        corpus_field="corpus",
        mode_field="mode",
    ),
    RetrievalDialect(
        name="qdrant",
        path="/collections/{corpus}/points/query",
        vector_request={"query": VECTOR, "limit": "{k}", "filter": "{filter}", "with_payload": True},
        results_field="result.points",
        metadata_field="payload",
    ),
    RetrievalDialect(
        name="opensearch",
        path="/{corpora}/_search",
        vector_request={
            "size": "{k}",
            "query": {"knn": {"embedding": {"vector": VECTOR, "k": "{k}", "filter": "{filter}"}}},
        },
        results_field="hits.hits",
        id_field="_id",
        score_field="_score",
        corpus_field="_index",
        metadata_field="_source",
    ),
    RetrievalDialect(
        name="elasticsearch",
        path="/{corpora}/_search",
        vector_request={
            "size": "{k}",
            "knn": {"field": "embedding", "query_vector": VECTOR, "k": "{k}", "filter": "{filter}"},
        },
        results_field="hits.hits",
        id_field="_id",
        score_field="_score",
        corpus_field="_index",
        metadata_field="_source",
    ),
)
"""The built-in rows. OpenSearch and Elasticsearch name the vector field in the request: another one than `embedding` needs
a row of its own."""
