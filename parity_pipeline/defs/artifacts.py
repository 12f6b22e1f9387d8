"""What assets have in common: how one reads another's file, and what one returns.

Here belongs what every asset needs of storage and Dagster at once. Vectors never pass through Dagster as values: an
asset publishes its file itself and tells Dagster so (docs/adr/0010).
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import dagster as dg

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side

LANES: Final = tuple(dg.AssetKey([side.value, "embeddings"]) for side in Side)
"""The two lanes, the legacy one first."""

Read = TypeVar("Read")

if TYPE_CHECKING:
    Made: TypeAlias = dg.MaterializeResult[Any]
    """What an asset returns: its file is published, and its checks have read it."""
else:
    # Where an asset has checks, Dagster takes no class with a parameter.
    Made = dg.MaterializeResult


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
