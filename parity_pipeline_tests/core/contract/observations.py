"""Observations of contracts, built by hand for the tests of their comparison.

Here belong builders and no test.
"""

from dataclasses import replace
from typing import Any, Final

from parity_pipeline.core.contract.records import (
    BodyShape,
    ContractObservation,
    ContractRequest,
    ContractResponse,
    ContractResult,
    SizeLimit,
)
from parity_pipeline.core.outcomes import Side

PLAIN: Final = ContractResponse(
    request=ContractRequest.PLAIN,
    result=ContractResult.VECTORS,
    status=200,
    milliseconds=2.0,
    sent=1,
    vectors=1,
    dimension=4,
    model="m",
    declared_dimension=4,
)


def accepted(request: ContractRequest, **more: Any) -> ContractResponse:
    """Return a response with vectors."""
    return replace(PLAIN, request=request, **more)


def refused(request: ContractRequest, status: int = 400, words_at: str = "error", **more: Any) -> ContractResponse:
    """Return an error in JSON."""
    facts: dict[str, Any] = {"shape": BodyShape.JSON, "words": "no", "words_at": words_at, "sent": 1, **more}
    return ContractResponse(request=request, result=ContractResult.REFUSED, status=status, **facts)


def side_of(side: Side, *responses: ContractResponse, **more: Any) -> ContractObservation:
    """Return an observation of some responses beside the plain one."""
    facts: dict[str, Any] = {"batch_texts": 128, "body_limit": None, "batch_limit": None, "requests": 9, **more}
    return ContractObservation(side=side, responses=(PLAIN, *responses), **facts)


def limit(accepted_size: int, rejected: int = 0, **more: Any) -> SizeLimit:
    """Return a limit that is refused with 413."""
    facts: dict[str, Any] = {"result": ContractResult.REFUSED, "status": 413, "vectors": 0, "words": "", **more}
    if not rejected:
        facts |= {"result": ContractResult.VECTORS, "status": 0}
    return SizeLimit(accepted=accepted_size, rejected=rejected, **facts)
