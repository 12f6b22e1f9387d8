"""The reference of commands, from the tree that the command line itself is made of.

Here belong the sections of commands and their options. What a command does belongs to `cli`; hidden options are left out.
"""

from collections.abc import Iterator
from typing import Any, Final

import typer

from parity_pipeline.cli.main import app
from parity_pipeline.reference.blocks import item

KIND: Final = "commands"

Command = Any
"""A command or a group, as typer's own copy of click has it; that copy is not public, so nothing names its types."""


def command_tree() -> Command:
    """Return the whole command line, `parity`."""
    return typer.main.get_command(app)


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
