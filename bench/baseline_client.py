"""What the engine is compared with: the clients that one writes first.

Here belong httpx + json + lists, with and without Parquet, and the loop that asks for one text after the other.
"""

import asyncio
import json
import urllib.request
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from servers import TEXTS


def plain_client(url: str, samples: int) -> list[NDArray[np.float32]]:
    """Fetch as a first script with httpx would: four tasks, json, lists, numpy. Return one array a batch, in order."""
    found: dict[int, NDArray[np.float32]] = {}

    async def run() -> None:
        todo = iter(range(samples // TEXTS))
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:

            async def work() -> None:
                for number in todo:
                    texts = [f"text {number * TEXTS + index:016x}" for index in range(TEXTS)]
                    response = await client.post(f"{url}/ai/embed", json={"texts": texts, "model": "m"})
                    vectors = response.raise_for_status().json()["embeddings"]
                    if len(vectors) != TEXTS:
                        raise ValueError(number)
                    found[number] = np.array(vectors, np.float32)

            await asyncio.gather(*(work() for _ in range(4)))

    asyncio.run(run())
    return [found[number] for number in sorted(found)]


def plain_client_to_parquet(url: str, samples: int, path: Path) -> None:
    """Fetch likewise, then write ids and vectors with pyarrow's defaults."""
    batches = plain_client(url, samples)
    rows = [row for batch in batches for row in batch]
    names = [f"{ordinal:016x}" for ordinal in range(len(rows))]
    pq.write_table(pa.table({"sample_id": names, "vector": rows}), str(path))


def plain_loop(url: str, samples: int) -> None:
    """Ask for one text after the other, as a shell loop does, less the start of a process each."""
    for number in range(samples):
        body = json.dumps({"texts": [f"text {number}"], "model": "m"}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{url}/one/embed", body)) as response:  # noqa: S310 - loopback
            json.load(response)
