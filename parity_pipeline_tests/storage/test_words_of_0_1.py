"""Reports made again from the verdicts of 0.1.0 are those of 0.1.0, but for the words that were changed on purpose.

A change of words belongs into `WORDS`, before and after, so that nothing else can change with it. The promise that files stay
readable stands in `test_written_by_0_1.py`, and is kept without this one.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_history import NO_HISTORY
from parity_pipeline.report.escape import code
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.sections.history import loosened
from parity_pipeline.report.sections.plain_words import approval, in_plain_words
from parity_pipeline.report.summary import render_summary
from parity_pipeline.storage import ledger
from parity_pipeline.storage.evidence_files import read_verdict, write_verdict
from parity_pipeline_tests.storage import written_by_0_1 as old
from parity_pipeline_tests.storage.records import of_embed

_CAUGHT: Final = "What these samples would have caught"
_NOT_COMPUTED: Final = "faults are simulated on the samples of a pass"


def _without_repeats(table: re.Match[str]) -> str:
    """Return a table of evidence, with what was tried or seen above it where it is the same on every row."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[1].splitlines()]
    if len(rows) == 1 or len({row[1] for row in rows}) > 1:
        return table[0]
    short = "".join(f"| {row[0]} | {row[2]} | {row[3]} |\n" for row in rows)
    head = "| Sample | Cosine before | Cosine after |\n| --- | ---: | ---: |\n"
    return f"Tried or seen on each: {rows[0][1]}.\n\n{head}{short}"


def _with_notes_in_a_table(section: re.Match[str]) -> str:
    """Return the repeatability with the notes of the sides as rows, and its other sentences as paragraphs."""
    lines = section[1].splitlines()
    notes = [note for line in lines if (note := re.match(r"- (legacy|candidate)(?::|,) (.*)", line))]
    others = [line.removeprefix("- ") for line in lines if not re.match(r"- (legacy|candidate)[:,] ", line)]
    rows = "".join(f"| {note[1]} | {note[2]} |\n" for note in sorted(notes, key=lambda note: note[1] == "candidate"))
    text = "".join(f"{line}\n" for line in others)
    return "\n".join(part for part in (text, f"| Side | Note |\n| --- | --- |\n{rows}" if rows else "") if part) + "\n"


def _fix(advice: re.Match[str]) -> str:
    """Return what to do about the causes of the report, by name where there is one."""
    names = re.findall(r"^### \d+\. (.*?) — ", advice.string, re.MULTILINE)
    return f"Fix the cause below: {names[0]}." if len(names) == 1 else "Fix the causes below, one at a time."


WORDS: Final[tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]] = (
    (r", which decides nothing; identical", " (informational); identical"),
    (r"so none of the differences is put down to noise", "so no difference is attributed to noise"),
    (r"^\| Worst pair of answers for one text \|", "| Worst pair of responses to one text |"),
    (
        r"\| 1\.000000 (\(#[\d,]+\) )?\| 0\.999999 or lower \|",
        lambda at: f"| 1.000000 {at[1] or ''}| 0.999999999999 or lower |",
    ),
    (r"at any threshold up to 0\.999999\b", "at any threshold up to 0.999999999999"),
    (r"^Found, and makes no sample fail:$", "Observations that do not affect the verdict:"),
    (r"\bor the answer itself says so\b", "or the response itself says so"),
    (r"\bMend the causes named above, one at a time\.", _fix),
    (
        r"it fits and nothing contradicts it, on too few samples to exclude chance",
        "it fits and nothing contradicts it, but chance or another cause would fit too",
    ),
    (r" — neither a pass nor a fail$", " — not enough evidence"),
    (
        r"This is no verdict: it shows neither that the sides agree nor that they differ\.",
        "There is not enough evidence to say whether the sides agree or differ.",
    ),
    (r"When every reason above is mended, judge again: ", "When every reason below is fixed, run it again: "),
    (r" side gave no usable answer for (?=[\d,]+ sample)", " side gave no usable response for "),
    (r"so this report is evidence of nothing about the vectors", "so this report says nothing about the vectors"),
    (r"^(- Category .* of such inputs may fail, at 95 % confidence)", r"\1 for this category alone"),
    (r"and another limit mends none", "and another limit fixes none"),
    (r"neither side was tried against itself, so", "neither side's repeatability is known, so"),
    (
        r"needs? each side tried against itself",
        lambda at: at[0].replace("each side tried against itself", "the repeatability of each side"),
    ),
    (r"^\| model asked \|", "| model requested |"),
    (r"^\| model answered \|", "| model in the responses |"),
    (r"then missing answers,", "then missing vectors,"),
    (r"^## Remarks$", "## Observations"),
    (r"side tells apart\.", "side separates."),
    (r"is no proof of equal", "does not prove equal"),
    (r"^Reasons, worst first:$", "## Reasons, worst first"),
    (
        r"^\| Sample \| Tried or seen \| Cosine before \| Cosine after \|\n\| --- \|.*\n((?:\|.*\n)+)",
        _without_repeats,
    ),
    (r"^((?:- (?:The legacy side's own noise|(?:legacy|candidate)[:,] ).*\n)+)\n", _with_notes_in_a_table),
    (
        r"^## Coverage\n\n.*\n\n",
        lambda at: "" if "\n**PASS" in at.string else f"## {_CAUGHT}\n\nNot computed: {_NOT_COMPUTED}.\n\n",
    ),
)
"""What 0.1.0 printed, as a pattern of one line, and what is printed in its place. Stored reasons and findings stay."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of 0.1.0, unpacked once for the module."""
    return old.unpack(tmp_path_factory.mktemp("words_of_0_1"))


