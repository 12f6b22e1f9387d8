"""Queries to the made-up workers, as many as wanted and others for each seed.

Here belong the phrases and the mix of kinds that a query set needs so that causes can be distinguished: one corpus and
both, filtered beside the same query without a filter, several numbers of results, paraphrases. The demo's own queries are
in `data/samples/queries.jsonl`, built-in hazards in `core.retrieval.hazards`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, Final

from parity_pipeline.core.retrieval.hazards import PARAPHRASE
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.demo.corpus import AVAILABILITY, CITIES, CORPORA, TRADES

FILTERS: Final = ("oslo", "oslo_or_bergen", "experienced", "packing")
"""Names of the filters of `demo_settings` that let something through."""

PARAPHRASES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "forklift operator": ("someone who moves heavy crates around a depot by machine", "lift vehicle handler"),
        "warehouse picker": ("depot staff who gather items off shelves", "stockroom hands collecting parcels"),
        "truck driver": ("lorry chauffeur hauling freight", "person carrying cargo across countries"),
        "crane operator": ("hoist handler raising steel beams", "somebody who raises loads onto buildings"),
        "welder": ("metalworker fusing steel", "somebody joining metal parts by torch"),
        "electrician": ("someone who repairs lights, fuses plus sockets", "wireman who fixes mains voltage"),
        "plumber": ("repairs dripping taps", "somebody who unblocks sinks, toilets"),
        "carpenter": ("woodworker building houses", "joiner making furniture plus doors"),
        "scaffolder": ("puts up staging along walls", "erects platforms around buildings"),
        "painter": ("decorator brushing walls", "somebody who puts colour onto houses"),
        "registered nurse": ("hospital sister looking after sick people", "medical professional treating inpatients"),
        "care assistant": ("helps old people wash, eat plus dress", "carer supporting seniors daily"),
        "cook": ("chef preparing meals", "somebody who makes dinner, lunch plus breakfast"),
        "waiter": ("serves drinks plus dishes to diners", "bartender"),
        "cleaner": ("janitor mopping halls", "housekeeper who removes dirt"),
        "receptionist": ("greets visitors to a hotel lobby", "front desk clerk"),
        "accountant": ("bookkeeper balancing ledgers", "settles bills, taxes plus wages"),
        "software developer": ("programmer", "writes code plus builds web applications"),
        "security guard": ("doorman protecting a building", "watchman"),
        "kindergarten teacher": ("looks after toddlers", "nursery educator minding children"),
    }
)
"""Roles -> phrases that mean them and share no word with any document, which a search by words therefore does not find."""

_PREFIXES: Final = ("", "urgently wanted: ", "please find me a ", "who could be a ", "we need: ")
_TITLES: Final = ("", "experienced ", "certified ", "good ", "reliable ")

SHARES: Final[Mapping[str, float]] = MappingProxyType(
    {"plain": 0.36, "k 1": 0.1, "k 100": 0.08, "filtered": 0.16, "one corpus": 0.16, PARAPHRASE: 0.14}
)
"""Kinds of queries -> their share, which is also their category. Half of the filtered ones are sent without the filter too."""


def generated_queries(seed: int, count: int = 300) -> tuple[Query, ...]:
    """Return different queries to the partition `everyone`, those of one kind together, the same ones for a seed.

    Args:
        seed: Another one gives other queries.
        count: About how many; a few less where a kind runs out of different ones.
    """
    random = Random(seed)  # noqa: S311 - made-up data that must be the same each time
    made: dict[tuple[object, ...], Query] = {}
    for kind, share in SHARES.items():
        for number in range(round(share * count)):
            for query in _of_kind(kind, number, random):
                made.setdefault((query.text, query.k, query.filter, query.corpora), query)
    return tuple(made.values())


def write_queries(path: Path, queries: Sequence[Query]) -> None:
    """Write queries as JSON lines that a source of the settings can name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(_fields(one)) + "\n" for one in queries), "ascii")


def _fields(query: Query) -> dict[str, Any]:
    fields: dict[str, Any] = {"id": query.id, "text": query.text, "k": query.k, "category": query.category}
    if query.filter is not None:
        fields["filter"] = query.filter
    if query.corpora:
        fields["corpora"] = list(query.corpora)
    return fields


def _of_kind(kind: str, number: int, random: Random) -> Sequence[Query]:
    text = _paraphrase(random) if kind == PARAPHRASE else random.choice(_FORMS)(random)
    name = f"{kind.replace(' ', '-')}/{number:03}"
    if kind == "filtered":
        # Half of each pair is enough: both together make up the share.
        if number % 2:
            return ()
        chosen, k = random.choice(FILTERS), random.choice((10, 10, 100))
        filtered = Query(id=f"{name}/{chosen}", text=text, k=k, filter=chosen, category=kind)
        return filtered, Query(id=f"{name}/all", text=text, k=k, category="plain")
    k = {"k 1": 1, "k 100": 100}.get(kind, 10)
    corpora = (tuple(CORPORA)[number % len(CORPORA)],) if kind == "one corpus" else ()
    return (Query(id=name, text=text, k=k, corpora=corpora, category=kind),)


def _paraphrase(random: Random) -> str:
    role = random.choice(tuple(PARAPHRASES))
    return random.choice(_PREFIXES) + random.choice(PARAPHRASES[role])


def _of_role(random: Random) -> str:
    return f"{random.choice(_TITLES)}{random.choice(tuple(TRADES))} in {random.choice(CITIES)}"


def _of_skills(random: Random) -> str:
    skills, _ = TRADES[random.choice(tuple(TRADES))]
    return " and ".join(random.sample(skills, 2))


def _of_certificate(random: Random) -> str:
    role = random.choice(tuple(TRADES))
    return f"{role} with {random.choice(TRADES[role][1])}"


def _of_availability(random: Random) -> str:
    return f"{random.choice(tuple(TRADES))} available {random.choice(AVAILABILITY)}"


def _of_years(random: Random) -> str:
    skills, _ = TRADES[random.choice(tuple(TRADES))]
    return f"someone for {random.choice(skills)}, {random.randint(2, 25)} years"


_FORMS: Final[tuple[Callable[[Random], str], ...]] = (
    _of_role,
    _of_skills,
    _of_certificate,
    _of_availability,
    _of_years,
)
