"""Clean gateways never FAIL, whatever the noise of their own vectors."""

from dataclasses import replace
from pathlib import Path

import pytest

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.verdict import Verdict
from parity_pipeline_tests.faults.clean_runs import Kind, cases, is_due, judged
from parity_pipeline_tests.report.verdicts import SEED, verdict_of


def test_clean_runs_do_not_fail(tmp_path: Path) -> None:
    """Twelve runs of all kinds, of other seeds, noises, batch sizes and corpora: none FAILs, and most PASS."""
    tried = cases(12, seed=51)
    found = [judged(case, tmp_path / str(place)) for place, case in enumerate(tried)]
    decisions = [verdict.decision for verdict in found]
    assert {case.kind for case in tried} == set(Kind)
    assert Decision.FAIL not in decisions
    assert decisions.count(Decision.PASS) > 6
    assert all(map(is_due, tried, found))


@pytest.mark.parametrize("kind", Kind)
def test_inconclusive_is_due_for_what_happened_alone(kind: Kind) -> None:
    """A restart excuses rows without vectors, not vectors that differ; a shift inside the gate excuses nothing; no FAIL is due."""
    case = cases(1, seed=51, kinds=(kind,))[0]
    lost = with_open(Decision.INCONCLUSIVE, CheckName.MISSING, CheckName.LEGACY_OUTAGE)
    assert is_due(case, lost) is (kind in (Kind.RESTARTS, Kind.ERRORS))
    assert is_due(case, with_open(Decision.INCONCLUSIVE, CheckName.CONFIRMATION)) is (kind is Kind.STRAYS)
    assert not is_due(case, with_open(Decision.INCONCLUSIVE, CheckName.MISSING, CheckName.DISCRIMINATION))
    assert not is_due(case, with_open(Decision.FAIL, CheckName.COSINE))
    assert is_due(case, with_open(Decision.PASS))


def with_open(decision: Decision, *names: CheckName) -> Verdict:
    """Return a verdict with checks that did not pass."""
    checks = tuple(Check(name=name, severity=CheckSeverity.INCONCLUSIVE, passed=False, seen="seen") for name in names)
    return replace(verdict_of(SEED), decision=decision, checks=checks)


def test_the_noise_floors_come_from_measured_repeatability(tmp_path: Path) -> None:
    """The verdict on a noisy case rests on the noise floor of both sides, as the step of the product measured it."""
    case = next(one for one in cases(12, seed=51) if one.legacy_noise and one.candidate_noise)
    verdict = judged(case, tmp_path)
    assert all(side.floor and side.stability for side in verdict.sides)
