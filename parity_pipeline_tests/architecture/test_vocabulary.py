"""One word for one thing: words that were given up do not return, in code, documents, names and messages.

`vocabulary.RULES` is the table: a phrase, and the better one. `offences(path)` returns the offences of one file,
`all_offences()` those of every file by room, and `report()` lists them as text. To allow a word in one file, add a line with
the reason to `vocabulary.ALLOWED`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from parity_pipeline_tests.architecture.passages import Passage, passages
from parity_pipeline_tests.architecture.vocabulary import ALLOWED, CLASSES, MODULES, RULES, Allowed, Rule, compiled

BETTER: Final = {rule.pattern: rule.better for rule in RULES}
ANY_PHRASE: Final = compiled("|".join(rule.phrase for rule in RULES))
"""All phrases in one pattern, which is faster where there is none."""
ROOT: Final = Path(__file__).parents[2]
HISTORY: Final = "data/written_by_0_1/"
"""What an earlier version wrote is never edited."""

FOLDERS: Final = ("parity_pipeline", "parity_pipeline_tests", "bench", "docs")
DOCUMENTS: Final = ("*.md", "*.yaml", "Makefile", "pyproject.toml", "data/samples/*.md", "reports/cutover/README.md")
SUFFIXES: Final = frozenset({".py", ".md", ".yaml"})
GENERATED: Final = frozenset({"docs/faults.md", "docs/vs-embed-parity.md"})
"""Pages that code writes. Their words are fixed there, and the page is then written again."""


@dataclass(frozen=True, slots=True)
class Offence:
    """A phrase that was given up, where it is, and what to write."""

    path: str
    line: int
    phrase: str
    better: str

    def __str__(self) -> str:
        """Return one line for a failure."""
        return f"{self.path}:{self.line}: {self.phrase!r} → {self.better}"


def offences(path: Path) -> list[Offence]:
    """Return the offences of a file, in order, without those that `ALLOWED` names and superseded decisions."""
    name = name_of(path)
    if "docs/adr/" in name and superseded(path):
        return []
    return [offence for offence in all_of(path) if not any(allows(entry, offence) for entry in ALLOWED)]


def all_offences() -> dict[str, list[Offence]]:
    """Return the offences of every file by room."""
    return {room: [one for path in paths for one in offences(path)] for room, paths in rooms().items()}


def report() -> str:
    """Return all offences as text: a count per room, then one line each."""
    found = all_offences()
    counts = [f"{len(listed):5} {room}" for room, listed in found.items()]
    return "\n".join([*counts, "", *(str(one) for listed in found.values() for one in listed)])


@cache
def all_of(path: Path) -> tuple[Offence, ...]:
    """Return the offences of a file, allowed ones included, without repetitions on a line."""
    name = name_of(path)
    found = {
        Offence(name, line, phrase, BETTER[pattern]): None
        for text in passages(path)
        if ANY_PHRASE.search(" ".join(text.text.split()))
        for pattern, line, phrase in text.matches(BETTER)
    }
    found |= dict.fromkeys(old_names(path))
    return tuple(sorted(found, key=lambda one: one.line))


def old_names(path: Path) -> Iterator[Offence]:
    """Yield the old names of a module and of its classes."""
    name = name_of(path)
    if path.suffix != ".py":
        return
    if better := MODULES.get(path.parent.relative_to(ROOT).as_posix(), {}).get(path.stem):
        yield Offence(name, 1, f"module {path.stem}", better)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and (better := CLASSES.get(node.name.lstrip("_"))):
            yield Offence(name, node.lineno, f"class {node.name}", better)


def allows(entry: Allowed, offence: Offence) -> bool:
    """Say whether an entry of `ALLOWED` covers an offence."""
    return fnmatch(offence.path, entry.path) and bool(re.fullmatch(entry.phrase, offence.phrase, re.IGNORECASE))


def superseded(path: Path) -> bool:
    """Say whether another decision superseded this one, at least in part, by its first lines."""
    head = path.read_text(encoding="utf-8").splitlines()[:5]
    return any(line.startswith(("Status:", "Superseded by")) and "superseded by" in line.lower() for line in head)


def name_of(path: Path) -> str:
    """Return a path from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


