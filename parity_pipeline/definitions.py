"""The composition root: settings become Dagster definitions.

Here belongs the wiring of rooms, once. `defs` is what Dagster loads; it reads `parity.yaml` when it is called and not
when this module is imported.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import dagster as dg

from parity_pipeline.alerts.announce import announce
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.records import IdMapping
from parity_pipeline.defs.alert_sensor import alert_sensor
from parity_pipeline.defs.asset_factory import AssetFactory, freshness
from parity_pipeline.defs.assets import build_assets
from parity_pipeline.defs.automation import ProbeAssets, build_automation, refetch_job
from parity_pipeline.defs.gateway_sensor import build_gateway_sensor
from parity_pipeline.defs.killed_runs import killed_run_sensor
from parity_pipeline.defs.partitions import make_partitions
from parity_pipeline.defs.retrieval_assets import build_retrieval_assets
from parity_pipeline.settings.alerts import alert_context
from parity_pipeline.settings.loading import load_from_here, named_config
from parity_pipeline.settings.model import Settings
from parity_pipeline.settings.through_adapter import started_through_adapter
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.steps.probes import EMBED, RETRIEVE, Probe, probe_named
from parity_pipeline.steps.retrieval.context import RetrievalContext
from parity_pipeline.wire.progress_pipe import piped_watch
from parity_pipeline.wire.retrieval_side import RetrievalSide

PRELOADED: Final = [
    "parity_pipeline.definitions",
    "alembic.command",
    "sqlalchemy.dialects.sqlite",
    "pyarrow.compute",
]
"""Modules that the forkserver imports once, so that each step does not pay for them again.

