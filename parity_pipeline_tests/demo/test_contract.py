"""The contract of the demo's two gateways as a golden table.

After an intended change run it with `PARITY_UPDATE_GOLDEN=1`, read the difference in git, and commit it.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.contract.comparison import Effect, compare_contracts
from parity_pipeline.core.contract.records import ContractBudget, ContractObservation, ContractOfSides
from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.gateway import CANDIDATE, LEGACY
from parity_pipeline.report.sections.contract import contract
from parity_pipeline.wire.contract_probes import observe_contract
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline_tests.demo.support import app_of
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.report.verdicts import SEED, verdict_of
from parity_pipeline_tests.wire.contract_sides import config_of

GOLDEN = Path(__file__).parent.parent / "golden" / "contract_demo.md"
BUDGET = ContractBudget(limits=dict.fromkeys(Side, True))


def observed(side: Side, app: Any, dialect: str) -> ContractObservation:
    """Return the contract of a demo gateway on a real port, limits included, without its times."""
    row = next(one for one in BUILT_IN if one.name == dialect)
    with serve(app) as url:
        run = observe_contract(config_of(side, url, row), "wordllama-64", BUDGET, 0.99)
    responses = tuple(replace(one, milliseconds=None) for one in run.observation.responses)
    assert run.observation.requests <= 120
    return replace(run.observation, responses=responses)


def test_the_contract_of_the_demo() -> None:
    """The two gateways differ in their default model alone, and in no limit."""
    sides = ContractOfSides(
        legacy=observed(Side.LEGACY, app_of(LEGACY), "rust"),
        candidate=observed(Side.CANDIDATE, app_of(CANDIDATE), "go"),
    )
    found = compare_contracts(sides)
    assert found is not None
    assert [(one.check, one.effect) for one in found.differences] == [(CheckName.CONTRACT_NO_MODEL, Effect.SILENT)]
    text = "\n".join(contract(replace(verdict_of(SEED), contract=found))) + "\n"
    if os.environ.get("PARITY_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text, "utf-8")
        pytest.fail("the table was written anew: read it, then run again without PARITY_UPDATE_GOLDEN")
    assert text == GOLDEN.read_text("utf-8")
