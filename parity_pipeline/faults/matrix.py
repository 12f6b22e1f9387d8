"""The fault matrix: every trial by the steps of a real run, in this process, and the tracked document of it.

Here belongs one trial, from its faults to a row of the table in Markdown. Texts and affected texts belong to `texts`,
sides to `trial_run`, what counts as right to `expected_causes`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from parity_pipeline.core.checks import of_side
from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.side_checks import EXPERIMENTS
from parity_pipeline.demo.fault_proxy import COMPANY_LOOKS, COMPANY_SECONDS
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS, NOT_FAKED
from parity_pipeline.faults.expected_causes import Trial, trials
from parity_pipeline.faults.texts import CHARACTERS, beginning, sample_set, scope_for
from parity_pipeline.faults.trial_run import (
    ALIKE,
    COULD_NOT_RUN,
    SHAPES,
    Judged,
    context_for,
    fetch_clean_sides,
    judge_faulty,
    judged,
    side_of,
)
from parity_pipeline.report.escape import table
from parity_pipeline.steps.context import Gateway, RunContext

SEED: Final = 27_182
"""Seed of texts and faults: none that the diagnosis was made with."""

SIZES: Final = (5, 50, 500)
"""Sample-set sizes; the page shows the smallest one that reveals a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table.

    Attributes:
        trial: What was tried.
        judged: What the product said of the largest set.
        named: Causes named there that the clean comparison does not name, in the order of `CauseName`.
        needed: Smallest set that shows it; None where none does.
        right: Whether the cause was named rightly.
        false: Causes that were called proven, wrongly.
    """

    trial: Trial
    judged: Judged
    named: tuple[CauseName, ...]
    needed: int | None
    right: bool
    false: frozenset[CauseName] = frozenset()

    @property
    def detected(self) -> bool:
        """Return whether the largest set shows it."""
        return self.needed is not None


@dataclass
class Matrix:
    """All trials on the sets of one seed, in a folder of its own; the clean sides run once for each size.

    Attributes:
        folder: Where the runs keep their files.
        seed: Seed of texts and faults.
        block: The largest set.
    """

    folder: Path
    seed: int = SEED
    block: SampleBlock = field(init=False)
    _clean: dict[tuple[bool, int], tuple[RunContext, Judged]] = field(
        default_factory=dict[tuple[bool, int], tuple[RunContext, Judged]]
    )

    def __post_init__(self) -> None:
        """Make the largest set."""
        self.block = sample_set(self.seed, SIZES[-1])

    def lines(self, chosen: Sequence[Trial] = (), show: Callable[[Line], None] = lambda _: None) -> list[Line]:
        """Return one line per trial, all of them where none is chosen; `show` is called with each when it is known."""
        found: list[Line] = []
        for trial in chosen or trials():
            found.append(self.line(trial))
            show(found[-1])
        return found

    def line(self, trial: Trial) -> Line:
        """Run one trial on the largest set, and on smaller ones until one shows it."""
        scope = scope_for(trial, self.block, self.seed)
        largest = self._judged(trial, scope, SIZES[-1])
        clean = self.clean(SIZES[-1], alike=_alike(trial))
        sizes = SIZES[-1:] if trial.lone else SIZES
        needed = next((size for size in sizes if self._shows(trial, scope, size, largest)), None)
        named = tuple(cause for cause in CauseName if cause in largest.causes - clean.causes)
        return Line(
            trial=trial,
            judged=largest,
            named=named,
            needed=needed,
            right=is_right(trial, largest, clean),
            false=proven_wrongly(trial, largest, clean),
        )

    def clean(self, size: int, *, alike: bool) -> Judged:
        """Return what the product says of the sides without a fault."""
        return self._clean_run(size, alike=alike)[1]

    def _shows(self, trial: Trial, scope: Scope, size: int, largest: Judged) -> bool:
        found = largest if size == SIZES[-1] else self._judged(trial, scope, size)
        return found.differs(self.clean(size, alike=_alike(trial)))

    def _judged(self, trial: Trial, scope: Scope, size: int) -> Judged:
        """Return what the product says of one clean side and one with the faults of a trial."""
        alike = _alike(trial)
        sides = self._clean_sides(alike=alike)
        sides[trial.side] = side_of(trial.side, ALIKE if alike else SHAPES, ",".join(trial.faults), scope)
        with TemporaryDirectory(dir=self.folder) as folder:
            run = context_for(Path(folder), beginning(self.block, size), sides)
            clean, _ = self._clean_run(size, alike=alike)
            return judge_faulty(run, trial.side, clean, warm=any(one.warm for one in trial.wanted))

    def _clean_run(self, size: int, *, alike: bool) -> tuple[RunContext, Judged]:
        """Return the run on both sides without a fault, which are fetched and judged the first time."""
        if (alike, size) not in self._clean:
            folder = self.folder / f"clean-{size}-{alike}"
            run = context_for(folder, beginning(self.block, size), self._clean_sides(alike=alike))
            fetch_clean_sides(run)
            self._clean[alike, size] = run, judged(run)
        return self._clean[alike, size]

    def _clean_sides(self, *, alike: bool) -> dict[Side, Gateway]:
        return {side: side_of(side, ALIKE if alike else SHAPES, "", Scope(seed=self.seed)) for side in Side}


def _alike(trial: Trial) -> bool:
    return any(one.alike for one in trial.wanted)


def is_right(trial: Trial, found: Judged, clean: Judged) -> bool:
    """Say whether each fault of a trial is named and nothing else is; a norm that changed along may be named."""
    wanted = trial.wanted
    if found.verdict == COULD_NOT_RUN:
        return any(one.is_said_in(found.message) for one in wanted)
    named = found.causes - clean.causes
    if not named and (found.verdict != Decision.FAIL or _only_experiments_fail(trial, found)):
        return any(one.error in found.errors - clean.errors for one in wanted if one.error)
    return all(bool(named & one.causes) or not one.causes for one in wanted) and named <= trial.allowed


def proven_wrongly(trial: Trial, found: Judged, clean: Judged) -> frozenset[CauseName]:
    """Return the causes that are called proven and are none that the faults of a trial have."""
    return found.proven - clean.proven - trial.allowed


def _only_experiments_fail(trial: Trial, found: Judged) -> bool:
    """Return whether no sample differs, so that there is no cause to name: the faulty side's experiments alone fail it."""
    return bool(found.failing) and found.failing <= {of_side(trial.side, subject) for subject in EXPERIMENTS.values()}


