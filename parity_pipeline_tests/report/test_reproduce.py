"""The section on how to reproduce: what is claimed, its commands, and hostile text in it."""

import json
import re
from dataclasses import replace

import pytest

from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.reproduction import Reproduction, ReproductionResult, SmallRequest, Trial, worst_failing
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.html.embed_page import render_page
from parity_pipeline.report.html.evidence import EmbedEvidence
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.sections.reproduce import reproduce, smallest_form
from parity_pipeline_tests.report.verdicts import HOSTILE, mixed

TOKEN = "RUST_TOKEN"  # noqa: S105 - the name of a variable


def small(trial: Trial) -> tuple[SmallRequest, SmallRequest]:
    """Return how both sides are sent a trial."""
    legacy = SmallRequest(
        side=Side.LEGACY,
        url="http://127.0.0.1:3100/ai/embed",
        body=json.dumps({"model": "m", "texts": list(trial.batch)}),
        beside=tuple(json.dumps({"model": "m", "texts": list(one)}) for one in trial.beside),
        place=len(trial.before),
        texts=len(trial.batch),
        token_variable=TOKEN,
        header_names=("x-tenant",),
        vectors_field="embeddings",
        order_field=None,
        one_text=False,
        base64=False,
    )
    return legacy, replace(legacy, side=Side.CANDIDATE, url="http://127.0.0.1:3110/v1/embed", token_variable="")


def found(verdict: Verdict, trial: Trial | None, **more: object) -> Reproduction:
    """Return what trying to reproduce the worst sample of a verdict came to."""
    row = worst_failing(verdict.rows)
    assert row is not None
    known = Reproduction(
        sample=row.id,
        ordinal=row.ordinal,
        outcome=Outcome.DIMENSION_MISMATCH,
        result=ReproductionResult.REPRODUCED,
        smallest=trial,
        characters=1234,
        complete=True,
        legacy_requests=1,
        candidate_requests=12,
        requests=small(trial) if trial else (),
    )
    return replace(known, **more)  # pyright: ignore[reportArgumentType]


def test_the_worst_is_the_first_outcome_then_the_smallest_cosine() -> None:
    """A mismatch of dimensions comes before a mismatch, and what is excused never counts."""
    verdict = mixed()
    rows = [row for row in verdict.rows if row.outcome is Outcome.MISMATCH]
    worst = worst_failing(verdict.rows)
    assert worst is not None
    assert worst.outcome is Outcome.DIMENSION_MISMATCH
    lowest = worst_failing(rows)
    assert lowest is not None
    assert lowest.cosine == min(row.cosine for row in rows if row.cosine is not None)
    excused = [replace(row, waiver="known") for row in rows[:1]]
    excused += [replace(row, within_noise=True) for row in rows[1:2]]
    excused += [replace(row, unconfirmed="transient") for row in rows[2:]]
    assert worst_failing(excused) is None
    mutual = [row for row in verdict.rows if row.outcome is Outcome.ZERO_NORM]
    assert [row.side for row in mutual] == ["both"]
    assert worst_failing(mutual) is None


def test_a_reproduced_sample_comes_with_its_figures() -> None:
    """Text, batch, concurrency, requests spent, both commands and the link to the check."""
    verdict = mixed()
    text = render_report(verdict, reproduction=found(verdict, Trial(text="x", before=("a",), beside=(("b",), ("c",)))))
    section = text[text.index("## How to reproduce") : text.index("## Approval")]
    assert "still fails as `x`, 1 of its 1,234 characters, in a batch of 2 texts at concurrency 3." in section
    assert "1 request to the legacy side and 12 to the candidate" in section
    assert section.count("curl -sS") == 2
    assert f'-H "authorization: Bearer ${TOKEN}"' in section
    assert "add the headers of the settings: x-tenant" in section
    assert "while 2 other requests of the Python check are in flight" in section
    assert "a smaller form may fail too" not in section
    (link,) = re.findall(r"\]\((reproduce/[^)]+)\)", section)
    assert link == "reproduce/embed_parity_20260430_nomic-embed-text-v2-moe.py"
    assert "parity run --date 2026-04-30" in section


def test_a_search_that_was_cut_short_says_so() -> None:
    """A reader does not take the form for the smallest of all."""
    verdict = mixed()
    lines = smallest_form(verdict, found(verdict, Trial(text="x"), complete=False))
    assert lines[0].endswith("The search ended there; a smaller form may fail too.")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (ReproductionResult.NOT_ANY_MORE, "does not reproduce any more"),
        (ReproductionResult.NO_RESPONSE, "could not be reproduced: a side gave no definite response"),
    ],
)
def test_what_was_not_reproduced_has_no_command(result: ReproductionResult, words: str) -> None:
    """Nothing is claimed that nobody saw, and no check is linked."""
    verdict = mixed()
    section = "\n".join(reproduce(verdict, found(verdict, None, result=result), ""))
    assert words in section
    assert "curl" not in section
    assert "reproduce/" not in section


def test_without_a_search_the_section_is_what_it_was() -> None:
    """A PASS has the commands of the whole probe alone."""
    assert "curl" not in "\n".join(reproduce(mixed(), None, ""))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_starts_nothing(text: str) -> None:
    """In Markdown it is one line of code, and a command that can be typed; in the page it is escaped."""
    verdict = mixed()
    reproduction = found(verdict, Trial(text=text, before=(text,)))
    section = "\n".join(reproduce(verdict, reproduction, ""))
    assert section.encode()
    assert section.isprintable() or all(one.isprintable() or one == "\n" for one in section)
    page = render_page(verdict, EmbedEvidence(reproduction=reproduction))
    assert page.encode()
    assert "<script>alert" not in page
    assert '<a href="../reproduce/embed_parity_20260430_nomic-embed-text-v2-moe.py">' in page
    assert "curl -sS http://127.0.0.1:3110/v1/embed" in page


def test_a_long_text_is_cut_in_the_sentence_and_whole_in_the_command() -> None:
    """A page of text does not fill the sentence, and the command still sends all of it."""
    verdict = mixed()
    lines = smallest_form(verdict, found(verdict, Trial(text="long " * 400)))
    assert len(lines[0]) < 600
    assert "2,000 of its" in lines[0]
    assert "long " * 399 in "\n".join(lines)
