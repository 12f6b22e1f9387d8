"""How sure a reader may be: random queries, relevance labels, each side's own noise, queries sent again, simulated faults.

Here belongs the layout, and the sentences about queries. Computing them belongs to `core.confidence` and `core.retrieval`.
"""

from collections.abc import Callable
from typing import Final

from parity_pipeline.core.confidence import ShareBound
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import PASSING
from parity_pipeline.core.retrieval.provenance import RetrievalNoise
from parity_pipeline.core.retrieval.simulated_faults import SimulatedRetrievalFault
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import Sentence, Verbatim, prose, sentence, table
from parity_pipeline.report.retrieval_view import agreement
from parity_pipeline.report.view import name_of


def _queries(count: int, before: str = "") -> str:
    return numbers.things(count, f"{before}query", f"{before}queries")


def confidence(verdict: RetrievalVerdict) -> list[str]:
    """Return what the queries prove and what they do not, as Markdown, one list item per sentence."""
    return ["## How sure is this?", "", *(f"- {sentence(parts)}" for parts in _how_sure(verdict))]


def _how_sure(verdict: RetrievalVerdict) -> list[Sentence]:
    found, drawn = verdict.counts.queries, verdict.random
    if not found:
        return ["No query was compared, so this report says nothing about retrieval."]
    bounds = [bound for bound in drawn.bounds if bound.trials]
    said: list[Sentence] = [_reach(verdict)]
    said += [_bound(bound, drawn.draws > drawn.queries) for bound in bounds]
    if drawn.queries and not bounds:
        said.append("None of the random queries got a response, so no share of the traffic can be stated.")
    if drawn.required_bound is not None:
        said.append(
            f"The settings ask for proof that at most {percent(drawn.required_bound)} of such queries may differ."
        )
    if verdict.decision in PASSING:
        said.append("Equal lists today do not promise equal lists after the index of either side has changed.")
    return said


def _reach(verdict: RetrievalVerdict) -> Sentence:
    """Return which queries these speak for: random draws speak for their source, hand-picked ones for themselves."""
    found, drawn = verdict.counts.queries, verdict.random.queries
    if not drawn:
        return (
            (
                f"This speaks for {_queries(found)} and for no other. Hand-picked queries find gross faults such as another "
                "metric or a lost corpus, and can miss what only some of the real traffic shows. To state a share of the "
                "traffic, give a source of real queries a random draw in the settings, such as "
            ),
            Verbatim("queries: [{path: …, sample: 300}]"),
            ".",
        )
    picked = found - drawn
    rest = f"; the {numbers.count(picked)} hand-picked ones speak for themselves alone" if picked > 0 else ""
    return f"{numbers.count(drawn)} of {_queries(found)} were drawn at random from their source and speak for its other queries too{rest}."


def _bound(bound: ShareBound, repeated: bool) -> Sentence:
    clean = f"{numbers.count(bound.trials - bound.failures)} of {_queries(bound.trials, 'random ')} are clean"
    words = f"{clean}: at most {percent(bound.bound)} of such queries may differ"
    words += ", if results are repeatable" if repeated else ""
    words += f", at {percent(bound.confidence)} confidence"
    if bound.waived:
        words += f"; without the {numbers.things(bound.waived, 'waived one')} at most {percent(bound.unwaived_bound)}"
    if bound.category is None:
        return f"Random draws: {words}."
    return "Category ", Verbatim(bound.category), f": {words}."


def relevance(verdict: RetrievalVerdict) -> list[str]:
    """Return how relevant both sides' lists are as Markdown; nothing without labels."""
    if not verdict.relevance:
        return []
    lines = [
        "## Relevance",
        "",
        "How good the lists are, by labels that people gave; parity asks only whether they are the same.",
        "",
    ]
    for one in verdict.relevance:
        better = f"the candidate is better for {_queries(one.better)} and worse for {numbers.count(one.worse)}"
        lines.append(f"- {prose(f'{one.sentence()}; {better}.')}")
    return lines


