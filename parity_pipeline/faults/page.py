"""The matrix of faults as a tracked document.

Here belongs its Markdown. The rows come from `matrix`, and what counts as right from `expected_causes`.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.fault_proxy import COMPANY_LOOKS, COMPANY_SECONDS
from parity_pipeline.demo.fault_table import FAULTS, NOT_FAKED
from parity_pipeline.faults.matrix import SEED, SIZES, Line
from parity_pipeline.faults.texts import CHARACTERS
from parity_pipeline.faults.trial_run import COULD_NOT_RUN
from parity_pipeline.report.sentences import table

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
    return sorted(f"requests: {kind}" for kind in line.judged.errors if line.right and kind in _wanted(line))


def _wanted(line: Line) -> set[str]:
    return {one.error for one in line.trial.wanted}


def _weak(lines: Sequence[Line]) -> list[str]:
    """Return one list item per row that is wrong or missed; one sentence where there is none."""
    weak = [line for line in lines if not (line.right and line.detected)]
    return [f"- {' | '.join(cells(line))}" for line in weak] or ["Nothing in this run."]