HEAD: Final = ("Fault", "Case", "Affects", "Verdict", "Cause named", "Named rightly", "Samples needed")

_CASES: Final = {fault.name: fault.case for fault in FAULTS}

_INTRODUCTION: Final = f"""\
# What each fault looks like from outside

What the product says of every fault that the demo can fake, in front of one of its gateways. `parity faults` writes
this page. Everything in its tables is measured, and a test compares rows of them with the code.

- **Method.** The demo's two gateways and the fault proxy run in one process, and all steps of a partition with their
  defaults: fetch, repeatability of both sides, comparison, diagnosis with its extra requests, and verdict.
- **Texts.** {SIZES[-1]} texts made from seed {SEED}: half of them made-up traffic, half hazards. Smaller sets are the first
  texts of larger ones.
- **Affects.** The texts that a fault affects: all of them, one in {SIZES[-1]} (or the two that it takes), or all of them on
  the legacy side. The single text is any that the fault can change, chosen before the run. Other spellings of its
  letters and digits are affected too. `truncate` cuts after {CHARACTERS} characters.
- **Verdict.** The verdict on {SIZES[-1]} samples. A fault of all requests may leave nothing to judge: the run then ends with
  an error, which has to name the kind of failure.
- **Named rightly.** What counts as right is a table (`parity_pipeline/faults/expected_causes.py`), written before the
  first run. Each fault has to be named, and no other cause. Allowed beside it are the circumstances of a side that
  depends on them, and norms that changed along. Where the text of a single differing row does not explain it, naming
  no cause is right.
- **Samples needed.** The smallest of {", ".join(map(str, SIZES))} samples that shows anything the same sides do not show without
  the fault: another verdict, a cause, an observation, a side that is not repeatable, or failed requests.
- **Load.** `swap-under-load`, `equal-lengths` and `zeros-under-load` show only while another request is in flight. The
  proxy holds a response for at most {COMPANY_LOOKS * COMPANY_SECONDS * 1000:.0f} ms until there is one, since a real model takes time too. A
  single affected text is in a request that others follow.
- **Unknown.** A text that fails in every spelling and in every request has no named cause: after `history` on one text,
  no request can distinguish the state of the server from a defect with that text.
"""


def document(lines: Sequence[Line]) -> str:
    """Return the whole page."""
    parts = [
        _INTRODUCTION,
        f"{summary(lines)}\n",
        "## The table\n",
        "\n".join(table(HEAD, (cells(line) for line in lines), right=(1, 6))) + "\n",
        "## What is wrong or missed\n",
        "\n".join(_weak(lines)) + "\n",
        "## What cannot be faked here\n",
        "\n".join(table(("Case", "Why"), ((str(case), why) for case, why in NOT_FAKED.items()), right=(0,))) + "\n",
    ]
    return "\n".join(parts)


def summary(lines: Sequence[Line]) -> str:
    """Return the shares in words, and how many causes were called proven wrongly."""
    detected, right = sum(line.detected for line in lines), sum(line.right for line in lines)
    false = sum(len(line.false) for line in lines)
    return (
        f"**Detected: {detected} of {len(lines)} ({detected / len(lines):.0%}). "
        f"Cause named rightly: {right} of {len(lines)} ({right / len(lines):.0%}). Called proven wrongly: {false}.**"
    )


def terminal_row(line: Line) -> str:
    """Return one row for a terminal."""
    return " | ".join(cells(line)).replace("`", "").replace("*", "")


def cells(line: Line) -> tuple[str, ...]:
    """Return one row of the table; every word in it is the project's own."""
    trial = line.trial
    named = ", ".join(cause.value for cause in line.named)
    if not named:
        named = "in the error" if line.judged.verdict == COULD_NOT_RUN else ", ".join(_failed(line)) or "none"
    return (
        " + ".join(f"`{name}`" for name in trial.faults),
        ", ".join(str(_CASES[name]) if _CASES[name] else "—" for name in trial.faults),
        _affects(line),
        line.judged.verdict,
        named,
        "right" if line.right else "**wrong**",
        "not detected" if line.needed is None else str(line.needed),
    )


def _affects(line: Line) -> str:
    if line.trial.side is Side.LEGACY:
        return "all, legacy"
    if not line.trial.lone:
        return "all"
    return f"{max(one.rows for one in line.trial.wanted)} in {SIZES[-1]}"


def _failed(line: Line) -> Iterable[str]:
    """Return the kinds of failed requests of a fault that leaves every vector right."""
    wanted = {one.error for one in line.trial.wanted}
    return sorted(f"requests: {kind}" for kind in line.judged.errors if line.right and kind in wanted)


def _weak(lines: Sequence[Line]) -> list[str]:
    """Return one list item per row that is wrong or missed; one sentence where there is none."""
    weak = [line for line in lines if not (line.right and line.detected)]
    return [f"- {' | '.join(cells(line))}" for line in weak] or ["Nothing in this run."]
