"""The exceptions of the product.

    ParityError                  everything below; its text says what was wrong, where, and what to do
    ├── SettingsError            parity.yaml or the environment is not usable
    ├── SampleSourceError        a sample source cannot be read; names file and line
    ├── ArtifactError            a stored file is missing, damaged or of another schema
    ├── GatewayError             a side cannot be used at all: unreachable, wrong dialect, unknown model
    ├── ServiceError             a process that a side needs did not start or stop
    └── MetricInputError         arrays that a metric cannot compare

Here belong exception types with their facts as fields. What goes wrong for one sample is not an exception but a row
with a status (`core.fetched_rows`).
"""

from collections.abc import Sequence


class ParityError(Exception):
    """Say what was wrong, where, and what to do next.

    Attributes:
        problem: What was wrong, one sentence without a full stop.
        place: The file, key, address or partition it was found at.
        remedy: What a person does next, an imperative sentence.
    """

    def __init__(self, problem: str, *, place: str = "", remedy: str = "") -> None:
        """Keep the three parts as fields and join them into one message."""
        self.problem = problem
        self.place = place
        self.remedy = remedy
        text = f"{place}: {problem}" if place else problem
        end = "" if text.endswith((".", "?")) else "."
        space = "" if remedy.startswith("\n") else " "
        super().__init__(f"{text}{end}{space}{remedy}" if remedy else text)


class SettingsError(ParityError):
    """Settings that cannot be used, with every fault found and not only the first.

    Attributes:
        faults: One line per fault: key, value, remedy.
    """

    def __init__(self, problem: str, *, place: str = "", remedy: str = "", faults: Sequence[str] = ()) -> None:
        """Append the faults to the message, one per line, and the remedy on a line of its own behind them."""
        self.faults = tuple(faults)
        below = f"\n  {remedy}" if faults and remedy else remedy
        super().__init__("\n  - ".join([problem, *faults]), place=place, remedy=below)
        self.remedy = remedy


class SampleSourceError(ParityError):
    """A sample source that cannot be read."""


class ArtifactError(ParityError):
    """A stored file that is missing, damaged or of another schema."""


class GatewayError(ParityError):
    """A side that cannot be used at all."""


class ServiceError(ParityError):
    """A process that did not come up, or that could not be stopped."""


class MetricInputError(ParityError, ValueError):
    """Arrays that a metric cannot compare."""
