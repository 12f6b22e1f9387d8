"""The slow and certain reading of JSON: NaN, Infinity, null, and everything that the fast path refused.

Here belong parsing by the standard library with limits around it, and single vectors from Python lists.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.wire.gateway_errors import MalformedResponse
from parity_pipeline.wire.json_path import Repeated

SLOW_BYTES: Final = 32 * 1024 * 1024
"""Largest body read this way: Python objects take up to twenty times the bytes of the JSON they stand for."""

_SAFE_DIGITS: Final = 18


def _integer(text: str) -> int | float:
    """Return an integer, or a float where it is so long that reading it exactly would only cost time."""
    return int(text) if len(text) <= _SAFE_DIGITS else float(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else Repeated(made)


def load_slowly(body: bytes | bytearray) -> Any:
    """Return a JSON document as Python values; an object with duplicate keys is a `Repeated`.

    Raises:
        MalformedResponse: Not JSON, not UTF-8, nested too deep, or beyond `SLOW_BYTES`.
    """
    if len(body) > SLOW_BYTES:
        raise MalformedResponse("not_json", f"{len(body)} bytes that the fast reader refused")
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_object, parse_int=_integer)
    except RecursionError:
        pass
    except ValueError as error:
        raise MalformedResponse("not_json", _without_body(error)) from None
    raise MalformedResponse("too_deep", "nested deeper than any response has reason to be")


def _without_body(error: ValueError) -> str:
    """Return why a text is not valid JSON, without the text itself, which the exception holds."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return str(error)[:200]


def vector_of(row: Sequence[Any]) -> NDArray[np.float64]:
    """Return one vector as float64; null becomes NaN.

    Raises:
        MalformedResponse: Something in it is neither a number nor null.
    """
    for value in row:
        if value is not None and type(value) is not float and type(value) is not int:
            raise MalformedResponse("not_numbers", f"{type(value).__name__} {str(value)[:40]!r} in a vector")
    return np.array([np.nan if value is None else value for value in row], np.float64)


def vector_of_base64(text: Any) -> NDArray[np.float32]:
    """Return one vector from base64 of little-endian float32.

    Raises:
        MalformedResponse: Not a string, not base64, or not a whole number of floats.
    """
    if not isinstance(text, str):
        raise MalformedResponse("bad_base64", f"{type(text).__name__} where base64 was requested")
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedResponse("bad_base64", f"{text[:40]!r} is not base64") from None
    if len(raw) % 4:
        raise MalformedResponse("bad_base64", f"{len(raw)} bytes are not a whole number of float32 values")
    return np.frombuffer(raw, "<f4")
