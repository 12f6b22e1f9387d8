import re
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER
from parity_pipeline.storage.layout import Layout
from parity_pipeline_tests.storage.records import DATE, make_rows, make_samples, store_rows, store_samples

HOSTILE = "org/model:tag"


def _filled(folder: Path) -> Layout:
    layout = Layout(folder / "data", folder / "reports")
    for model in (HOSTILE, "plain"):
        for date in (DATE, "2026-05-01"):
            store_rows(layout.embeddings("legacy", date, model), [make_rows(0, 3)])
    # A draft that a killed process left must not be seen by any reader of the folder.
    hidden = layout.embeddings("legacy", DATE, HOSTILE).with_name(".embeddings.parquet.0-1-2-3.draft")
    hidden.write_bytes(b"half")
    return layout


def test_paths_are_the_documented_ones() -> None:
    """Every artifact lies where other tools and people look for it."""
    layout = Layout(Path("d"), Path("r"))
    part = "date=2026-04-30/model=org%2Fmodel%3Atag"
    assert layout.samples(DATE, HOSTILE).as_posix() == f"d/samplesets/{part}/samples.parquet"
    assert layout.embeddings("candidate", DATE, HOSTILE).as_posix() == (
        f"d/embeddings/side=candidate/{part}/embeddings.parquet"
    )
    assert layout.parity(DATE, HOSTILE).as_posix() == f"d/parity/{part}/parity.parquet"
    assert layout.verdict(DATE, HOSTILE).as_posix() == f"d/verdicts/{part}/verdict.json"
    assert layout.reproduction(DATE, HOSTILE).as_posix() == f"d/reproductions/{part}/reproduction.json"
    corpus = part.replace("model=", "corpus=")
    assert (
        layout.retrieval_reproduction(DATE, HOSTILE).as_posix()
        == f"d/retrieve/reproductions/{corpus}/reproduction.json"
    )
    assert layout.retrieval_check(DATE, "a/b").as_posix() == "r/reproduce/retrieve_parity_20260430_a%2Fb.py"
    assert layout.reproduce_check(DATE, "org/v1.5").as_posix() == "r/reproduce/embed_parity_20260430_org%2Fv1.5.py"
    assert layout.report(DATE, "v1").as_posix() == "r/embed_parity_20260430_v1.md"
    through = Layout(Path("d"), Path("r"), EMBED_THROUGH_ADAPTER)
    assert through.samples(DATE, HOSTILE) == layout.samples(DATE, HOSTILE)
    assert through.verdict(DATE, HOSTILE).as_posix() == f"d/through-adapter/verdicts/{part}/verdict.json"
    assert through.report(DATE, "v1").as_posix() == "r/embed-through-adapter_parity_20260430_v1.md"
    corpus = "retrieve/{}/date=2026-04-30/corpus=org%2Fmodel%3Atag/{}"
    assert layout.queries(DATE, HOSTILE).as_posix() == "d/" + corpus.format("querysets", "queries.parquet")
    assert layout.rankings("legacy", DATE, HOSTILE).as_posix() == (
        "d/" + corpus.format("rankings/side=legacy", "rankings.parquet")
    )
    assert layout.retrieval_parity(DATE, HOSTILE).as_posix() == "d/" + corpus.format("parity", "parity.parquet")
    assert layout.retrieval_evidence(DATE, HOSTILE).as_posix() == "d/" + corpus.format("evidence", "evidence.json")
    assert layout.retrieval_verdict(DATE, HOSTILE).as_posix() == "d/" + corpus.format("verdicts", "verdict.json")
    assert layout.retrieval_report(DATE, "staff").as_posix() == "r/retrieve_parity_20260430_staff.md"
    assert (layout.ledger.as_posix(), layout.summary.as_posix()) == ("r/ledger.jsonl", "r/SUMMARY.md")
    assert layout.html_report(DATE, "org/v1.5").as_posix() == "r/html/embed_parity_20260430_org%2Fv1.5.html"
    assert through.html_report(DATE, "v1").as_posix() == "r/html/embed-through-adapter_parity_20260430_v1.html"
    assert layout.html_retrieval_report(DATE, "staff").as_posix() == "r/html/retrieve_parity_20260430_staff.html"
    assert layout.html_index.as_posix() == "r/html/index.html"
    assert layout.staging.as_posix() == "d/staging"


