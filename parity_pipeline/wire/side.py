"""What the wire needs to know of one side.

Here belong plain records that settings fill and the client and the engine read. They hold the token itself, so their
`repr` leaves it out, and nothing here is ever stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.dialects import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The four timeouts of one request, in seconds.

    Attributes:
        connect: To open the connection, TLS included.
        read: Without a single byte of the answer.
        write: Without a single byte taken by the server.
        pool: To get a free connection from the pool.
    """

    connect: float = 5.0
    read: float = 60.0
    write: float = 30.0
    pool: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SideConfig:
    """One side as it is asked.

    Attributes:
        side: Which lane this is.
        label: What people call it.
        base_url: Scheme, host, port and an optional path prefix; no credentials.
        dialect: How it is spoken to.
        headers: Headers sent with each request; may be secret, so not in `repr`.
        bearer_token: Sent as `Authorization: Bearer`; never in `repr`.
        model_names: Names this side knows a model of the partition by, where it is another name.
        timeouts: The four timeouts.
        ca_bundle: PEM file to verify the server with instead of the system's roots.
        client_cert: PEM file with certificate and key to show to the server.
        batch_texts: Largest number of texts of one request.
        batch_bytes: Largest size of one request body in bytes; a single longer text is sent alone.
        concurrency: Largest number of requests in flight.
        attempts: Largest number of times one request is sent, the first included.
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

    def asked_name(self, model: str) -> str:
        """Return the name this side knows the partition's model by."""
        return self.model_names.get(model, model)
