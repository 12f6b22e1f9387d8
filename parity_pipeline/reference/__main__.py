"""`python -m parity_pipeline.reference`: write what pages in `docs/` repeat from the code again.

Here belongs which files there are, and who writes their blocks. `--check` writes nothing, lists what is out of date, and
exits with 1; a test does the same.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from parity_pipeline.reference import dialect_page, lists, settings_page
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
            lists.CHECKS: lists.check_table,
            lists.COMMANDS: lists.command_sections,
            dialect_page.KIND: dialect_page.dialect_sections,
            settings_page.KIND: lambda place, name=name: settings.on_page(name, place),
        }
        yield docs / name, filled(text, writers)


def outdated(docs: Path = DOCS) -> list[Path]:
    """Return the files that do not hold what the code says, missing ones included.

    Args:
        docs: The folder of the documentation.
    """
    return [path for path, text in generated(docs) if not path.exists() or path.read_text("utf-8") != text]


def main() -> None:
    """Write what is out of date, or list it with `--check` and exit with 1."""
    checking = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not checking:
        sys.stderr.write("the one option is --check\n")
        sys.exit(2)
    stale = set(outdated())
    for path, text in list(generated()):
        if path in stale:
            if not checking:
                path.write_text(text, "utf-8")
            sys.stdout.write(f"{path}: {'out of date; run make reference' if checking else 'written'}\n")
    sys.exit(bool(stale) and checking)


if __name__ == "__main__":
    main()
