"""Addresses that lead a person on: to a report, its page, a run, and the checks of an asset.

Here belong the addresses under which reports and the Dagster UI are reached, and how a path below them is spelled. Where a
file lies on the disk belongs to `storage.layout`; who may follow a link is not decided here.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where reports and the Dagster UI are reached.

    Attributes:
        reports: Address of the folder of the reports, such as that of a repository or a web server; "" where there is none.
        dagster: Address of the Dagster UI; "" where none is known.
    """

    reports: str = ""
    dagster: str = ""

    def report(self, path: Path, folder: Path) -> str:
        """Return the address of a report, or of its page; "" where reports have none.

        Args:
            path: The file.
            folder: The folder of the reports, which it is in.

        >>> Links(reports="https://git.test/r").report(Path("r/html/a b%2F.html"), Path("r"))
        'https://git.test/r/html/a%20b%252F.html'
        """
        if not self.reports:
            return ""
        return f"{self.reports.rstrip('/')}/{quote(path.relative_to(folder).as_posix())}"

    def run(self, run_id: str) -> str:
        """Return the address of a run in the Dagster UI; "" where none is known."""
        return f"{self.dagster.rstrip('/')}/runs/{quote(run_id, safe='')}" if self.dagster and run_id else ""

    def partition(self, asset: str, key: str) -> str:
        """Return the address of one partition of an asset in the Dagster UI; "" where none is known.

        Args:
            asset: The asset, such as `retrieve/verdict`.
            key: The partition key, such as `2026-04-30|model`.
        """
        place = asset_place(asset, view="partitions", partition=key)
        return f"{self.dagster.rstrip('/')}{place}" if self.dagster else ""


def asset_place(asset: str, **query: str) -> str:
    """Return the path of an asset's page within the Dagster UI.

    >>> asset_place("retrieve/verdict", view="checks", checkDetail="verdict_is_pass")
    '/assets/retrieve/verdict?view=checks&checkDetail=verdict_is_pass'
    """
    path = "/".join(quote(part, safe="") for part in asset.split("/"))
    return f"/assets/{path}?{urlencode(query, quote_via=quote)}"
