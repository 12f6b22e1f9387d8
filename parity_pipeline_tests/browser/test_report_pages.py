"""The pages of reports in a real browser."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from parity_pipeline_tests.browser.conftest import Open

PAGES = ("pass", "waived", "fail", "mixed", "inconclusive", "hostile", "loosened", "not-run", "retrieve", "index")
FURTHER = ".cards > li:nth-child(n+4), tbody:nth-of-type(n+2), tbody tr:nth-child(n+6)"
"""What only repeats what stands above it: axe takes seconds for a long page."""
OPENED = "document.querySelectorAll('details').forEach(one => one.open = true)"


@pytest.mark.parametrize(
    ("name", "decision"),
    [
        ("pass", "PASS"),
        ("waived", "PASS WITH WAIVERS"),
        ("fail", "FAIL"),
        ("inconclusive", "INCONCLUSIVE"),
        ("retrieve", "FAIL"),
    ],
)
def test_the_verdict_is_seen_without_scrolling(open_page: Open, name: str, decision: str) -> None:
    """The decision is on the first screen of a laptop and of a phone, in words and with a sign of its own shape."""
    for width in (1280, 360):
        page = open_page(name, width=width)
        found = page.get_by_role("region", name="Verdict").get_by_text(decision, exact=True)
        expect(found).to_be_in_viewport(ratio=1)
        assert page.title().startswith(decision)
    assert page.locator(".decision .sign").count() == 1


def test_a_failing_report_leads_from_cause_to_sample_to_character(open_page: Open) -> None:
    """A cause links to its samples, and an opened sample shows its text with the code points of what is easy to miss."""
    page = open_page("fail")
    expect(page.get_by_role("heading", name=re.compile("rows permuted"))).to_be_visible()
    page.get_by_role("link", name="#1", exact=True).first.click()
    assert page.url.endswith("#sample-1")
    page = open_page("hostile")
    sample = page.locator("#sample-7")
    sample.locator("summary").click()
    expect(sample.get_by_text("COMBINING ACUTE ACCENT")).to_be_visible()
    expect(sample.get_by_text("U+200D").first).to_be_visible()
    expect(sample.get_by_text("not in Unicode form NFC")).to_be_visible()


def test_every_section_has_content_or_says_that_nothing_was_measured(open_page: Open) -> None:
    """No section is a heading over an empty space, whatever was measured."""
    for name in ("pass", "inconclusive", "retrieve"):
        page = open_page(name)
        empty = page.evaluate(
            "[...document.querySelectorAll('main > section')].filter(one => one.innerText.trim().split('\\n').length < 2"
            " && !one.querySelector('svg, table, pre')).map(one => one.id)"
        )
        assert empty == []
    assert page.locator("svg.chart").count() == 3
    expect(open_page("inconclusive").locator("#cosine").get_by_text("No cosine was measured.")).to_be_visible()


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_scrolls_in_one_direction(open_page: Open, name: str) -> None:
    """At 360 pixels no page is wider than the screen, with everything opened; tables and charts scroll in themselves."""
    page = open_page(name, width=360)
    page.evaluate(OPENED)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    unreachable = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(one => one.scrollWidth > one.clientWidth + 1"
        " && ['auto', 'scroll'].includes(getComputedStyle(one).overflowX) && one.tabIndex < 0).length"
    )
    assert unreachable == 0


@pytest.mark.parametrize(
    ("name", "dark"),
    [*((name, False) for name in PAGES if name != "mixed"), ("fail", True), ("waived", True), ("index", True)],
    ids=str,
)
def test_axe_finds_nothing_serious(open_page: Open, name: str, *, dark: bool) -> None:
    """Contrast, names, headings, tables and landmarks hold in both colour schemes, with each kind of part opened."""
    page = open_page(name, dark=dark)
    page.evaluate(f"document.querySelectorAll('{FURTHER}').forEach(one => one.remove()); {OPENED}")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [
        (one["id"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []


def test_dark_mode_follows_the_system(open_page: Open) -> None:
    """The page is dark where the system is, charts included."""
    backgrounds, axes = zip(
        *(
            (
                page.evaluate("getComputedStyle(document.body).backgroundColor"),
                page.evaluate("getComputedStyle(document.querySelector('.chart text')).fill"),
            )
            for page in (open_page("pass"), open_page("pass", dark=True))
        ),
        strict=True,
    )
    light, dark = (sum(map(int, re.findall(r"\d+", one)[:3])) for one in backgrounds)
    assert light > 600
    assert dark < 150
    assert axes[0] != axes[1]


def test_everything_is_reached_by_keyboard(open_page: Open) -> None:
    """The first Tab offers to skip to the content, and a sample opens with Enter."""
    page = open_page("fail")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    sample = page.locator("details.sample").first
    sample.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(sample.locator(".text")).to_be_visible()


def test_no_text_breaks_out(open_page: Open) -> None:
    """Hostile texts, names and messages run nothing, add no element, and turn no line around."""
    page = open_page("hostile")
    page.evaluate(OPENED)
    assert page.evaluate("window.broken") is None
    assert page.locator("script, img, iframe, object, form, base").count() == 0
    assert page.locator("h1").count() == 1
    assert page.get_by_text("{{7*7}}").count() > 0
    shown = page.inner_text("body")
    assert "⟨U+202E⟩" in shown
    assert not set("\u202e\u202c\u2066\u2069\u200b\ufeff\x00\x1b") & set(shown)
    hrefs = page.evaluate("[...document.querySelectorAll('a')].map(one => one.getAttribute('href'))")
    assert all(re.match(r"#|index\.html$|\.\./embed_parity_", href) for href in hrefs)


@pytest.mark.parametrize("name", ["fail", "mixed", "pass", "waived", "retrieve", "inconclusive", "loosened"])
def test_a_report_prints_to_two_pages(open_page: Open, name: str) -> None:
    """Printed, a report is verdict, decision, causes and the worst ten, and of a pass the approval; all else is on screen."""
    page = open_page(name)
    printed = page.pdf(prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2
    page.emulate_media(media="print")
    expect(page.get_by_role("region", name="Verdict")).to_be_visible()
    assert not page.locator("#provenance").is_visible()
    assert page.locator("#approval").is_visible() is (name in {"pass", "waived", "loosened"})
