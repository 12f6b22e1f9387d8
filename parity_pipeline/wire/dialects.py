"""Dialects: how texts become a request body and a response becomes vectors, as rows of data.

Here belong the record and the built-in rows. Encoding and decoding by a row belong to `encode` and
`decode`. Headers and credentials are a side's and not a dialect's: `side_config`, put on the request by `client`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The request and response format of one kind of gateway.

    A field path names nested fields with dots and the elements of an array with `[]`, such as `data[].embedding`.

    Attributes:
        name: Its name in the settings.
        path: Path of the embed endpoint below the base URL.
        texts_field: Request field for the texts.
        model_field: Request field for the model; None if the endpoint has only one model.
        vectors_field: Response path of the vectors; "" if the whole response is the array.
        order_field: Response path of each vector's position, such as `data[].index`; None if the order is positional.
        model_echo_field: Response path of the model that was used; None if it is never named.
        dimension_field: Response path of the stated dimension; None if it is never stated.
        usage_field: Response path of the token usage; None if it is never stated.
        extra_fields: Further request fields, sent as they are.
        one_text: The endpoint takes one text, as a string and not as an array.
        base64: Vectors come as base64 of little-endian float32.
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
    Dialect(name="ollama", path="/api/embed", texts_field="input", usage_field="prompt_eval_count"),
    Dialect(
        name="ollama-legacy",
        path="/api/embeddings",
        texts_field="prompt",
        vectors_field="embedding",
        model_echo_field=None,
        one_text=True,
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
