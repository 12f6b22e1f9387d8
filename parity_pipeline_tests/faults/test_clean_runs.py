"""Clean gateways are never failed, however they stray within their own noise."""

from bench.clean_runs import cases, judged
from parity_pipeline.core.outcomes import Decision


def test_clean_runs_do_not_fail() -> None:
    """Twelve runs of other seeds, noises, batch sizes and corpora: none FAILs, and most PASS."""
    found = [judged(case)[0] for case in cases(12, seed=51)]
    assert Decision.FAIL not in found
    assert found.count(Decision.PASS) > 6
