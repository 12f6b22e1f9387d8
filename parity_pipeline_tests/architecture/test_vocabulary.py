"""One word for one thing: words that were given up do not return, in code, documents, names and messages.

`RULES` is the table: a phrase, and the better one. `offences(path)` returns the offences of one file and `all_offences()`
those of every file by room, so that `python -c "…; print(report())"` lists them all. To allow a word in one file, add a
line with the reason to `ALLOWED`.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("parity_pipeline", "parity_pipeline_tests", "bench", "docs")
DOCUMENTS: Final = ("*.md", "*.yaml", "Makefile", "pyproject.toml", "data/samples/*.md", "reports/cutover/README.md")
SUFFIXES: Final = frozenset({".py", ".md", ".yaml"})
GENERATED: Final = frozenset({"docs/faults.md", "docs/vs-embed-parity.md"})
"""Pages that code writes. Their words are fixed there, and the page is then written again."""
ONE_PER: Final = (
    r"batch(?:es)?|bytes|columns?|entr(?:y|ies)|events?|faults?|files?|folders?|lines?|models?|ms|objects?|ones?"
    r"|process|reports?|requests?|responses?|rows?|runs?|samples?|seeds?|seconds?|steps?|texts?|vectors?|verdicts?"
)
OF_MANY: Final = (
    r"answer|batch|case|core|date|day|fault|file|lane|line|minute|model|partition|request|response|row|run|sample|side"
    r"|step|text|vector|second(?! (?:attempt|batch|line|model|one|request|row|run|side|text|time|vector))"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A phrase that was given up.

    Attributes:
        phrase: Regular expression, matched without case between word boundaries; white space is one blank.
        better: What to write.
        bad: A sentence that the rule finds.
        good: The same in plain words; no rule finds anything in it.
    """

    phrase: str
    better: str
    bad: str
    good: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return the phrase, compiled."""
        return compiled(self.phrase)


@cache
def compiled(phrase: str) -> re.Pattern[str]:
    """Return a phrase as a pattern with word boundaries."""
    return re.compile(rf"(?<!\w)(?:{phrase})(?!\w)", re.IGNORECASE)


MODULES: Final = MappingProxyType(
    {
        "parity_pipeline": {
            "choosing": "partition_args",
            "marking": "run_lock",
            "stopping": "signals",
            "running": "runner",
        },
        "parity_pipeline/core": {
            "comparing": "compare",
            "grading": "thresholds",
            "judging": "decision",
            "conclusion": "verdict_builder",
            "judged_rows": "worst_rows",
            "selecting": "diagnosis_sample",
            "fetching": "fetched_rows",
            "survey": "vector_stats",
            "numerals": "number_format",
            "floor": "noise_floor",
            "drift": "wire_drift",
            "doubts": "caveats",
        },
        "parity_pipeline/core/diagnosis": {
            "scene": "context",
            "again": "follow_up",
            "beneath": "undo_permutation",
            "added": "shared_direction",
            "together": "merge",
            "answers": "missing_vectors",
            "asking": "counterfactuals",
            "respelt": "text_variants",
            "cutting": "truncation",
            "widths": "dimensions",
            "axes": "transforms",
            "twins": "edited_pairs",
            "texts": "text_split",
            "traits": "text_predicates",
            "behaviour": "instability",
            "order": "permutation",
            "models": "wrong_model",
            "diagnosing": "diagnose",
        },
        "parity_pipeline/core/stability": {
            "observing": "observations",
            "material": "probe_texts",
            "strangers": "misplaced_rows",
            "endings": "stale_cache",
            "findings": "analysis",
        },
        "parity_pipeline/core/hazards": {
            "probe": "hazard",
            "cases": "failure_modes",
            "letters": "case_and_accents",
            "wording": "prefixes_and_canaries",
        },
        "parity_pipeline/wire": {
            "few": "adhoc",
            "careful": "json_fallback",
            "shelf": "reorder_buffer",
            "words": "error_text",
            "pieces": "row_builders",
            "malformed": "malformed_response",
            "counts": "lane_counters",
            "unusable": "gateway_errors",
            "asking": "batch_fetcher",
            "engine": "fetch_lane",
            "paths": "json_path",
            "observe": "wire_observation",
            "side": "side_config",
            "probe": "connectivity",
            "policy": "retry_policy",
        },
        "parity_pipeline/storage": {"staging_frames": "staging_format", "tables": "parquet_tables"},
        "parity_pipeline/report": {
            "naming": "sample_refs",
            "phrases": "sentences",
            "causes": "cause_summary",
            "rows": "row_view",
            "sides": "side_view",
        },
        "parity_pipeline/report/sections": {"sureness": "confidence", "why": "diagnosis", "opening": "headline"},
        "parity_pipeline/defs": {
            "lanes": "embeddings",
            "artifacts": "asset_factory",
            "failures": "dagster_errors",
            "columns": "column_docs",
        },
        "parity_pipeline/services": {"bringing": "supervisor", "records": "state"},
        "parity_pipeline/demo": {
            "asking": "request_parser",
            "fields": "json_fields",
            "showing": "fault_settings",
            "serving": "app",
        },
        "bench": {"plain": "baseline_client"},
    }
)
"""Modules by folder whose name a stranger had to guess, and the better name. A module may also have been merged."""
CLASSES: Final = MappingProxyType(
    {
        "Against": "Reference",
        "Circumstances": "DecisionInputs",
        "Gate": "ConcurrencyLimiter",
        "Pacer": "RateLimiter",
        "Ran": "PartitionResult",
        "RequestShape": "RequestEncoder",
        "Seen": "Observations",
        "Surroundings": "Environment",
        "Then": "OnExhausted",
        "Tried": "ExperimentResult",
    }
)
"""Classes likewise. Those that `RULES` finds by a word of their name are not repeated here."""


RULES: Final = (
    Rule(r"(?:un)?told|tells?|telling", "report, show, list, say", "Each is told once.", "Each is listed once."),
    Rule(r"(?:un)?mend(?:s|ed|ing)?", "fix", "Mend the causes named above.", "Fix the causes above."),
    Rule(r"purses?", "request budget", "The purse is empty.", "The request budget is used up."),
    Rule(r"scenes?", "context", "Set the scene.", "Build the context."),
    Rule(r"beneath", "counterfactual, under", "What lies beneath a permutation.", "The rows under a permutation."),
    Rule(r"doubts?|doubtful", "caveat", "It raises a doubt.", "It raises a caveat."),
    Rule(r"remarks?", "finding, caveat", "A remark of the tally.", "A finding of the tally."),
    Rule(r"troubles?", "error, caveat, finding", "The trouble of a request.", "The error of a request."),
    Rule(
        r"answer(?:s|ed|ing)?|unanswered",
        "response; for a side: returns, a vector, embeddings",
        "The answer holds 32 vectors.",
        "The response holds 32 vectors.",
    ),
    Rule(r"asked|asking", "requested, sent", "Each text is asked for once.", "Each text is requested once."),
    Rule(r"strangers?", "misplaced rows", "A stranger among the rows.", "A misplaced row."),
    Rule(r"spoil(?:s|ed|t|ing)?", "corrupt, faulty", "A spoilt response.", "A faulty response."),
    Rule(
        r"contradict(?:s|ed|ing)?(?= (?:itself|themselves|each other|one another))|self-contradict\w*",
        "is not repeatable",
        "The candidate side contradicts itself.",
        "The candidate is not repeatable.",
    ),
    Rule(
        r"(?<!there )(?:is|are|was|were|be|been) no (?!longer|better|different|earlier|fewer|higher|larger|later"
        r"|less than|lower|more than|other than|smaller|wider|worse)\w+",
        "is not a …, is not valid …, must not be …",
        "This line is no JSON.",
        "This line is not valid JSON, and there is no other.",
    ),
    Rule(r"knows? no", "has no, does not have", "The core knows no clock.", "The core does not use a clock."),
    Rule(r"holds? no mapping", "expected a YAML mapping", "It holds no mapping of keys.", "Expected a YAML mapping."),
    Rule(rf"(?:{ONE_PER}) an? (?:{OF_MANY})", "per", "One vector a text, two runs a model.", "One vector per text."),
    Rule(
        r"came of|what (?:\w+ ){0,4}?(?:came|comes|come) to",
        "result, outcome",
        "What comparing one sample came to.",
        "Result of comparing one sample.",
    ),
    Rule(
        r"(?<!--)afresh",
        "again; --discard-staging",
        "Fetch the lane afresh.",
        "Discard what is staged and fetch again.",
    ),
    Rule(r"anew", "again", "The samples are drawn anew.", "The samples are drawn again."),
    Rule(r"none of ours", "not running", "The pid is none of ours.", "The service is not running."),
    Rule(
        r"neither a (?:pass|match) nor a fail(?:ure)?",
        "not enough evidence",
        "It is neither a pass nor a fail.",
        "There is not enough evidence.",
    ),
    Rule(r"put(?:s|ting)? down to", "attribute to", "It is put down to noise.", "It is attributed to noise."),
    Rule(r"(?:stands?|stood|standing) twice", "duplicate", "The key stands twice.", "Duplicate key."),
    Rule(
        r"decid(?:es|ed|ing|e) nothing", "(informational)", "A check which decides nothing.", "A check (informational)."
    ),
    Rule(
        r"mak(?:es|e|ing) no (?:sample|row|date) fail",
        "does not affect the verdict",
        "Found, and makes no sample fail.",
        "Observations that do not affect the verdict.",
    ),
    Rule(r"so far apart", "differ so much", "They lie so far apart.", "They differ so much."),
    Rule(r"evidence (?:of|about|for) nothing", "says nothing about", "It is evidence of nothing.", "It says nothing."),
    Rule(
        r"(?:speak(?:s|ing)?|spoke|spoken) to",
        "send requests to, use … for",
        "Speak to a gateway with h11.",
        "Use h11 for http:// URLs.",
    ),
    Rule(r"plain address(?:es)?", "http:// URL", "Plain addresses take h11.", "http:// URLs use h11."),
    Rule(r"giv(?:e|es|ing) way", "supersede", "A likely one giving way.", "A proven cause supersedes a likely one."),
    Rule(
        r"something else than", "a … other than; say what", "Something else than a list.", "A value other than a list."
    ),
    Rule(r"without a word", "silently", "It cuts a text without a word.", "It silently truncates a text."),
    Rule(r"held against", "compared with", "Each side is held against itself.", "Each side is compared with itself."),
    Rule(r"tried against (?:itself|themselves)", "repeatability", "It is tried against itself.", "Its repeatability."),
    Rule(r"hang(?:s|ing)? on", "depend on", "It hangs on the exact text.", "It depends on the exact text."),
    Rule(r"the green of", "green only means", "The green of a partition.", "Green only means that files were written."),
    Rule(
        r"draw(?:s|n|ing)? (?:a|the) (?:whole )?verdict",
        "build the verdict",
        "Draw a whole verdict from a tally.",
        "Build the verdict record from the tally.",
    ),
    Rule(r"both ends(?= (?:agree|are|differ|have|return))", "both sides", "Both ends agree.", "Both sides agree."),
    Rule(
        r"old (?:and|against|or) new|the (?:old|new) side",
        "legacy, candidate",
        "The old and new vectors differ.",
        "The legacy and candidate vectors differ.",
    ),
    Rule(
        r"prob(?:ed|ing)|hazard probes?|daily probe|probe of the corpus|date of the probe",
        "hazard, sample, run; a probe is embed or retrieve",
        "The hazard probes are probed.",
        "The hazards are sent to both sides.",
    ),
    Rule(r"endpoint, (?:a )?date", "probe, date", "The endpoint, date and model.", "The probe, date and model."),
    Rule(r"wrong alarms?", "false alarm", "A wrong alarm.", "A false alarm."),
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A word that is right in some file.

    Attributes:
        path: Shell pattern of the path, from the root of the repository.
        phrase: Regular expression that the whole match has to fit.
        reason: Why.
    """

    path: str
    phrase: str
    reason: str


