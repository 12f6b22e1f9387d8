"""Diagnose sides with every fault of the demo's table and a few more, and print which causes were named.

Run: `.venv/bin/python -m bench.diagnosis [--texts 500]`. No network is used: both sides live in this process.
"""

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity_pipeline.core.diagnosis.context import DiagnosisContext
from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.records import CauseName, Diagnosis, DiagnosisInput
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS, Fault
from parity_pipeline_tests.core.diagnosis.corpus import corpus
from parity_pipeline_tests.core.diagnosis.faulty_sides import FaultySide, experiments, inquiry, narrow, real, subject
from parity_pipeline_tests.core.diagnosis.vector_spaces import SPACES

N = CauseName
MOVED = {N.PERMUTED_ROWS}
STEADY = {N.CIRCUMSTANCES, N.BATCH_SIZE, N.CONCURRENCY, N.HISTORY, N.STALE_CACHE, N.NOT_DETERMINISTIC}

RIGHT: Mapping[str, set[CauseName]] = {
    "permute": MOVED,
    "large-batch": {N.BATCH_SIZE, N.CIRCUMSTANCES},
    "swap-under-load": MOVED,
    "history": {N.HISTORY},
    "unsteady": {N.NOT_DETERMINISTIC},
    "unit-norm": {N.NORMALISATION},
    "raw-norm": {N.NORMALISATION},
    "truncate": {N.TRUNCATION},
    "refuse-long": {N.REFUSED_OVER_LENGTH, N.REFUSED},
    "lower-case": {N.CASE},
    "strip-accents": {N.ACCENTS},
    "unicode-nfc": {N.UNICODE_FORM},
    "drop-punctuation": {N.PUNCTUATION},
    "rotate-space": {N.REORDERED_AXES},
    "prefix": {N.PREFIX},
    "newline-to-space": {N.NEWLINE},
    "trim": {N.TRIM},
    "error-500": {N.REFUSED},
    "nan": {N.NON_FINITE},
    "null": {N.NON_FINITE},
    "quarter-width": {N.TRUNCATED_DIMENSIONS, N.REINTERPRETED_BYTES},
    "shift-after-blank": {N.SHIFTED_ROWS},
    "empty-vector": {N.NO_ANSWER},
    "drop-row": {N.NO_ANSWER},
    "batch-cap": {N.NO_ANSWER},
    "zero-vector": {N.ZERO_VECTOR},
    "wrong-model": {N.WRONG_MODEL},
    "stale-cache": {N.STALE_CACHE},
    "half-width": {N.TRUNCATED_DIMENSIONS},
    "noise": {N.PRECISION},
    "int8": set(),
    "html": {N.REFUSED, N.NO_ANSWER},
    "equal-lengths": {N.EQUAL_LENGTH, N.CONCURRENCY, N.CIRCUMSTANCES},
    "context-size": {N.PRECISION, N.TRUNCATION},
    "capitals-collapse": {N.CASE, N.TOKENIZER},
    "zeros-under-load": {N.ZERO_VECTOR, N.CONCURRENCY},
    "too-many": {N.REFUSED, N.NO_ANSWER},
}
"""What counts as right. A set that is empty, or a lone strayed row of `noise`, has nothing that could be named."""

LEFT_OUT = {"small-body", "replace-surrogates"}
"""Faults that no vector of these texts shows: one of the transport alone, one of texts that are not among them."""

UNDER_LOAD = {"swap-under-load", "equal-lengths", "zeros-under-load"}

PAIRS = (
    ("lower-case", "trim"),
    ("lower-case", "raw-norm"),
    ("truncate", "unit-norm"),
    ("newline-to-space", "lower-case"),
    ("truncate", "permute"),
)
"""Two faults at once, each of which has to be named."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the confusion table."""

    fault: str
    rate: float
    how: str
    failing: int
    named: tuple[str, ...]
    requests: int
    right: bool

    @property
    def grade(self) -> str:
        """Return "yes", "unknown" where nothing was named and something failed, or "NO" for a wrong name."""
        return "yes" if self.right else "NO" if self.named else "unknown"


def named_in(diagnosis: Diagnosis) -> set[CauseName]:
    """Return the causes that a diagnosis names, those that do not affect the verdict included."""
    return {cause.name for cause in (*diagnosis.causes, *diagnosis.remarks)}


