"""A look at a gateway by few cheap requests: version, digest of the model, and the canaries several times.

Here belong these requests, and what a response says of the software behind it. What two looks mean for each other belongs to
`core.fingerprint` and `core.gateway_states`; the canaries of a lane to `lane_canaries`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import httpx

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.fingerprint import Fingerprint, pack
from parity_pipeline.wire.canary_request import canary_ids, canary_texts, stated, stated_word
from parity_pipeline.wire.client import LaneEnvironment, RequestSender, SenderContext
from parity_pipeline.wire.codec import HttpResponse
from parity_pipeline.wire.decode import Decoded, load_slowly
from parity_pipeline.wire.embed_codec import EmbedCodec
from parity_pipeline.wire.error_text import one_line
from parity_pipeline.wire.fetch_lane import run_anywhere
from parity_pipeline.wire.gateway_errors import AttemptError, MalformedResponse
from parity_pipeline.wire.json_path import MISSING, FieldPath, is_array
from parity_pipeline.wire.request_headers import new_request_id
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import transport_for
from parity_pipeline.wire.wire_observation import software

REPEATS: Final = 4
"""Times that a look sends the canaries, each on a connection of its own: enough to see two gateways behind one address."""

MOST_SECONDS: Final = 15.0
"""Longest wait for a response to one request of a look, in seconds; a shorter time-out of the side holds."""

Network = Callable[[], httpx.AsyncBaseTransport | None]
"""Makes the network of one connection; None stands for the real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look saw.

    Attributes:
        seen: The responses, in the order in which they came; empty where the gateway is down.
        problem: Why there is none, or fewer than were sent; "" where everything responded.
    """

    seen: tuple[Fingerprint, ...]
    problem: str = ""


def with_identity(
    config: SideConfig,
    model: str,
    found: Fingerprint,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    environment: LaneEnvironment | None = None,
) -> Fingerprint:
    """Return a fingerprint with the version and the digest that the side's endpoints state; what fails stays empty.

    Nothing is sent to a side whose settings name no endpoint of its version, and whose dialect has no digests.

    Args:
        config: The side.
        model: The model of the partition.
        found: What responses said.
        transport: Replaces the network.
        environment: Replaces the clocks, sleeping and chance.
    """
    path = config.version.path if config.version else None
    if path is None and config.dialect.digest is None:
        return found

    async def run() -> Fingerprint:
        network = transport or transport_for(config)
        reader = _Reader(config, SenderContext.of(config, network, environment or LaneEnvironment()))
        async with network:
            version = found.version if path is None else await reader.version(path)
            return replace(found, version=version, digest=await reader.digest(model))

    return run_anywhere(run)


def look(
    config: SideConfig, model: str, *, network: Network = lambda: None, environment: LaneEnvironment | None = None
) -> Look:
    """Send the canaries `REPEATS` times, one after the other, and read version and digest once. Never raises for the side.

    Args:
        config: The side.
        model: The model of the partition.
        network: Makes the network of each connection.
        environment: Replaces the clocks, sleeping and chance.
    """
    config = config.for_model(model)
    surroundings = environment or LaneEnvironment()
    seen: list[Fingerprint] = []
    problem = ""
    for _ in range(REPEATS):
        try:
            seen.append(_canaries(config, model, network(), surroundings))
        except (AttemptError, GatewayError) as error:
            problem = one_line(str(error))
            break
    if not seen:
        return Look(seen=(), problem=problem)
    first = with_identity(config, model, seen[0], transport=network(), environment=surroundings)
    whole = (replace(one, version=one.version or first.version, digest=first.digest) for one in seen)
    return Look(seen=tuple(whole), problem=problem)


def _canaries(
    config: SideConfig, model: str, transport: httpx.AsyncBaseTransport | None, environment: LaneEnvironment
) -> Fingerprint:
    """Return what one response to the canaries says.

    Raises:
        AttemptError: It holds no vectors, or there is none.
    """
    network = transport or transport_for(config)
    codec = EmbedCodec(config, model)
    texts = canary_texts(config, codec)
    hurried = replace(config, timeouts=replace(config.timeouts, total=min(config.timeouts.total, MOST_SECONDS)))

    async def run() -> tuple[HttpResponse, Decoded]:
        sender = RequestSender(hurried, codec, SenderContext.of(hurried, network, environment), _ignored)
        async with network:
            return await sender.send(codec.body(texts), len(texts), counted=False)

    response, decoded = run_anywhere(run)
    headers = software(response.headers, config.without_secrets, config.version_header)
    canaries = pack(canary_ids(len(texts)), decoded.vectors)
    return stated(config, headers, model=decoded.model, canaries=canaries)


def _ignored(_response: HttpResponse, _decoded: Decoded) -> None:
    """Do nothing with a response beside returning it."""


class _Reader:
    """Reads what a gateway's endpoints beside the one for vectors say; what cannot be read is ""."""

    def __init__(self, config: SideConfig, context: SenderContext) -> None:
        self._config = config
        self._context = context

    async def version(self, path: str) -> str:
        """Return the version at a path."""
        body = await self._get(path)
        field = self._config.version.field if self._config.version else None
        if body is None:
            return ""
        if field is None:
            return self._word(body.decode("utf-8", "replace"))
        found = _find(body, field)
        return self._word(found) if isinstance(found, str | int | float) else ""

    async def digest(self, model: str) -> str:
        """Return the digest of a model."""
        lookup = self._config.dialect.digest
        body = await self._get(lookup.path) if lookup else None
        if lookup is None or body is None:
            return ""
        names, digests = _find_all(body, lookup.name_field), _find_all(body, lookup.digest_field)
        wanted = self._config.requested_name(model).removesuffix(":latest")
        for name, digest in zip(names, digests, strict=False):
            if isinstance(name, str) and isinstance(digest, str) and name.removesuffix(":latest") == wanted:
                return self._word(digest)
        return ""

    def _word(self, found: object) -> str:
        return stated_word(self._config.without_secrets(str(found)))

    async def _get(self, path: str) -> bytes | None:
        """Return the body at a path; None where there is none."""
        context = self._context
        seconds = min(self._config.timeouts.total, MOST_SECONDS)
        try:
            response = await context.client.send(
                b"", new_request_id(context.random), seconds=seconds, method="GET", path=path
            )
        except AttemptError:
            return None
        return bytes(response.body) if response.status == 200 else None


def _find(body: bytes, path: str) -> object:
    """Return the value at a path of a JSON body; MISSING where there is none."""
    try:
        return FieldPath.parse(path).find(load_slowly(body))
    except MalformedResponse:
        return MISSING


def _find_all(body: bytes, path: str) -> Sequence[object]:
    """Return the values at a path such as `models[].name`; none where the body has another form."""
    found, parsed = _find(body, path), FieldPath.parse(path)
    if not is_array(found):
        return ()
    try:
        return [parsed.find_in(item) for item in found]  # pyright: ignore[reportGeneralTypeIssues,reportUnknownVariableType] - an array
    except MalformedResponse:
        return ()
