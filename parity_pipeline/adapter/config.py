"""The configuration of the adapter: plain records that settings fill and this package reads.

Here belong what may be set and its defaults, each written once. Tokens are held by `SideConfig`, which leaves them out
of its `repr`; reading them from the environment belongs to `settings.adapter`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from parity_pipeline.adapter.caller_wire import CallerWire
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.side_config import SideConfig, Timeouts


class Mode(StrEnum):
    """Which side responds to callers."""

    LEGACY = "legacy"
    CANDIDATE = "candidate"
    SHADOW = "shadow"
    """The legacy responds; the candidate is compared beside it."""
    SHARE = "share"
    """A share of the texts goes to the candidate, the same ones each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerOptions:
    """What holds for callers that speak the wire of one side.

    Attributes:
        normalise: Divide the other side's vectors by their L2 norm, in float64.
        digits: Digits of numbers that the adapter writes itself: `float64`, or `float32` for half the bytes. Without
            `normalise`, digits are passed on as the other side sent them.
        default_model: The model that a request without one gets, by the callers' name; None for the side's own setting.
        model_names: The callers' names of models to the other side's, beside those of the sides' settings.
        passed_headers: Headers of a caller that the other side gets too; `authorization` is not among them by default.
        passed_fields: Further request fields by the callers' name that the other side gets, to its name for them.
        ignored_fields: Request fields that are left out because they change no vector, each with the values for which
            that holds; no values mean any.
        one_string: Whether a single string is accepted in place of a list of texts; None for what the dialect is known for.
        max_body_bytes: Largest request body.
        max_texts: Largest number of texts of one request.
        batch_texts: Largest number of texts of one request to the other side; None for that side's own setting.
        batch_bytes: Largest body of one request to the other side; None likewise.
        token_env: Environment variable with the token that callers have to present; None for none.
        error_body: JSON that an error has, with `{message}`, `{type}` and `{status}` in its strings; None for what the
            dialect is known for.
        error_statuses: HTTP statuses by kind of refusal, in place of the dialect's own.
    """

    normalise: bool = False
    digits: Literal["float64", "float32"] = "float64"
    default_model: str | None = None
    model_names: Mapping[str, str] = field(default_factory=dict[str, str])
    passed_headers: tuple[str, ...] = ()
    passed_fields: Mapping[str, str] = field(default_factory=dict[str, str])
    ignored_fields: Mapping[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])
    one_string: bool | None = None
    max_body_bytes: int = 2 * 1024 * 1024
    max_texts: int = 256
    batch_texts: int | None = None
    batch_bytes: int | None = None
    token_env: str | None = None
    error_body: Any = None
    error_statuses: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowOptions:
    """What shadowing may cost.

    Attributes:
        concurrency: Requests to the side that is compared, in flight at once.
        queue: Requests that wait for that; more are dropped and counted.
        queue_bytes: Bytes of requests and responses that wait.
        requests_per_second: Largest rate; None for no cap.
        busy_share: Largest share of the time that comparing may take: it needs the processor that callers wait for.
    """

    concurrency: int = 2
    queue: int = 256
    queue_bytes: int = 64 * 1024 * 1024
    requests_per_second: float | None = None
    busy_share: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficOptions:
    """What is kept of the texts that callers send, for later probes.

    Attributes:
        enabled: Whether any text is kept.
        rate: Share of the texts that is considered at all, 0 to 1.
        cap: Most texts that one worker keeps for one date; a uniform draw of those considered.
        flush_seconds: Seconds between two writes of what is kept.
        redact: Regular expressions to what replaces their matches, in this order, before a text is kept.
    """

    enabled: bool = False
    rate: float = 0.01
    cap: int = 10_000
    flush_seconds: float = 60.0
    redact: Mapping[str, str] = field(default_factory=dict[str, str])


def adapter_timeouts() -> Timeouts:
    """Return the timeouts of an adapter: shorter than a probe's, for a caller waits."""
    return Timeouts(connect=2.0, read=30.0, write=10.0, pool=5.0, total=30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """One adapter as it is served: callers of one side's wire in front of both sides.

    Attributes:
        callers: The side whose wire the callers speak.
        dialects: Rows of the callers' dialect: the side's own first, then others of the same path and texts field, such
            as the base64 form of a request.
        wire: What callers see beyond the row.
        sides: How each side is reached, without the credentials of the probe.
        options: What holds for these callers.
        models: The callers' names of models to the other side's; no other model is passed on.
        default_model: The model that a request without one gets, by the callers' name.
        accept_echo: Per side, globs of names that it may report in place of the model that was requested.
        caller_token: The token that callers have to present; None for none.
        mode: Which side responds.
        share: Per cent of the texts that go to the candidate in mode `share`.
        shadow: What shadowing may cost.
        traffic: What is kept of the texts.
        traffic_dir: Folder of kept texts.
        timezone: Where a date begins.
        thresholds: When a compared text matches.
        max_in_flight: Requests of callers at once, per worker; more get a refusal.
        log_requests: Write a line per request.
        upstream_messages: Repeat a side's own words in an error; they may hold texts.
    """

    callers: Side
    dialects: tuple[Dialect, ...]
    wire: CallerWire
    sides: Mapping[Side, SideConfig]
    options: CallerOptions = field(default_factory=CallerOptions)
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    default_model: str | None = None
    accept_echo: Mapping[Side, tuple[str, ...]] = field(default_factory=dict[Side, tuple[str, ...]])
    caller_token: str | None = field(default=None, repr=False)
    mode: Mode = Mode.CANDIDATE
    share: float = 0.0
    shadow: ShadowOptions = field(default_factory=ShadowOptions)
    traffic: TrafficOptions = field(default_factory=TrafficOptions)
    traffic_dir: Path = Path("data/traffic")
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    thresholds: Thresholds = field(default_factory=Thresholds)
    max_in_flight: int = 1024
    log_requests: bool = True
    upstream_messages: bool = False

    @property
    def other(self) -> Side:
        """Return the side whose wire the callers do not speak."""
        return Side.CANDIDATE if self.callers is Side.LEGACY else Side.LEGACY

    @property
    def path(self) -> str:
        """Return the path that callers use, with `{model}` where it names the model."""
        return self.dialects[0].path
