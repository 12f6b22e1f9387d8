"""Put the responses to each repeated text side by side: the stored pair first, then the repeats.

Here belongs the step from fetched rows to the records of a confirmation. What they show belongs to `confirmation`.
"""

from collections.abc import Collection, Sequence

from parity_pipeline.core.compare import BOTH, ComparedRows, compare
from parity_pipeline.core.confirmation import Responses
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.outcomes import Outcome, RowStatus
from parity_pipeline.core.permutation_test import Response
from parity_pipeline.core.tally import proves_a_difference
from parity_pipeline.core.thresholds import Thresholds, grade

Pair = tuple[FetchedRows, FetchedRows]
"""What the legacy side and the candidate gave for the same texts."""


def responses_of(
    texts: SampleBlock, pairs: Sequence[Pair], failing: Collection[str], thresholds: Thresholds
) -> list[Responses]:
    """Return the responses to each text.

    Args:
        texts: The texts, numbered from 0.
        pairs: The stored rows of exactly these texts, then those of each repeat.
        failing: Ids of the texts whose stored row proves a difference.
        thresholds: When a pair fails.

    Raises:
        MetricInputError: Rows are not these texts.
    """
    graded = [grade(compare(texts, *pair), thresholds) for pair in pairs]
    return [
        Responses(
            id=texts.ids[row],
            fails=texts.ids[row] in failing,
            legacy=[_response(legacy, row) for legacy, _ in pairs],
            candidate=[_response(candidate, row) for _, candidate in pairs],
            failed=[proves_a_difference(rows, row) for rows in graded[1:]],
            lacking=next((why for rows in graded[1:] if (why := _lacking(rows, row))), ""),
        )
        for row in range(len(texts))
    ]


def _response(rows: FetchedRows, row: int) -> Response:
    if rows.status[row] is not RowStatus.OK:
        return rows.status[row].value
    return rows.values[rows.offsets[row] : rows.offsets[row + 1]]


def _lacking(rows: ComparedRows, row: int) -> str:
    """Return why a repeat neither matches nor proves a difference, with the side's words; "" where it does.

    A text that both sides refuse now, or return zeros for, does not show that the stored difference was a stray one.
    """
    outcome = rows.outcomes[row]
    if outcome is Outcome.MATCH or proves_a_difference(rows, row):
        return ""
    if rows.sides[row] == BOTH:
        why = f"neither side gave a usable response ({outcome.value.replace('_', ' ')})"
    else:
        why = f"the {rows.sides[row]} side gave no usable response"
    words = rows.legacy_errors[row] or rows.candidate_errors[row]
    return f"{why}: {words}" if words else why
