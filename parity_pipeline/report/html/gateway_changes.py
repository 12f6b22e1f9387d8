"""When a gateway changed, as far as what is recorded of each date shows it.

Here belong the identity of a side on one date, and the comparison of consecutive ones. It takes pairs of a date and an identity
from wherever they come: the provenance of lanes here, or fingerprints.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.gateway_states import LaneStates
from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.report.view import Lane

Identity = Mapping[str, str]
"""What is recorded of a gateway: what it is, and its value. A part that is missing was not recorded, and shows nothing."""

_MODELS: Final = 3
"""Names of models in responses that one identity holds: a server may name a new one in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayChange:
    """A date from which on a gateway is another one than before.

    Attributes:
        date: The first date of the new one, ISO 8601.
        before: The last date of the old one.
        parts: What changed: part, old value, new value.
    """

    date: str
    before: str
    parts: tuple[tuple[str, str, str], ...]


def identity_of(lane: Lane) -> Identity:
    """Return what a lane recorded of its gateway: address, dialect, the server's headers, the model that it names."""
    found = {"URL": lane.url, "dialect": lane.dialect}
    found |= {f"header {name}": value for name, value in lane.server_headers.items()}
    if not isinstance(lane, RetrievalProvenance):
        named = sorted(name for name in lane.models_echoed if name)
        found |= {"model in the responses": ", ".join(named[:_MODELS])} if named else {}
    return {part: value for part, value in found.items() if value}


def state_of(lane: Lane, states: LaneStates) -> Identity:
    """Return the recorded state that a lane is of, with what is known of it; empty where that is not recorded.

    States that were seen in turn, as of several gateways behind one address, count as one. A recording is of the gateway of
    long ago, which shows nothing of the one that is deployed.
    """
    known = states.known.get(lane.fingerprint.state)
    if known is None or lane.recorded:
        return {}
    in_turn = [one.states for one in states.records if known.state in one.states]
    state = min(in_turn[-1]) if in_turn else known.state
    seen = next((one.seen_at for one in states.records if one.fingerprint.state == state), "")
    facts = {"version": known.version, "digest of the model": known.digest}
    named = f"{state}, first seen {seen}" if seen else state
    return {"recorded state": named} | {part: value for part, value in facts.items() if value and not in_turn}


def gateway_changes(dates: Iterable[tuple[str, Identity]]) -> list[GatewayChange]:
    """Return the changes of one side, by date.

    A part counts only where both of two consecutive dates have it: one that a lane did not record does not count.

    Args:
        dates: Date and identity, in any order; of one date the last one counts.

    >>> found = gateway_changes([("2026-05-02", {"server": "b"}), ("2026-05-01", {"server": "a"})])
    >>> [(one.date, one.parts) for one in found]
    [('2026-05-02', (('server', 'a', 'b'),))]
    """
    found: list[GatewayChange] = []
    known: dict[str, tuple[str, str]] = {}
    for date, identity in sorted(dict(dates).items()):
        parts = tuple(
            (part, known[part][1], value)
            for part, value in sorted(identity.items())
            if part in known and known[part][1] != value
        )
        if parts:
            before = max(known[part][0] for part, *_ in parts)
            found.append(GatewayChange(date=date, before=before, parts=parts))
        known |= {part: (date, value) for part, value in identity.items()}
    return found
