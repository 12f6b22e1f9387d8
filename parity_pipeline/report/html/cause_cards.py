"""The causes of a page, each with its evidence and links to the samples that it explains.

Here belongs their layout for embeddings. Finding causes belongs to `core.diagnosis`, the same facts as Markdown to
`report.sections.diagnosis`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from parity_pipeline.core.diagnosis.records import Cause, Evidence
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.html.environment import capitalised, macros
from parity_pipeline.report.html.markdown_html import section_body
from parity_pipeline.report.html.sample_cards import Links, linked
from parity_pipeline.report.sections.diagnosis import documented, why

_NAMED: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCard:
    """One cause.

    Attributes:
        name: What it is called.
        confidence: How sure it is: proven, likely or possible.
        facts: The side at fault, how many samples, and the documented failure modes.
        words: What was found, a sentence.
        affected: The samples, as links.
        evidence: Sample, what was tried, cosine before and after.
    """

    name: str
    confidence: str
    facts: tuple[str, ...]
    words: str
    affected: Markup
    evidence: tuple[tuple[Markup, str, str, str], ...]


def causes(verdict: Verdict, links: Links) -> Markup:
    """Return the causes as HTML; nothing where no sample differs."""
    found = verdict.diagnosis
    if found is None or not found.failing:
        lines = why(verdict)
        return section_body(lines, "Causes") if lines else Markup()
    shown = [_card(cause, links, verdict.threshold) for cause in found.causes]
    unknown = linked(found.unexplained, links, count=found.unknown, most=_NAMED) if found.unknown else Markup()
    explained = f"{numbers.count(found.explained)} of {numbers.things(found.failing, 'differing sample')} explained"
    return macros().causes(shown, explained, found.unknown, unknown)


def _card(cause: Cause, links: Links, limit: float) -> CauseCard:
    facts = (
        f"{cause.side} side" if cause.side else "",
        numbers.things(cause.count, "sample"),
        documented(cause.cases),
    )
    return CauseCard(
        name=cause.name.value,
        confidence=cause.confidence.value,
        facts=tuple(fact for fact in facts if fact),
        words=capitalised(cause.words),
        affected=linked(cause.samples, links, count=cause.count, most=_NAMED),
        evidence=tuple(_evidence(cause.evidence, links, limit)),
    )


def _evidence(rows: Sequence[Evidence], links: Links, limit: float) -> list[tuple[Markup, str, str, str]]:
    return [
        (
            linked([row.sample], links, count=1, most=1),
            row.tried,
            numbers.cosine(row.before, limit),
            numbers.cosine(row.after, limit),
        )
        for row in rows
    ]
