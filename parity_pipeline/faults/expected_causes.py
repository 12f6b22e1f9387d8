"""The trials of the matrix: each fault at its rates, and which causes count as the right name for it.

Here belongs the table, written from what each fault does and not from what a diagnosis says of it. A row may be added
or fixed where it was unfair, never so that a wrong name becomes a right one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline.core.outcomes import Side

N = CauseName

_UNSTEADY: Final = frozenset({N.CIRCUMSTANCES, N.BATCH_SIZE, N.CONCURRENCY, N.EQUAL_LENGTH, N.HISTORY, N.STALE_CACHE})
"""A side that depends on its circumstances may truly depend on several of them."""

ONE_ROW: Final = 1 / 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What counts as right for one fault.

    Attributes:
        causes: Any one of these has to be named. Empty where no cause fits and none may be named.
        beside: These may be named too; all else is wrong. A changed norm may always be named.
        error: The kind of the failed requests, and part of the message where the side cannot be used at all.
        said: Part of that message where it is said in words; "" for the kind.
        by_row: Whether it hits texts by itself, so that it is tried on one row in 500 too.
        rows: How many rows of one request it takes to change anything.
        alike: Tried with raw vectors on both sides.
        warm: Whether the same texts are sent the day before too.
    """

    causes: frozenset[CauseName] = frozenset()
    beside: frozenset[CauseName] = frozenset()
    error: str = ""
    said: str = ""
    by_row: bool = True
    rows: int = 1
    alike: bool = False
    warm: bool = False

    def is_said_in(self, message: str) -> bool:
        """Return whether a message says why the side cannot be used at all."""
        return bool(self.error) and (self.said or self.error) in message


def _named(*causes: CauseName, error: str = "", said: str = "", by_row: bool = True) -> Expected:
    return Expected(causes=frozenset(causes), error=error, said=said, by_row=by_row)


def _unsteady(*causes: CauseName, by_row: bool = True, rows: int = 1, warm: bool = False) -> Expected:
    return Expected(causes=frozenset(causes), beside=_UNSTEADY, by_row=by_row, rows=rows, warm=warm)


