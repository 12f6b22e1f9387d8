"""The staging of rankings: what is put comes back whole, in this run and the next."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.fetched_rows import SettledRows
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.provenance import FetchedRankings
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline.storage.staged_forms import RankingsForm
from parity_pipeline.storage.staging import RankingsStaging, rankings_staging_folder, staging_folder


def rows_of(start: int, *rankings: Ranking) -> SettledRows[FetchedRankings]:
    """Return a piece of these rankings."""
    count = len(rankings)
    return SettledRows(
        FetchedRankings(
            start=start,
            rankings=list(rankings),
            http_status=[200] * count,
            errors=[None if one.status is RowStatus.OK else "kind: wörds" for one in rankings],
            request_ids=[f"id-{start}"] * count,
            latency_ms=[1.5] * count,
        )
    )


FULL = Ranking(
    query_id="q1",
    status=RowStatus.OK,
    ids=("a", "æ\n"),
    scores=(0.1, -2.5e-300),
    mode="hybrid",
    metadata=(2**64 - 1, 0),
)
EMPTY = Ranking(query_id="q2", status=RowStatus.OK)
REFUSED = Ranking(query_id="q3", status=RowStatus.REFUSED, refusal="400 {error, message}")
FAILED = Ranking(query_id="q4", status=RowStatus.FAILED)


def test_what_is_put_is_there_in_the_next_run(tmp_path: Path) -> None:
    """Lists with and without results, refusals and facts survive the run; what failed is requested again."""
    with RankingsStaging(tmp_path / "a") as staging:
        for start, ranking in enumerate((FULL, EMPTY, REFUSED, FAILED)):
            staging.put(rows_of(start, ranking))
            assert staging.take(start) == rows_of(start, ranking)
        staging.remember({"requests": 4})
    with RankingsStaging(tmp_path / "a") as staging:
        assert [staging.count_at(start) for start in range(5)] == [1, 1, 1, 0, 0]
        assert [staging.take(start) for start in range(3)] == [
            rows_of(start, ranking) for start, ranking in enumerate((FULL, EMPTY, REFUSED))
        ]
        assert staging.recall() == {"requests": 4}
        with pytest.raises(ArtifactError, match="missing"):
            staging.take(9)


numbers = st.floats(allow_nan=False)


@st.composite
def any_ranking(draw: st.DrawFn) -> Ranking:
    """Return a ranking with any ids, scores and hashes."""
    ids = draw(st.lists(st.text(), max_size=4))
    scores = draw(st.sampled_from((len(ids), 0)))
    hashes = draw(st.sampled_from((len(ids), 0)))
    return Ranking(
        query_id=draw(st.text(max_size=3)),
        status=RowStatus.OK,
        ids=tuple(ids),
        scores=tuple(draw(st.lists(numbers, min_size=scores, max_size=scores))),
        mode=draw(st.none() | st.text(max_size=3)),
        metadata=tuple(draw(st.lists(st.integers(0, 2**64 - 1), min_size=hashes, max_size=hashes))),
    )


@settings(max_examples=100, deadline=None)
@given(rankings=st.lists(any_ranking(), min_size=1, max_size=4))
def test_any_piece_comes_back_equal(rankings: list[Ranking]) -> None:
    """Whatever ids, scores and hashes a piece of several queries has, each keeps its own."""
    form, piece = RankingsForm(), rows_of(3, *rankings)
    assert form.piece(3, *form.staged(piece)) == piece


def test_a_score_that_is_not_a_number_stays_one() -> None:
    """A null score, held as NaN, is NaN again."""
    form = RankingsForm()
    ranking = Ranking(query_id="q", status=RowStatus.OK, ids=("a", "b"), scores=(math.nan, 0.5))
    found = form.piece(0, *form.staged(rows_of(0, ranking))).rows.rankings[0].scores
    assert math.isnan(found[0])
    assert found[1] == 0.5


def test_no_lane_of_rankings_shares_a_folder_with_an_embed_lane(tmp_path: Path) -> None:
    """A corpus that is named like a model, with the same hashes, has a folder of its own."""
    common = {"date": "2026-04-30", "settings_hash": "b" * 64}
    legacy = Side.LEGACY
    embed = staging_folder(tmp_path, side=legacy, model="staff", sample_set_hash="a" * 64, **common)
    rankings = rankings_staging_folder(tmp_path, side=legacy, corpus="staff", query_set_hash="a" * 64, **common)
    other = rankings_staging_folder(tmp_path, side=legacy, corpus="other", query_set_hash="a" * 64, **common)
    assert len({embed, rankings, other}) == 3
    assert embed not in (*rankings.parents, *other.parents)
