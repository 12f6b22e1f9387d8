"""What version 0.1.0 wrote stays readable for ever: real files of real runs, read by the readers of now.

`data/written_by_0_1/README.md` says how they were made. They are never made again and never changed.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
import pytest

from parity_pipeline_tests.storage import written_by_0_1 as old

MACHINE: Final = re.compile(rb"(?<![\w.-])/(?:tmp|home|Users|root|work|workspace|mnt|private|var|opt)/[\w.-]")
ADDRESS: Final = re.compile(rb"https?://(?!127\.0\.0\.1[:/])[\w.-]+")

TABLES: Final[dict[str, tuple[str, Callable[[Path], old.Facts]]]] = {
    "samples": ("samplesets/{}/samples.parquet", old.sample_facts),
    "legacy_embeddings": ("embeddings/side=legacy/{}/embeddings.parquet", old.embeddings_facts),
    "candidate_embeddings": ("embeddings/side=candidate/{}/embeddings.parquet", old.embeddings_facts),
    "parity": ("parity/{}/parity.parquet", old.parity_facts),
}
DOCUMENTS: Final[dict[str, tuple[str, Callable[[Path], old.Facts]]]] = {
    "legacy_stability": ("stability/side=legacy/{}/stability.json", old.stability_facts),
    "candidate_stability": ("stability/side=candidate/{}/stability.json", old.stability_facts),
    "diagnosis": ("diagnoses/{}/diagnosis.json", old.diagnosis_facts),
}

each_partition = pytest.mark.parametrize("partition", old.PARTITIONS)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of 0.1.0, unpacked once for the module."""
    return old.unpack(tmp_path_factory.mktemp("written_by_0_1"))


@each_partition
def test_a_verdict_says_what_it_said(results: Path, partition: str) -> None:
    """Decision, reasons, counts, worst cosine, causes, findings, floors and bounds come back unchanged."""
    path = results / "data" / "verdicts" / partition / "verdict.json"
    assert old.verdict_facts(path) == old.PARTITIONS[partition]["verdict"]


def test_every_line_of_the_ledger_is_read(results: Path) -> None:
    """Each entry comes back in file order, the line that a killed writer left passed over."""
    path = results / "reports" / "ledger.jsonl"
    assert old.ledger_facts(path) == old.FACTS["ledger"]
    assert path.read_bytes().count(b"\n") == len(old.FACTS["ledger"]) + 1


def test_the_newest_entry_of_each_date_and_model_counts(results: Path) -> None:
    """Of two entries the later one counts, and what the ledger keeps of it is what the verdict's own file says."""
    newest = {(one["date"], one["model"]): one for one in old.newest_facts(results / "reports" / "ledger.jsonl")}
    stored = {
        (one["verdict"]["date"], one["verdict"]["model"]): one["verdict"] for one in old.PARTITIONS.values()
    }  # fmt: skip
    assert newest == stored
    assert len(old.FACTS["ledger"]) > len(stored)


@pytest.mark.parametrize("table", TABLES)
@each_partition
def test_a_table_holds_what_it_held(results: Path, partition: str, table: str) -> None:
    """Rows, columns and their content come back from the Parquet files, vectors bit for bit."""
    pattern, facts_of = TABLES[table]
    path = results / "data" / pattern.format(partition)
    columns = {field.name: str(field.type) for field in pq.read_schema(path)}
    assert facts_of(path) | {"columns": columns} == old.PARTITIONS[partition][table]


@pytest.mark.parametrize("document", DOCUMENTS)
@each_partition
def test_a_document_holds_what_it_held(results: Path, partition: str, document: str) -> None:
    """Floors, experiments and causes come back from the JSON files; where there was none, there is none."""
    pattern, facts_of = DOCUMENTS[document]
    path = results / "data" / pattern.format(partition)
    if document not in old.PARTITIONS[partition]:
        assert not path.exists()
        return
    assert facts_of(path) == old.PARTITIONS[partition][document]


@each_partition
def test_the_report_of_then_says_the_same(partition: str) -> None:
    """The Markdown that an approver read carries the decision, the date and every cause of the stored facts."""
    facts = old.PARTITIONS[partition]["verdict"]
    text = (old.FOLDER / "reports" / old.PARTITIONS[partition]["report"]).read_text("utf-8")
    assert text.startswith(f"# Embed parity for {facts['date']} ")
    assert f"\n**{facts['decision']}** — " in text
    for place, (name, confidence, count) in enumerate(facts["causes"], start=1):
        samples = "1 sample" if count == 1 else f"{count} samples"
        assert f"\n### {place}. {name} — {confidence}, {samples}" in text


