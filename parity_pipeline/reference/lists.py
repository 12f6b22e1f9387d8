"""The lists of checks and of commands, from the code that has them.

Here belong a table of checks per probe, in which two that differ in the side alone share a row as they share a description,
and a section per command with its options. What a check means for the decision belongs to `core.checks`, what a command does
to `cli`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import typer

from parity_pipeline.cli.main import whole_tree
from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.checks import description as of_embeddings
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.core.retrieval.checks import description as of_rankings
from parity_pipeline.reference.blocks import item, table

CHECKS: Final = "checks"
COMMANDS: Final = "commands"

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


Command = Any
"""A command or a group, as typer's own copy of click has it; that copy is not public, so nothing names its types."""


def command_tree() -> Command:
    """Return the whole command line, `parity`."""
    return whole_tree()


def command_sections(subject: str = "") -> str:  # noqa: ARG001 - there is one list
    """Return a section per command that can be run, in the order of `parity --help`."""
    return "\n\n".join(_section(words, command) for words, command in runnable(command_tree(), ("parity",)))


def runnable(command: Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Yield each command below one with its words; hidden ones, and groups that do nothing themselves, are left out."""
    below = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        yield words, command
    for name, one in below.items():
        if not one.hidden:
            yield from runnable(one, (*words, name))


def _section(words: tuple[str, ...], command: Command) -> str:
    context = typer.Context(command)
    records = [record for one in command.params if (record := one.get_help_record(context))]
    # `--config` is said once, above all commands.
    options = [
        item(f"`{names}`: {' '.join(said.split())}".removesuffix(": "))
        for names, said in records
        if not names.startswith("--config ")
    ]
    text = item(" ".join((command.help or "").partition("\n\n")[0].split())).removeprefix("- ").replace("\n  ", "\n")
    return "\n\n".join(filter(None, (f"### {' '.join(words)}", text, "\n".join(options))))
