import string
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parity_pipeline.core.limits import SLUG_BYTES
from parity_pipeline.core.slugs import name_of, partition_key, slug

HOSTILE = (
    "",
    "~",
    "%",
    "%7C",
    ".",
    "..",
    "...",
    "....",
    "../x",
    "./x",
    "/etc/passwd",
    "a\\b",
    "a|b",
    "|",
    "a=b",
    "date=2026-04-30",
    "org/model:tag",
    "\x00\x07\n\r\t\x7f",
    "\x85\u2028",
    "\ud800",
    "\udfff\ud800",
    "\ud83d\ude00",
    "a\ud800|",
    " leading and trailing ",
    "é",
    "e\u0301",
    "🦀",
    "🦀" * 300,
    "x" * 160,
    "x" * 161,
    "x" * 300,
    "CON",
    "__HIVE_DEFAULT_PARTITION__",
)
any_text = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=40),
    st.text("./|%~a\ud800\x00", max_size=12),
    st.sampled_from(HOSTILE),
    st.integers(150, 400).map("é".__mul__),
)
SAFE = frozenset(string.ascii_letters + string.digits + "-_.%~")
DAGSTER_REFUSES = ("...", "\a", "\b", "\f", "\n", "\r", "\t", "\v", "\0", "|")


@given(any_text)
def test_slugs_are_safe_file_names(name: str) -> None:
    """A slug is a short, visible name of harmless ASCII that stays in its folder, whatever the model is called."""
    text = slug(name)
    assert 1 <= len(text.encode()) <= SLUG_BYTES
    assert set(text) <= SAFE
    assert not text.startswith(".")


@given(any_text)
def test_slugs_can_be_decoded(name: str) -> None:
    """A slug that was not cut gives its model back."""
    text = slug(name)
    assert "~" in text or unquote(text, errors="surrogatepass") == name


@given(any_text, any_text)
@example("a", "A")
@example("", "%")
@example("", "~")
@example("~", "%7E")
@example("é", "e\u0301")
@example("\ud83d\ude00", "😀")
@example("🦀" * 300, "🦀" * 299)
def test_different_names_have_different_slugs(one: str, other: str) -> None:
    """No two model names share a slug or a partition key."""
    assert (slug(one) == slug(other)) == (one == other)
    assert (partition_key(one) == partition_key(other)) == (one == other)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_make_the_round_trip(name: str) -> None:
    """Every name on the list of known troublemakers comes back from its partition key."""
    assert name_of(partition_key(name)) == name


@given(any_text)
def test_partition_keys_can_be_turned_back(name: str) -> None:
    """A partition key gives its model back, can be stored as UTF-8, and holds nothing that Dagster refuses."""
    key = partition_key(name)
    assert name_of(key) == name
    assert key.encode().decode() == key
    assert not any(part in key for part in DAGSTER_REFUSES)


@pytest.mark.parametrize("name", ["nomic-embed-text", "nomic-embed-text-v2-moe", "a.b_c-1"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    """An ordinary model name is its own slug and its own partition key."""
    assert slug(name) == partition_key(name) == name


@pytest.mark.parametrize("name", [one for one in HOSTILE if not any("\ud800" <= sign <= "\udfff" for sign in one)])
def test_hive_readers_can_decode_every_slug(name: str) -> None:
    """A hive reader decodes every slug without an error, and to the model's name where it was not cut."""
    partitioning = ds.HivePartitioning(pa.schema([("model", pa.string())]))
    filters = str(partitioning.parse(f"model={slug(name)}/part.parquet"))
    # Arrow reads its own word for null as null even when it is escaped; no spelling of that name helps.
    plain = name.isprintable() and name.isascii() and not set(name) & set("\\\"'")
    if plain and 0 < len(name) < 100 and name != "__HIVE_DEFAULT_PARTITION__":
        assert f'"{name}"' in filters
