"""Judge a pair of running peers by the whole chain: settings, query file, fetching, storing, comparing, verdict.

Here belong the settings that a person would write for two such gateways. Starting peers and printing belong to
`__main__`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.peers.dataset import CORPORA, MODEL, Metadata, PeerQuery
from bench.peers.pairs import Peer
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.definitions import build_context
from parity_pipeline.settings.loading import load
from parity_pipeline.steps.retrieval.run_retrieval import run_retrieval
from parity_pipeline.storage.rankings_files import RankingsFile

DAY: Final = "2026-05-01"
PARTITION: Final = "everyone"
"""The one partition; it searches both corpora."""


@dataclass(frozen=True, slots=True)
class RunningPeer:
    """A peer that can be requested: its name in the tables, how it was set up, and where it listens."""

    name: str
    peer: Peer
    port: int


def judge(
    pair: Sequence[RunningPeer], queries: Sequence[PeerQuery], folder: Path, model: str | None
) -> RetrievalVerdict:
    """Run the probe on a pair in a project folder of its own, and return the verdict.

    Args:
        pair: The legacy side and the candidate.
        queries: The query set.
        folder: An empty folder.
        model: The model of the controls with query vectors; None for none.
    """
    lines = [json.dumps(_line(query)) for query in queries]
    (folder / "queries.jsonl").write_text("\n".join(lines), "utf-8")
    (folder / "samples.txt").write_text("for the embed probe, which is not run\n", "utf-8")
    file = folder / "parity.yaml"
    file.write_text(json.dumps(_settings(pair, queries, model)), "utf-8")  # JSON is YAML
    run = build_context(load(file, {}), environ={})
    return run_retrieval(run, DAY, PARTITION, run_id=pair[1].name)


def lists(folder: Path, side: Side) -> list[Ranking]:
    """Return the lists of one side that a run in this folder stored, in the order of the queries."""
    layout = load(folder / "parity.yaml", {}).layout()
    return [one for block in RankingsFile(layout.rankings(side, DAY, PARTITION)).blocks() for one in block.rankings]


def _line(query: PeerQuery) -> dict[str, Any]:
    named = {"filter": _filter_name(query.filter)} if query.filter else {}
    return {
        "id": query.id,
        "text": query.text,
        "k": query.k,
        "category": query.category,
        "corpora": query.corpora,
        **named,
    }


def _filter_name(spelled: Metadata) -> str:
    return " ".join(map(str, spelled.values()))


def _settings(pair: Sequence[RunningPeer], queries: Sequence[PeerQuery], model: str | None) -> dict[str, Any]:
    filters = {_filter_name(one.filter): one.filter for one in queries if one.filter}
    sides = {
        side.value: {"label": one.name, "base_url": f"http://127.0.0.1:{one.port}", "dialect": "go", "concurrency": 2}
        for side, one in zip(Side, pair, strict=True)
    }
    retrieval_sides = {
        side.value: {"dialect": "go-matrix", "scores": {"reported": one.peer.reported.value}}
        for side, one in zip(Side, pair, strict=True)
    }
    return {
        "first_date": "2026-04-30",
        "models": [MODEL],
        "samples": [{"path": "samples.txt"}],
        "sides": sides,
        "retrieve": {
            "corpora": {PARTITION: list(CORPORA)},
            "queries": [{"path": "queries.jsonl"}],
            "hazards": False,
            "filters": {name: {side.value: spelled for side in Side} for name, spelled in filters.items()},
            "model": model,
            "metadata": ["category", "city", "year"],
            **retrieval_sides,
        },
    }
