"""What can go wrong between a request and its results, and the message for a person where a side cannot be used at all.

    AttemptError           one attempt without results; `retry_policy` says what to do next
      LaneOverError        an attempt that was not made, because the lane is over
    MalformedResponse      a status 200 without one vector per text; `batch_fetcher` turns it into an `AttemptError`
    GatewayError (core)
      UnusableSideError    not even a plain text gets a vector; ends the fetch

Here belong these exceptions, and every sentence for a dead gateway, one that dies in the middle of a lane, refused credentials, another dialect,
an unknown model. What to do about a lane that stopped early is the remedy of its check, in `core.side_checks`; a service of
the settings that does not start is reported by `services.supervisor`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.retry_policy import retrieval_rule_of, rule_of
from parity_pipeline.wire.side_config import SideConfig


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

_UNREACHABLE: Final = ("connect_error", "connect_timeout", "pool_timeout")
_NO_HTTP: Final = ("reset", "truncated", "protocol_error")
_OF_ANOTHER_DIALECT: Final = ("not_json", "no_vectors_field", "bad_base64", "not_numbers")
"""Malformed responses that another dialect would explain; the others fit the dialect and are wrong in themselves."""

_UNKNOWN_HOST: Final = re.compile(r"(?i)name or service not known|name resolution|nodename|getaddrinfo|not resolve")
_NO_TLS: Final = re.compile(r"(?i)wrong.version.number|record.layer|unknown.protocol|http.request|packet.length")
_WANTS_TLS: Final = re.compile(r"(?i)plain http request|http request to an? https")
"""What nginx, Apache and Go say to a request without TLS on a port with it."""

_LOGIN: Final = re.compile(r"(?i)sign.?in|log.?in|\bsso\b|oauth|authenti|password")
_PAGE: Final = "a web page"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a request went, and the keys of the settings that decide about it.

    Attributes:
        url: The whole address; the dialect adds the `path` in it.
        side: Key of the side; `address` and `dialect` are those of its base URL and dialect.
        input: What was sent, such as `a plain text`.
    """

    url: str
    path: str
    side: str
    address: str
    dialect: str
    input: str


def _explained(config: SideConfig, model: str, error: AttemptError) -> _Sentences:
    key, name = f"sides.{config.side}", config.dialect.name
    place = _Place(
        url=config.url,
        path=config.dialect.path,
        side=key,
        address=f"{key}.base_url",
        dialect=f"{key}.dialect",
        input=f"a plain text with model {model!r}",
    )
    if found := _whatever_was_sent(place, error):
        return found
    names = f"Check the model's name there ({key}.model_names gives it another)"
    if error.kind in ("http_404", "http_405"):
        problem = f"it has no model {model!r} or no path {place.path} ({error})"
        return problem, f"{names}, then {place.dialect}, now {name!r}."
    if rule_of(error.kind).ends_as is RowStatus.MALFORMED:
        problem = f"its response does not fit the dialect {name!r} ({error})"
        return problem, f"Set {place.dialect} to the one it uses, or describe it under `dialects`."
    if rule_of(error.kind).ends_as is RowStatus.REFUSED:
        problem = f"it refuses even {place.input} ({error})"
        return problem, f"{names} and that it uses the dialect {name!r}."
    return _only_errors(error)


def _only_errors(error: AttemptError) -> _Sentences:
    if error.kind == "http_429":
        return f"it takes no more requests for now ({error})", "Wait until its limit allows requests, and run again."
    return f"it returns only errors ({error})", "Look at the service's log; run again later."


def _whatever_was_sent(place: _Place, error: AttemptError) -> _Sentences | None:
    """Return why nothing usable came, where that has nothing to do with model, corpus or dialect."""
    if error.http_status is None:
        return _no_response(place, error)
    return _elsewhere(place, error) or _refused_credentials(place, error) or _broken(place, error)


def _no_response(place: _Place, error: AttemptError) -> _Sentences:
    host = urlsplit(place.url).hostname
    listens = (
        f"Start the service (`parity up` starts those of the settings), or set {place.address} to where it listens."
    )
    if error.kind in _UNREACHABLE:
        if _UNKNOWN_HOST.search(error.detail):
            problem = f"the host name {host!r} is not known ({error})"
            return problem, f"Correct it in {place.address}, or look at this machine's DNS or VPN."
        return f"no connection ({error})", listens
    if error.kind == "tls_error":
        if _NO_TLS.search(error.detail):
            return f"it does not use TLS there ({error})", f"Write {place.address} with http:// and not https://."
        trust = f"Set {place.side}.ca_bundle to the authority that issued its certificate"
        return f"no trusted TLS connection ({error})", f"{trust}, and {place.side}.client_cert if it requires one."
    problem = f"it accepts connections but sends no response ({error})"
    if error.kind in _NO_HTTP and place.url.startswith("http://"):
        return problem, f"Write {place.address} with https:// if it uses TLS there; else look at the service's log."
    return problem, f"Look at the service's log; raise {place.side}.timeouts if it is only slow."


