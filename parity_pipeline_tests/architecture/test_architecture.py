"""Rules of the house that a machine can check, checked on the tracked files of this repository."""

import ast
import re
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from parity_pipeline.core.limits import COSINE_THRESHOLD

ROOT: Final = Path(__file__).parents[2]
PRODUCT: Final = ROOT / "parity_pipeline"
TESTS: Final = ROOT / "parity_pipeline_tests"
BENCH: Final = ROOT / "bench"
OPENING: Final = frozenset({"open", "read_bytes", "read_text", "ParquetFile"})
"""Calls that open a file, which may be missing or damaged."""
MAX_LINES: Final = 400
MIN_LINES: Final = 60
ONE_FILE_EACH: Final = ("steps/", "flip/proxies/")
"""Folders of the product where each file is one step or one proxy, however short."""
SHORT: Final = {
    "adapter/request_log.py": "what a line of the log may hold is looked for here",
    "adapter/share.py": "the one rule of which texts move, and why a batch is divided by it",
    "core/recorded_time.py": "the ledger, the states of gateways, the gate and alerts order times by one rule",
    "core/retrieval/causes.py": "words that are stored, apart from the rules in `diagnosis`, which the verdict does not import",
    "defs/partitions.py": "one file per concept of Dagster",
    "report/html/evidence.py": "every run imports these records, and none of the tools that pages are made with",
    "report/numbers.py": "every number format of the reports",
    "settings/without_secrets.py": "whoever adds a key that holds a secret looks for this list",
    "wire/request_headers.py": "a dialect whose gateway wants its requests signed begins here",
    "defs/alert_sensor.py": "all that Dagster sees of alerts; automation.py is of probes",
}
"""Modules of the product below `MIN_LINES`, each with the reason why it is easier to find alone (docs/adr/0038)."""
MAX_STATEMENTS: Final = 15
VAGUE_NAMES: Final = frozenset({"utils", "util", "helpers", "helper", "common", "misc"})
MACHINE_PATH: Final = re.compile(rb"(?<![\w./:-])/(?:home|Users|root|work|workspace|mnt|private)/(?!someone\b)[\w.-]")
"""Absolute paths below the folders that people and build machines work in; `/home/someone` is an invented one."""
INDEX_ADDRESS: Final = re.compile(r"https?:|index-url|find-links|trusted-host", re.IGNORECASE)


def modules(*folders: Path) -> list[Path]:
    """Return the Python files below some folders."""
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a file's path as a failure shows it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), path.name)


def tracked_files() -> list[Path]:
    """Return the files that git tracks, or would on the next `git add`; without git, all that are not hidden."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        listing = [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, check=True, capture_output=True).stdout.decode().split("\0")
        return [path for name in names if name and (path := ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not path.relative_to(ROOT).parts[0].startswith(".")]


def promises_in(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the test functions of a file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def test_import_contracts_are_kept() -> None:
    """Who may import whom, as pyproject.toml says, holds for every module."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_files_are_short() -> None:
    """No Python file has more than 400 lines."""
    long = {name_of(path): lines for path in modules(PRODUCT, TESTS, BENCH) if (lines := lines_of(path)) > MAX_LINES}
    assert not long


def test_modules_are_long_enough() -> None:
    """A module of the product has 60 lines or more, or is listed with the reason why it has fewer."""
    short = {
        name
        for path in modules(PRODUCT)
        if path.name != "__init__.py"
        and lines_of(path) < MIN_LINES
        and not (name := path.relative_to(PRODUCT).as_posix()).startswith(ONE_FILE_EACH)
    }
    assert short == SHORT.keys()


def lines_of(path: Path) -> int:
    """Return the number of lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def test_names_say_what_belongs_there() -> None:
    """No module or folder is named as a place for anything."""
    vague = [
        name_of(path)
        for path in modules(PRODUCT, TESTS, BENCH)
        if VAGUE_NAMES & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    ]
    assert not vague


def test_the_threshold_is_written_once() -> None:
    """The number 0.999 stands in one place of the product's code, and that is the list of limits."""
    places: list[str] = []
    for path in modules(PRODUCT):
        with path.open("rb") as file:
            numbers = [token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.NUMBER]
        places += [name_of(path) for number in numbers if is_threshold(number)]
    assert places == ["parity_pipeline/core/limits.py"]


def is_threshold(number: str) -> bool:
    """Say whether a literal is the cosine threshold, however it is spelled."""
    try:
        return float(number.replace("_", "")) == COSINE_THRESHOLD
    except ValueError:
        return False


