"""`parity demo` and `parity faults`: what the demo's gateways, and their faults, look like.

Here belong the options of these commands. The demo's project belongs to `demo`, the tables of faults to `faults`.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from parity_pipeline.cli import completion
from parity_pipeline.cli.options import AsJson, Models, Quiet, Verbose
from parity_pipeline.cli.run import Printing, judge, partitions_of
from parity_pipeline.cli.terminal import output
from parity_pipeline.report.escape import visible


def demo(
    fault: Annotated[
        str,
        typer.Option(
            "--fault",
            metavar="NAME",
            autocompletion=completion.faults,
            help="Put this fault into the candidate; join several by commas.",
        ),
    ] = "",
    models: Models = None,
    *,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Judge today with two gateways that come with this program, in a folder of their own: .parity/demo, or .parity/faults.

    Neither parity.yaml nor PARITY_CONFIG nor other gateways have to do with it.

    \b
    Examples:
      parity demo
      parity demo --fault lower-case --model wordllama-64
      parity demo --fault noise,stale-index
    """
    from parity_pipeline.cli.partition_args import chosen_names, today
    from parity_pipeline.demo.project import demo_folder, demo_project

    printing = Printing(as_json=as_json, quiet=quiet, verbose=verbose)
    os.environ.pop("DAGSTER_HOME", None)  # keeps these runs out of the history of others
    with demo_project(demo_folder(Path.cwd(), fault), fault) as settings:
        current = today(settings)
        judge(
            settings,
            partitions_of(settings, current, current, chosen_names(settings, models=models or ())),
            printing=printing,
        )


def faults(
    page: Annotated[Path, typer.Option("--page", help="File to write the table to.")] = Path("docs/faults.md"),
) -> None:
    """Run every fault of the demo and of an adapter in process, and write the verdicts. Exit 0 if all are detected, else 1.

    \b
    Example:
      parity faults --page docs/faults.md
    """
    from parity_pipeline.faults.adapter_faults import AdapterFaults, adapter_row, section
    from parity_pipeline.faults.matrix import Matrix, document, summary, terminal_row
    from parity_pipeline.faults.retrieval_matrix import RetrievalMatrix, retrieval_row, retrieval_summary
    from parity_pipeline.faults.retrieval_matrix import section as retrieval_section
    from parity_pipeline.storage.atomic import publish_text

    with TemporaryDirectory(prefix="parity-faults-") as folder:
        lines = Matrix(Path(folder)).lines(
            show=lambda line: output.print(terminal_row(line), markup=False, soft_wrap=True)
        )
        rankings = RetrievalMatrix(Path(folder) / "retrieval")
        searches = rankings.lines(show=lambda line: output.print(retrieval_row(line), markup=False, soft_wrap=True))
        retrieval = retrieval_section(searches, rankings.clean())
        adapter_faults = AdapterFaults(Path(folder))
        adapter_lines = adapter_faults.lines(
            show=lambda line: output.print(adapter_row(line), markup=False, soft_wrap=True)
        )
        adapter = section(adapter_lines, adapter_faults.sound()[1])
    publish_text(page, f"{document(lines)}\n{retrieval}\n{adapter}")
    output.print(
        f"{summary(lines)}\n{retrieval_summary(searches)}\nwrote {visible(str(page))}", markup=False, soft_wrap=True
    )
    if not (all(line.detected for line in (*lines, *searches)) and all(line.right for line in adapter_lines)):
        raise typer.Exit(1)
