"""A verdict in words for whoever has to decide and knows neither cosines nor ranked lists.

Here belong the one or two sentences below the verdict line, for both probes, and the block that an approver signs. They say
no more than the verdict; what may be flipped belongs to `advice` and `retrieval_advice`.
"""

from typing import Final

from parity_pipeline.core.measures import Measure
from parity_pipeline.core.outcomes import DIFFERENT, PASSING, Decision, Severity
from parity_pipeline.core.retrieval.outcomes import DIFFERENT as DIFFERENT_LISTS
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import AnyVerdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, joined, prose, table

_UNKNOWN: Final = (
    "Whether the candidate returns the same as the legacy side is not known: there is not enough evidence either way. "
    "Nothing may be moved to the candidate on the strength of this report."
)
_NOT_RUN: Final = (
    "This date could not be compared, so that nothing is known of it. A verdict that it had before does not count any more, "
    "and nothing may be moved to the candidate on the strength of this report."
)


def in_plain_words(verdict: AnyVerdict) -> str:
    """Return what the verdict means for whoever decides, in one or two sentences; raw text."""
    if verdict.not_run:
        return _NOT_RUN
    if verdict.decision is Decision.FAIL:
        return _fail(verdict)
    if verdict.decision not in PASSING:
        return _UNKNOWN
    return _pass_of_vectors(verdict) if isinstance(verdict, Verdict) else _pass_of_lists(verdict)


def _fail(verdict: AnyVerdict) -> str:
    """Return that nothing may be moved, and for how many inputs the sides differ, where any does."""
    stop = "Nothing may be moved to the candidate until that is fixed."
    different = _different(verdict)
    if not different:
        return f"The candidate does not behave as the legacy side does, although no input is shown to differ. {stop}"
    if isinstance(verdict, Verdict):
        of = _share(different, verdict.counts.samples, "text", "texts")
        return f"For {of}, {_candidate(verdict)} does not return what the legacy side does. {stop}"
    of = _share(different, verdict.counts.queries, "query", "queries")
    return f"For {of}, the two sides do not return the same results. {stop}"


def _share(some: int, whole: int, word: str, plural: str) -> str:
    """Return how many of all: `3 of 24 texts`, `all 24 texts`, `the one text`."""
    if some != whole:
        return f"{numbers.count(some)} of {numbers.things(whole, word, plural)}"
    return f"the one {word}" if whole == 1 else f"all {numbers.count(whole)} {plural}"


def _candidate(verdict: Verdict) -> str:
    return "the candidate, through the adapter," if verdict.through_adapter else "the candidate"


def _different(verdict: AnyVerdict) -> int:
    """Return how many samples or queries prove a difference; of samples those that nothing excuses, where that is known."""
    if isinstance(verdict, RetrievalVerdict):
        return sum(verdict.counts.outcomes.get(one, 0) for one in DIFFERENT_LISTS)
    if verdict.counts.apart:
        return verdict.counts.apart.different
    return sum(verdict.counts.outcomes.get(one, 0) for one in DIFFERENT)


def _pass_of_vectors(verdict: Verdict) -> str:
    compared, matched = verdict.counts.compared, verdict.counts.matched
    which = "every text that was compared"
    if matched != compared:
        which = _share(matched, compared, "compared text", "compared texts")
    same = "the same vector as the legacy side, within the limits below"
    # Where a norm beyond its limit fails a text, one that matches has none.
    if verdict.norms_differ and verdict.measure(Measure.NORM_RATIO).severity is Severity.WARN:
        same = "a vector of the same direction as the legacy side's, within the limits below, but not always of the same length"
    return f"For {which}, {_candidate(verdict)} returns {same}. {_allowed(verdict)}"


def _pass_of_lists(verdict: RetrievalVerdict) -> str:
    found, same = verdict.counts, verdict.counts.agreeing
    others = _different(verdict) + found.outcomes.get(RetrievalOutcome.INVESTIGATE, 0)
    of = _share(same, same + others, "query", "queries")
    excused = [
        words for words, some in (("as waivers allow", found.waived_queries), ("only once", found.unconfirmed)) if some
    ]
    rest = f"; the others differ {joined(['within the limits', *excused], 'or')}" if others else ""
    return f"For {of} with results to compare, both sides return the same{rest}. {_allowed(verdict)}"


def _allowed(verdict: AnyVerdict) -> str:
    if verdict.decision is Decision.PASS_WITH_WAIVERS:
        return "Requests may be moved as the next section says, if the differences that were waived are accepted."
    return "Requests may be moved as the next section says."


def approval(verdict: AnyVerdict) -> list[str]:
    """Return the block that an approver signs, as Markdown; nothing where there is nothing to approve."""
    if verdict.not_run:
        return []
    name = verdict.model if isinstance(verdict, Verdict) else verdict.corpus
    about = f"{prose(str(verdict.decision))} for {code(name)} on {prose(verdict.date)}"
    rows = [
        ("Name", ""),
        ("Date", ""),
        ("Decision", "☐ approved  ☐ approved on conditions  ☐ not approved"),
        ("Conditions", ""),
        ("Signature", ""),
    ]
    note = "Sign a copy that is kept elsewhere: the next run of this date writes this file again."
    return ["## Approval", "", f"On the verdict {about}.", "", *table(("Approver", ""), rows), "", note]
