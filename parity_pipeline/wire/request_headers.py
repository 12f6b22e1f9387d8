"""The headers of a request: those that every request of a side has, its token, its id, and what depends on the request itself.

Here belongs everything that is sent beside a body. A dialect whose gateway wants a signature (AWS SigV4, an HMAC of the body)
adds it in `RequestHeaders.of`, and a field of `Dialect` that asks for it. What is in the body belongs to `encode`.
"""

from collections.abc import Mapping
from random import Random
from uuid import UUID

from parity_pipeline.wire.side_config import SideConfig


def new_request_id(random: Random) -> str:
    """Return a UUID of version 4: some gateways accept no other id."""
    return str(UUID(int=random.getrandbits(128), version=4))


class RequestHeaders:
    """Makes the headers of one side's requests; names are in lower case, so that none is sent twice."""

    def __init__(self, config: SideConfig) -> None:
        """Prepare what all requests share; the settings of a side may replace all but the token."""
        self._shared = {
            "accept": "application/json",
            "accept-encoding": "identity",  # decompressing costs more than loopback and a rack's network do
            "content-type": "application/json",
            "user-agent": "parity-pipeline",
            **{name.lower(): value for name, value in config.headers.items()},
        }
        if config.bearer_token:
            self._shared["authorization"] = f"Bearer {config.bearer_token}"
        name = config.request_id_header
        self._id_header = name.lower() if name and name.lower() not in self._shared else None

    def of(self, body: bytes, request_id: str | None = None, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the headers of one request; a signature is computed here, from the body and what it is sent with.

        Args:
            body: The request body.
            request_id: What `sent_id` returned; None where no id is sent.
            more: Further headers of this request, names in lower case; they replace those of the side.
        """
        named = {self._id_header: request_id} if self._id_header and request_id is not None else {}
        return {**self._shared, **(more or {}), **named, "content-length": str(len(body))}

    def sent_id(self, new_id: str) -> str | None:
        """Return the id that a request will carry; None where the side has no header for one, or sets it itself."""
        return new_id if self._id_header else None
