"""Ask a side for a few texts at once, outside of a lane.

Here belong the questions that a diagnosis and a confirmation ask. A sample set is fetched by `fetch_lane`.
"""

from collections.abc import Sequence
from dataclasses import replace

import httpx
import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.samples import sample_id
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline.wire.side_config import SideConfig


def embed_texts(
    config: SideConfig, model: str, texts: Sequence[str], *, transport: httpx.AsyncBaseTransport | None = None
) -> Sequence[NDArray[np.float32] | None]:
    """Return a vector a text in the same order, None where the side gives none; texts may come twice.

    Args:
        config: The side.
        model: The model of the partition.
        texts: The texts.
        transport: Replaces the network.

    Raises:
        GatewayError: The side cannot be used at all.
    """
    block = SampleBlock(0, [sample_id(text) for text in texts], list(texts), [""] * len(texts))
    found, _ = embed_rows(config, model, block, transport=transport)
    vectors: list[NDArray[np.float32] | None] = []
    for rows in found:
        spans = zip(rows.offsets[:-1], rows.offsets[1:], strict=True)
        vectors.extend(rows.values[low:high].copy() if high > low else None for low, high in spans)
    return vectors


def embed_rows(
    config: SideConfig, model: str, block: SampleBlock, *, transport: httpx.AsyncBaseTransport | None = None
) -> tuple[Sequence[FetchedRows], int]:
    """Return the rows of a block, in order, and how many requests were sent; a request is sent twice at most.

    Requests are cut as in a lane, and as many are in flight.

    Args:
        config: The side.
        model: The model of the partition.
        block: The texts, from ordinal 0 on.
        transport: Replaces the network.

    Raises:
        GatewayError: The side cannot be used at all.
    """
    found: list[FetchedRows] = []
    once = replace(config, attempts=2, ask_default_model=False, adaptive=False)
    lane = fetch_lane(once, model, [block], found.append, total=len(block), transport=transport)
    return found, lane.requests