ALLOWED: Final = (
    Allowed("parity_pipeline_tests/architecture/test_vocabulary.py", ".*", "the table itself"),
    Allowed("parity_pipeline/core/hazards/*.py", "scene", "a word of a sample text"),
    Allowed("docs/adr/0011-bodies-of-known-length.md", ".*", "history: another ADR supersedes it"),
)


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
        Offence(name, line, phrase, rule.better): None
        for text in passages(path)
        for rule in RULES
        for line, phrase in text.matches(rule)
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
    """Say whether the status of a decision is that another one superseded it, at least in part."""
    head = path.read_text(encoding="utf-8").splitlines()[:5]
    return any(line.startswith("Status:") and "superseded by" in line.lower() for line in head)


def name_of(path: Path) -> str:
    """Return a path from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


@cache
def rooms() -> dict[str, tuple[Path, ...]]:
    """Return the files to check, by folder; the files at the root are a room of their own."""
    files = {path for pattern in DOCUMENTS for path in ROOT.glob(pattern) if path.is_file()}
    for folder in FOLDERS:
        files |= {path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in SUFFIXES}
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


@dataclass(frozen=True, slots=True)
class Passage:
    """Text that belongs together, such as a docstring or a block of comments, and the line on which it begins."""

    line: int
    text: str

    def matches(self, rule: Rule) -> Iterator[tuple[int, str]]:
        """Yield the line and the phrase of each match; a line break counts as one blank."""
        starts: list[int] = []
        joined = ""
        for line in self.text.split("\n"):
            starts.append(len(joined))
            joined += " ".join(line.split()) + " "
        for match in rule.pattern.finditer(joined):
            place = sum(start <= match.start() for start in starts) - 1
            yield self.line + place, match.group()


def passages(path: Path) -> Iterator[Passage]:
    """Yield what a reader of a file sees as words."""
    yield Passage(1, words_of(path.stem))
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from python_passages(text, strings="parity_pipeline_tests" not in path.parts)
    elif path.suffix == ".md":
        yield Passage(1, without_code(text))
    else:
        yield from (Passage(line, comment) for line, comment in comment_blocks(hash_comments(text)))


def python_passages(text: str, *, strings: bool) -> Iterator[Passage]:
    """Yield the docstrings, comments and names of Python source, and its other strings where wanted."""
    tree = ast.parse(text)
    yield from (Passage(line, comment) for line, comment in comment_blocks(python_comments(text)))
    yield from (Passage(line, words_of(name)) for line, name in names_in(tree))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docstrings = {id(node) for node in docstrings_in(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            if strings or id(node) in docstrings:
                yield Passage(node.lineno, node.value)
        elif isinstance(node, ast.JoinedStr) and strings:
            yield Passage(node.lineno, "".join(text_of(part) for part in node.values))


def text_of(part: ast.expr) -> str:
    """Return a part of a formatted string, a value as a placeholder."""
    return str(part.value) if isinstance(part, ast.Constant) else "{}"


def docstrings_in(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the strings that stand alone as a statement: docstrings, also those below a constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def names_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every name that is defined: modules aside, functions, classes, arguments, variables and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def words_of(name: str) -> str:
    """Return the words of a name: `key_stands_twice` and `KeyStandsTwice` are both "key stands twice"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+", " ", name).strip().lower()


