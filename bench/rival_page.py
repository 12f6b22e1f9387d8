"""The page that tells what two tools made of the same faults.

Here belong the records of a line and how they are written. Judging belongs to `rival`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

OUTSIDE: Final = {
    "shift-after-blank": "blank texts: its servers refuse them, so it leaves them out and says so",
    "refuse-long": "limits: it asks its servers to cut texts",
    "replace-surrogates": "texts without UTF-8: it has no way to send them, so the shared texts hold none",
    "swap-under-load": "different texts at once: its concurrency check sends one text",
}
"""What it does not set out to see."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool made of a side: its own word, why, whether that is an alarm, and whether a spoilt answer reached it."""

    word: str
    why: str
    alarm: bool
    reached: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One fault at one rate."""

    fault: str
    rate: str
    theirs: Told
    ours: Told


def outcome_of(told: Told, fault: str, *, theirs: bool) -> str:
    """Return what to call it: seen, missed, outside of what a tool sets out to do, or never reached by the fault."""
    if fault == "none":
        return "false alarm" if told.alarm else "no alarm"
    if told.alarm:
        return "seen"
    if told.why:
        return "told"
    if theirs and fault in OUTSIDE:
        return "out of scope"
    return "missed" if told.reached else "not reached"


def page(lines: Sequence[Line], version: str, day: str, texts: int) -> Iterator[str]:
    """Yield the lines of the page in Markdown."""
    yield "# The same faults before embed-parity and before this project"
    yield ""
    yield f"Written by `bench/rival.py` on {day}, embed-parity {version}; see [benchmarks.md](benchmarks.md) for how. Both tools"
    yield f"judge the same {texts} texts, its own built-in ones and hazards of this project, with the vectors of one small real model,"
    yield "in one process. embed-parity asks through its own TEI client, with the defaults of its command line: batch sizes 1, 8 and 32,"
    yield "its check of lengths, four requests at once three times. In place of SentenceTransformers, which is not needed for judging,"
    yield "stands a clean side. This project fetches with its own engine in the `tei` dialect, compares, tries both sides against"
    yield "themselves and judges, all with defaults. Its doctor, its diagnosis and its drift catalogue take no part."
    yield ""
    yield "*seen*: an alarm, that is, exit code 1 or 2 there, FAIL or INCONCLUSIVE here. *told*: exit code 0 or PASS, and a finding beside"
    yield "it. *missed*: a spoilt answer came and nothing was said. *not reached*: it never sent a request that the fault spoils. *out of scope*: it does not set out to see this;"
    yield "no miss. An alarm says that something is wrong, not that its cause is named rightly."
    yield ""
    yield from _counts(lines)
    yield ""
    yield "| fault | hit | embed-parity | what it said | this project | what it said |"
    yield "|---|---|---|---|---|---|"
    for line in lines:
        yield _row(line)
    yield ""
    yield "A miss is not always a flaw. A fault with the noise of `noise` leaves a cosine of 0.99, which embed-parity allows a single vector"
    yield "(its limits: 0.990 for the smallest, 0.999 for the mean) and this project does not (0.999 for each); so with the lone texts of"
    yield "`drop-punctuation` and `context-size`. That it compares batches of 8 and 32 by their mean is why one strayed row in 200 passes there."
    yield "`int8` stays above both limits. Norms that differ fail embed-parity beyond 5 % and are only told here, unless the settings say"
    yield "otherwise; a short answer makes it stop, while this project asks each text again alone and tells of it."
    yield ""
    yield "Out of the scope of embed-parity:"
    yield ""
    yield from (f"- `{fault}`: {why}" for fault, why in OUTSIDE.items())
    yield ""
    yield from _differences(lines)


def _counts(lines: Sequence[Line]) -> Iterator[str]:
    faults = [line for line in lines if line.fault != "none"]
    yield "| | seen | told | missed | not reached | out of scope |"
    yield "|---|---|---|---|---|---|"
    for whole in (True, False):
        mine = [line for line in faults if (line.rate == "all") == whole]
        for name, theirs in (("embed-parity", True), ("this project", False)):
            found = Counter(
                outcome_of(line.theirs if theirs else line.ours, line.fault, theirs=theirs) for line in mine
            )
            cells = " | ".join(str(found[word]) for word in ("seen", "told", "missed", "not reached", "out of scope"))
            yield f"| {name}, {'all texts hit' if whole else 'one or two texts hit'} | {cells} |"


def _row(line: Line) -> str:
    cells = [f"`{line.fault}`", line.rate]
    for told, theirs in ((line.theirs, True), (line.ours, False)):
        cells += [
            f"{outcome_of(told, line.fault, theirs=theirs)} ({told.word})",
            told.why.replace("|", "\\|") or "nothing",
        ]
    return "| " + " | ".join(cells) + " |"


def _differences(lines: Sequence[Line]) -> Iterator[str]:
    for words, theirs in (("Seen by embed-parity and not by this project", True), ("The other way round", False)):
        found = [
            f"`{line.fault}` ({line.rate})"
            for line in lines
            if line.fault != "none" and (line.theirs.alarm, line.ours.alarm) == (theirs, not theirs)
        ]
        yield f"{words}: {', '.join(found) or 'none'}."
        yield ""
