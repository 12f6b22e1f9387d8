"""The search for the largest request that a side accepts, by doubling and then halving the gap.

Here belongs the search over sizes; what a request of a size is belongs to `contract_requests`.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from parity_pipeline.core.contract.records import ContractResponse, ContractResult, SizeLimit

SMALLEST_BODY: Final = 32 * 1024
"""Smallest body of the search, in bytes."""

LARGEST_BODY: Final = 8 * 1024 * 1024
"""Largest body of the search, in bytes."""

LARGEST_BATCH: Final = 2048
"""Most texts of a request in the search."""

Try = Callable[[int], Awaitable[ContractResponse]]


async def find_limit(send: Try, *, smallest: int, largest: int) -> SizeLimit | None:
    """Return the largest size that a side accepts, and what it does with the next one.

    Sizes are doubled from the smallest on. Between the last accepted and the first rejected one, the next larger size is
    sent first, since limits are often powers of two; then the gap is halved. A request that is not measured, such as one
    beyond the budget or to an overloaded side, ends the search, with the gap that is left.

    Args:
        send: Sends a request of a size.
        smallest: The first size.
        largest: The largest size.
    """
    accepted, size = 0, smallest
    rejected: ContractResponse | None = None
    while rejected is None and accepted < largest:
        response = await send(size)
        if not response.measured:
            return _ended(accepted, 0, None) if accepted else None
        if response.result is ContractResult.VECTORS:
            accepted, size = size, min(2 * size, largest)
        else:
            rejected = response
    if rejected is None or not accepted:
        return _ended(accepted, size if rejected else 0, rejected)
    return await _halved(send, accepted, size, rejected)


async def _halved(send: Try, accepted: int, limit: int, rejected: ContractResponse) -> SizeLimit:
    size = accepted + 1
    while limit - accepted > 1:
        response = await send(size)
        if not response.measured:
            break
        if response.result is ContractResult.VECTORS:
            accepted = size
        else:
            limit, rejected = size, response
        size = (accepted + limit) // 2
    return _ended(accepted, limit, rejected)


def _ended(accepted: int, rejected: int, response: ContractResponse | None) -> SizeLimit:
    return SizeLimit(
        accepted=accepted,
        rejected=rejected,
        result=response.result if response else ContractResult.VECTORS,
        status=response.status if response else 0,
        vectors=response.vectors if response else 0,
        words=response.words if response else "",
    )