def _elsewhere(place: _Place, error: AttemptError) -> _Sentences | None:
    """Return what is wrong with the address, or None: another scheme, a path that it has twice, or a redirect."""
    if error.http_status == 400 and _WANTS_TLS.search(error.detail):
        return f"it uses TLS there ({error})", f"Write {place.address} with https:// and not http://."
    missed = error.kind in ("http_404", "http_405", "redirect") or error.detail.startswith(_PAGE)
    if missed and "model" not in error.detail.lower() and (twice := repeated_path(place.url, place.path)):
        problem = f"the address has {twice} twice, once by the base URL and once by the dialect ({error})"
        return problem, f"Remove {twice} from {place.address}."
    if error.kind != "redirect":
        return None
    if _LOGIN.search(error.detail):
        return _login(place, error.detail)
    if place.url.startswith("http://") and f"to https://{urlsplit(place.url).hostname}" in error.detail:
        return error.detail, f"Write {place.address} with https:// and not http://."
    return error.detail, f"Set {place.address} to the redirect's target, if it is yours."


def repeated_path(url: str, path: str) -> str:
    """Return the part of a dialect's path with which the base URL ends already; "" where it does not.

    >>> repeated_path("http://h/v1/v1/embeddings", "/v1/embeddings"), repeated_path("http://h/v1/embeddings", "/v1/embeddings")
    ('/v1', '')
    """
    base, parts = url.removesuffix(path), path.strip("/").split("/")
    starts = ("/" + "/".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((start for start in starts if base.endswith(start)), "")


def _refused_credentials(place: _Place, error: AttemptError) -> _Sentences | None:
    if error.kind == "http_407":
        return "the proxy refuses the credentials", f"Put them into {place.side}.proxy."
    if error.kind in ("http_401", "http_403"):
        return f"it refuses the credentials ({error})", _token(place)
    if error.http_status == 200 and error.detail.startswith(_PAGE):
        if _LOGIN.search(error.detail):
            return _login(place, f"it responds with {error.detail}")
        problem = f"it responds with {error.detail} and not with JSON"
        return problem, f"Set {place.address} to the gateway itself: this is the address of a web site."
    return None


def _login(place: _Place, problem: str) -> _Sentences:
    remedy = f"{_token(place)[:-1]}; if it needs none, set {place.address} to the gateway behind the login."
    return f"{problem}: it wants a login", remedy


def _token(place: _Place) -> str:
    return f"Set {place.side}.bearer_env to the name of a variable that holds a valid token, or {place.side}.headers."


def _broken(place: _Place, error: AttemptError) -> _Sentences | None:
    """Return what is wrong with a service that fails, or whose response is wrong in itself; None for others."""
    if error.kind in ("http_500", "http_424") and "model" not in error.detail.lower():
        return f"it fails on {place.input} ({error})", "Look at the service's log: the fault is on its side."
    malformed = error.http_status == 200 and error.kind not in _OF_ANOTHER_DIALECT
    if error.kind == "wrong_count" and malformed:
        problem = f"it does not return one result for {place.input} ({error})"
        return problem, f"Look at the service's log; set {place.dialect} if it uses another one."
    return None


def unusable_for_retrieval(
    config: SideConfig,
    error: AttemptError,
    *,
    url: str,
    dialect: str,
    corpus: str,
    searches: Sequence[str],
    path: str = "",
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
        path: The part of the address that the dialect adds.
        address_key: Key of the settings that holds the base URL; "" for that of the side.
    """
    key = f"retrieve.{config.side}"
    place = _Place(
        url=url,
        path=path,
        side=f"sides.{config.side}",
        address=address_key or f"sides.{config.side}.base_url",
        dialect=f"{key}.dialect",
        input=f"a plain query of corpus {corpus!r}",
    )
    ends_as = retrieval_rule_of(error.kind).ends_as
    problem, remedy = _whatever_was_sent(place, error) or _of_corpus(place, error, dialect, searches)
    silent = ends_as is RowStatus.FAILED and error.kind not in _DEFINITE
    aspect = _credentials_or_reach(error) or (Aspect.REACHABLE if silent else Aspect.DIALECT)
    where = f"{config.label} ({config.side}) at {url}"
    return UnusableSideError(problem, place=where, remedy=remedy, aspect=aspect)


_DEFINITE: Final = ("http_401", "http_403", "http_404", "http_405", "http_407", "redirect")


def _of_corpus(place: _Place, error: AttemptError, dialect: str, searches: Sequence[str]) -> _Sentences:
    key = place.dialect.removesuffix(".dialect")
    named = ", ".join(repr(name) for name in searches)
    names = f"Check the names there ({key}.corpora gives others), then {place.dialect}, now {dialect!r}."
    if error.kind in ("http_404", "http_405"):
        return f"it has no corpus {named} or no such path ({error})", names
    ends_as = retrieval_rule_of(error.kind).ends_as
    if ends_as is RowStatus.MALFORMED:
        fits = f"Set {place.dialect} to the one it uses, or describe it under `retrieval_dialects`."
        return f"its response does not fit the retrieval dialect {dialect!r} ({error})", fits
    if ends_as is RowStatus.REFUSED:
        return f"it refuses even {place.input} ({error})", names
    return _only_errors(error)


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
