"""What a reader may conclude from a verdict: what to flip, what to do next.

Here belong the sentences derived from decision, norms, waivers and counts, and the commands that they name. They never
say more than the verdict does. How sure to be belongs to `sections.confidence`, layout to `escape`.
"""

from parity_pipeline.core.checks import CheckName, CheckSeverity
from parity_pipeline.core.contract_checks import OF_CONTRACT
from parity_pipeline.core.outcomes import PASSING, Decision, RowStatus, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import Sentence, Verbatim, joined
from parity_pipeline.report.shell import option, word

_LOST = (RowStatus.FAILED, RowStatus.MALFORMED)
"""Rows of a side that ended without a definite response."""


def failing_checks(verdict: Verdict) -> set[CheckName]:
    """Return the checks that make a verdict FAIL; those of the lanes where it is of a version without checks."""
    found = {one.name for one in verdict.checks if one.stands and one.severity is CheckSeverity.FAIL}
    return found or {CheckName.COSINE}


def _fix(verdict: Verdict) -> str:
    """Return what to do about the causes, beginning with the side of the first one."""
    if not verdict.diagnosis or not verdict.diagnosis.causes:
        return "Find out why the samples below differ."
    first, *more = verdict.diagnosis.causes
    if not more:
        return f"Fix the cause below: {first.name}{f', which lies on the {first.side} side' if first.side else ''}."
    where = f" The first, {first.name}, lies on the {first.side} side." if first.side else ""
    return f"Fix the causes below, one at a time.{where}"


def flip_advice(verdict: Verdict) -> tuple[Sentence, ...]:
    """Return what may be flipped next, one sentence per list item.

    PASS allows consumers that rank by cosine; those that rank by dot product or euclidean distance only where no norm
    left its tolerance. PASS WITH WAIVERS allows the same and names the differences that callers will meet. FAIL and
    INCONCLUSIVE allow nothing.
    """
    if verdict.decision == Decision.FAIL:
        fix = _fix(verdict)
        if failing_checks(verdict) <= set(OF_CONTRACT):
            fix = "Fix what the candidate does with the requests named below; no sample fails."
        return (
            ("Nothing. Keep all embedding traffic of ", Verbatim(verdict.model), " on the legacy side."),
            (
                f"{fix} When the candidate was changed, fetch and judge it again: ",
                Verbatim(fetch_again(verdict)),
            ),
        )
    if verdict.decision not in PASSING:
        return (
            "Nothing. There is not enough evidence to say whether the sides agree or differ.",
            *_towards_a_verdict(verdict),
        )
    scope: Sentence = (
        "This holds for embedding requests that name the model ",
        Verbatim(verdict.model),
        ". It says nothing about retrieval, other models or requests without a model.",
    )
    return (*_by_norms(verdict), *_waived(verdict), scope, *_by_adapter(verdict))


def _by_adapter(verdict: Verdict) -> tuple[Sentence, ...]:
    """Return what a pass through the adapter depends on."""
    if not verdict.through_adapter:
        return ()
    return (("It holds for callers behind the adapter, with the mapping that the label of the candidate names.",),)


def _waived(verdict: Verdict) -> tuple[Sentence, ...]:
    """Return the differences that callers will meet although this is a pass."""
    count = verdict.counts.samples_waived
    if verdict.decision != Decision.PASS_WITH_WAIVERS or not count:
        return ()
    parts: list[str | Verbatim] = [f"Callers will meet {numbers.things(count, 'difference')} that waivers allow: "]
    for place, (name, taken) in enumerate(sorted(verdict.counts.waived.items())):
        parts += [", " if place else "", Verbatim(name), f" ({numbers.things(taken, 'sample')})"]
    parts.append(". Flip only while the owners of these waivers stand by them; the waived samples are marked below.")
    return (tuple(parts),)


def excused(verdict: Verdict) -> str:
    """Return which compared samples a pass does not speak of, as the end of a sentence on every one; "" for none."""
    apart = verdict.counts.apart
    if apart is None:
        return ""
    found = (
        ("the waived ones", apart.waived),
        ("those that the legacy side's own noise explains", apart.within_noise),
        ("those that differed once", apart.unconfirmed),
    )
    some = [words for words, count in found if count]
    return f" but {joined(some, 'and')}" if some else ""


def _by_norms(verdict: Verdict) -> tuple[Sentence, ...]:
    but = excused(verdict)
    if not verdict.norms_differ:
        return (
            (
                "Consumers that rank by cosine similarity, dot product or euclidean distance may be flipped: directions "
                f"and norms agree on every compared sample{but}."
            ),
        )
    return (
        (
            "Consumers that rank by cosine similarity may be flipped: directions agree on every compared sample"
            f"{but}, and cosine ignores norms."
        ),
        (
            "Dot-product and euclidean indexes must not mix the sides: norms differ, so candidate queries against "
            f"documents that the legacy side embedded can rank differently. {_normalise(verdict)}, or embed "
            "the whole index again with the candidate before its queries are flipped."
        ),
    )


def _normalise(verdict: Verdict) -> str:
    if verdict.through_adapter:
        return "Set adapter.callers.legacy.normalise if the legacy's vectors have unit length"
    return "Normalise both to unit length"


def _towards_a_verdict(verdict: Verdict) -> tuple[Sentence, ...]:
    """Return what to do until there is a verdict, the most specific first."""
    lost_rows = [
        (
            (
                f"The {batch.side} side gave no usable response for {numbers.things(lost, 'sample')}. Check its health, "
                "then fetch it again: "
            ),
            Verbatim(fetch_again(verdict, batch.side)),
        )
        for batch in (side.provenance for side in verdict.sides)
        if (lost := sum(batch.status_counts.get(status, 0) for status in _LOST))
    ]
    fixed = "When what is named above is fixed" if verdict.not_run else "When every reason below is fixed"
    return (*lost_rows, (f"{fixed}, run it again: ", Verbatim(run_again(verdict))))


def _model(model: str) -> str:
    return option("--model", model)


def run_again(verdict: Verdict) -> str:
    """Return the command that gives this verdict again, with both sides fetched again."""
    return run_command(verdict.date, verdict.model) + _way(verdict)


def fetch_again(verdict: Verdict, side: Side = Side.CANDIDATE) -> str:
    """Return the command that gives this verdict again, with one side fetched again."""
    return backfill_command(verdict.date, verdict.model, side) + _way(verdict)


def _way(verdict: Verdict) -> str:
    return " --through-adapter" if verdict.through_adapter else ""


def run_command(date: str, model: str) -> str:
    """Return the command that probes both sides and judges one date and model.

    >>> run_command("2026-04-30", "org/a b")
    "parity run --date 2026-04-30 --model 'org/a b'"
    """
    return f"parity run --date {word(date)} {_model(model)}"


def backfill_command(date: str, model: str, side: Side = Side.CANDIDATE) -> str:
    """Return the command that fetches one side again and judges it against the stored other one."""
    return f"parity backfill --from {word(date)} --to {word(date)} --side {side} {_model(model)}"