@each_partition
def test_the_readme_says_the_same(partition: str) -> None:
    """The table in the README names each date and model with decision, samples and causes."""
    facts = old.PARTITIONS[partition]["verdict"]
    readme = (old.FOLDER / "README.md").read_text("utf-8")
    begin = f"| {facts['date']} | `{facts['model']}` | "
    rows = [line for line in readme.splitlines() if line.startswith(begin)]
    causes = ", ".join(name for name, _, _ in facts["causes"]) or "—"
    assert [row.split(" | ")[-3:] for row in rows] == [[facts["decision"], str(facts["samples"]), f"{causes} |"]]


def test_the_set_holds_every_kind_of_verdict() -> None:
    """No kind of result that 0.1.0 knew is missing from the set."""
    verdicts = [one["verdict"] for one in old.PARTITIONS.values()]
    assert {one["decision"] for one in verdicts} == {"PASS", "PASS WITH WAIVERS", "FAIL", "INCONCLUSIVE"}
    outcomes = {name for one in verdicts for name in one["counts"]}
    assert outcomes == {
        "match", "mismatch", "dimension_mismatch", "non_finite", "zero_norm", "missing",
        "refused_by_legacy", "refused_by_candidate", "refused_by_both",
    }  # fmt: skip
    causes = {name for one in verdicts for name, _, _ in one["causes"]}
    assert causes >= {"case folded", "text cut", "rows permuted", "prefix", "not a number", "dimensions cut"}
    assert causes >= {"refused over a length", "zero vectors", "not deterministic", "accents stripped"}
    assert any(one["required_bound"] for one in verdicts)
    assert any(one["drawn"]["texts"] for one in verdicts)
    assert any(any(one["stopped_early"].values()) for one in verdicts)
    assert any((one["floors"]["legacy"] or 0) > 1 - one["thresholds"]["cosine"] for one in verdicts)
    assert any(len(one["thresholds"]) == 5 for one in verdicts)


@pytest.mark.parametrize("name", old.FIRST_SCHEMA)
def test_the_first_schema_is_read(name: str) -> None:
    """A verdict and a ledger line of schema 1 come back: what they said, and nothing for what they did not know."""
    folder, facts = old.FOLDER / "first_schema" / name, old.FIRST_SCHEMA[name]
    assert json.loads((folder / "verdict.json").read_bytes())["schema"] == 1
    assert old.verdict_facts(folder / "verdict.json") == facts
    assert old.newest_facts(folder / "ledger.jsonl") == [facts]


@pytest.mark.parametrize("name", ["every_key", "defaults"])
def test_settings_mean_what_they_meant(name: str) -> None:
    """Every key of 0.1.0 is still read, and gives the value it gave; a key that is left out still has its default."""
    values: Any = json.loads((old.FOLDER / "every_key" / f"{name}.values.json").read_text("utf-8"))
    assert old.settings_values(old.FOLDER / "every_key" / f"{name}.yaml") == values


@pytest.mark.parametrize("path", sorted((old.FOLDER / "settings").iterdir()), ids=lambda path: path.stem)
def test_the_settings_of_every_run_are_usable(path: Path) -> None:
    """The file that a run was made with is accepted, and means the thresholds that its verdict was judged under."""
    values = old.settings_values(path)
    limits = {name: limit for name, limit in values["thresholds"].items() if isinstance(limit, float)}
    readme = (old.FOLDER / "README.md").read_text("utf-8").splitlines()
    rows = [line.split(" | ") for line in readme if f" | `{path.name}` | " in line]
    assert sorted(row[1] for row in rows) == sorted(f"`{model}`" for model in values["models"])
    for one in (one["verdict"] for one in old.PARTITIONS.values()):
        if one["date"] == rows[0][0].removeprefix("| "):
            assert one["thresholds"] == limits
            assert one["required_bound"] == values["required_bound"]


def test_nothing_names_the_machine_of_then(results: Path) -> None:
    """Neither the folder nor what is packed in it holds an absolute path or an address but loopback."""
    found = {
        (path.name, match.group())
        for folder in (old.FOLDER, results)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".xz"
        for pattern in (MACHINE, ADDRESS)
        for match in pattern.finditer(path.read_bytes())
    }
    assert not found


def test_the_set_stays_small() -> None:
    """All of it takes less than 1 MB."""
    assert sum(path.stat().st_size for path in old.FOLDER.rglob("*") if path.is_file()) < 1_000_000
