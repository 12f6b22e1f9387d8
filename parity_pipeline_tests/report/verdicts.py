"""Verdicts for the report's tests: built by the real core from fixed numbers.

Here belong the small factories. Nothing in here is measured: a golden file must not depend on a machine's arithmetic.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity_pipeline.core.canaries import CanaryRecord
from parity_pipeline.core.limits import HEAD_CHARACTERS
from parity_pipeline.core.measures import ComparedRows, Thresholds
from parity_pipeline.core.noise_floor import NoiseFloors
from parity_pipeline.core.outcomes import GRADED, Outcome, RowStatus, Side
from parity_pipeline.core.provenance import ComparisonSummary, Provenance, SampleSetIdentity
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_builder import build_verdict
from parity_pipeline.core.waivers import WaiverAccount
from parity_pipeline.core.wire_drift import WireObservation

V1, V2 = "nomic-embed-text", "nomic-embed-text-v2-moe"
DATE = "2026-04-30"
HASH = "9f2c" * 16


@dataclass(frozen=True, kw_only=True)
class Row:
    """One compared sample, with the numbers of a match in unit and raw norms unless given otherwise."""

    text: str
    outcome: Outcome = Outcome.MATCH
    side: str | None = None
    category: str = "seed"
    dimensions: tuple[int, int] = (768, 768)
    cosine: float = 0.9999999999999998
    norms: tuple[float, float] = (1.0, 13.441846)
    delta: float = 3.40106
    delta_unit: float = 3.1e-8
    identical: bool = False
    errors: tuple[str | None, str | None] = (None, None)
    drawn: int = 0


def unmeasured(text: str, outcome: Outcome, side: str | None, **more: Any) -> Row:
    """Return a sample without a cosine."""
    nan = float("nan")
    return replace(
        Row(text=text, outcome=outcome, side=side, cosine=nan, norms=(nan, nan), delta=nan, delta_unit=nan), **more
    )


def compared(rows: Sequence[Row]) -> ComparedRows:
    """Return the rows as the core hands them on."""
    norms = np.array([row.norms for row in rows]).reshape(-1, 2)
    dimensions = np.array([row.dimensions for row in rows], np.int32).reshape(-1, 2)
    return ComparedRows(
        start=0,
        ids=[sample_id(row.text) for row in rows],
        categories=[row.category for row in rows],
        heads=[row.text[:HEAD_CHARACTERS] for row in rows],
        outcomes=[Outcome.COMPARED if row.outcome in GRADED else row.outcome for row in rows],
        sides=[row.side for row in rows],
        legacy_dimension=dimensions[:, 0],
        candidate_dimension=dimensions[:, 1],
        cosine=np.array([row.cosine for row in rows]),
        legacy_norm=norms[:, 0],
        candidate_norm=norms[:, 1],
        norm_ratio=np.array([two / one if one else np.nan for one, two in norms.tolist()]),
        max_abs_delta=np.array([row.delta for row in rows]),
        max_abs_delta_unit=np.array([row.delta_unit for row in rows]),
        identical=np.array([row.identical for row in rows], np.bool_),
        legacy_errors=[row.errors[0] for row in rows],
        candidate_errors=[row.errors[1] for row in rows],
        drawn=np.array([row.drawn for row in rows], np.int32),
    )


def provenance(side: Side, *, model: str = V2, samples: int = 5, date: str = DATE, **more: Any) -> Provenance:
    """Return the provenance of the Rust or the Go gateway."""
    rust = side is Side.LEGACY
    observation = WireObservation(
        method_and_path="POST /ai/embed" if rust else "POST /v1/embed",
        request_fields=("model", "texts"),
        response_fields=(
            ("dimensions: number", "embeddings: array of array of number", "model: string")
            if rust
            else ("dimension: number", "model: string", "vectors: array of array of number")
        ),
        number_format="float64 digits" if rust else "float32 digits",
        dimension=768,
        declared_dimension=768,
        default_model=V1 if rust else V2,
    )
    known = Provenance(
        side=side,
        label="Rust gateway" if rust else "Go gateway",
        url="http://127.0.0.1:3100" if rust else "http://127.0.0.1:3110",
        dialect="rust" if rust else "go",
        date=date,
        model=model,
        model_asked=model,
        models_echoed={model: samples},
        server_headers={"server": "axum"} if rust else {},
        sample_set_hash=HASH,
        samples=samples,
        settings_hash="0" * 64,
        package_version="0.1.0",
        fetched_from=f"{date}T06:00:10.250000+00:00",
        fetched_to=f"{date}T06:00:{'11' if rust else '12'}.500000+00:00",
        requests=1,
        retries=0,
        latency_ms={"p50": 21.4, "p95": 33.04, "p99": 40.9, "max": 1203.6} if rust else {"p50": 18.0, "max": 25.25},
        status_counts={status.value: samples if status is RowStatus.OK else 0 for status in RowStatus},
        observation=observation,
        canaries=CanaryRecord(sent=3, compared=2, lowest=1.0),
    )
    return replace(known, **more)


def verdict_of(
    rows: Sequence[Row],
    *,
    model: str = V2,
    date: str = DATE,
    thresholds: Thresholds | None = None,
    faults: Sequence[str] = (),
    sides: tuple[Provenance, Provenance] | None = None,
    samples: int | None = None,
    floors: NoiseFloors | None = None,
    waivers: WaiverAccount | None = None,
    **concluding: Any,
) -> Verdict:
    """Return the verdict of the real core on these rows.

    `concluding` goes to `build_verdict`: `required_bound`, `diagnosis`, `stability`.
    """
    tally = Tally(thresholds or Thresholds(), floors=floors or NoiseFloors(), waivers=waivers or WaiverAccount())
    if rows:
        tally.add(compared(rows))
    size = len(rows) if samples is None else samples
    legacy, candidate = (provenance(side, model=model, samples=size, date=date) for side in Side)
    identity = SampleSetIdentity(hash=HASH, samples=size, duplicates_dropped=1, sources=("data/samples/seed.txt",))
    return build_verdict(
        tally,
        ComparisonSummary().header(identity, sides or (legacy, candidate), tuple(faults)),
        endpoint="embed",
        date=date,
        model=model,
        package_version="0.1.0",
        **concluding,
    )


def with_side(verdict: Verdict, side: Side, **changes: Any) -> Verdict:
    """Return a verdict in which fields of one side's evidence differ."""
    return replace(verdict, **{side.value: replace(verdict.side(side), **changes)})


