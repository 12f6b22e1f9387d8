"""What others read: the embeddings folder in one query, with the partition as columns."""

from pathlib import Path

import dagster as dg
import duckdb

from parity_pipeline.definitions import build_definitions
from parity_pipeline.runs.runner import exit_code, run_partitions
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import DAY, NEXT_DAY, SAMPLES, Project, side

MODELS = ("fake-32", "org/model:tag")


def test_one_query_over_dates_models_and_sides(tmp_path: Path) -> None:
    """DuckDB reads all files of both sides as one table with `side`, `date` and `model` as columns."""
    # Random directions of 8 dimensions look like a stale cache of another model in one run of six: here, of 48.
    sizes: dict[str, int] = dict(zip(MODELS, (32, 48), strict=True))
    with serve(hash_gateway("rust", models=sizes).app) as left, serve(hash_gateway("go", models=sizes).app) as right:
        project = Project(tmp_path, side(left, "rust"), side(right, "go"), models=MODELS)
        settings = project.settings()
        pairs = [(day, model) for day in (DAY, NEXT_DAY) for model in MODELS]
        with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
            assert exit_code(run_partitions(settings, build_definitions(settings), instance, pairs)) == 0
    folder = settings.layout().data_dir / "embeddings"
    query = """
        SELECT side, date, model, count(*), min(len(vector)), max(len(vector))
        FROM read_parquet($1, hive_partitioning = true) GROUP BY ALL ORDER BY ALL
    """
    with duckdb.connect() as connection:
        rows = connection.execute(query, [str(folder / "**" / "*.parquet")]).fetchall()
        kinds = connection.execute(
            "SELECT typeof(date), typeof(model) FROM read_parquet($1, hive_partitioning = true) LIMIT 1",
            [str(folder / "**" / "*.parquet")],
        ).fetchone()
    found = [(where, str(day), model, count, low, high) for where, day, model, count, low, high in rows]
    assert found == [
        (where, day, model, len(SAMPLES), sizes[model], sizes[model])
        for where in ("candidate", "legacy")
        for day in (DAY, NEXT_DAY)
        for model in MODELS
    ]
    assert kinds == ("DATE", "VARCHAR")
