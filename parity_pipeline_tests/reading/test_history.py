"""The read API: typed tables of everything stored, of any version, and errors that name what is missing."""

import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import parity_pipeline
from parity_pipeline.core.errors import ArtifactError, SettingsError
from parity_pipeline.core.samples import sample_id
from parity_pipeline.reading.history import History
from parity_pipeline.reading.verdict_rows import VERDICT_COLUMNS, WAIVER_COLUMNS
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.storage import ledger
from parity_pipeline_tests.defs.project import DAY, MODEL, SAMPLES
from parity_pipeline_tests.fakes.shapes import Vector
from parity_pipeline_tests.reading.stored import CORPUS, DAYS, another_candidate, judge, make_project, noon_of
from parity_pipeline_tests.storage import written_by_0_1 as old

WAIVER = {
    "id": "HR-7",
    "owner": "ann@example.com",
    "reason": "known",
    "expires": "2026-12-31",
    "max_samples": 1,
    "outcomes": ["mismatch"],
    "samples": [sample_id("hello")],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two dates; the candidate embeds one text differently on the second, which is judged twice."""
    folder = tmp_path_factory.mktemp("stored")
    project = make_project(folder, waivers=[WAIVER])
    judge(project, DAYS[:1])
    another_candidate(project, "hello", "a | b")
    judge(project, DAYS[1:])
    another_candidate(project, "hello")
    project.clock = noon_of("2026-05-03")
    run_partition(project.context(), DAYS[1], MODEL, run_id="again")
    return folder


@pytest.fixture(scope="module")
def history(folder: Path) -> History:
    """The project, opened."""
    return parity_pipeline.open(folder / "parity.yaml")


@pytest.fixture
def nothing(tmp_path: Path) -> History:
    """A project without results, opened."""
    make_project(tmp_path)
    return parity_pipeline.open(tmp_path / "parity.yaml")


def test_importing_the_package_imports_nothing_else() -> None:
    """`import parity_pipeline` costs no import of pandas, pyarrow, Dagster or the settings."""
    code = "import sys, parity_pipeline; print([m for m in sys.modules if m.split('.')[0] in "
    code += "('pandas', 'pyarrow', 'numpy', 'dagster', 'pydantic') or m.startswith('parity_pipeline.')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_opening_and_reading_import_no_dagster(folder: Path) -> None:
    """A notebook reads verdicts without waiting for Dagster."""
    code = f"import sys, parity_pipeline; h = parity_pipeline.open({str(folder / 'parity.yaml')!r}); h.verdicts()"
    code += "; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_every_entry_is_a_verdict_and_the_newest_counts(history: History) -> None:
    """Of two entries of one date both are there, the later one alone is flagged."""
    found = history.verdicts()
    assert list(found["counts"]) == [True, True, False, True, True]
    rows = found.to_dict("records")
    passed, again, third = (row for row in rows if row["probe"] == "embed")
    assert [row["date"] for row in (passed, again, third)] == [pd.Timestamp(day) for day in (DAYS[0], *DAYS[1:] * 2)]
    assert (again["decision"], third["decision"]) == ("FAIL", "PASS WITH WAIVERS")
    assert (again["run_id"], third["run_id"]) == (f"run-{DAYS[1]}", "again")
    assert third["recorded_at"] == pd.Timestamp(noon_of("2026-05-03"))
    assert (passed["inputs"], passed["matched"], passed["threshold"]) == (len(SAMPLES), len(SAMPLES), 0.999)
    retrieved, _ = (row for row in rows if row["probe"] == "retrieve")
    assert (retrieved["corpus"], retrieved["inputs"], retrieved["mean_overlap"]) == (CORPUS, 12, 1.0)
    assert {row["rejudged"] for row in rows} == {False}


def test_columns_and_types_do_not_depend_on_what_is_stored(history: History, nothing: History) -> None:
    """An empty store gives the same columns with the same types, so that a notebook needs no special case."""
    for full, empty in (
        (history.verdicts(), nothing.verdicts()),
        (history.waivers(), nothing.waivers()),
        (history.parity(), nothing.parity()),
        (history.retrieval_parity(), nothing.retrieval_parity()),
    ):
        assert len(full)
        assert empty.empty
        pd.testing.assert_series_equal(full.dtypes, empty.dtypes)
    assert list(nothing.verdicts().columns) == list(VERDICT_COLUMNS)
    assert list(nothing.waivers().columns) == list(WAIVER_COLUMNS)


def test_samples_come_back_with_their_exact_text(history: History) -> None:
    """Ids, texts and sources of a date's sample set are in the order of the set."""
    found = history.samples(DAY, MODEL)
    assert list(found["text"]) == list(SAMPLES)
    assert list(found["id"]) == [sample_id(text) for text in SAMPLES]
    assert str(found["drawn"].dtype) == "Int32"


def test_half_a_surrogate_pair_survives(tmp_path: Path) -> None:
    """A text that has no UTF-8 comes back exactly, not with a replacement character."""
    project = make_project(tmp_path, samples=[{"path": "odd.jsonl"}])
    (tmp_path / "odd.jsonl").write_text('{"text": "odd \\ud800"}\n{"text": "even"}\n', "ascii")
    run_partition(project.context(), DAY, MODEL, run_id="run")
    history = parity_pipeline.open(tmp_path / "parity.yaml")
    assert list(history.samples(DAY, MODEL)["text"]) == ["odd \ud800", "even"]


def test_both_sides_are_aligned_matrices(history: History) -> None:
    """As a matrix, a side's vectors are float32 by sample id, and both sides give the stored cosines row by row."""
    legacy, candidate = (history.embeddings(DAYS[1], MODEL, side, as_matrix=True) for side in ("legacy", "candidate"))
    assert legacy.shape == candidate.shape == (len(SAMPLES), 32)
    assert set(legacy.dtypes) == {np.dtype("float32")}
    assert list(legacy.index) == list(candidate.index) == list(history.samples(DAYS[1], MODEL)["id"])
    stored = history.parity(DAYS[1], MODEL)
    assert list(stored["sample_id"]) == list(legacy.index)
    cosines = np.einsum("ij,ij->i", legacy.to_numpy(np.float64), candidate.to_numpy(np.float64))
    np.testing.assert_allclose(cosines, stored["cosine"].to_numpy(), rtol=1e-5)
    assert cosines.min() < 0.9


def test_a_sample_without_a_vector_is_a_row_of_nan(tmp_path: Path) -> None:
    """What a side refused has no vector as a row, and NaN in the matrix, so that rows stay aligned."""
    project = make_project(tmp_path)
    assert project.candidate is not None
    gateway = project.candidate.embedding  # pyright: ignore[reportAttributeAccessIssue] - of a searching gateway
    embed = gateway.embed

    def refuse(text: str, model: str) -> Vector:
        return np.array([], np.float32) if text == "hello" else embed(text, model)

    gateway.embed = refuse
    run_partition(project.context(), DAY, MODEL, run_id="run")
    history = parity_pipeline.open(tmp_path / "parity.yaml")
    rows = history.embeddings(DAY, MODEL, "candidate").set_index("sample_id")
    assert rows.loc[sample_id("hello"), "vector"] is None
    assert rows.loc[sample_id("a | b"), "vector"].dtype == np.float32
    matrix = history.embeddings(DAY, MODEL, "candidate", as_matrix=True)
    assert list(matrix.isna().all(axis=1)) == [text == "hello" for text in SAMPLES]


def test_comparisons_are_found_by_date_and_name(history: History) -> None:
    """Without a date or model all stored ones are returned, each row with both; a filter leaves the others out."""
    assert list(history.parity().groupby("date").size()) == [len(SAMPLES)] * 2
    assert set(history.parity(date=date(2026, 5, 1))["date"]) == {pd.Timestamp(DAYS[0])}
    assert set(history.parity(model=MODEL)["model"]) == {MODEL}
    assert history.parity(model="other").empty
    assert set(history.retrieval_parity(date=datetime(2026, 5, 1, 6, tzinfo=UTC))["corpus"]) == {CORPUS}
    assert set(history.parity()["outcome"]) == {"compared"}


@pytest.mark.parametrize("text", ["2026-5-1", "yesterday", ""])
def test_what_is_not_a_date_is_an_error_and_not_a_table_without_rows(history: History, text: str) -> None:
    """Nothing found for a date that cannot be read says nothing; a date without comparisons has none."""
    for read in (history.parity, history.retrieval_parity):
        with pytest.raises(ArtifactError, match="is not a date"):
            read(date=text)
        assert read(date="2030-01-01").empty


def test_queries_and_rankings_are_rows(history: History) -> None:
    """Queries are in the order of the set, and each result of a side is a row with its rank."""
    queries = history.queries(DAY, CORPUS)
    ranked = history.rankings(DAY, CORPUS, "legacy")
    assert len(queries) == 12
    assert list(ranked["rank"][:5]) == [1, 2, 3, 4, 5]
    assert set(ranked["query_id"]) == set(queries["id"])
    assert set(ranked["side"]) == {"legacy"}


def test_waivers_say_when_they_were_last_used(history: History) -> None:
    """A waiver has its owner and day, and the last date on which a verdict that counts needed it."""
    [row] = history.waivers().to_dict("records")
    assert (row["id"], row["most"], row["outcomes"]) == ("HR-7", 1, ("mismatch",))
    assert row["last_used"] == pd.Timestamp(DAYS[1])


def test_a_missing_partition_is_named_with_its_command(history: History) -> None:
    """The error says which date and model is missing, and the command that makes it, with the settings file."""
    with pytest.raises(ArtifactError) as caught:
        history.embeddings("2026-05-09", MODEL, "legacy")
    assert f"no legacy embeddings of model '{MODEL}', 2026-05-09 are stored" in str(caught.value)
    assert f"parity backfill --from 2026-05-09 --to 2026-05-09 --model {MODEL} --config " in caught.value.remedy
    with pytest.raises(ArtifactError, match="--corpus staff"):
        history.rankings(DAY, "staff")
    with pytest.raises(ArtifactError, match="no comparison of model 'x y', 2026-05-01 is stored"):
        history.parity(DAY, "x y")
    with pytest.raises(ArtifactError, match="YYYY-MM-DD"):
        history.samples("yesterday", MODEL)
    with pytest.raises(SettingsError, match="legacy or candidate"):
        history.embeddings(DAY, MODEL, "old")


def test_a_damaged_ledger_is_an_error(tmp_path: Path) -> None:
    """A table with a line left out would prove nothing."""
    make_project(tmp_path)
    history = parity_pipeline.open(tmp_path / "parity.yaml")
    history.layout.ledger.parent.mkdir(parents=True)
    history.layout.ledger.write_text("damaged\n", "utf-8")
    with pytest.raises(ArtifactError, match=r"ledger\.jsonl:1"):
        history.verdicts()


def test_what_0_1_wrote_is_read(tmp_path: Path) -> None:
    """Ledger, samples, vectors and comparisons of version 0.1.0 come as the same tables."""
    old.unpack(tmp_path)
    project = make_project(tmp_path, data_dir="data", reports_dir="reports", models=["example/word llama:64"])
    assert project.folder == tmp_path
    history = parity_pipeline.open(tmp_path / "parity.yaml")
    verdicts = history.verdicts()
    assert len(verdicts) == len(old.FACTS["ledger"])
    assert set(verdicts["decision"]) == {"PASS", "FAIL", "INCONCLUSIVE", "PASS WITH WAIVERS"}
    assert list(verdicts["counts"]).count(True) == len(old.PARTITIONS)
    compared = history.parity()
    assert len(compared) == sum(facts["parity"]["rows"] for facts in old.PARTITIONS.values())
    assert not set(compared["outcome"]) & {"match", "mismatch"}
    day, model = "2026-05-31", "example/word llama:64"
    assert len(history.embeddings(day, model, "legacy", as_matrix=True)) == len(history.samples(day, model))


def test_retrieval_files_of_version_1_are_read(tmp_path: Path) -> None:
    """Queries, rankings and comparisons that were written when retrieval was new come as tables."""
    source = Path(__file__).parents[1] / "data" / "retrieval_version_1"
    make_project(tmp_path, data_dir=str(source))
    history = parity_pipeline.open(tmp_path / "parity.yaml")
    queries = history.queries("2026-04-30", "staff")
    assert set(history.rankings("2026-04-30", "staff", "legacy")["query_id"]) <= set(queries["id"])
    assert len(history.retrieval_parity("2026-04-30", "staff")) == len(queries)


def test_a_long_name_is_recognised(tmp_path: Path, history: History) -> None:
    """A model whose folder name is cut comes back under its own name, for the settings know it."""
    name = "long/" * 80
    make_project(tmp_path, models=[name])
    opened = parity_pipeline.open(tmp_path / "parity.yaml")
    path = opened.layout.parity(DAY, name)
    path.parent.mkdir(parents=True)
    shutil.copy(history.layout.parity(DAY, MODEL), path)
    assert set(opened.parity()["model"]) == {name}


def test_what_went_through_the_adapter_is_read_apart(tmp_path: Path) -> None:
    """The comparisons of the probe through the adapter are those of its own folder."""
    project = make_project(tmp_path)
    judge(project, DAYS[:1])
    layout = parity_pipeline.open(tmp_path / "parity.yaml", through_adapter=True)
    assert layout.parity().empty
    with pytest.raises(ArtifactError, match="--through-adapter"):
        layout.embeddings(DAY, MODEL, "legacy")


def test_the_settings_file_is_found_as_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path, the file that the environment names is opened, and remedies name no other."""
    make_project(tmp_path)
    monkeypatch.setenv("PARITY_CONFIG", str(tmp_path / "parity.yaml"))
    history = parity_pipeline.open()
    assert yaml.safe_load((tmp_path / "parity.yaml").read_text("utf-8"))["models"] == list(history.models)
    with pytest.raises(ArtifactError) as caught:
        history.samples(DAY, MODEL)
    assert "--config" not in caught.value.remedy


def test_a_text_of_a_side_that_no_string_can_hold_is_spelled_out(tmp_path: Path, history: History) -> None:
    """A run id with half a surrogate pair does not keep the table from being made."""
    make_project(tmp_path)
    opened = parity_pipeline.open(tmp_path / "parity.yaml")
    [*_, last] = ledger.entries(history.layout.ledger)
    ledger.append(opened.layout.ledger, last.verdict, recorded_at="2026-05-01T00:00:00", run_id="odd \ud800")
    assert list(opened.verdicts()["run_id"]) == ["odd \\ud800"]
