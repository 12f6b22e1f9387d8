"""Why a run ended before anything was judged.

Here belongs the record that a verdict of a date that could not be run carries, and how an exception becomes one. Which
errors are recorded, and how, belongs to `steps.record_failure`; what a run that was judged found belongs to `checks`.
"""

from dataclasses import dataclass

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.limits import ERROR_CHARACTERS


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


def failure_of(error: BaseException, step: str) -> RunFailure:
    """Return why a step failed; what is not an error of the product is a bug, and says so.

    The text of such an error is left out: no code of the product has seen to it that it holds no secret, and the ledger is
    kept in version control.
    """
    kind = type(error).__name__
    if isinstance(error, ParityError):
        return RunFailure(
            step=step,
            problem=_one_line(error.problem),
            place=error.place,
            remedy=" ".join(error.remedy.split()),
            kind=kind,
        )
    problem = f"unexpected {kind}, whose text is in the log of the run"
    return RunFailure(step=step, problem=problem, remedy="Report it as a bug, with that log.", kind=kind)


def _one_line(problem: str) -> str:
    """Return the first line of what was wrong: the others, such as those of a service's log, are its output."""
    first = problem.strip().partition("\n")[0].strip()
    return first.removesuffix("; the last lines of its log:")[:ERROR_CHARACTERS]
