"""Verdicts with all kinds of evidence: floors, stability, waivers, random draws, causes, collisions.

Here belong whole verdicts for golden files. The rows and the factory belong to `verdicts`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from parity_pipeline.core.collisions import Collision, OneSided
from parity_pipeline.core.diagnosis.records import Cause, CauseName, Confidence, Diagnosis, Evidence
from parity_pipeline.core.measures import Measure, Thresholds
from parity_pipeline.core.noise_floor import NoiseFloor, NoiseFloors
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.power.records import FaultResult, Power, SimulatedFault
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.records import (
    Defect,
    DefectKind,
    ExperimentResult,
    Finding,
    Stability,
    StabilityOfSides,
)
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.waivers import Waiver, account_for
from parity_pipeline_tests.report.verdicts import DATE, SEED, V1, V2, Row, unmeasured, verdict_of

DAY = date.fromisoformat(DATE)
_EXPERIMENTS = ("repeats", "batch-sizes", "shuffled", "concurrency", "equal-length-load", "canaries", "salted")


def floor(side: Side, worst: float, **by_experiment: float) -> NoiseFloor:
    """Return a floor whose worst pair came from the batch of 32."""
    named = {"repeat": 0.0, "batch of 32": worst, **by_experiment}
    where = {"worst_sample": sample_id("hello"), "worst_experiment": "batch of 32"} if worst else {}
    return NoiseFloor(side=side, worst=worst, by_experiment=named, samples=8, requests=60, **where)


def stability(side: Side, noise: NoiseFloor, *tried: ExperimentResult, **more: Any) -> Stability:
    """Return a side's stability: the given experiments, all others without any difference."""
    given = {one.name: one for one in tried}
    still = {
        name: ExperimentResult(name=name, worst=0.0, by_label={}, identical=8, rows=8, requests=8)
        for name in _EXPERIMENTS
    }
    every = tuple(given.get(name, still[name]) for name in _EXPERIMENTS)
    return Stability(
        side=side,
        threshold=0.999,
        experiments=every,
        floor=noise,
        findings=more.get("findings", ()),
        notes=more.get("notes", ()),
        texts={sample_id("hello"): "sample"},
        requests=60,
    )


def tried(name: str, worst: float, label: str, **more: Any) -> ExperimentResult:
    """Return an experiment of eight rows with this worst pair."""
    return ExperimentResult(
        name=name, worst=worst, label=label, level=32, by_label={label: worst}, rows=8, requests=8, **more
    )


def cause(name: CauseName, words: str, samples: Sequence[str], **more: Any) -> Cause:
    """Return a cause of samples given by text; its cases, confidence and evidence may be given."""
    ids = tuple(sample_id(text) for text in samples)
    usual: dict[str, Any] = {"confidence": Confidence.PROVEN, "count": len(ids), "evidence": (), "cases": ()}
    return Cause(name=name, words=words, samples=ids, **{**usual, **more})


def diagnosis(causes: Sequence[Cause], failing: int, unexplained: Sequence[str] = (), **more: Any) -> Diagnosis:
    """Return a diagnosis."""
    return Diagnosis(
        causes=tuple(causes),
        remarks=tuple(more.get("remarks", ())),
        failing=failing,
        explained=failing - len(unexplained),
        unexplained=tuple(sample_id(text) for text in unexplained),
        requests_used=more.get("requests_used", 0),
        failing_looked_at=failing,
        looked_at=more.get("looked_at", 200),
        collisions=more.get("collisions", ()),
    )


def waiver(name: str, **more: Any) -> Waiver:
    """Return a waiver that holds on the date of these verdicts."""
    usual: dict[str, Any] = {"owner": "team:search", "reason": "known", "max_samples": 3, "expires": date(2026, 6, 30)}
    return Waiver(id=name, **{**usual, **more})


