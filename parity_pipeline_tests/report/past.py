"""Verdicts for the report's tests that are about other verdicts: loosened ones, and dates that could not be run.

Here belong whole verdicts and lines of a ledger. Verdicts on samples alone belong to `verdicts` and `measured`.
"""

from dataclasses import replace

from parity_pipeline.core.checks import CheckName, CheckSettings, CheckSeverity
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import AnyVerdict
from parity_pipeline.core.verdict_history import RecordedVerdict
from parity_pipeline_tests.report.verdicts import SEED, unpaired, verdict_of, with_provenance

FAILURE = RunFailure(
    step="candidate/embeddings",
    problem="HTTP 503: <b>upstream | down</b> [see](http://docs.example)",
    place="Go gateway (candidate) at http://127.0.0.1:3110/v1/embed",
    remedy="Start the service, or set sides.candidate.base_url to where it listens.",
    kind="UnusableSideError",
)


def recorded(verdict: AnyVerdict) -> RecordedVerdict:
    """Return a verdict as a line of the ledger has it."""
    return RecordedVerdict(
        recorded_at="2026-04-30T05:00:00+00:00", run_id="0a1b2c3d-4e5f-6789-abcd-ef0123456789", verdict=verdict
    )


def not_run() -> Verdict:
    """Return the verdict on a date that could not be run, as `steps.record_failure` makes it."""
    bare = unpaired()
    for side in Side:
        bare = with_provenance(
            bare, side, models_echoed={}, server_headers={}, fetched_from="", fetched_to="", requests=0, latency_ms={}
        )
    pairing = next(one for one in bare.checks if one.name is CheckName.PAIRING)
    return replace(
        bare,
        decision=Decision.INCONCLUSIVE,
        reasons=(FAILURE.words,),
        findings=(),
        checks=(replace(pairing, seen=FAILURE.words, remedy=FAILURE.remedy),),
        drift=(),
        not_run=FAILURE,
    )


def loosened_pass() -> Verdict:
    """Return a pass under a lower threshold, with a check that settings let warn alone."""
    settings = CheckSettings(severities={CheckName.MISSING: CheckSeverity.WARN})
    far = [replace(row, cosine=0.97) for row in SEED]
    return verdict_of(far, thresholds=Thresholds(cosine=0.95), settings=settings)
