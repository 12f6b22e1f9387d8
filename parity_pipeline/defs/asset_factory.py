"""What the assets have in common: how they are declared, how their errors are shown, and what they return.

Here belongs what every asset needs of Dagster. Vectors never pass through Dagster as values: a step publishes its file
itself, and the asset reports it to Dagster (docs/adr/0010).
"""

import hashlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import dagster as dg

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.defs.checks import specs
from parity_pipeline.defs.failed_runs import recorded
from parity_pipeline.report.links import Links
from parity_pipeline.steps.probes import EMBED, Probe

SAMPLES: Final = dg.AssetKey("samples")
"""What both sides are sent by the embed probe."""

LANES: Final = tuple(dg.AssetKey([side.value, "embeddings"]) for side in Side)
"""The two lanes, the legacy one first."""

STABILITY: Final = tuple(dg.AssetKey([side.value, "stability"]) for side in Side)
"""The repeatability of the two sides, likewise."""

CONTRACT: Final = {side: dg.AssetKey([side.value, "contract"]) for side in Side}
"""The contract of each side."""

LATEST_AFTER: Final = timedelta(hours=4)
"""How long after its schedule a verdict may come before the UI calls it late: the slowest run seen took an hour."""

if TYPE_CHECKING:
    Made: TypeAlias = dg.MaterializeResult[Any]
    """What an asset returns: its file is published, and its checks have read it."""
else:
    # Where an asset has checks, Dagster takes no class with a parameter.
    Made = dg.MaterializeResult


@dataclass(frozen=True, kw_only=True)
class AssetFactory:
    """Declares the assets of one project.

    Attributes:
        partitions: Partitions of every asset but the summary.
        owners: Owners of every asset.
        package_version: Version of this package: the code version of what depends on more than a file's schema.
        probe: The probe that these are the assets of.
        links: Where reports are reached.
    """

    partitions: dg.PartitionsDefinition
    owners: Sequence[str]
    package_version: str
    probe: Probe = EMBED
    links: Links = field(default_factory=Links)

    def asset(
        self,
        key: Sequence[str],
        *,
        group: str,
        kinds: Iterable[str],
        deps: Sequence[dg.AssetKey] = (),
        checks: Mapping[str, str] | None = None,
        schema_version: int | None = None,
        partitioned: bool = True,
        **more: Any,
    ) -> Callable[[Callable[..., Made]], dg.AssetsDefinition]:
        """Return the decorator of one asset.

        Args:
            key: Its key.
            group: Its group in the UI.
            kinds: What the UI shows that it is made of.
            deps: What it reads.
            checks: Its checks, by name with their description.
            schema_version: Version of the file it writes, as its code version; the package's version where None.
            partitioned: Whether it has the partitions.
            more: Further arguments of `dagster.asset`.
        """
        declared = dg.asset(
            key=list(key),
            deps=list(deps),
            partitions_def=self.partitions if partitioned else None,
            group_name=group,
            kinds=set(kinds),
            owners=list(self.owners),
            code_version=self.package_version if schema_version is None else f"file {schema_version}",
            check_specs=specs(key, self.partitions, checks) if checks else None,
            **more,
        )

        def declare(body: Callable[..., Made]) -> dg.AssetsDefinition:
            return declared(recorded(body, self.probe) if partitioned else body)

        return declare

    def side_asset(
        self,
        side: Side,
        name: str,
        *,
        kinds: Iterable[str],
        description: str,
        checks: Mapping[str, str] | None = None,
        deps: Sequence[dg.AssetKey] = (),
        inputs: dg.AssetKey = SAMPLES,
        **more: Any,
    ) -> Callable[[Callable[..., Made]], dg.AssetsDefinition]:
        """Return the decorator of an asset that each side has: it sends `inputs` to the side's gateway."""
        return self.asset(
            (side.value, name),
            group=side.value,
            kinds=kinds,
            deps=[inputs, *deps],
            checks=checks,
            pool=f"gateway_{side.value}",
            description=description,
            **more,
        )

    def contract_assets(
        self, schema_version: int, *, after: str
    ) -> Callable[[Callable[..., Iterable[Made]]], dg.AssetsDefinition]:
        """Return the decorator of the contracts of both sides, which one step observes at the same time.

        Args:
            schema_version: Version of the files it writes.
            after: The asset of a side that its contract comes after.
        """
        declared = dg.multi_asset(
            name="contracts",
            specs=[
                dg.AssetSpec(
                    key,
                    deps=[[side.value, after]],
                    description=f"What the {side} side does with odd requests, a large batch, a long text; its limits.",
                    group_name=side.value,
                    kinds={"python", "json"},
                    owners=list(self.owners),
                    code_version=f"file {schema_version}",
                    skippable=True,
                )
                for side, key in CONTRACT.items()
            ],
            partitions_def=self.partitions,
            can_subset=True,
            # A step has one pool; the legacy side is the live one, and the candidate's is held for its lane.
            pool=f"gateway_{Side.LEGACY.value}",
        )
        return lambda body: declared(recorded(body, self.probe))


def freshness(hour: int, minute: int, timezone: str) -> dg.FreshnessPolicy:
    """Return the policy of the verdict: given by some hours after the daily schedule, each day."""
    slack = int(LATEST_AFTER.total_seconds() // 3600)
    deadline = f"{minute} {(hour + slack) % 24} * * *"
    return dg.FreshnessPolicy.cron(deadline_cron=deadline, lower_bound_delta=LATEST_AFTER, timezone=timezone)


def version_of(*facts: object) -> dg.DataVersion:
    """Return the data version of what was made from these facts: equal facts, equal version."""
    return dg.DataVersion(hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()[:16])


@contextmanager
def explained() -> Generator[None]:
    """Raise a ParityError of the body as a Dagster failure that is not retried: none of them heals by itself.

    The UI shows the message as it is, and its place and remedy as metadata.
    """
    try:
        yield
    except ParityError as error:
        facts = {"place": error.place, "remedy": error.remedy}
        metadata = {name: dg.MetadataValue.text(value) for name, value in facts.items() if value}
        raise dg.Failure(str(error), metadata=metadata, allow_retries=False) from error
