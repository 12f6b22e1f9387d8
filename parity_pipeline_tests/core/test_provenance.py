import pytest

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import echo_fault, pairing_faults
from parity_pipeline_tests.core.builders import provenance

HASH = "a" * 64


def test_batches_that_may_be_paired() -> None:
    """Two lanes of one date, model and sample set have no fault."""
    assert pairing_faults(provenance(), provenance(Side.CANDIDATE), HASH) == ()


def test_every_pairing_fault_is_collected() -> None:
    """Swapped sides, both stale hashes, another model and another date are all named at once, with the remedy."""
    legacy = provenance(Side.CANDIDATE, sample_set_hash="c" * 64)
    candidate = provenance(Side.LEGACY, sample_set_hash="d" * 64, model="n\n", date="2026-05-01")
    faults = pairing_faults(legacy, candidate, HASH)
    said = "\n".join(faults)
    assert len(faults) == 6
    for words in (
        "given as legacy was fetched from the candidate side",
        "given as candidate was fetched from the legacy side",
        "materialize legacy/embeddings again",
        "materialize candidate/embeddings again",
        "model 'm', candidate 'n\\n'",
        "dated 2026-04-30, candidate 2026-05-01",
    ):
        assert words in said


@pytest.mark.parametrize("stale", Side)
def test_one_stale_lane_is_named(stale: Side) -> None:
    """A lane fetched for another sample set is the one that is named."""
    hashes = {side: "c" * 64 if side is stale else HASH for side in Side}
    faults = pairing_faults(
        provenance(sample_set_hash=hashes[Side.LEGACY]),
        provenance(Side.CANDIDATE, sample_set_hash=hashes[Side.CANDIDATE]),
        HASH,
    )
    assert len(faults) == 1
    assert faults[0].startswith(f"{stale} was fetched")


@pytest.mark.parametrize(
    ("requested", "echoed", "fault"),
    [
        ("m", {}, False),
        ("m", {"": 5}, False),
        ("m", {"m": 5}, False),
        ("m", {"m:latest": 5}, False),
        ("m:latest", {"m": 5}, False),
        ("m:latest", {"m:latest": 5, "": 1}, False),
        ("m", {"other": 5}, True),
        ("m", {"m": 5, "other": 1}, True),
        ("m", {"M": 5}, True),
        ("m", {"m:q4_0": 5}, True),
        ("m:q4_0", {"m:latest": 5}, True),
        ("m", {"m:latest:latest": 5}, True),
    ],
)
def test_echoed_models(requested: str, echoed: dict[str, int], *, fault: bool) -> None:
    """Only a name other than the one requested is a fault; `:latest` makes no difference, no name proves nothing."""
    assert bool(echo_fault(provenance(requested=requested, echoed=echoed))) == fault


def test_an_echo_fault_names_both() -> None:
    """The fault names the side, the model requested, the one used and for how many rows, escaped."""
    said = echo_fault(provenance(Side.CANDIDATE, echoed={"evil\n\u202e": 3, "m": 2}))
    assert said == "candidate: model 'm' was requested, but the responses name 'evil\\n\\u202e' (3 rows)"


def test_many_echoed_names_stay_one_line() -> None:
    """A server that names a new model each time, or a very long one, cannot flood a reason."""
    said = echo_fault(provenance(echoed={f"{place:04}" + "x" * 10_000: place for place in range(1, 1000)}))
    assert len(said) < 1000
    assert "'0999" in said
    assert said.endswith("and 996 more")
