import pickle

import numpy as np
import pytest

from parity_pipeline.core.errors import (
    ArtifactError,
    GatewayError,
    MetricInputError,
    ParityError,
    SampleSourceError,
    ServiceError,
    SettingsError,
)
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline_tests.core.builders import fetched, samples_of

KINDS = (SettingsError, SampleSourceError, ArtifactError, GatewayError, ServiceError, MetricInputError)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_what_where_and_what_next(kind: type[ParityError]) -> None:
    """Each error is a ParityError, keeps its facts as fields and says all three in its text."""
    error = kind("it is damaged", place="a.parquet", remedy="Delete it.")
    assert isinstance(error, ParityError)
    assert (error.problem, error.place, error.remedy) == ("it is damaged", "a.parquet", "Delete it.")
    assert str(error) == "a.parquet: it is damaged. Delete it."


def test_parts_that_are_not_known_are_left_out() -> None:
    """An error without place or remedy reads as a sentence all the same."""
    assert str(ParityError("it is damaged")) == "it is damaged"
    assert str(ParityError("it is damaged", place="a")) == "a: it is damaged"


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_a_process_border(kind: type[ParityError]) -> None:
    """An error that a child process raises arrives with its text and its facts."""
    error = kind("it is damaged", place="a.parquet", remedy="Delete it.")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (str(back), back.problem, back.place, back.remedy) == (str(error), error.problem, error.place, error.remedy)


def test_all_faults_of_the_settings_are_listed() -> None:
    """Settings name every fault on a line of its own."""
    error = SettingsError("2 faults", place="parity.yaml", faults=["models: empty", "first_date: no date"])
    assert error.faults == ("models: empty", "first_date: no date")
    assert str(error).splitlines()[1:] == ["  - models: empty", "  - first_date: no date"]


@pytest.mark.parametrize("offsets", [[0, 2], [0, 2, 3], [1, 2, 4], []])
def test_rows_whose_columns_disagree_are_refused(offsets: list[int]) -> None:
    """Fetched rows whose columns are of different lengths, which would shift vectors, cannot be made."""
    good = fetched(samples_of(["a", "b"]), [[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises((MetricInputError, IndexError)):
        FetchedRows(
            start=0,
            ids=good.ids,
            values=good.values,
            offsets=np.array(offsets, np.int32),
            status=good.status,
            http_status=good.http_status,
            errors=good.errors,
            request_ids=good.request_ids,
            latency_ms=good.latency_ms,
        )


def test_rows_without_vectors() -> None:
    """Samples that all ended without a vector keep their status and error, one each."""
    rows = FetchedRows.without_vectors(
        samples_of(["a", "b"], start=3), RowStatus.FAILED, "timeout: read", http_status=504
    )
    assert (rows.start, len(rows), rows.dimensions().tolist()) == (3, 2, [0, 0])
    assert rows.status == [RowStatus.FAILED] * 2
    assert rows.errors == ["timeout: read"] * 2
    assert rows.http_status == [504] * 2
