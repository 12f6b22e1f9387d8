"""The matrix of faults as a tracked document.

Here belongs its Markdown. What stands in it comes from `matrix`, what counts as right from `expected_causes`.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.fault_proxy import COMPANY_LOOKS, COMPANY_SECONDS
from parity_pipeline.demo.fault_table import FAULTS, NOT_FAKED
from parity_pipeline.faults.affected_texts import CHARACTERS
from parity_pipeline.faults.matrix import SEED, SIZES, Line
from parity_pipeline.faults.trial_run import COULD_NOT_RUN
from parity_pipeline.report.sentences import table

HEAD: Final = ("Fault", "Case", "Hits", "Verdict", "Cause named", "Named rightly", "Samples needed")

_CASES: Final = {fault.name: fault.case for fault in FAULTS}

_INTRODUCTION: Final = f"""\
# What each fault looks like from outside

Every fault that the demo can fake, put before one of its gateways, and what the product says of it: `parity faults` writes this page.
Nothing in its tables is typed in by hand, and a test holds rows of them against the code.

- **How it is run.** The demo's two gateways and the fault proxy in one process, asked through the real engine; the real comparison and
  judgement under the default threshold; each side tried against itself; the real diagnosis with at most 12 extra requests.
- **On what.** {SIZES[-1]} texts made from seed {SEED}: half of them made-up traffic, half of them probes of the hazard corpus. What they showed has
  since been mended, so see *Held out?* below. Smaller sets are the beginnings of larger ones.
- **Hits.** Which texts a fault hits: all of them, one in {SIZES[-1]} (or the two that it takes), or all of them on the legacy side. The one text is any that
  the fault can change, chosen before anything is asked; other spellings of its letters and digits are hit with it. `truncate` cuts at {CHARACTERS} characters.
- **Verdict** is that on {SIZES[-1]} samples. A fault of all requests may leave nothing to judge: the run then ends with an error, which has to name the
  trouble.
- **Named rightly** goes by a table that was written before the first run (`parity_pipeline/faults/expected_causes.py`): each fault has to
  be named and no other cause, but for circumstances of a side that depends on them and for norms that changed along. Where one
  row strayed for no reason in its text, naming nothing is right.
- **Held out?** Each first look at a seed was followed by mending what it showed, so the honest shares are those of first looks. Seed 20270
  named 60 of 82 rightly and detected 79, some of its faults changing nothing or two things at once; seed 31415 73 and 81; seed 27182, the one
  of this page, 74 and 82. After the last mending three more were looked at once, and nothing was changed for them: 141421, 161803 and 577215
  named 80, 81 and 81 of 82 rightly and detected all. The table below is what the code says of seed {SEED} now.
- **Samples needed** is the smallest of {", ".join(map(str, SIZES))} samples at which a reader sees anything that the same sides do not show without the
  fault: another verdict, a cause or a remark, an unstable side, or requests that fail.
- **Load.** `swap-under-load`, `equal-lengths` and `zeros-under-load` show only while another request is in flight. The proxy holds an answer for
  {COMPANY_LOOKS * COMPANY_SECONDS * 1000:.0f} ms at most until one is, as a model that takes its time would; their lone texts stand in requests that others follow.
- **Unknown.** What keeps failing in every spelling and however it is asked has no name: `history` on one text, after which no request tells the
  server's state from a flaw in what it makes of that text.
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
    """Return the two shares in words."""
    detected, right = sum(line.detected for line in lines), sum(line.right for line in lines)
    return (
        f"**Detected: {detected} of {len(lines)} ({detected / len(lines):.0%}). Cause named rightly: {right} of {len(lines)} "
        f"({right / len(lines):.0%}).**"
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
        _hits(line),
        line.judged.verdict,
        named,
        "right" if line.right else "**wrong**",
        "not detected" if line.needed is None else str(line.needed),
    )


def _hits(line: Line) -> str:
    if line.trial.side is Side.LEGACY:
        return "all, legacy"
    if not line.trial.lone:
        return "all"
    return f"{max(one.rows for one in line.trial.wanted)} in {SIZES[-1]}"


def _failed(line: Line) -> Iterable[str]:
    """Return the kinds of failed requests that a fault which leaves every vector right shows."""
    return sorted(f"requests: {kind}" for kind in line.judged.errors if line.right and kind in _wanted(line))


def _wanted(line: Line) -> set[str]:
    return {one.error for one in line.trial.wanted}


def _weak(lines: Sequence[Line]) -> list[str]:
    """Return a list item a row that is not as it should be; one sentence where there is none."""
    weak = [line for line in lines if not (line.right and line.detected)]
    return [f"- {' | '.join(cells(line))}" for line in weak] or ["Nothing in this run."]
