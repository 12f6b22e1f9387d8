"""The 34 documented ways in which embedding back ends go wrong in a migration, and what shows each of them.

Here belong the cases by name and the experiments that show what fetching each text once from both sides cannot: some are
repeatability experiments, some need input that a person gives, some another endpoint. What happens in each case, how it shows
and who reported it is in `docs/failure-modes.md`; a test keeps the two together. What the samples of a run would have caught
belongs to `core.power`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from parity_pipeline.core.hazards.corpus import ALL, hazards_in

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


@dataclass(frozen=True, slots=True)
class FailureMode:
    """One documented case.

    Attributes:
        number: 1 to 34.
        title: A few words.
        every_text: Any text that was sent to both sides exercises it.
        experiments: Names of `EXPERIMENTS`, any one of which exercises it. Where there are some, hazard sets with this case
            are their material and do not exercise it alone.
    """

    number: int
    title: str
    every_text: bool = False
    experiments: tuple[str, ...] = ()


FAILURE_MODES: Final = (
    FailureMode(1, "permuted batch", every_text=True),
    FailureMode(2, "batch size changes vectors", experiments=("batch-sizes",)),
    FailureMode(3, "parallel requests mix", experiments=("concurrency",)),
    FailureMode(4, "equal lengths coalesced", experiments=("equal-length-load",)),
    FailureMode(5, "history", experiments=("canaries",)),
    FailureMode(6, "not deterministic", experiments=("repeats",)),
    FailureMode(7, "normalisation differs", every_text=True),
    FailureMode(8, "raw norms in a dot-product index", experiments=("cutover-index",)),
    FailureMode(9, "store rewrites vectors", experiments=("store",)),
    FailureMode(10, "silent truncation"),
    FailureMode(11, "over-long input: error or not"),
    FailureMode(12, "context size changes vectors", experiments=("context-sizes",)),
    FailureMode(13, "capitals collapse"),
    FailureMode(14, "accents lost"),
    FailureMode(15, "wrong tokenizer"),
    FailureMode(16, "wrong pooling", every_text=True),
    FailureMode(17, "task prefix"),
    FailureMode(18, "text edited on the way"),
    FailureMode(19, "NaN or 500 for some texts"),
    FailureMode(20, "NaN on the wire"),
    FailureMode(21, "invalid Unicode"),
    FailureMode(22, "body size limit", experiments=("large-bodies",)),
    FailureMode(23, "quarter-width vectors", every_text=True),
    FailureMode(24, "blank input"),
    FailureMode(25, "empty vectors with 200", every_text=True),
    FailureMode(26, "batch cap or 429 hidden", experiments=("batch-sizes",)),
    FailureMode(27, "another model responds", every_text=True),
    FailureMode(28, "stale cache", experiments=("salted",)),
    FailureMode(29, "cut vectors not normalised", experiments=("reduced-dimensions",)),
    FailureMode(30, "runtime upgraded", experiments=("earlier-dates",)),
    FailureMode(31, "a tag is not an identity", experiments=("digests",)),
    FailureMode(32, "ties reorder", experiments=("retrieve",)),
    FailureMode(33, "lexical fallback", experiments=("retrieve",)),
    FailureMode(34, "callers' thresholds", experiments=("caller-thresholds",)),
)
"""Every case, in the order of its number."""


@cache
def sets_by_case() -> Mapping[int, tuple[str, ...]]:
    """Return the hazard sets that exercise each case, in the order of `SETS`; only cases with some."""
    found: dict[int, dict[str, None]] = {}
    for hazard in hazards_in((ALL,), salt=""):
        for number in hazard.cases:
            found.setdefault(number, {})[hazard.set_name] = None
    return MappingProxyType({number: tuple(names) for number, names in sorted(found.items())})
