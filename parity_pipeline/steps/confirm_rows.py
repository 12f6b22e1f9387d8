"""Request failing rows again, and some passing ones, before anything is decided.

Here belong the step, its requests, and reading back what it stored. Which rows fail is `_failing_rows` (a difference that
`core.compare` proves, without a waiver); which of those are requested belongs to `core.row_selection`, what the responses show to `core.confirmation`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from parity_pipeline.core.compare import proves_a_difference
from parity_pipeline.core.confirmation import REPEATS, Confirmation, confirm
from parity_pipeline.core.errors import GatewayError, SettingsError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import beyond, grade
from parity_pipeline.core.outcomes import Outcome, RowStatus, Side
from parity_pipeline.core.provenance import ParityHeader
from parity_pipeline.core.repeated_responses import responses_of
from parity_pipeline.core.row_selection import (
    FailingRows,
    Ordinals,
    PickedSamples,
    choose_repeats,
    picked_rows,
    whole_requests,
)
from parity_pipeline.core.tally import waivers_of
from parity_pipeline.core.waivers import WaiverAccount, account_for
from parity_pipeline.steps.context import Gateway, RunContext, stored
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.evidence_files import read_confirmation, write_confirmation
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_set_files import SampleSetFile

HELD: Final = 4096
"""Failing rows among which those to repeat are chosen, evenly over the set."""


def confirm_rows(run: RunContext, day: str, model: str) -> Confirmation | None:
    """Request failing rows again from both sides, store what that showed, and return it; None where nothing is requested.

    Rows that a waiver takes are not requested. A side that cannot be used leaves its rows persistent, and fails nothing
    else; where its token is missing nothing is requested, and every difference counts.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the disk does not take the file.
        SettingsError: The waivers cannot be used.
    """
    parity = stored(run.layout.parity(day, model), ParityFile)
    header = parity.header
    account = account_for(run.waivers, model=model, day=date.fromisoformat(day), today=run.now().date())
    failing, no_match = _failing_rows(run, parity, account)
    found = _confirmed(run, header, failing, no_match, day, model) if failing.total and _both_respond(run) else None
    write_confirmation(run.layout.confirmation(day, model), found, header, run.thresholds)
    return found


def stored_confirmation(run: RunContext, header: ParityHeader, day: str, model: str) -> Confirmation | None:
    """Return the stored confirmation where it is of these lanes and thresholds.

    Raises:
        ArtifactError: The file is damaged or of another schema.
    """
    return read_confirmation(run.layout.confirmation(day, model), header, run.thresholds)


def _both_respond(run: RunContext) -> bool:
    """Return whether both sides can be sent requests: none is a recording, and their tokens are there."""
    try:
        return all(not run.gateways[side].recorded and run.gateways[side].config() for side in Side)
    except SettingsError:
        return False


def _failing_rows(run: RunContext, parity: ParityFile, account: WaiverAccount) -> tuple[FailingRows, set[int]]:
    """Return the rows that prove a difference without a waiver, and the ordinals of all that do not match."""
    failing, no_match = FailingRows(HELD), set[int]()
    for rows in parity.blocks():
        graded = grade(rows, run.thresholds)
        waived = waivers_of(account, run.thresholds, graded, beyond(run.thresholds, graded))
        for index in (place for place, outcome in enumerate(graded.outcomes) if outcome is not Outcome.MATCH):
            no_match.add(rows.start + index)
            if proves_a_difference(graded, index) and waived[index] is None:
                failing.add(rows.start + index)
    return failing, no_match


def batch_of(gateway: Gateway) -> int:
    """Return the texts of one request of a side, 1 or more."""
    config = gateway.config()
    return 1 if config.dialect.one_text else max(1, config.batch_texts)


def _confirmed(
    run: RunContext, header: ParityHeader, failing: FailingRows, no_match: Collection[int], day: str, model: str
) -> Confirmation:
    samples = stored(run.layout.samples(day, model), SampleSetFile)
    batch, seed = max(batch_of(run.gateways[side]) for side in Side), header.sample_set.hash
    plan = choose_repeats(failing.ordinals, no_match, samples.header.samples, batch=batch, seed=seed)
    chosen = np.array(plan.rows, np.int64)
    texts = picked_samples(samples, chosen)
    repeated = {side: _RepeatedSide.of(run.gateways[side], model, samples, chosen) for side in Side}
    first = [
        picked_rows(chosen, stored(run.layout.embeddings(side, day, model), EmbeddingsFile).blocks()) for side in Side
    ]
    pairs = [(first[0], first[1])]
    for repeat in range(REPEATS):
        # Which side goes first changes, so that whatever happens in between meets both alike.
        order = (Side.LEGACY, Side.CANDIDATE) if repeat % 2 == 0 else (Side.CANDIDATE, Side.LEGACY)
        rows = {side: repeated[side].request() for side in order}
        pairs.append((rows[Side.LEGACY], rows[Side.CANDIDATE]))
    failed = {texts.ids[int(place)] for place in np.searchsorted(chosen, plan.failing)}
    return confirm(
        responses_of(texts, pairs, failed, run.thresholds),
        threshold=run.thresholds.cosine,
        compared=header.compared,
        not_requested=failing.total - len(plan.failing),
        requests=[repeated[side].requests for side in Side],
        adjust=_adjusted,
    )


def picked_samples(samples: SampleSetFile, chosen: Ordinals) -> SampleBlock:
    """Return the samples of these ordinals, which are sorted."""
    picked = PickedSamples(chosen)
    for block in samples.blocks():
        picked.add(block)
    return picked.block()


@dataclass(slots=True, kw_only=True)
class _RepeatedSide:
    """One side, and what it is sent again each time.

    Attributes:
        gateway: The side.
        model: Model name.
        sent: The texts of whole requests.
        wanted: Places among them of the chosen rows.
        requests: Requests sent so far.
        error: Why it cannot be used; no further request is sent then.
    """

    gateway: Gateway
    model: str
    sent: SampleBlock
    wanted: Ordinals
    requests: int = 0
    error: str = ""

    @classmethod
    def of(cls, gateway: Gateway, model: str, samples: SampleSetFile, chosen: Ordinals) -> "_RepeatedSide":
        batch, in_flight = batch_of(gateway), gateway.config().concurrency
        ordinals = whole_requests(chosen.tolist(), samples.header.samples, batch=batch, in_flight=in_flight)
        wanted = np.searchsorted(ordinals, chosen).astype(np.int64)
        return cls(gateway=gateway, model=model, sent=picked_samples(samples, ordinals), wanted=wanted)

    def request(self) -> FetchedRows:
        """Return the chosen rows, fetched again; rows without a response where the side cannot be used."""
        rows: Sequence[FetchedRows] = ()
        if not self.error:
            try:
                rows, requests = self.gateway.embed_rows(self.model, self.sent)
            except GatewayError as error:
                self.error = str(error)
            else:
                self.requests += requests
        rows = rows or [FetchedRows.without_vectors(self.sent, RowStatus.FAILED, self.error)]
        return picked_rows(self.wanted, rows)


def _adjusted(p_values: Sequence[float]) -> Sequence[float]:
    from scipy import stats  # noqa: PLC0415 - importing it takes longer than the rest of the step

    return stats.false_discovery_control(p_values, method="bh").tolist()
