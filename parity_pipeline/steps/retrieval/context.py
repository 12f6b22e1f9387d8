"""What the steps of the retrieve probe share beside both sides: what is requested, and by which limits it is judged.

Here belongs the record that the composition root fills from the settings' section `retrieve`. A side is the `Gateway` of
`steps.context`, as for every probe.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import Bands
from parity_pipeline.core.retrieval.checks import RetrievalCheckSettings
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.confirmation import ConfirmBudget
from parity_pipeline.core.retrieval.noise import NoiseBudget
from parity_pipeline.core.retrieval.ranked_lists import Codebook
from parity_pipeline.core.retrieval.records import IdMapping, Ranking
from parity_pipeline.core.retrieval.waivers import QueryWaiver
from parity_pipeline.storage.query_sources import QueryDefaults
from parity_pipeline.storage.sources import SourceSpec

Vectors = Mapping[str, Sequence[float]]
"""Query vectors by query id."""


@dataclass(frozen=True, kw_only=True)
class RetrievalContext:
    """What is requested, and by which limits it is judged.

    Attributes:
        corpora: The corpora that each partition searches, by the partition's name.
        sources: Where queries come from.
        k: Results of a query that names no number.
        filters: Names of the filters that settings define.
        spelled: These filters as each side spells them, by name.
        metadata: Names of the metadata fields that must be equal.
        mappings: How document ids of each side are spelled in the space of comparison.
        rules: What makes the lists of both sides comparable.
        bands: Limits by which queries and the set are judged.
        waivers: Expected differences, in the order of the settings.
        required_bound: Share of inputs, in (0, 1), that at most may differ, to be proved; None asks for no proof.
        checks: What the settings say of checks.
        noise: Queries that are repeated for each side's own noise.
        confirm: Differing queries that are requested again from both sides.
        model: Model of the embed probe by which queries become vectors; None where that is not looked at.
        qrels: File of relevance labels, in the form of TREC; None where there are none.
    """

    corpora: Mapping[str, tuple[str, ...]]
    sources: Sequence[SourceSpec]
    k: int = 10
    filters: Collection[str] = ()
    spelled: Mapping[Side, Mapping[str, Any]] = field(default_factory=dict[Side, Mapping[str, Any]])
    metadata: Sequence[str] = ()
    mappings: Mapping[Side, IdMapping] = field(default_factory=dict[Side, IdMapping])
    rules: ComparisonRules = field(default_factory=ComparisonRules)
    bands: Bands = field(default_factory=Bands)
    waivers: Sequence[QueryWaiver] = ()
    required_bound: float | None = None
    checks: RetrievalCheckSettings = field(default_factory=RetrievalCheckSettings)
    noise: NoiseBudget = field(default_factory=NoiseBudget)
    confirm: ConfirmBudget = field(default_factory=ConfirmBudget)
    model: str | None = None
    qrels: Path | None = None

    def defaults(self, corpus: str) -> QueryDefaults:
        """Return what a partition says of queries that say nothing themselves."""
        return QueryDefaults(searches=self.corpora[corpus], k=self.k, filters=self.filters)

    def requested(self, side: Side, corpus: str) -> dict[str, str]:
        """Return what is requested of a side beside the query set, by key of `retrieve`: with another value, another list.

        Filters, which may be long, are represented by a hash.
        """
        spelled = json.dumps(self.spelled.get(side) or None, sort_keys=True, default=str)
        found = {
            "k": str(self.k),
            "corpora": ", ".join(self.corpora[corpus]),
            "filters": hashlib.sha256(spelled.encode()).hexdigest()[:12] if self.spelled.get(side) else "",
            "model": self.model or "",
            "metadata": ", ".join(self.metadata),
        }
        return {key: value for key, value in found.items() if value}

    def codebook(self, corpus: str) -> Codebook:
        """Return a new codebook for the ids of both sides."""
        return Codebook(legacy=self.mapping(Side.LEGACY, corpus), candidate=self.mapping(Side.CANDIDATE, corpus))

    def mapped(self, side: Side, corpus: str, ranking: Ranking) -> Ranking:
        """Return a ranking of a side with its ids as they are spelled in the space of comparison."""
        return replace(ranking, ids=tuple(map(self.mapping(side, corpus).apply, ranking.ids)))

    def mapping(self, side: Side, corpus: str) -> IdMapping:
        """Return how document ids of a side are spelled in the space of comparison."""
        return replace(self.mappings.get(side, IdMapping()), corpus=corpus)

    def rules_hash(self) -> str:
        """Return the hash, 64 hex digits, of all that measures and evidence depend on beside the lanes."""
        mappings = {side.value: asdict(mapping) for side, mapping in self.mappings.items()}
        limits = {name.value: asdict(one) for name, one in self.bands.query.items()}
        shape = [asdict(self.rules), mappings, limits, self.bands.near_tie]
        return hashlib.sha256(json.dumps(shape, sort_keys=True, default=str).encode()).hexdigest()
