"""Settings of the adapter: the section `adapter` of `parity.yaml`, and the step from it to what is served.

Here belong the form of the section and what it takes from the sides: addresses, dialects, names of models. The probe's own
credentials are not taken: whoever can reach the adapter would use them. Tokens of the adapter are named here.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator

from parity_pipeline.adapter.caller_request import rows_of_callers
from parity_pipeline.adapter.caller_wire import CALLER_WIRES, PLAIN, STATUSES, CallerWire, names_models
from parity_pipeline.adapter.config import (
    AdapterConfig,
    CallerOptions,
    Mode,
    ShadowOptions,
    TrafficOptions,
    adapter_timeouts,
)
from parity_pipeline.core.outcomes import Side
from parity_pipeline.settings.fields import (
    Bytes,
    LocalPath,
    Name,
    Positive,
    Rate,
    Seconds,
    Share,
    Strict,
    Validated,
    unset_variable,
)
from parity_pipeline.settings.sides import HeaderName, TimeoutSettings
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline.wire.side_config import SideConfig

if TYPE_CHECKING:
    from parity_pipeline.settings.model import Settings

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

_REMEDY: Final = "Set it, or remove the key."


def _known_kinds(value: Mapping[str, int]) -> Mapping[str, int]:
    if unknown := sorted(set(value) - set(STATUSES)):
        raise ValueError(f"{', '.join(unknown)}: not a kind of refusal; use one of {', '.join(STATUSES)}")
    return value


def _patterns(value: Mapping[str, str]) -> Mapping[str, str]:
    for pattern in value:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return value


CallerSettings = Annotated[
    CallerOptions,
    Validated(
        default_model=Name | None,
        model_names=dict[str, Name],
        passed_headers=tuple[HeaderName, ...],
        passed_fields=dict[str, Name],
        max_body_bytes=Bytes,
        max_texts=Positive,
        batch_texts=Positive | None,
        batch_bytes=Bytes | None,
        token_env=Variable | None,
        error_statuses=Annotated[
            dict[str, Annotated[int, Field(ge=400, le=599)]],
            AfterValidator(_known_kinds),
        ],
    ),
]

ShadowSettings = Annotated[
    ShadowOptions,
    Validated(
        concurrency=Annotated[int, Field(ge=1, le=64)],
        queue=Positive,
        queue_bytes=Bytes,
        requests_per_second=Rate | None,
        busy_share=Annotated[float, Field(gt=0, le=1)],
    ),
]

TrafficSettings = Annotated[
    TrafficOptions,
    Validated(
        rate=Share,
        cap=Positive,
        flush_seconds=Seconds,
        redact=Annotated[dict[str, str], AfterValidator(_patterns)],
    ),
]


class CallersSettings(Strict):
    """What holds for callers of each side's wire.

    Attributes:
        legacy: For callers of the legacy's wire.
        candidate: For callers of the candidate's wire, the way back.
    """

    legacy: CallerSettings = CallerOptions()
    candidate: CallerSettings = CallerOptions()


class TokenSettings(Strict):
    """Environment variables with the token that the adapter presents to each side; without one, it presents none.

    Attributes:
        legacy: Environment variable with the token presented to the legacy side.
        candidate: Environment variable with the token presented to the candidate.
    """

    legacy: Variable | None = None
    candidate: Variable | None = None


class AdapterSettings(Strict):
    """The section `adapter`.

    Attributes:
        host: Address to listen on; there is no TLS, put a proxy in front.
        port: TCP port.
        workers: Processes; each has its own connections, queue and draw.
        shutdown_seconds: How long requests in flight may take once the server is to stop.
        mode: Which side responds, and what the other one is for.
        share: Per cent of the texts that go to the candidate in mode `share`.
        callers: What holds for callers.
        tokens: Tokens that the adapter presents; without one, it presents none.
        timeouts: Timeouts of one request to a side; shorter than a probe's, for a caller waits.
        concurrency: Connections of a worker to each side.
        max_in_flight: Callers' requests of a worker at once; more are refused.
        shadow: What shadowing may cost.
        traffic: What is kept of the callers' texts; **they may be personal data**.
        traffic_dir: Folder of the kept texts.
        log_requests: Write a line per request to standard error.
        upstream_messages: Repeat a side's own words in errors; they may hold texts.
    """

    host: Name = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 43_120
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    shutdown_seconds: Annotated[int, Field(ge=1, json_schema_extra={"unit": "seconds"})] = 30
    mode: Mode = Mode.CANDIDATE
    share: Annotated[float, Field(ge=0, le=100, json_schema_extra={"unit": "per cent"})] = 0.0
    callers: CallersSettings = CallersSettings()
    tokens: TokenSettings = TokenSettings()
    timeouts: TimeoutSettings = adapter_timeouts()
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 64
    max_in_flight: Positive = 1024
    shadow: ShadowSettings = ShadowOptions()
    traffic: TrafficSettings = TrafficOptions()
    traffic_dir: LocalPath = Path("data/traffic")
    log_requests: bool = True
    upstream_messages: bool = False

    @field_validator("timeouts", mode="before")
    @classmethod
    def _own_defaults(cls, value: Any) -> Any:
        """Complete timeouts that are set in part by the adapter's own ones, not by those of a probe."""
        if not isinstance(value, dict):
            return value
        own = adapter_timeouts()
        return {name: getattr(own, name) for name in ("connect", "read", "write", "pool", "total")} | value