@cache
def rooms() -> dict[str, tuple[Path, ...]]:
    """Return the files to check, by folder; the files at the root are a room of their own."""
    files = {path for pattern in DOCUMENTS for path in ROOT.glob(pattern) if path.is_file()}
    for folder in FOLDERS:
        files |= {path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in SUFFIXES}
    files = {path for path in files if HISTORY not in name_of(path)}
    by_room: dict[str, list[Path]] = {}
    for path in sorted(files):
        by_room.setdefault(room_of(path), []).append(path)
    return {room: tuple(paths) for room, paths in sorted(by_room.items())}


def room_of(path: Path) -> str:
    """Return the first two folders of a path; generated pages are a room of their own."""
    if name_of(path) in GENERATED:
        return "generated pages"
    parts = path.relative_to(ROOT).parent.parts[:2]
    return "/".join(parts) or "root"


@pytest.mark.parametrize("room", rooms())
def test_words_that_were_given_up_do_not_return(room: str) -> None:
    """No file uses a phrase for which the vocabulary has a better one."""
    found = [str(offence) for path in rooms()[room] for offence in offences(path)]
    assert not found, f"{len(found)} in {room}:\n" + "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.phrase)
def test_every_rule_finds_its_phrase(rule: Rule) -> None:
    """A rule finds the phrase in its own bad sentence, also across lines, as a name, and in a comment."""
    assert list(Passage(1, rule.bad).matches([rule.pattern]))
    assert list(Passage(1, rule.bad.replace(" ", "\n    ")).matches([rule.pattern]))
    assert list(Passage(1, rule.bad.upper()).matches([rule.pattern]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.phrase)
def test_the_better_sentence_is_left_alone(rule: Rule) -> None:
    """No rule finds anything in the plain version of a sentence."""
    assert not [phrase for _, _, phrase in Passage(1, rule.good).matches(BETTER)]


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no evidence, and it is no longer there.",
        "Send the same text a second time, and each request a second time.",
        "A recommended amendment, a remarkable storyteller.",
        "The retrieve probe and the embed probe of one date.",
        "Say which batch it was; one batch is one request.",
        "Retry-After may ask for more.",
        "The old spelling, --afresh, still works.",
    ],
)
def test_plain_sentences_are_left_alone(sentence: str) -> None:
    """Near misses of the phrases are not offences."""
    assert not [phrase for _, _, phrase in Passage(1, sentence).matches(BETTER)]


def test_offences_are_found_wherever_words_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docstrings, messages, formatted messages, comments, names, Markdown and YAML comments are all read."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    code = tmp_path / "told.py"
    code.write_text(
        '"""Mend\nit afresh."""\n\n# none\n# of ours\nclass Purse:\n    """Two runs a\n    model."""\n\n'
        'def key_stands_twice(scene: int) -> str:\n    return f"{scene} is no JSON"\n'
    )
    page = tmp_path / "page.md"
    page.write_text("# Fine\n\n`told` is code, but this is\ntold.\n\n```\ntold\n```\n\nMend it.\n")
    comments = tmp_path / "file.yaml"
    comments.write_text("told: 1  # one line a\n# lane\n")
    assert [(one.line, one.phrase.lower()) for one in offences(code)] == [
        (1, "told"),
        (1, "mend"),
        (2, "afresh"),
        (4, "none of ours"),
        (6, "purse"),
        (7, "runs a model"),
        (10, "stands twice"),
        (10, "scene"),
        (11, "is no json"),
    ]
    assert [(one.line, one.phrase) for one in offences(page)] == [(4, "told"), (10, "Mend")]
    assert [(one.line, one.phrase) for one in offences(comments)] == [(1, "line a lane")]


def test_old_names_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module or class under its old name is found, the same name elsewhere or in the plural is not."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    for folder in ("bench", "docs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "plain.py").write_text("class Gate:\n    pass\n\n\nclass Gates:\n    pass\n")
    found = [str(one) for one in offences(tmp_path / "bench/plain.py")]
    assert found == [
        "bench/plain.py:1: 'module plain' → baseline_client",
        "bench/plain.py:1: 'class Gate' → ConcurrencyLimiter",
    ]
    assert [one.phrase for one in offences(tmp_path / "docs/plain.py")] == ["class Gate"]


@pytest.mark.parametrize("entry", ALLOWED, ids=lambda entry: entry.path)
def test_every_exception_is_needed(entry: Allowed) -> None:
    """An exception that covers nothing any more is removed, and each has its reason."""
    assert entry.reason
    assert any(allows(entry, offence) for paths in rooms().values() for path in paths for offence in all_of(path))
