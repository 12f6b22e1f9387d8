"""The drift catalogue over all dates: what each side showed, from when to when, for which models.

Here belongs the aggregation of the drift rows of many verdicts. What one date and model showed belongs to `core.wire_drift`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import NOT_OBSERVED
from parity_pipeline.report.view import same_words

_FIELDS = ("URL", "request fields", "response fields", "number format", "dimension", "L2 norm", "default model")
"""The order that `core.wire_drift.wire_drift` gives its rows; fields it does not know come after, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRow:
    """One observation of one field; raw text.

    Attributes:
        field: What was compared.
        legacy: What the legacy side showed.
        candidate: What the candidate showed.
        same: `yes`, `no` or `—`.
        first: First date it was seen on, ISO 8601.
        last: Last date it was seen on.
        models: The models it was seen with; empty where that is all models that show this field.
    """

    field: str
    legacy: str
    candidate: str
    same: str
    first: str
    last: str
    models: tuple[str, ...]


@dataclass(slots=True)
class _Observed:
    dates: set[str] = field(default_factory=set[str])
    models: set[str] = field(default_factory=set[str])


def catalogue_of(verdicts: Sequence[Verdict]) -> tuple[CatalogueRow, ...]:
    """Return one row per field and pair of values, in the catalogue's order of fields, then by first date.

    A field that neither side showed on a date does not count as observed and gives no row.

    Args:
        verdicts: Those of one endpoint, in any order.
    """
    found: dict[tuple[str, str, str, str], _Observed] = {}
    everyone: dict[str, set[str]] = {}
    for verdict in verdicts:
        for row in verdict.drift:
            if row.legacy == row.candidate == NOT_OBSERVED:
                continue
            everyone.setdefault(row.field, set()).add(verdict.model)
            seen = found.setdefault((row.field, row.legacy, row.candidate, same_words(row)), _Observed())
            seen.dates.add(verdict.date)
            seen.models.add(verdict.model)
    rows = [
        CatalogueRow(
            field=name,
            legacy=legacy,
            candidate=candidate,
            same=same,
            first=min(seen.dates),
            last=max(seen.dates),
            models=() if seen.models == everyone[name] else tuple(sorted(seen.models)),
        )
        for (name, legacy, candidate, same), seen in found.items()
    ]
    return tuple(sorted(rows, key=_order))


def _order(row: CatalogueRow) -> tuple[int, str, str, str, tuple[str, ...], str, str]:
    place = _FIELDS.index(row.field) if row.field in _FIELDS else len(_FIELDS)
    return place, row.field, row.first, row.last, row.models, row.legacy, row.candidate
