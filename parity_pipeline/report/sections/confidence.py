"""How sure a reader may be: what random samples prove, what they would have caught, what repeated requests showed.

Here belongs the choice and layout of bounds, of simulated faults and of confirmations: which differences persist, and which
side strays. Computing them, and their sentences, belong to `core.confidence`, `core.power` and `core.confirmation`.
"""

import math
from collections.abc import Sequence
from typing import Final

from parity_pipeline.core.confidence import ShareBound, clean_needed
from parity_pipeline.core.confirmation import Confirmation, ConfirmedRow, Persistence
from parity_pipeline.core.limits import BOUND_GOAL, CONFIDENCE_LEVEL
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import PASSING
from parity_pipeline.core.power.records import FaultResult, SimulatedFault
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import Sentence, Verbatim, prose, sentence, table
from parity_pipeline.report.view import Names, listed, names_of


def confidence(verdict: Verdict) -> list[str]:
    """Return the section as Markdown, one list item per sentence."""
    return ["## How sure is this?", "", *(f"- {sentence(parts)}" for parts in how_sure(verdict))]


def how_sure(verdict: Verdict) -> tuple[Sentence, ...]:
    """Return, in plain words, what the samples prove and what they do not."""
    if not verdict.counts.compared:
        return ("No sample was compared, so this report says nothing about the vectors.",)
    bounds = [bound for bound in verdict.random.bounds if bound.trials]
    sentences = [_reach(verdict), *(_bounds(verdict, bounds) if bounds else [_no_draw(verdict)])]
    if verdict.pooled is not None:
        sentences.append(f"{verdict.pooled.sentence()}.")
    if verdict.random.required_bound is not None:
        most = percent(verdict.random.required_bound)
        sentences.append(f"The settings ask for proof that at most {most} of such inputs may fail.")
    return (*sentences, *_rankings(verdict))


def _reach(verdict: Verdict) -> Sentence:
    """Return which texts the samples speak for: random draws speak for their source, hand-picked ones for themselves."""
    several, drawn = numbers.things(verdict.counts.compared, "compared sample"), verdict.random.texts
    if not drawn:
        return (
            f"This speaks for {several} and for no other text. Hand-picked samples find gross faults such as a wrong "
            "model, pooling or tokenizer, and can miss what only some of the real traffic shows."
        )
    picked = verdict.counts.samples - drawn
    rest = f"; the {numbers.count(picked)} hand-picked ones speak for themselves alone" if picked else ""
    among = f"{numbers.count(drawn)} of {numbers.things(verdict.counts.samples, 'sample')}"
    return f"{among} were drawn at random from their source and speak for its other texts too{rest}."


def _no_draw(verdict: Verdict) -> Sentence:
    if verdict.random.texts:
        return "None of the random samples got a response, so no share of the traffic can be stated."
    goal = _goal(verdict)
    needed = clean_needed(goal)
    return (
        (
            "No sample was drawn at random, so no share of the traffic can be stated. To state one, give a source of real "
            "traffic a random draw in the settings, such as "
        ),
        Verbatim(f"samples: [{{path: …, sample: {needed}}}]"),
        f": {numbers.count(needed)} clean ones show that at most {percent(goal)} of such texts may fail.",
    )


def _goal(verdict: Verdict) -> float:
    """Return the required share, or the usual one."""
    return BOUND_GOAL if verdict.random.required_bound is None else verdict.random.required_bound


def _bounds(verdict: Verdict, bounds: Sequence[ShareBound]) -> list[Sentence]:
    """Return the bound of all together, then of each category where there are several."""
    goal, repeated = _goal(verdict), verdict.random.draws > verdict.random.texts
    overall = [bound for bound in bounds if bound.category is None]
    single = [bound for bound in bounds if bound.category is not None]
    clauses = [f": {bound.sentence(goal, repeated=repeated)}." for bound in overall]
    if overall and len(single) == 1 and single[0].confidence == overall[0].confidence:
        return [("Random draws, all of the category ", Verbatim(str(single[0].category)), clauses[0])]
    sure = _of_categories(verdict)
    return [
        *(("Random draws, all categories", clause) for clause in clauses),
        *(
            ("Category ", Verbatim(str(one.category)), f": {one.sentence(goal, sure=sure, repeated=repeated)}.")
            for one in single
        ),
    ]


