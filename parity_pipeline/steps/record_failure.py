"""Record that a date and model, or corpus, could not be run: INCONCLUSIVE with the reason, in place of no trace at all.

Here belongs the one way by which a run that ended before its verdict gets into the ledger, the report and the summary, for
both probes, from the command and from Dagster alike. Without it the verdict before would go on standing as if nothing had
been tried.

What counts is every exception of a step of a run that was to give a verdict: a gateway that is down, a token that is not
set, samples that cannot be read, a lane that is missing, a service that did not start, a bug. What does not count: settings
that stop every command, since then no date and model is known; a run that a person interrupted, which says nothing about the sides.
A process that was killed cannot record itself; who finds its run does (`defs.killed_runs`, `runs.run_lock`).
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.outcomes import Decision, RowStatus, Side
from parity_pipeline.core.provenance import ParityHeader, Provenance, SampleSetIdentity
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.core.retrieval.provenance import QuerySetIdentity, RetrievalProvenance
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.verdict_builder import RetrievalInputs, build_retrieval_verdict
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_builder import build_verdict
from parity_pipeline.core.wire_drift import WireObservation
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.keep_verdict import keep_verdict
from parity_pipeline.steps.probes import RETRIEVE, AnyVerdict, Probe
from parity_pipeline.steps.retrieval.judge_rankings import write_retrieval_report
from parity_pipeline.steps.write_reports import write_report, write_summary
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.sample_set_files import SampleSetFile


def record_failure(
    run: RunContext,
    probe: Probe,
    day: str,
    name: str,
    failure: RunFailure,
    *,
    run_id: str,
    unless_since: datetime | None = None,
) -> AnyVerdict | None:
    """Append INCONCLUSIVE with the reason to the ledger, store it as the verdict, and write report and summary.

    Args:
        run: What the steps share.
        probe: The probe that was run.
        day: Partition date, ISO 8601.
        name: Model or corpus.
        failure: Why there is no other verdict.
        run_id: The run that failed; "" for a failure before there was a run.
        unless_since: Record nothing where the ledger has a verdict that was given after this time: for a failure that is
            found later than it happened.

    Returns:
        The verdict; None where this run's date and name are in the ledger already, with a verdict or with another
        failure, or where there is a newer verdict than `unless_since`.

    Raises:
        ParityError: The disk does not take it, or the ledger is damaged.
    """
    verdict = not_run_verdict(run, probe, day, name, failure)
    if not keep_verdict(run, verdict, run_id=run_id, once=bool(run_id), unless_since=unless_since):
        return None
    write = write_report if isinstance(verdict, Verdict) else write_retrieval_report
    write(run, day, name)
    write_summary(run)
    return verdict


def not_run_verdict(run: RunContext, probe: Probe, day: str, name: str, failure: RunFailure) -> AnyVerdict:
    """Return the verdict on a date and model, or corpus, that could not be run; kept nowhere.

    It holds the limits of now, and of both sides only how they would have been requested.
    """
    if probe.name == RETRIEVE.name:
        return _of_rankings(run, day, name, failure)
    return _of_vectors(run, day, name, failure)


def _of_vectors(run: RunContext, day: str, model: str, failure: RunFailure) -> Verdict:
    sample_set = _samples(run, day, model)
    legacy, candidate = (_lane(run, side, day, model, sample_set) for side in Side)
    header = ParityHeader(
        sample_set=sample_set,
        sides=(legacy, candidate),
        pairing_faults=(failure.words,),
        counts={},
        worst_cosine=None,
        worst_sample=None,
    )
    judged = build_verdict(
        Tally(run.thresholds),
        header,
        endpoint=run.probe,
        date=day,
        model=model,
        package_version=run.package_version,
        required_bound=run.required_bound,
        settings=run.checks,
    )
    pairing = next(one for one in judged.checks if one.name is CheckName.PAIRING)
    return replace(
        judged,
        decision=Decision.INCONCLUSIVE,
        reasons=(failure.words,),
        findings=(),
        # Every other check would speak of lanes that are not there.
        checks=(replace(pairing, remedy=failure.remedy),),
        drift=(),
        contract=None,
        not_run=failure,
    )


def _of_rankings(run: RunContext, day: str, corpus: str, failure: RunFailure) -> RetrievalVerdict:
    context, query_set = run.retrieval, _queries(run, day, corpus)
    legacy, candidate = (_retrieval_lane(run, side, day, corpus, query_set) for side in Side)
    inputs = RetrievalInputs(
        query_set=query_set,
        sides=(legacy, candidate),
        pairing_faults=(failure.words,),
        required_bound=context.required_bound if context else None,
    )
    tally = RetrievalTally(bands=context.bands) if context else RetrievalTally()
    judged = build_retrieval_verdict(tally, inputs, date=day, corpus=corpus, package_version=run.package_version)
    pairing = next(one for one in judged.checks if one.name is RetrievalCheckName.PAIRING)
    return replace(
        judged,
        decision=Decision.INCONCLUSIVE,
        reasons=(failure.words,),
        findings=(),
        checks=(replace(pairing, remedy=failure.remedy),),
        drift=(),
        not_run=failure,
    )


def _samples(run: RunContext, day: str, model: str) -> SampleSetIdentity:
    """Return which set is stored of this date and model; the empty one where none can be read."""
    with suppress(ParityError):
        found = SampleSetFile(run.layout.samples(day, model)).header
        return SampleSetIdentity(
            hash=found.hash,
            samples=found.samples,
            duplicates_dropped=found.duplicates_dropped,
            sources=tuple(found.sources),
        )
    return SampleSetIdentity(hash="", samples=0, duplicates_dropped=0, sources=())


def _queries(run: RunContext, day: str, corpus: str) -> QuerySetIdentity:
    with suppress(ParityError):
        found = QuerySetFile(run.layout.queries(day, corpus)).header
        return QuerySetIdentity(
            hash=found.hash,
            queries=found.queries,
            sources=tuple(found.sources),
            duplicates_dropped=found.duplicates_dropped,
        )
    return QuerySetIdentity(hash="", queries=0)


_NOTHING = dict.fromkeys((status.value for status in RowStatus), 0)
"""Rows of a lane that was not fetched by this run."""


def _lane(run: RunContext, side: Side, day: str, model: str, sample_set: SampleSetIdentity) -> Provenance:
    """Return the lane as it would have been requested; without a name where the settings of the side cannot be used."""
    nothing = Provenance(
        side=side,
        label="",
        url="",
        dialect="",
        date=day,
        model=model,
        model_asked=model,
        models_echoed={},
        server_headers={},
        sample_set_hash=sample_set.hash,
        samples=0,
        settings_hash="",
        package_version=run.package_version,
        fetched_from="",
        fetched_to="",
        requests=0,
        retries=0,
        status_counts=_NOTHING,
        observation=WireObservation(),
    )
    # Whatever keeps the side from being used may be why the run failed.
    with suppress(Exception):
        config = run.gateways[side].config()
        return replace(
            nothing,
            label=config.label,
            url=config.for_model(model).url,
            dialect=config.dialect.name,
            model_asked=config.requested_name(model),
            settings_hash=config.settings_hash(model),
        )
    return nothing


def _retrieval_lane(
    run: RunContext, side: Side, day: str, corpus: str, query_set: QuerySetIdentity
) -> RetrievalProvenance:
    nothing = RetrievalProvenance(
        side=side,
        label="",
        url="",
        dialect="",
        date=day,
        corpus=corpus,
        query_set_hash=query_set.hash,
        queries=0,
        settings_hash="",
        package_version=run.package_version,
        fetched_from="",
        fetched_to="",
        requests=0,
        retries=0,
        status_counts=_NOTHING,
    )
    with suppress(Exception):
        where = run.gateways[side].retrieval_side(corpus)
        return replace(
            nothing,
            label=where.config.label,
            url=where.url,
            dialect=where.dialect.name,
            settings_hash=where.settings_hash(),
        )
    return nothing
