"""The JSON schema of the settings: an editor accepts what the loader accepts, and marks what it refuses."""

import json
import re
import subprocess
import sys
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.settings.loading import RENAMED, load, validate
from parity_pipeline.settings.schema import at, settings_schema
from parity_pipeline_tests.docs.pages import DOCS, ROOT

SCHEMA: Final = settings_schema()
VALIDATOR: Final = Draft202012Validator(SCHEMA)
OLD_FILES: Final = sorted((ROOT / "parity_pipeline_tests" / "data" / "written_by_0_1").rglob("*.yaml"))
SHOWN_FILES: Final = [ROOT / "parity.yaml", *sorted((DOCS / "examples").glob("*.yaml"))]
PRODUCT_FILES: Final = [
    path for path in (ROOT / "parity_pipeline").rglob("*.yaml") if "sides:" in path.read_text("utf-8")
]


def content_of(path: Path) -> dict[str, Any]:
    """Return what a file holds."""
    return yaml.safe_load(path.read_text("utf-8"))


def as_json(value: Any) -> Any:
    """Return YAML values as an editor sees them: a date is a text."""
    return json.loads(json.dumps(value, default=date.isoformat))


def faults(content: Any) -> list[str]:
    """Return where the schema refuses a file."""
    return [
        f"{'.'.join(map(str, one.absolute_path))}: {one.message}" for one in VALIDATOR.iter_errors(as_json(content))
    ]


def base() -> dict[str, Any]:
    """Return settings that load, with both probes."""
    return deepcopy(content_of(DOCS / "examples" / "rust-and-go-retrieval.yaml"))


def test_the_schema_is_one() -> None:
    """Editors and validators can read it, whatever it says of settings."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == "parity.yaml"


@pytest.mark.parametrize("path", [*SHOWN_FILES, *PRODUCT_FILES, *OLD_FILES], ids=lambda path: path.stem)
def test_files_that_load_are_accepted(path: Path) -> None:
    """No file that works gets a red line in an editor: the examples, the demo's, and those of the first version."""
    load(path, {})
    assert faults(content_of(path)) == []


@pytest.mark.parametrize("path", SHOWN_FILES, ids=lambda path: path.stem)
def test_a_file_that_people_copy_names_the_schema(path: Path) -> None:
    """Its first line leads an editor to the schema, by a path that is right for the file."""
    found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text("utf-8"))
    assert found
    assert (path.parent / found[1]).resolve() == DOCS / "parity.schema.json"


WRONG: Final[dict[str, tuple[str, Any]]] = {
    "unknown key": ("modles", ["x"]),
    "unknown key of a side": ("sides.legacy.base_urls", "http://x"),
    "unknown key of a form of another room": ("thresholds.cosin", 0.9),
    "unknown key in a list": ("samples.0.pth", "x"),
    "missing key": ("sides.legacy.dialect", None),
    "internal field": ("root", "/"),
    "no models": ("models", []),
    "number for a name": ("models", [1]),
    "word for a number": ("min_compared_share", "half"),
    "above its range": ("thresholds.cosine", 1.5),
    "at an excluded end": ("required_bound", 0),
    "below its range": ("stability.requests", 3),
    "not whole": ("sides.legacy.concurrency", 2.5),
    "unknown choice": ("executor", "threads"),
    "unknown check": ("checks", {"candidat-load": "warn"}),
    "unknown severity": ("checks", {"candidate-load": "warning"}),
    "unknown measure": ("retrieve.bands", {"query": {"overlop": [0.9, 0.5]}}),
    "one limit of two": ("retrieve.bands", {"query": {"overlap": [0.9]}}),
    "list for a section": ("schedule", [6, 0]),
    "empty section": ("thresholds", None),
    "header name with a blank": ("sides.legacy.request_id_header", "x request id"),
    "source without a path": ("samples", [{"category": "x"}]),
    "source with a path and hazards": ("samples", [{"path": "x", "hazards": ["all"]}]),
    "soak of both lengths": ("soak", {"requests": 10, "minutes": 1}),
    "soak of no length": ("soak", {}),
    "dialect that repeats its name": ("dialects", {"mine": {"name": "mine", "path": "/x"}}),
    "dialect without a path": ("dialects", {"mine": {"texts_field": "x"}}),
    "path without a slash": ("dialects", {"mine": {"path": "x"}}),
    "no corpora": ("retrieve.corpora", []),
    "corpora that are numbers": ("retrieve.corpora", [1]),
    "waiver without an owner": (
        "waivers",
        [{"id": "a", "reason": "b", "expires": "2030-01-01", "max_samples": 1, "outcomes": ["mismatch"]}],
    ),
    "port beyond the last": ("adapter", {"port": 70_000}),
    "both spellings of a key": ("sides.legacy", "both spellings"),
}


def faulty(place: str, value: Any) -> dict[str, Any]:
    """Return settings with a value at a place; None removes the key at its end, or empties a section."""
    content = base()
    *above, last = place.split(".")
    level: Any = content
    for name in above:
        level = level[int(name)] if isinstance(level, list) else level.setdefault(name, {})
    if value == "both spellings":
        level[last] |= {"ask_default_model": True, "observe_default_model": True}
    elif value is None and last == "dialect":
        del level[last]
    else:
        level[last] = value
    return content


@pytest.mark.parametrize("kind", WRONG)
def test_files_that_do_not_load_are_refused(kind: str, tmp_path: Path) -> None:
    """Each kind of mistake that the loader refuses for its form has a red line in an editor, and nothing else has."""
    content = faulty(*WRONG[kind])
    path = tmp_path / "parity.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    with pytest.raises(SettingsError):
        load(path, {})
    assert faults(content)
    assert faults(base()) == []


def test_old_spellings_are_accepted_and_marked() -> None:
    """A renamed key still works, and editors strike it through."""
    content = base()
    content["sides"]["legacy"]["ask_default_model"] = False
    assert faults(content) == []
    for old in RENAMED:
        above, _, name = old.rpartition(".")
        assert at(SCHEMA, above)["properties"][name]["deprecated"] is True


def test_each_form_of_corpora_is_accepted() -> None:
    """A list of corpora and a mapping of what each searches both load, and both are accepted."""
    for corpora in (["staff"], {"everyone": ["staff", "contractors"]}):
        content = base()
        content["retrieve"] |= {"corpora": corpora}
        content["retrieve"].pop("waivers", None)
        for side in ("legacy", "candidate"):
            content["retrieve"][side].pop("corpora", None)
        validate(content, ROOT / "parity.yaml")
        assert faults(content) == []


def test_hover_texts_are_for_people() -> None:
    """A description is one line without a record's internals, and a number says its unit where it has one."""
    read = at(SCHEMA, "sides.*.timeouts")["properties"]["read"]
    assert (read["unit"], read["default"]) == ("seconds", 60.0)
    texts = [one["description"] for one in every(SCHEMA) if "description" in one]
    assert len(texts) > 200
    assert not [text for text in texts if "\n" in text or "Attributes:" in text or "None" in text]


def every(node: Any) -> list[dict[str, Any]]:
    """Return every object of the schema."""
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [*([node] if isinstance(node, dict) else []), *(one for part in below for one in every(part))]


def test_the_command_prints_the_schema() -> None:
    """`parity schema` prints what the tracked file holds, needs no settings, and leaves with 0."""
    done = subprocess.run(
        [sys.executable, "-m", "parity_pipeline.cli.main", "schema"], capture_output=True, text=True, check=True
    )
    assert done.stdout == (DOCS / "parity.schema.json").read_text("utf-8")
