"""Make the worst failing sample of a FAIL small: the smallest text, batch and concurrency that still fails.

Here belong the step and its requests, whose responses are judged as the verdict was. The search belongs to `core.minimise`,
what every probe does alike to `make_small`. A verdict that is not a FAIL sends nothing, and a gateway that does not respond
fails nothing.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from parity_pipeline.core.compare import compare
from parity_pipeline.core.diagnosis.records import Diagnosis
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.minimise import smallest_failing
from parity_pipeline.core.outcomes import Decision, Outcome, RowStatus
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.reproduction import Reproduction, SmallRequest, Trial, is_failing, worst_failing
from parity_pipeline.core.row_selection import whole_requests
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.records import Response, Step
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.worst_rows import JudgedRow
from parity_pipeline.steps.confirm_rows import batch_of, picked_samples
from parity_pipeline.steps.context import Gateway, RunContext, stored
from parity_pipeline.steps.diagnose_failures import Requests, diagnose_failures
from parity_pipeline.steps.judge_partition import judge_stored
from parity_pipeline.steps.make_small import ORDER, make_small, search
from parity_pipeline.storage.evidence_files import read_reproduction, write_reproduction
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline.wire.encode import RequestEncoder, encode_text, plan
from parity_pipeline.wire.side_config import SideConfig


def diagnose_and_reproduce(run: RunContext, day: str, model: str, log: Callable[[str], None]) -> Diagnosis | None:
    """Diagnose a date and model as `diagnose_failures` does, make the worst sample of a FAIL small; return the diagnosis.

    The verdict comes later and sends nothing; what decides here is what it will say of the samples that are stored now.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the disk does not take a file.
        SettingsError: The waivers cannot be used.
    """
    found = diagnose_failures(run, day, model, log)
    if run.reproduce.requests and (found is None or found.failing):
        reproduce_sample(run, judge_stored(run, day, model), log)
    return found


def reproduce_sample(run: RunContext, verdict: Verdict, log: Callable[[str], None]) -> Reproduction | None:
    """Make the worst failing sample of a verdict small, as `make_small` does; None where nothing was sent.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the disk does not take the file.
    """
    row = worst_failing(verdict.rows) if verdict.decision is Decision.FAIL else None
    return None if row is None else make_small(run, _SmallSample(run=run, verdict=verdict, row=row), log)


def stored_reproduction(run: RunContext, verdict: Verdict) -> Reproduction | None:
    """Return the stored reproduction of the worst failing sample of a verdict; None where there is none of it.

    Raises:
        ArtifactError: A file is damaged or of another schema.
    """
    row = worst_failing(verdict.rows) if verdict.decision is Decision.FAIL else None
    path, parity = (place(verdict.date, verdict.model) for place in (run.layout.reproduction, run.layout.parity))
    if row is None or not path.exists() or not parity.exists():
        return None
    found = read_reproduction(path, ParityFile(parity).header, run.thresholds)
    return found if found is not None and found.sample == row.id else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SmallSample:
    """The small form of one sample; implements `make_small.SmallForm`."""

    run: RunContext
    verdict: Verdict
    row: JudgedRow

    @property
    def lanes(self) -> Sequence[Provenance]:
        return self.verdict.lanes

    def stored(self) -> Reproduction | None:
        return stored_reproduction(self.run, self.verdict)

    def store(self, found: Reproduction | None) -> None:
        run, date, model = self.run, self.verdict.date, self.verdict.model
        header = stored(run.layout.parity(date, model), ParityFile).header
        write_reproduction(run.layout.reproduction(date, model), found, header, run.thresholds)

    def find(self) -> Reproduction | None:
        run, verdict, row = self.run, self.verdict, self.row
        try:
            sides = [_Side.of(run.gateways[side], verdict.model, run.reproduce.requests) for side in ORDER]
        except ParityError:
            return None
        whole = _company(run, verdict, row)
        judge = _Judge(run=run, verdict=verdict, sample=row)
        found = search(whole, smallest_failing, sides, judge.fails)
        return Reproduction(
            sample=row.id,
            ordinal=row.ordinal,
            outcome=row.outcome,
            result=found.result,
            smallest=found.smallest,
            characters=len(whole.text),
            complete=found.complete,
            legacy_requests=found.legacy_requests,
            candidate_requests=found.candidate_requests,
            requests=tuple(side.small_request(found.smallest) for side in sides) if found.smallest else (),
        )


def _company(run: RunContext, verdict: Verdict, row: JudgedRow) -> Trial:
    """Return the sample in the batch and with the requests in flight that it was first sent in."""
    samples = stored(run.layout.samples(verdict.date, verdict.model), SampleSetFile)
    batch = max(batch_of(gateway) for gateway in run.gateways.values())
    in_flight = max(gateway.config().concurrency for gateway in run.gateways.values())
    ordinals = whole_requests([row.ordinal], samples.header.samples, batch=batch, in_flight=in_flight)
    texts = dict(zip(ordinals.tolist(), picked_samples(samples, ordinals).texts, strict=True))
    own = row.ordinal // batch
    requests: dict[int, list[str]] = {}
    for ordinal, text in texts.items():
        requests.setdefault(ordinal // batch, []).append(text)
    place = row.ordinal - own * batch
    before, after = requests[own][:place], requests[own][place + 1 :]
    beside = tuple(tuple(one) for request, one in requests.items() if request != own)
    return Trial(text=texts[row.ordinal], before=tuple(before), after=tuple(after), beside=beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One side, and the requests that it was sent."""

    gateway: Gateway
    config: SideConfig
    model: str
    requests: Requests
    encoder: RequestEncoder

    @classmethod
    def of(cls, gateway: Gateway, model: str, most: int) -> "_Side":
        config, requests = gateway.config().for_model(model), Requests(most)
        encoder = RequestEncoder(config.dialect, config.requested_name(model))
        return cls(gateway=requests.counting(gateway), config=config, model=model, requests=requests, encoder=encoder)

    def cut(self, texts: Sequence[str], place: int = 0) -> tuple[tuple[str, ...], int]:
        """Return the texts of the one request of this side that holds the text at a place, and its place there."""
        block = SampleBlock(0, [""] * len(texts), texts, [""] * len(texts))
        size, overhead = self.config.batch_bytes, self.encoder.overhead
        for batch in plan([block], texts=batch_of(self.gateway), size=size, overhead=overhead):
            if place < batch.start + len(batch):
                return tuple(texts[batch.start : batch.start + len(batch)]), place - batch.start
        raise IndexError(place)

    def request(self, trial: Trial) -> tuple[Response, int]:
        """Return the response to the request of a trial, and the place of the text in it.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        own, place = self.cut(trial.batch, len(trial.before))
        sent = (own, *(self.cut(one)[0] for one in trial.beside))
        left = self.requests.most - self.requests.sent
        return self.gateway.run_experiments(self.model, _together(sent), most=left).result, place

    def cost(self, trial: Trial) -> int:
        """Return how many requests a trial takes where none is retried."""
        return trial.concurrency

    def small_request(self, trial: Trial) -> SmallRequest:
        """Return how this side is sent a trial."""
        dialect, (texts, place) = self.config.dialect, self.cut(trial.batch, len(trial.before))
        return SmallRequest(
            side=self.config.side,
            url=self.config.url,
            body=self._body(texts),
            beside=tuple(self._body(self.cut(one)[0]) for one in trial.beside),
            place=place,
            texts=len(texts),
            token_variable=self.gateway.token_variable,
            header_names=tuple(self.config.headers),
            vectors_field=dialect.vectors_field,
            order_field=dialect.order_field,
            one_text=dialect.one_text,
            base64=dialect.base64,
        )

    def _body(self, texts: Sequence[str]) -> str:
        return self.encoder.body([encode_text(text) for text in texts]).decode()


def _together(requests: tuple[tuple[str, ...], ...]) -> Generator[Step, Sequence[Response], Response]:
    first, *_ = yield Step(experiment="", requests=requests, at_once=len(requests))
    return first


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """Judges trials by the comparison, limits and noise of the verdict."""

    run: RunContext
    verdict: Verdict
    sample: JudgedRow

    def fails(self, trial: Trial, responses: Sequence[tuple[Response, int]]) -> bool | None:
        """Return whether a trial fails as the sample did; None where a side gives no definite response."""
        if any(response.status is RowStatus.REFUSED for response, _ in responses) and len(trial.batch) > 1:
            # Any of its texts may be the one that is refused; the text alone was tried before.
            return False
        block = SampleBlock(0, [sample_id(trial.text)], [trial.text], [""])
        tally = Tally(self.run.thresholds, floors=self.verdict.floors)
        tally.add(compare(block, *(_row(block, response, place) for response, place in responses)))
        (row,) = tally.shown_rows()
        if row.outcome is Outcome.MISSING:
            return None
        # NaN or zeros of the other side are another failure than those of this one.
        return is_failing(row) and (row.outcome, row.side) == (self.sample.outcome, self.sample.side)


def _row(block: SampleBlock, response: Response, place: int) -> FetchedRows:
    if response.vectors is None:
        return FetchedRows.without_vectors(block, response.status, response.words)
    vector = np.ascontiguousarray(response.vectors[place])
    return FetchedRows(
        start=0,
        ids=block.ids,
        values=vector,
        offsets=np.array([0, len(vector)], np.int32),
        status=[response.status],
        http_status=[None],
        errors=[None],
        request_ids=[None],
        latency_ms=[None],
    )
