"""LanceDB, embedded, with its tables in a folder."""

import importlib
from typing import Any

from bench.peers.dataset import Corpus, Matrix, Metadata
from bench.peers.engines.base import FIELDS, Hit, Options


class Lance:
    """Options: `metric` (cosine, l2, dot), `index` (parameters of IVF_PQ), `nprobes`, `refine_factor`, `prefilter`."""

    descending = False

    def __init__(self, options: Options, folder: str) -> None:
        """Open a database in the folder."""
        lancedb: Any = importlib.import_module("lancedb")
        self._database, self._options = lancedb.connect(folder), options
        self._ivf_pq: Any = importlib.import_module("lancedb.index").IvfPq
        self._tables: dict[str, Any] = {}
        self.version = f"LanceDB {lancedb.__version__}"

    def add(self, corpus: Corpus) -> None:
        """Store the rows, and build an IVF_PQ index if one is wanted."""
        columns = zip(corpus.ids, corpus.vectors, corpus.metadata, strict=True)
        rows = [{"id": identity, "vector": vector, **one} for identity, vector, one in columns]
        table = self._tables[corpus.name] = self._database.create_table(corpus.name, rows)
        if "index" in self._options:
            metric = self._options.get("metric", "cosine")
            table.create_index("vector", config=self._ivf_pq(distance_type=metric, **self._options["index"]))

    def search(self, corpus: str, vector: Matrix, k: int, where: Metadata) -> list[Hit]:
        """Search by the index where there is one; else every row is compared."""
        search = self._tables[corpus].search(vector).limit(k).select(["id", *FIELDS, "_distance"])
        if "metric" in self._options:
            search = search.distance_type(self._options["metric"])
        for name in {"nprobes", "refine_factor"} & self._options.keys():
            search = getattr(search, name)(self._options[name])
        if where:
            kept = " and ".join(f"{field} = {value!r}" for field, value in where.items())
            search = search.where(kept, prefilter=self._options.get("prefilter", True))
        return [Hit(row["id"], row["_distance"], {field: row[field] for field in FIELDS}) for row in search.to_list()]

    def close(self) -> None:
        """Do nothing: there is no server."""
