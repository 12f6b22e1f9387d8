"""A verdict through the adapter: its report and its row of the summary cannot be taken for those of the plain probe."""

from dataclasses import replace

import pytest

from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER, Verdict
from parity_pipeline.report.advice import fetch_again, run_again
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.summary import render_summary
from parity_pipeline_tests.report.verdicts import Row, mixed, unmeasured, verdict_of


def through(verdict: Verdict) -> Verdict:
    """Return a verdict as a probe through the adapter gives it."""
    return replace(verdict, endpoint=EMBED_THROUGH_ADAPTER)


def passing(norm: float = 1.0) -> Verdict:
    """Return a PASS whose candidate has vectors of some norm."""
    return verdict_of([Row(text=f"text {place}", norms=(1.0, norm)) for place in range(5)])


def inconclusive() -> Verdict:
    """Return a verdict without enough evidence."""
    gone = unmeasured("lost", Outcome.MISSING, "candidate", dimensions=(768, 0), errors=(None, "HTTP 503"))
    return verdict_of([gone])


def test_the_first_lines_say_as_callers_will_see_it() -> None:
    """Title and first sentence name what was judged, before the decision."""
    lines = render_report(through(passing())).splitlines()
    assert lines[0].startswith("# Embed parity of `nomic-embed-text-v2-moe` as callers will see it — ")
    assert lines[2].startswith("The candidate was requested through the adapter, in the legacy's dialect.")
    assert lines[4].startswith("**PASS**")
    assert "callers will see it" not in render_report(passing())


@pytest.mark.parametrize("verdict", [passing(), passing(13.0), mixed(), inconclusive()])
def test_every_command_gives_the_same_verdict_again(verdict: Verdict) -> None:
    """No command of the report leads back to the plain probe."""
    report = render_report(through(verdict))
    commands = [line for line in report.splitlines() if "parity run" in line or "parity backfill" in line]
    assert commands
    assert all("--through-adapter" in line for line in commands)
    assert run_again(through(verdict)) == f"{run_again(verdict)} --through-adapter"
    assert fetch_again(through(verdict)) == f"{fetch_again(verdict)} --through-adapter"
    assert "--through-adapter" not in render_report(verdict)


def test_norms_that_differ_are_a_setting_of_the_adapter() -> None:
    """Where the plain report says to normalise both sides, this one names the key that does it."""
    assert "adapter.callers.legacy.normalise" in render_report(through(passing(13.0)))
    assert "adapter.callers.legacy.normalise" not in render_report(through(passing()))


def test_the_summary_has_a_row_of_each() -> None:
    """Both verdicts on one date and model are shown, each with a link to its own report, whichever comes first."""
    both = [passing(), through(mixed())]
    text = render_summary(both)
    assert text == render_summary(both[::-1])
    assert "2 verdicts" in text
    for name in ("embed", EMBED_THROUGH_ADAPTER):
        assert f"| {name} |" in text
        assert f"({name}_parity_" in text
        assert f"## Drift catalogue of {name}" in text.replace("\\", "")
