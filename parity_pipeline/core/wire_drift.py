"""The wire drift: what differs between the two sides' responses beside the numbers.

Here belong the record of what one side's wire looked like, and the table that sets two of them side by side. It holds
only what was observed; nothing is typed in by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from parity_pipeline.core.limits import UNIT_NORM_TOLERANCE

NOT_OBSERVED = "not observed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireObservation:
    """What one side's wire looked like during one fetch.

    Attributes:
        method_and_path: Such as `POST /ai/embed`.
        request_fields: Fields of requests that returned vectors, sorted.
        response_fields: Top-level fields of the responses as `name: type`, such as `embeddings: array of array of
            number`, sorted.
        unknown_fields: Those of them that the dialect does not read.
        number_format: `float64 digits`, `float32 digits`, `integers`, or `not observed`.
        dimension: Length of the first vector; 0 where none came.
        default_model: The model named in the response to a request without one; or `refused (HTTP 400)`, `not named`,
            or `not observed`.
        usage_fields: Token usage fields that came, sorted.
        declared_dimension: Dimension that the response states beside its vectors; 0 where it states none.
    """

    method_and_path: str = NOT_OBSERVED
    request_fields: tuple[str, ...] = ()
    response_fields: tuple[str, ...] = ()
    unknown_fields: tuple[str, ...] = ()
    number_format: str = NOT_OBSERVED
    dimension: int = 0
    default_model: str = NOT_OBSERVED
    usage_fields: tuple[str, ...] = ()
    declared_dimension: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NormRange:
    """Smallest and largest L2 norm of a side's finite, non-zero vectors; both None where there are none."""

    low: float | None
    high: float | None

    def describe(self) -> str:
        """Return the range in words, such as `unit vectors` or `raw, 12.51 to 13.98`."""
        if self.low is None or self.high is None:
            return NOT_OBSERVED
        if max(abs(self.low - 1.0), abs(self.high - 1.0)) <= UNIT_NORM_TOLERANCE:
            return "unit vectors"
        return f"raw, {_norm(self.low)} to {_norm(self.high)}"


def _norm(value: float) -> str:
    """Return a norm with two decimals, or three digits where those would hide it."""
    return f"{value:.2f}" if value >= 1.0 else f"{value:.3g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """One field of the wire drift.

    Attributes:
        field: What is compared, such as `response fields`.
        legacy: What the legacy side showed.
        candidate: What the candidate side showed.
        same: Whether they are equal; None where one side was not observed.
    """

    field: str
    legacy: str
    candidate: str
    same: bool | None


def drift_row(field: str, legacy: str, candidate: str) -> DriftRow:
    """Return one row; what was not observed on a side is neither the same nor different."""
    known = NOT_OBSERVED not in (legacy, candidate)
    return DriftRow(field=field, legacy=legacy, candidate=candidate, same=legacy == candidate if known else None)


def listed_names(names: Sequence[str]) -> str:
    """Return names as a row shows them."""
    return ", ".join(names) if names else NOT_OBSERVED


REFUSED: Final = "refused"
"""How a default model begins where a request without a model was refused."""


def wire_drift(
    legacy: WireObservation,
    candidate: WireObservation,
    legacy_norms: NormRange,
    candidate_norms: NormRange,
    names: tuple[str, str] = ("", ""),
) -> tuple[DriftRow, ...]:
    """Return the wire drift of one date and model: URL, fields, number format, dimension, norms, default model.

    The L2 norms are the same when both sides give unit vectors, or when both ranges read the same (two decimals, three
    digits below 1). Default models are the same too where each side showed its own name for the model of the partition.

    Args:
        legacy: What the legacy side showed.
        candidate: What the candidate showed.
        legacy_norms: The legacy side's norms.
        candidate_norms: The candidate's.
        names: The names that were requested of either side; the settings say that they are one model.
    """
    return (
        drift_row("URL", legacy.method_and_path, candidate.method_and_path),
        drift_row("request fields", listed_names(legacy.request_fields), listed_names(candidate.request_fields)),
        drift_row("response fields", listed_names(legacy.response_fields), listed_names(candidate.response_fields)),
        drift_row("number format", legacy.number_format, candidate.number_format),
        drift_row("dimension", str(legacy.dimension or NOT_OBSERVED), str(candidate.dimension or NOT_OBSERVED)),
        drift_row("L2 norm", legacy_norms.describe(), candidate_norms.describe()),
        _default_model(legacy.default_model, candidate.default_model, names),
    )


def _default_model(legacy: str, candidate: str, names: tuple[str, str]) -> DriftRow:
    row = drift_row("default model", legacy, candidate)
    return replace(row, same=True) if names == (legacy, candidate) else row