The last three are imported by Dagster's storage and by what reads Parquet, whenever a process opens them.
"""

TOGETHER: Final = 4
"""Most steps that the forkserver runs at the same time: both lanes wait for their gateways, and so does what follows."""


def build_definitions(
    settings: Settings, *, context: RunContext | None = None, environ: Mapping[str, str] | None = None
) -> dg.Definitions:
    """Return fresh definitions for these settings.

    Args:
        settings: What to build for.
        context: What the steps share; that of the settings where None.
        environ: Where tokens are looked up when a gateway is used; `os.environ` where None.
    """
    hour, minute = settings.schedule.hour, settings.schedule.minute
    run = context or build_context(settings, environ=environ)
    partitions = {EMBED.name: make_partitions(settings.first_date, settings.timezone, settings.models)}
    factory = AssetFactory(
        partitions=partitions[EMBED.name],
        owners=settings.owners,
        package_version=run.package_version,
        links=settings.links,
    )
    late = freshness(hour, minute, settings.timezone)
    assets = build_assets(
        factory,
        late,
        stability=settings.stability.enabled,
        contract=settings.contract.enabled,
        verdicts=[probe.verdict_asset for probe in probes_of(settings)],
    )
    if settings.retrieve:
        corpora = list(settings.retrieve.corpora)
        of_corpora = make_partitions(settings.first_date, settings.timezone, corpora, RETRIEVE.dimension)
        partitions[RETRIEVE.name] = of_corpora
        assets += build_retrieval_assets(replace(factory, partitions=of_corpora, probe=RETRIEVE), late)
    data = dg.Definitions(assets=assets, resources={"run": run}, executor=_executor(settings))
    probes = [probe_assets(settings, probe) for probe in probes_of(settings)]
    automation = build_automation(hour, minute, probes)
    again = {refetch_job(side, probe) for side in Side for probe in probes_of(settings)}
    sensor = build_gateway_sensor(
        run, [job for job in automation.jobs or () if job.name in again], first_date=settings.first_date.isoformat()
    )
    sensors = dg.Definitions(sensors=[sensor, killed_run_sensor(run, partitions)])
    return dg.Definitions.merge(data, automation, sensors, _alerts(settings, environ))


def _alerts(settings: Settings, environ: Mapping[str, str] | None) -> dg.Definitions:
    """Return the sensor of alerts, where there is a channel to send them to."""
    if not settings.alerts.channels:
        return dg.Definitions()
    context = alert_context(settings, os.environ if environ is None else environ)
    return dg.Definitions(sensors=[alert_sensor(partial(announce, context))])


def probes_of(settings: Settings) -> tuple[Probe, ...]:
    """Return the probes that the settings ask for, in the order in which they are run."""
    return (EMBED, RETRIEVE) if settings.retrieve else (EMBED,)


def probe_assets(settings: Settings, probe: Probe) -> ProbeAssets:
    """Return the assets of a probe that the settings ask for."""
    switches = {"stability": settings.stability.enabled, "contract": settings.contract.enabled}
    return ProbeAssets(probe=probe, off=[name for name, wanted in switches.items() if not wanted])


def build_context(settings: Settings, *, environ: Mapping[str, str] | None = None, **changes: Any) -> RunContext:
    """Return what the steps share for these settings, with some of its fields replaced.

    Args:
        settings: What to build for.
        environ: Where tokens are looked up when a gateway is used; `os.environ` where None.
        changes: Fields of `RunContext` that replace those of the settings.
    """
    source = os.environ if environ is None else environ
    run = RunContext(
        layout=settings.layout(),
        sources=settings.sources(),
        thresholds=settings.judged_thresholds(),
        gateways={side: _gateway(settings, side, source) for side in Side},
        retrieval=retrieval_context(settings) if settings.retrieve else None,
        stability=settings.stability,
        contract=settings.contract,
        reproduce=settings.reproduce,
        models=settings.models,
        waivers=settings.waivers,
        required_bound=settings.required_bound,
        checks=settings.check_settings(),
        package_version=version("parity_pipeline"),
        probe=settings.embed_probe,
        keep_vectors=settings.keep_vectors(),
        gateway_changes=settings.gateway_changes,
        config=named_config(settings.file, Path.cwd()),
    )
    return replace(run, **changes)


def _gateway(settings: Settings, side: Side, environ: Mapping[str, str]) -> Gateway:
    def retrieval_side(corpus: str) -> RetrievalSide:
        return settings.retrieval_side(side, corpus, environ)

    return Gateway(
        make_config=partial(settings.side_config, side, environ),
        token_variable=settings.side(side).bearer_env or "",
        recorded=str(settings.side(side).recorded or ""),
        make_retrieval_side=retrieval_side if settings.retrieve else None,
    )


def retrieval_context(settings: Settings) -> RetrievalContext:
    """Return what the steps of the retrieve probe share for these settings.

    Raises:
        SettingsError: There is no section for it.
    """
    section = settings.retrieval()
    return RetrievalContext(
        corpora=section.corpora,
        sources=settings.query_sources(),
        k=section.k,
        filters=tuple(section.filters),
        spelled={side: section.spelled(side) for side in Side},
        metadata=section.metadata,
        mappings={
            side: IdMapping(prefix=section.side(side).ids.prefix, template=section.side(side).ids.template)
            for side in Side
        },
        rules=section.rules(),
        bands=section.judged_bands(),
        waivers=section.waivers,
        required_bound=section.required_bound,
        checks=settings.retrieval_check_settings(),
        noise=section.noise,
        confirm=section.confirm,
        model=section.model,
        qrels=settings.qrels(),
    )


def _executor(settings: Settings) -> dg.ExecutorDefinition:
    if settings.executor == "in_process":
        return dg.in_process_executor
    return dg.multiprocess_executor.configured(
        {"max_concurrent": TOGETHER, "start_method": {"forkserver": {"preload_modules": PRELOADED}}}
    )


def whole_job(probe: str = EMBED.name) -> dg.JobDefinition:
    """Return the job of a probe, for processes that have to load it again by name: `defs`, or through the adapter."""
    settings = started_through_adapter(load_from_here(), os.environ)
    run = build_context(settings, watch=piped_watch(os.environ))
    return build_definitions(settings, context=run).resolve_job_def(probe_named(probe).job)


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions for the settings file that is found from the working folder."""
    return build_definitions(load_from_here())