def test_clean_removes_every_folder_of_results() -> None:
    """`make clean` names each folder below `data/` that a run writes, and none with samples or kept traffic."""
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    cleaned = re.search(r"^clean:.*\n\trm -rf \.parity \$\(addprefix data/,([^)]*)\)", makefile, re.MULTILINE)
    assert cleaned
    folders = cleaned[1].replace("\\", " ").split()
    assert sorted(folders) == sorted({path.relative_to("d").parts[0] for path in _stored(Path("d"))})


def _stored(data: Path) -> Iterator[Path]:
    """Yield a path of each kind that a run stores below the folder of data."""
    arguments = {1: (DATE,), 2: (DATE, "v1"), 3: ("legacy", DATE, "v1")}
    for probe in (EMBED, EMBED_THROUGH_ADAPTER):
        layout = Layout(data, Path("r"), probe)
        for name in (name for name in vars(Layout) if not name.startswith("_")):
            found = getattr(layout, name)
            path = found(*arguments[len(signature(found).parameters)]) if callable(found) else found
            if isinstance(path, Path) and data in path.parents:
                yield path


@pytest.mark.parametrize("date", ["../..", "20260430", "2026-4-30", "2026-02-30", ""])
def test_a_date_cannot_leave_its_folder(date: str) -> None:
    """Only YYYY-MM-DD becomes part of a path."""
    with pytest.raises(ArtifactError, match="YYYY-MM-DD"):
        Layout(Path("d"), Path("r")).samples(date, "m")


@pytest.mark.parametrize("model", ["../x", "..", "", "/", "a" * 300, "\U0001f600" * 60, "a\nb"])
def test_no_model_name_leaves_its_folder_or_overflows_a_name(model: str) -> None:
    """Hostile model names are one path component that a file system takes."""
    layout = Layout(Path("d"), Path("r"))
    for path in (layout.samples(DATE, model), layout.report(DATE, model), layout.retrieval_report(DATE, model)):
        assert len(path.parts) == len(Path("d/samplesets/a/b/c").parts) or path.parent == Path("r")
        assert all(len(part.encode()) <= 200 for part in path.parts)


def test_duckdb_reads_the_folder_with_date_and_model(tmp_path: Path) -> None:
    """One DuckDB query over the folder has side, date and model as columns, the model by its own name."""
    layout = _filled(tmp_path)
    query = f"""
        SELECT side, CAST(date AS VARCHAR), model, count(*), count(vector), min(len(vector))
        FROM read_parquet('{layout.data_dir}/embeddings/**/*.parquet', hive_partitioning = true)
        GROUP BY ALL ORDER BY ALL
    """  # noqa: S608 - the test's own folder
    assert duckdb.connect().execute(query).fetchall() == [
        ("legacy", date, model, 3, 3, 4) for date in (DATE, "2026-05-01") for model in (HOSTILE, "plain")
    ]


def test_polars_reads_the_folder_with_date_and_model(tmp_path: Path) -> None:
    """Polars scans the folder with date and model as columns."""
    layout = _filled(tmp_path)
    found = pl.read_parquet(layout.data_dir / "embeddings" / "**/*.parquet", hive_partitioning=True)
    assert set(found["model"].unique()) == {HOSTILE, "plain"}
    assert sorted(map(str, found["date"].unique())) == [DATE, "2026-05-01"]
    assert len(found) == 12


def test_pandas_reads_the_folder_with_date_and_model(tmp_path: Path) -> None:
    """Pandas reads the folder itself with date and model as columns, drafts passed over."""
    found = pd.read_parquet(_filled(tmp_path).data_dir / "embeddings")
    assert set(found["model"].astype(str)) == {HOSTILE, "plain"}
    assert set(found["date"].astype(str)) == {DATE, "2026-05-01"}
    assert len(found) == 12


def test_duckdb_reads_texts_with_lone_surrogates_as_strings(tmp_path: Path) -> None:
    """A text that has no UTF-8 does not keep DuckDB from reading the column."""
    layout = Layout(tmp_path, tmp_path)
    samples = [*make_samples(1), make_samples(1)[0].__class__("a\ud800b", "odd", "f:2")]
    path = store_samples(layout.samples(DATE, "m"), samples).path
    query = f"SELECT text, text_surrogatepass FROM '{path}' ORDER BY ordinal"  # noqa: S608 - the test's own folder
    rows = duckdb.connect().execute(query).fetchall()
    assert rows == [("text 0", None), ("a\ufffdb", b"a\xed\xa0\x80b")]
