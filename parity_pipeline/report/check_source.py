"""What the Python checks of all probes share: how facts get into one, and how it sends a request.

Here belong these parts of their source. Foreign text is in a check as JSON alone, in which every character is ASCII and none
can end a string; a token is named by its environment variable. What a check compares belongs to `reproduce_check` and
`reproduce_query_check`.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

_FACTS: Final = "@FACTS@"
_CLIENT_ERRORS: Final = range(400, 500)


def filled(source: str, facts: Mapping[str, Any]) -> str:
    """Return the source of a check with its facts and the shared parts in it, as ASCII.

    Args:
        source: Holds `@FACTS@`, `@SENDING@` and `@REFUSAL@`, each on a line of its own.
        facts: What the check reads as `FACTS`; plain JSON values.
    """
    lines = json.dumps(facts, indent=1, sort_keys=True).splitlines()
    parts = source.replace("@SENDING@", _SENDING).replace("@REFUSAL@", _REFUSAL)
    return parts.replace(_FACTS, "\n".join(f"    {line!r}" for line in lines))


def refusals(refusing: Collection[int]) -> dict[str, list[int]]:
    """Return which HTTP statuses are a definite no, as `is_refusal` of a check reads them.

    >>> refusals([*range(400, 429), *range(430, 500), 500])
    {'no_refusal': [429], 'further_refusals': [500]}
    """
    return {
        "no_refusal": [status for status in _CLIENT_ERRORS if status not in refusing],
        "further_refusals": sorted(status for status in refusing if status not in _CLIENT_ERRORS),
    }


_SENDING: Final = r'''class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: text and token would go to an address that nobody configured."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


def from_environment(name, side):
    value = os.environ.get(name, "").strip()
    if not value:
        raise Unknown(f"set the environment variable {ascii(name)} for the {side} side")
    if not (value.isascii() and value.isprintable()):
        # Python's own message about such a header would print its value.
        raise Unknown(f"the environment variable {ascii(name)} holds a character that no header takes")
    return value


def headers_of(side):
    headers = {"content-type": "application/json"}
    for name in side["header_names"]:
        variable = side["side"].upper() + "_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()
        headers[name] = from_environment(variable, side["side"])
    if side["token_variable"]:
        headers["authorization"] = "Bearer " + from_environment(side["token_variable"], side["side"])
    return headers


def send(side, body):
    """Return status and body of the response; a status that may pass is tried twice."""
    headers = headers_of(side)
    for attempt in (1, 2):
        request = urllib.request.Request(side["url"], body.encode(), headers, method="POST")
        try:
            with OPENER.open(request, timeout=SECONDS) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        if status < 424 or attempt == 2:
            return status, content


def hidden(side, text):
    """Return what a side says without what it was sent as a secret."""
    for name, value in headers_of(side).items():
        secret = value.split()[-1]
        if name != "content-type" and len(secret) >= (4 if name == "authorization" else 12):
            text = text.replace(secret, "***")
    return text


def unexpected(side, status, content):
    """Return the error of a response that is neither a result nor a refusal; masked before it is cut."""
    return Unknown(f"HTTP {status}: {ascii(hidden(side, content.decode('utf-8', 'replace'))[:200])}")'''

_REFUSAL: Final = """def is_refusal(status):
    return status in FACTS["further_refusals"] or (400 <= status < 500 and status not in FACTS["no_refusal"])"""
