"""The experiments that show what fetching each text once from both sides cannot, by name.

Here belong the names and what a run lacks without them; some are stability experiments, some need input that a person
gives, some another endpoint. Which case wants which one is in `failure_modes`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.hazards.corpus import ALL, CATEGORY_PREFIX, hazards_in
from parity_pipeline.core.hazards.failure_modes import FAILURE_MODES, FailureMode

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

_NO_SAMPLE: Final = "needs a sample"


@dataclass(frozen=True, slots=True)
class MissingCase:
    """A case that was not exercised.

    Attributes:
        number: Its number.
        title: Its title.
        why: What it needs, such as "needs the retrieve probe".
    """

    number: int
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class CaseCoverage:
    """What a run exercised of the documented cases.

    Attributes:
        exercised: Numbers of the cases that would have shown, ascending.
        missing: The others, ascending.
    """

    exercised: tuple[int, ...]
    missing: tuple[MissingCase, ...]

    @property
    def total(self) -> int:
        """Return how many cases there are."""
        return len(self.exercised) + len(self.missing)


@cache
def sets_by_case() -> Mapping[int, tuple[str, ...]]:
    """Return the hazard sets that exercise each case, in the order of `SETS`; only cases with some."""
    found: dict[int, dict[str, None]] = {}
    for hazard in hazards_in((ALL,), salt=""):
        for number in hazard.cases:
            found.setdefault(number, {})[hazard.set_name] = None
    return MappingProxyType({number: tuple(names) for number, names in sorted(found.items())})


def cases_exercised(
    categories: Iterable[str], experiments: Iterable[str] = (), found: Collection[int] = ()
) -> CaseCoverage:
    """Return which cases a run exercised: those it would have shown, had the gateways had them.

    Args:
        categories: Categories of the sample set that both sides embedded; those that begin with `hazard/` name
            a set, and sets that this version does not know count as any other text. None at all exercise nothing.
        experiments: Names of `EXPERIMENTS` that ran to their end.
        found: Cases that a cause of the run is one of, however it came to light.

    Raises:
        ParityError: An experiment's name is unknown.
    """
    given, ran = frozenset(categories), frozenset(experiments)
    if unknown := sorted(ran - EXPERIMENTS.keys()):
        remedy = f"Name some of {', '.join(EXPERIMENTS)}."
        raise ParityError(f"there is no experiment {', '.join(map(repr, unknown))}", remedy=remedy)
    reasons = {case: "" if case.number in found else _lacks(case, given, ran) for case in FAILURE_MODES}
    return CaseCoverage(
        exercised=tuple(case.number for case, why in reasons.items() if not why),
        missing=tuple(MissingCase(case.number, case.title, why) for case, why in reasons.items() if why),
    )


def _lacks(case: FailureMode, categories: frozenset[str], experiments: frozenset[str]) -> str:
    """Return what a case needs that is not there; "" when it was exercised."""
    if case.every_text:
        return "" if categories else _NO_SAMPLE
    if case.experiments:
        wanted = " or ".join(EXPERIMENTS[name] for name in case.experiments)
        return "" if experiments.intersection(case.experiments) else f"needs {wanted}"
    sets = sets_by_case()[case.number]
    if any(f"{CATEGORY_PREFIX}{name}" in categories for name in sets):
        return ""
    return f"needs hazard set {' or '.join(sets)}"
