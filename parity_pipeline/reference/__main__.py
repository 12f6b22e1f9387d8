"""`python -m parity_pipeline.reference`: write what pages in `docs/` repeat from the code again.

Here belongs which files there are, and who writes their blocks. `--check` writes nothing, lists what is out of date, and
exits with 1; a test does the same.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from parity_pipeline.reference import check_page, command_page, dialect_page, settings_page
from parity_pipeline.reference.blocks import Writer, filled
from parity_pipeline.settings.schema import FILE, schema_text

DOCS: Final = Path(__file__).parents[2] / "docs"


def generated(docs: Path = DOCS) -> Iterator[tuple[Path, str]]:
    """Yield each file that code writes, whole or in part, with what it has to hold.

    Args:
        docs: The folder of the documentation.
    """
    yield docs / FILE, schema_text()
    pages = {path.name: path.read_text("utf-8") for path in sorted(docs.glob("*.md"))}
    settings = settings_page.SettingsList(pages)
    for name, text in pages.items():
        writers: dict[str, Writer] = {
            check_page.KIND: check_page.check_table,
            command_page.KIND: command_page.command_sections,
            dialect_page.KIND: dialect_page.dialect_sections,
            settings_page.KIND: lambda place, name=name: settings.on_page(name, place),
        }
        yield docs / name, filled(text, writers)


def outdated(docs: Path = DOCS) -> list[Path]:
    """Return the files that do not hold what the code says."""
    return [path for path, text in generated(docs) if not path.exists() or path.read_text("utf-8") != text]


def main() -> None:
    """Write all files, or list those that are out of date."""
    if "--check" in sys.argv[1:]:
        found = outdated()
        for path in found:
            sys.stdout.write(f"{path} is out of date; run make reference\n")
        sys.exit(bool(found))
    for path, text in list(generated()):
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
