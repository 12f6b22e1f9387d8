"""A reproduced difference as one Python file that needs nothing but Python: both requests, the limits, the comparison.

Here belongs that file. What the checks of all probes share belongs to `check_source`. Its comparison follows `core.compare` and
`core.measures`, as a test shows.
"""

import math
from collections.abc import Collection
from dataclasses import asdict
from typing import Any, Final

from parity_pipeline.core.outcomes import Severity
from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.check_source import filled, refusals


def render_check(verdict: Verdict, reproduction: Reproduction, refusing: Collection[int]) -> str:
    """Return the source of the check of a reproduced sample, as ASCII that ends in a newline.

    The same arguments give the same bytes.

    Args:
        verdict: The verdict, for its limits and its noise floors.
        reproduction: What was found; one with requests.
        refusing: HTTP statuses that are a definite no to a text.
    """
    noise = verdict.floors.explained_from
    facts: dict[str, Any] = {
        "date": verdict.date,
        "model": verdict.model,
        "limits": {one.measure.value: one.limit for one in verdict.measures if one.severity is Severity.FAIL},
        "noise": noise if math.isfinite(noise) else None,
        **refusals(refusing),
        "sides": [asdict(one) for one in reproduction.requests],
    }
    return filled(_SOURCE, facts)


_SOURCE: Final = r'''#!/usr/bin/env python3
"""Send the smallest request that still fails to both sides, and compare the two vectors.

Exit codes: 0 they are equal within the limits, 1 they differ, 2 it could not be found out. Nothing but Python is needed.
Tokens come from the environment variables that the settings name; of further headers of the settings, such as
`x-key` of the candidate, the values come from CANDIDATE_X_KEY.
"""

import array
import base64
import concurrent.futures
import json
import math
import os
import re
import sys
import urllib.error
import urllib.request

FACTS = json.loads(
@FACTS@
)
SECONDS = 120


class Unknown(Exception):
    """It could not be found out whether the vectors differ."""


@SENDING@


def walk(value, path):
    for name in filter(None, path.split(".")):
        if not isinstance(value, dict) or name not in value:
            raise Unknown(f"the response has no field {ascii(name)}")
        value = value[name]
    return value


def numbers(row, is_base64):
    """Return a vector as float32, as it was compared; null is not a number."""
    vector = array.array("f")
    if is_base64:
        vector.frombytes(base64.b64decode(row, validate=True))
        if sys.byteorder == "big":
            vector.byteswap()
    else:
        vector.extend(math.nan if value is None else value for value in row)
    if not vector:
        raise Unknown("a vector without numbers")
    return list(vector)


def vector_in(side, content):
    """Return the vector of the text in a response."""
    outer, mark, inner = side["vectors_field"].partition("[]")
    inner, place = inner.strip("."), side["place"]
    rows = walk(json.loads(content), outer)
    if side["one_text"] and not inner and not (rows and isinstance(rows[0], list)):
        rows = [rows]
    if not isinstance(rows, list) or len(rows) != side["texts"]:
        raise Unknown(f"the response does not hold one vector per text ({side['texts']})")
    if inner:
        if side["order_field"]:
            order = side["order_field"].partition("[]")[2].strip(".")
            place = [walk(row, order) for row in rows].index(place)
        rows = [walk(row, inner) for row in rows]
    return numbers(rows[place], side["base64"])


@REFUSAL@


def result_of(side):
    """Return the vector of a side; None where it refuses the text. Requests beside it are in flight at the same time."""
    bodies = [side["body"], *side["beside"]]
    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
        sent = [pool.submit(send, side, body) for body in bodies]
        status, content = sent[0].result()
    if status == 200:
        return vector_in(side, content)
    if is_refusal(status) and side["texts"] == 1:
        return None
    raise unexpected(side, status, content)


def measures_of(legacy, candidate, norms):
    pairs = list(zip(legacy, candidate))
    dot = math.fsum(one * two for one, two in pairs)
    delta = max(abs(one - two) for one, two in pairs)
    cosine = 1.0 if legacy == candidate else max(-1.0, min(1.0, dot / (norms[0] * norms[1])))
    return {
        "cosine": cosine,
        "norm_ratio": abs(norms[1] / norms[0] - 1),
        "max_abs_delta_unit": max(abs(one / norms[0] - two / norms[1]) for one, two in pairs),
        "max_abs_delta": delta,
        "max_abs_delta_relative": delta / norms[0],
    }


def norm_of(vector):
    return math.sqrt(math.fsum(value * value for value in vector)) if all(map(math.isfinite, vector)) else math.nan


def odd_vectors(norms):
    """Return what is odd about one of the vectors; "" for nothing.

    Raises Unknown where both are odd alike, which proves nothing.
    """
    for words, flags in (
        ("is not finite", [math.isnan(norm) for norm in norms]),
        ("is zero", [norm == 0 for norm in norms]),
    ):
        if all(flags):
            raise Unknown(f"the vector of either side {words}")
        if any(flags):
            return f"the vector of the {FACTS['sides'][flags.index(True)]['side']} side {words}"
    return ""


def is_within(name, value, limit):
    return value >= limit if name == "cosine" else value <= limit


def difference(legacy, candidate):
    """Return in words how the results differ; "" where they are equal within the limits."""
    if legacy is None or candidate is None:
        side = "legacy" if legacy is None else "candidate"
        return "" if legacy is candidate else f"the {side} side refuses the text"
    if len(legacy) != len(candidate):
        return f"{len(legacy)} against {len(candidate)} dimensions"
    norms = [norm_of(vector) for vector in (legacy, candidate)]
    if odd := odd_vectors(norms):
        return odd
    found = measures_of(legacy, candidate, norms)
    print(", ".join(f"{name} {value:.9g}" for name, value in found.items()))
    limits = FACTS["limits"]
    off = [name for name in limits if not is_within(name, found[name], limits[name])]
    if off == ["cosine"] and FACTS["noise"] is not None and found["cosine"] >= FACTS["noise"]:
        return ""
    return "; ".join(f"{name} {found[name]:.9g}, limit {limits[name]:.9g}" for name in off)


def main():
    try:
        words = difference(*(result_of(side) for side in FACTS["sides"]))
    except Exception as error:
        print(f"could not be found out: {ascii(str(error) or type(error).__name__)}", file=sys.stderr)
        return 2
    print(f"differs: {words}" if words else "equal within the limits")
    return 1 if words else 0


if __name__ == "__main__":
    sys.exit(main())
'''
