"""A reproduced difference of two ranked lists as one Python file that needs nothing but Python: requests, limits, comparison.

Here belongs that file. What the checks of all probes share belongs to `check_source`, comparing and grading two lists to
`plain_lists`, whose source is part of it.
"""

import inspect
from collections.abc import Collection
from dataclasses import asdict
from typing import Any, Final

from parity_pipeline.core.retrieval.bands import Bands
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.reproduction import QueryReproduction
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.report import plain_lists
from parity_pipeline.report.check_source import filled, refusals


def render_query_check(
    verdict: RetrievalVerdict,
    reproduction: QueryReproduction,
    rules: ComparisonRules,
    bands: Bands,
    refusing: Collection[int],
) -> str:
    """Return the source of the check of a reproduced query, as ASCII that ends in a newline.

    The same arguments give the same bytes.

    Args:
        verdict: The verdict.
        reproduction: What was found; one with requests.
        rules: How lists are compared.
        bands: How queries are graded.
        refusing: HTTP statuses that are a definite no to a query.
    """
    facts: dict[str, Any] = {
        "date": verdict.date,
        "corpus": verdict.corpus,
        "k": reproduction.k,
        "times": reproduction.times,
        "limits": {measure.value: [one.passes, one.fails] for measure, one in bands.query.items()},
        "near_tie": bands.near_tie,
        "band": 1 if reproduction.outcome is RetrievalOutcome.INVESTIGATE else 2,
        "tie_tolerance": rules.tie_tolerance,
        "persistence": rules.persistence,
        "comparable": rules.comparable,
        "sides": [asdict(one) for one in reproduction.requests],
        **refusals(refusing),
    }
    return filled(_SOURCE.replace("@LISTS@", _lists()), facts)


def _lists() -> str:
    """Return the definitions of `plain_lists`, without its docstring and imports."""
    source = inspect.getsource(plain_lists)
    return source[source.index("class Ranked") :].rstrip("\n")


