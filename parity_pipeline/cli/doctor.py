"""Check a project: folders, samples, queries, services, and each side with one text and one query.

Here belongs the list of checks, each with its remedy. Requests to a side belong to `wire.doctor_request` and
`wire.fetch_rankings`, printing to `services`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from parity_pipeline.core.errors import ArtifactError, ParityError
from parity_pipeline.core.hazards.corpus import CATEGORY_PREFIX
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.query_set import content
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.report.numbers import things
from parity_pipeline.services.supervisor import status
from parity_pipeline.settings.model import Settings
from parity_pipeline.settings.retrieve import RetrieveSettings
from parity_pipeline.steps.recordings import find_recording
from parity_pipeline.steps.retrieval.recorded_rankings import find_recorded_rankings
from parity_pipeline.storage.atomic import write_errors
from parity_pipeline.storage.gateways import read_states
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.query_sources import read_queries
from parity_pipeline.storage.sources import absent_sources, read_sources
from parity_pipeline.wire.doctor_request import CONNECTIVITY_TEXT, ConnectivityResult, check_connectivity
from parity_pipeline.wire.fetch_lane import embed_texts
from parity_pipeline.wire.fetch_rankings import ask_rankings
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.side_config import SideConfig

Connect = Callable[[SideConfig, str], ConnectivityResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """One line of `parity doctor`.

    Attributes:
        subject: What was checked.
        ok: Whether it is as it should be; None where that was not checked, because an earlier check failed.
        text: What was found.
        remedy: What to do where it is not ok; "" where that is not known.
    """

    subject: str
    ok: bool | None
    text: str
    remedy: str = ""


def run_checks(
    settings: Settings, environ: Mapping[str, str], day: str, *, connect: Connect = check_connectivity
) -> Iterator[DoctorCheck]:
    """Yield a check for each thing that a run needs, in the order in which a run needs them.

    Args:
        settings: Settings that were accepted.
        environ: Where tokens are looked up.
        day: The date whose samples are read, ISO 8601.
        connect: Requests one text's vector from a side.
    """
    yield DoctorCheck(
        subject="settings", ok=True, text=f"{things(len(settings.models), 'model')}, dialects and sides are known"
    )
    for name in ("data_dir", "reports_dir", "state_dir", "dagster_home"):
        yield _folder(name, settings.path(getattr(settings, name)))
    yield from _gateway_states(settings.layout().gateways)
    yield from _samples(settings, day)
    if settings.retrieve:
        yield from _queries(settings, settings.retrieve, day)
    for one in status(settings.services(), settings.path(settings.state_dir)):
        text = f"healthy at {one.health_url}" if one.healthy else f"not healthy at {one.health_url}"
        yield DoctorCheck(subject=f"service {one.name}", ok=one.healthy, text=text, remedy="Run `parity up`.")
    for side in Side:
        yield from _side(settings, side, environ, day, connect)
        if settings.retrieve and settings.side(side).recorded:
            yield from _recorded_rankings(settings, side, day)
        elif settings.retrieve:
            yield from _retrieval(settings, settings.retrieve, side, environ)


def _folder(name: str, path: Path) -> DoctorCheck:
    """Check whether files can be created in a folder, or in the nearest folder above that exists, by writing one.

    Permissions alone would not show a full disk, one that is read-only, or a quota. The file has no name and is gone at once.
    """
    try:
        nearest = next(place for place in (path, *path.parents) if os.path.lexists(place))
        with write_errors(nearest), TemporaryFile(dir=nearest) as draft:
            draft.write(b"parity")
            draft.flush()
    except ArtifactError as error:
        remedy = f"{error.remedy} This is {name} of parity.yaml."
        return DoctorCheck(subject=name, ok=False, text=f"{error.place}: {error.problem}", remedy=remedy)
    return DoctorCheck(subject=name, ok=True, text=f"{path} is writable")


def _gateway_states(path: Path) -> Iterator[DoctorCheck]:
    """Read the recorded states of the gateways, where any are: without them no date is known to be stale."""
    if not path.exists():
        return
    try:
        lanes = len(read_states(path).lanes)
    except ParityError as error:
        yield DoctorCheck(subject=path.name, ok=False, text=f"{error.place}: {error.problem}", remedy=error.remedy)
    else:
        yield DoctorCheck(subject=path.name, ok=True, text=f"states of {things(lanes, 'lane')} are recorded")


def _samples(settings: Settings, day: str) -> Iterator[DoctorCheck]:
    """Read every sample of the day once, as `samples` will."""
    try:
        categories = [one.category for one in read_sources(settings.sources(), day)]
    except ParityError as error:
        place = f"{error.place}: " if error.place else ""
        yield DoctorCheck(subject="samples", ok=False, text=place + error.problem, remedy=error.remedy)
        return
    absent = absent_sources(settings.sources(), day)
    hazards = sum(one.startswith(CATEGORY_PREFIX) for one in categories)
    own = len(categories) - hazards
    text = f"{things(own, 'line')} of yours and {things(hazards, 'hazard')}" if hazards else things(own, "line")
    text += f" for {day}" + (f"; nothing from {', '.join(absent)}" if absent else "")
    yield DoctorCheck(subject="samples", ok=bool(categories), text=text, remedy="Add texts to a sample source.")


def _side(
    settings: Settings, side: Side, environ: Mapping[str, str], day: str, connect: Connect
) -> Iterator[DoctorCheck]:
    """Request one text's vector from one side with each model."""
    if settings.side(side).recorded:
        yield from _recording(settings, side, day)
        return
    expected = settings.side(side).default_model
    try:
        config = settings.side_config(side, environ)
    except ParityError as error:
        yield DoctorCheck(subject=f"{side} token", ok=False, text=error.problem, remedy=error.remedy)
        return
    seen: set[tuple[str, str]] = set()
    for model in settings.models:
        try:
            result = connect(config, model)
        except ParityError as error:
            yield DoctorCheck(subject=f"{side} with {model}", ok=False, text=str(error), remedy=error.remedy)
            continue
        for check in result.checks:
            if (check.name, check.detail) not in seen:
                seen.add((check.name, check.detail))
                where = f"{config.url}: " if check.ok is False else ""
                yield DoctorCheck(
                    subject=f"{side} {check.name}", ok=check.ok, text=where + check.detail, remedy=check.remedy
                )
        if expected and result.observation:
            found = result.observation.default_model
            remedy = f"Set sides.{side}.default_model to it, or find out why it changed."
            ok = found == expected
            text = f"is {found}" if ok else f"is {found}; the settings say {expected}"
            yield DoctorCheck(subject=f"{side} default model", ok=ok, text=text, remedy=remedy)
            expected = None


