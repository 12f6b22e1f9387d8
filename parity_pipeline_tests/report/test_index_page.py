"""The index: a grid of all verdicts, trends, changes of gateways, stale marks."""

from dataclasses import replace

import pytest

from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_states import GatewayStates, LaneStates, alternating
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER
from parity_pipeline.report.html.gateway_changes import gateway_changes, identity_of, state_of
from parity_pipeline.report.html.index_grid import Column, columns_of, months_of
from parity_pipeline.report.html.index_page import render_index
from parity_pipeline.report.html.trends import nines, recorded_identities, trend_of
from parity_pipeline_tests.browser.pages import HOSTILE, months
from parity_pipeline_tests.core.fingerprints import LANE, fingerprint, seen
from parity_pipeline_tests.report import retrieval_verdicts
from parity_pipeline_tests.report.html_tree import tree_of
from parity_pipeline_tests.report.measured import measured_pass, two_causes
from parity_pipeline_tests.report.verdicts import provenance, unpaired, with_provenance


def test_a_cell_per_date_and_column() -> None:
    """Columns are embeddings, the adapter, retrieval; a date without a verdict has an empty cell; newest month first."""
    retrieved, _ = retrieval_verdicts.passing()
    verdicts = [
        replace(measured_pass(), date="2026-04-30", model="b"),
        replace(two_causes(), date="2026-05-01", model="a"),
        replace(measured_pass(), date="2026-05-01", model="a", endpoint=EMBED_THROUGH_ADAPTER),
        replace(retrieved, date="2026-05-01"),
    ]
    columns = columns_of(verdicts)
    assert columns == [
        Column("embed", "a"),
        Column("embed", "b"),
        Column("embed-through-adapter", "a"),
        Column("retrieve", "staff"),
    ]
    grid = months_of(verdicts, columns, stale={}, pages=())
    assert [month.name for month in grid] == ["May 2026", "April 2026"]
    cells = dict(grid[0].dates)["2026-05-01"]
    assert [cell and cell.decision for cell in cells] == ["FAIL", None, "PASS", "PASS"]
    assert cells[0] is not None
    assert (cells[0].state, cells[0].figure) == ("fail", "0.410000")


def test_a_cell_links_to_its_page_or_to_its_markdown() -> None:
    """A page that is there is linked, another verdict leads to its Markdown; percent signs of names are kept."""
    verdict = replace(measured_pass(), model="org/m")
    columns = columns_of([verdict])
    page = "embed_parity_20260430_org%2Fm.html"
    for pages, link in (({page}, page.replace("%", "%25")), (set[str](), "../embed_parity_20260430_org%252Fm.md")):
        cell = months_of([verdict], columns, stale={}, pages=pages)[0].dates[0][1][0]
        assert cell is not None
        assert cell.link == link


def test_recorded_states_mark_changes_that_no_header_shows() -> None:
    """The first date of another recorded state has a mark, with what is known of both; a recording and an unknown state none."""
    states, one = seen(LaneStates(), fingerprint(version="1"), 0)
    states, two = seen(states, fingerprint(2, version="2"), 10)
    old, new = (Fingerprint(state=held.fingerprint.state) for held in (one, two))
    every = GatewayStates(lanes={("embed", Side.CANDIDATE, "model-a"): states})

    def marked(*fingerprints: Fingerprint, **last: str) -> list[tuple[str, str, str]]:
        verdicts = [
            with_provenance(
                replace(measured_pass(), date=f"2026-05-0{at}", model="model-a"), Side.CANDIDATE, fingerprint=found
            )
            for at, found in enumerate(fingerprints, start=1)
        ]
        verdicts[-1] = with_provenance(verdicts[-1], Side.CANDIDATE, **last)
        [identities] = recorded_identities(verdicts, every).values()
        return list(trend_of(verdicts, identities).changes)

    [(day, side, words)] = marked(old, old, new)
    assert (day, side) == ("2026-05-03", "candidate")
    assert "version: 1 → 2" in words
    assert f"recorded state: {old.state}, first seen 2026-11-20T10:00" in words
    assert marked(old, old) == marked(old, Fingerprint(state="elsewhere")) == marked(old, Fingerprint()) == []
    assert marked(old, new, recorded="2026-05-01") == []
    assert len(marked(old, new, old)) == 2


def test_states_that_alternate_are_one() -> None:
    """Several gateways behind one address, each date of another one of them, do not count as a change."""
    states, one = seen(LaneStates(), fingerprint(version="1"), 0)
    states, two = seen(states, fingerprint(2, version="2"), 10)
    both = [one.fingerprint.state, two.fingerprint.state]
    line = alternating(LANE, both, seen_at="2026-11-20T10:30:00+00:00", seen_by="sensor", words=("in turn",))
    states = GatewayStates.of([*states.records, line]).of_lane(*LANE)
    first, second = (state_of(provenance(Side.CANDIDATE, fingerprint=Fingerprint(state=one)), states) for one in both)
    assert first == second != {}


