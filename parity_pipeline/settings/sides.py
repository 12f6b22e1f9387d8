"""Settings of one side: its address, its dialect, limits on requests, and the processes that it needs.

Here belong the form of `sides.legacy` and `sides.candidate`, and the step from it to `wire.side_config`. The types that all
settings share belong to `fields`, the rest of the file to `model`.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from parity_pipeline.core.errors import SettingsError
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
    attribute_docs,
    checked_url,
    unset_variable,
)
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.side_config import SideConfig, Timeouts, VersionLookup

HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]

PathBelow = Annotated[str, Field(pattern=r"^/")]
"""A path below the base URL of a side."""

_DEFAULTS: Final = {one.name: one.default for one in fields(SideConfig) if one.default is not MISSING}


_DOCUMENTED: Final = attribute_docs(SideConfig)


def _default(name: str) -> Any:
    """Return the default and the description that the wire gives a setting, so that both are written in one place."""
    return Field(default=_DEFAULTS[name], description=_DOCUMENTED.get(name))


TimeoutSettings = Annotated[
    Timeouts, Validated(connect=Seconds, read=Seconds, write=Seconds, pool=Seconds, total=Seconds)
]


def _one_place(value: VersionLookup) -> VersionLookup:
    if (value.header is None) == (value.path is None):
        raise ValueError("name a header or a path, exactly one of them")
    if value.field is not None and value.path is None:
        raise ValueError("field is read from the JSON at path; a header is the version itself, leave field out")
    return value


VersionSettings = Annotated[
    VersionLookup,
    Validated(header=HeaderName | None, path=PathBelow | None, field=Name | None),
    AfterValidator(_one_place),
]
"""Where a side says which version is running."""


class ServiceSettings(Strict):
    """A process that a side needs, started and stopped by `parity up` and `parity down`.

    Attributes:
        name: Names its log and its state file.
        command: Program and arguments, no shell: `[./bin/gateway, --port, "8080"]`.
        cwd: Working folder; relative to the settings file's.
        env: Further variables; never shown.
        health_url: Returns a 2xx status when the service is ready.
        startup_timeout: Longest wait until it is ready.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    command: Annotated[list[Name], Field(min_length=1)]
    cwd: LocalPath = Path()
    env: dict[str, SecretStr] = {}
    health_url: Name
    startup_timeout: Seconds = 30.0

    @field_validator("health_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return checked_url(value)


OF_GATEWAY: Final = ("label", "base_url", "dialect")
"""Keys that every side needs but a recording, which may have them too."""


class _LeftOut(str):
    """The value of a key that is not in the file, in distinction from one that is empty."""

    __slots__ = ()


_LEFT_OUT: Final = _LeftOut()


def _left_out() -> str:
    """Return the default: by a function, so that no schema states it."""
    return _LEFT_OUT


class SideSettings(Strict):
    """One of the two sides.

    Attributes:
        recorded: `last`, or a date, whose stored vectors and rankings stand in for this side; nothing is requested from
            it then.
        label: What people call it; required unless `recorded`, and so are the next two.
        base_url: Scheme, host, port and path prefix, such as `http://127.0.0.1:8080`; no credentials.
        dialect: Name of a dialect, built in or one of yours.
        headers: Further headers, such as `{x-tenant: search}`; never shown anywhere.
        bearer_env: *Name* of the environment variable that holds the bearer token, such as `CANDIDATE_TOKEN`.
        ca_bundle: PEM file of trusted roots, in place of those of the system.
        client_cert: PEM file of the client certificate with its key.
        timeouts: Timeouts of one request.
        default_model: What you believe its default model to be; `parity doctor` verifies it.
        accept_echo: Names, or globs, that may be echoed for the model: another case, `m-2026-*`.
        model_names: This side's own names of models, where they differ: `{all-minilm:
            sentence-transformers/all-MiniLM-L6-v2}`.
        proxy: URL of a proxy; variables such as `HTTPS_PROXY` are not read.
        version: Where it says which version of itself is running.
        services: Processes that this side needs.
    """

    # The first field, since whether others are needed depends on it.
    recorded: Literal["last"] | date | None = None
    label: Name = Field(default_factory=_left_out, validate_default=True)
    base_url: Name = Field(default_factory=_left_out, validate_default=True)
    dialect: Name = Field(default_factory=_left_out, validate_default=True)
    headers: dict[str, SecretStr] = {}
    bearer_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    ca_bundle: LocalPath | None = None
    client_cert: LocalPath | None = None
    timeouts: TimeoutSettings = Timeouts()
    default_model: Name | None = None
    accept_echo: list[Name] = []
    model_names: dict[str, Name] = {}
    proxy: SecretStr | None = None
    batch_texts: Positive = _default("batch_texts")
    batch_bytes: Bytes = _default("batch_bytes")
    concurrency: Annotated[int, Field(ge=1, le=1024)] = _default("concurrency")
    adaptive: bool = _default("adaptive")
    attempts: Annotated[int, Field(ge=1, le=20)] = _default("attempts")
    requests_per_second: Rate | None = _default("requests_per_second")
    texts_per_second: Rate | None = _default("texts_per_second")
    backoff_seconds: Seconds = _default("backoff_seconds")
    backoff_max_seconds: Seconds = _default("backoff_max_seconds")
    retry_seconds: Annotated[float, Field(ge=0, json_schema_extra={"unit": "seconds"})] = _default("retry_seconds")
    retry_share: Share = _default("retry_share")
    stop_share: Share = _default("stop_share")
    stop_window: Positive = _default("stop_window")
    lane_seconds: Annotated[float, Field(gt=0, json_schema_extra={"unit": "seconds"})] | None = _default("lane_seconds")
    response_bytes: Bytes = _default("response_bytes")
    observe_default_model: bool = _default("ask_default_model")
    canaries: bool = _default("canaries")
    request_id_header: HeaderName | None = _default("request_id_header")
    version: VersionSettings | None = None
    services: list[ServiceSettings] = []

    @field_validator(*OF_GATEWAY, mode="wrap")
    @classmethod
    def _given(cls, value: str | None, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> str:
        """Return the value; "" where it is left out of a recording."""
        if value is not _LEFT_OUT:
            return handler(value)
        # A value of `recorded` that cannot be used was refused already.
        if info.data.get("recorded", "refused") is None:
            raise PydanticCustomError("missing", "Field required")
        return ""

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return checked_url(value).rstrip("/") if value else value

    def missing(self) -> list[str]:
        """Return the keys that a gateway needs and that are not set; empty unless this is a recording."""
        return [name for name in OF_GATEWAY if not getattr(self, name)]

    def config(
        self, side: Side, dialect: Dialect, environ: Mapping[str, str], resolve: Callable[[Path], Path]
    ) -> SideConfig:
        """Return what the wire needs to know of this side, its token taken from the environment.

        Args:
            side: Which lane this is.
            dialect: The row that `dialect` names.
            environ: Where the token is looked up.
            resolve: Makes a path of the settings absolute.

        Raises:
            SettingsError: `bearer_env` names a variable that is not set, or is empty.
        """
        # Nothing is requested from a recording, and its token may be gone with it.
        token = environ.get(self.bearer_env, "").strip() if self.bearer_env and not self.recorded else None
        if token == "":
            raise unset_variable(str(self.bearer_env), f"sides.{side}.bearer_env", f"the token of {self.label}")
        same = {name: getattr(self, name) for name in _PASSED_ON}
        return SideConfig(
            **same,
            side=side,
            dialect=dialect,
            headers={name: value.get_secret_value() for name, value in self.headers.items()},
            bearer_token=token,
            ask_default_model=self.observe_default_model,
            ca_bundle=resolve(self.ca_bundle) if self.ca_bundle else None,
            client_cert=resolve(self.client_cert) if self.client_cert else None,
            proxy=self.proxy.get_secret_value() if self.proxy else None,
        )


_PASSED_ON: Final = (SideSettings.model_fields.keys() & {one.name for one in fields(SideConfig)}) - {
    "dialect",
    "headers",
    "ca_bundle",
    "client_cert",
    "proxy",
}
"""Settings that the wire takes as they are, under the same name."""


class Sides(Strict):
    """The two sides, by their part.

    Attributes:
        legacy: The side whose results are the reference.
        candidate: The side that is to replace it.
    """

    legacy: SideSettings
    candidate: SideSettings

    @model_validator(mode="after")
    def _one_gateway(self) -> Self:
        if self.legacy.recorded and self.candidate.recorded:
            raise ValueError("both sides are recordings, so nothing would be requested; remove `recorded` from one")
        return self

    def side(self, side: Side) -> SideSettings:
        """Return the settings of one side."""
        return self.legacy if side is Side.LEGACY else self.candidate

    def gateway(self, side: Side) -> SideSettings:
        """Return the settings of one side that something is to be requested from, or routed to.

        Raises:
            SettingsError: It is a recording that names no gateway.
        """
        found = self.side(side)
        if missing := found.missing():
            raise SettingsError(
                f"this side is a recording ({found.recorded}) that names no gateway, and one is needed here",
                place=f"sides.{side}",
                remedy=f"If its gateway still runs, set {', '.join(missing)} beside `recorded`; else leave this to the "
                "other side.",
            )
        return found
