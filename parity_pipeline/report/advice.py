"""What a reader may conclude from a verdict: what to flip, what to do next, how sure to be.

Here belong the sentences derived from decision, norms and counts. They never say more than the verdict does. Layout
belongs to `markdown`.
"""

import math
from collections.abc import Mapping

from parity_pipeline.core.outcomes import Decision, RowStatus, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.commands import backfill_command, run_command
from parity_pipeline.report.phrases import Sentence, Verbatim

_LOST = (RowStatus.FAILED, RowStatus.MALFORMED)


def flip_advice(verdict: Verdict) -> tuple[Sentence, ...]:
    """Return what may be flipped next, one sentence a list item.

    PASS allows consumers that rank by cosine; those that rank by dot product or euclidean distance only where no norm
    left its tolerance. FAIL and INCONCLUSIVE allow nothing.
    """
    if verdict.decision == Decision.FAIL:
        return (
            ("Nothing. Keep all embedding traffic of ", Verbatim(verdict.model), " on the legacy side."),
            (
                "Find out why the samples below differ. When the candidate was changed, fetch and judge it again: ",
                Verbatim(backfill_command(verdict.date, verdict.model)),
            ),
        )
    if verdict.decision != Decision.PASS:
        return (
            ("Nothing. This is no verdict: it shows neither that the sides agree nor that they differ.",),
            *_towards_a_verdict(verdict),
        )
    scope: Sentence = (
        "This holds for embedding requests that name the model ",
        Verbatim(verdict.model),
        ". It says nothing about retrieval, other models or requests without a model.",
    )
    return (*_by_norms(verdict), scope)


def _by_norms(verdict: Verdict) -> tuple[Sentence, ...]:
    if not verdict.norms_differ:
        return (
            (
                (
                    "Consumers that rank by cosine similarity, dot product or euclidean distance may be flipped: directions "
                    "and norms agree on every compared sample."
                ),
            ),
        )
    return (
        ("Consumers that rank by cosine similarity may be flipped: directions agree, and cosine ignores norms.",),
        (
            (
                "Dot-product and euclidean indexes must not mix the sides: norms differ, so candidate queries against "
                "documents that the legacy side embedded can rank differently. Normalise both to unit length, or embed "
                "the whole index again with the candidate before its queries are flipped."
            ),
        ),
    )


def _towards_a_verdict(verdict: Verdict) -> tuple[Sentence, ...]:
    """Return what to do until there is a verdict, the most specific first."""
    steps: list[Sentence] = []
    for side in Side:
        provenance = verdict.sides.get(side.value)
        if not provenance:
            steps.append((f"The {side} side left no record of a fetch. Check that it is up, then run both sides.",))
            continue
        lost = lost_rows(provenance.get("status_counts") or {})
        if lost:
            steps.append(
                (
                    (
                        f"The {side} side gave no usable answer for {numbers.things(lost, 'sample')}. Check its health, "
                        "then fetch it again: "
                    ),
                    Verbatim(backfill_command(verdict.date, verdict.model, side)),
                )
            )
    steps.append(
        ("When every reason above is mended, judge again: ", Verbatim(run_command(verdict.date, verdict.model)))
    )
    return tuple(steps)


def lost_rows(status_counts: Mapping[str, int]) -> int:
    """Return how many rows of a side ended without a definite answer."""
    return sum(int(count) for status, count in status_counts.items() if status in _LOST)


def _reach(verdict: Verdict) -> Sentence:
    """Return which texts the samples speak for: random draws speak for their source, hand-picked ones for themselves."""
    several, drawn = numbers.things(verdict.compared, "compared sample"), verdict.drawn.get("texts", 0)
    if not drawn:
        return (
            (
                f"This speaks for {several} and for no other text. Hand-picked samples prove little: they find gross faults "
                "such as a wrong model, pooling or tokenizer, and can miss what only some of the real traffic shows."
            ),
        )
    picked = verdict.samples - drawn
    whose = (
        f"{numbers.count(drawn)} of {numbers.things(verdict.samples, 'sample')} were drawn at random from their source"
    )
    rest = f"; the {numbers.count(picked)} hand-picked ones speak for themselves alone" if picked else ""
    return (
        f"{whose} and speak for its other texts too{rest}. Of the random draws: {verdict.confidence[0]['sentence']}.",
    )


def how_sure(verdict: Verdict) -> tuple[Sentence, ...]:
    """Return, in plain words, what the number of samples does not prove."""
    if not verdict.compared:
        return (("No sample was compared, so this report is evidence of nothing about the vectors.",),)
    sentences: list[Sentence] = [_reach(verdict)]
    threshold = verdict.thresholds.get("cosine")
    if verdict.decision == Decision.PASS and threshold is not None and 0 < threshold < 1:
        error = math.sqrt(2 * (1 - threshold))
        sentences.append(
            (
                (
                    f"A cosine of {numbers.limit(threshold)} still allows two unit vectors to lie {error:.4f} apart, which "
                    "can reorder near ties. Vector parity is no proof of equal rankings."
                ),
            )
        )
    return tuple(sentences)
