"""Summary and index of many verdicts: what they take grows with the verdicts, and no faster."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from types import FrameType

from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_states import GatewayStates, LaneStates
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.staleness import staleness
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.html.index_grid import key_of
from parity_pipeline.report.html.index_page import render_index
from parity_pipeline.report.html.trends import recorded_identities
from parity_pipeline.report.summary import render_summary
from parity_pipeline_tests.core.fingerprints import fingerprint, seen
from parity_pipeline_tests.report.measured import measured_pass
from parity_pipeline_tests.report.verdicts import with_provenance

SIZES = (100, 200, 300)


def test_summary_and_index_grow_with_the_verdicts() -> None:
    """The third hundred of verdicts, all of them stale, takes no more than the second, but for a twentieth for sorting."""
    pages(SIZES[0])
    second, third = growth(pages)
    assert third <= second * 1.05


def test_counting_calls_sees_work_per_pair() -> None:
    """Work that looks at all verdicts for each one is counted as such."""
    second, third = growth(lambda count: [hash_of(one) for _ in range(count) for one in range(count)])
    assert third > second * 1.5


def growth(work: Callable[[int], object]) -> tuple[int, int]:
    """Return how many calls the second and the third hundred add, so that what all sizes need alike does not count."""
    few, more, most = (calls_of(lambda size=size: work(size)) for size in SIZES)
    return more - few, most - more


def pages(count: int) -> None:
    """Write summary and index of stale verdicts, one per date."""
    states, first = seen(LaneStates(), fingerprint(version="1"), 0)
    states, _ = seen(states, fingerprint(1, version="2"), 10)
    verdicts = [on_date(number, first.fingerprint) for number in range(count)]
    known = GatewayStates(lanes={(verdicts[0].endpoint, Side.CANDIDATE, verdicts[0].model): states})
    stale = {key_of(one): staleness(one, known).describe() for one in verdicts}
    assert all(stale.values())
    render_summary(verdicts, known)
    render_index(verdicts, stale=stale, identities=recorded_identities(verdicts, known))


def on_date(number: int, found: Fingerprint) -> Verdict:
    """Return a verdict of one of the dates, fetched from a gateway in a recorded state."""
    verdict = replace(measured_pass(), date=(date(2026, 1, 1) + timedelta(days=number)).isoformat())
    return with_provenance(verdict, Side.CANDIDATE, fingerprint=found, fetched_from="2020-01-01T00:00:00+00:00")


def hash_of(value: object) -> int:
    """Return a hash, by one call of Python."""
    return hash(value)


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions a call calls: it grows like the time that it takes, and is the same on every machine."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
