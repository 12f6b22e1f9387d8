"""Settings of one side: its address, its dialect, limits on requests, and the processes that it needs.

Here belong the form of `sides.legacy` and `sides.candidate`, and the step from it to `wire.side_config`. The types that all
settings share belong to `fields`, the rest of the file to `model`.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, field_validator

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.settings.fields import (
    Bytes,
    Name,
    Positive,
    Rate,
    Seconds,
    Share,
    Strict,
    Validated,
    attribute_docs,
    checked_url,
)
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.side_config import SideConfig, Timeouts

HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]

_DEFAULTS: Final = {one.name: one.default for one in fields(SideConfig) if one.default is not MISSING}


_DOCUMENTED: Final = attribute_docs(SideConfig)


def _of_wire(name: str) -> Any:
    """Return the default and the description that the wire gives a setting, so that both are written in one place."""
    return Field(default=_DEFAULTS[name], description=_DOCUMENTED.get(name))


TimeoutSettings = Annotated[
    Timeouts, Validated(connect=Seconds, read=Seconds, write=Seconds, pool=Seconds, total=Seconds)
]


class ServiceSettings(Strict):
    """A process that a side needs, started and stopped by `parity up` and `parity down`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] = Field(
        description="Names its log and its state file."
    )
    command: Annotated[list[Name], Field(min_length=1)] = Field(
        description="Program and arguments, no shell.", examples=[["./bin/gateway", "--port", "8080"]]
    )
    cwd: Path = Field(default=Path(), description="Working folder; relative to the settings file's.")
    env: dict[str, SecretStr] = Field(default={}, description="Further variables; never shown.")
    health_url: Name = Field(
        description="Returns a 2xx status when the service is ready.", examples=["http://127.0.0.1:8080/health"]
    )
    startup_timeout: Seconds = Field(default=30.0, description="Longest wait until it is ready.")

    @field_validator("health_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return checked_url(value)


class SideSettings(Strict):
    """One of the two sides."""

    label: Name = Field(description="What people call it.")
    base_url: Name = Field(
        description="Scheme, host, port and path prefix; no credentials.", examples=["http://127.0.0.1:8080"]
    )
    dialect: Name = Field(description="Name of a dialect, built in or one of yours.")
    headers: dict[str, SecretStr] = Field(
        default={}, description="Further headers; never shown anywhere.", examples=[{"x-tenant": "search"}]
    )
    bearer_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = Field(
        default=None,
        description="*Name* of the environment variable that holds the bearer token.",
        examples=["CANDIDATE_TOKEN"],
    )
    ca_bundle: Path | None = Field(
        default=None, description="PEM file of trusted roots, in place of those of the system."
    )
    client_cert: Path | None = Field(default=None, description="PEM file of the client certificate with its key.")
    timeouts: TimeoutSettings = Field(default=Timeouts(), description="Timeouts of one request.")
    default_model: Name | None = Field(
        default=None, description="What you believe its default model to be; `parity doctor` verifies it."
    )
    accept_echo: list[Name] = Field(
        default=[], description="Names, or globs, that may be echoed for the model: another case, `m-2026-*`."
    )
    model_names: dict[str, Name] = Field(
        default={},
        description="This side's own names of models, where they differ.",
        examples=[{"all-minilm": "sentence-transformers/all-MiniLM-L6-v2"}],
    )
    proxy: SecretStr | None = Field(
        default=None, description="URL of a proxy; variables such as `HTTPS_PROXY` are not read."
    )
    batch_texts: Positive = _of_wire("batch_texts")
    batch_bytes: Bytes = _of_wire("batch_bytes")
    concurrency: Annotated[int, Field(ge=1, le=1024)] = _of_wire("concurrency")
    adaptive: bool = _of_wire("adaptive")
    attempts: Annotated[int, Field(ge=1, le=20)] = _of_wire("attempts")
    requests_per_second: Rate | None = _of_wire("requests_per_second")
    texts_per_second: Rate | None = _of_wire("texts_per_second")
    backoff_seconds: Seconds = _of_wire("backoff_seconds")
    backoff_max_seconds: Seconds = _of_wire("backoff_max_seconds")
    retry_seconds: Annotated[float, Field(ge=0, json_schema_extra={"unit": "seconds"})] = _of_wire("retry_seconds")
    retry_share: Share = _of_wire("retry_share")
    stop_share: Share = _of_wire("stop_share")
    stop_window: Positive = _of_wire("stop_window")
    lane_seconds: Annotated[float, Field(gt=0, json_schema_extra={"unit": "seconds"})] | None = _of_wire("lane_seconds")
    response_bytes: Bytes = _of_wire("response_bytes")
    observe_default_model: bool = _of_wire("ask_default_model")
    canaries: bool = _of_wire("canaries")
    request_id_header: HeaderName | None = _of_wire("request_id_header")
    services: list[ServiceSettings] = Field(default=[], description="Processes that this side needs.")

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
