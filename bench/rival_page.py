"""The page that compares the results of two tools on the same faults.

Here belong the records of a line and how they are written. Running the tools belongs to `rival`.
"""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

OUTSIDE: Final = {
    "shift-after-blank": "blank texts: its servers refuse them, so it leaves them out and says so",
    "refuse-long": "limits: it asks its servers to truncate texts",
    "replace-surrogates": "texts without UTF-8: it cannot send them, so the shared texts hold none",
    "swap-under-load": "different texts at once: its concurrency check sends one text",
}
"""Faults that embed-parity does not set out to find, with the reason."""
OUTCOMES: Final = ("seen", "reported", "missed", "not reached", "out of scope")
NAMES: Final = (("embed-parity", True), ("this project", False))
"""Each tool, and whether it is the other one."""
INTRODUCTION: Final = """\
# embed-parity and this project on the same faults

Written by `bench/rival.py` on {day} with embed-parity {version}; [benchmarks.md](benchmarks.md) says how. Both tools
judge the same {texts} texts, embed-parity's own and hazards of this project, with the vectors of one small real model,
in one process.

- embed-parity sends requests through its own TEI client, with the defaults of its command line: batch sizes 1, 8 and
  32, its check of lengths, four requests at once three times. A clean side replaces SentenceTransformers, which is not
  needed for the comparison.
- This project runs all steps of a partition with their defaults, in the `tei` dialect. What counts is the decision,
  its reasons, findings, failed requests and differing norms. Its doctor, diagnosis and wire drift do not count.

The outcomes:

- *seen*: an alarm, that is, exit code 1 or 2 of embed-parity, FAIL or INCONCLUSIVE here.
- *reported*: exit code 0 or PASS, with a finding.
- *missed*: a faulty response arrived and nothing was said.
- *not reached*: the tool never sent a request that the fault affects.
- *out of scope*: the tool does not set out to find this, so it is not a miss.

An alarm says that something is wrong, not that the named cause is right."""
COMMENTS: Final = """\
A miss is not always a flaw. The noise of `noise` leaves a cosine of 0.99. embed-parity allows this for a single vector
(its limits: 0.990 for the smallest, 0.999 for the mean); this project does not (0.999 for each). The same applies to
the single texts of `drop-punctuation` and `context-size`. embed-parity compares batches of 8 and 32 by their mean, so
one wrong row in 200 passes there. `int8` stays above both limits. Differing norms fail embed-parity beyond 5 % and are
only reported here, unless the settings say otherwise. A short response stops embed-parity, while this project sends
the texts again in smaller batches and does not pass."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool said of a side.

    Attributes:
        word: The verdict or exit code.
        why: The first reason; "" for none.
        alarm: Whether the word is an alarm.
        reached: Whether a faulty response reached the tool.
    """

    word: str
    why: str
    alarm: bool
    reached: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One fault at one rate."""

    fault: str
    rate: str
    theirs: ToolResult
    ours: ToolResult

    def result(self, *, theirs: bool) -> ToolResult:
        """Return the result of one tool."""
        return self.theirs if theirs else self.ours

    def outcome(self, *, theirs: bool) -> str:
        """Return the outcome of one tool: one of `OUTCOMES`, or whether the clean side raised an alarm."""
        result = self.result(theirs=theirs)
        if self.fault == "none":
            return "false alarm" if result.alarm else "no alarm"
        if result.alarm:
            return "seen"
        if result.why:
            return "reported"
        if theirs and self.fault in OUTSIDE:
            return "out of scope"
        return "missed" if result.reached else "not reached"


def page(lines: Sequence[Line], version: str, day: str, texts: int) -> Iterator[str]:
    """Yield the lines of the page in Markdown, none longer than 120 characters."""
    yield from INTRODUCTION.format(day=day, version=version, texts=texts).splitlines()
    yield ""
    yield from _counts(lines)
    yield ""
    yield from COMMENTS.splitlines()
    yield ""
    yield "Out of the scope of embed-parity:"
    yield ""
    yield from (f"- `{fault}`: {why}" for fault, why in OUTSIDE.items())
    yield ""
    yield from _differences(lines)
    yield "## Outcomes"
    yield ""
    yield "| fault | hit | embed-parity | this project |"
    yield "|---|---|---|---|"
    yield from (_row(line) for line in lines)
    yield ""
    yield "## Reasons"
    yield ""
    for line in lines:
        yield from _reasons(line)


def _counts(lines: Sequence[Line]) -> Iterator[str]:
    faults = [line for line in lines if line.fault != "none"]
    yield f"| | {' | '.join(OUTCOMES)} |"
    yield "|---|---|---|---|---|---|"
    for whole in (True, False):
        mine = [line for line in faults if (line.rate == "all") == whole]
        for name, theirs in NAMES:
            found = Counter(line.outcome(theirs=theirs) for line in mine)
            cells = " | ".join(str(found[word]) for word in OUTCOMES)
            yield f"| {name}, {'all texts hit' if whole else 'one or two texts hit'} | {cells} |"


def _row(line: Line) -> str:
    cells = [f"{line.outcome(theirs=theirs)} ({line.result(theirs=theirs).word})" for _, theirs in NAMES]
    return f"| `{line.fault}` | {line.rate} | {' | '.join(cells)} |"


def _reasons(line: Line) -> Iterator[str]:
    """Yield what each tool said of a line, unless both said nothing."""
    said = [(name, why) for name, theirs in NAMES if (why := line.result(theirs=theirs).why.strip())]
    if said:
        yield f"- `{line.fault}` ({line.rate})"
    for name, why in said:
        quoted = why.replace("`", "'")
        yield from _wrapped(f"  - {name}: `{quoted}`", indent="    ")


def _differences(lines: Sequence[Line]) -> Iterator[str]:
    for words, theirs in (("Seen by embed-parity and not by this project", True), ("The other way round", False)):
        found = [
            f"`{line.fault}` ({line.rate})"
            for line in lines
            if line.fault != "none" and (line.theirs.alarm, line.ours.alarm) == (theirs, not theirs)
        ]
        yield from _wrapped(f"{words}: {', '.join(found) or 'none'}.")
        yield ""


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