def test_init_files_hold_no_code() -> None:
    """An `__init__.py` is empty but for a docstring; that of the package also has `open` (docs/adr/0040)."""
    full = [
        name_of(path)
        for path in modules(PRODUCT, TESTS)
        if path.name == "__init__.py"
        and path.parent != PRODUCT
        and any(
            not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in tree_of(path).body
        )
    ]
    assert not full


def test_the_package_offers_open_alone() -> None:
    """The package itself defines one function, `open`, and imports nothing of its own outside of it."""
    body = tree_of(PRODUCT / "__init__.py").body[1:]
    assert [node.name for node in body if isinstance(node, ast.FunctionDef)] == ["open"]
    assert [ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)] == [
        "from typing import TYPE_CHECKING"
    ]
    [checking] = [node for node in body if not isinstance(node, ast.FunctionDef | ast.ImportFrom)]
    assert isinstance(checking, ast.If)
    assert ast.unparse(checking.test) == "TYPE_CHECKING"


def test_every_test_says_its_promise() -> None:
    """Every test function has a docstring, and it begins with a sentence."""
    silent = [
        f"{name_of(path)}: {test.name}"
        for path in modules(TESTS)
        for test in promises_in(path)
        if not (ast.get_docstring(test) or "").split("\n\n")[0].strip().endswith(".")
    ]
    assert not silent


def test_every_module_says_what_belongs_there() -> None:
    """Every module of the product opens with a docstring that ends its first line as a sentence."""
    silent = [
        name_of(path)
        for path in modules(PRODUCT)
        if path.name != "__init__.py"
        and not re.search(r"[.:?]\s*$", (ast.get_docstring(tree_of(path)) or "").split("\n\n")[0])
    ]
    assert not silent


