"""Settings of one side: its address, its dialect, limits on requests, and the processes that it needs.

Here belong the form of `sides.legacy` and `sides.candidate`, the step from it to `wire.side_config`, and the types that
all settings share. The rest of the file belongs to `model`.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, SecretStr, create_model, field_validator
from pydantic_core import CoreSchema, core_schema

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.side_config import SideConfig, Timeouts

Name = Annotated[str, Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]

_DEFAULTS: Final = {one.name: one.default for one in fields(SideConfig) if one.default is not MISSING}


def _default(name: str) -> Any:
    """Return the default that the wire gives a setting, so that it is written in one place."""
    return _DEFAULTS[name]


class Strict(BaseModel):
    """Unknown keys are refused, so that a typing error does not silently become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, protected_namespaces=())


class Validated:
    """Validate a plain dataclass of another room as a setting, so that its fields and defaults are written once.

    Unknown keys are refused, as in `Strict`. The dataclass itself needs no pydantic.

    Args:
        types: Types of fields that the settings limit further than the dataclass does.
    """

    def __init__(self, **types: Any) -> None:
        """Keep the narrower types by field."""
        self._types = types

    def __get_pydantic_core_schema__(self, record: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a strict model with the dataclass's fields, whose values then make the dataclass."""
        types = {**get_type_hints(record, include_extras=True), **self._types}
        members: dict[str, Any] = {}
        for one in fields(record):
            if one.default_factory is not MISSING:
                members[one.name] = (types[one.name], Field(default_factory=one.default_factory))
            else:
                members[one.name] = (types[one.name], ... if one.default is MISSING else one.default)
        form = create_model(record.__name__, __base__=Strict, **members)
        return core_schema.no_info_after_validator_function(
            lambda given: record(**{name: getattr(given, name) for name in members}),
            handler.generate_schema(form),
            serialization=core_schema.plain_serializer_function_ser_schema(asdict),
        )


TimeoutSettings = Annotated[
    Timeouts, Validated(connect=Seconds, read=Seconds, write=Seconds, pool=Seconds, total=Seconds)
]


class ServiceSettings(Strict):
    """A process that a side needs, started and stopped by `parity up` and `parity down`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    command: Annotated[list[Name], Field(min_length=1)]
    cwd: Path = Path()
    env: dict[str, SecretStr] = {}
    health_url: Name
    startup_timeout: Seconds = 30.0

    @field_validator("health_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return checked_url(value)


class SideSettings(Strict):
    """One of the two sides."""

    label: Name
    base_url: Name
    dialect: Name
    headers: dict[str, SecretStr] = {}
    bearer_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    ca_bundle: Path | None = None
    client_cert: Path | None = None
    timeouts: TimeoutSettings = Timeouts()
    default_model: Name | None = None
    accept_echo: list[Name] = []
    model_names: dict[str, Name] = {}
    proxy: SecretStr | None = None
    batch_texts: Positive = _default("batch_texts")
    batch_bytes: Positive = _default("batch_bytes")
    concurrency: Annotated[int, Field(ge=1, le=1024)] = _default("concurrency")
    adaptive: bool = _default("adaptive")
    attempts: Annotated[int, Field(ge=1, le=20)] = _default("attempts")
    requests_per_second: Rate | None = _default("requests_per_second")
    texts_per_second: Rate | None = _default("texts_per_second")
    backoff_seconds: Seconds = _default("backoff_seconds")
    backoff_max_seconds: Seconds = _default("backoff_max_seconds")
    retry_seconds: Annotated[float, Field(ge=0)] = _default("retry_seconds")
    retry_share: Share = _default("retry_share")
    stop_share: Share = _default("stop_share")
    stop_window: Positive = _default("stop_window")
    lane_seconds: Annotated[float, Field(gt=0)] | None = _default("lane_seconds")
    response_bytes: Positive = _default("response_bytes")
    observe_default_model: bool = _default("ask_default_model")
    canaries: bool = _default("canaries")
    request_id_header: HeaderName | None = _default("request_id_header")
    services: list[ServiceSettings] = []

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return checked_url(value).rstrip("/")

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
        token = environ.get(self.bearer_env, "").strip() if self.bearer_env else None
        if token == "":
            raise SettingsError(
                f"the environment variable {self.bearer_env} is not set",
                place=f"sides.{side}.bearer_env",
                remedy=f"Set {self.bearer_env} to the token of {self.label}, or remove the key.",
            )
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


def checked_url(value: str) -> str:
    """Return an http or https URL without credentials, query or fragment; the message never repeats credentials."""
    parts = urlsplit(value)
    if parts.username or parts.password:
        raise ValueError("contains credentials; name an environment variable in bearer_env instead")
    try:
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise ValueError(f"{value!r} is not a valid URL; write it as http://host:port or https://host")
    if parts.query or parts.fragment:
        raise ValueError(f"{value!r} has a query or a fragment; keep scheme, host, port and path only")
    return value
