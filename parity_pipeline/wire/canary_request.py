"""The canary request: its texts, their ids, and what the response to it says of the software behind it.

Here belongs what the lane and a look have in common. Sending it in a lane belongs to `lane_canaries`, in a look to
`gateway_look`; the texts themselves are those of `core.hazards.texts`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from parity_pipeline.core.fingerprint import NODE_HEADERS, WORD_CHARACTERS, CanaryVectors, Fingerprint
from parity_pipeline.core.hazards.texts import CANARIES
from parity_pipeline.core.samples import sample_id
from parity_pipeline.wire.encode import encode_text
from parity_pipeline.wire.error_text import one_line
from parity_pipeline.wire.side_config import SideConfig

_HASH_DIGITS: Final = 12


class _HasBody(Protocol):
    """What builds the body of a request for encoded texts."""

    def body(self, inputs: Sequence[bytes]) -> bytes: ...


def canary_ids(count: int) -> list[str]:
    """Return the sample ids of the first canary texts, in the order in which `canary_texts` sends them.

    Args:
        count: How many texts the request held.
    """
    return [sample_id(text) for text in list(CANARIES.values())[:count]]


def canary_texts(config: SideConfig, codec: _HasBody) -> list[bytes]:
    """Return the encoded texts of a canary request, as many as the side's limits allow and at least one.

    Args:
        config: The side.
        codec: Builds the body of a request.
    """
    most = 1 if config.dialect.one_text else config.batch_texts
    texts = [encode_text(text) for text in list(CANARIES.values())[:most]]
    while len(texts) > 1 and len(codec.body(texts)) > config.batch_bytes:
        texts.pop()
    return texts


def stated(
    config: SideConfig, headers: Mapping[str, str], *, model: str = "", canaries: CanaryVectors | None = None
) -> Fingerprint:
    """Return what a response says of the software behind it.

    Args:
        config: The side, whose settings name the header of the version.
        headers: Headers of the response, as `software` returns them.
        model: The model that it names.
        canaries: The canary vectors that it holds.
    """
    name = config.version_header
    kept = {key: value for key, value in headers.items() if key not in NODE_HEADERS and key != name}
    version = headers.get(name, "") if name else ""
    return Fingerprint(version=stated_word(version), model=one_line(model), headers=kept, canaries=canaries)


def stated_word(text: str) -> str:
    """Return a version or digest as one line of at most `WORD_CHARACTERS`.

    A longer one is its beginning and a hash of all of it: two that differ must not become the same by being cut.

    Args:
        text: What the side says, without secrets.
    """
    word = one_line(text)
    if len(word) <= WORD_CHARACTERS:
        return word
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return f"{word[: WORD_CHARACTERS - _HASH_DIGITS - 1]}…{digest}"
