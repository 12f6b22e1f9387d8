"""The built-in hazard queries: what users type that two implementations treat differently.

Here belong the queries, each with a category that says what it exercises, and what the categories are. They speak of staff,
for the demo's corpora, but need no document to exist: both sides must return the same, whatever that is. They are chosen by
hand, so no share may be inferred from them.

Filtered queries are for each user to add, since the two sides spell filters in their own ways. One hazard needs a filter
that matches nothing: it is sent where settings define the filter `NOTHING_FILTER`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.retrieval.query_set import SourcedQuery
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.suggestions import meant

QUERY_HAZARDS_VERSION: Final = "1"
"""Version of the queries. A changed, added or removed one is a new version, so that a stored source stays true."""

ALL: Final = "all"

PARAPHRASE: Final = "paraphrase"
"""Category of pairs that mean the same and share no word: a lexical fallback returns other lists for the two."""

CATEGORIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "plain": "ordinary queries: the clean foundation of the others",
        PARAPHRASE: "pairs that mean the same and share no word: a side that searches by words gives itself away",
        "k-1": "one result requested: only the best document counts",
        "k-10": "ten results requested: the first page",
        "k-100": "a hundred results requested: what a re-ranker reads",
        "beyond-corpus": "more results requested than there may be documents: all of them, or a refusal",
        "empty-result": "a filter that matches nothing: an empty list and not a refusal (needs the filter `nothing`)",
        "unknown-corpus": "a corpus that does not exist: refused by both in the same way, or empty on both",
        "bad-filter": "a filter that is not valid in any language: refused by both in the same way",
        "blank": "empty and blank queries",
        "over-long": "queries longer than a model reads: cut, refused, or searched by their end",
        "scripts": "other scripts, directions and signs",
        "one-letter": "a single character: too little for a lexical index, and a vector all the same",
        "stop-words": "nothing but words that lexical indexes leave out",
        "quotes": "quotes, wildcards and SQL: text that must never become part of a query language",
    }
)
"""Every category with what it exercises, in the order in which it is sent. A category's name is stored, and never changed."""

NOTHING_FILTER: Final = "nothing"
"""Name of the filter, in the settings, that matches no document on either side."""
UNKNOWN_CORPUS: Final = "no-such-corpus"
BAD_FILTER: Final = ")((' AND"
"""Not valid SQL, not valid JSON, and no name that settings would use."""
BEYOND: Final = 10_000
"""Results requested beyond the corpus: the most that Elasticsearch and OpenSearch return by default (`max_result_window`)."""
_LONG: Final = "crane operator with a rigging certificate and night shift experience near the harbour "