def adapter_config(settings: "Settings", callers: Side, environ: Mapping[str, str]) -> AdapterConfig:
    """Return what is served for callers of one side's wire.

    Args:
        settings: All settings.
        callers: The side whose wire the callers speak.
        environ: Where tokens are looked up.

    Raises:
        SettingsError: A variable that is named for a token is not set, or a side is a recording that names no gateway.
    """
    section = settings.adapter or AdapterSettings()
    options = section.callers.legacy if callers is Side.LEGACY else section.callers.candidate
    own = settings.dialect(settings.sides.gateway(callers).dialect)
    sides = {side: _side(settings, section, side, environ) for side in Side}
    other = Side.CANDIDATE if callers is Side.LEGACY else Side.LEGACY
    sides[other] = replace(
        sides[other],
        batch_texts=options.batch_texts or sides[other].batch_texts,
        batch_bytes=options.batch_bytes or sides[other].batch_bytes,
    )
    default = options.default_model or settings.side(callers).default_model
    if default is None and not names_models(own) and len(settings.models) == 1:
        default = settings.models[0]
    return AdapterConfig(
        callers=callers,
        dialects=rows_of_callers(own, (*BUILT_IN, *settings.dialects.values())),
        wire=_wire(own, options),
        sides=sides,
        options=options,
        models=_models(settings, callers, other, options, default),
        default_model=default,
        accept_echo={side: tuple(settings.side(side).accept_echo) for side in Side},
        caller_token=_token(options.token_env, environ, f"adapter.callers.{callers}.token_env"),
        mode=section.mode,
        share=section.share,
        shadow=section.shadow,
        traffic=section.traffic,
        traffic_dir=settings.path(section.traffic_dir),
        timezone=ZoneInfo(settings.timezone),
        thresholds=settings.judged_thresholds(),
        max_in_flight=section.max_in_flight,
        log_requests=section.log_requests,
        upstream_messages=section.upstream_messages,
    )


def _side(settings: "Settings", section: AdapterSettings, side: Side, environ: Mapping[str, str]) -> SideConfig:
    """Return a side as the adapter reaches it: the probe's address and TLS, the adapter's own token, timeouts and limits."""
    name = section.tokens.legacy if side is Side.LEGACY else section.tokens.candidate
    probe = settings.sides.gateway(side).model_copy(update={"bearer_env": None})
    config = probe.config(side, settings.dialect(probe.dialect), environ, settings.path)
    return replace(
        config,
        headers={},
        bearer_token=_token(name, environ, f"adapter.tokens.{side}"),
        model_names={},
        timeouts=section.timeouts,
        concurrency=section.concurrency,
    )


def _token(name: str | None, environ: Mapping[str, str], place: str) -> str | None:
    if name is None:
        return None
    token = environ.get(name, "").strip()
    if not token:
        raise unset_variable(name, place, "the token of that side")
    return token


def _wire(own: Dialect, options: CallerOptions) -> CallerWire:
    known = CALLER_WIRES.get(own.name, PLAIN)
    return replace(
        known,
        error_body=known.error_body if options.error_body is None else options.error_body,
        statuses={**known.statuses, **options.error_statuses},
    )


def _models(
    settings: "Settings", callers: Side, other: Side, options: CallerOptions, default: str | None
) -> dict[str, str]:
    """Return the callers' names of models to the other side's; only the default one where the other side takes none."""
    ours, theirs = settings.side(callers).model_names, settings.side(other).model_names
    names = {ours.get(name, name): theirs.get(name, name) for name in settings.models} | dict(options.model_names)
    if names_models(settings.dialect(settings.side(other).dialect)) or len(names) == 1:
        return names
    return {name: theirs for name, theirs in names.items() if name == default}
