"""The rules that a verdict was given under: every limit and every severity that settings may change, beside its default.

Here belong the rules of both probes as comparable records. What a limit means belongs to `measures` and `retrieval.bands`,
what a check means to `checks`; comparing the rules of two verdicts to `verdict_changes`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, TypeAlias

from parity_pipeline.core.checks import Check, CheckSeverity
from parity_pipeline.core.limits import MIN_COMPARED_SHARE
from parity_pipeline.core.measures import Measure, Thresholds
from parity_pipeline.core.number_format import limit_text, percent
from parity_pipeline.core.outcomes import Severity
from parity_pipeline.core.retrieval.bands import AT_LEAST, QUERY_LIMITS, SET_LIMITS, Limits, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.checks import RetrievalCheck
from parity_pipeline.core.retrieval.outcomes import Band
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict

AnyVerdict: TypeAlias = Verdict | RetrievalVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a judgement.

    Attributes:
        name: What it limits, such as `cosine` or `check missing`; unique within a probe.
        text: What it demands, such as `≥ 0.9990`, or what happens where it is not met.
        strictness: Orders the rules of one name: with a larger number less passes. It has no unit.
        default_text: What holds where a verdict has no rule of that name; "" for nothing.
        default_strictness: How strict that is.
    """

    name: str
    text: str
    strictness: float
    default_text: str = ""
    default_strictness: float = -math.inf


_WEIGHT: Final[Mapping[str, float]] = {
    CheckSeverity.WARN: 0.0,
    CheckSeverity.INCONCLUSIVE: 1.0,
    CheckSeverity.FAIL: 2.0,
}
_NEVER: Final = 1e300
"""A limit that no value is beyond."""


def rules_of(verdict: AnyVerdict) -> tuple[Rule, ...]:
    """Return the rules that a verdict was given under, as far as it holds them.

    A check has a rule where settings changed its severity; every other check has the one that its evidence gives it.
    """
    of_probe = _bands(verdict) if isinstance(verdict, RetrievalVerdict) else _limits(verdict)
    required = verdict.random.required_bound
    proof = [] if required is None else [Rule(name=_BOUND, text=f"at most {percent(required)}", strictness=-required)]
    least = [] if verdict.min_compared_share is None else [_share(verdict.min_compared_share)]
    changed = (_severity(one, one.severity, one.by_default) for one in verdict.checks if one.by_default)
    return (*of_probe, *least, *proof, *changed)


def default_rules_of(verdict: AnyVerdict) -> tuple[Rule, ...]:
    """Return the rules that the same verdict would have been given under without any setting of them."""
    of_probe = _default_bands(verdict) if isinstance(verdict, RetrievalVerdict) else _default_limits()
    least = [] if verdict.min_compared_share is None else [_share(MIN_COMPARED_SHARE)]
    unchanged = (_severity(one, one.by_default, one.by_default) for one in verdict.checks if one.by_default)
    return (*of_probe, *least, *unchanged)


_BOUND: Final = "required bound"


@lru_cache(maxsize=256)
def _share(least: float) -> Rule:
    return Rule(
        name="share that is compared",
        text=_share_text(least),
        strictness=least,
        default_text=_share_text(MIN_COMPARED_SHARE),
        default_strictness=MIN_COMPARED_SHARE,
    )


def _share_text(least: float) -> str:
    return f"≥ {least * 100:g} %"


def _severity(one: Check | RetrievalCheck, severity: CheckSeverity, default: CheckSeverity) -> Rule:
    return Rule(
        name=f"check {one.name.value}",
        text=severity.value,
        strictness=_WEIGHT[severity],
        default_text=default.value,
        default_strictness=_WEIGHT[default],
    )


def _limits(verdict: Verdict) -> Iterator[Rule]:
    for one in verdict.measures:
        yield from _limit(one.measure, one.limit, one.severity)


@cache
def _default_limits() -> tuple[Rule, ...]:
    thresholds = Thresholds()
    limits = thresholds.limits().items()
    return tuple(rule for measure, limit in limits for rule in _limit(measure, limit, thresholds.severity(measure)))


# A summary asks for the same few limits once per verdict.
@lru_cache(maxsize=256)
def _limit(measure: Measure, limit: float, severity: Severity) -> tuple[Rule, Rule]:
    """Return two rules of a measure: its limit, and the outcome of a sample beyond it."""
    name = measure.value.replace("_", " ")
    least = measure is Measure.COSINE
    text = f"≥ {limit_text(limit)}" if least else f"≤ {limit:g}"
    return (
        Rule(name=name, text=text, strictness=limit if least else -limit),
        Rule(name=f"{name} beyond its limit", text=f"{severity.value}s", strictness=_WEIGHT[severity.value]),
    )


def _bands(verdict: RetrievalVerdict) -> Iterator[Rule]:
    for one in (*verdict.set_measures, *verdict.query_measures):
        if one.limits:
            yield from _band(one.measure, one.limits)


def _default_bands(verdict: RetrievalVerdict) -> Iterator[Rule]:
    """Yield the default limits of what the verdict measured."""
    defaults: Mapping[SetMeasure | QueryMeasure, Limits] = {**SET_LIMITS, **QUERY_LIMITS}
    for one in (*verdict.set_measures, *verdict.query_measures):
        if limits := defaults.get(one.measure):
            yield from _band(one.measure, limits)


def _band(measure: SetMeasure | QueryMeasure, limits: Limits) -> Iterator[Rule]:
    """Yield two rules of a measure: from where it passes, and from where it fails."""
    name, least = measure.value.replace("_", " "), measure in AT_LEAST
    if isinstance(measure, QueryMeasure):
        name = f"query {name}"
    for band, value in ((Band.PASS, limits.passes), (Band.FAIL, limits.fails)):
        finite = max(-_NEVER, min(_NEVER, value))
        text = _band_text(value, band, least=least)
        yield Rule(name=f"{name}, {band}", text=text, strictness=finite if least else -finite)


def _band_text(value: float, band: Band, *, least: bool) -> str:
    if abs(value) >= _NEVER:
        return "never"
    if band is Band.PASS:
        return f"{'≥' if least else '≤'} {value:g}"
    return f"{'<' if least else '>'} {value:g}"