def _recording(settings: Settings, side: Side, day: str) -> Iterator[DoctorCheck]:
    """Find the recording that stands in for a side with each model; nothing is requested."""
    from parity_pipeline.definitions import build_context  # noqa: PLC0415 - it imports Dagster, which takes a second

    run = build_context(settings)
    for model in settings.models:
        subject = f"{side} recording with {model}"
        try:
            found = find_recording(run, side, day, model)
        except ParityError as error:
            yield DoctorCheck(subject=subject, ok=False, text=error.problem, remedy=error.remedy)
        else:
            text = f"{found.lane.header.ok_rows:,} vectors of {found.date} stand in, nothing is requested"
            yield DoctorCheck(subject=subject, ok=True, text=text)


def _recorded_rankings(settings: Settings, side: Side, day: str) -> Iterator[DoctorCheck]:
    """Find the recording of each corpus that stands in for a side, and what its queries do not cover; nothing is requested."""
    from parity_pipeline.definitions import build_context  # noqa: PLC0415 - it imports Dagster, which takes a second

    run, section = build_context(settings), settings.retrieval()
    for corpus in section.corpora:
        subject = f"{side} recording of {corpus}"
        try:
            found = find_recorded_rankings(run, side, day, corpus)
            held = QuerySetFile(run.layout.queries(found.date, corpus))
            sent = {content(query) for block in held.blocks() for query in block.queries}
            now = {
                content(one.query)
                for one in read_queries(settings.query_sources(), day, section.query_defaults(corpus))
            }
        except ParityError as error:
            yield DoctorCheck(subject=subject, ok=False, text=error.problem, remedy=error.remedy)
            continue
        text = f"rankings of {things(len(sent), 'query', 'queries')} of {found.date} stand in, nothing is requested"
        missed = f"; {len(now - sent):,} of the {len(now):,} for {day} are not among them" if now - sent else ""
        yield DoctorCheck(subject=subject, ok=True, text=text + missed)


