"""What the samples would have caught: the simulated faults by result.

Here belongs the layout. Simulating faults belongs to `core.power`.
"""

from collections.abc import Iterable, Sequence

from parity_pipeline.core.outcomes import PASSING
from parity_pipeline.core.power.records import FaultResult, SimulatedFault
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose, table


def power(verdict: Verdict) -> list[str]:
    """Return what the samples would have caught, as Markdown; nothing for a pass of an earlier version."""
    lines, found = ["## What these samples would have caught", ""], verdict.power
    if verdict.decision not in PASSING:
        return [*lines, "Not computed: faults are simulated on the samples of a pass."]
    if found is None:
        return []
    lines.append(prose(f"{found.words}. No request was sent for it."))
    if found.looked_at < found.samples:
        looked_at = f"{numbers.count(found.looked_at)} of {numbers.count(found.samples)} samples"
        lines.append(prose(f"Only {looked_at} were looked at; the others can catch more."))
    for result, head in ((FaultResult.MISSED, "Not caught"), (FaultResult.UNSURE, "May not be caught")):
        if rows := [(prose(one.words), prose(one.why)) for one in found.of(result)]:
            lines += ["", *table((head, "Why"), rows)]
    caught = found.of(FaultResult.CAUGHT)
    exact, assumed = ([one for one in caught if one.assumed is flag] for flag in (False, True))
    lines += _listed("Caught", exact)
    lines += _listed("Caught, if a changed text moves a vector as far as models do (docs/adr/0026)", assumed)
    return lines


def _listed(head: str, faults: Sequence[SimulatedFault]) -> Iterable[str]:
    return ["", prose(f"{head}: {'; '.join(one.words for one in faults)}.")] if faults else []
