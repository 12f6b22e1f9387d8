"""Why a run ended before anything was judged.

Here belongs the record that a verdict of a date that could not be run carries. Which errors are recorded, and how, belongs
to `steps.record_failure`; what a run that was judged found belongs to `checks`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailure:
    """Why a run ended before anything was judged.

    Attributes:
        step: What could not be done: the asset, such as `candidate/embeddings`, or `services`.
        problem: What was wrong, a clause without a full stop. It may hold a server's words.
        place: The file, key, address or partition it was found at; "" where none is known.
        remedy: What a person does next, an imperative sentence; "" where none is known.
        kind: Name of the exception, such as `GatewayError`.
    """

    step: str
    problem: str
    place: str = ""
    remedy: str = ""
    kind: str = ""

    @property
    def words(self) -> str:
        """Return the reason of the verdict, a clause without a full stop."""
        where = f"{self.place}: " if self.place else ""
        return f"could not run: {self.step} failed: {where}{self.problem}"