def with_provenance(verdict: Verdict, side: Side, **changes: Any) -> Verdict:
    """Return a verdict in which fields of one side's provenance differ."""
    return with_side(verdict, side, provenance=replace(verdict.side(side).provenance, **changes))


SEED = (
    Row(text="hello", norms=(1.0, 13.441846), delta=3.401060, delta_unit=3.1e-8),
    Row(text="forklift operator with OSHA cert", norms=(1.0, 13.752762), delta=1.640122, delta_unit=2.9e-8),
    Row(text="Need 5 production workers in Aurora IL for …", norms=(1.0, 13.882167), delta=1.529343),
    Row(text="résumé: 12 yrs warehouse — pick/pack", norms=(1.0, 12.507687), delta=1.533719),
    Row(text="Q: who's available next Friday? A: Bob, …", norms=(1.0, 13.978468), delta=1.829930),
)
"""The five seed samples with the norms and deltas of the first report of 2026-04-30."""

HOSTILE = (
    "a | b || c \\| d",
    "```\n# Heading\n```",
    "<script>alert('x')</script>",
    "[click](http://evil.example) ![i](x)",
    "\u202eright to left\u202c and zero\u200bwidth",
    "lone \ud800 surrogate",
    "tab\tand\r\nnew line\x00\x1b[31m",
    "",
    "   ",
    "`",
    "&lt;b&gt; &#124; **bold** _it_ ~~gone~~ $x$",
)
"""Texts that would break out of a table cell, a code span or a line, or hide what they are."""


def mixed() -> Verdict:
    """Return a FAIL of 70 samples of every outcome, hostile texts and server words among them."""
    lost = "HTTP 503 after 4 attempts: <html><b>upstream | down</b>\n</html>"
    no = "HTTP 400: `text` must not be blank | [see](http://docs.example)"
    rows = [Row(text=text, category="hostile|`x`", cosine=0.98 - place / 100) for place, text in enumerate(HOSTILE)]
    rows = [replace(row, outcome=Outcome.MISMATCH, delta_unit=0.21) for row in rows]
    rows += [Row(text=f"just below {place}", outcome=Outcome.MISMATCH, cosine=0.9989999999) for place in range(2)]
    rows += [unmeasured("short", Outcome.DIMENSION_MISMATCH, "both", dimensions=(768, 192), norms=(1.0, 4.2))]
    rows += [unmeasured("not a number", Outcome.NON_FINITE, "candidate", norms=(1.0, float("nan")))]
    rows += [unmeasured("nothing", Outcome.ZERO_NORM, "both", norms=(0.0, 0.0))]
    refused = {"dimensions": (768, 0), "errors": (None, no)}
    rows += [unmeasured(f"refused {place}", Outcome.REFUSED_BY_CANDIDATE, "candidate", **refused) for place in range(3)]
    rows += [unmeasured("no", Outcome.REFUSED_BY_BOTH, "both", dimensions=(0, 0), errors=("HTTP 400: blank", no))]
    gone = {"dimensions": (768, 0), "errors": (None, lost)}
    rows += [unmeasured(f"lost {place}", Outcome.MISSING, "candidate", **gone) for place in range(4)]
    rows += [Row(text=f"fine {place}", category="traffic", norms=(1.0, 1.0), delta=2e-8) for place in range(46)]
    counts = {"ok": len(rows) - 8, "refused": 4, "failed": 4, "malformed": 0}
    candidate = provenance(
        Side.CANDIDATE,
        samples=len(rows),
        label="Go | gateway <new>",
        models_echoed={V2: 60, "": 2},
        server_headers={"server": "nginx`1`", "via": "1.1 a|b"},
        status_counts=counts,
        requests=12,
        retries=9,
        errors_by_kind={"timeout": 3, "HTTP 503": 6},
        usage={"prompt_tokens": 1234567},
    )
    return verdict_of(rows, sides=(provenance(Side.LEGACY, samples=len(rows)), candidate))


def unpaired() -> Verdict:
    """Return an INCONCLUSIVE without rows: the candidate was fetched for another sample set."""
    fault = (
        "candidate was fetched for sample set 111111111111 while the snapshot is 9f2c9f2c9f2c: "
        "materialize candidate/embeddings again"
    )
    return verdict_of((), faults=(fault,), samples=5)
