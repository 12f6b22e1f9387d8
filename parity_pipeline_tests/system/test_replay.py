"""Vectors recorded from real servers, over HTTP and through the whole pipeline to a stored verdict.

The figures are those of `data/README.md`; `core/test_real_vectors.py` has them from the comparison alone.
"""

import json
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from parity_pipeline.core.measures import Thresholds, grade
from parity_pipeline.core.outcomes import Decision, Outcome
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.definitions import build_definitions
from parity_pipeline.runs.runner import run_partitions
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline_tests.core.test_real_vectors import CORE, EXPECTED, IDS, Expected
from parity_pipeline_tests.fakes.replay_gateway import RECORDED_MODEL, recorded_texts, replay_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import DAY, Project, side

COPIES = Counter(sample_id(one.text) for one in recorded_texts())
"""How often each text was recorded: the pipeline drops the copies, the table counts them."""


def stored(path: Path) -> tuple[Counter[Outcome], float]:
    """Return the outcomes of a stored comparison, copies counted, and the worst 1 - cosine among the core texts."""
    outcomes: Counter[Outcome] = Counter()
    worst = 0.0
    for rows in (grade(block, Thresholds()) for block in ParityFile(path).blocks()):
        for identity, category, outcome, cosine in zip(
            rows.ids, rows.categories, rows.outcomes, rows.cosine, strict=True
        ):
            outcomes[Outcome(outcome)] += COPIES[identity]
            if category in CORE:
                worst = max(worst, 1.0 - float(cosine))
    return outcomes, worst


@pytest.mark.parametrize("expected", EXPECTED, ids=IDS)
def test_recorded_servers_give_their_figures(tmp_path: Path, expected: Expected) -> None:
    """Worst cosine, mismatches and refusals of the stored verdict are those that were recorded.

    A recording has no vectors for the salted texts of the repeatability experiments, so these are switched off.
    """
    lines = [json.dumps({"text": one.text, "category": one.category}) for one in recorded_texts()]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines), "utf-8")
    left, right = (replay_gateway(server) for server in (expected.legacy, expected.candidate))
    with serve(left.app) as legacy, serve(right.app) as candidate:
        calm = {"backoff_seconds": 0.001, "backoff_max_seconds": 0.001}
        project = Project(tmp_path, side(legacy, "rust", **calm), side(candidate, "rust", **calm), models=(RECORDED_MODEL,),
                          more={"samples": [{"path": "texts.jsonl"}], "stability": {"enabled": False}})  # fmt: skip
        settings = project.settings()
        with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
            ran = list(run_partitions(settings, build_definitions(settings), instance, [(DAY, RECORDED_MODEL)]))
    verdict = ran[0].verdict
    assert isinstance(verdict, Verdict), ran[0].failures
    assert (verdict.counts.samples, verdict.sample_set.duplicates_dropped) == (len(COPIES), 200 - len(COPIES))
    assert verdict.decision is (Decision.FAIL if expected.below else Decision.PASS)
    layout = settings.layout()
    outcomes, worst = stored(layout.parity(DAY, RECORDED_MODEL))
    assert outcomes[Outcome.MISMATCH] == expected.below
    refusals = {one: count for one, count in outcomes.items() if one.value.startswith("refused")}
    assert refusals == ({expected.refused: 8} if expected.refused else {})
    assert f"{worst:.1e}" == f"{expected.core_worst:.1e}"
    if expected.candidate.endswith("raw-norm"):
        assert "raw, 1.24 to 8.83" in layout.report(DAY, RECORDED_MODEL).read_text("utf-8")