def without_what_is_new(report: str, verdict: Verdict) -> str:
    """Return a report of now without what 0.1.0 did not say: plain words, what is looser than the default, the approval."""
    for new in ([in_plain_words(verdict)], loosened(verdict, NO_HISTORY), approval(verdict)):
        text = "\n".join(new).strip("\n")
        assert report.count(f"\n\n{text}\n") == 1 or not text
        report = report.replace(f"\n\n{text}\n", "\n", 1) if text else report
    return report


def in_words_of_now(text: str, verdict: Verdict) -> str:
    """Return a report of 0.1.0 with the words that were changed on purpose, a pass with its strength, in the order of now."""
    text = text.replace("# Embed parity for ", f"# Embed parity of {code(verdict.model)} for ", 1)
    for before, after in WORDS:
        text = re.sub(before, after, text, flags=re.MULTILINE)
    if verdict.strength:
        text = re.sub(r"^(\*\*PASS.*?\*\* — )", lambda at: f"{at[1]}{verdict.strength}: ", text, flags=re.MULTILINE)
    opening, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    flip = next(place for place, section in enumerate(sections) if section.startswith("## What may be flipped"))
    return "".join([opening, sections[flip], *sections[:flip], *sections[flip + 1 :]])


@pytest.mark.parametrize("partition", old.PARTITIONS)
def test_a_report_is_made_again(results: Path, partition: str) -> None:
    """The report of a stored verdict is the stored report, but for the words that were changed on purpose."""
    verdict = read_verdict(results / "data" / "verdicts" / partition / "verdict.json")
    stored = (old.FOLDER / "reports" / old.PARTITIONS[partition]["report"]).read_text("utf-8")
    assert without_what_is_new(render_report(verdict), verdict) == in_words_of_now(stored, verdict)


def test_the_summary_is_made_again(results: Path) -> None:
    """The summary of the stored ledger is the stored summary to the letter, but for the column of thresholds."""
    made = render_summary([of_embed(one) for one in ledger.newest(results / "reports" / "ledger.jsonl")])
    thresholds = re.findall(r"^\|.*?\| ((?:≥ [^|]*|Threshold|---:)) \| [^|]* \| [^|]* \|$", made, flags=re.MULTILINE)
    assert len(thresholds) == 2 + len(old.PARTITIONS)
    made = re.sub(r"^(\|.*?) \| (?:≥ [^|]*|Threshold|---:)( \| [^|]* \| [^|]* \|)$", r"\1\2", made, flags=re.MULTILINE)
    assert made == (old.FOLDER / "reports" / "SUMMARY.md").read_text("utf-8")


@pytest.mark.parametrize("partition", old.PARTITIONS)
def test_a_verdict_survives_being_stored_again(results: Path, tmp_path: Path, partition: str) -> None:
    """A verdict of 0.1.0 that is written in the form of now comes back equal, every field."""
    verdict = read_verdict(results / "data" / "verdicts" / partition / "verdict.json")
    write_verdict(tmp_path / "v.json", verdict)
    assert read_verdict(tmp_path / "v.json") == verdict
