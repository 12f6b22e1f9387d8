"""The pages that the browser opens: every decision, both probes, the index, and texts that would break out if they could.

Here belongs writing them. What they show is fixed; nothing is measured.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from parity_pipeline.core.histograms import Histogram, cosine_edges, latency_edges, norm_edges, share_edges
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import AnyVerdict
from parity_pipeline.core.verdict_history import VerdictHistory
from parity_pipeline.report.html.embed_page import render_page
from parity_pipeline.report.html.evidence import EmbedEvidence, RetrievalPageEvidence
from parity_pipeline.report.html.index_page import render_index
from parity_pipeline.report.html.retrieval_page import render_retrieval_page
from parity_pipeline_tests.report import retrieval_records, retrieval_verdicts
from parity_pipeline_tests.report.measured import measured_pass, two_causes, waived_pass
from parity_pipeline_tests.report.past import loosened_pass, not_run, recorded
from parity_pipeline_tests.report.verdicts import Row, mixed, unpaired, verdict_of, with_provenance

HOSTILE = (
    "</script><script>window.broken=1</script>",
    "\"><img src=x onerror='window.broken=1'>",
    "</style></title></code></main><h1>taken over</h1>",
    "{{7*7}} {% raw %} ${7*7} <%= 7*7 %>",
    "\u202eevil\u202c \u2066isolated\u2069 zero\u200bwidth \ufeff",
    "javascript:window.broken=1",
    "cafe\u0301 \U0001f469\u200d\U0001f680 \u00e9 \ud800 \x00\x1b[31m\r\n",
    "x" * 100_000,
    "",
    "   ",
)
"""Texts that would run as a script, end an element, be evaluated, or turn what stands beside them around."""


def evidence_of(verdict: Verdict, texts: Sequence[str] = ()) -> EmbedEvidence:
    """Return evidence with all distributions, drawn from the rows of a verdict."""
    cosines, edges = Histogram(cosine_edges(verdict.threshold)), norm_edges(side.norms for side in verdict.sides)
    cosines.add(np.array([np.nan if row.cosine is None else row.cosine for row in verdict.rows]))
    norms, latencies = (Histogram(edges), Histogram(edges)), (Histogram(latency_edges()), Histogram(latency_edges()))
    for row in verdict.rows:
        for histogram, norm in zip(norms, (row.legacy_norm, row.candidate_norm), strict=True):
            histogram.add(np.array([np.nan if norm is None else norm]))
    latencies[0].add(np.geomspace(2.0, 90.0, 200))
    latencies[1].add(np.geomspace(1.0, 40.0, 200))
    return EmbedEvidence(
        cosines=cosines, norms=norms, latencies=latencies, texts={sample_id(text): text for text in texts}
    )


def hostile() -> Verdict:
    """Return a FAIL in which every foreign text is hostile: samples, model, server's words, labels, categories."""
    rows = [
        Row(
            text=text,
            category=text[:60] or "none",
            outcome=Outcome.MISMATCH,
            cosine=0.9 - at / 100,
            errors=(text[:400] or None, text[:400] or None),
        )
        for at, text in enumerate(HOSTILE)
    ]
    verdict = verdict_of(rows, model="</title><script>window.broken=1</script>\u202e")
    for side in Side:
        headers = {"server": HOSTILE[1], "via": HOSTILE[4]}
        verdict = with_provenance(verdict, side, label=HOSTILE[0], url=HOSTILE[5], server_headers=headers)
    return replace(verdict, reasons=tuple(HOSTILE[:7]), findings=tuple(HOSTILE[:7]))


def months(dates: int) -> list[AnyVerdict]:
    """Return verdicts of both probes on consecutive dates; the candidate changed on the tenth."""
    found: list[AnyVerdict] = []
    passing, _ = retrieval_verdicts.passing()
    for at in range(dates):
        day = (date(2026, 4, 1) + timedelta(days=at)).isoformat()
        verdict = two_causes() if at % 7 == 3 else measured_pass()
        verdict = replace(verdict, date=day, model="model-a", rows=())
        found.append(with_provenance(verdict, Side.CANDIDATE, server_headers={"server": f"go/{1 + (at >= 9)}"}))
        found.append(replace(passing, date=day, queries=()))
    return found


def write_pages(folder: Path) -> None:
    """Write all pages into a folder."""
    verdicts = {
        "pass": measured_pass(),
        "waived": waived_pass(),
        "fail": two_causes(),
        "mixed": mixed(),
        "inconclusive": unpaired(),
        "hostile": hostile(),
        "loosened": loosened_pass(),
        "not-run": not_run(),
    }
    for name, verdict in verdicts.items():
        # Each has a history of which much changed, and needs a settings file for its commands.
        history = VerdictHistory(superseded=recorded(replace(mixed(), date=verdict.date, model=verdict.model)))
        page = render_page(verdict, evidence_of(verdict, HOSTILE), history, config="my settings.yaml")
        (folder / f"{name}.html").write_text(page, "utf-8")
    verdict, queries = retrieval_verdicts.failing()
    overlaps, latencies = Histogram(share_edges(20)), Histogram(latency_edges())
    overlaps.add(np.linspace(0.0, 1.0, 60))
    latencies.add(np.geomspace(2.0, 90.0, 200))
    page = render_retrieval_page(
        verdict,
        queries,
        RetrievalPageEvidence(overlaps=overlaps, rank_biased=overlaps, latencies=(latencies, latencies)),
        requests=retrieval_records.REQUESTS,
        explained=retrieval_verdicts.EXPLAINED,
        history=VerdictHistory(earlier_date=recorded(replace(retrieval_verdicts.passing()[0], date="2026-04-01"))),
    )
    (folder / "retrieve.html").write_text(page, "utf-8")
    stale = {("embed", "2026-04-02", "model-a"): "the candidate changed on 2026-04-10"}
    (folder / "index.html").write_text(render_index(months(40), stale=stale), "utf-8")
