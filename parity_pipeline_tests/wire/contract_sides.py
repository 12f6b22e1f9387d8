"""Observe fake gateways' contracts: the configuration of a side, and both sides compared.

Here belongs what the tests of contracts share. The gateways themselves belong to `fakes.contract_gateways`.
"""

from dataclasses import replace
from typing import Any, Final

import httpx

from parity_pipeline.core.contract.comparison import ContractComparison, compare_contracts
from parity_pipeline.core.contract.records import ContractBudget, ContractObservation, ContractOfSides
from parity_pipeline.core.limits import COSINE_THRESHOLD
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.contract_probes import observe_contract
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline_tests.fakes.contract_gateways import MODEL, ContractGateway

OPENAI: Final = replace(next(row for row in BUILT_IN if row.name == "openai"), dimension_field="dimension")
LIMITS: Final = ContractBudget(limits=dict.fromkeys(Side, True), window_tokens=64)
BUDGET: Final = ContractBudget(window_tokens=64)


def config_of(side: Side, base_url: str = "http://gateway.test", dialect: Dialect = OPENAI, **more: Any) -> SideConfig:
    """Return the configuration of a side."""
    return SideConfig(side=side, label=side.value, base_url=base_url, dialect=dialect, **more)


def observe(
    side: Side, app: Any, budget: ContractBudget = BUDGET, *, model: str = MODEL, **more: Any
) -> ContractObservation:
    """Return the contract of an application in this process."""
    config = config_of(side, **more)
    run = observe_contract(config, model, budget, COSINE_THRESHOLD, transport=httpx.ASGITransport(app))
    return run.observation


def compare(legacy: ContractGateway, candidate: ContractGateway, budget: ContractBudget = BUDGET) -> ContractComparison:
    """Return both contracts and what differs."""
    sides = ContractOfSides(
        legacy=observe(Side.LEGACY, legacy, budget), candidate=observe(Side.CANDIDATE, candidate, budget)
    )
    found = compare_contracts(sides)
    assert found is not None
    return found
