"""An outage of one side or both is INCONCLUSIVE, whenever it begins and whatever it looks like; on a virtual clock."""

from pathlib import Path

import pytest

from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import Decision
from parity_pipeline_tests.steps.outages import BATCH, DOWN, ERRORS, STAGES, TEXTS, Outage, longest, outages, run


@pytest.mark.parametrize("outage", outages(), ids=str)
def test_an_outage_is_inconclusive(outage: Outage, tmp_path: Path) -> None:
    """The verdict is neither PASS nor FAIL, names the side, and is there within a minute beyond the side's time-outs."""
    found = run(outage, tmp_path)
    assert found.verdict.decision is Decision.INCONCLUSIVE
    open_checks = {one.name for one in found.verdict.checks if one.stands}
    assert {CheckName(f"{side}-outage") for side in DOWN[outage.down]} <= open_checks
    assert found.verdict.counts.matched == BATCH * STAGES[outage.stage]
    assert found.seconds <= longest(outage)


def test_the_same_run_without_an_outage_passes(tmp_path: Path) -> None:
    """It is the outage that keeps the runs above from being a pass."""
    found = run(None, tmp_path)
    assert found.verdict.decision is Decision.PASS
    assert found.verdict.counts.matched == TEXTS


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("down", DOWN)
def test_a_side_that_is_down_from_its_first_request_on_gives_no_verdict(down: str, error: str, tmp_path: Path) -> None:
    """Without a single vector the run ends in an error that names the side: there is nothing to judge."""
    with pytest.raises(GatewayError, match=rf"http://{DOWN[down][0]}\.invalid"):
        run(Outage(down=down, stage="never up", error=error), tmp_path)
