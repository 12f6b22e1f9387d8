"""Which texts go to the candidate in mode `share`: a stable hash of the text decides, so that one text always goes one way.

Here belongs the decision. A batch may be divided between both sides by it, and has to be: were the batch the unit, a text
would get vectors of one side in one batch and of the other in the next, and an index would hold both for one text. The
price is that a request with texts for both fails when either side does, and takes as long as the slower one.

A larger share keeps the texts that the smaller one had moved: the hash is compared with the share and nothing else.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

_RANGE: Final = 2**64


def to_candidate(text: str, share: float) -> bool:
    """Return whether a text goes to the candidate.

    Args:
        text: The text; may hold lone surrogates.
        share: Per cent of the texts that do, 0 to 100.

    >>> to_candidate("hello", 0), to_candidate("hello", 100)
    (False, True)
    """
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=b"parity-share").digest()
    return int.from_bytes(digest, "big") < share / 100 * _RANGE


def divided(texts: Sequence[str], share: float) -> tuple[list[int], list[int]]:
    """Return the positions of the texts that go to the legacy, and of those that go to the candidate."""
    moved = [to_candidate(text, share) for text in texts]
    return [at for at, one in enumerate(moved) if not one], [at for at, one in enumerate(moved) if one]
