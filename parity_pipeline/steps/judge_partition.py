"""Judge a stored comparison under the thresholds and waivers of now, and keep the verdict.

Here belongs the step between what is stored of a date and model and the core's verdict. The judgement itself is the
core's.
"""

from dataclasses import dataclass, replace
from datetime import date

from parity_pipeline.core.confidence import PooledBound
from parity_pipeline.core.confirmation import Confirmation
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import PASSING
from parity_pipeline.core.power.records import Power
from parity_pipeline.core.power.simulation import Judge
from parity_pipeline.core.provenance import ParityHeader
from parity_pipeline.core.stability.records import StabilityOfSides
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_builder import build_verdict, decision_inputs
from parity_pipeline.core.waivers import account_for
from parity_pipeline.steps.confirm_rows import stored_confirmation
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.steps.keep_verdict import keep_verdict
from parity_pipeline.steps.measure_repeatability import stored_repeatability
from parity_pipeline.steps.pool_dates import pool_dates, random_trials
from parity_pipeline.steps.probe_contract import stored_contract
from parity_pipeline.steps.probes import AnyVerdict
from parity_pipeline.steps.simulate_faults import simulate_faults
from parity_pipeline.storage import ledger
from parity_pipeline.storage.evidence_files import read_diagnosis, read_verdict
from parity_pipeline.storage.parity_files import ParityFile


def judge_partition(run: RunContext, day: str, model: str, *, run_id: str, before: AnyVerdict | None = None) -> Verdict:
    """Judge a date and model, keep the verdict as given by the run `run_id`, in place of `before`, and return it.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the verdict cannot be kept (`keep_verdict`).
        SettingsError: The waivers cannot be used.
    """
    evidence = _Evidence.of(run, day, model)
    judged = _judged(run, day, model, evidence)
    verdict = replace(judged, pooled=_pooled(judged, run), power=_power(run, day, model, evidence, judged))
    keep_verdict(run, verdict, run_id=run_id, before=before)
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
    return _judged(run, day, model, _Evidence.of(run, day, model))


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    """What is stored of a date and model beside the compared rows."""

    parity: ParityFile
    header: ParityHeader
    stability: StabilityOfSides
    confirmation: Confirmation | None

    @classmethod
    def of(cls, run: RunContext, day: str, model: str) -> "_Evidence":
        parity = stored(run.layout.parity(day, model), ParityFile)
        header = parity.header
        return cls(
            parity=parity,
            header=header,
            stability=stored_repeatability(run, header, day, model),
            confirmation=stored_confirmation(run, header, day, model),
        )

    def tally(self, run: RunContext, day: str, model: str, confirmation: Confirmation | None) -> Tally:
        """Return a tally without rows, under the thresholds and waivers of now."""
        return Tally(
            run.thresholds,
            floors=self.stability.floors,
            waivers=account_for(run.waivers, model=model, day=date.fromisoformat(day), today=run.now().date()),
            confirmation=confirmation,
            drawn_as=self.header.drawn_as,
        )


def _judged(run: RunContext, day: str, model: str, evidence: _Evidence) -> Verdict:
    tally = evidence.tally(run, day, model, evidence.confirmation)
    for rows in evidence.parity.blocks():
        tally.add(rows)
    return build_verdict(
        tally,
        evidence.header,
        endpoint=run.probe,
        date=day,
        model=model,
        package_version=run.package_version,
        required_bound=run.required_bound,
        diagnosis=read_diagnosis(run.layout.diagnosis(day, model), evidence.header, run.thresholds),
        stability=evidence.stability,
        contract=stored_contract(run, evidence.header, day, model),
        settings=run.checks,
        before=_verdict_before(run, day, model),
    )


def _power(run: RunContext, day: str, model: str, evidence: _Evidence, verdict: Verdict) -> Power | None:
    """Return what the samples of a pass would have caught; None for any other verdict."""
    if verdict.decision not in PASSING:
        return None
    judge = Judge(
        make_tally=lambda: evidence.tally(run, day, model, None),
        inputs=decision_inputs(evidence.header, evidence.stability, run.checks),
        excused=evidence.confirmation.excuses if evidence.confirmation else frozenset(),
    )
    return simulate_faults(run, day, model, judge)


def _verdict_before(run: RunContext, day: str, model: str) -> Verdict | None:
    """Return the verdict that is stored until now; None where there is none that can be read.

    Where the last run failed, it is the one that was judged last, without its rows.
    """
    path = run.layout.verdict(day, model)
    if not path.exists():
        return None
    try:
        found = read_verdict(path)
        if found.not_run is None:
            return found
        judged = ledger.last_judged(run.layout.ledger, run.probe, day, model)
    except ArtifactError:
        # It is about to be replaced, and a damaged one must not keep the new one from being given.
        return None
    return judged if isinstance(judged, Verdict) else None
