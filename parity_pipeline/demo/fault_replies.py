"""Faults that answer instead of the gateway behind.

Here belong pure functions of the call that return a whole answer, or None to let the call pass. Each names its case.
"""

from typing import Final

import orjson

from parity_pipeline.demo.fault_scope import Call, Reply

SMALL_BODY: Final = 12 * 1024
"""Bytes from which on a body is refused (case 22)."""


def refuse_long(call: Call) -> Reply | None:
    """Answer 400 where a text is longer than the limit (case 11)."""
    long = [index for index, text in enumerate(call.texts) if call.hits[index] and len(text) > call.scope.characters]
    return _error(400, f"texts[{long[0]}] exceeds the context length") if long else None


def fail_for_some(call: Call) -> Reply | None:
    """Answer 500 where a text that is hit is among them (case 19)."""
    return _error(500, "failed to encode response: json: unsupported value: NaN") if any(call.hits) else None


def too_many_requests(call: Call) -> Reply | None:
    """Answer 429 to every request with a text that is hit, however often it is sent again (case 26)."""
    if not any(call.hits):
        return None
    headers = {"content-type": "application/json", "retry-after": "0"}
    return Reply(status=429, body=orjson.dumps({"error": "too many requests"}), headers=headers)


def refuse_large_body(call: Call) -> Reply | None:
    """Answer 413 to a body of 12 KiB and more (case 22)."""
    return _error(413, "length limit exceeded") if call.body_bytes >= SMALL_BODY else None


def html_page(call: Call) -> Reply | None:
    """Answer 200 with an HTML page, as a proxy on the way does."""
    if not any(call.hits):
        return None
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
    return Reply(status=200, body=page, headers={"content-type": "text/html; charset=utf-8"})


def _error(status: int, reason: str) -> Reply:
    return Reply(status=status, body=orjson.dumps({"error": reason}))
