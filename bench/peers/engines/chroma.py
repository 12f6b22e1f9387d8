"""Chroma, embedded, with its collections in a folder. It always searches by HNSW."""

import importlib
from typing import Any

from bench.peers.dataset import Corpus, Matrix, Metadata
from bench.peers.engines.base import FIELDS, Hit, Options

_BATCH = 5_000


class Chroma:
    """Options: `hnsw` (its configuration, such as space, ef_search, max_neighbors; Chroma's defaults where none is given)."""

    descending = False

    def __init__(self, options: Options, folder: str) -> None:
        """Open a database in the folder."""
        chromadb: Any = importlib.import_module("chromadb")
        settings: Any = importlib.import_module("chromadb.config").Settings(anonymized_telemetry=False)
        self._client, self._hnsw = chromadb.PersistentClient(folder, settings=settings), options.get("hnsw", {})
        self._collections: dict[str, Any] = {}
        self.version = f"Chroma {chromadb.__version__}"

    def add(self, corpus: Corpus) -> None:
        """Add the vectors in batches as large as Chroma takes."""
        collection = self._client.create_collection(
            corpus.name, embedding_function=None, configuration={"hnsw": self._hnsw}
        )
        for start in range(0, len(corpus.ids), _BATCH):
            part = slice(start, start + _BATCH)
            collection.add(ids=corpus.ids[part], embeddings=corpus.vectors[part], metadatas=corpus.metadata[part])
        self._collections[corpus.name] = collection

    def search(self, corpus: str, vector: Matrix, k: int, where: Metadata) -> list[Hit]:
        """Query by vector, with the filter in Chroma's own words."""
        clauses = [{field: value} for field, value in where.items()]
        kept = {"$and": clauses} if len(clauses) > 1 else clauses[0] if clauses else None
        found = self._collections[corpus].query(
            query_embeddings=[vector], n_results=k, where=kept, include=["metadatas", "distances"]
        )
        columns = (found["ids"][0], found["distances"][0], found["metadatas"][0])
        return [
            Hit(one, far, {field: kept[field] for field in FIELDS}) for one, far, kept in zip(*columns, strict=True)
        ]

    def close(self) -> None:
        """Do nothing: there is no server."""
