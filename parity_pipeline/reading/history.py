"""The read API: what is stored of all dates, as tables of pandas, for notebooks and scripts.

Here belong the one object that `parity_pipeline.open` returns and what it says of a partition that is not there. It only
reads: nothing is fetched, judged or written, no gateway and no token is needed. How files become tables belongs to
`frames` and `verdict_rows`.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date as calendar_day
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd

from parity_pipeline.core.errors import ArtifactError, SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER, Verdict
from parity_pipeline.reading import frames
from parity_pipeline.reading.verdict_rows import verdict_frame, waiver_frame
from parity_pipeline.report.shell import option
from parity_pipeline.settings.loading import load_from_here
from parity_pipeline.settings.model import Settings
from parity_pipeline.storage import (
    embeddings_files,
    ledger,
    parity_files,
    query_set_files,
    rankings_files,
    retrieval_parity_files,
    sample_set_files,
)
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.parquet_tables import StoredTable, TableKind
from parity_pipeline.storage.stored_partitions import Place, stored_partitions

RETRIEVE: Final = "retrieve"
Day = str | calendar_day
"""A partition date: ISO 8601 text, a date, or a time stamp of pandas."""


def open_history(config: str | os.PathLike[str] | None = None, *, through_adapter: bool = False) -> "History":
    """Return what is stored by a settings file; see `parity_pipeline.open`.

    Raises:
        SettingsError: There is no settings file, or it is not usable.
    """
    settings = load_from_here(None if config is None else Path(config))
    layout = settings.layout()
    if through_adapter:
        layout = replace(layout, probe=EMBED_THROUGH_ADAPTER)
    return History(settings=settings, layout=layout, config=None if config is None else str(settings.file))


@dataclass(frozen=True, kw_only=True)
class History:
    """Everything that is stored, read with each call. Every table has the same columns and types, rows or none.

    Dates are ISO 8601 text, such as `"2026-05-01"`, or dates. What takes no date or name returns what there is, which
    may be nothing; what names a partition raises ArtifactError where it is not stored, with the command that makes it.

    Attributes:
        settings: The settings.
        layout: Where the files lie.
        config: The settings file that was named; None for the one that was found.
    """

    settings: Settings
    layout: Layout
    config: str | None = None

    @property
    def models(self) -> Sequence[str]:
        """Return the models of the settings."""
        return tuple(self.settings.models)

    @property
    def corpora(self) -> Sequence[str]:
        """Return the corpora of the settings; none where there is no retrieve probe."""
        return tuple(self.settings.retrieve.corpora) if self.settings.retrieve else ()

    def verdicts(self) -> pd.DataFrame:
        """Return every verdict of the ledger, of both probes, one row each; `counts` flags the newest of a date and name.

        Columns are those of `verdict_rows.VERDICT_COLUMNS`.

        Raises:
            ArtifactError: The ledger is damaged; names file and line.
        """
        return verdict_frame(ledger.entries(self.layout.ledger))

    def waivers(self) -> pd.DataFrame:
        """Return the waivers of the settings, one row each, with whether each still holds and when it was last used.

        Columns are those of `verdict_rows.WAIVER_COLUMNS`.

        Raises:
            ArtifactError: The ledger is damaged; names file and line.
        """
        section = self.settings.retrieve
        today = datetime.now(ZoneInfo(self.settings.timezone)).date()
        queries = section.waivers if section else ()
        return waiver_frame(self.settings.waivers, queries, ledger.entries(self.layout.ledger), today)

    def samples(self, date: Day, model: str) -> pd.DataFrame:
        """Return the sample set of a date and model: id, text, category, source, and how often each text was drawn.

        Raises:
            ArtifactError: It is not stored, or is damaged.
        """
        file = self._stored(self.layout.samples, sample_set_files.SampleSetFile, EMBED, "samples", date, model)
        return frames.of_tables(file.kind.schema, [({}, file)])

    def embeddings(
        self, date: Day, model: str, side: str | Side = Side.CANDIDATE, *, as_matrix: bool = False
    ) -> pd.DataFrame:
        """Return what one side returned for the samples of a date and model.

        Args:
            date: Partition date.
            model: Model name.
            side: `legacy` or `candidate`.
            as_matrix: Return the vectors alone: one float32 column per dimension, indexed by sample id in the order of
                the sample set, a row of NaN where no vector came. `to_numpy()` gives the matrix, and the same sample is
                in the same row on both sides.

        Raises:
            ArtifactError: They are not stored, or are damaged, or have more than one dimension and a matrix is wanted.
            SettingsError: There is no such side.
        """
        one = _side(side)
        place = partial(self.layout.embeddings, one)
        what = f"{one} embeddings"
        file = self._stored(place, embeddings_files.EmbeddingsFile, EMBED, what, date, model)
        return frames.of_matrix(file) if as_matrix else frames.of_vectors(file)

    def parity(self, date: Day | None = None, model: str | None = None) -> pd.DataFrame:
        """Return the compared samples, one row each: cosine, norms, differences. No limit is applied.

        Args:
            date: Partition date; None for all that are stored.
            model: Model name; None for all that are stored.

        Raises:
            ArtifactError: A file is damaged, the date is not one, or date and model are given and there is none.
        """
        about = _Compared(EMBED, "model", self.layout.parity, parity_files.ParityFile, parity_files.KIND)
        return self._compared(about, date, model)

    def queries(self, date: Day, corpus: str) -> pd.DataFrame:
        """Return the query set of a date and corpus.

        Raises:
            ArtifactError: It is not stored, or is damaged.
        """
        file = self._stored(self.layout.queries, query_set_files.QuerySetFile, RETRIEVE, "queries", date, corpus)
        return frames.of_tables(file.kind.schema, [({}, file)])

    def rankings(self, date: Day, corpus: str, side: str | Side = Side.CANDIDATE) -> pd.DataFrame:
        """Return the ranked lists of one side: one row per result, and one per query without any, whose rank is missing.

        Raises:
            ArtifactError: They are not stored, or are damaged.
            SettingsError: There is no such side.
        """
        one = _side(side)
        place = partial(self.layout.rankings, one)
        file = self._stored(place, rankings_files.RankingsFile, RETRIEVE, f"{one} rankings", date, corpus)
        return frames.of_tables(file.kind.schema, [({}, file)])

    def retrieval_parity(self, date: Day | None = None, corpus: str | None = None) -> pd.DataFrame:
        """Return the compared queries, one row each. No limit is applied.

        Args:
            date: Partition date; None for all that are stored.
            corpus: Corpus of the partition; None for all that are stored.

        Raises:
            ArtifactError: A file is damaged, the date is not one, or date and corpus are given and there is none.
        """
        file, kind = retrieval_parity_files.RetrievalParityFile, retrieval_parity_files.KIND
        return self._compared(_Compared(RETRIEVE, "corpus", self.layout.retrieval_parity, file, kind), date, corpus)

    def _compared(self, about: "_Compared", date: Day | None, name: str | None) -> pd.DataFrame:
        day = None if date is None else _day(date)
        if day is not None and name is not None:
            file = self._stored(about.place, about.read, about.probe, "comparison", day, name)
            found = [({"date": day, about.dimension: name}, file)]
        else:
            if day is not None:
                about.place(day, "any")  # what is not a date is an error here too, instead of a table without rows
            found = [
                ({"date": one.date, about.dimension: one.name}, about.read(one.path))
                for one in stored_partitions(about.place, self._known(about.probe))
                if day in {None, one.date} and name in {None, one.name}
            ]
        return frames.keyed(frames.of_tables(about.kind.schema, found), ("date", about.dimension))

    def _known(self, probe: str) -> set[str]:
        """Return the names of models or corpora that are known without looking into files."""
        if probe == RETRIEVE:
            return set(self.corpora)
        held = {one.verdict.model for one in ledger.entries(self.layout.ledger) if isinstance(one.verdict, Verdict)}
        return held | set(self.models)

    def _stored(self, place: Place, read: Callable[[Path], Any], probe: str, what: str, date: Day, name: str) -> Any:
        """Return an opened file.

        Raises:
            ArtifactError: It is not there; names the partition and the command that makes it.
        """
        day = _day(date)
        path = place(day, name)
        if not path.is_file():
            dimension = "corpus" if probe == RETRIEVE else "model"
            problem = f"no {what} of {dimension} {name!r}, {day} are stored"
            if what == "comparison":
                problem = f"no comparison of {dimension} {name!r}, {day} is stored"
            raise ArtifactError(problem, place=str(path), remedy=self._remedy(dimension, day, name))
        return read(path)

    def _remedy(self, dimension: str, day: str, name: str) -> str:
        words = ["parity backfill", f"--from {day}", f"--to {day}", option(f"--{dimension}", name)]
        if dimension == "model" and self.layout.probe == EMBED_THROUGH_ADAPTER:
            words.append("--through-adapter")
        if self.config is not None:
            words.append(option("--config", self.config))
        return f"Run `{' '.join(words)}`."


@dataclass(frozen=True, slots=True)
class _Compared:
    """Comparisons of one probe: where they lie, how they are read, and what they are about beside a date."""

    probe: str
    dimension: str
    place: Place
    read: Callable[[Path], StoredTable[Any]]
    kind: TableKind[Any]


def _side(side: str | Side) -> Side:
    try:
        return Side(side)
    except ValueError:
        raise SettingsError(f"{side!r} is not a side", place="side", remedy="Use legacy or candidate.") from None


def _day(date: Day) -> str:
    """Return a date as ISO 8601; text is checked where it becomes a path."""
    if isinstance(date, str):
        return date
    return date.date().isoformat() if isinstance(date, datetime) else date.isoformat()
