"""The made-up workers that both demo gateways search: 2,000 of them, no real people.

Here belong the word lists, the generator with its fixed seed, and what a document of a worker is: its text, which is
embedded, and its metadata, which is filtered by and returned. Searching belongs to `worker_indexes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from types import MappingProxyType
from typing import Final

SEED: Final = 20_260_430
"""Seed of the corpus; another one makes other workers, and the labels in `data/samples/qrels.txt` wrong."""

CORPORA: Final[Mapping[str, int]] = MappingProxyType({"staff": 1_400, "contractors": 600})
"""Every corpus with its number of workers, in the order of the rows."""

EVERYONE: Final = "everyone"
"""The legacy gateway's index of both corpora."""

INDEXES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {**{name: (name,) for name in CORPORA}, EVERYONE: tuple(CORPORA)}
)
"""Indexes of the legacy gateway -> the corpora that each one covers."""

REGISTERED_TWICE: Final = 60
"""Workers with the same text and metadata as another one, under an id of their own: real ties of any ranking."""

CITIES: Final = (
    "Oslo", "Bergen", "Trondheim", "Stavanger", "Tromsø", "Gothenburg", "Malmö", "Copenhagen",
    "Aarhus", "Helsinki", "Tampere", "Hamburg", "Rotterdam", "Antwerp", "Gdańsk", "Riga",
)  # fmt: skip

AVAILABILITY: Final = ("immediately", "in two weeks", "next month", "on weekends", "for night shifts")

_Trade = tuple[tuple[str, ...], tuple[str, ...]]

TRADES: Final[Mapping[str, _Trade]] = MappingProxyType(
    {
        "forklift operator": (
            ("pallet stacking", "loading trucks", "inventory counts", "reach truck", "cold storage"),
            ("forklift licence T1-T4", "OSHA 10"),
        ),
        "warehouse picker": (
            ("order picking", "packing", "barcode scanning", "voice picking", "returns"),
            ("manual handling", "first aid"),
        ),
        "truck driver": (
            ("long haul", "route planning", "tachograph", "refrigerated goods", "trailer coupling"),
            ("licence CE", "ADR dangerous goods"),
        ),
        "crane operator": (
            ("tower crane", "mobile crane", "rigging", "load charts", "hand signals"),
            ("crane certificate G1", "slinger certificate"),
        ),
        "welder": (
            ("TIG welding", "MIG welding", "pipe welding", "reading drawings", "grinding"),
            ("ISO 9606-1", "hot work permit"),
        ),
        "electrician": (
            ("wiring", "switchboards", "fault finding", "solar panels", "cable trays"),
            ("electrical authorisation", "working at height"),
        ),
        "plumber": (
            ("pipe fitting", "heat pumps", "drainage", "boiler service", "leak detection"),
            ("wet room certificate", "gas safety"),
        ),
        "carpenter": (
            ("framing", "formwork", "roofing", "window fitting", "scaffold planks"),
            ("trade certificate", "working at height"),
        ),
        "scaffolder": (
            ("facade scaffolding", "hanging scaffolds", "load calculation", "sheeting", "dismantling"),
            ("scaffolding above 9 m", "rope access level 1"),
        ),
        "painter": (
            ("spray painting", "wallpaper", "surface preparation", "epoxy coating", "sandblasting"),
            ("FROSIO level 1", "respirator fit test"),
        ),
        "registered nurse": (
            ("wound care", "intensive care", "medication rounds", "dementia care", "triage"),
            ("nursing authorisation", "advanced life support"),
        ),
        "care assistant": (
            ("elderly care", "personal hygiene", "meal support", "home visits", "patient lifting"),
            ("care worker certificate", "first aid"),
        ),
        "cook": (
            ("menu planning", "grill", "pastry", "allergen control", "large canteens"),
            ("food hygiene level 2", "trade certificate"),
        ),
        "waiter": (
            ("table service", "wine knowledge", "cash register", "banquets", "barista"),
            ("responsible alcohol service", "food hygiene level 1"),
        ),
        "cleaner": (
            ("office cleaning", "window cleaning", "floor polishing", "clean rooms", "waste sorting"),
            ("cleaning operator certificate", "chemical handling"),
        ),
        "receptionist": (
            ("booking systems", "switchboard", "guest service", "four languages", "complaints"),
            ("conflict management", "first aid"),
        ),
        "accountant": (
            ("payroll", "invoicing", "annual accounts", "value added tax", "spreadsheets"),
            ("authorised accountant", "IFRS diploma"),
        ),
        "software developer": (
            ("Python", "Go", "Rust", "databases", "cloud operations"),
            ("Kubernetes administrator", "AWS solutions architect"),
        ),
        "security guard": (
            ("access control", "patrols", "camera surveillance", "crowd control", "incident reports"),
            ("guard licence", "fire safety"),
        ),
        "kindergarten teacher": (
            ("early reading", "outdoor play", "music", "special needs", "parent meetings"),
            ("teaching degree", "paediatric first aid"),
        ),
    }
)
"""Roles -> the skills and the certificates that come with each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One document.

    Attributes:
        id: Unique over all corpora.
        corpus: A name of `CORPORA`.
        role: A key of `TRADES`.
        city: One of `CITIES`.
        skills: Two to four of the role's, in any order.
        certificates: None, one or both of the role's.
        available: One of `AVAILABILITY`.
        years: Years of experience, 0 to 30.
    """

    id: str
    corpus: str
    role: str
    city: str
    skills: tuple[str, ...]
    certificates: tuple[str, ...]
    available: str
    years: int

    @property
    def text(self) -> str:
        """Return what is embedded; the id does not belong to it."""
        certificates = f" Certificates: {', '.join(self.certificates)}." if self.certificates else ""
        return (
            f"{self.role.capitalize()} in {self.city} with {self.years} years of experience. "
            f"Skills: {', '.join(self.skills)}.{certificates} Available {self.available}."
        )

    @property
    def metadata(self) -> dict[str, str | int | tuple[str, ...]]:
        """Return what both gateways filter by and return beside an id."""
        return {
            "role": self.role,
            "city": self.city,
            "skills": self.skills,
            "certificates": self.certificates,
            "available": self.available,
            "years": self.years,
        }


@cache
def workers() -> tuple[Worker, ...]:
    """Return all workers, those of one corpus after those of the other; always the same ones."""
    random = Random(SEED)  # noqa: S311 - made-up data that must be the same each time
    total = sum(CORPORA.values())
    corpora = [name for name, size in CORPORA.items() for _ in range(size)]
    made = [_worker(random, row, corpus) for row, corpus in enumerate(corpora)]
    originals = random.sample(range(total), 2 * REGISTERED_TWICE)
    for original, copy in zip(originals[::2], originals[1::2], strict=True):
        made[copy] = _registered_again(made[original], made[copy])
    return tuple(made)


def _worker(random: Random, row: int, corpus: str) -> Worker:
    role = random.choice(tuple(TRADES))
    skills, certificates = TRADES[role]
    return Worker(
        id=f"w{row + 1:04}",
        corpus=corpus,
        role=role,
        city=random.choice(CITIES),
        skills=tuple(random.sample(skills, random.randint(2, 4))),
        certificates=tuple(random.sample(certificates, random.randint(0, 2))),
        available=random.choice(AVAILABILITY),
        years=random.randint(0, 30),
    )


def _registered_again(original: Worker, other: Worker) -> Worker:
    """Return the original under the id and in the corpus of the other one."""
    return Worker(id=other.id, corpus=other.corpus, **original.metadata)  # pyright: ignore[reportArgumentType] - the fields of the same class
