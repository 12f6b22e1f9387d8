"""Run embed-parity and this project on every fault of the demo, and write a page that compares their results.

Here belong the corpus and how each tool is run. embed-parity is not a dependency: it is imported when this runs. The
sides belong to `rival_side`, the page to `rival_page`. docs/benchmarks.md says how to run it, and with which version.
"""

import argparse
import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray

from bench.rival_page import Line, ToolResult, page
from bench.rival_side import FaultySide, gateway_of
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.hazards.corpus import ALL, hazard_samples
from parity_pipeline.core.outcomes import PASSING, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.demo.fault_table import FAULTS, Fault
from parity_pipeline.faults.texts import block_of
from parity_pipeline.faults.trial_run import BATCH, DAY, MODEL, context_for, embedder
from parity_pipeline.steps.run_partition import run_partition

TEXTS: Final = 200
PLAIN: Final = 192
"""Texts before the last request of 32, in which the blanks stand: all others stand at one place for both tools."""
INSTALL: Final = (
    "embed-parity is not installed; this project does not need it. Install it in a folder of its own and run again:\n"
    "  .venv/bin/python -m pip install --no-deps --target .parity/rival embed-parity\n"
    "  PYTHONPATH=.parity/rival .venv/bin/python -m bench.rival"
)
IN_PAIRS: Final = ("permute", "swap-under-load")
"""Faults that one text alone cannot show."""
WHOLE_ONLY: Final = ("batch-cap",)
"""Faults without a rate."""


class Reference:
    """The clean side behind embed-parity's protocol of a backend, in place of SentenceTransformers."""

    name = "reference"

    def __init__(self) -> None:
        """Make the side."""
        self._side = FaultySide()

    @property
    def metadata(self) -> dict[str, Any]:
        """Return what is known: no more than the name."""
        return {"runtime": self.name, "model_id": MODEL}

    def encode(self, texts: Sequence[str], batch_size: int) -> NDArray[np.float64]:
        """Return true vectors, float64 of shape (len(texts), 256)."""
        del batch_size
        return np.asarray(self._side.respond(list(texts)), np.float64)


