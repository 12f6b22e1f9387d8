"""Cut rankings that come in pieces of any size into blocks of the same number of queries.

Here belong parts and joins of blocks. Reading the pieces belongs to `rankings_files`. Parts share the arrays of the whole,
and its vocabulary, so that cutting copies nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import replace
from itertools import chain
from typing import TypeVar

import numpy as np

from parity_pipeline.core.retrieval.provenance import FetchedRankings
from parity_pipeline.core.retrieval.ranked_lists import RankedLists

Block = TypeVar("Block", bound=Sized)
_Value = TypeVar("_Value")


def cut_lists(pieces: Iterable[RankedLists], rows: int) -> Iterator[RankedLists]:
    """Yield the lists of all pieces in blocks of `rows` queries, 1 or more, the last block shorter.

    Raises:
        ValueError: `rows` is below 1.
    """
    return _cut(pieces, rows, part, joined)


def cut_fetched(pieces: Iterable[FetchedRankings], rows: int) -> Iterator[FetchedRankings]:
    """Yield the rankings of all pieces, which follow each other, in blocks of `rows` queries, the last block shorter.

    Raises:
        ValueError: `rows` is below 1.
    """
    return _cut(pieces, rows, _part_of_fetched, _joined_fetched)


def part(lists: RankedLists, start: int, stop: int) -> RankedLists:
    """Return the lists of queries `start` to `stop`, with the same vocabulary."""
    first, end = int(lists.offsets[start]), int(lists.offsets[stop])
    return RankedLists(
        query_ids=lists.query_ids[start:stop],
        statuses=lists.statuses[start:stop],
        offsets=lists.offsets[start : stop + 1] - first,
        documents=lists.documents[first:end],
        vocabulary=lists.vocabulary,
        reported=lists.reported[first:end],
        metadata=lists.metadata[first:end],
        modes=lists.modes[start:stop],
        refusals=lists.refusals[start:stop],
        hit_corpora=lists.hit_corpora[start:stop],
    )


def joined(parts: Sequence[RankedLists]) -> RankedLists:
    """Return lists one behind the other. Their vocabularies are too, and may share documents."""
    hits = np.cumsum([0, *(int(one.offsets[-1]) for one in parts)])
    words = np.cumsum([0, *(len(one.vocabulary) for one in parts)])
    moved = [one.offsets[1:] + before for one, before in zip(parts, hits.tolist(), strict=False)]
    documents = [one.documents.astype(np.int64) + before for one, before in zip(parts, words.tolist(), strict=False)]
    return RankedLists(
        query_ids=_chained([one.query_ids for one in parts]),
        statuses=_chained([one.statuses for one in parts]),
        offsets=np.concatenate([np.zeros(1, np.int64), *moved]),
        documents=np.concatenate(documents),
        vocabulary=_chained([one.vocabulary for one in parts]),
        reported=np.concatenate([one.reported for one in parts]),
        metadata=np.concatenate([one.metadata for one in parts]),
        modes=_chained([one.modes for one in parts]),
        refusals=_chained([one.refusals for one in parts]),
        hit_corpora=np.concatenate([one.hit_corpora for one in parts]),
    )


def _part_of_fetched(block: FetchedRankings, start: int, stop: int) -> FetchedRankings:
    return FetchedRankings(
        start=block.start + start,
        rankings=block.rankings[start:stop],
        http_status=block.http_status[start:stop],
        errors=block.errors[start:stop],
        request_ids=block.request_ids[start:stop],
        latency_ms=block.latency_ms[start:stop],
    )


def _joined_fetched(parts: Sequence[FetchedRankings]) -> FetchedRankings:
    return replace(
        parts[0],
        rankings=_chained([one.rankings for one in parts]),
        http_status=_chained([one.http_status for one in parts]),
        errors=_chained([one.errors for one in parts]),
        request_ids=_chained([one.request_ids for one in parts]),
        latency_ms=_chained([one.latency_ms for one in parts]),
    )


def _chained(parts: Sequence[Sequence[_Value]]) -> list[_Value]:
    return list(chain.from_iterable(parts))


def _cut(
    pieces: Iterable[Block],
    rows: int,
    cut: Callable[[Block, int, int], Block],
    join: Callable[[Sequence[Block]], Block],
) -> Iterator[Block]:
    if rows < 1:
        raise ValueError(f"a block has 1 query or more, not {rows}")
    held: list[Block] = []
    for piece in pieces:
        at = 0
        while len(piece) - at >= (wanted := rows - sum(map(len, held))):
            taken = cut(piece, at, at + wanted)
            yield join([*held, taken]) if held else taken
            held, at = [], at + wanted
        if at < len(piece):
            held.append(cut(piece, at, len(piece)))
    if held:
        yield join(held) if len(held) > 1 else held[0]
