"""What assets have in common: how one reads another's file, and what one returns.

Here belongs what every asset needs of storage and Dagster at once. Vectors never pass through Dagster as values: an
asset publishes its file itself and tells Dagster so (docs/adr/0010).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import dagster as dg

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.defs.checks import specs

LANES: Final = tuple(dg.AssetKey([side.value, "embeddings"]) for side in Side)
"""The two lanes, the legacy one first."""

Read = TypeVar("Read")

if TYPE_CHECKING:
    Made: TypeAlias = dg.MaterializeResult[Any]
    """What an asset returns: its file is published, and its checks have read it."""
else:
    # Where an asset has checks, Dagster takes no class with a parameter.
    Made = dg.MaterializeResult


def asset_of_a_side(
    side: Side,
    name: str,
    partitions: dg.PartitionsDefinition,
    owners: list[str],
    checks: Mapping[str, str],
    **more: Any,
) -> Callable[[Callable[..., Made]], dg.AssetsDefinition]:
    """Return the decorator of an asset that one side has: it asks the side's gateway about the samples.

    Args:
        side: The side.
        name: Last part of the asset's key.
        partitions: Its partitions.
        owners: Its owners.
        checks: Its checks, by name with their description.
        more: Further arguments of `dagster.asset`.
    """
    return dg.asset(
        key=[side.value, name],
        deps=["samples"],
        required_resource_keys={"probe", f"{side.value}_gateway"},
        partitions_def=partitions,
        group_name=side.value,
        owners=owners,
        pool=f"gateway_{side.value}",
        check_specs=specs((side.value, name), partitions, checks),
        **more,
    )


def stored(path: Path, read: Callable[[Path], Read]) -> Read:
    """Return what an asset upstream has stored.

    Assets read what they depend on with this and not as inputs of Dagster's: each input is two more events of a run.

    Args:
        path: Where its file of this partition lies.
        read: What opens it.

    Raises:
        ArtifactError: It was not materialized, or cannot be read.
    """
    if not path.exists():
        raise ArtifactError(
            "an asset upstream was not materialized for this date and model",
            place=str(path),
            remedy="Materialize it for that partition first, or the whole job with `parity run`.",
        )
    return read(path)
