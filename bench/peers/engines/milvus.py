"""Milvus Lite, with its collections in one file. Its cosine is a similarity: higher is better."""

import importlib
from pathlib import Path
from typing import Any

from bench.peers.dataset import Corpus, Matrix, Metadata
from bench.peers.engines.base import FIELDS, Hit, Options

_BATCH = 2_000


class Milvus:
    """Options: `metric` (COSINE, L2, IP), `index` (FLAT, IVF_FLAT, HNSW), `build` and `search` (its parameters)."""

    def __init__(self, options: Options, folder: str) -> None:
        """Open a database in the folder."""
        self._module: Any = importlib.import_module("pymilvus")
        self._client, self._options = self._module.MilvusClient(str(Path(folder, "peer.db"))), options
        self._metric = options.get("metric", "COSINE")
        self.descending = self._metric != "L2"
        versions = importlib.import_module("importlib.metadata")
        self.version = f"Milvus Lite {versions.version('milvus-lite')}, pymilvus {versions.version('pymilvus')}"

    def add(self, corpus: Corpus) -> None:
        """Create a collection with its index, insert the rows, and flush."""
        types, schema = self._module.DataType, self._client.create_schema()
        schema.add_field("id", types.VARCHAR, is_primary=True, max_length=40)
        schema.add_field("vector", types.FLOAT_VECTOR, dim=corpus.vectors.shape[1])
        for field in FIELDS:
            kind = {"datatype": types.INT64} if field == "year" else {"datatype": types.VARCHAR, "max_length": 40}
            schema.add_field(field, **kind)
        index, kind, build = self._client.prepare_index_params(), self._options["index"], self._options.get("build", {})
        index.add_index("vector", index_type=kind, metric_type=self._metric, params=build)
        self._client.create_collection(corpus.name, schema=schema, index_params=index)
        columns = zip(corpus.ids, corpus.vectors, corpus.metadata, strict=True)
        rows = [{"id": identity, "vector": vector, **one} for identity, vector, one in columns]
        for start in range(0, len(rows), _BATCH):
            self._client.insert(corpus.name, rows[start : start + _BATCH])
        self._client.flush(corpus.name)  # the index is built then; before, each search takes a second

    def search(self, corpus: str, vector: Matrix, k: int, where: Metadata) -> list[Hit]:
        """Search with the filter as an expression of Milvus."""
        kept = " and ".join(f"{field} == {value!r}" for field, value in where.items())
        given = {"params": self._options.get("search", {})}
        found = self._client.search(
            corpus, [vector], limit=k, filter=kept, output_fields=list(FIELDS), search_params=given
        )
        return [Hit(row["id"], row["distance"], {field: row["entity"][field] for field in FIELDS}) for row in found[0]]

    def close(self) -> None:
        """Close the file."""
        self._client.close()