def test_no_postponed_annotations_where_dagster_reads_them() -> None:
    """Dagster reads annotations at run time, so no module of `defs` postpones them."""
    postponed = [
        name_of(path)
        for path in [*modules(PRODUCT / "defs"), PRODUCT / "definitions.py"]
        if path.exists()
        for node in tree_of(path).body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    assert not postponed


def test_the_product_never_imports_its_tests() -> None:
    """Nothing that ships depends on the tests or on the tools that run them."""
    foreign = [
        f"{name_of(path)}: {name}"
        for path in modules(PRODUCT)
        for node in ast.walk(tree_of(path))
        for name in imported(node)
        if name.split(".")[0] in {"parity_pipeline_tests", "pytest", "hypothesis", "unittest"}
    ]
    assert not foreign


def test_the_tests_and_the_product_never_import_bench() -> None:
    """A benchmark may use the tests, and nothing else depends on a benchmark, so there is no cycle."""
    assert list(bench_imports(PRODUCT, TESTS)) == []


def test_an_import_of_bench_within_a_function_is_noticed(tmp_path: Path) -> None:
    """The rule of the benchmarks sees an import at any depth and in either spelling."""
    (tmp_path / "bad.py").write_text(
        "def test() -> None:\n    import bench.fetch\n    from bench import kills\n", "utf-8"
    )
    (tmp_path / "good.py").write_text("import benchmark\nfrom . import bench\n", "utf-8")
    assert list(bench_imports(tmp_path)) == ["bad.py: bench.fetch", "bad.py: bench"]


def bench_imports(*folders: Path) -> Iterator[str]:
    """Yield the modules of some folders that import from `bench`, at any depth, with what they import."""
    for path in modules(*folders):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield from (f"{path.name}: {name}" for name in imported(node) if name.partition(".")[0] == "bench")


def imported(node: ast.AST) -> list[str]:
    """Return the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def requirements() -> list[str]:
    """Return the entries of the lock file, continuation lines joined, comments left out."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def test_every_locked_package_has_a_hash() -> None:
    """Every entry of the lock file is one exact version with at least one SHA-256."""
    assert len(requirements()) > 50
    loose = [
        line[:60] for line in requirements() if not re.match(r"[\w.\[\]-]+==\S+ .*--hash=sha256:[0-9a-f]{64}\b", line)
    ]
    assert not loose


def test_the_lock_file_names_no_index() -> None:
    """The lock file holds no address and no option that picks an index: where packages come from is the user's choice."""
    assert not INDEX_ADDRESS.search((ROOT / "requirements.lock").read_text(encoding="utf-8"))


def test_no_path_of_a_machine() -> None:
    """No tracked file holds an absolute path of the machine it was written on."""
    found = [
        f"{name_of(path)}: {match.group().decode()}"
        for path in tracked_files()
        if path != Path(__file__)
        for match in MACHINE_PATH.finditer(path.read_bytes())
    ]
    assert not found
    assert not [name_of(path) for path in tracked_files() if str(ROOT).encode() + b"/" in path.read_bytes()]


@pytest.mark.parametrize("text", [b"see /home/ann/x", b'"/root/.cache"', b"=/workspace/app", b"/Users/ann"])
def test_a_path_of_a_machine_is_recognised(text: bytes) -> None:
    """The search for machine paths finds the usual ones."""
    assert MACHINE_PATH.search(text)


@pytest.mark.parametrize(
    "text", [b"http://127.0.0.1/work/x", b"a/root/b", b"./work/x", b"/workers/x", b"src/home/y", b"/home/someone"]
)
def test_other_paths_are_left_alone(text: bytes) -> None:
    """The search for machine paths takes no address and no relative path for one."""
    assert not MACHINE_PATH.search(text)


def test_a_threshold_is_recognised_in_any_spelling() -> None:
    """The search for the threshold sees through other spellings of the number."""
    assert all(is_threshold(text) for text in ("0.999", ".999", "0.99_9", "9.99e-1"))
    assert not any(is_threshold(text) for text in ("0.9990001", "999", "0x3e7", "1j"))


def test_the_steps_do_not_import_dagster() -> None:
    """No module of `steps` imports Dagster, at its top or within a function."""
    assert list(dagster_imports(PRODUCT / "steps")) == []


def test_an_import_of_dagster_within_a_function_is_noticed(tmp_path: Path) -> None:
    """The rule of the steps sees an import at any depth."""
    (tmp_path / "bad.py").write_text("def step() -> None:\n    from dagster import asset\n", "utf-8")
    assert list(dagster_imports(tmp_path)) == ["bad.py"]


def dagster_imports(folder: Path) -> Iterator[str]:
    """Yield the modules of a folder that import Dagster, at any depth."""
    for path in modules(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.partition(".")[0] == "dagster" for name in named):
                yield path.name


def test_asset_bodies_are_short() -> None:
    """The body of an asset holds at most 15 statements: key in, one step, metadata and checks out."""
    bodies = dict(asset_bodies(tree_of(PRODUCT / "defs" / "assets.py")))
    assert {
        "samples",
        "embeddings",
        "stability",
        "contracts",
        "parity",
        "diagnosis",
        "verdict",
        "report",
        "summary",
    } <= set(bodies)
    assert {name: count for name, count in bodies.items() if count > MAX_STATEMENTS} == {}


def test_a_long_asset_body_is_noticed() -> None:
    """The rule of the assets counts nested statements too."""
    lines = ["@factory.asset(['a'])", "def a(run):", "    with x:", *("        step()" for _ in range(15))]
    assert dict(asset_bodies(ast.parse("\n".join(lines)))) == {"a": 16}


def asset_bodies(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each asset function of a module, by its decorator, with its number of statements, the docstring left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any("asset" in ast.unparse(one) for one in node.decorator_list):
            inner = [one for part in node.body for one in ast.walk(part) if isinstance(one, ast.stmt)]
            yield node.name, len(inner) - (ast.get_docstring(node) is not None)


def test_no_property_raises() -> None:
    """Reading an attribute cannot fail: no property raises, opens a file or calls what does so in its module."""
    raising = [f"{name_of(path)}: {name}" for path in modules(PRODUCT) for name in raising_properties(tree_of(path))]
    assert not raising


def test_a_property_that_raises_is_noticed() -> None:
    """The rule of the properties sees a `raise` or an opened file also behind two calls, and leaves others alone."""
    source = """
class File:
    @property
    def bare(self): raise KeyError
    @cached_property
    def behind(self): return self.first()
    @property
    def opens(self): return self.path.open()
    @property
    def harmless(self): return self.other()
    def first(self): return second()
    def other(self): return 1
def second(): raise KeyError
"""
    assert sorted(raising_properties(ast.parse(source))) == ["bare", "behind", "opens"]


def raising_properties(tree: ast.Module) -> Iterator[str]:
    """Yield the properties of a module that raise or open a file, or call a function of the module that does."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    faulty = {one.name for one in functions if any(isinstance(node, ast.Raise) for node in ast.walk(one))}
    faulty |= OPENING
    while more := {one.name for one in functions if calls_in(one) & faulty} - faulty:
        faulty |= more
    for one in functions:
        if one.name in faulty and any("property" in ast.unparse(decorator) for decorator in one.decorator_list):
            yield one.name


def calls_in(function: ast.AST) -> set[str]:
    """Return the names of the functions and methods that a function calls."""
    called = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {
        one.id if isinstance(one, ast.Name) else one.attr for one in called if isinstance(one, ast.Name | ast.Attribute)
    }
