"""What a reader copies from a page works: settings load, commands exist, code runs."""

import doctest
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml

from parity_pipeline.reference.lists import Command, command_tree
from parity_pipeline.settings.loading import validate
from parity_pipeline_tests.docs.pages import ROOT, CodeBlock, blocks, pages

COMPLETE: Final = {"first_date", "models", "samples", "sides"}
"""Keys without which a file of settings cannot load; a block that has all of them is a file."""
BASE: Final = ROOT / "parity.yaml"


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_settings_of_a_page_load(block: CodeBlock, tmp_path: Path) -> None:
    """A block of settings is valid: by itself where it is a whole file, else laid over the demo's settings."""
    if block.fragment:
        return
    content = yaml.safe_load(block.code) or {}
    if not content.keys() >= COMPLETE:
        content = merged(yaml.safe_load(BASE.read_text("utf-8")), content)
    validate(content, tmp_path / "parity.yaml")


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return two mappings as one; where both have a mapping, those are merged too."""
    found = dict(below)
    for name, value in above.items():
        old = found.get(name)
        found[name] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


def in_blocks() -> list[tuple[str, str]]:
    """Return each command line of a shell block without `parity`, and where it is."""
    return [
        (found[1], f"{block.page.name}:{number}")
        for block in blocks("sh", "bash")
        for number, line in enumerate(block.code.replace("\\\n", " ").splitlines(), start=block.line)
        if (found := re.search(r"(?:^|[\s/])parity (.*)", line.partition(" #")[0]))
    ]


def in_sentences() -> list[tuple[str, str]]:
    """Return each command of a code span without `parity`, and its page."""
    spans = {
        (found, page.name)
        for page in pages()
        for found in re.findall(r"`parity ([a-z][^`\n]*)`", page.read_text("utf-8"))
    }
    return sorted(spans)


@pytest.mark.parametrize(("line", "place"), in_blocks())
def test_commands_of_a_block_exist(line: str, place: str) -> None:
    """Every command, option and choice that a shell block shows is one that the program has."""
    parse(command_tree(), re.split(r"\s[|&>;]", line)[0], place)


@pytest.mark.parametrize(("line", "place"), in_sentences())
def test_commands_in_a_sentence_exist(line: str, place: str) -> None:
    """Every command and option that a sentence names is one that the program has."""
    command, words = command_tree(), shlex.split(line)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if getattr(command, "commands", {}) and not command.invoke_without_command:
        assert not words, f"{place}: there is no command parity {line}"
    known = {name for option in command.params for name in option.opts}
    assert not [word for word in words if word.startswith("--") and word.partition("=")[0] not in known], place


def parse(command: Command, line: str, place: str) -> None:
    """Parse a command line without running it; fail where there is no such command, option or choice."""
    words = shlex.split(line)
    context = typer.Context(command, info_name="parity")
    while words and words[0] in getattr(command, "commands", {}):
        name = words.pop(0)
        command = command.commands[name]
        context = typer.Context(command, info_name=name, parent=context)
    runs_itself = not getattr(command, "commands", {}) or command.invoke_without_command
    assert runs_itself, f"{place}: there is no command parity {line}"
    command.parse_args(context, words)


@pytest.mark.parametrize("block", blocks("json", "jsonl"), ids=str)
def test_json_of_a_page_is_valid(block: CodeBlock) -> None:
    """A body that a page shows can be sent."""
    json.loads(block.code)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_of_a_page_compiles_and_its_examples_run(block: CodeBlock) -> None:
    """Code is valid Python, and a session with prompts gives what it shows."""
    if ">>>" not in block.code:
        compile(block.code, str(block), "exec")
        return
    session = doctest.DocTestParser().get_doctest(block.code, {}, str(block), str(block.page), block.line)
    assert not doctest.DocTestRunner(verbose=False).run(session).failed


def test_make_targets_of_the_pages_exist() -> None:
    """Every `make …` that a page shows is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = [
        (name, block) for block in blocks("sh") for name in re.findall(r"^\s*make ([a-z]+)", block.code, re.MULTILINE)
    ]
    assert shown
    assert not [f"{block}: {name}" for name, block in shown if name not in targets]


def test_shell_blocks_are_valid_shell() -> None:
    """What a reader pastes into a terminal parses."""
    for block in blocks("sh", "bash"):
        done = subprocess.run(["/bin/sh", "-n"], input=block.code, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{block}: {done.stderr}"
