"""The page of all verdicts in a real browser."""

from playwright.sync_api import expect

from parity_pipeline_tests.browser.conftest import Open


def test_the_grid_has_a_cell_per_date_and_column(open_page: Open) -> None:
    """Each date and model has its newest verdict as a link, and a stale one says so in words."""
    page = open_page("index")
    grid = page.get_by_role("table", name="The newest verdict of each date, per model or corpus")
    row = grid.get_by_role("row", name="2026-04-02")
    expect(row.get_by_role("link")).to_have_text(["PASS", "PASS"])
    expect(row.get_by_text("stale")).to_be_visible()
    assert grid.get_by_text("stale").count() == 1
    assert grid.get_by_role("link").count() == 80
    assert row.get_by_role("link").first.get_attribute("href") == "../embed_parity_20260402_model-a.md"


def test_heads_stand_above_what_they_name(open_page: Open) -> None:
    """The text of each head of the grid begins where the text of its cells does."""
    page = open_page("index")
    starts = page.evaluate(
        "['thead tr', 'tbody tr:nth-child(2)'].map(row => [...document.querySelector('.grid ' + row).children].map(cell => {"
        " const text = document.createRange(); text.selectNodeContents(cell);"
        " return Math.min(...[...text.getClientRects()].map(one => one.left)); }))"
    )
    assert starts[0] == starts[1]


def test_the_trend_marks_the_date_of_a_change(open_page: Open) -> None:
    """A gateway that changed once has one rule in the trend and one row that says from what to what."""
    page = open_page("index")
    trend = page.get_by_role("figure", name="model-a")
    assert trend.locator(".series.change path").count() == 1
    trend.get_by_text("1 change of a gateway").click()
    expect(trend.get_by_role("row", name="2026-04-10")).to_contain_text("header server: go/1 → go/2")
    assert page.get_by_role("figure", name="staff").locator(".series.change path").count() == 0
