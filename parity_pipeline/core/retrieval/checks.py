"""Every check of the retrieve probe, what it looks at, and how severe it is.

Here belong the names and the record. The rule of the decision is the one of `core.checks`.
"""

from dataclasses import dataclass
from enum import StrEnum

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.outcomes import Side


class RetrievalCheckName(StrEnum):
    """Every check, in the order in which reasons are listed. The spelling is stored, so a name is only ever added."""

    PAIRING = "pairing"
    COMPLETE_COUNTS = "complete-counts"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalCheck:
    """One check of a retrieval verdict.

    Attributes:
        name: Its name.
        severity: What it means that it does not pass.
        passed: Whether it passed; None where nothing was measured for it.
        seen: What was seen, a clause without a full stop. It may hold a server's words.
        remedy: What to do where it did not pass; "" where that is said by what was seen.
        side: The side that it is about; None for both.
        waived_by: Ids of the waivers that cover all of it, joined by commas; "" where it is not waived.
    """

    name: RetrievalCheckName
    severity: CheckSeverity
    passed: bool | None
    seen: str
    remedy: str = ""
    side: Side | None = None
    waived_by: str = ""

    @property
    def stands(self) -> bool:
        """Return whether it did not pass and nothing excuses that."""
        return self.passed is False and not self.waived_by
