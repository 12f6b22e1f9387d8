"""The retrieve probe on the demo's own gateways, with the settings file and the queries that are shipped."""

from functools import partial
from pathlib import Path

import httpx

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.causes import CauseConfidence, RetrievalCauseName
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.definitions import build_context
from parity_pipeline.faults.trial_run import CLOCK, DAY, searching_gateway
from parity_pipeline.settings.loading import load
from parity_pipeline.settings.model import Settings
from parity_pipeline.steps.context import Gateway
from parity_pipeline.steps.retrieval.judge_rankings import write_retrieval_report
from parity_pipeline.steps.retrieval.run_retrieval import run_retrieval
from parity_pipeline.storage.layout import Layout
from parity_pipeline.wire.retrieval_side import RetrievalSide

ROOT = Path(__file__).parents[2]
CORPUS = "everyone"


def judged(folder: Path, faults: str = "") -> tuple[RetrievalVerdict, str]:
    """Return the verdict and the report of the shipped settings on both demo gateways, the candidate's with faults."""
    settings = load(ROOT / "parity.yaml", {})
    apps = {Side.LEGACY: searching_gateway(Side.LEGACY), Side.CANDIDATE: searching_gateway(Side.CANDIDATE, faults)}
    gateways = {
        side: Gateway(
            make_config=partial(settings.side_config, side, {}),
            transport=partial(httpx.ASGITransport, app),
            clock=lambda: CLOCK,
            make_retrieval_side=partial(_side, settings, side),
        )
        for side, app in apps.items()
    }
    layout = Layout(data_dir=folder / "data", reports_dir=folder / "reports")
    run = build_context(settings, environ={}, layout=layout, gateways=gateways, now=lambda: CLOCK)
    run_retrieval(run, DAY, CORPUS, run_id="run")
    return write_retrieval_report(run, DAY, CORPUS)


def _side(settings: Settings, side: Side, corpus: str) -> RetrievalSide:
    return settings.retrieval_side(side, corpus, {})


def test_the_shipped_settings_pass_on_the_demo(tmp_path: Path) -> None:
    """An exact search with SQL filters and a merged approximate index give the same lists, refusals and all: PASS."""
    verdict, report = judged(tmp_path)
    assert verdict.decision is Decision.PASS, verdict.reasons
    assert verdict.causes == ()
    assert verdict.relevance
    assert verdict.power is not None
    assert verdict.strength in report
    reproduced = report.partition("## How to reproduce")[2]
    refused = next(one.id for one in verdict.queries if one.outcome is RetrievalOutcome.REFUSED_BY_BOTH)
    assert refused.startswith("hazard/")
    assert "curl" in reproduced
    assert "10000" not in reproduced, "a query that both sides refuse shows nobody anything"


def test_another_embedding_of_the_demo_is_named(tmp_path: Path) -> None:
    """Every query that a control was sent for is explained by its embedding, and that is the first cause of the report.

    It stays likely: the candidate's embed endpoint, which the probe sees beside it, agrees with the legacy one.
    """
    verdict, report = judged(tmp_path, "other-embedding")
    assert verdict.decision is Decision.FAIL
    first = verdict.causes[0]
    assert first.name is RetrievalCauseName.OTHER_EMBEDDING
    assert first.confidence is CauseConfidence.LIKELY
    assert verdict.attribution[Explanation.EMBEDDING] == load(ROOT / "parity.yaml", {}).retrieval().confirm.queries
    assert set(verdict.attribution) == {Explanation.EMBEDDING, Explanation.UNKNOWN}
    assert first.name in report
