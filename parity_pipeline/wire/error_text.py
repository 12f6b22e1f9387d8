"""Read what a server says of an error: its message, its fields, how long to wait.

Here belong foreign texts, truncated and made one line; only `Retry-After` has an effect. What the product says of an error
belongs to `gateway_errors`.
"""

import html
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, cast

from parity_pipeline.core.limits import ERROR_CHARACTERS

_READ_BYTES: Final = 65_536
_SHAPE_FIELDS: Final = 12
_TYPES: Final = {list: "array", str: "string", bool: "boolean", type(None): "null"}
_FIELDS: Final = ("message", "error", "detail", "msg", "title", "reason")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def one_line(text: str) -> str:
    """Return a foreign text as one line without control and direction characters, cut to `ERROR_CHARACTERS`."""
    return " ".join(_CONTROL.sub(" ", text).split())[:ERROR_CHARACTERS]


def error_message(body: bytes | bytearray, content_type: str, hide: Callable[[str], str] = str) -> str:
    """Return the message of an error response: a field of its JSON, the title of its page, or the beginning of its text.

    `hide` masks the secrets of a side before the message is cut: a cut secret would not be recognised.

    >>> error_message(b'{"error": {"message": "model not found"}}', "application/json")
    'model not found'
    """
    text = hide(bytes(body[:_READ_BYTES]).decode("utf-8", "replace"))
    if is_page(text, content_type):
        found = _TITLE.search(text)
        return (
            f"a web page titled {one_line(hide(html.unescape(found.group(1))))!r}"[:ERROR_CHARACTERS]
            if found
            else "a web page"
        )
    try:
        message = _message_in(json.loads(text), depth=4)
    except (ValueError, RecursionError):
        message = text
    # Again, for JSON and HTML may spell a secret with escapes, such as `\/`.
    return one_line(hide(message)) or "no message"


def is_page(text: str, content_type: str) -> bool:
    """Return whether a response is HTML, by its type or its first characters."""
    return "html" in content_type.lower() or text.lstrip("\ufeff \t\r\n").lower().startswith(("<!doctype", "<html"))


def error_shape(status: int, body: bytes | bytearray, hide: Callable[[str], str] = str) -> str:
    """Return the status of an error response and the sorted names of its top-level fields.

    >>> error_shape(400, b'{"message": "no such corpus", "error": "bad_request"}')
    '400 {error, message}'
    """
    try:
        document = json.loads(bytes(body[:_READ_BYTES]).decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return f"{status} (not JSON)" if body.strip() else f"{status} (empty)"
    if not isinstance(document, dict):
        return f"{status} ({_TYPES.get(type(document), 'number')})"
    names = sorted(one_line(hide(str(name)))[:40] for name in cast("dict[str, Any]", document))
    shown = ", ".join(names[:_SHAPE_FIELDS]) + (", …" if len(names) > _SHAPE_FIELDS else "")
    return f"{status} {{{shown}}}"


def _message_in(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return value
    if depth and isinstance(value, dict):
        for name in _FIELDS:
            if value.get(name):
                return _message_in(value[name], depth - 1)
    if depth and isinstance(value, list) and value:
        return _message_in(value[0], depth - 1)
    return json.dumps(value)


def retry_after(headers: Mapping[str, str], today: datetime) -> float | None:
    """Return the seconds to wait of a `Retry-After` header, from seconds or an HTTP date; None if there is no valid one.

    Args:
        headers: Response headers, case-insensitive.
        today: The time now, with a time zone.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (aware - today).total_seconds())
