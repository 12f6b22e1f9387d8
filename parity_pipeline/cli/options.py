"""Options that several commands share: settings file, date, models, corpora, probes, output.

Here belong their names, their help and what completes them in a shell. What a value means is checked by `partition_args`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from parity_pipeline.cli import completion
from parity_pipeline.cli.terminal import errors
from parity_pipeline.settings.loading import CONFIG_VARIABLE

DATE_FORM: Final = "YYYY-MM-DD"

RENAMED_OPTIONS: Final[Mapping[str, str]] = {"--afresh": "--discard-staging"}
"""Options that were renamed, old to new; the old one still works and gives a warning."""


def deprecated_option(option: typer.CallbackParam, given: bool) -> bool:
    """Warn that an option was renamed, where it is given."""
    if given:
        old = option.opts[0]
        errors.print(f"warning: {old} is deprecated; write {RENAMED_OPTIONS[old]} instead", markup=False)
    return given


Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help=f"Settings file; else {CONFIG_VARIABLE}, else parity.yaml here or above."
    ),
]


def _repeated(name: str, known: Callable[[typer.Context, str], list[str]], words: str) -> Any:
    """Return an option that may be given several times, each time with one name that a shell completes."""
    return typer.Option(name, metavar="NAME", autocompletion=known, help=words)


_SEVERAL: Final = "alone; repeat the option for several. Default: all."
Models = Annotated[
    list[str] | None, _repeated("--model", completion.models, f"Judge embeddings of this model {_SEVERAL}")
]
Corpora = Annotated[
    list[str] | None, _repeated("--corpus", completion.corpora, f"Judge retrieval from this corpus {_SEVERAL}")
]
OnlyModels = Annotated[
    list[str] | None, _repeated("--model", completion.models, "This model alone; repeat for several.")
]
OnlyCorpora = Annotated[
    list[str] | None, _repeated("--corpus", completion.corpora, "This corpus alone; repeat for several.")
]
Probes = Annotated[
    list[str] | None,
    _repeated(
        "--probe",
        completion.probes,
        "embed or retrieve; repeat the option for both. Default: those of --model and --corpus; without these, all.",
    ),
]
FirstDay = Annotated[
    str, typer.Option("--from", metavar=DATE_FORM, autocompletion=completion.dates, help="First date.")
]
LastDay = Annotated[
    str, typer.Option("--to", metavar=DATE_FORM, autocompletion=completion.dates, help="Last date, included.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the verdicts as one JSON document instead of a table.")]
Day = Annotated[
    str | None,
    typer.Option("--date", metavar=DATE_FORM, autocompletion=completion.dates, help="Partition date. Default: today."),
]
DiscardStaging = Annotated[
    bool,
    typer.Option(
        "--discard-staging", help="Discard what unfinished fetches have staged, such as after a gateway was redeployed."
    ),
]
ThroughAdapter = Annotated[
    bool,
    typer.Option(
        "--through-adapter",
        help="Probe embeddings through the adapter in front of the candidate, as callers will see it.",
    ),
]
Afresh = Annotated[bool, typer.Option("--afresh", hidden=True, callback=deprecated_option)]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print one line per verdict, without reasons, progress and file names; errors go to standard error.",
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print every reason, finding and warning, and a line per lane.")
]
