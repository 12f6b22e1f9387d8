"""Pool the random samples of all dates of one candidate deployment, as the ledger holds them.

Here belongs the choice of the dates that count together. The bound of what they hold belongs to
`core.confidence`, reading the ledger to `storage.ledger`.
"""

from collections.abc import Hashable, Iterable

from parity_pipeline.core.confidence import PooledBound, anytime_upper_bound
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.storage.ledger import LedgerEntry


def pool_dates(verdict: Verdict, entries: Iterable[LedgerEntry]) -> PooledBound | None:
    """Return what the random samples of a verdict's date and of the dates before it prove together.

    Dates are gone through backwards, from the verdict's own to the first one on which another deployment of the
    candidate responded, or on which other limits were judged. Passed over are dates without random samples, dates on
    which the candidate returned no vector, and dates with the very samples of a later one, which show nothing new.

    Args:
        verdict: The verdict on the last date; it stands for its date whatever the entries say.
        entries: The ledger, of any dates and models, in any order. Of each date the newest by `recorded_at` counts.

    Returns:
        The bound; None where fewer than two dates count.
    """
    counted: list[Verdict] = []
    seen: set[str] = set()
    for held in (verdict, *_before(verdict, entries)):
        if not random_trials(held) or not held.candidate.provenance.ok_rows:
            continue
        if _deployment(held) != _deployment(verdict):
            break
        samples = {held.random.draws_hash, held.sample_set.hash}
        if not samples & seen:
            counted.append(held)
        seen |= samples
    if len(counted) < 2:
        return None
    texts, failures = (sum(_trials(held)[place] for held in counted) for place in range(2))
    return PooledBound(
        dates=len(counted),
        texts=texts,
        failures=failures,
        bound=anytime_upper_bound(failures, texts),
        since=counted[-1].date,
        repeated=any(held.random.draws > held.random.texts for held in counted),
    )


def random_trials(verdict: Verdict) -> int:
    """Return how many random draws of a verdict count; 0 for one of an earlier version.

    Earlier versions left out the draws of a text that was also picked by hand, so their counts may not be pooled.
    """
    return _trials(verdict)[0] if verdict.random.draws_hash else 0


def _trials(verdict: Verdict) -> tuple[int, int]:
    """Return trials and failures of all random draws together."""
    return next(((one.trials, one.failures) for one in verdict.random.bounds if one.category is None), (0, 0))


def _before(verdict: Verdict, entries: Iterable[LedgerEntry]) -> list[Verdict]:
    """Return the newest verdict of each earlier date of the same endpoint and model, last date first."""
    newest: dict[str, tuple[str, Verdict]] = {}
    for entry in entries:
        held = entry.verdict
        if not isinstance(held, Verdict) or (held.endpoint, held.model) != (verdict.endpoint, verdict.model):
            continue
        known = newest.get(held.date)
        if held.date < verdict.date and (known is None or entry.recorded_at >= known[0]):
            newest[held.date] = entry.recorded_at, held
    return [newest[day][1] for day in sorted(newest, reverse=True)]


def _deployment(verdict: Verdict) -> Hashable:
    """Return what is the same as long as one deployment of the candidate is judged by the same limits."""
    candidate = verdict.candidate.provenance
    return (
        candidate.settings_hash,
        frozenset(candidate.server_headers.items()),
        frozenset(candidate.models_echoed),
        tuple((one.measure, one.limit, one.severity) for one in verdict.measures),
    )
