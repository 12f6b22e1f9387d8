"""The experiments that show what fetching each text once from both sides cannot, by name.

Here belong the names and what a run lacks without them; some are stability experiments, some need input that a person
gives, some another endpoint. Which case wants which one is in `cases`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EXPERIMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "repeats": "repeats of the same texts",
        "batch-sizes": "the same texts in requests of several sizes",
        "shuffled": "the same texts in another order",
        "concurrency": "distinct texts in parallel against one at a time",
        "equal-length-load": "texts of equal length together under load",
        "canaries": "canaries at the start, in the middle and at the end",
        "salted": "never-seen texts against repeated ones",
        "cutover-index": "a ranking under dot product and under cosine",
        "store": "vectors read back from a store, which are never judged here",
        "context-sizes": "the same text with several context sizes",
        "large-bodies": "request bodies of more than 2 MB",
        "reduced-dimensions": "requests that ask for fewer dimensions",
        "earlier-dates": "the canaries' vectors of an earlier date",
        "digests": "the digest of the model behind each side",
        "retrieve": "the retrieve probe",
        "caller-thresholds": "the callers' thresholds",
    }
)
"""Every experiment by name, as it reads behind "needs"."""
