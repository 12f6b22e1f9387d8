"""Remove vectors, rankings and staging that are older than a set age; verdicts, comparisons, reports and the ledger stay.

Here belongs the choice of what may go. A lane goes when both its partition date and its file are older than the age, so that
an old date which was fetched again yesterday stays. What a side that is a recording rests on never goes: of each side and model
or corpus the newest lane, the newest that is whole, the newest whose verdict passed, the newest of these that is not a copy, and
a date that the settings name. A lane that was copied from another date counts as that one, which stays with it.

Each file is removed at once and alone. Whatever a stop leaves is removed by the next call, and nothing else depends on it: a
date without vectors has its verdict, and is not judged again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import PASSING, RowStatus, Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import RETRIEVE
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import write_errors
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.ledger import Key, LedgerEntry, key_of, newest_entries
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.rankings_files import RankingsFile
from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline.storage.staging import RankingsStaging, SqliteStaging
from parity_pipeline.storage.stored_partitions import Place, StoredPartition, stored_partitions

STAGING: Final = "staging"
"""Stands for a side where what is staged has none of its own."""

Header = Provenance | RetrievalProvenance
_LANES: Final = (EMBED, EMBED_THROUGH_ADAPTER, RETRIEVE.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OldFile:
    """One lane, or what is staged of one, that may go.

    Attributes:
        probe: The probe; "" for what is staged.
        date: Partition date, ISO 8601; "" for what is staged.
        name: Model or corpus; "" for what is staged.
        side: The side, or `STAGING`.
        path: The file, or the folder of what is staged.
        bytes: Its size.
    """

    probe: str
    date: str
    name: str
    side: str
    path: Path
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What is older than an age.

    Attributes:
        old: What may go, by probe, side and date.
        kept: Lanes that are as old, and stay for a side that is a recording.
    """

    old: tuple[OldFile, ...]
    kept: tuple[OldFile, ...]

    @property
    def bytes(self) -> int:
        """Return the size of what may go."""
        return sum(one.bytes for one in self.old)


def find_old(run: RunContext, age: timedelta, today: datetime) -> Pruning:
    """Return what is older than an age, and remove nothing.

    Args:
        run: Where files lie, and which names the settings have.
        age: The age.
        today: The time now, aware, in the time zone of partition dates.

    Raises:
        ArtifactError: The ledger is damaged, so that it does not say which lanes have to stay; or a folder cannot be read.
    """
    limit = today - age
    names = set[str]()
    newest = newest_entries(_judged(ledger.entries(run.layout.ledger), names))
    old, kept = list[OldFile](), list[OldFile]()
    for probe in _LANES:
        layout = replace(run.layout, probe=EMBED_THROUGH_ADAPTER if probe == EMBED_THROUGH_ADAPTER else EMBED)
        known = {*run.models, *(run.retrieval.corpora if run.retrieval else ()), *names}
        for side in Side:
            found = list(stored_partitions(_place(layout, probe, side), known))
            staying = _Staying(run, layout, probe, side, newest).among(found)
            for one in found:
                if one.date < limit.date().isoformat() and _changed_at(one.path) < limit.timestamp():
                    (kept if one.path in staying else old).append(_lane(probe, side, one))
    return Pruning(old=(*old, *_old_staging(run.layout, limit)), kept=tuple(kept))


def _judged(entries: Iterable[LedgerEntry], names: set[str]) -> Iterator[LedgerEntry]:
    """Yield the entries of runs that were judged, and add the names of all: an ended run says nothing of a stored lane."""
    for one in entries:
        names.add(key_of(one.verdict)[2])
        if one.verdict.not_run is None:
            yield one


def remove(found: Iterable[OldFile]) -> int:
    """Remove what may go, and return how many bytes that freed; what is gone already, or in use by a fetch, counts for nothing.

    Raises:
        ArtifactError: The disk or folder does not let a file go.
    """
    return sum(_remove_staging(one) if one.side == STAGING else _remove_lane(one) for one in found)


def prune_by_settings(run: RunContext) -> int:
    """Remove what is older than the settings keep it, and return how many bytes that freed; 0 where they keep everything.

    Raises:
        ArtifactError: The ledger is damaged, or the disk does not let a file go.
    """
    return 0 if run.keep_vectors is None else remove(find_old(run, run.keep_vectors, run.now()).old)


def _place(layout: Layout, probe: str, side: Side) -> Place:
    return partial(layout.rankings if probe == RETRIEVE.name else layout.embeddings, side)


