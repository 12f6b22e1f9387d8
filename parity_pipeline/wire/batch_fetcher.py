"""One batch from its request to its rows: send, decode, retry, split.

Here belong the attempts at one batch and the rows that it ends with. One attempt belongs to `client`, what to
do about each kind of error to `retry_policy`, whether it is an outage and which texts may hang to `outage_or_hang`, the order
of rows and the end of a lane to `lane`.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic

import tenacity

from parity_pipeline.core.fetched_rows import RowsT, SettledRows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.client import RequestSender
from parity_pipeline.wire.codec import DecodedT, HttpResponse, not_requested, without_definite_response
from parity_pipeline.wire.encode import Batch
from parity_pipeline.wire.gateway_errors import AttemptError, LaneOverError, side_is_down
from parity_pipeline.wire.outage_or_hang import PROOFS, Health, SideHealth
from parity_pipeline.wire.retry_policy import OnExhausted, Rule
from parity_pipeline.wire.side_config import SideConfig

_FREE_RETRIES: Final = 100
"""Retries that are allowed before `retry_share` applies: a share of a few requests means nothing."""
_WHOLE_ATTEMPTS: Final = 2
"""Times that a batch is sent as a whole before it is divided, where a text in it may break the side."""
_COMEBACKS: Final = 3
"""Times that a batch is requested again because the side went down and came back meanwhile."""

Place = Callable[[SettledRows[RowsT]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _PartHistory:
    """What happened so far to the texts of a part.

    Attributes:
        divided: How often their batch was divided because it timed out.
        broke: Requests with all of them that broke the side although it was up.
        last: Whether the part, a text that was set aside, has the whole time-out of the side.
    """

    divided: int = 0
    broke: int = 0
    last: bool = False


_NEW: Final = _PartHistory()

_Broke = tuple[Batch, _PartHistory, Rule, AttemptError]  # a text that broke the side alone, and what happened to it


class BatchFetcher(Generic[DecodedT, RowsT]):
    """Fetches batches of one lane."""

    def __init__(self, config: SideConfig, sender: RequestSender[DecodedT, RowsT]) -> None:
        """Take what sends the requests."""
        self._config = config
        self._sender, self._codec, self._context = sender, sender.codec, sender.context
        self._hanging = sender.hanging
        self._canary_lock = asyncio.Lock()
        self._canary_sent = False
        self._health = SideHealth(sender.counters, self._send_canary, self._wait_for_canary)
        self._broke: list[_Broke] = []
        self._broke_at = 0.0
        self._set_aside: list[Batch] = []
        self._set_aside_until = math.inf

    async def fetch(self, batch: Batch, place: Place[RowsT]) -> None:
        """Place pieces that together hold each sample of the batch once, in any order, but for those set aside.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        lone = self._hanging.suspects(batch.texts, 0)
        if lone:
            await self._divide(batch, lone, _PartHistory(divided=1), place)
        else:
            await self._settle(batch, _NEW, place)

    @property
    def has_set_aside(self) -> bool:
        """Return whether texts wait for the end of the lane."""
        return bool(self._set_aside or self._broke)

    async def fetch_set_aside(self, place: Place[RowsT]) -> None:
        """Place the texts that wait for the end of the lane: those that may hang, then those that broke the side alone.

        The latter are requested side by side after one wait. Once is enough where they broke the side in batches too,
        or where none of several gets its vector; otherwise as often as the side's attempts allow, as the error may pass.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        await self._fetch_hanging(place)
        turn = 0
        while self._broke:
            turn += 1
            waiting, self._broke = self._broke, []
            count = len(waiting)
            wait = self._context.random.uniform(0.5, 1.5) * self._config.mean_wait(turn)
            await self._sleep(max(0.0, self._broke_at + wait - self._context.now()))
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(len(waiting), self._config.concurrency)):
                    workers.create_task(self._fetch_broken(waiting, place))
            if len(self._broke) == count >= PROOFS:
                for part, _, rule, error in self._broke:
                    await place(self._codec.without_results(part, rule.ends_as, str(error), error))
                self._broke = []

    async def _fetch_broken(self, waiting: list[_Broke], place: Place[RowsT]) -> None:
        while waiting:
            part, history, _, _ = waiting.pop()
            await self._settle(part, replace(history, last=True), place)

    async def _fetch_hanging(self, place: Place[RowsT]) -> None:
        """Place the texts that may hang: alone, the shortest first, and none that is like those that hung.

        Each is requested with the patience of a first request, which shows most of them to be harmless; those that stay
        then have the whole time-out.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        self._set_aside_until = min(self._set_aside_until, self._context.now() + self._hanging.seconds)

        async def first(part: Batch) -> None:
            if self._hanging.is_hopeless_at_first(part.texts[0]):
                self._set_aside.append(part)
            else:
                await self._settle(part, _NEW, place)

        async def last(part: Batch) -> None:
            reason = self._reason_to_skip(part)
            if reason:
                await place(not_requested(self._codec, part, reason))
            else:
                await self._settle(part, _PartHistory(last=True), place)

        if len(self._set_aside) > PROOFS:
            await self._each_set_aside(first)
        await self._each_set_aside(last)

    async def _each_set_aside(self, request: Callable[[Batch], Awaitable[None]]) -> None:
        waiting = sorted(self._set_aside, key=lambda part: -len(part.texts[0]))
        self._set_aside = []

        async def work() -> None:
            while waiting:
                await request(waiting.pop())

        if waiting:
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(PROOFS, self._context.concurrency_limiter.limit)):
                    workers.create_task(work())

    def _reason_to_skip(self, part: Batch) -> str:
        if self._hanging.is_predicted(part.texts[0]):
            self._hanging.skipped += 1
            return f"like {len(self._hanging.hung)} {self._codec.words.inputs} that hung, and as long"
        if self._context.now() >= self._set_aside_until:
            self._hanging.unproven += 1
            return f"the {self._hanging.seconds:g} s for {self._codec.words.inputs} that may hang were used up"
        return ""

    async def _settle(self, part: Batch, history: _PartHistory, place: Place[RowsT]) -> None:
        """Place the rows of a part, divided if it must be.

        Args:
            part: The samples.
            history: What happened to them so far.
            place: Takes the rows.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        for comebacks in range(_COMEBACKS + 1):
            if self._sender.stopped:
                await place(not_requested(self._codec, part, self._sender.stopped))
                return
            try:
                piece = await self._with_retries(part, history)
            except LaneOverError as over:
                piece = not_requested(self._codec, part, over.detail)
            except AttemptError as error:
                rule = self._codec.rule(error.kind)
                await self._check_side(rule, error)
                health = await self._health_after(rule, error)
                hasty = self._was_hasty(part, error)
                if health is Health.UP and not hasty:
                    await self._conclude(part, rule, error, history, place)
                    return
                if health is not Health.DOWN and comebacks < _COMEBACKS:
                    continue
                piece = without_definite_response(self._codec, part, error)
            await place(piece)
            return

    def _was_hasty(self, part: Batch, error: AttemptError) -> bool:
        """Return whether a part had far less time than what is known by now allows it."""
        left = self._context.seconds_left()
        return error.kind == "deadline" and min(self._hanging.patience(len(part)), left) >= 2 * error.seconds

    async def _conclude(
        self, part: Batch, rule: Rule, error: AttemptError, history: _PartHistory, place: Place[RowsT]
    ) -> None:
        """Divide a part that got no vectors from a side that is up, or place its rows without any."""
        if rule.on_exhausted is OnExhausted.ISOLATE and self._context.seconds_left() > 0:
            self._hanging.note_slow(part.texts)
            if len(part) > 1:
                lone = self._hanging.suspects(part.texts, history.divided) or set(range(len(part)))
                await self._divide(part, lone, _PartHistory(divided=history.divided + 1), place)
                return
            if error.kind == "deadline" and error.seconds < self._config.timeouts.total:
                self._set_aside.append(part)
                return
            self._hanging.note_hung(part.texts[0])
        elif rule.on_exhausted is OnExhausted.SPLIT and len(part) > 1:
            self._sender.counters.malformed_batches += rule.ends_as is RowStatus.MALFORMED
            middle = (len(part) + 1) // 2
            after = replace(history, broke=history.broke + self._attempts(part, history) if rule.blames_a_text else 0)
            await self._settle_all((part.part(0, middle), part.part(middle, len(part))), after, place)
            return
        elif rule.blames_a_text and self._may_break_again(history):
            self._broke.append((part, replace(history, broke=history.broke + 1), rule, error))
            self._broke_at = self._context.now()
            return
        await place(self._codec.without_results(part, rule.ends_as, str(error), error))

    def _may_break_again(self, history: _PartHistory) -> bool:
        """Return whether a text that broke the side alone is sent once more.

        At least once alone, and with what was sent of its batch as often as the side's attempts allow.
        """
        wanted = not (history.last and history.broke) or history.broke + 1 < self._config.attempts
        return wanted and self._config.attempts > 1 and self._has_retries(len(self._broke))

    @staticmethod
    def _attempts(part: Batch, history: _PartHistory) -> int:
        """Return how often a part is sent in a row where a text in it may break the side."""
        return _WHOLE_ATTEMPTS if len(part) > 1 and not history.broke else 1

    async def _divide(self, part: Batch, lone: set[int], history: _PartHistory, place: Place[RowsT]) -> None:
        """Set suspects aside and place the others, in the runs that are left between them."""
        left = (run for run in part.runs_between(lone) if len(run) == 1)
        single = {run.start - part.start for run in left if self._hanging.is_unproven(run.texts[0])}
        self._set_aside += [part.part(index, index + 1) for index in lone | single]
        await self._settle_all(part.runs_between(lone | single), history, place)

    async def _settle_all(self, parts: Iterable[Batch], history: _PartHistory, place: Place[RowsT]) -> None:
        """Settle parts side by side, so that their retries wait together."""
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(self._settle(part, history, place))

    async def _health_after(self, rule: Rule, error: AttemptError) -> Health:
        """Return the state of the side after an error; if it is down, stop the lane.

        Raises:
            GatewayError: The side refuses the credentials.
        """
        if self._sender.stopped and rule.may_be_outage:
            return Health.DOWN
        if not rule.may_be_outage:
            return Health.UP
        try:
            spared = self._config.attempts - _WHOLE_ATTEMPTS if rule.blames_a_text else 0
            health, failed = await self._health.after(error, self._config.attempts + max(0, spared))
        except AttemptError as refused:
            raise self._codec.unusable(refused) from None
        if health is Health.DOWN and failed and not isinstance(failed, LaneOverError) and not self._sender.stopped:
            self._sender.stopped = side_is_down(error, failed, self._codec.words)
        return health

    async def _send_canary(self, text: bytes, *, own: bool = False) -> None:
        """Send a text alone.

        Raises:
            AttemptError: It got no vector.
        """
        codec, one = self._codec, [text]
        response, _ = await self._sender.send(codec.body(one), 1, counted=not own, path=codec.path_of(one))
        self._learn([text], response)

    def _learn(self, texts: Sequence[bytes], response: HttpResponse) -> None:
        """Learn from texts that got their vectors what the side can embed, and how fast."""
        self._hanging.note_vectors(texts, response.latency_ms / 1000.0)
        self.note_good(texts)

    def note_good(self, texts: Sequence[bytes]) -> None:
        """Learn texts that got their vectors, so that one of them can show later whether the side is up."""
        if not self._health.known_good:
            self._health.known_good = min(texts, key=len)

    async def _wait_for_canary(self, attempt: int) -> None:
        await self._sleep(self._config.mean_wait(max(1, min(attempt, self._config.attempts - 1))))

    async def _with_retries(self, batch: Batch, history: _PartHistory) -> SettledRows[RowsT]:
        """Return the rows of a batch, after as many attempts as the rules of its errors allow.

        Raises:
            AttemptError: The last one.
        """
        body, path = self._codec.body(batch.texts), self._codec.path_of(batch.texts)
        attempt = 0

        async def once() -> SettledRows[RowsT]:
            nonlocal attempt
            attempt += 1
            self._sender.counters.retries += attempt > 1 or bool(history.last and history.broke)
            response, decoded = await self._sender.send(body, len(batch), patient=history.last, path=path)
            self._learn(batch.texts, response)
            return self._codec.with_results(batch, response, decoded)

        # Nearly every batch succeeds at once; for those, preparing the retries would take longer than the request.
        first: AttemptError | None = None
        try:
            return await once()
        except AttemptError as error:
            first = error

        async def again() -> SettledRows[RowsT]:
            nonlocal first
            if first is not None:
                error, first = first, None
                raise error
            return await once()

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._may_retry),
            stop=lambda state: self._stop(state, self._attempts(batch, history)),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(again)

    def _may_retry(self, error: BaseException) -> bool:
        retryable = isinstance(error, AttemptError) and not isinstance(error, LaneOverError)
        return retryable and not self._sender.stopped and self._has_retries()

    def _has_retries(self, planned: int = 0) -> bool:
        """Return whether the lane may send another request again, beside those that are planned."""
        allowed = max(_FREE_RETRIES, self._config.retry_share * self._sender.counters.requests)
        return self._sender.counters.retries + planned < allowed

    def _stop(self, state: tenacity.RetryCallState, in_a_row: int) -> bool:
        error = state.outcome.exception() if state.outcome else None
        rule = self._codec.rule(error.kind) if isinstance(error, AttemptError) else None
        attempts = 1 if rule is None else in_a_row if rule.blames_a_text else rule.attempts
        most = self._config.attempts if attempts is None else min(attempts, self._config.attempts)
        too_long = state.idle_for + self._wait(state, mean=True) > self._config.retry_seconds
        return state.attempt_number >= most or too_long

    def _wait(self, state: tenacity.RetryCallState, *, mean: bool = False) -> float:
        """Return the seconds before the next attempt: jitter around a doubling mean, at least the server's Retry-After."""
        error = state.outcome.exception() if state.outcome else None
        requested = error.retry_after if isinstance(error, AttemptError) else None
        middle = self._config.mean_wait(state.attempt_number)
        backoff = middle if mean else self._context.random.uniform(0.5, 1.5) * middle
        return max(backoff, requested or 0.0)

    async def _sleep(self, seconds: float) -> None:
        await self._context.sleep(min(seconds, max(self._context.seconds_left(), 0.0)))

    async def _check_side(self, rule: Rule, error: AttemptError) -> None:
        """Find out, while no batch got its vectors yet, whether the batch or the side is the cause of an error.

        Raises:
            GatewayError: It is the side.
        """
        if rule.on_exhausted is OnExhausted.STOP:
            raise self._codec.unusable(error)
        async with self._canary_lock:
            if self._sender.counters.with_vectors or self._canary_sent or self._sender.stopped:
                return
            self._canary_sent = True
            # After an error that was retried in vain one canary is enough; any other may have met an error that passes.
            await self._send_first_canary(1 if rule.attempts is None else self._config.attempts)

    async def _send_first_canary(self, attempts: int) -> None:
        """Send a plain text, again after an error that may pass.

        Raises:
            GatewayError: It got no vector.
        """
        for attempt in range(1, attempts + 1):
            try:
                await self._send_canary(self._codec.plain_input, own=True)
            except AttemptError as error:
                is_last = attempt >= min(attempts, self._codec.rule(error.kind).attempts or attempts)
                if is_last and not self._sender.counters.with_vectors:
                    raise self._codec.unusable(error) from None
            if self._sender.counters.with_vectors:
                return
            await self._wait_for_canary(attempt)
