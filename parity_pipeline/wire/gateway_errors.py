"""The one exception of reading an answer.

Here belongs how a 200 that holds no usable vectors is told; what to do about it belongs to `retry_policy`.
"""

from enum import StrEnum
from typing import Final

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.client import AttemptError
from parity_pipeline.wire.retry_policy import rule_of
from parity_pipeline.wire.side_config import SideConfig


class MalformedResponse(Exception):  # noqa: N818 - a name for the answer, mapped to a row and never shown as an exception
    """A 200 that does not hold one vector a text.

    Attributes:
        kind: A kind of `policy.RULES`.
        detail: What was found, short; may hold text of the server.
    """

    def __init__(self, kind: str, detail: str) -> None:
        """Keep kind and detail."""
        self.kind = kind
        self.detail = detail
        super().__init__(f"{kind}: {detail}")


class Aspect(StrEnum):
    """What of a side a plain text tries, in the order in which it fails."""

    REACHABLE = "reachable"
    CREDENTIALS = "credentials"
    DIALECT = "dialect"
    MODEL = "model"


class UnusableSideError(GatewayError):
    """A side that does not answer a plain text.

    Attributes:
        aspect: What of it does not hold; what comes before it in `Aspect` does.
    """

    def __init__(self, problem: str, *, place: str, remedy: str, aspect: Aspect) -> None:
        """Keep the aspect beside the message."""
        self.aspect = aspect
        super().__init__(problem, place=place, remedy=remedy)


_Words = tuple[str, str]
_UNREACHABLE: Final = ("connect_error", "connect_timeout", "pool_timeout")


def unusable(config: SideConfig, model: str, trouble: AttemptError) -> UnusableSideError:
    """Return the error for a side that does not answer a plain text.

    Args:
        config: The side.
        model: The model asked for, as this side knows it.
        trouble: What its answer to a plain text came to.
    """
    problem, remedy = _explained(config, model, trouble)
    place = f"{config.label} ({config.side}) at {config.url}"
    return UnusableSideError(problem, place=place, remedy=remedy, aspect=_aspect(trouble))


def _aspect(trouble: AttemptError) -> Aspect:
    if trouble.http_status is None or trouble.kind == "redirect":
        return Aspect.REACHABLE
    if trouble.kind in ("http_401", "http_403", "http_407"):
        return Aspect.CREDENTIALS
    ends_as = rule_of(trouble.kind).ends_as
    if ends_as is RowStatus.MALFORMED:
        return Aspect.DIALECT
    if "model" in trouble.detail.lower() or ends_as is RowStatus.REFUSED:
        return Aspect.MODEL
    return Aspect.DIALECT if trouble.kind in ("http_404", "http_405") else Aspect.REACHABLE


def _explained(config: SideConfig, model: str, trouble: AttemptError) -> _Words:
    key = f"sides.{config.side}"
    if trouble.kind in _UNREACHABLE:
        return f"no connection ({trouble})", f"Start the service, or set {key}.base_url to where it listens."
    if trouble.kind == "tls_error":
        trust = f"Set {key}.ca_bundle to the authority that issued its certificate"
        remedy = f"{trust}, {key}.client_cert if it asks for one; check http against https."
        return f"no trusted TLS connection ({trouble})", remedy
    if trouble.http_status is None:
        remedy = f"Look at the service's log; raise {key}.timeouts if it is only slow; check http against https."
        return f"it takes a connection and gives no answer ({trouble})", remedy
    return _explained_status(config, model, trouble)


def _explained_status(config: SideConfig, model: str, trouble: AttemptError) -> _Words:
    key, name = f"sides.{config.side}", config.dialect.name
    names = f"Check the model's name there ({key}.model_names gives it another)"
    by_kind: dict[str, _Words] = {
        "redirect": (trouble.detail, f"Set {key}.base_url to the address it means, if it is yours."),
        "http_407": ("the proxy refuses the credentials", f"Put them into {key}.proxy."),
    }
    for kind in ("http_401", "http_403"):
        remedy = f"Set {key}.bearer_env to the name of a variable that holds a valid token, or {key}.headers."
        by_kind[kind] = (f"it refuses the credentials ({trouble})", remedy)
    for kind in ("http_404", "http_405"):
        problem = f"it knows no model {model!r} or no path {config.dialect.path} ({trouble})"
        by_kind[kind] = (problem, f"{names}, then {key}.dialect, now {name!r}.")
    by_status: dict[RowStatus, _Words] = {
        RowStatus.MALFORMED: (
            f"its answer does not fit the dialect {name!r} ({trouble})",
            f"Set {key}.dialect to the one it speaks, or describe it under `dialects`.",
        ),
        RowStatus.REFUSED: (
            f"it refuses even a plain text with model {model!r} ({trouble})",
            f"{names} and that it speaks the dialect {name!r}.",
        ),
        RowStatus.FAILED: (f"it answers only with errors ({trouble})", "Look at the service's log; run again later."),
    }
    return by_kind.get(trouble.kind) or by_status[rule_of(trouble.kind).ends_as]