_NOISE: Final[dict[str, Callable[[RetrievalNoise], str]]] = {
    "queries repeated, requests": lambda one: f"{numbers.count(one.queries)}, {numbers.count(one.requests)}",
    "queries with another list in a repeat": lambda one: numbers.count(one.differing),
    "queries with ties in another order in a repeat": lambda one: numbers.count(one.reordered),
    "smallest overlap with its own list": lambda one: agreement(one.worst_overlap),
    "smallest RBO with its own list": lambda one: agreement(one.worst_rbo),
    "greatest score difference": lambda one: numbers.measure(one.score_delta),
    "repeats without a list": lambda one: numbers.count(one.failed),
}
"""Rows of the table, and what fills them from a side's noise."""


def noise(verdict: RetrievalVerdict) -> list[str]:
    """Return how far each side agrees with itself as Markdown; one line where that was not measured."""
    found = [lane.noise for lane in verdict.sides]
    lines = ["## Noise of each side", ""]
    if not any(found):
        return [*lines, "Not measured: neither side's repeatability is known, so no difference is attributed to noise."]
    rows = [
        (prose(name), *("not measured" if one is None else prose(cell(one)) for one in found))
        for name, cell in _NOISE.items()
    ]
    lines += table(("The same query, sent several times", "Legacy", "Candidate"), rows)
    said = [
        f"The {lane.side} side, {name_of(lane)}, returns other lists when it is sent the same query again."
        for lane in verdict.sides
        if lane.noise and lane.noise.differing
    ]
    said += [
        f"The {lane.side} side, {name_of(lane)}, breaks ties otherwise each time. That makes no list differ here; "
        "whoever pages through results sees a document twice, or never."
        for lane in verdict.sides
        if lane.noise and lane.noise.reordered
    ]
    return [*lines, "", *(f"- {prose(one)}" for one in said)] if said else lines


def confirmation(verdict: RetrievalVerdict) -> list[str]:
    """Return what sending differing queries again showed as Markdown; nothing where none was sent."""
    found = verdict.confirmation
    if found is None:
        return []
    sent = f"{_queries(found.asked, 'differing ')} went to both sides again, in turn, with {numbers.things(found.requests, 'request')}"
    agreed = f"{numbers.count(len(found.unconfirmed))} agreed each time"
    said = [f"{sent}: {numbers.count(len(found.confirmed))} differed again or got no response, {agreed}."]
    said += [
        f"The {lane.side} side's own lists differed from one time to the next for {_queries(strays)}."
        for lane, strays in zip(verdict.sides, found.strays, strict=True)
        if strays
    ]
    if found.not_asked:
        said.append(f"The budget did not allow for {_queries(found.not_asked, 'more differing ')}.")
    return ["## Sent again", "", *(f"- {prose(one)}" for one in said)]


def power(verdict: RetrievalVerdict) -> list[str]:
    """Return what the queries would have caught as Markdown; nothing where faults were not simulated on a pass."""
    lines, found = ["## What these queries would have caught", ""], verdict.power
    if verdict.decision not in PASSING:
        return [*lines, "Not computed: faults are simulated on the lists of a pass."]
    if found is None:
        return []
    lines.append(prose(f"{found.sentence()}. No request was sent for it."))
    if not found.faults:
        return lines
    head = ("Fault of the candidate", "Would it have been caught?", "Verdict it would have got", "Why not")
    return [*lines, "", *table(head, map(_fault, sorted(found.faults, key=lambda one: bool(one.caught))))]


_CAUGHT: Final = {True: "yes", False: "**no**", None: "not simulated"}


def _fault(one: SimulatedRetrievalFault) -> tuple[str, str, str, str]:
    decision, why_not = (prose(words or numbers.NOTHING) for words in (one.decision, one.why_not))
    return prose(one.name), _CAUGHT[one.caught], decision, why_not