def _queries(settings: Settings, section: RetrieveSettings, day: str) -> Iterator[DoctorCheck]:
    """Read every query of the day once per corpus, as `retrieve/queries` will."""
    for corpus in section.corpora:
        subject = f"queries of {corpus}"
        try:
            count = sum(1 for _ in read_queries(settings.query_sources(), day, section.query_defaults(corpus)))
        except ParityError as error:
            place = f"{error.place}: " if error.place else ""
            yield DoctorCheck(subject=subject, ok=False, text=place + error.problem, remedy=error.remedy)
            continue
        absent = absent_sources(settings.query_sources(), day)
        text = f"{count:,} for {day}" + (f"; nothing from {', '.join(absent)}" if absent else "")
        yield DoctorCheck(
            subject=subject, ok=count > 0, text=text, remedy="Add queries to a source of retrieve.queries."
        )


def _retrieval(
    settings: Settings, section: RetrieveSettings, side: Side, environ: Mapping[str, str]
) -> Iterator[DoctorCheck]:
    """Request the ranking of one plain query from one side in each corpus; its token was checked before."""
    for corpus in section.corpora:
        subject = f"{side} retrieval of {corpus}"
        try:
            where = settings.retrieval_side(side, corpus, environ)
            query = Query(id="doctor", text=CONNECTIVITY_TEXT, k=section.k)
            # The address of an embed endpoint is that of the side, also where its retrieval has another one.
            vectors = _vectors(where, section, query, settings.side_config(side, environ))
            (ranking,), _ = ask_rankings(where, [query], vectors=vectors)
        except ParityError as error:
            yield DoctorCheck(subject=subject, ok=False, text=f"{error.place}: {error.problem}", remedy=error.remedy)
            continue
        yield _ranking_check(subject, where, ranking, section.side(side).mode)


def _vectors(
    where: RetrievalSide, section: RetrieveSettings, query: Query, config: SideConfig
) -> Mapping[str, list[float]] | None:
    """Return the query's vector by its id where the endpoint takes no text; the settings then name a model."""
    if not where.needs_vectors or section.model is None:
        return None
    (vector,) = embed_texts(config.for_few_texts(), section.model, [query.text])
    return {} if vector is None else {query.id: vector.tolist()}


def _ranking_check(subject: str, where: RetrievalSide, ranking: Ranking, mode: str | None) -> DoctorCheck:
    """Return the check of what came for the plain query."""
    if ranking.status is not RowStatus.OK:
        why = f" ({ranking.refusal})" if ranking.refusal else ""
        text = f"{where.url}: the query {CONNECTIVITY_TEXT!r} got no list: {ranking.status}{why}"
        return DoctorCheck(subject=subject, ok=False, text=text, remedy="Look at the service's log.")
    served = f" in mode {ranking.mode!r}" if ranking.mode else ""
    text = f"{where.url} uses {where.dialect.name}, {len(ranking.ids)} results for {CONNECTIVITY_TEXT!r}{served}"
    if mode is None or ranking.mode == mode:
        return DoctorCheck(subject=subject, ok=True, text=text)
    if ranking.mode is None:
        # A verdict holds no side to a mode that its responses say nothing of, and so does this.
        text = f"{text}; it reports no mode, so nothing shows whether it is {mode!r}, as the settings say"
        return DoctorCheck(subject=subject, ok=True, text=text)
    remedy = f"Set retrieve.{where.config.side}.mode to the mode that it reports, or find out why it changed."
    return DoctorCheck(subject=subject, ok=False, text=f"{text}; the settings say {mode!r}", remedy=remedy)
