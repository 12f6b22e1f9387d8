"""The documents and queries that all peers hold: 20,000 made-up sentences about made-up workers, with their vectors.

Here belong making them from a seed, keeping them in a folder, and reading them back. Both the runner and the servers
read them, so nothing but numpy is needed for that; making them needs the demo's model.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Metadata = dict[str, str | int]

MODEL: Final = "wordllama-256"
SEED: Final = 20_261_126
CORPORA: Final[Mapping[str, int]] = {"staff": 12_000, "contractors": 8_000}
"""Documents per corpus."""
COPIES: Final = 0.05
"""Share of documents whose sentence is that of another one: their vectors are equal, so that their scores tie."""

_ROLES: Final = {
    "care": ["nurse", "midwife", "physiotherapist", "paramedic", "pharmacist"],
    "building": ["welder", "plumber", "electrician", "carpenter", "crane operator"],
    "software": ["data engineer", "tester", "web developer", "database administrator", "security analyst"],
    "kitchen": ["pastry chef", "baker", "line cook", "sommelier", "butcher"],
    "transport": ["lorry driver", "dispatcher", "forklift driver", "train conductor", "ship mechanic"],
    "school": ["maths teacher", "librarian", "kindergarten teacher", "school social worker", "piano teacher"],
    "office": ["accountant", "payroll clerk", "paralegal", "translator", "recruiter"],
    "nature": ["gardener", "forester", "fruit grower", "vet", "beekeeper"],
}


def _words(listed: str) -> list[str]:
    return " ".join(listed.split()).split(", ")


_SKILLS: Final = _words(
    """
    night shifts, wound care, patient records, first aid, steel pipes, blueprints, scaffolding, solar panels,
    heat pumps, roof repair, Python, SQL, network audits, test automation, cloud migration, wedding cakes,
    sourdough, allergen plans, wine lists, large banquets, dangerous goods, route planning, cold storage,
    customs papers, engine repair, dyslexia, exam preparation, choir, robotics, sign language, tax returns,
    pay slips, contract law, Norwegian, Portuguese, job interviews, tree pruning, greenhouses, horses,
    soil samples, budgeting, training apprentices, quality control, inventory, safety briefings, complaints,
    spreadsheets, photography, radio, chess
    """
)
_PLACES: Final = _words(
    """
    Oslo, Bergen, Porto, Lisbon, Ghent, Lyon, Graz, Turin, Tallinn, Riga, Cork, Leeds, Malmo, Aarhus, Gdansk, Brno,
    Split, Varna, Seville, Nantes, Basel, Utrecht, Tampere, Patras
    """
)
_YEARS: Final = range(2004, 2024)
_TEMPLATES: Final = (
    "A {role} from {city} who knows {a}, {b} and {c}; with us since {year}.",
    "{year}: joined in {city} as a {role}. Strong in {a} and {b}, has also done {c}.",
    "Looking back on {a} and {c}, this {role} now works with {b} near {city} ({year}).",
    "{city}, {year}. Trained {role}, certified for {a}; {b} and {c} on request.",
)
_QUESTIONS: Final = (
    "Who can help with {a} in {city}?",
    "{role} with experience in {a} and {b}",
    "someone for {c}, preferably also {a}, who worked as a {role}",
    "We need a {role} in {city} from {year} on",
    "{a} {b} {c}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerQuery:
    """One query of the set, in the words of the wire.

    Attributes:
        id: Unique in the set.
        text: What is searched for.
        k: Results requested.
        category: What the query exercises.
        corpora: What it searches.
        filter: Metadata that a result must have; None for no filter.
    """

    id: str
    text: str
    k: int
    category: str
    corpora: tuple[str, ...]
    filter: Metadata | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The documents of one corpus.

    Attributes:
        name: The corpus.
        ids: Document ids.
        vectors: float32, shape (documents, width), as the model gives them: not of unit length.
        metadata: Category, city and year of each document.
    """

    name: str
    ids: list[str]
    vectors: Matrix
    metadata: list[Metadata]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """All corpora, the queries, and their vectors, float32, shape (queries, width)."""

    corpora: list[Corpus]
    queries: list[PeerQuery]
    query_vectors: Matrix


def write(folder: Path) -> None:
    """Make the documents and queries, embed them, and write them to a folder."""
    from parity_pipeline.demo.models import Embedder  # noqa: PLC0415 - reading needs numpy alone

    draw, embedder = random.Random(SEED), Embedder()  # noqa: S311 - made-up sentences, no secrets
    for name, count in CORPORA.items():
        texts: list[str] = []
        metadata: list[Metadata] = []
        for _ in range(count):
            fields = _fields(draw)
            copied = draw.randrange(len(texts)) if texts and draw.random() < COPIES else None
            texts.append(draw.choice(_TEMPLATES).format(**fields) if copied is None else texts[copied])
            kept = {key: fields[key] for key in ("category", "city", "year")}
            metadata.append(kept if copied is None else metadata[copied])
        rows = [{"id": f"{name}-{row:05d}", **one} for row, one in enumerate(metadata)]
        (folder / f"{name}.json").write_text(json.dumps(rows), "utf-8")
        np.save(folder / f"{name}.npy", embedder.embed(MODEL, texts))
    queries = _queries(draw)
    (folder / "queries.json").write_text(json.dumps([asdict(one) for one in queries]), "utf-8")
    np.save(folder / "queries.npy", embedder.embed(MODEL, [one.text for one in queries]))


def read(folder: Path) -> Dataset:
    """Return what `write` wrote."""
    corpora: list[Corpus] = []
    for name in CORPORA:
        rows: list[dict[str, Any]] = json.loads((folder / f"{name}.json").read_text("utf-8"))
        ids = [row.pop("id") for row in rows]
        corpora.append(Corpus(name=name, ids=ids, vectors=np.load(folder / f"{name}.npy"), metadata=rows))
    found: list[dict[str, Any]] = json.loads((folder / "queries.json").read_text("utf-8"))
    queries = [PeerQuery(corpora=tuple(one.pop("corpora")), **one) for one in found]
    return Dataset(corpora=corpora, queries=queries, query_vectors=np.load(folder / "queries.npy"))


def _fields(draw: random.Random) -> dict[str, Any]:
    category = draw.choice(list(_ROLES))
    a, b, c = draw.sample(_SKILLS, 3)
    return {
        "category": category,
        "role": draw.choice(_ROLES[category]),
        "city": draw.choice(_PLACES),
        "year": draw.choice(_YEARS),
        "a": a,
        "b": b,
        "c": c,
    }


_KINDS: Final[Sequence[tuple[str, int, int, tuple[str, ...]]]] = (
    ("plain", 160, 10, ()),
    ("top 1", 40, 1, ()),
    ("top 100", 40, 100, ()),
    ("one corpus", 40, 10, ()),
    ("category filter", 40, 10, ("category",)),
    ("city filter", 40, 10, ("city",)),
    ("narrow filter", 40, 10, ("city", "year")),
)
"""Category, number of queries, k, and the fields of the filter: each keeps 1/8, 1/24 or 1/480 of the documents."""


def _queries(draw: random.Random) -> list[PeerQuery]:
    queries: list[PeerQuery] = []
    for category, count, k, filtered in _KINDS:
        for _ in range(count):
            fields = _fields(draw)
            queries.append(
                PeerQuery(
                    id=f"q{len(queries):03d}",
                    text=draw.choice(_QUESTIONS).format(**fields),
                    k=k,
                    category=category,
                    corpora=("staff",) if category == "one corpus" else tuple(CORPORA),
                    filter={key: fields[key] for key in filtered} or None,
                )
            )
    return queries