def python_comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment of Python source."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#").strip()


def hash_comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment of a YAML or TOML file or a Makefile."""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.search(r"(?:^|\s)#+ (.*)", line):
            yield number, match[1].strip()


def comment_blocks(comments: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Join comments on consecutive lines."""
    first, lines = 0, list[str]()
    for number, text in comments:
        if lines and number != first + len(lines):
            yield first, "\n".join(lines)
            lines = []
        first = first if lines else number
        lines.append(text)
    if lines:
        yield first, "\n".join(lines)


def without_code(text: str) -> str:
    """Return Markdown with fenced and inline code and link targets blanked, line by line as it was."""
    for pattern in (r"(?ms)^```.*?^```$", r"`(?:[^`\n]|\n(?!\n))+`", r"\]\([^)\s]*\)"):
        text = re.sub(pattern, lambda match: "\n" * match.group().count("\n") or "…", text)
    return text


@pytest.mark.parametrize("room", rooms())
def test_words_that_were_given_up_do_not_return(room: str) -> None:
    """No file uses a phrase for which the vocabulary has a better one."""
    found = [str(offence) for path in rooms()[room] for offence in offences(path)]
    assert not found, f"{len(found)} in {room}:\n" + "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.phrase)
def test_every_rule_finds_its_phrase(rule: Rule) -> None:
    """A rule finds the phrase in its own bad sentence, also across lines, as a name, and in a comment."""
    assert list(Passage(1, rule.bad).matches(rule))
    assert list(Passage(1, rule.bad.replace(" ", "\n    ")).matches(rule))
    assert list(Passage(1, rule.bad.upper()).matches(rule))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.phrase)
def test_the_better_sentence_is_left_alone(rule: Rule) -> None:
    """No rule finds anything in the plain version of a sentence."""
    assert not [other.phrase for other in RULES for _ in Passage(1, rule.good).matches(other)]


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
    assert not [rule.phrase for rule in RULES for _ in Passage(1, sentence).matches(rule)]


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