_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "plain": {
        "role-and-city": "electrician in Oslo",
        "certificate": "welder with a valid pressure vessel certificate",
        "availability": "forklift driver available for night shifts next week",
        "several-skills": "nurse who speaks Polish and has worked in intensive care",
        "misspelt": "experienced scafolder for a shipyrad",
        "upper-case": "CRANE OPERATOR BERGEN",
    },
    PARAPHRASE: {
        "plumber-1": "plumber for leaking pipes",
        "plumber-2": "somebody who repairs dripping water lines",
        "driver-1": "truck driver with a licence for dangerous goods",
        "driver-2": "lorry chauffeur permitted to haul hazardous freight",
        "cook-1": "cook for a hotel kitchen",
        "cook-2": "chef preparing meals at an inn",
        "nurse-1": "nurse for elderly patients at night",
        "nurse-2": "caregiver looking after seniors during evening hours",
        "mason-1": "bricklayer to build a wall",
        "mason-2": "mason erecting stone partitions",
    },
    "k-1": {"one": "painter with ladder experience", "other": "certified crane operator"},
    "k-10": {"one": "painter with ladder experience", "other": "certified crane operator"},
    "k-100": {"one": "painter with ladder experience", "other": "certified crane operator"},
    "beyond-corpus": {"all": "anyone with a certificate"},
    "empty-result": {"nothing": "electrician in Oslo"},
    "unknown-corpus": {"unknown": "electrician in Oslo"},
    "bad-filter": {"invalid": "electrician in Oslo"},
    "blank": {"empty": "", "space": " ", "newline": "\n", "no-break-space": "\u00a0", "zero-width": "\u200b"},
    "over-long": {"600-words": _LONG * 50, "6000-words": _LONG * 500, "one-word": "crane" * 2000},
    "scripts": {
        "norwegian": "sveiser på Ålesund verft",
        "decomposed": "sveiser pa\u030a A\u030alesund verft",
        "polish": "spawacz z doświadczeniem w Gdańsku",
        "russian": "электрик с опытом работы",  # noqa: RUF001 - Cyrillic is meant
        "arabic": "كهربائي ذو خبرة",
        "hebrew": "חשמלאי מנוסה",
        "chinese": "有经验的电工",
        "japanese": "経験豊富な電気技師",
        "hindi": "अनुभवी इलेक्ट्रीशियन",
        "emoji": "👷\u200d♀️ 🔧",
        "full-width": "ｅｌｅｃｔｒｉｃｉａｎ",  # noqa: RUF001 - full-width letters are meant
    },
    "one-letter": {"letter": "a", "digit": "7", "sign": "?", "emoji": "🔧"},
    "stop-words": {"few": "the of and", "question": "who is it that was there", "one": "the"},
    "quotes": {
        "apostrophe": "driver's licence for O'Brien",
        "double": 'welder "TIG only"',
        "injection": "' OR 1=1; DROP TABLE workers; --",
        "wildcards": "weld% el_ctrician *",
        "operators": 'electrician AND NOT ("apprentice" OR trainee)',
        "backslash": "C:\\crane\\operator \\' \\\"",
        "braces": '{"query": {"match_all": {}}} {text}',
        "line-break": "electrician\nOslo\tnight",
    },
}

_K: Final[Mapping[str, int]] = {"k-1": 1, "k-10": 10, "k-100": 100, "beyond-corpus": BEYOND}


def chosen_categories(names: Sequence[str]) -> tuple[str, ...]:
    """Return the named categories once each, in the order of `CATEGORIES`; `all` names every one.

    Raises:
        SampleSourceError: A name is unknown, or none is given.
    """
    remedy = f"Name some of {', '.join((ALL, *CATEGORIES))}."
    if unknown := [name for name in names if name != ALL and name not in CATEGORIES]:
        listed = ", ".join(repr(name) for name in unknown)
        raise SampleSourceError(
            f"there is no category of hazard queries {listed}",
            place="retrieve.queries",
            remedy=meant(unknown, (ALL, *CATEGORIES), remedy),
        )
    if not names:
        raise SampleSourceError("no category of hazard queries is named", place="retrieve.queries", remedy=remedy)
    return tuple(CATEGORIES) if ALL in names else tuple(name for name in CATEGORIES if name in names)


def hazard_queries(names: Sequence[str] = (ALL,), *, k: int, filters: Collection[str] = ()) -> Iterator[SourcedQuery]:
    """Yield the hazard queries of some categories: id `hazard/<category>/<name>`, source `hazards:<version>:…`.

    Their corpora are left open, but for the unknown one.

    Args:
        names: Categories, or `all`.
        k: Results requested where a category names no number.
        filters: Names of filters that settings define. `empty-result` is left out without `NOTHING_FILTER` among them.

    Raises:
        SampleSourceError: A name is unknown, or none is given.
    """
    for category in chosen_categories(names):
        if category == "empty-result" and NOTHING_FILTER not in filters:
            continue
        for name, text in _TEXTS[category].items():
            query = Query(
                id=f"hazard/{category}/{name}",
                text=text,
                k=_K.get(category, k),
                filter={"empty-result": NOTHING_FILTER, "bad-filter": BAD_FILTER}.get(category),
                corpora=(UNKNOWN_CORPUS,) if category == "unknown-corpus" else (),
                category=category,
            )
            yield SourcedQuery(query, f"hazards:{QUERY_HAZARDS_VERSION}:{category}:{name}")
