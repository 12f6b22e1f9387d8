"""What a client requests of a demo gateway, or why it is refused.

Here belongs the reading of a request body, strict in the way of the gateway's language. It depends on no model and no
HTTP server; a refusal is a status and one sentence.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

BODY_LIMIT: Final = 2 * 1024 * 1024
"""Largest request body in bytes: the default of axum, which the Rust gateway is built on."""

TEXTS_LIMIT: Final = 256
"""Largest number of texts of one request; a choice of the demo."""

NAME_SHOWN: Final = 80
"""Characters of an unknown model's name that a refusal repeats."""

_SURROGATES = re.compile("[\ud800-\udfff]")


class RefusalError(Exception):
    """A request that is refused.

    Attributes:
        status: HTTP status, 4xx.
        reason: One sentence for the client.
    """

    def __init__(self, status: int, reason: str) -> None:
        """Keep status and reason."""
        self.status = status
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """A request that is accepted.

    Attributes:
        texts: One or more texts, none blank, none with a lone surrogate.
        model: A known model.
    """

    texts: list[str]
    model: str


def read_request(body: bytes, *, models: Collection[str], default_model: str) -> EmbedRequest:
    r"""Read one request body.

    Args:
        body: The bytes as they came.
        models: Known models.
        default_model: The model of a request that names none.

    Raises:
        RefusalError: 413 for a body or a batch that is too large, 404 for an unknown model, 400 for anything else, such
            as invalid UTF-8 or a lone surrogate, which real gateways treat differently (failure mode 21): the demo's
            two treat it alike, and `--fault replace-surrogates` shows the difference.
    """
    if len(body) > BODY_LIMIT:
        raise RefusalError(413, f"the body has {len(body)} bytes, the limit is {BODY_LIMIT}")
    fields = _read_object(body)
    return EmbedRequest(
        texts=_read_texts(fields.get("texts")), model=_read_model(fields.get("model"), models, default_model)
    )


def _read_object(body: bytes) -> Mapping[str, Any]:
    try:
        value: object = orjson.loads(body)
    except ValueError:
        raise RefusalError(400, "the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise RefusalError(400, "the body is not a JSON object")
    return cast("dict[str, Any]", value)


def _read_texts(texts: object) -> list[str]:
    if not isinstance(texts, list):
        raise RefusalError(400, "`texts` is missing" if texts is None else "`texts` is not an array")
    items = cast("list[object]", texts)
    if not items:
        raise RefusalError(400, "`texts` is empty")
    if len(items) > TEXTS_LIMIT:
        raise RefusalError(413, f"`texts` has {len(items)} items, the limit is {TEXTS_LIMIT}")
    return [_read_text(index, item) for index, item in enumerate(items)]


def _read_text(index: int, item: object) -> str:
    if not isinstance(item, str):
        raise RefusalError(400, f"`texts[{index}]` is not a string")
    if not item.strip():
        raise RefusalError(400, f"`texts[{index}]` is {'blank' if item else 'empty'}")
    return item if item.isascii() else _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", item)


def _read_model(model: object, models: Collection[str], default_model: str) -> str:
    if model is None:
        return default_model
    if not isinstance(model, str):
        raise RefusalError(400, "`model` is not a string")
    if model not in models:
        shown = model[:NAME_SHOWN].encode("ascii", "backslashreplace").decode("ascii")
        raise RefusalError(404, f"unknown model '{shown}'; there are {', '.join(models)}")
    return model
