r"""Commands that a reader copies into a shell: quoting, and a request as `curl` sends it.

Here belongs the only way that foreign text gets into a command. A token is never part of one: it is named by the
environment variable that holds it. Which command to run belongs to `advice` and `retrieval_advice`.
"""

import json
import re
import shlex
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.outcomes import Side
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import visible

MOST_BODY: Final = 20_000
"""Characters of a request body that a command holds; a query vector of 768 numbers has about 15,000."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FURTHER_SPACES: Final = re.compile(r"(?<= ) +")
_PLANE: Final = 0x10000


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRequest:
    """One request that a side was sent, as far as a report may show it.

    Attributes:
        side: The side.
        query_id: The query that was sent.
        url: Where it was sent to, path included, without credentials.
        body: The JSON body.
        token_variable: Name of the environment variable that holds the bearer token; "" where none is sent.
        header_names: Names of the further headers of the settings, whose values are never shown.
    """

    side: Side
    query_id: str
    url: str
    body: str
    token_variable: str = ""
    header_names: tuple[str, ...] = ()


def word(text: str) -> str:
    r"""Quote one word for a shell; what cannot be typed is spelt as `$'\u202e'`, which bash, zsh and ksh read."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = text.replace("\\", r"\\").replace("'", r"\'")
    return "$'" + "".join(one if one.isprintable() else _code_point(ord(one)) for one in escaped) + "'"


def _code_point(number: int) -> str:
    return f"\\u{number:04x}" if number < _PLANE else f"\\U{number:08x}"


def option(name: str, value: str) -> str:
    """Return an option with its value, joined by `=` where the value starts with a dash and would be read as an option."""
    return f"{name}={word(value)}" if value.startswith("-") else f"{name} {word(value)}"


def with_config(command: str, config: str) -> str:
    """Return a `parity` command with the settings file that it needs; "" for the one that it finds by itself.

    >>> with_config("parity run", ""), with_config("parity run", "my settings.yaml")
    ('parity run', "parity run --config 'my settings.yaml'")
    """
    return f"{command} {option('--config', config)}" if config else command


def curl_lines(request: SentRequest) -> tuple[str, ...]:
    r"""Return the lines of a `curl` command that sends a request again, after comments on what it leaves out.

    A shell and a JSON reader turn the command back into the body that was sent: what could not be seen in it is written
    as `\u202e`. A body of more than `MOST_BODY` characters is read from a file instead.

    >>> sent = SentRequest(side=Side.LEGACY, query_id="q", url="http://h/v", body='{"k":1}', token_variable="T")
    >>> print("\n".join(curl_lines(sent)))
    curl -sS http://h/v \
      -H 'content-type: application/json' \
      -H "authorization: Bearer $T" \
      --data-binary '{"k":1}'
    """
    notes, body = list[str](), _typed(request.body)
    if request.header_names:
        notes.append(f"# add the headers of the settings: {visible(', '.join(request.header_names))}")
    if len(body) > MOST_BODY:
        notes.append(
            f"# its body of {numbers.count(len(body))} characters is too long to be shown: save it as body.json"
        )
        body = "@body.json"
    parts = [f"curl -sS {word(request.url)}", "-H 'content-type: application/json'"]
    if request.token_variable:
        parts.append(f"-H {_token(request.token_variable)}")
    parts.append(f"--data-binary {word(body)}")
    lines = [f"{'  ' if place else ''}{part} \\" for place, part in enumerate(parts[:-1])]
    return (*notes, *lines, f"  {parts[-1]}")


def _token(variable: str) -> str:
    # Another name cannot be read by a shell, and would be foreign text between double quotes.
    return f'"authorization: Bearer ${variable}"' if _VARIABLE.match(variable) else "'authorization: Bearer <token>'"


def _typed(body: str) -> str:
    """Return a JSON body on one line in which every character can be seen and typed; other text as it is."""
    try:
        compact = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return body
    shown = _FURTHER_SPACES.sub(lambda spaces: r"\u0020" * len(spaces.group()), compact)
    return "".join(one if one.isprintable() and visible(one) in {one, "␠"} else _json_escape(one) for one in shown)


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1]
