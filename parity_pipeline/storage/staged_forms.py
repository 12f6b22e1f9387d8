"""How fetched rows look in a staging: one entry per piece, as JSON and an array of numbers.

Here belong the forms of both probes. The database that keeps them belongs to `staging`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.fetched_rows import FetchedRows, RowsT, SettledRows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.provenance import FetchedRankings
from parity_pipeline.core.retrieval.records import Ranking

_COLUMNS: Final = ("ids", "status", "http_status", "errors", "request_ids", "latency_ms")


class StagedForm(Protocol[RowsT]):
    """The form of one probe's pieces. Their JSON has `ids` and `status`, one value per row, whatever else it has."""

    def staged(self, piece: SettledRows[RowsT]) -> tuple[Mapping[str, Any], bytes]:
        """Return a piece as JSON values and the bytes of its numbers."""
        ...

    def piece(self, start: int, meta: Mapping[str, Any], numbers: bytes) -> SettledRows[RowsT]:
        """Return the piece from ordinal `start` on, equal to the one that was staged."""
        ...


class EmbeddingsForm:
    """The form of rows with vectors: the numbers are their float32 values, little-endian."""

    def staged(self, piece: SettledRows[FetchedRows]) -> tuple[Mapping[str, Any], bytes]:
        """Return a piece as JSON values and the bytes of its vectors."""
        rows = piece.rows
        meta = _columns(rows)
        meta |= {"offsets": rows.offsets.tolist(), "echo": piece.model_echo}
        return meta, np.ascontiguousarray(rows.values, "<f4").tobytes()

    def piece(self, start: int, meta: Mapping[str, Any], numbers: bytes) -> SettledRows[FetchedRows]:
        """Return the piece from ordinal `start` on."""
        columns: dict[str, Any] = {name: meta[name] for name in _COLUMNS}
        columns["status"] = [RowStatus(status) for status in columns["status"]]
        offsets, values = np.array(meta["offsets"], np.int32), np.frombuffer(numbers, "<f4")
        return SettledRows(FetchedRows(start, values=values, offsets=offsets, **columns), meta["echo"])


class RankingsForm:
    """The form of rows with rankings: the numbers are all their scores as float64, then all hashes as uint64."""

    def staged(self, piece: SettledRows[FetchedRankings]) -> tuple[Mapping[str, Any], bytes]:
        """Return a piece as JSON values and the bytes of its scores and hashes."""
        rows = piece.rows
        meta = _columns(rows)
        meta |= {
            "documents": [list(one.ids) for one in rows.rankings],
            "scored": [len(one.scores) for one in rows.rankings],
            "hashed": [len(one.metadata) for one in rows.rankings],
            "modes": [one.mode for one in rows.rankings],
            "refusals": [one.refusal for one in rows.rankings],
            "hit_corpora": [one.hit_corpora for one in rows.rankings],
        }
        scores = np.array([score for one in rows.rankings for score in one.scores], "<f8")
        hashes = np.array([value for one in rows.rankings for value in one.metadata], "<u8")
        return meta, scores.tobytes() + hashes.tobytes()

    def piece(self, start: int, meta: Mapping[str, Any], numbers: bytes) -> SettledRows[FetchedRankings]:
        """Return the piece from ordinal `start` on."""
        size = 8 * sum(meta["scored"])
        scores = _divided(np.frombuffer(numbers[:size], "<f8"), meta["scored"])
        hashes = _divided(np.frombuffer(numbers[size:], "<u8"), meta["hashed"])
        rankings = [
            Ranking(
                query_id=identity,
                status=RowStatus(status),
                ids=tuple(documents),
                scores=tuple(scored),
                mode=mode,
                metadata=tuple(hashed),
                refusal=refusal,
                hit_corpora=corpora,
            )
            for identity, status, documents, scored, mode, hashed, refusal, corpora in zip(
                meta["ids"],
                meta["status"],
                meta["documents"],
                scores,
                meta["modes"],
                hashes,
                meta["refusals"],
                meta["hit_corpora"],
                strict=True,
            )
        ]
        others: dict[str, Any] = {name: meta[name] for name in _COLUMNS[2:]}
        return SettledRows(FetchedRankings(start, rankings=rankings, **others))


def _columns(rows: FetchedRows | FetchedRankings) -> dict[str, Any]:
    return {name: list(getattr(rows, name)) for name in _COLUMNS}


def _divided(numbers: NDArray[Any], lengths: Sequence[int]) -> list[list[Any]]:
    """Return numbers as one list per row."""
    ends = np.cumsum(lengths, dtype=np.int64)
    return [part.tolist() for part in np.split(numbers, ends[:-1])]
