"""The IO manager: an asset hands over a finished temporary file, downstream assets get a reader of the published one.

Here belongs which asset lies at which path. Vectors never pass through Dagster as values: they are streamed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.defs.failures import explained
from parity_pipeline.defs.partitions import split_key
from parity_pipeline.storage.atomic import draft_path, publish
from parity_pipeline.storage.embeddings import EmbeddingsFile
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_sets import SampleSetFile
from parity_pipeline.storage.stability_files import read_stability
from parity_pipeline.storage.verdicts import read_verdict

LANE_NAMES: Final = tuple(f"{side.value}/embeddings" for side in Side)
"""The two lanes as `stored` takes them, the legacy one first."""

LANES: Final = tuple(dg.AssetKey(name.split("/")) for name in LANE_NAMES)


@dataclass(frozen=True, kw_only=True)
class Product:
    """What an asset made: a whole file under a temporary name.

    Attributes:
        temporary: The file, in the folder of its final place.
        published: Called once the file has its final name, such as to let go of what it was made from.
        released: Called at the end, published or not, such as to open a lock.
    """

    temporary: Path
    published: Callable[[], None] = lambda: None
    released: Callable[[], None] = lambda: None


def path_of(layout: Layout, asset_key: dg.AssetKey, partition: str | None) -> Path:
    """Return where an asset's file of a partition lies; `summary` has no partition."""
    *prefix, name = asset_key.path
    if name == "summary":
        return layout.summary
    day, model = split_key(partition or "")
    if prefix:
        of_a_side = {"embeddings": layout.embeddings, "stability": layout.stability}
        return of_a_side[name](Side(prefix[0]), day, model)
    return {
        "samples": layout.samples,
        "parity": layout.parity,
        "diagnosis": layout.diagnosis,
        "verdict": layout.verdict,
        "report": layout.report,
    }[name](day, model)


def draft_for(layout: Layout, context: dg.AssetExecutionContext) -> Path:
    """Return a fresh temporary path beside the final place of the asset and partition that runs."""
    partition = context.partition_key if context.has_partition_key else None
    return draft_path(path_of(layout, context.asset_key, partition))


_READERS: dict[str, Callable[[Path], Any]] = {
    "samples": SampleSetFile,
    "embeddings": EmbeddingsFile,
    "stability": read_stability,
    "parity": ParityFile,
    "verdict": read_verdict,
}


def stored(layout: Layout, asset: str, partition: str) -> Any:
    """Return a reader of an asset's file of a partition.

    Assets read what they depend on with this and not as inputs of Dagster's: each input is two more events of a run.

    Args:
        layout: Where files lie.
        asset: The asset's key, its parts joined by `/`.
        partition: The partition key.

    Raises:
        ArtifactError: It was not materialized.
    """
    key = dg.AssetKey(asset.split("/"))
    path = path_of(layout, key, partition)
    if not path.exists():
        raise ArtifactError(
            f"{asset} was not materialized for {partition}",
            place=str(path),
            remedy=f"Materialize {asset} for that partition first, or the whole job with `parity run`.",
        )
    return _READERS[key.path[-1]](path)


class ArtifactIOManager(dg.IOManager):
    """Publish products by renaming, load them as lazy readers."""

    def __init__(self, layout: Layout) -> None:
        """Keep where the files lie."""
        self._layout = layout

    def handle_output(self, context: dg.OutputContext, obj: Product) -> None:
        """Give the product its final name, then tell its maker."""
        partition = context.partition_key if context.has_partition_key else None
        try:
            with explained():
                publish(obj.temporary, path_of(self._layout, context.asset_key, partition))
                obj.published()
        finally:
            obj.released()

    def load_input(self, context: dg.InputContext) -> Any:
        """Return a reader of the upstream asset's file of this partition.

        Raises:
            Failure: It was not materialized, or cannot be read.
        """
        with explained():
            return stored(self._layout, context.asset_key.to_user_string(), context.partition_key)
