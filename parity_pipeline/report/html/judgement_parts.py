"""What the pages of both probes show of the judgement itself: what it means, looser rules, what changed, why none, and approval.

Here belongs how these parts stand on a page. Their words are those of the Markdown report, from `report.sections`.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from urllib.parse import quote

from markupsafe import Markup, escape

from parity_pipeline.core.outcomes import PASSING
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import AnyVerdict
from parity_pipeline.core.verdict_history import VerdictHistory
from parity_pipeline.report.escape import Sentence
from parity_pipeline.report.html.environment import Section, macros, shown
from parity_pipeline.report.html.markdown_html import inline, section_body
from parity_pipeline.report.sections.history import changes, loosened
from parity_pipeline.report.sections.plain_words import approval, in_plain_words
from parity_pipeline.report.sections.reproduce import CHECK_FOLDER
from parity_pipeline.report.shell import with_config

CHANGED: Final = "What changed"


Judged = TypeVar("Judged", Verdict, RetrievalVerdict)
WordsOf = Callable[[Judged], list[str]]
"""Gives a section of the Markdown report; no line where there is nothing to say."""


def taken_over(found: Sequence[tuple[str, str, WordsOf[Judged]]], verdict: Judged) -> list[Section]:
    """Return sections whose words are those of the Markdown report, of anchor, title, and what gives them.

    A page leaves out those that are empty. A title is the caption of the section's tables too.
    """
    return [
        Section(anchor=anchor, title=title, body=section_body(words(verdict), title)) for anchor, title, words in found
    ]


def in_words(verdict: AnyVerdict, history: VerdictHistory) -> list[Markup]:
    """Return what stands below the verdict: what it means, and where a rule is looser than its default or than it was."""
    return [escape(shown(in_plain_words(verdict))), *map(inline, loosened(verdict, history))]


def what_changed(verdict: AnyVerdict, history: VerdictHistory) -> Section:
    """Return the section on what came before and what changed since; without a body for a first verdict."""
    return Section(anchor="changes", title=CHANGED, body=section_body(changes(verdict, history), CHANGED))


def approved(verdict: AnyVerdict) -> Section:
    """Return the block that an approver signs; without a body where there is nothing to approve.

    It is printed with a pass alone: what failed is fixed before anyone signs for it, and its causes fill both pages.
    """
    body, passed = section_body(approval(verdict), "To sign"), verdict.decision in PASSING
    return Section(anchor="approval", title="Approval", body=body, printed=passed)


def not_run(failure: RunFailure, advice: tuple[Sentence, ...]) -> list[Section]:
    """Return why a date could not be run, and what that means for the flip."""
    parts = macros()
    return [
        Section(anchor="failure", title="Why it could not run", body=parts.failure(failure), printed=True),
        Section(anchor="flip", title="What may be flipped next", body=parts.advice(advice), printed=True),
    ]


def check_link(name: str, words: str) -> Markup:
    """Return a sentence that begins with a link from a page to the Python check beside its report."""
    return Markup('<p><a href="../{}/{}">{}</a> {}</p>').format(CHECK_FOLDER, quote(name), name, words)


def commands(found: tuple[str, ...], config: str) -> Markup:
    """Return commands to copy, one per line.

    Args:
        found: The commands.
        config: The settings file that they need; "" for the one that they find by themselves.
    """
    return macros().commands(tuple(with_config(one, config) for one in found))
