"""What can go wrong between a request and its results, and the message for a person where a side cannot be used at all.

    AttemptError           one attempt without results; `retry_policy` says what to do next
      LaneOverError        an attempt that was not made, because the lane is over
    MalformedResponse      a status 200 without one vector per text; `batch_fetcher` turns it into an `AttemptError`
    GatewayError (core)
      UnusableSideError    not even a plain text gets a vector; ends the fetch

Here belong these exceptions, the reading of foreign error text (truncated, made one line; only `Retry-After` has an
effect), and every sentence for a dead gateway, one that dies in the middle of a lane, refused credentials, another dialect,
an unknown model. What to do about a lane that stopped early is the remedy of its check, in `core.side_checks`; a service of
the settings that does not start is reported by `services.supervisor`.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final, cast

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.retry_policy import retrieval_rule_of, rule_of
from parity_pipeline.wire.side_config import SideConfig

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
            f"a web page titled {one_line(html.unescape(found.group(1)))!r}"[:ERROR_CHARACTERS]
            if found
            else "a web page"
        )
    try:
        message = _message_in(json.loads(text), depth=4)
    except (ValueError, RecursionError):
        message = text
    return one_line(message) or "no message"


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


@dataclass(eq=False, repr=False)
class AttemptError(Exception):
    """One attempt that returned no results.

    Attributes:
        kind: A kind of `retry_policy.RULES`.
        detail: What happened, with the server's message where there is one; no secrets.
        http_status: Status of the response; None where there was none.
        retry_after: Seconds that the server requested to wait; None where it did not.
        latency_ms: Milliseconds until the response was complete; None where there was none.
        request_id: The id of the attempt.
        number: Number of the request in the order in which its lane sent them; 0 if none was sent.
        seconds: Deadline that the request had.
        shape: Status and top-level fields of a response with another status than 200; "" where there was none.
    """

    kind: str
    detail: str
    _: KW_ONLY
    http_status: int | None = None
    retry_after: float | None = None
    latency_ms: float | None = None
    request_id: str | None = None
    number: int = 0
    seconds: float = 0.0
    shape: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class LaneOverError(AttemptError):
    """A request that was not sent, because its lane stopped or reached its deadline while the request was queued."""


@dataclass(eq=False, repr=False)
class MalformedResponse(Exception):  # noqa: N818 - a name for the response, mapped to a row and never shown as an exception
    """A response with status 200 that does not hold one vector per text.

    Attributes:
        kind: A kind of `retry_policy.RULES`.
        detail: What was found, short; may hold text of the server.
    """

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class Aspect(StrEnum):
    """What a request for one plain text checks, in the order in which it fails."""

    REACHABLE = "reachable"
    CREDENTIALS = "credentials"
    DIALECT = "dialect"
    MODEL = "model"


class UnusableSideError(GatewayError):
    """A side that returns no vector for a plain text.

    Attributes:
        aspect: The first `Aspect` that fails; those before it hold.
    """

    def __init__(self, problem: str, *, place: str, remedy: str, aspect: Aspect) -> None:
        """Keep the aspect beside the message."""
        self.aspect = aspect
        super().__init__(problem, place=place, remedy=remedy)


_Sentences = tuple[str, str]
"""A problem and its remedy."""
_ONLY_ERRORS: Final = "Look at the service's log; run again later."
_UNREACHABLE: Final = ("connect_error", "connect_timeout", "pool_timeout")


def unusable(config: SideConfig, model: str, error: AttemptError) -> UnusableSideError:
    """Return the error for a side that returns no vector for a plain text.

    Args:
        config: The side.
        model: The model of the request, by this side's name for it.
        error: How the attempt with a plain text failed.
    """
    problem, remedy = _explained(config, model, error)
    place = f"{config.label} ({config.side}) at {config.url}"
    return UnusableSideError(problem, place=place, remedy=remedy, aspect=_aspect(error))


def _credentials_or_reach(error: AttemptError) -> Aspect | None:
    if error.http_status is None or error.kind == "redirect":
        return Aspect.REACHABLE
    return Aspect.CREDENTIALS if error.kind in ("http_401", "http_403", "http_407") else None


def _aspect(error: AttemptError) -> Aspect:
    if found := _credentials_or_reach(error):
        return found
    ends_as = rule_of(error.kind).ends_as
    if ends_as is RowStatus.MALFORMED:
        return Aspect.DIALECT
    if "model" in error.detail.lower() or ends_as is RowStatus.REFUSED:
        return Aspect.MODEL
    return Aspect.DIALECT if error.kind in ("http_404", "http_405") else Aspect.REACHABLE


def _explained(config: SideConfig, model: str, error: AttemptError) -> _Sentences:
    return _unreached(config, error) or _explained_status(config, model, error)


def _unreached(config: SideConfig, error: AttemptError, address_key: str = "") -> _Sentences | None:
    """Return why no response came, whatever was requested; None where one did."""
    key = f"sides.{config.side}"
    address_key = address_key or f"{key}.base_url"
    if error.kind in _UNREACHABLE:
        return f"no connection ({error})", f"Start the service, or set {address_key} to where it listens."
    if error.kind == "tls_error":
        trust = f"Set {key}.ca_bundle to the authority that issued its certificate"
        remedy = f"{trust}, {key}.client_cert if it requires one; check http against https."
        return f"no trusted TLS connection ({error})", remedy
    if error.http_status is None:
        remedy = f"Look at the service's log; raise {key}.timeouts if it is only slow; check http against https."
        return f"it accepts connections but sends no response ({error})", remedy
    return None


def _explained_status(config: SideConfig, model: str, error: AttemptError) -> _Sentences:
    key, name = f"sides.{config.side}", config.dialect.name
    names = f"Check the model's name there ({key}.model_names gives it another)"
    by_kind = _misdirected(config, error)
    for kind in ("http_404", "http_405"):
        problem = f"it has no model {model!r} or no path {config.dialect.path} ({error})"
        by_kind[kind] = (problem, f"{names}, then {key}.dialect, now {name!r}.")
    by_status: dict[RowStatus, _Sentences] = {
        RowStatus.MALFORMED: (
            f"its response does not fit the dialect {name!r} ({error})",
            f"Set {key}.dialect to the one it uses, or describe it under `dialects`.",
        ),
        RowStatus.REFUSED: (
            f"it refuses even a plain text with model {model!r} ({error})",
            f"{names} and that it uses the dialect {name!r}.",
        ),
        RowStatus.FAILED: (f"it returns only errors ({error})", _ONLY_ERRORS),
    }
    return by_kind.get(error.kind) or by_status[rule_of(error.kind).ends_as]


def _misdirected(config: SideConfig, error: AttemptError, address_key: str = "") -> dict[str, _Sentences]:
    """Return the sentences for redirects and refused credentials, by kind."""
    key = f"sides.{config.side}"
    address_key = address_key or f"{key}.base_url"
    remedy = f"Set {key}.bearer_env to the name of a variable that holds a valid token, or {key}.headers."
    refused = (f"it refuses the credentials ({error})", remedy)
    return {
        "redirect": (error.detail, f"Set {address_key} to the redirect's target, if it is yours."),
        "http_407": ("the proxy refuses the credentials", f"Put them into {key}.proxy."),
        "http_401": refused,
        "http_403": refused,
    }


def unusable_for_retrieval(
    config: SideConfig,
    error: AttemptError,
    *,
    url: str,
    dialect: str,
    corpus: str,
    searches: Sequence[str],
    address_key: str = "",
) -> UnusableSideError:
    """Return the error for a side that returns no ranking for a plain query.

    Args:
        config: The side.
        error: How the attempt with a plain query failed.
        url: Where the query was sent.
        dialect: Name of the retrieval dialect.
        corpus: The corpus of the partition.
        searches: The corpora that were searched.
        address_key: Key of the settings that holds the base URL; "" for that of the side.
    """
    key = f"retrieve.{config.side}"
    named = ", ".join(repr(name) for name in searches)
    names = f"Check the names there ({key}.corpora gives others), then {key}.dialect, now {dialect!r}."
    absent = (f"it has no corpus {named} or no such path ({error})", names)
    by_kind = {**_misdirected(config, error, address_key), "http_404": absent, "http_405": absent}
    fits = f"Set {key}.dialect to the one it uses, or describe it under `retrieval_dialects`."
    by_status: dict[RowStatus, _Sentences] = {
        RowStatus.MALFORMED: (f"its response does not fit the retrieval dialect {dialect!r} ({error})", fits),
        RowStatus.REFUSED: (f"it refuses even a plain query of corpus {corpus!r} ({error})", names),
        RowStatus.FAILED: (f"it returns only errors ({error})", _ONLY_ERRORS),
    }
    ends_as = retrieval_rule_of(error.kind).ends_as
    problem, remedy = _unreached(config, error, address_key) or by_kind.get(error.kind) or by_status[ends_as]
    silent = ends_as is RowStatus.FAILED and error.kind not in by_kind
    aspect = _credentials_or_reach(error) or (Aspect.REACHABLE if silent else Aspect.DIALECT)
    place = f"{config.label} ({config.side}) at {url}"
    return UnusableSideError(problem, place=place, remedy=remedy, aspect=aspect)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneWords:
    """What sentences about a lane call what it sends and gets.

    Attributes:
        input: One input of a request.
        inputs: Several.
        result: What a side returns for one input.
        results: Several.
        rows: What a lane fetches, input and result together.
    """

    input: str = "text"
    inputs: str = "texts"
    result: str = "vector"
    results: str = "vectors"
    rows: str = "samples"


_EMBED_WORDS: Final = LaneWords()


def side_is_down(error: AttemptError, failed: AttemptError, words: LaneWords = _EMBED_WORDS) -> str:
    """Return why a lane stopped: its side died after it had returned results.

    Args:
        error: How a batch failed.
        failed: How an input failed after it that had got its result before.
        words: What the lane calls them.
    """
    got = f"a {words.input} that had got its {words.result} before got none either"
    reason = f"after {error.kind}, {got} ({failed})"
    return f"lane stopped early because the side is down: {reason}"


def too_many_failed(failed: int, rows: int, share: float, errors: Counter[str], words: LaneWords = _EMBED_WORDS) -> str:
    """Return why a lane stopped: more of its last rows failed than the largest share that may.

    Args:
        failed: Failed rows among the last.
        rows: The last rows, all of them.
        share: The largest share of them that may fail, 0 to 1.
        errors: Attempts without results, by kind.
        words: What the lane calls its rows.
    """
    mostly = f" (mostly {errors.most_common(1)[0][0]})" if errors else ""
    return f"lane stopped early because {failed} of the last {rows} {words.rows} failed, more than {share:.0%}{mostly}"


def deadline_passed(seconds: float) -> str:
    """Return why a lane stopped: it had taken as many seconds as it may."""
    return f"lane stopped early because its deadline of {seconds:g} s has passed"
