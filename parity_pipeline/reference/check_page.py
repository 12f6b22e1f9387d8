"""The lists of checks, from their names and descriptions in the code.

Here belongs a table per probe. Two checks that differ in the side alone share a row, as they share a description. What the
checks mean for the decision belongs to `core.checks`.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final

from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.checks import description as of_embeddings
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.core.retrieval.checks import description as of_rankings
from parity_pipeline.reference.blocks import table

KIND: Final = "checks"

_SUBJECTS: Final[Mapping[str, Callable[[], Iterable[tuple[StrEnum, str]]]]] = {
    "embed": lambda: ((name, of_embeddings(name)) for name in CheckName),
    "retrieve": lambda: ((name, of_rankings(name)) for name in RetrievalCheckName),
}


def check_table(probe: str) -> str:
    """Return the table of the checks of a probe, `embed` or `retrieve`."""
    described = dict(_SUBJECTS[probe]())
    spelled = {name.value for name in described}
    rows: dict[str, str] = {}
    for name, text in described.items():
        side, _, subject = name.value.partition("-")
        both = side in set(Side) and {f"{one}-{subject}" for one in Side} <= spelled
        rows.setdefault(f"…-{subject}" if both else name.value, _of_a_side(text, side) if both else text)
    return table(["check", "what has to hold"], [[f"`{name}`", text] for name, text in rows.items()])


def _of_a_side(text: str, side: str) -> str:
    """Return a description that names one side for either of them."""
    return text.replace(f"The {side}", "The side").replace(f"the {side}", "the side")
