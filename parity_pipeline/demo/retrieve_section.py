"""The `retrieve` section of the demo: both gateways' retrieval over the made-up workers.

Here belongs the section as data, for runs of the demo that bring their own settings: with a fault, in the fault matrix, in
benchmarks. `parity.yaml` has the same one, which a test compares.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.corpus import CORPORA, EVERYONE
from parity_pipeline.demo.retrieval_request import MODEL
from parity_pipeline.settings.retrieve import RetrieveSettings

SECTION: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "corpora": {EVERYONE: list(CORPORA)},
        "filters": {
            "oslo": {"legacy": "city = 'Oslo'", "candidate": {"city": "Oslo"}},
            "oslo_or_bergen": {
                "legacy": "city IN ('Oslo', 'Bergen')",
                "candidate": {"city": {"in": ["Oslo", "Bergen"]}},
            },
            "experienced": {"legacy": "years >= 10", "candidate": {"years": {"gte": 10}}},
            "packing": {
                "legacy": "list_contains(skills, 'packing')",
                "candidate": {"skills": {"contains": "packing"}},
            },
            "nothing": {"legacy": "city = 'Atlantis'", "candidate": {"city": "Atlantis"}},
        },
        "model": MODEL,
        "metadata": ["role", "city"],
        "legacy": {"dialect": "rust-hybrid", "mode": "vector"},
        "candidate": {"dialect": "go-matrix", "scores": {"reported": "cosine_distance"}},
    }
)
"""All of it but where queries and relevance labels are."""


def demo_retrieve(**more: Any) -> RetrieveSettings:
    """Return the section, validated, with further keys such as `queries`."""
    return RetrieveSettings.model_validate({**SECTION, **more})


def is_of_demo(section: RetrieveSettings | None) -> bool:
    """Return whether the demo's gateways serve a section: their dialects and corpora, at the addresses of the sides."""
    if section is None:
        return False
    known = {EVERYONE, *CORPORA}
    searched = {name for names in section.corpora.values() for name in names}
    spoken = all(section.side(side).dialect == SECTION[side.value]["dialect"] for side in Side)
    elsewhere = any(section.side(side).base_url for side in Side)
    return spoken and not elsewhere and searched <= set(CORPORA) and set(section.corpora) <= known
