"""An alert in words, and hostile names in each of its forms."""

from html.parser import HTMLParser

import pytest

from parity_pipeline.core.alerts import News, NewsKind, Subject
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.report.alert_text import Address, alert_text, as_html, plain, slack, trial_text

HOSTILE = "<!channel> @here `*x*` <https://evil.test|ok> \n\u202e&amp; [a](http://b)"
LINK = Address(label="report", target="https://git.test/r/a%20b.md?x=1&y=2")


def news(kind: NewsKind, name: str = "m", probe: str = "embed", **more: object) -> News:
    """Return news about a model."""
    fields: dict[str, object] = {"date": "2026-05-03", "since": "2026-05-01", "decision": Decision.FAIL, **more}
    return News(kind=kind, subject=Subject(probe=probe, name=name), **fields)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (NewsKind.FAIL, "m fails on 2026-05-03. No date has passed since 2026-05-01."),
        (NewsKind.INCONCLUSIVE, "not enough evidence"),
        (NewsKind.RECOVERED, "passes again on 2026-05-03 after the problem that began on 2026-05-01."),
        (NewsKind.STALE, "has no verdict on 2026-05-03, which should have one by now; the last one is of 2026-05-01."),
        (NewsKind.RESUMED, "has verdicts again: FAIL on 2026-05-03"),
    ],
)
def test_what_where_since_when_and_what_to_do_are_said(kind: NewsKind, words: str) -> None:
    """Each kind of news says the four, and names the subject in its title."""
    text = alert_text(kind, [news(kind)], {})
    assert words in plain(text)
    assert "What to do: " in plain(text)
    assert "embed m, 2026-05-03" in text.title


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Decision.FAIL, "What to do: read the report"),
        (Decision.INCONCLUSIVE, "What to do: read the report"),
        (Decision.PASS, "What to do: nothing."),
        (Decision.PASS_WITH_WAIVERS, "What to do: nothing."),
    ],
)
def test_verdicts_that_came_again_and_do_not_pass_are_not_nothing(decision: Decision, words: str) -> None:
    """A date that fails is not reported as nothing to do."""
    assert words in plain(alert_text(NewsKind.RESUMED, [news(NewsKind.RESUMED, decision=decision)], {}))


def test_the_commands_are_those_of_the_probe() -> None:
    """A corpus is judged by the probe of retrieval, a lane through the adapter through the adapter."""
    shown = plain(alert_text(NewsKind.STALE, [news(NewsKind.STALE, probe="retrieve")], {}))
    assert "parity run --probe retrieve --date 2026-05-03 --corpus m" in shown
    behind = news(NewsKind.FAIL, probe="embed-through-adapter")
    assert plain(alert_text(NewsKind.FAIL, [behind], {})).endswith("--model m --through-adapter")


def test_several_are_one_message_and_a_crowd_is_counted() -> None:
    """The title counts, the text describes the first twenty and counts the rest."""
    items = [news(NewsKind.FAIL, f"m{number}") for number in range(23)]
    text = alert_text(NewsKind.FAIL, items, {})
    assert text.title == "Parity: FAIL, 23 models or corpora"
    assert len(text.items) == 20
    assert plain(text).endswith("3 more models or corpora.")


def test_hostile_names_do_nothing_in_slack_or_mattermost() -> None:
    """No mention, link or emphasis leaves the code that a name is shown in."""
    item = news(NewsKind.FAIL, HOSTILE, reason=HOSTILE, cause=HOSTILE)
    shown = slack(alert_text(NewsKind.FAIL, [item], {item.subject: [LINK]}))
    assert "<!channel>" not in shown
    assert "<https://evil" not in shown
    outside = "".join(shown.split("`")[::2])
    assert shown.count("`") % 2 == 0
    assert "@here" not in outside
    assert "evil" not in outside
    assert "*x*" not in outside
    assert "<https://git.test/r/a%20b.md?x=1&amp;y=2|report>" in outside


def test_hostile_names_are_text_in_a_mail() -> None:
    """Of a hostile name no tag and no address comes to be; the one link is ours."""

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags, self.links = set[str](), list[str | None]()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.add(tag)
            self.links += [value for name, value in attrs if name == "href"]

    item = news(NewsKind.FAIL, '<script>alert("x")</script><img src=x>' + HOSTILE, reason="</code><b>")
    seen = Tags()
    seen.feed(as_html(alert_text(NewsKind.FAIL, [item], {item.subject: [LINK]})))
    assert seen.tags == {"html", "body", "h2", "p", "br", "code", "a"}
    assert seen.links == [LINK.target]


def test_a_title_is_one_line_whatever_a_model_is_called() -> None:
    """It becomes the subject of a mail, in which a line break would begin a header."""
    title = alert_text(NewsKind.FAIL, [news(NewsKind.FAIL, "a\r\nBcc: x@evil.test\x00")], {}).title
    assert title.isprintable()
    assert "⟨U+000D⟩⟨U+000A⟩Bcc" in title


def test_nothing_in_an_address_ends_its_link() -> None:
    """A pipe or an angle of an address of the settings would begin the label, or end the link."""
    item = news(NewsKind.FAIL)
    link = Address(label="report", target="https://git.test/a|b>c<!channel>")
    shown = slack(alert_text(NewsKind.FAIL, [item], {item.subject: [link]}))
    assert shown.endswith("<https://git.test/a%7Cb%3Ec%3C!channel%3E|report>")


def test_a_path_is_shown_and_a_url_is_linked() -> None:
    """Without an address of the reports a message says where the file is."""
    item = news(NewsKind.FAIL)
    text = alert_text(NewsKind.FAIL, [item], {item.subject: [Address(label="report", target="/srv/a.md")]})
    assert "report: `/srv/a.md`" in slack(text)
    assert "<a " not in as_html(text)


def test_a_test_message_says_that_nothing_happened() -> None:
    """Nobody takes it for an alert."""
    assert "Nothing happened" in plain(trial_text("oncall"))
