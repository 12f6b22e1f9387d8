"""The peers, and the pairs of them that are compared, with what each pair should show.

Here belong tables alone.
"""

from dataclasses import dataclass, field
from typing import Final

from bench.peers.engines.base import Options
from parity_pipeline.core.retrieval.records import Reported


@dataclass(frozen=True, slots=True)
class Peer:
    """One engine as someone set it up.

    Attributes:
        engine: A name of `server.ENGINES`.
        options: Options of its adapter.
        reported: What its distances are taken for in the settings.
    """

    engine: str
    options: Options = field(default_factory=Options)
    reported: Reported = Reported.COSINE_DISTANCE


PEERS: Final = {
    "numpy": Peer("brute-force"),
    "numpy, newest tie first": Peer("brute-force", {"ties": "newest"}),
    "numpy, `query:` before texts": Peer("brute-force", {"query_prefix": "query: "}),
    "pgvector exact": Peer("pgvector"),
    "pgvector halfvec": Peer("pgvector", {"type": "halfvec"}),
    "pgvector HNSW": Peer("pgvector", {"index": {}}),
    "pgvector HNSW, tuned": Peer(
        "pgvector", {"index": {}, "set": {"hnsw.ef_search": 200, "hnsw.iterative_scan": "strict_order"}}
    ),
    "pgvector L2": Peer("pgvector", {"metric": "l2"}),
    "pgvector dot product": Peer("pgvector", {"metric": "ip"}),
    "usearch exact": Peer("usearch", {"exact": True, "filter": "before"}),
    "usearch HNSW": Peer("usearch", {"filter": "before"}),
    "usearch HNSW, poorly tuned": Peer(
        "usearch", {"index": {"connectivity": 4, "expansion_add": 8, "expansion_search": 8}, "filter": "before"}
    ),
    "usearch int8": Peer("usearch", {"index": {"dtype": "i8"}, "filter": "before"}),
    "usearch, filter after top-k": Peer("usearch", {"exact": True, "filter": "after"}),
    "LanceDB exact": Peer("lancedb", {"metric": "cosine"}),
    "LanceDB IVF_PQ": Peer("lancedb", {"metric": "cosine", "index": {}}),
    "LanceDB IVF_PQ, refined": Peer("lancedb", {"metric": "cosine", "index": {}, "refine_factor": 10}),
    "LanceDB default metric": Peer("lancedb"),
    "LanceDB postfilter": Peer("lancedb", {"metric": "cosine", "prefilter": False}),
    "Chroma cosine": Peer("chroma", {"hnsw": {"space": "cosine"}}),
    "Chroma default metric": Peer("chroma"),
    "Milvus Lite FLAT": Peer("milvus", {"index": "FLAT"}, Reported.SCORE),
    "Milvus Lite IVF_FLAT": Peer(
        "milvus", {"index": "IVF_FLAT", "build": {"nlist": 128}, "search": {"nprobe": 4}}, Reported.SCORE
    ),
    "Milvus Lite HNSW": Peer(
        "milvus", {"index": "HNSW", "build": {"M": 16, "efConstruction": 100}, "search": {"ef": 64}}, Reported.SCORE
    ),
}
"""Options that are not given are the engine's own defaults."""

LEGACY: Final = "pgvector exact"

PAIRS: Final[tuple[tuple[str, str], ...]] = (
    (LEGACY, "numpy"),
    (LEGACY, "numpy, newest tie first"),
    (LEGACY, "usearch exact"),
    (LEGACY, "LanceDB exact"),
    (LEGACY, "Milvus Lite FLAT"),
    (LEGACY, "pgvector halfvec"),
    (LEGACY, "usearch int8"),
    (LEGACY, "pgvector HNSW"),
    (LEGACY, "pgvector HNSW, tuned"),
    (LEGACY, "usearch HNSW"),
    (LEGACY, "usearch HNSW, poorly tuned"),
    (LEGACY, "LanceDB IVF_PQ"),
    (LEGACY, "LanceDB IVF_PQ, refined"),
    (LEGACY, "Chroma cosine"),
    (LEGACY, "Milvus Lite IVF_FLAT"),
    (LEGACY, "Milvus Lite HNSW"),
    (LEGACY, "pgvector L2"),
    (LEGACY, "pgvector dot product"),
    (LEGACY, "LanceDB default metric"),
    (LEGACY, "Chroma default metric"),
    (LEGACY, "LanceDB postfilter"),
    (LEGACY, "usearch, filter after top-k"),
    (LEGACY, "numpy, `query:` before texts"),
    ("usearch HNSW", "Chroma cosine"),
)
"""Legacy side and candidate. The last pair is of two approximate engines."""
