"""Dialects: how texts become a request body and a response becomes vectors, as rows of data.

Here belong the record and the built-in rows. Encoding and decoding by a row belong to `encode` and `decode`. Headers
and credentials are a side's and not a dialect's: `side_config` holds them, `client` puts them on every request, and a signature of
the body would go there too.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestLookup:
    """Where a gateway lists its models with their digests.

    Attributes:
        path: Path below the base URL, requested by GET.
        name_field: Response path of the models' names, such as `models[].name`. A tag `:latest` makes no difference.
        digest_field: Response path of their digests, in the same order.
    """

    path: str
    name_field: str = "models[].name"
    digest_field: str = "models[].digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The request and response format of one kind of gateway.

    A field path names nested fields with dots and the elements of an array with `[]`, such as `data[].embedding`.

    Attributes:
        name: Its name in the settings.
        path: Path of the embed endpoint below the base URL, with a query if it has one; `{model}` stands for the model.
        texts_field: Request field for the texts; "" if the whole body is the list of texts.
        model_field: Request field for the model; None if the endpoint has only one model.
        vectors_field: Response path of the vectors; "" if the whole response is the array.
        order_field: Response path of each vector's position, such as `data[].index`; None if the order is positional.
        model_echo_field: Response path of the model that was used; None if it is never named.
        dimension_field: Response path of the stated dimension; None if it is never stated.
        usage_field: Response path of the token usage; None if it is never stated.
        extra_fields: Further request fields, sent as they are.
        one_text: The endpoint takes one text, as a string and not as an array.
        base64: Vectors come as base64 of little-endian float32.
        digest: Where the digest of a model can be read; None where the gateway has none. It shapes no request for vectors.
    """

    name: str
    path: str
    texts_field: str = "texts"
    model_field: str | None = "model"
    vectors_field: str = "embeddings"
    order_field: str | None = None
    model_echo_field: str | None = "model"
    dimension_field: str | None = None
    usage_field: str | None = None
    extra_fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    one_text: bool = False
    base64: bool = False
    digest: DigestLookup | None = None


MODEL_IN_PATH: Final = "{model}"
"""Where a path names the model."""


def dialect_faults(dialect: Dialect) -> Iterator[str]:
    """Yield why no request could be made by a dialect, each with what to do."""
    bare = 'texts_field is "", so that the body is the list of texts and has no other fields'
    if not dialect.texts_field and dialect.model_field is not None:
        yield (
            f"{bare}: set model_field: null, and write {MODEL_IN_PATH} into path where the endpoint needs the model, "
            f"such as {dialect.path.partition('?')[0]}?model={MODEL_IN_PATH}"
        )
    if not dialect.texts_field and dialect.extra_fields:
        first = next(iter(dialect.extra_fields))
        yield f"{bare}: write extra_fields into the query of path, such as {dialect.path.partition('?')[0]}?{first}=…"
    if re.search(r"[{}]", dialect.path.replace(MODEL_IN_PATH, "")):
        yield f"path {dialect.path!r} may hold braces only as {MODEL_IN_PATH}, which stands for the model"


BUILT_IN: Final[tuple[Dialect, ...]] = (
    Dialect(name="rust", path="/ai/embed", dimension_field="dimensions"),
    Dialect(name="go", path="/v1/embed", vectors_field="vectors", dimension_field="dimension"),
    Dialect(
        name="openai",
        path="/v1/embeddings",
        texts_field="input",
        vectors_field="data[].embedding",
        order_field="data[].index",
        usage_field="usage",
    ),
    Dialect(
        name="openai-base64",
        path="/v1/embeddings",
        texts_field="input",
        vectors_field="data[].embedding",
        order_field="data[].index",
        usage_field="usage",
        extra_fields={"encoding_format": "base64"},
        base64=True,
    ),
    Dialect(
        name="ollama",
        path="/api/embed",
        texts_field="input",
        usage_field="prompt_eval_count",
        digest=DigestLookup(path="/api/tags"),
    ),
    Dialect(
        name="ollama-legacy",
        path="/api/embeddings",
        texts_field="prompt",
        vectors_field="embedding",
        model_echo_field=None,
        one_text=True,
        digest=DigestLookup(path="/api/tags"),
    ),
    Dialect(name="tei", path="/embed", texts_field="inputs", model_field=None, vectors_field="", model_echo_field=None),
    Dialect(
        name="cohere",
        path="/v2/embed",
        vectors_field="embeddings.float",
        model_echo_field=None,
        usage_field="meta.billed_units",
        extra_fields={"input_type": "search_document", "embedding_types": ["float"]},
    ),
)
