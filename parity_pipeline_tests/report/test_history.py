"""What a report says of the verdicts before its own, and of limits that were loosened; and what it keeps silent about."""

from dataclasses import replace

import pytest

from parity_pipeline.core.measures import Measure, Thresholds
from parity_pipeline.core.outcomes import Decision, Outcome, Severity, Side
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER
from parity_pipeline.core.verdict_changes import AnyVerdict
from parity_pipeline.core.verdict_history import NO_HISTORY, VerdictHistory
from parity_pipeline.report.sections.history import changes, described, loosened
from parity_pipeline.report.sections.plain_words import approval, in_plain_words
from parity_pipeline_tests.report import retrieval_verdicts
from parity_pipeline_tests.report.measured import measured_pass, waived_pass
from parity_pipeline_tests.report.past import loosened_pass, not_run, recorded
from parity_pipeline_tests.report.verdicts import SEED, Row, mixed, unpaired, verdict_of, with_provenance


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


def test_plain_words_on_a_pass_are_true_of_every_text() -> None:
    """Vectors of another length are not called the same, and a candidate behind the adapter is not said to be bare."""
    raw = in_plain_words(verdict_of(SEED))
    assert "a vector of the same direction as the legacy side's" in raw
    assert "not always of the same length" in raw
    strict = verdict_of(SEED)
    norms = strict.measure(Measure.NORM_RATIO)
    measures = tuple(replace(one, severity=Severity.FAIL) if one is norms else one for one in strict.measures)
    assert "returns the same vector" in in_plain_words(replace(strict, measures=measures))
    assert "For every text that was compared, the candidate returns the same vector" in in_plain_words(measured_pass())
    behind = in_plain_words(replace(measured_pass(), endpoint=EMBED_THROUGH_ADAPTER))
    assert "the candidate, through the adapter, returns the same vector" in behind


def test_plain_words_on_lists_name_why_others_count_for_nothing() -> None:
    """Waived queries, and those that differed once, are not said to be within the limits; all of them need no fraction."""
    verdict, _ = retrieval_verdicts.passing()
    assert (
        "For 198 of 200 queries with results to compare, both sides return the same; the others differ within the limits."
        in (in_plain_words(verdict))
    )
    excused = replace(verdict, counts=replace(verdict.counts, waived={"W": 1}, unconfirmed=1))
    assert "the others differ within the limits, as waivers allow or only once." in in_plain_words(excused)
    alike = replace(verdict, counts=replace(verdict.counts, outcomes={RetrievalOutcome.MATCH: 3}))
    assert "For all 3 queries with results to compare, both sides return the same." in in_plain_words(alike)
    one = replace(verdict, counts=replace(verdict.counts, outcomes={RetrievalOutcome.MATCH: 1}))
    assert "For the one query with results to compare" in in_plain_words(one)


def test_plain_words_on_a_fail_of_all_need_no_fraction() -> None:
    """Where every text differs it says all, and of a single one that it is the one."""
    wrong = [Row(text=f"wrong {place}", outcome=Outcome.MISMATCH, cosine=0.5) for place in range(24)]
    assert in_plain_words(verdict_of(wrong)).startswith("For all 24 texts, the candidate does not return")
    assert in_plain_words(verdict_of(wrong[:1])).startswith("For the one text, the candidate does not return")


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
