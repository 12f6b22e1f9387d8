"""An alert in words: what happened, where, since when, what to do, and where to read on.

Here belong the words and their three forms: plain text, the markup of Slack and of servers that take its messages, and the
HTML of a mail. Every name, reason and command is foreign text: it is shown as code, in which no form starts a link, a
mention or a tag. What is news belongs to `core.alerts`, sending to the room `alerts`.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.alerts import News, NewsKind, Subject
from parity_pipeline.core.outcomes import PASSING
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER
from parity_pipeline.report.advice import backfill_command, run_command
from parity_pipeline.report.escape import Verbatim, clipped, visible
from parity_pipeline.report.numbers import things
from parity_pipeline.report.retrieval_advice import retrieval_backfill_command, retrieval_run_command

Part = str | Verbatim
Line = tuple[Part, ...]

_FOREIGN: Final = 300
"""Characters of one reason or name; a webhook refuses messages of tens of thousands."""
_SHOWN: Final = 20
"""Models or corpora of one message that are described; more are counted."""

_HEADLINES: Final[Mapping[NewsKind, str]] = {
    NewsKind.FAIL: "FAIL",
    NewsKind.FAIL_OF_PAST_DATES: "FAIL on past dates",
    NewsKind.INCONCLUSIVE: "INCONCLUSIVE",
    NewsKind.RECOVERED: "recovered",
    NewsKind.STALE: "no verdict",
    NewsKind.RESUMED: "verdicts again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a reader reads on.

    Attributes:
        label: What is there, such as `report`.
        target: A URL, or the path of a file.
    """

    label: str
    target: str

    @property
    def is_link(self) -> bool:
        """Return whether the target can be followed from a message."""
        return self.target.startswith(("https://", "http://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One item of an alert.

    Attributes:
        lines: What is known of it.
        addresses: Where to read on.
    """

    lines: tuple[Line, ...]
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertText:
    """One alert in words.

    Attributes:
        title: One line of plain text without control characters.
        items: What it is about, one after the other.
        more: How many items are not described; "" for none.
    """

    title: str
    items: tuple[Described, ...]
    more: str = ""


def alert_text(kind: NewsKind, items: Sequence[News], addresses: Mapping[Subject, Sequence[Address]]) -> AlertText:
    """Return the words of one alert.

    Args:
        kind: What happened to all of them.
        items: What it happened to, at least one.
        addresses: Where to read on about each.
    """
    shown = [_described(one, addresses.get(one.subject, ())) for one in items[:_SHOWN]]
    rest = len(items) - len(shown)
    return AlertText(
        title=_title(kind, items),
        items=tuple(shown),
        more=f"{things(rest, 'more model or corpus', 'more models or corpora')}." if rest else "",
    )


def trial_text(channel: str) -> AlertText:
    """Return the words of the message by which a channel is tried."""
    lines: tuple[Line, ...] = (
        ("This is a test of the alert channel ", Verbatim(channel), "."),
        ("Nothing happened. Alerts arrive in this form, once per change of a verdict.",),
    )
    return AlertText(title="Parity: test message", items=(Described(lines=lines, addresses=()),))


def _title(kind: NewsKind, items: Sequence[News]) -> str:
    if len(items) == 1:
        about = f"{_about(items[0].subject)}, {items[0].date}"
    else:
        about = things(len(items), "model or corpus", "models or corpora")
    return f"Parity: {_HEADLINES[kind]}, {visible(clipped(about, _FOREIGN))}"


def _about(subject: Subject) -> str:
    return f"{subject.probe} {subject.name}"


def _described(one: News, addresses: Sequence[Address]) -> Described:
    what: Line = (Verbatim(_about(one.subject)), *_WORDS[one.kind](one))
    lines: list[Line] = [what]
    if one.reason and one.kind not in (NewsKind.RECOVERED, NewsKind.RESUMED):
        lines.append(("Why: ", Verbatim(one.reason)))
    if one.cause and one.kind in (NewsKind.FAIL, NewsKind.FAIL_OF_PAST_DATES):
        lines.append(("First cause: ", Verbatim(one.cause)))
    return Described(lines=(*lines, ("What to do: ", *_to_do(one))), addresses=tuple(addresses))


def _failing(one: News) -> Line:
    return (f" fails on {one.date}.", *_since(one))


def _undecided(one: News) -> Line:
    return (f" has no clear verdict on {one.date}: not enough evidence.", *_since(one))


def _since(one: News) -> Line:
    return (f" No date has passed since {one.since}.",) if one.since and one.since != one.date else ()


def _past(one: News) -> Line:
    days = ", ".join(one.dates[:_SHOWN])
    more = f" and {len(one.dates) - _SHOWN} more" if len(one.dates) > _SHOWN else ""
    return (f" fails on {things(len(one.dates), 'past date')}: {days}{more}. The latest date does not fail.",)


def _recovered(one: News) -> Line:
    began = f" after the problem that began on {one.since}" if one.since else ""
    return (f" passes again on {one.date}{began}.",)


def _missing(one: News) -> Line:
    last = f"the last one is of {one.since}" if one.since else "it never had one"
    return (f" has no verdict on {one.date}, which should have one by now; {last}.",)


def _resumed(one: News) -> Line:
    decision = one.decision.value if one.decision else "none"
    return (f" has verdicts again: {decision} on {one.date}. They were missing from {one.since} on.",)


_WORDS: Final = {
    NewsKind.FAIL: _failing,
    NewsKind.FAIL_OF_PAST_DATES: _past,
    NewsKind.INCONCLUSIVE: _undecided,
    NewsKind.RECOVERED: _recovered,
    NewsKind.STALE: _missing,
    NewsKind.RESUMED: _resumed,
}


def _to_do(one: News) -> Line:
    if one.kind is NewsKind.FAIL:
        return (
            "keep its traffic on the legacy side and read the report. When the candidate is fixed: ",
            Verbatim(_fetch_again(one)),
        )
    if one.kind is NewsKind.FAIL_OF_PAST_DATES:
        return ("read the reports of these dates. If traffic was moved because they passed, move it back.",)
    if one.kind is NewsKind.INCONCLUSIVE:
        return ("read the reasons in the report, fix them, and run it again: ", Verbatim(_run_again(one)))
    if one.kind is NewsKind.STALE:
        return (
            "see whether the Dagster daemon runs and the schedule is on (Automation), then judge the date: ",
            Verbatim(_run_again(one)),
        )
    if one.kind is NewsKind.RESUMED and one.decision not in PASSING:
        return ("read the report: this date does not pass, as the one before.",)
    return ("nothing. The report says how much the verdict proves.",)


def _run_again(one: News) -> str:
    if one.subject.probe == "retrieve":
        return retrieval_run_command(one.date, one.subject.name)
    return run_command(one.date, one.subject.name) + _way(one)


def _fetch_again(one: News) -> str:
    if one.subject.probe == "retrieve":
        return retrieval_backfill_command(one.date, one.subject.name)
    return backfill_command(one.date, one.subject.name) + _way(one)


def _way(one: News) -> str:
    return " --through-adapter" if one.subject.probe == EMBED_THROUGH_ADAPTER else ""


def plain(text: AlertText) -> str:
    """Return an alert as plain text, its title left out."""
    return _joined(text, _plain_line, lambda one: f"{one.label}: {visible(one.target)}")


def _plain_line(line: Line) -> str:
    return "".join(part if isinstance(part, str) else _foreign(part) for part in line)


def _foreign(part: Verbatim) -> str:
    return visible(clipped(part.text, _FOREIGN))


def slack(text: AlertText) -> str:
    r"""Return an alert in the markup of Slack, title included.

    `&`, `<` and `>` are entities, so that `<!channel>` notifies nobody; foreign text is code, in which Slack and Mattermost
    know neither `@here` nor links nor emphasis, and holds no backtick that would end it.

    >>> slack(trial_text("<!channel> `x` @here")).splitlines()[1]
    "This is a test of the alert channel `&lt;!channel&gt; 'x' @here`."
    """
    body = _joined(text, _slack_line, _slack_address)
    return f"*{_slack_line((Verbatim(text.title),))}*\n{body}"


def _slack_line(line: Line) -> str:
    return "".join(_entities(part) if isinstance(part, str) else _slack_code(part) for part in line)


def _slack_code(part: Verbatim) -> str:
    return f"`{_entities(_foreign(part).replace('`', chr(39)))}`"


def _entities(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _slack_address(one: Address) -> str:
    if one.is_link:
        # A pipe or an angle would end the link.
        target = one.target.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E").replace("&", "&amp;")
        return f"<{target}|{one.label}>"
    return f"{one.label}: {_slack_code(Verbatim(one.target))}"


def as_html(text: AlertText) -> str:
    """Return an alert as the HTML of a mail: no script, no style sheet, no image, nothing that is loaded."""
    paragraphs = [f"<h2>{_html(text.title)}</h2>"]
    for item in text.items:
        lines = ["".join(_html_part(part) for part in line) for line in item.lines]
        paragraphs.append(f"<p>{'<br>'.join([*lines, *map(_html_address, item.addresses)])}</p>")
    if text.more:
        paragraphs.append(f"<p>{_html(text.more)}</p>")
    return f'<!doctype html><html lang="en"><body>{"".join(paragraphs)}</body></html>'


def _html_part(part: Part) -> str:
    return _html(part) if isinstance(part, str) else f"<code>{_html(_foreign(part))}</code>"


def _html_address(one: Address) -> str:
    shown = _html(visible(one.target))
    return (
        f'{_html(one.label)}: <a href="{_html(one.target)}">{shown}</a>'
        if one.is_link
        else f"{_html(one.label)}: {shown}"
    )


def _html(words: str) -> str:
    return html.escape(words, quote=True)


def _joined(text: AlertText, line_of: Callable[[Line], str], address_of: Callable[[Address], str]) -> str:
    items = ["\n".join([*map(line_of, item.lines), *map(address_of, item.addresses)]) for item in text.items]
    return "\n\n".join([*items, *([text.more] if text.more else [])])
