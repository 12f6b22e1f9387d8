"""What a report says of the verdicts before its own, and of limits that were loosened; and what it keeps silent about."""

from dataclasses import replace

import pytest

from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.verdict_changes import AnyVerdict
from parity_pipeline.core.verdict_history import NO_HISTORY, VerdictHistory
from parity_pipeline.report.sections.history import changes, described, loosened
from parity_pipeline.report.sections.plain_words import approval, in_plain_words
from parity_pipeline_tests.report import retrieval_verdicts
from parity_pipeline_tests.report.measured import waived_pass
from parity_pipeline_tests.report.past import loosened_pass, not_run, recorded
from parity_pipeline_tests.report.verdicts import SEED, mixed, unpaired, verdict_of, with_provenance


def _after(verdict: AnyVerdict) -> VerdictHistory:
    return VerdictHistory(superseded=recorded(verdict))


def test_default_limits_and_a_first_verdict_add_nothing() -> None:
    """A verdict under the defaults with no verdict before it has neither line nor section."""
    passing, _ = retrieval_verdicts.passing()
    for verdict in (verdict_of(SEED), mixed(), passing):
        assert loosened(verdict, NO_HISTORY) == []
        assert changes(verdict, NO_HISTORY) == []
        assert loosened(verdict, _after(verdict)) == []


def test_a_loosened_limit_names_its_default_and_the_verdict_before() -> None:
    """Who lowers a threshold until a date passes is seen to have done so."""
    [line] = loosened(loosened_pass(), _after(mixed()))
    assert line.startswith("**Looser than the default**: cosine ≥ 0.9500 in place of ≥ 0.9990; check missing warn")
    assert "The verdict before, recorded 2026-04-30 05:00:00 UTC, was FAIL (46 of 70 samples match" in line


def test_a_limit_that_was_tighter_before_is_named_although_it_is_the_default() -> None:
    """Going back to the default from a tighter limit lets more pass than before."""
    tight = verdict_of(SEED, thresholds=Thresholds(cosine=0.9999))
    [line] = loosened(verdict_of(SEED), _after(tight))
    assert line.startswith("**Looser than for the verdict before**: cosine ≥ 0.9990 in place of ≥ 0.9999.")
    assert loosened(tight, _after(verdict_of(SEED))) == []


def test_the_date_before_has_a_table_only_where_it_is_the_verdict_before() -> None:
    """Beside a superseded verdict, the date before is one sentence, and its gateways where they changed."""
    earlier = recorded(replace(mixed(), date="2026-04-29"))
    alone = changes(verdict_of(SEED), VerdictHistory(earlier_date=earlier))
    assert alone[2].startswith("The verdict on the date before, 2026-04-29, recorded 2026-04-30 05:00:00 UTC, was FAIL")
    assert "| decision | FAIL | PASS | better |" in alone
    both = changes(verdict_of(SEED), replace(_after(verdict_of(SEED)), earlier_date=earlier))
    assert "Nothing has changed that a verdict holds." in both
    assert not [line for line in both if line.startswith("| decision")]
    moved = replace(earlier, verdict=with_provenance(mixed(), Side.CANDIDATE, url="http://127.0.0.1:9"))
    third = changes(verdict_of(SEED), replace(_after(verdict_of(SEED)), earlier_date=moved))
    assert "| candidate address | http\\://127.0.0.1\\:9 | http\\://127.0.0.1\\:3110 | — |" in [
        line.replace("127.0.0.1:", "127.0.0.1\\:") for line in third
    ]


def test_an_unknown_time_is_called_unknown() -> None:
    """A ledger whose times cannot be read still says which verdict came before."""
    one = replace(recorded(mixed()), recorded_at="yesterday", run_id="")
    lines = changes(verdict_of(SEED), VerdictHistory(superseded=one))
    assert lines[2].startswith("This verdict supersedes the one recorded at an unknown time, which was FAIL")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (verdict_of(SEED), "PASS (5 of 5 samples match, worst cosine 1.000000)"),
        (unpaired(), "INCONCLUSIVE"),
        (retrieval_verdicts.passing()[0], "PASS (198 of 200 queries agree, mean overlap 0.9978)"),
        (not_run(), "INCONCLUSIVE (could not run: candidate/embeddings failed: "),
    ],
)
def test_a_verdict_before_is_described_by_what_was_measured(verdict: AnyVerdict, words: str) -> None:
    """Decision first; a number only where there is one."""
    assert described(verdict).startswith(words)


def test_plain_words_never_say_more_than_the_verdict() -> None:
    """Only a pass lets anything be moved; a waived difference, a lost date and an unknown result each have their words."""
    failed, _ = retrieval_verdicts.failing()
    passing, _ = retrieval_verdicts.passing()
    for verdict in (verdict_of(SEED), passing, waived_pass()):
        assert "may be moved as the next section says" in in_plain_words(verdict)
    for verdict in (mixed(), failed, unpaired(), not_run(), retrieval_verdicts.not_run()):
        assert "Nothing may be moved" in in_plain_words(verdict) or "nothing may be moved" in in_plain_words(verdict)
    assert "if the differences that were waived are accepted" in in_plain_words(waived_pass())
    assert "does not count any more" in in_plain_words(not_run())
    assert "is not known" in in_plain_words(unpaired())
    assert "For 18 of 70 texts" in in_plain_words(mixed())
    assert "For 16 of 60 queries" in in_plain_words(failed)


def test_a_fail_by_behaviour_alone_says_that_no_input_differs() -> None:
    """Where only the contract fails, no text is accused."""
    verdict = replace(verdict_of(SEED), decision=Decision.FAIL)
    assert "although no input is shown to differ" in in_plain_words(verdict)


def test_the_approval_names_what_is_signed() -> None:
    """Name, date, decision and conditions are to be filled in, for one verdict; a date that could not run has none."""
    shown = "\n".join(approval(verdict_of(SEED)))
    assert "On the verdict PASS for `nomic-embed-text-v2-moe` on 2026-04-30." in shown
    for row in ("Name", "Date", "Decision", "Conditions", "Signature"):
        assert f"| {row} |" in shown
    assert approval(not_run()) == []
