"""Clean gateways never FAIL, whatever the noise of their own vectors."""

from pathlib import Path

from parity_pipeline.core.outcomes import Decision
from parity_pipeline_tests.faults.clean_runs import cases, judged


def test_clean_runs_do_not_fail(tmp_path: Path) -> None:
    """Twelve runs of other seeds, noises, batch sizes and corpora: none FAILs, and most PASS."""
    found = [judged(case, tmp_path / str(place)).decision for place, case in enumerate(cases(12, seed=51))]
    assert Decision.FAIL not in found
    assert found.count(Decision.PASS) > 6


def test_the_noise_floors_come_from_measured_repeatability(tmp_path: Path) -> None:
    """The verdict on a noisy case rests on the noise floor of both sides, as the step of the product measured it."""
    case = next(one for one in cases(12, seed=51) if one.legacy_noise and one.candidate_noise)
    verdict = judged(case, tmp_path)
    assert all(side.floor and side.stability for side in verdict.sides)