def _fault(name: str, words: str, result: FaultResult, why: str, *, assumed: bool = False) -> SimulatedFault:
    return SimulatedFault(name=name, words=words, result=result, why=why, assumed=assumed)


POWER = Power(
    caught=2,
    unsure=1,
    simulated=5,
    looked_at=2_048,
    samples=60_000,
    faults=(
        _fault("shift", "rows shifted by one", FaultResult.CAUGHT, "cosine"),
        _fault("one-in-500", "one row in 500 that of another text", FaultResult.UNSURE, "a probability of 63 %"),
        _fault("int8", "vectors rounded to int8", FaultResult.MISSED, "it stays within every limit"),
        _fault("lower-case", "capitals folded", FaultResult.CAUGHT, "cosine", assumed=True),
        _fault("unicode-nfc", "characters composed (NFC)", FaultResult.MISSED, "no sample has a decomposed character"),
    ),
)


def measured_pass() -> Verdict:
    """Return a PASS of picked and randomly drawn samples, the repeatability of both sides measured, faults simulated."""
    equal = [replace(row, norms=(1.0, 1.0)) for row in SEED]
    drawn = [Row(text=f"drawn {place}", category="traffic", norms=(1.0, 1.0), drawn=1) for place in range(40)]
    ask = [Row(text=f"ask {place}", category="questions|`x`", norms=(1.0, 1.0), drawn=1) for place in range(10)]
    probes = [Row(text=f"Probe {place}", category="hazard/case-pairs", norms=(1.0, 1.0)) for place in range(4)]
    old, new = floor(Side.LEGACY, 5e-7), floor(Side.CANDIDATE, 0.0)
    sides = StabilityOfSides(
        legacy=stability(Side.LEGACY, old, tried("batch-sizes", 5e-7, "batch of 32")),
        candidate=stability(Side.CANDIDATE, new, notes=("salted: the budget of 60 requests was used up",)),
    )
    verdict = verdict_of(
        [*equal, *drawn, *ask, *probes],
        floors=NoiseFloors(legacy=old, candidate=new),
        stability=sides,
    )
    return replace(verdict, power=POWER)


def waived_pass() -> Verdict:
    """Return a PASS WITH WAIVERS: two mismatches and a refusal, by two waivers, and one that nothing needs."""
    drawn = [replace(row, drawn=1, norms=(1.0, 1.0)) for row in SEED]
    rows = [
        *drawn,
        Row(text="fp16 one", outcome=Outcome.MISMATCH, cosine=0.9985, norms=(1.0, 1.0), drawn=1),
        Row(text="fp16 two", outcome=Outcome.MISMATCH, cosine=0.9987, norms=(1.0, 1.0)),
        unmeasured(" ", Outcome.REFUSED_BY_CANDIDATE, "candidate", dimensions=(768, 0), errors=(None, "HTTP 400")),
    ]
    waivers = [
        waiver("EMB-17 | half precision", measures={Measure.COSINE: 0.998}),
        waiver("EMB-18", outcomes=(Outcome.REFUSED_BY_CANDIDATE,), max_samples=1),
        waiver("EMB-19", outcomes=(Outcome.ZERO_NORM,)),
    ]
    causes = (
        cause(CauseName.PRECISION, "2 samples fit vectors in half precision", ["fp16 one", "fp16 two"], cases=(30,)),
        cause(CauseName.REFUSED, "the candidate refuses 1 text that the legacy side embeds", [" "], cases=(19, 22)),
    )
    account = account_for(waivers, model=V2, day=DAY, today=DAY)
    return verdict_of(rows, waivers=account, diagnosis=diagnosis(causes, 3))


