"""Judge a stored comparison under the thresholds and waivers of now, and keep the verdict.

Here belongs the step between what is stored of a date and model and the core's verdict. The judgement itself is the
core's.
"""

from dataclasses import replace
from datetime import date
from typing import Final

from parity_pipeline.core.confidence import PooledBound
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_builder import build_verdict
from parity_pipeline.core.waivers import account_for
from parity_pipeline.steps.confirm_rows import stored_confirmation
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.steps.measure_repeatability import stored_repeatability
from parity_pipeline.steps.pool_dates import pool_dates, random_trials
from parity_pipeline.storage import ledger
from parity_pipeline.storage.evidence_files import read_diagnosis, read_verdict, write_verdict
from parity_pipeline.storage.parity_files import ParityFile

PROBE: Final = "embed"
"""What this chain compares, as verdicts name it."""


def judge_partition(run: RunContext, day: str, model: str, *, run_id: str) -> Verdict:
    """Judge a date and model, store the verdict, append it to the ledger as given by the run `run_id`, and return it.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the disk does not take the verdict.
        SettingsError: The waivers cannot be used.
    """
    judged = judge_stored(run, day, model)
    verdict = replace(judged, pooled=_pooled(judged, run))
    write_verdict(run.layout.verdict(day, model), verdict)
    ledger.append(run.layout.ledger, verdict, recorded_at=run.now().isoformat(timespec="seconds"), run_id=run_id)
    return verdict


def _pooled(verdict: Verdict, run: RunContext) -> PooledBound | None:
    """Return what this date and the earlier ones in the ledger prove together."""
    # A ledger is long and read line by line; most verdicts have no random sample and need none of it.
    if not random_trials(verdict):
        return None
    try:
        return pool_dates(verdict, ledger.entries(run.layout.ledger, verdict.model))
    except ArtifactError:
        # The verdict on this date stands without the others; the summary reads the same ledger and names the damage.
        return None


def judge_stored(run: RunContext, day: str, model: str) -> Verdict:
    """Return the verdict on what is stored of a date and model, and keep it nowhere.

    Raises:
        ArtifactError: A file upstream is missing or damaged.
        SettingsError: The waivers cannot be used.
    """
    parity = stored(run.layout.parity(day, model), ParityFile)
    header = parity.header
    waivers = account_for(run.waivers, model=model, day=date.fromisoformat(day), today=run.now().date())
    stability = stored_repeatability(run, header, day, model)
    confirmation = stored_confirmation(run, header, day, model)
    tally = Tally(
        run.thresholds, floors=stability.floors, waivers=waivers, confirmation=confirmation, drawn_as=header.drawn_as
    )
    for rows in parity.blocks():
        tally.add(rows)
    return build_verdict(
        tally,
        header,
        endpoint=PROBE,
        date=day,
        model=model,
        package_version=run.package_version,
        required_bound=run.required_bound,
        diagnosis=read_diagnosis(run.layout.diagnosis(day, model), header, run.thresholds),
        stability=stability,
        settings=run.checks,
        before=_verdict_before(run, day, model),
    )


def _verdict_before(run: RunContext, day: str, model: str) -> Verdict | None:
    """Return the verdict that is stored until now; None where there is none that can be read."""
    path = run.layout.verdict(day, model)
    if not path.exists():
        return None
    try:
        return read_verdict(path)
    except ArtifactError:
        # It is about to be replaced, and a damaged one must not keep the new one from being given.
        return None