_SOURCE: Final = r'''#!/usr/bin/env python3
"""Send the smallest query that still fails to both sides, and compare the two ranked lists.

Exit codes: 0 nothing differs beyond the limits, 1 the lists differ, 2 it could not be found out. Nothing but Python is needed.
Tokens come from the environment variables that the settings name; of further headers of the settings, such as
`x-key` of the candidate, the values come from CANDIDATE_X_KEY.
"""

from __future__ import annotations

import concurrent.futures
import json
import math
import os
import re
import sys
import urllib.error
import urllib.request
from collections import Counter
from typing import NamedTuple

FACTS = json.loads(
@FACTS@
)
SECONDS = 120
SHOWN = 100


class Unknown(Exception):
    """It could not be found out whether the lists differ."""


@SENDING@


@LISTS@


class Result(NamedTuple):
    """What a side returned: a list, or what a refusal looks like; and the mode that it reports."""

    ranked: Ranked | None
    refusal: str
    mode: str | None


def unique(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unknown("the response has an object with a field that occurs twice")
    return found


def at(value, path):
    """Return the value at a path of the response; None where there is none."""
    for name in filter(None, path.partition("[]")[0].split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def id_of(side, result):
    """Return the id of a result as it is spelled where both sides are compared."""
    fields, value = side["fields"], at(result, side["fields"]["id"])
    if type(value) not in (str, int):
        raise Unknown(f"a result has no document id at {ascii(fields['id'])}")
    corpus = at(result, fields["corpus"]) if fields["corpus"] is not None else ""
    if "{corpus}" in fields["id_template"] and not isinstance(corpus, str):
        raise Unknown(f"a result has no corpus at {ascii(fields['corpus'])}")
    ours = fields["corpora"].get(corpus, corpus) if isinstance(corpus, str) else ""
    identity = hidden(side, fields["id_template"].format(id=value, corpus=ours))
    identity = identity.encode("utf-8", "backslashreplace").decode()
    mapping = side["ids"]
    if identity.startswith(mapping["prefix"]):
        identity = identity[len(mapping["prefix"]) :]
    return mapping["template"].format(id=identity, corpus=mapping["corpus"])


def score_of(side, result):
    """Return the score of a result, higher is better; NaN where none is reported."""
    path, scale = side["fields"]["score"], side["scale"]
    value = None if path is None else at(result, path)
    if value is None:
        return math.nan
    if type(value) not in (float, int) or math.isinf(value):
        raise Unknown(f"a result has no number at {ascii(path)}")
    scores = {
        "score": value,
        "cosine_distance": 1.0 - value,
        "squared_euclidean": 1.0 - value / 2.0,
        "euclidean": 1.0 - value * value / 2.0,
        "negative_dot": -value,
    }
    return scores.get(scale["reported"], math.nan) * scale["factor"] + scale["offset"]


def canonical(value):
    if isinstance(value, dict):
        return {name: canonical(one) for name, one in value.items()}
    if isinstance(value, list):
        return [canonical(one) for one in value]
    if isinstance(value, float):
        return str(value) if math.isinf(value) else None if math.isnan(value) else int(value) if value.is_integer() else value
    return value


def metadata_of(side, result):
    """Return the metadata that must be equal, as text; "" where there are none."""
    path = side["fields"]["metadata"]
    found = None if path is None else at(result, path)
    if not isinstance(found, dict):
        return ""
    values = {name: canonical(found.get(name, at(found, name))) for name in side["fields"]["compared"]}
    return "" if all(value is None for value in values.values()) else json.dumps(values, sort_keys=True)


def list_in(side, content):
    """Return the list of a response, with the mode."""
    fields = side["fields"]
    whole = json.loads(content.decode("utf-8-sig"), object_pairs_hook=unique)
    results = at(whole, fields["results"])
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise Unknown(f"the response has no list of results at {ascii(fields['results'])}")
    ids, scores, metadata = ([of(side, one) for one in results] for of in (id_of, score_of, metadata_of))
    mode = None if fields["mode"] is None else at(whole, fields["mode"])
    named = " ".join(hidden(side, mode).split())[:80] if isinstance(mode, str) else None
    return Result(ranked(ids, scores, metadata, FACTS["k"], FACTS["tie_tolerance"]), "", named)


@REFUSAL@


def refusal_of(status, content):
    """Return what a refusal looks like: its status, and the fields of its body."""
    try:
        found = json.loads(content.decode("utf-8-sig", "replace"))
    except ValueError:
        return f"{status} (not JSON)" if content.strip() else f"{status} (empty)"
    return f"{status} {sorted(found) if isinstance(found, dict) else type(found).__name__}"


def result_of(side):
    """Return what a side returns. Requests beside it are in flight at the same time."""
    sent = [side["request"], *side["beside"]]
    with concurrent.futures.ThreadPoolExecutor(len(sent)) as pool:
        found = [pool.submit(send, {**side, "url": one["url"]}, one["body"]) for one in sent]
        status, content = found[0].result()
    if status == 200:
        return list_in(side, content)
    if is_refusal(status):
        return Result(None, refusal_of(status, content), None)
    raise unexpected(side, status, content)


def ranked_ids(one):
    return list(zip(one.ranks, one.ids))


def only_there(ids, here, there):
    return [f"{ascii(one)}: rank {rank} on the {here} side, not on the {there}" for rank, one in ids]


def documents(found, legacy, candidate):
    """Return which documents differ, in words, with their ranks as they were returned."""
    names = [side["side"] for side in FACTS["sides"]]
    closest = FACTS["limits"].get("score_delta", [math.inf])[0]
    lines = []
    for place, pair in enumerate(found.pairs):
        name, ranks = ascii(legacy.ids[pair.legacy]), (legacy.ranks[pair.legacy], candidate.ranks[pair.candidate])
        if pair.rank < 0:
            lines += only_there([(ranks[0], legacy.ids[pair.legacy])], *names)
        elif pair.paired:
            continue
        elif pair.rank != place and ranks[0] != ranks[1]:
            lines.append(f"{name}: rank {ranks[0]} on the {names[0]} side, {ranks[1]} on the {names[1]}")
        elif legacy.metadata[pair.legacy] != candidate.metadata[pair.candidate]:
            lines.append(f"{name}: rank {ranks[0]} on the {names[0]} side, {ranks[1]} on the {names[1]}, other metadata")
        elif FACTS["comparable"] and abs(legacy.scores[pair.legacy] - candidate.scores[pair.candidate]) > closest:
            scores = f"{legacy.scores[pair.legacy]:.9g} and {candidate.scores[pair.candidate]:.9g}"
            lines.append(f"{name}: rank {ranks[0]} on the {names[0]} side, {ranks[1]} on the {names[1]}, scores {scores}")
    held = {pair.candidate for pair in found.pairs}
    new = [(rank, one) for place, (rank, one) in enumerate(ranked_ids(candidate)) if place not in held]
    again = [(rank, one, side) for side, of in zip(names, (legacy, candidate)) for rank, one in of.repeats]
    lines += only_there(new, *reversed(names))
    return lines + [f"{ascii(one)}: again at rank {rank} on the {side} side" for rank, one, side in again]


def show(lines):
    for line in lines[:SHOWN]:
        print(line)
    if len(lines) > SHOWN:
        print(f"and {len(lines) - SHOWN} more documents")


def compared(legacy, candidate):
    """Return in words by which limits two lists differ, "" for none; what differs of them is printed."""
    names = [side["side"] for side in FACTS["sides"]]
    if not legacy.ids or not candidate.ids:
        show(only_there(ranked_ids(legacy), *names) + only_there(ranked_ids(candidate), *reversed(names)))
        empty = [name for name, one in zip(names, (legacy, candidate)) if not one.ids]
        return f"the {empty[0]} side returns no results" if len(empty) == 1 else ""
    found = compare(legacy, candidate, FACTS["tie_tolerance"], FACTS["persistence"], FACTS["comparable"])
    print(", ".join(f"{name} {value:.9g}" for name, value in found.measures.items()))
    show(documents(found, legacy, candidate))
    bands = graded(found, FACTS["limits"], FACTS["near_tie"])
    worst = FACTS["band"]
    off = [(name, FACTS["limits"][name][worst - 1]) for name, place in bands.items() if place >= worst]
    return "; ".join(f"{name} {found.measures[name]:.9g}, limit {limit:.9g}" for name, limit in off)


def difference(results):
    """Return in words how the results differ; "" where nothing differs beyond the limits."""
    refused = [side["side"] for side, one in zip(FACTS["sides"], results) if one.ranked is None]
    if len(refused) == 2:
        one, other = (result.refusal for result in results)
        return "" if one == other else f"both sides refuse the query, with {ascii(one)} and {ascii(other)}"
    if refused:
        return f"the {refused[0]} side refuses the query"
    words = compared(*(one.ranked for one in results))
    for side, one in zip(FACTS["sides"], results):
        if side["mode"] is not None and one.mode is not None and one.mode != side["mode"]:
            words = f"the {side['side']} side used the mode {ascii(one.mode)}, not {ascii(side['mode'])}"
    return words


def main():
    words = ""
    try:
        for _ in range(FACTS["times"]):
            words = difference([result_of(side) for side in FACTS["sides"]])
            if not words:
                break
    except Exception as error:
        print(f"could not be found out: {ascii(str(error) or type(error).__name__)}", file=sys.stderr)
        return 2
    print(f"differs: {words}" if words else "nothing differs beyond the limits")
    return 1 if words else 0


if __name__ == "__main__":
    sys.exit(main())
'''
