"""What an adapter of an engine looks like to the server.

Here belongs the interface alone; each engine has a module of its own beside this one.
"""

from dataclasses import dataclass
from typing import Any, Final, Protocol

from bench.peers.dataset import Corpus, Matrix, Metadata

Options = dict[str, Any]

FIELDS: Final = ("category", "city", "year")
"""Metadata of a document."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: document id, distance or score as the engine reports it, and metadata."""

    id: str
    distance: float
    metadata: Metadata


class Engine(Protocol):
    """An engine with one table, collection or index per corpus.

    Attributes:
        version: Name and version, as it goes into a table.
        descending: Whether the engine reports its best hit with the highest number.
    """

    version: str
    descending: bool

    def add(self, corpus: Corpus) -> None:
        """Store a corpus and build its index."""
        ...

    def search(self, corpus: str, vector: Matrix, k: int, where: Metadata) -> list[Hit]:
        """Return the best `k` documents of a corpus, all of whose metadata equal those in `where`; best first."""
        ...

    def close(self) -> None:
        """Give back what the engine holds."""
        ...