def _lane(probe: str, side: Side, one: StoredPartition) -> OldFile:
    size = one.path.stat().st_size
    return OldFile(probe=probe, date=one.date, name=one.name, side=side.value, path=one.path, bytes=size)


def _changed_at(path: Path) -> float:
    """Return when a file was last changed, in seconds since the epoch; one that is gone is as new as can be."""
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return float("inf")


@dataclass(frozen=True, slots=True)
class _Staying:
    """Which lanes of one side stay, whatever their age."""

    run: RunContext
    layout: Layout
    probe: str
    side: Side
    newest: Mapping[Key, LedgerEntry]

    def among(self, found: Sequence[StoredPartition]) -> set[Path]:
        """Return the files that stay, of the partitions of all models or corpora in the order of their dates."""
        staying = set[Path]()
        for name in {one.name for one in found}:
            own = [one for one in found if one.name == name]
            headers = {one.path: _header(self.probe, one.path) for one in own}
            chosen = {one.path for one in own if one.date == self._named()} | {own[-1].path}
            for good in (self._is_whole, self._passed, self._may_stand_in):
                chosen |= set([one.path for one in own if good(one, headers[one.path])][-1:])
            staying |= chosen | {_original(path, headers) for path in chosen}
        return staying

    def _named(self) -> str:
        return self.run.gateways[self.side].recorded

    def _is_whole(self, _one: StoredPartition, header: Header | None) -> bool:
        return header is not None and not header.stopped_early and not header.status_counts.get(RowStatus.FAILED)

    def _passed(self, one: StoredPartition, header: Header | None) -> bool:
        """Return whether the verdict that counts passed, was given on this very lane, and its inputs are still stored."""
        entry = self.newest.get((self.probe, one.date, one.name))
        if header is None or entry is None or entry.verdict.decision not in PASSING:
            return False
        of_verdict = entry.verdict.lanes[list(Side).index(self.side)]
        return of_verdict.fetched_to == header.fetched_to and self._has_inputs(one, header)

    def _may_stand_in(self, one: StoredPartition, header: Header | None) -> bool:
        """Return whether it passed and is not a copy: what the setting `recorded: last` takes."""
        return not (header and header.recorded) and self._passed(one, header)

    def _has_inputs(self, one: StoredPartition, header: Header) -> bool:
        try:
            if isinstance(header, RetrievalProvenance):
                return QuerySetFile(self.layout.queries(one.date, one.name)).header.hash == header.query_set_hash
            return SampleSetFile(self.layout.samples(one.date, one.name)).header.hash == header.sample_set_hash
        except ArtifactError:
            return False


def _header(probe: str, path: Path) -> Header | None:
    """Return where a lane came from; None where it cannot be read."""
    try:
        return (RankingsFile if probe == RETRIEVE.name else EmbeddingsFile)(path).header
    except ArtifactError:
        return None


def _original(path: Path, headers: Mapping[Path, Header | None]) -> Path:
    """Return the lane of the earliest date that was fetched at the same time: what a lane was copied from, or itself."""
    own = headers[path]
    return next(
        one
        for one, header in headers.items()
        if one == path or (own and header and header.fetched_to == own.fetched_to)
    )


def _old_staging(layout: Layout, limit: datetime) -> Iterator[OldFile]:
    for probe in (EMBED, EMBED_THROUGH_ADAPTER):
        root = replace(layout, probe=probe).staging
        for folder in sorted(path.parent for path in root.glob("**/staging.db")):
            files = [path for path in folder.iterdir() if path.is_file()]
            if files and max(map(_changed_at, files)) < limit.timestamp():
                size = sum(path.stat().st_size for path in files)
                yield OldFile(probe="", date="", name="", side=STAGING, path=folder, bytes=size)


def _remove_lane(one: OldFile) -> int:
    try:
        with write_errors(one.path):
            one.path.unlink()
    except ArtifactError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return 0
        raise
    # The folders of the model and of the date, where nothing else is in them.
    for folder in one.path.parents[:2]:
        with suppress(OSError):
            folder.rmdir()
    return one.bytes


def _remove_staging(one: OldFile) -> int:
    of_rankings = RETRIEVE.name in one.path.parts[-5:-4]
    staged = RankingsStaging(one.path) if of_rankings else SqliteStaging(one.path)
    # A fetch that is under way holds it.
    with suppress(ArtifactError), staged as held:
        held.discard()
    return 0 if one.path.exists() else one.bytes
