"""What version 1 of the retrieve probe's files looks like: how the stored sample is made, and what it holds.

Here belong writing the sample and reading it back. `data/retrieval_version_1/README.md` says when it may be made again.
`python -m parity_pipeline_tests.storage.retrieval_version_1` makes it.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.records import Query, Ranking, Reported
from parity_pipeline.storage import ledger
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.rankings_files import RankingsFile
from parity_pipeline.storage.retrieval_evidence import (
    RetrievalEvidence,
    read_retrieval_evidence,
    read_retrieval_verdict,
    write_retrieval_evidence,
    write_retrieval_verdict,
)
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile
from parity_pipeline_tests.storage.records import DATE, make_verdict
from parity_pipeline_tests.storage.retrieval_records import (
    CORPUS,
    fetched,
    make_cause,
    make_compared,
    make_confirmation,
    make_parity_header,
    make_queries,
    make_ranking,
    make_relevance,
    make_retrieval_verdict,
    store_parity,
    store_queries,
    store_rankings,
)

Facts = dict[str, Any]

FOLDER: Final = Path(__file__).parents[1] / "data" / "retrieval_version_1"
QUERIES: Final = 40
WHEN: Final = "2026-04-30T01:02:03Z"


def layout(folder: Path = FOLDER) -> Layout:
    """Return where the files of the sample lie."""
    return Layout(folder, folder)


def write(folder: Path = FOLDER) -> None:
    """Write one file of each kind, with whatever is hard to store in them, and the facts."""
    place = layout(folder)
    hostile = Query(id="x\n'\"", text="half \ud800 pair", k=3, filter="a = 'b'", corpora=(CORPUS, "é"), category="odd")
    store_queries(place.queries(DATE, CORPUS), [*make_queries(QUERIES - 1), hostile])
    for side in Side:
        last = Ranking(query_id=hostile.id, status=RowStatus.OK, ids=("é", "\n", ""), scores=(0.0, -0.0, 1e-300))
        block = fetched([*(make_ranking(ordinal, side) for ordinal in range(QUERIES - 1)), last])
        reported = Reported.SCORE if side is Side.LEGACY else Reported.COSINE_DISTANCE
        store_rankings(place.rankings(side, DATE, CORPUS), [block], side=side, reported=reported, group_queries=16)
    header = make_parity_header()
    store_parity(place.retrieval_parity(DATE, CORPUS), [make_compared(QUERIES)], header)
    evidence = RetrievalEvidence(
        confirmation=make_confirmation(), causes=(make_cause(),), relevance=(make_relevance(),)
    )
    write_retrieval_evidence(place.retrieval_evidence(DATE, CORPUS), evidence, header)
    verdict = make_retrieval_verdict()
    write_retrieval_verdict(place.retrieval_verdict(DATE, CORPUS), verdict)
    place.ledger.unlink(missing_ok=True)
    ledger.append(place.ledger, make_verdict(), recorded_at=WHEN, run_id="embed")
    ledger.append(place.ledger, verdict, recorded_at=WHEN, run_id="retrieve")
    place.ledger.with_name(".ledger.lock").unlink(missing_ok=True)
    (folder / "facts.json").write_text(json.dumps(raw_facts(folder), indent=1, sort_keys=True) + "\n")


def raw_facts(folder: Path = FOLDER) -> Facts:
    """Return what matters of each file, read with `json` and `pyarrow` alone."""
    place = layout(folder)
    lists = {side.value: _rows(place.rankings(side, DATE, CORPUS)) for side in Side}
    queries = _rows(place.queries(DATE, CORPUS))
    parity = _rows(place.retrieval_parity(DATE, CORPUS))
    verdict = json.loads(place.retrieval_verdict(DATE, CORPUS).read_text())
    return {
        "queries": _digest(f"{one['id']}|{one['text_surrogatepass'] or one['text'].encode()}" for one in queries),
        "rankings": {
            side: _digest(
                f"{row['query_id']}|{row['rank']}|{row['document_id']}|{score.hex()}|{row['metadata_hash']}"
                for row in rows
                if (score := row["score"] if row["distance"] is None else row["distance"]) is not None
            )
            for side, rows in lists.items()
        },
        "statuses": {
            side: dict(Counter(row["status"] for row in rows if row["rank"] in {None, 1}))
            for side, rows in lists.items()
        },
        "parity": _digest(f"{row['query_id']}|{row['outcome']}|{_hex(row['rbo'])}" for row in parity),
        "evidence": json.loads(place.retrieval_evidence(DATE, CORPUS).read_text())["evidence"]["causes"][0]["name"],
        "verdict": [verdict[name] for name in ("date", "corpus", "decision", "reasons")],
        "ledger": [
            [line["run_id"], line["verdict"]["endpoint"], line["verdict"]["decision"]]
            for line in map(json.loads, place.ledger.read_text().splitlines())
        ],
    }


def facts(folder: Path = FOLDER) -> Facts:
    """Return the same of the files as the product reads them."""
    place = layout(folder)
    queries = QuerySetFile(place.queries(DATE, CORPUS)).blocks()
    files = {side.value: RankingsFile(place.rankings(side, DATE, CORPUS)) for side in Side}
    lists = {side: [one for block in file.blocks() for one in block.rankings] for side, file in files.items()}
    parity = RetrievalParityFile(place.retrieval_parity(DATE, CORPUS))
    evidence = read_retrieval_evidence(place.retrieval_evidence(DATE, CORPUS), parity.header)
    verdict = read_retrieval_verdict(place.retrieval_verdict(DATE, CORPUS))
    return {
        "queries": _digest(
            f"{one.id}|{one.text.encode('utf-8', 'surrogatepass')}" for block in queries for one in block.queries
        ),
        "rankings": {
            side: _digest(
                f"{one.query_id}|{rank}|{identity}|{score.hex()}|{one.metadata[rank - 1] if one.metadata else 0}"
                for one in rankings
                for rank, (identity, score) in enumerate(zip(one.ids, one.scores, strict=True), start=1)
            )
            for side, rankings in lists.items()
        },
        "statuses": {side: dict(Counter(one.status.value for one in rankings)) for side, rankings in lists.items()},
        "parity": _digest(
            f"{identity}|{outcome}|{rbo.hex()}"
            for rows in parity.blocks()
            for identity, outcome, rbo in zip(rows.queries.ids, rows.outcomes, rows.measures.rbo.tolist(), strict=True)
        ),
        "evidence": None if evidence is None else evidence.causes[0].name,
        "verdict": [verdict.date, verdict.corpus, verdict.decision, list(verdict.reasons)],
        "ledger": [
            [entry.run_id, entry.verdict.endpoint, entry.verdict.decision] for entry in ledger.entries(place.ledger)
        ],
    }


def _hex(value: float | None) -> str:
    """Return a number bit for bit; null as the NaN that a reader makes of it."""
    return (math.nan if value is None else value).hex()


def _rows(path: Path) -> list[Facts]:
    with pq.ParquetFile(path) as file:
        return file.read().to_pylist()


def _digest(lines: Iterable[str]) -> list[Any]:
    held = list(lines)
    return [len(held), hashlib.sha256("\0".join(held).encode()).hexdigest()]


if __name__ == "__main__":
    write()
