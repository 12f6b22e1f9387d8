"""The configuration of one side.

Here belong plain records that settings fill and this package reads. They hold the token itself, so their `repr` leaves it
out, and nothing here is ever stored. A new credential also goes into `SideConfig.secrets`, or messages would show it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.dialects import MODEL_IN_PATH, Dialect

_SHORTEST_SECRET: Final = 4
"""Characters of a secret that are worth masking: a shorter beginning of it is found in any text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The timeouts of one request, in seconds.

    Attributes:
        connect: To open the connection, TLS included.
        read: Without a single byte of the response.
        write: To send the whole request.
        pool: To get a connection: waiting for a free one and opening it together.
        total: From sending the request to the last byte of its response, even if bytes keep trickling in.
    """

    connect: float = 5.0
    read: float = 60.0
    write: float = 30.0
    pool: float = 60.0
    total: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """How long a lane goes on with canaries after its samples; exactly one of the two is set.

    Attributes:
        requests: Requests that the lane sends in all.
        minutes: Minutes after the last sample.
    """

    requests: int = 0
    minutes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLookup:
    """Where a gateway says which version of itself is running; exactly one of `header` and `path` is set.

    Attributes:
        header: Response header of every response.
        path: Path below the base URL, requested by GET.
        field: Response path of the version in the JSON at `path`; None where the whole body is the version.
    """

    header: str | None = None
    path: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideConfig:
    """The configuration of one side.

    Attributes:
        side: Which lane this is.
        label: Its name for people.
        base_url: Scheme, host, port and an optional path prefix; no credentials.
        dialect: Its request and response format.
        headers: Headers sent with each request; may be secret, so not in `repr`.
        bearer_token: Sent as `Authorization: Bearer`; never in `repr`.
        model_names: This side's names for models of the partition, where they differ.
        timeouts: The timeouts of each request.
        ca_bundle: PEM file to verify the server with instead of the system's roots.
        client_cert: PEM file with certificate and key to show to the server.
        batch_texts: Largest number of texts of one request.
        batch_bytes: Largest size of one request body in bytes; a single longer text is sent alone.
        concurrency: Largest number of requests in flight.
        attempts: Largest number of times one request is sent, the first included.
        adaptive: Start with few requests in flight and find the number up to `concurrency` that the side can take:
            one more while latency stays flat, half as many after a 429 or 503.
        requests_per_second: Largest rate of requests, retries included; None for no cap.
        texts_per_second: Largest rate of texts; None for no cap.
        backoff_seconds: Mean of the first wait before a retry; doubles with each further one.
        backoff_max_seconds: Largest wait of the backoff; a `Retry-After` may be longer.
        retry_seconds: Largest total wait between the attempts of one request, `Retry-After` included.
        retry_share: Largest share of a lane's requests that may be retries; the first 100 retries are always allowed.
        stop_share: Share of FAILED samples among the last `stop_window` batches beyond which the lane stops early.
        stop_window: Batches that share is taken over; no lane stops before it has that many.
        lane_seconds: Deadline of the whole lane in seconds; None for none.
        lane_requests: Largest number of requests of the whole lane, retries included; None for no cap.
        response_bytes: Largest response in bytes, on the wire and after decompression.
        proxy: URL of a proxy to go through; environment variables such as HTTPS_PROXY are not read.
        ask_default_model: Send one request without the model field to learn the default model for the drift catalogue.
        request_id_header: Header that names each request by a UUID of its own; None sends none. An entry of `headers`
            with that name is sent as it is.
        canaries: Send the same small request at the start, middle and end of a lane.
        soak: How long to go on with it afterwards; None for not at all.
        version: Where the side says which version of itself is running; None where it does not.
    """

    side: Side
    label: str
    base_url: str
    dialect: Dialect
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    model_names: Mapping[str, str] = field(default_factory=dict[str, str])
    timeouts: Timeouts = field(default_factory=Timeouts)
    ca_bundle: Path | None = None
    client_cert: Path | None = None
    batch_texts: int = 32
    batch_bytes: int = 1_000_000
    concurrency: int = 4
    attempts: int = 4
    adaptive: bool = False
    requests_per_second: float | None = None
    texts_per_second: float | None = None
    backoff_seconds: float = 0.5
    backoff_max_seconds: float = 30.0
    retry_seconds: float = 300.0
    retry_share: float = 0.5
    stop_share: float = 0.5
    stop_window: int = 20
    lane_seconds: float | None = None
    lane_requests: int | None = None
    response_bytes: int = 64 * 1024 * 1024
    proxy: str | None = field(default=None, repr=False)
    ask_default_model: bool = True
    request_id_header: str | None = "x-request-id"
    canaries: bool = True
    soak: Soak | None = None
    version: VersionLookup | None = None

    def requested_name(self, model: str) -> str:
        """Return this side's name for the partition's model."""
        return self.model_names.get(model, model)

    def for_model(self, model: str) -> Self:
        """Return this side with its name of the model in the path, where the dialect's path has a place for it."""
        if MODEL_IN_PATH not in self.dialect.path:
            return self
        path, mark, query = self.dialect.path.partition("?")
        name = self.requested_name(model)
        # Slashes stay in the path, where a name such as `owner/model` usually is two parts of it.
        filled = path.replace(MODEL_IN_PATH, quote(name)) + mark + query.replace(MODEL_IN_PATH, quote(name, safe=""))
        return replace(self, dialect=replace(self.dialect, path=filled))

    def mean_wait(self, attempt: int) -> float:
        """Return the mean seconds to wait after so many attempts."""
        return min(self.backoff_seconds * 2 ** (attempt - 1), self.backoff_max_seconds)

    def for_few_texts(self) -> Self:
        """Return this side without the requests by which a lane looks at it: for a few texts, they would be most."""
        return replace(self, ask_default_model=False, canaries=False, soak=None)

    @property
    def url(self) -> str:
        """Return the address of the embed endpoint."""
        return self.base_url.rstrip("/") + self.dialect.path

    @property
    def version_header(self) -> str | None:
        """Return the response header that states the version, in lower case; None for none."""
        return self.version.header.lower() if self.version and self.version.header else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the values that no message may hold, longest first."""
        values = [value for value in (self.bearer_token, self.proxy, *self.headers.values()) if value]
        words = [word for value in values for word in value.split() if len(word) > 7]  # the token of `Bearer token`
        found = {value for value in (*values, *words) if len(value) >= _SHORTEST_SECRET}
        return tuple(sorted(found, key=len, reverse=True))

    def without_secrets(self, text: str) -> str:
        """Return a text with every secret of this side masked, for a server may repeat what it was sent.

        A text may have been cut before: what is left of a secret at its end is masked too, from four characters on.
        """
        for secret in self.secrets:
            text = text.replace(secret, "***")
        whole = text.rstrip("…")
        for secret in self.secrets:
            for length in range(min(len(secret) - 1, len(whole)), _SHORTEST_SECRET - 1, -1):
                if whole.endswith(secret[:length]):
                    return f"{whole[:-length]}***"
        return text

    def settings_hash(self, model: str) -> str:
        """Return the hash, 64 hex digits, of what shapes a request: address, dialect, model requested, batch limits.

        Vectors may depend on the size of a batch, so batch limits are included; secrets, timeouts and rates are not, and
        neither is where a version or digest is read.
        """
        dialect = {name: value for name, value in asdict(self.dialect).items() if name != "digest"}
        shape = [self.url, dialect, self.requested_name(model), self.batch_texts, self.batch_bytes]
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