EXPECTED: Final[Mapping[str, Expected]] = MappingProxyType(
    {
        "permute": Expected(causes=frozenset({N.PERMUTED_ROWS}), beside=_UNSTEADY, rows=2),
        "large-batch": _unsteady(N.BATCH_SIZE, N.CIRCUMSTANCES),
        "swap-under-load": Expected(
            causes=frozenset({N.PERMUTED_ROWS, N.CONCURRENCY}), beside=_UNSTEADY | {N.PERMUTED_ROWS}, rows=2
        ),
        "equal-lengths": _unsteady(N.EQUAL_LENGTH, N.CONCURRENCY, N.CIRCUMSTANCES),
        "history": _unsteady(N.HISTORY, N.CIRCUMSTANCES),
        "unsteady": Expected(causes=frozenset({N.NOT_DETERMINISTIC}), beside=_UNSTEADY),
        "unit-norm": Expected(causes=frozenset({N.NORMALISATION}), by_row=False, alike=True),
        "raw-norm": Expected(causes=frozenset({N.NORMALISATION}), by_row=False, alike=True),
        "truncate": _named(N.TRUNCATION),
        "refuse-long": _named(N.REFUSED_OVER_LENGTH, N.REFUSED),
        "context-size": _named(N.PRECISION, N.TRUNCATION),
        "lower-case": _named(N.CASE),
        "capitals-collapse": _named(N.CASE, N.TOKENIZER),
        # it composes what is left, which is another Unicode form of a text without accents, such as decomposed Hangul
        "strip-accents": Expected(causes=frozenset({N.ACCENTS}), beside=frozenset({N.UNICODE_FORM})),
        "unicode-nfc": _named(N.UNICODE_FORM),
        "drop-punctuation": _named(N.PUNCTUATION, N.TOKENIZER),
        "rotate-space": _named(N.REORDERED_AXES),
        "prefix": _named(N.PREFIX),
        "newline-to-space": _named(N.NEWLINE),
        "trim": _named(N.TRIM),
        "error-500": _named(N.REFUSED, error="http_500"),
        "nan": _named(N.NON_FINITE, error="not_json"),
        "null": _named(N.NON_FINITE, error="not_numbers"),
        "replace-surrogates": _named(N.REFUSED),
        "small-body": _named(N.REFUSED_OVER_LENGTH, N.REFUSED, error="http_413", by_row=False),
        # the demo's narrow model is a quarter of its wide one, so these two faults give the very same vectors
        "quarter-width": Expected(
            causes=frozenset({N.TRUNCATED_DIMENSIONS, N.REINTERPRETED_BYTES}), beside=frozenset({N.WRONG_MODEL})
        ),
        # the blank texts themselves get vectors then, while the other side refuses them; one that is sent alone, after a
        # request that failed for another reason, has no row above it to repeat and gets an empty vector
        "shift-after-blank": Expected(
            causes=frozenset({N.SHIFTED_ROWS}), beside=frozenset({N.REFUSED, N.BLANK, N.NO_ANSWER})
        ),
        "empty-vector": _named(N.NO_ANSWER, error="empty_vector"),
        "drop-row": _named(N.NO_ANSWER, error="wrong_count"),
        "batch-cap": _named(N.NO_ANSWER, error="wrong_count", by_row=False),
        "zero-vector": _named(N.ZERO_VECTOR),
        "zeros-under-load": Expected(causes=frozenset({N.ZERO_VECTOR, N.CONCURRENCY}), beside=_UNSTEADY),
        "too-many": _named(N.NO_ANSWER, error="http_429"),
        "wrong-model": Expected(
            causes=frozenset({N.WRONG_MODEL}), beside=frozenset({N.TRUNCATED_DIMENSIONS}), by_row=False
        ),
        "stale-cache": _unsteady(N.STALE_CACHE, warm=True),
        "half-width": _named(N.TRUNCATED_DIMENSIONS, error="ragged"),
        "noise": _named(N.PRECISION),
        "int8": _named(N.PRECISION),
        "html": _named(N.REFUSED, N.NO_ANSWER, error="not_json", said="it responds with a web page titled"),
    }
)
"""What counts as right, by the fault's name."""

LONE_ROW_UNKNOWN: Final = frozenset({"noise", "context-size", "unsteady"})
"""Faults of which a single strayed row shows nothing that could be named: naming nothing is right there."""

PAIRS: Final = (
    ("strip-accents", "truncate"),
    ("drop-punctuation", "raw-norm"),
    ("prefix", "permute"),
    ("newline-to-space", "strip-accents"),
    ("truncate", "unicode-nfc"),
)
"""Two faults at once, each of which has to be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One row of the matrix.

    Attributes:
        faults: Names of faults, one or two.
        rate: Share of texts that are hit.
        side: Side they stand before.
    """

    faults: tuple[str, ...]
    rate: float = 1.0
    side: Side = Side.CANDIDATE

    @property
    def lone(self) -> bool:
        """Return whether one row in 500 is hit, or as few as the fault needs."""
        return self.rate < 1

    @property
    def wanted(self) -> tuple[Expected, ...]:
        """Return what counts as right for each of the faults."""
        found = [EXPECTED[name] for name in self.faults]
        if self.lone and LONE_ROW_UNKNOWN & set(self.faults):
            return (Expected(beside=_UNSTEADY | found[0].causes),)
        return tuple(found)

    @property
    def allowed(self) -> frozenset[CauseName]:
        """Return the causes that may be named; a norm that changed along always may."""
        return frozenset[CauseName]().union(*(one.causes | one.beside for one in self.wanted), {N.NORMALISATION})


_OTHER_SIDE: Final = ("prefix", "lower-case", "truncate", "permute")


def trials() -> tuple[Trial, ...]:
    """Return every trial: each fault on every text, on one row in 500, before the legacy side, and pairs of faults."""
    return (
        *(Trial(faults=(name,)) for name in EXPECTED),
        *(Trial(faults=(name,), rate=ONE_ROW) for name, one in EXPECTED.items() if one.by_row),
        *(Trial(faults=(name,), side=Side.LEGACY) for name in _OTHER_SIDE),
        *(Trial(faults=pair) for pair in PAIRS),
    )