def text_of_length(tokens: int) -> str:
    """Return a text of as many tokens, for its check of lengths."""
    seed = "parity probes repeat the same words one two three four five six seven "
    text, tokenizer = seed * (tokens // 6 + 1), embedder()._tokenizer  # noqa: SLF001 - the one that the vectors come from
    found = tokenizer.encode(text, add_special_tokens=False)
    return text[: found.offsets[tokens - 1][1]]


def corpus(theirs: Sequence[str]) -> list[str]:
    """Return 200 texts: embed-parity's own, then hazards of this project; the blanks in the last request."""
    hazards = [sample.text for sample in hazard_samples([ALL], salt="rival")]
    fit = [text for text in hazards if _encodable(text)]  # embed-parity has no way to send the others
    every = list(dict.fromkeys([*theirs, *fit]))
    blank = [text for text in every if not text.strip()][:3]
    filled = [text for text in every if text.strip()]
    own = [text for text in theirs if text.strip()]
    more = filled[len(own) :]
    spread = [
        more[place * len(more) // (TEXTS - len(blank) - len(own))] for place in range(TEXTS - len(blank) - len(own))
    ]
    plain = [*own, *spread]
    return [*plain[:PLAIN], *blank, *plain[PLAIN:]]


def _encodable(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def one_of(fault: Fault, texts: Sequence[str]) -> frozenset[str] | None:
    """Return the text to hit where one in 200 is hit, in the middle of those that the fault changes, if any."""
    if fault.name in WHOLE_ONLY:
        return None
    if fault.name in IN_PAIRS:
        return frozenset(texts[100:102])
    if fault.name == "shift-after-blank":
        return frozenset(text for text in texts if not text.strip())
    if fault.name == "drop-row":
        return frozenset((texts[4 * BATCH - 1],))
    changed = [text for text in texts[:PLAIN] if _changes(fault, text)]
    place = -1 if fault.name == "history" else len(changed) // 2  # the last one comes after long texts
    return frozenset((changed[place],)) if changed else None


def _changes(fault: Fault, text: str) -> bool:
    """Say whether a fault changes the vector of a text that was sent before, in a large request after a long text."""
    side = FaultySide(fault, frozenset((text,)))
    crowd = [*(f"crowd {number}" for number in range(BATCH - 1)), text]
    side.respond(["long " * 200, text])
    side.reached = 0
    side.respond(crowd, 4)
    return bool(side.reached)


def judge_theirs(package: Any, fault: Fault | None, hit: frozenset[str] | None, texts: Sequence[str]) -> ToolResult:
    """Let embed-parity judge a side, through its own client, with its own defaults, as its command line does."""
    side = FaultySide(fault, hit)
    client = httpx.Client(transport=httpx.MockTransport(side.over_http))
    probes = [package.probes.Probe(f"p{place:03d}", "shared", text) for place, text in enumerate(texts)]
    with contextlib.closing(client):
        try:
            backend = package.tei.TEIBackend("http://tei.invalid", client=client, retry_backoff=0.0)
            report = package.compare.compare_backends(
                MODEL, Reference(), backend, probes, length_factory=text_of_length, concurrent_requests=4
            )
        except Exception as error:  # noqa: BLE001 - its command line turns every one into exit code 2
            return ToolResult("exit 2", str(error).split("(")[0][:80], alarm=True, reached=bool(side.reached))
    codes = ", ".join(finding["code"] for finding in report["diagnostics"])
    passed = bool(report["passed"])
    return ToolResult(
        "exit 0" if passed else "exit 1", codes or _failed(report), alarm=not passed, reached=bool(side.reached)
    )


def _failed(report: Any) -> str:
    """Name the gates of a report that did not hold, where it diagnoses nothing."""
    limits, vector = report["thresholds"], report["vector"]
    if vector is None or report["passed"]:
        return ""
    gates = {
        "mean cosine": vector["mean"] >= limits["vector_mean"],
        "minimum cosine": vector["minimum"] >= limits["vector_min"],
        "geometry": report["geometry"]["spearman"] >= limits["geometry_spearman"]
        and report["geometry"]["mean_absolute_difference"] <= limits["geometry_mae"],
        "neighbours": all(
            report["neighbors"][f"top_{k}_overlap"] >= limits[f"top{k}_{'agreement' if k == 1 else 'overlap'}"]
            for k in (1, 5, 10)
        ),
        "lengths": not report["length_analysis"] or report["length_analysis"]["passed"],
    }
    return "gates: " + ", ".join(name for name, held in gates.items() if not held)


def judge_ours(fault: Fault | None, hit: frozenset[str] | None, texts: Sequence[str]) -> ToolResult:
    """Judge a side with this project, by all steps of a run with their defaults."""
    faulty = FaultySide(fault, hit)
    gateways = {Side.LEGACY: gateway_of(FaultySide(), Side.LEGACY), Side.CANDIDATE: gateway_of(faulty, Side.CANDIDATE)}
    block = block_of(texts, ["shared"] * len(texts))
    with TemporaryDirectory() as folder:
        # TEI serves one model, so there is no other one to compare a wrong vector with
        run = replace(context_for(Path(folder), block, gateways), models=(MODEL,))
        try:
            verdict = run_partition(run, DAY, MODEL, run_id="rival")
        except ParityError as error:
            return ToolResult("exit 2", f"{error.problem[:80]} …", alarm=True, reached=bool(faulty.reached))
    alarm = verdict.decision not in PASSING
    why = next(_reported(verdict, alarm=alarm), "")
    return ToolResult(verdict.decision.value, why, alarm=alarm, reached=bool(faulty.reached))


def _reported(verdict: Verdict, *, alarm: bool) -> Iterator[str]:
    """Yield what a verdict reports: the reasons of an alarm, findings, failed requests, and norms that differ."""
    if alarm:
        yield from verdict.reasons
    yield from verdict.findings
    if errors := verdict.candidate.provenance.errors_by_kind:
        yield "requests that failed: " + ", ".join(f"{kind} {count}" for kind, count in errors.items())
    if verdict.norms_differ:
        yield f"{verdict.norms_differ} of {verdict.counts.samples} norms differ"


def lines(package: Any, texts: Sequence[str]) -> Iterator[Line]:
    """Yield the clean side, then each fault at full rate and for one text in 200."""
    yield Line("none", "-", judge_theirs(package, None, None, texts), judge_ours(None, None, texts))
    for fault in FAULTS:
        yield Line(fault.name, "all", judge_theirs(package, fault, None, texts), judge_ours(fault, None, texts))
        if hit := one_of(fault, texts):
            rate = f"{len(hit)} in {TEXTS}"
            yield Line(fault.name, rate, judge_theirs(package, fault, hit, texts), judge_ours(fault, hit, texts))


@dataclass(frozen=True, slots=True)
class Package:
    """The modules of embed-parity that are called."""

    version: str
    compare: Any
    probes: Any
    tei: Any


def package_here() -> Package | None:
    """Return embed-parity where this interpreter finds it."""
    try:
        names = ("compare", "probes", "backends.tei")
        found = [importlib.import_module(f"embed_parity.{name}") for name in names]
        version = importlib.import_module("embed_parity").__version__
    except ImportError:
        return None
    return Package(version, *found)


def main(show: Callable[[str], None] = print) -> None:
    """Judge, print the page, and write it to a file if one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="also write the page to this file")
    into: Path | None = parser.parse_args().write
    if (package := package_here()) is None:
        sys.exit(INSTALL)
    texts = corpus([probe.text for probe in package.probes.built_in_probes()])
    # the day is the page's own: it says when these were the figures
    written = page(list(lines(package, texts)), package.version, date.today().isoformat(), len(texts))  # noqa: DTZ011 - likewise
    text = "\n".join(written).rstrip() + "\n"
    show(text)
    if into:
        into.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