def is_right(faults: Sequence[str], rate: float, diagnosis: Diagnosis) -> bool:
    """Say whether each fault is named and nothing else is; norms that a fault changes along may be named."""
    named = named_in(diagnosis)
    wanted = [RIGHT[fault] for fault in faults]
    if faults == ["noise"] and rate < 1:
        wanted = [set()]
    allowed = set[CauseName]().union(*wanted, {N.NORMALISATION})
    if (STEADY | MOVED) & allowed:  # an experiment sees rows that only a batch or a load permutes, too
        allowed |= STEADY
    return all(bool(named & one) or not one for one in wanted) and named <= allowed


def faulty(faults: Sequence[Fault], texts: Sequence[str], rate: float) -> tuple[FaultySide, DiagnosisInput] | None:
    """Return a faulty side and its comparison, with the first seed at which a fault shows; None where none does."""
    quiet = {"raw-norm", "unit-norm", "int8"}
    for seed in range(200):
        scope = Scope(rate=rate, seed=seed, other_models=("wordllama-64",), characters=60)
        side = FaultySide(real, faults, scope)
        if any(fault.name == "stale-cache" for fault in faults):
            side.fetch(texts)
        if any(fault.name == "history" for fault in faults):
            side.respond(["long " * 200])
        given = subject(texts, side, in_flight=4 if faults[0].name in UNDER_LOAD else 1)
        if any(fault.model for fault in faults):
            given = dataclasses.replace(given, known={"wordllama-64 of the candidate": narrow(texts)})
        if {fault.name for fault in faults} & quiet or DiagnosisContext(given).failing.any():
            return side, given
    return None


def lines_of(faults: Sequence[Fault], texts: Sequence[str], rate: float) -> list[Line]:
    """Diagnose one faulty side from stored vectors alone, with experiments, and with requests."""
    made = faulty(faults, texts, rate)
    names = [fault.name for fault in faults]
    if made is None:
        return []
    side, given = made
    trials = experiments(side, texts)
    options: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("stored", {}),
        ("experiments", {"experiments": trials}),
        ("all", {"experiments": trials, "inquiry": inquiry(side)}),
    )
    return [_line(names, rate, how, diagnose(given, **more)) for how, more in options]


def _line(names: list[str], rate: float, how: str, diagnosis: Diagnosis) -> Line:
    named = tuple(sorted(named_in(diagnosis)))
    right = is_right(names, rate, diagnosis)
    return Line("+".join(names), rate, how, diagnosis.failing, named, diagnosis.requests_used, right)


def space_lines(texts: Sequence[str]) -> list[Line]:
    """Diagnose changes of the whole space, clean sides and noisy ones from stored vectors."""
    found: list[Line] = []
    for space in SPACES:
        given = subject(texts, FaultySide(space.faulty), FaultySide(space.true))
        diagnosis = diagnose(given)
        causes = {cause.name for cause in diagnosis.causes}
        right = causes == set(space.causes)
        named = tuple(sorted(named_in(diagnosis)))
        found.append(Line(space.name, 1.0, "stored", diagnosis.failing, named, 0, right))
    return found


def main(show: Callable[[str], None] = print) -> None:
    """Print the table and the shares named rightly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=500)
    texts = corpus(parser.parse_args().texts)
    named = {fault.name: fault for fault in FAULTS if fault.name not in LEFT_OUT}
    lines = [line for fault in named.values() for rate in (1.0, 0.002) for line in lines_of([fault], texts, rate)]
    lines += [line for pair in PAIRS for line in lines_of([named[name] for name in pair], texts, 1.0)]
    lines += space_lines(texts)
    show(f"| {'fault':28} | {'rate':>5} | {'from':11} | failing | right   | requests | named |")
    for line in lines:
        show(
            f"| {line.fault:28} | {line.rate:5} | {line.how:11} | {line.failing:7} | {line.grade:7} | {line.requests:8} | "
            f"{', '.join(line.named) or 'nothing'} |"
        )
    for how in ("stored", "experiments", "all"):
        mine = [line for line in lines if line.how == how]
        good = sum(line.right for line in mine)
        wrong = sum(line.grade == "NO" for line in mine)
        rest = f"{len(mine) - good - wrong} unknown, {wrong} wrong"
        show(f"{how}: {good} of {len(mine)} named rightly, {good / len(mine):.0%}; {rest}")


if __name__ == "__main__":
    main()