def test_stale_verdicts_are_marked_with_their_reason() -> None:
    """A stale cell says so, the head counts them, and a stale key without a verdict counts for nothing."""
    verdicts = months(3)
    stale = {("embed", "2026-04-03", "model-a"): "the candidate changed", ("embed", "1999-01-01", "x"): "gone"}
    found = tree_of(render_index(verdicts, stale=stale))
    assert "1 verdict stale" in found.text
    assert "The candidate changed." in found.sections["latest"]
    assert found.values("title") == ["the candidate changed"]
    assert "stale" not in tree_of(render_index(verdicts)).text


def test_no_verdict_is_said() -> None:
    """An empty ledger gives a page that says that nothing is known."""
    found = tree_of(render_index([]))
    assert "No verdict has been stored yet" in found.text
    assert "table" not in found.names()


def test_hostile_names_stay_names() -> None:
    """Names of models and what gateways send close no element of the index."""
    verdicts = [replace(measured_pass(), model=text) for text in HOSTILE if text]
    changed = with_provenance(
        replace(verdicts[0], date="2026-05-01"), Side.LEGACY, server_headers={"server": HOSTILE[0]}
    )
    page = render_index([*verdicts, changed], stale={("embed", "2026-05-01", HOSTILE[0]): HOSTILE[1]})
    found = tree_of(page)
    assert found.unbalanced == []
    assert not found.names() & {"script", "img"}
    assert not set("\u202e\u2066\u200b\x00\x1b\ud800") & set(page)


@pytest.mark.parametrize(
    ("cosine", "expected"), [(1.0, 8), (0.999, 3.0), (0.9, 1.0), (0.0, 0.0), (-1.0, 0.0), (1 - 1e-15, 8), (None, None)]
)
def test_the_scale_of_trends(cosine: float | None, expected: float | None) -> None:
    """Nines from 0 to 8; below 0 is 0, and nothing measured stays nothing."""
    assert nines(cosine) == expected


def test_a_trend_without_changes_has_no_mark() -> None:
    """Gateways that stay the same leave no rule, and a date without a measured cosine is a gap."""
    verdicts = [replace(measured_pass(), date=f"2026-05-0{day}") for day in (1, 2, 3)]
    found = trend_of([*verdicts, replace(unpaired(), date="2026-05-04")])
    assert found.changes == ()
    assert "change" not in found.svg
    assert "no dates on which a gateway changed" in found.words


def test_identities_may_come_from_elsewhere() -> None:
    """Fingerprints that are handed in take the place of what the lanes recorded."""
    verdicts = [replace(measured_pass(), date=f"2026-05-0{day}") for day in (1, 2)]
    dates = [("2026-05-01", {"fingerprint": "a"}), ("2026-05-02", {"fingerprint": "b"})]
    found = trend_of(verdicts, {Side.LEGACY: dates})
    assert found.changes == (("2026-05-02", "legacy", "fingerprint: a → b (before: 2026-05-01)"),)


def test_a_change_is_between_the_dates_that_recorded_the_part() -> None:
    """Only a part that both dates have can change: one that a lane did not record does not count, and none is lost."""
    first, none, last = {"server": "a", "URL": "x"}, {"URL": "x"}, {"server": "b", "URL": "x"}
    found = gateway_changes([("2026-05-03", last), ("2026-05-01", first), ("2026-05-02", none)])
    assert [(one.date, one.before, one.parts) for one in found] == [
        ("2026-05-03", "2026-05-01", (("server", "a", "b"),)),
    ]
    assert gateway_changes([("2026-05-01", first), ("2026-05-02", first)]) == []
    assert gateway_changes([]) == []


def test_a_change_and_back_are_two() -> None:
    """A gateway that is rolled back changes twice."""
    dates = [(f"2026-05-0{day}", {"server": name}) for day, name in enumerate("aba", 1)]
    assert [one.date for one in gateway_changes(dates)] == ["2026-05-02", "2026-05-03"]


def test_the_identity_of_a_lane_is_what_it_recorded() -> None:
    """Address, dialect, headers and the model named belong to it; how many rows or requests there were does not."""
    lane = provenance(Side.LEGACY)
    found = identity_of(lane)
    assert found == {
        "URL": "http://127.0.0.1:3100",
        "dialect": "rust",
        "header server": "axum",
        "model in the responses": "nomic-embed-text-v2-moe",
    }
    assert identity_of(replace(lane, models_echoed={"nomic-embed-text-v2-moe": 3}, requests=99)) == found
    assert "model in the responses" not in identity_of(replace(lane, models_echoed={"": 5}))
