"""The composition root: settings become Dagster definitions.

Here belongs the wiring of rooms, once. `defs` is what Dagster loads; it reads `parity.yaml` when it is called and not
when this module is imported.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import dagster as dg

from parity_pipeline.core.outcomes import Side
from parity_pipeline.defs.assets import build_assets
from parity_pipeline.defs.automation import JOB_NAME, build_automation
from parity_pipeline.defs.diagnosing import diagnosis_asset
from parity_pipeline.defs.lanes import embeddings_asset
from parity_pipeline.defs.partitions import make_partitions
from parity_pipeline.defs.resources import HttpGateway, RunContext
from parity_pipeline.defs.stability import stability_asset
from parity_pipeline.settings.loading import find_file, load
from parity_pipeline.settings.model import Settings

PRELOADED: Final = ["parity_pipeline.definitions"]
"""Modules that the forkserver imports once, so that each step does not pay for them again."""


TOGETHER: Final = 4
"""Steps that the forkserver runs at the same time: both lanes and both stabilities, which wait for their gateways."""


def build_definitions(
    settings: Settings, *, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> dg.Definitions:
    """Return fresh definitions for these settings.

    Args:
        settings: What to build for.
        overrides: Resources by name that replace the real ones: `probe`, `legacy_gateway`, `candidate_gateway`.
        environ: Where tokens are looked up when a gateway is first asked; `os.environ` where None.
    """
    source = os.environ if environ is None else environ
    partitions = make_partitions(settings.first_date, settings.timezone, settings.models)
    lanes = [embeddings_asset(side, partitions, settings.owners) for side in Side]
    tried = tuple(Side) if settings.stability.enabled else ()
    lanes += [stability_asset(side, partitions, settings.owners) for side in tried]
    resources: dict[str, Any] = {
        "probe": build_context(settings),
        **{f"{side}_gateway": HttpGateway(lambda side=side: settings.side_config(side, source)) for side in Side},
        **(overrides or {}),
    }
    data = dg.Definitions(
        assets=[
            *build_assets(partitions, settings.owners),
            diagnosis_asset(partitions, settings.owners, stability=settings.stability.enabled),
            *lanes,
        ],
        resources=resources,
        executor=_executor(settings),
    )
    automation = build_automation(
        settings.schedule.hour, settings.schedule.minute, stability=settings.stability.enabled
    )
    return dg.Definitions.merge(data, automation)


def build_context(settings: Settings, **changes: Any) -> RunContext:
    """Return what the assets share, with some of its fields replaced."""
    facts: dict[str, Any] = {
        "layout": settings.layout(),
        "sources": settings.sources(),
        "thresholds": settings.thresholds,
        "stability": settings.stability,
        "models": settings.models,
        "waivers": settings.waivers,
        "required_bound": settings.required_bound,
        "package_version": version("parity_pipeline"),
        "now": lambda: datetime.now(UTC),
    }
    return RunContext(**(facts | changes))


def _executor(settings: Settings) -> dg.ExecutorDefinition:
    if settings.executor == "in_process":
        return dg.in_process_executor
    return dg.multiprocess_executor.configured(
        {"max_concurrent": TOGETHER, "start_method": {"forkserver": {"preload_modules": PRELOADED}}}
    )


def whole_job() -> dg.JobDefinition:
    """Return the job of `defs`, for processes that have to load it again by name."""
    settings = load(find_file(None, os.environ, Path.cwd()), os.environ)
    return build_definitions(settings).resolve_job_def(JOB_NAME)


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions for the settings file that is found from the working folder."""
    return build_definitions(load(find_file(None, os.environ, Path.cwd()), os.environ))
