"""What a reader may conclude from a retrieval verdict: what to flip, what not, what to do next.

Here belong the sentences derived from decision, waivers and counts, and the commands that they name. They never say more
than the verdict does, and nothing about embeddings, which another probe judges.
"""

from typing import Final

from parity_pipeline.core.outcomes import PASSING, Decision, RowStatus, Side
from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import Sentence, Verbatim
from parity_pipeline.report.shell import option, word

_SCOPE: Final = (
    "This says nothing about other corpora, and nothing about embeddings: whether embedding requests may be flipped is the "
    "verdict of the embed probe. Neither verdict follows from the other."
)
_LOST: Final = (RowStatus.FAILED, RowStatus.MALFORMED)
"""Queries of a side that ended without a definite response."""


def retrieval_flip_advice(verdict: RetrievalVerdict) -> tuple[Sentence, ...]:
    """Return what may be flipped next, one sentence per list item, and last what this verdict says nothing about.

    PASS allows retrieval requests to this corpus. PASS WITH WAIVERS allows the same and names how many differences users
    will meet. FAIL and INCONCLUSIVE allow nothing.
    """
    if verdict.decision is Decision.FAIL:
        return (
            ("Nothing. Keep all retrieval traffic of the corpus ", Verbatim(verdict.corpus), " on the legacy side."),
            (
                f"{_fix(verdict)} When the candidate was changed, fetch and judge it again: ",
                Verbatim(retrieval_backfill_command(verdict.date, verdict.corpus)),
            ),
            _SCOPE,
        )
    if verdict.decision not in PASSING:
        return (
            "Nothing. There is not enough evidence to say whether the sides agree or differ.",
            *_towards_a_verdict(verdict),
            _SCOPE,
        )
    return (_flip(verdict), *_waived(verdict), *_worth_a_look(verdict), _SCOPE)


def _flip(verdict: RetrievalVerdict) -> Sentence:
    return (
        "Retrieval requests that search the corpus ",
        Verbatim(verdict.corpus),
        (
            " may be flipped, as far as the queries of this set stand for them: with the filters and numbers of results "
            "that they use, users see the same documents in the same order, within the bands below."
        ),
    )


def _waived(verdict: RetrievalVerdict) -> tuple[Sentence, ...]:
    """Return the differences that users will meet although this is a pass."""
    count = verdict.counts.waived_queries
    if verdict.decision is not Decision.PASS_WITH_WAIVERS or not count:
        return ()
    parts: list[str | Verbatim] = [f"Users will meet {numbers.things(count, 'difference')} that waivers allow: "]
    for place, (name, taken) in enumerate(sorted(verdict.counts.waived.items())):
        words = numbers.things(taken, "query", "queries")
        parts += [", " if place else "", Verbatim(name), f" ({words})"]
    parts.append(". Flip only while the owners of these waivers stand by them; the waived queries are marked below.")
    return (tuple(parts),)


def _worth_a_look(verdict: RetrievalVerdict) -> tuple[Sentence, ...]:
    count = verdict.counts.outcomes.get(RetrievalOutcome.INVESTIGATE, 0)
    if not count:
        return ()
    have = "query has a list that is" if count == 1 else "queries have lists that are"
    return (f"{numbers.count(count)} {have} worth a look, few enough for a pass: see the most changed queries.",)


def _fix(verdict: RetrievalVerdict) -> str:
    """Return what to do about the causes, beginning with the side of the first one."""
    known = [cause for cause in verdict.causes if cause.name is not RetrievalCauseName.UNKNOWN]
    if not known:
        return "Find out why the queries below differ."
    side = known[0].side
    where = f"lies on the {side} side" if side else ""
    if len(known) == 1:
        return f"Fix the cause below: {known[0].name}{f', which {where}' if where else ''}."
    return f"Fix the causes below, one at a time. The first, {known[0].name}, {where or 'is the surest'}."


def _towards_a_verdict(verdict: RetrievalVerdict) -> tuple[Sentence, ...]:
    """Return what to do until there is a verdict, the most specific first."""
    fetch_again = [
        (
            (
                f"The {lane.side} side gave no usable response for {numbers.things(lost, 'query', 'queries')}. Check its "
                "health, then fetch it again: "
            ),
            Verbatim(retrieval_backfill_command(verdict.date, verdict.corpus, lane.side)),
        )
        for lane in verdict.sides
        if (lost := sum(lane.status_counts.get(status, 0) for status in _LOST))
    ]
    run_again = Verbatim(retrieval_run_command(verdict.date, verdict.corpus))
    fixed = "When what is named above is fixed" if verdict.not_run else "When every reason below is fixed"
    return (*fetch_again, (f"{fixed}, run it again: ", run_again))


def retrieval_run_command(date: str, corpus: str) -> str:
    """Return the command that probes both sides and judges one date and corpus.

    >>> retrieval_run_command("2026-04-30", "all staff")
    "parity run --probe retrieve --date 2026-04-30 --corpus 'all staff'"
    """
    return f"parity run --probe retrieve --date {word(date)} {option('--corpus', corpus)}"


def retrieval_backfill_command(date: str, corpus: str, side: Side = Side.CANDIDATE) -> str:
    """Return the command that fetches one side again and judges it against the stored other one."""
    days = f"--from {word(date)} --to {word(date)}"
    return f"parity backfill --probe retrieve {days} --side {side} {option('--corpus', corpus)}"