def _of_categories(verdict: Verdict) -> str:
    """Return how sure the bounds of the categories are: all at once, or each alone in verdicts of earlier versions."""
    each = [bound.confidence for bound in verdict.random.bounds if bound.category is not None]
    if not each or each[0] <= CONFIDENCE_LEVEL:
        return f"at {percent(min(each, default=CONFIDENCE_LEVEL))} confidence for this category alone"
    return f"at {percent(CONFIDENCE_LEVEL)} confidence for all {len(each)} categories at once"


def _rankings(verdict: Verdict) -> tuple[Sentence, ...]:
    threshold = verdict.threshold
    if verdict.decision not in PASSING or not 0 < threshold < 1:
        return ()
    error = math.sqrt(2 * (1 - threshold))
    return (
        (
            f"A cosine of {numbers.limit(threshold)} still allows two unit vectors to lie {error:.4f} apart, which can "
            "reorder near ties. Vector parity does not prove equal rankings."
        ),
    )


def power(verdict: Verdict) -> list[str]:
    """Return what the samples would have caught, as Markdown; nothing for a pass of an earlier version."""
    lines, found = ["## What these samples would have caught", ""], verdict.power
    if verdict.decision not in PASSING:
        return [*lines, "Not computed: faults are simulated on the samples of a pass."]
    if found is None:
        return []
    lines.append(prose(f"{found.words}. No request was sent for it."))
    if found.looked_at < found.samples:
        looked_at = f"{numbers.count(found.looked_at)} of {numbers.count(found.samples)} samples"
        lines.append(prose(f"Only {looked_at} were looked at; the others can catch more."))
    rows = [(one, words) for result, words in _RESULTS.items() for one in found.of(result)]
    if not rows:
        return lines
    lines += ["", *table(("Fault of the candidate", "Would it have been caught?", "Why"), [_row(*row) for row in rows])]
    if any(one.assumed for one, _ in rows):
        lines += ["", f"{_ASSUMED} Assumed: a changed text moves a vector as far as models do (docs/adr/0026)."]
    return lines


_RESULTS: Final = {FaultResult.MISSED: "**no**", FaultResult.UNSURE: "**perhaps**", FaultResult.CAUGHT: "yes"}
"""The results in the order of the table, what a reader has to see to first."""

_ASSUMED: Final = "†"
"""Marks a result that rests on an assumption."""


def _row(one: SimulatedFault, words: str) -> Sequence[str]:
    return prose(one.words), f"{words} {_ASSUMED}" if one.assumed else words, prose(one.why)


_NAMED: Final = 12
"""Samples that one row of the table names; the verdict's JSON holds all."""


def confirmation(verdict: Verdict) -> list[str]:
    """Return the section as Markdown; nothing where nothing was requested again."""
    found = verdict.confirmation
    if found is None:
        return []
    names = names_of(verdict)
    grouped: dict[tuple[Persistence, str], list[ConfirmedRow]] = {}
    for row in found.rows:
        grouped.setdefault((row.found, _why(row)), []).append(row)
    cells = [_group(kind, why, rows, names) for (kind, why), rows in grouped.items()]
    return [
        "## Requested again",
        "",
        prose(_overview(found)),
        "",
        *table(("Found", "Samples", "Why", "Which"), cells, right=(1,)),
        "",
        *(f"- {prose(side.words()[:1].upper() + side.words()[1:])}." for side in found.sides),
    ]


def _overview(found: Confirmation) -> str:
    rows = f"{numbers.things(len(found.rows), 'failing sample')} and {numbers.things(found.passing, 'passing sample')}"
    sent = numbers.things(sum(side.requests for side in found.sides), "request")
    done = f"{rows} were requested {numbers.count(found.repeats)} more times from both sides, {sent} in all."
    if not found.not_requested:
        return done
    return f"{done} {numbers.things(found.not_requested, 'more failing sample')} not requested again."


def _why(row: ConfirmedRow) -> str:
    return f"{row.why}; the {row.strayed} side strayed" if row.strayed else row.why


def _group(kind: Persistence, why: str, rows: list[ConfirmedRow], names: Names) -> tuple[str, str, str, str]:
    which = listed([row.id for row in rows], names, count=len(rows), most=_NAMED)
    return prose(kind.value), numbers.count(len(rows)), prose(why), which