def two_causes() -> Verdict:
    """Return a FAIL with two causes and an unknown, waivers used, too small and expired, and an unstable candidate."""
    swapped, cut = [f"swapped {place}" for place in range(14)], [f"long text {place}" for place in range(3)]
    rows = [Row(text=text, outcome=Outcome.MISMATCH, cosine=0.41 + at / 100) for at, text in enumerate(swapped)]
    rows += [Row(text=text, category="long", outcome=Outcome.MISMATCH, cosine=0.93) for text in cut]
    rows += [Row(text="nobody knows", outcome=Outcome.MISMATCH, cosine=0.97)]
    rows += [Row(text="known", category="emoji", outcome=Outcome.MISMATCH, cosine=0.95)]
    rows += [Row(text=f"late {at}", category="old", outcome=Outcome.MISMATCH, cosine=0.99) for at in range(2)]
    rows += [Row(text=f"fine {at}", category="traffic", drawn=1) for at in range(60)]
    waivers = [
        waiver("EMB-20", categories=("emoji",), outcomes=(Outcome.MISMATCH,)),
        waiver("EMB-21", categories=("old",), outcomes=(Outcome.MISMATCH,), max_samples=1),
        waiver("EMB-9", categories=("long",), outcomes=(Outcome.MISMATCH,), expires=date(2026, 4, 1)),
    ]
    old, new = floor(Side.LEGACY, 2e-7), floor(Side.CANDIDATE, 0.31)
    words = "2 | of 8 rows hold another text's vector; **server**: <busy>"
    fault = Defect(
        kind=DefectKind.SWAPPED,
        label="concurrency 8",
        words=words,
        count=2,
        samples=(sample_id("hello"),),
        cases=(1, 3),
    )
    batch = tried("batch-sizes", 0.31, "batch of 32", affected=(sample_id("hello"),), affected_texts=1)
    sides = StabilityOfSides(
        legacy=stability(Side.LEGACY, old, tried("batch-sizes", 2e-7, "batch of 32")),
        candidate=stability(
            Side.CANDIDATE,
            new,
            batch,
            tried("concurrency", 0.28, "concurrency 8", affected_texts=2, faults=(fault,)),
            findings=(
                Finding("batch-sizes", "the candidate side changes with the size of a request: 1 - cosine up to 0.31"),
            ),
        ),
    )
    return verdict_of(
        rows,
        thresholds=Thresholds(max_abs_delta_unit=0.05),
        floors=NoiseFloors(legacy=old, candidate=new),
        waivers=account_for(waivers, model=V2, day=DAY, today=DAY),
        stability=sides,
        required_bound=0.01,
        diagnosis=_two(swapped, cut),
    )


def _two(swapped: Sequence[str], cut: Sequence[str]) -> Diagnosis:
    tried_order = "the legacy vector of the next text of its request"
    order = [Evidence(sample=sample_id(text), tried=tried_order, before=0.41, after=0.99999) for text in swapped[:3]]
    end = "the text cut after 512 tokens | `asked again`"
    length = [Evidence(sample=sample_id(text), tried=end, before=0.93, after=0.999991) for text in cut]
    causes = (
        cause(
            CauseName.PERMUTED_ROWS,
            f"14 rows of 1 request hold each other's vectors, as {V1}|<b>v1</b> of the candidate side would",
            swapped,
            evidence=tuple(order),
            cases=(1, 3),
        ),
        cause(
            CauseName.TRUNCATION,
            "3 texts of more than 512 tokens are cut by the candidate",
            cut,
            evidence=tuple(length),
            cases=(10,),
            confidence=Confidence.LIKELY,
        ),
    )
    raw = "60 of 60 samples of equal direction have norms that differ by one factor of 13.44: legacy unit vectors, candidate raw, 13.44 to 13.44"
    observation = cause(CauseName.NORMALISATION, raw, ["fine 1"], cases=(7,))
    groups = (Collision(ids=tuple(map(sample_id, cut)), size=3, apart=3),)
    return diagnosis(
        causes,
        21,
        ["nobody knows", "known", "late 0", "late 1"],
        remarks=(observation,),
        requests_used=9,
        collisions=(OneSided(side=Side.CANDIDATE, groups=1, pairs=3, listed=groups),),
    )
