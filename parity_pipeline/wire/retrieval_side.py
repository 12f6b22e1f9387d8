"""One side of one retrieval partition: where it is, what format it speaks, and how it spells what is searched.

Here belong plain records that settings fill and this package reads. Headers, token, limits and timeouts are those of
`side_config.SideConfig`, which the embed probe uses too.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import quote

from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.wire.retrieval_dialects import IN_PATH, RetrievalDialect
from parity_pipeline.wire.side_config import SideConfig

_PLACEHOLDER: Final = re.compile("|".join(map(re.escape, IN_PATH)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSide:
    """What one side is requested to search for the rankings of one corpus.

    Attributes:
        config: The side. Its `dialect` and its limits on batches belong to embedding and have no effect here.
        dialect: The request and response format of its retrieval endpoint.
        corpus: Name of the partition.
        searches: The corpora that a query of the partition searches, unless it names its own; at least one.
        corpora: This side's spelling of a corpus or of the partition's name, where it differs.
        filters: This side's spelling of a named filter, any JSON value; another filter is sent as it is.
        model: Model that queries are embedded with, by this side's name for it; None to send none.
        metadata: Names of the metadata fields that must be equal.
        reported: What stands beside a document id, a `core.retrieval.records.Reported`.
        address_key: Key of the settings that holds the base URL, for messages; "" for that of the side.
    """

    config: SideConfig
    dialect: RetrievalDialect
    corpus: str
    searches: tuple[str, ...]
    corpora: Mapping[str, str] = field(default_factory=dict[str, str])
    filters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    model: str | None = None
    metadata: tuple[str, ...] = ()
    reported: str = "score"
    address_key: str = ""

    @property
    def url(self) -> str:
        """Return the address that a query of the partition is sent to."""
        return self.address(self.path(self.searches))

    @property
    def needs_vectors(self) -> bool:
        """Return whether every query needs a vector, because the endpoint takes no text."""
        return self.dialect.needs_vectors

    def address(self, path: str) -> str:
        """Return the address of a path below the base URL."""
        return self.config.base_url.rstrip("/") + path

    def spelled(self, corpus: str) -> str:
        """Return this side's spelling of a corpus."""
        return self.corpora.get(corpus, corpus)

    def searched(self, query: Query) -> tuple[str, ...]:
        """Return the corpora that a query searches, by our names for them."""
        return query.corpora or self.searches

    def single(self, searched: tuple[str, ...]) -> str:
        """Return what `{corpus}` stands for: the one corpus, or the name of the partition where several are searched."""
        return self.spelled(searched[0] if len(searched) == 1 else self.corpus)

    def path(self, searched: tuple[str, ...]) -> str:
        """Return the path of a request that searches some corpora; names are quoted, so that none ends the path."""
        values = {
            "{corpus}": quote(self.single(searched), safe=""),
            "{corpora}": ",".join(quote(self.spelled(name), safe="") for name in searched),
            "{model}": quote(self.model or "", safe=""),
        }
        return _PLACEHOLDER.sub(lambda found: values[found.group()], self.dialect.path)

    def settings_hash(self) -> str:
        """Return the hash, 64 hex digits, of what shapes a request and what is read from a response.

        Secrets, timeouts and rates are not part of it; neither are `reported`, by which stored numbers are read later, and
        the key of the address.
        """
        shape = [
            self.config.base_url.rstrip("/"),
            asdict(self.dialect),
            self.corpus,
            self.searches,
            dict(self.corpora),
            dict(self.filters),
            self.model,
            self.metadata,
        ]
        return hashlib.sha256(json.dumps(shape, sort_keys=True, default=str).encode()).hexdigest()
