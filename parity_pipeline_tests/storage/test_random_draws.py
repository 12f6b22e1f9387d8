"""What a source's random draw proves, from its file to the bound."""

from pathlib import Path

from parity_pipeline.core.compare import compare
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.sample_checks import share_bounds
from parity_pipeline.core.tally import Tally
from parity_pipeline.storage.sources import SourceSpec, read_sources
from parity_pipeline_tests.core.builders import fetched
from parity_pipeline_tests.storage.records import DATE, store_samples


def tally_of(folder: Path, specs: list[SourceSpec], failing: str) -> Tally:
    """Return the tally of what the sources give, where the candidate fails on one text alone."""
    stored = store_samples(folder / "samples.parquet", read_sources(specs, DATE))
    tally = Tally(Thresholds(), drawn_as=stored.header.drawn_as)
    for block in stored.blocks():
        legacy = fetched(block, [(1.0, 0.0)] * len(block))
        candidate = fetched(block, [(0.0, 1.0) if text == failing else (1.0, 0.0) for text in block.texts])
        tally.add(compare(block, legacy, candidate))
    return tally


def write(path: Path, texts: list[str]) -> Path:
    """Write a source of one text per line."""
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def test_picking_a_text_by_hand_does_not_remove_it_from_the_bound(tmp_path: Path) -> None:
    """Half of the traffic fails and a hand-picked list names that text first: the bounds still say half."""
    picked = write(tmp_path / "seed.txt", ["hello"])
    traffic = write(tmp_path / "traffic.txt", ["hello"] * 3000 + [f"query {n}" for n in range(3000)])
    specs = [SourceSpec(path=picked), SourceSpec(path=traffic, sample=6000)]
    tally = tally_of(tmp_path, specs, failing="hello")
    for bound in share_bounds(tally):
        assert (bound.category, bound.trials, bound.failures) in {(None, 6000, 3000), ("traffic", 6000, 3000)}
        assert bound.bound > 0.5
    assert tally.by_category["seed"] == {Outcome.MISMATCH: 1}


def test_a_text_drawn_from_two_sources_counts_in_both(tmp_path: Path) -> None:
    """A text that is all of the second source is not lost to the category of the first, which holds it once."""
    first = write(tmp_path / "eu.txt", ["hello", *(f"query {n}" for n in range(99))])
    second = write(tmp_path / "us.txt", ["hello"] * 50)
    specs = [SourceSpec(path=first, sample=100), SourceSpec(path=second, sample=50)]
    found = {bound.category: bound for bound in share_bounds(tally_of(tmp_path, specs, failing="hello"))}
    assert {name: (one.trials, one.failures) for name, one in found.items()} == {
        None: (150, 51),
        "eu": (100, 1),
        "us": (50, 50),
    }
