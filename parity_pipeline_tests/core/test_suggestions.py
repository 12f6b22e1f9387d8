"""What a person may have meant: near names are found, and nothing is suggested where nothing is near."""

import pytest

from parity_pipeline.core.suggestions import MANY, did_you_mean, meant, nearest

NAMES = ("models", "samples", "observe_default_model", "rust-hybrid")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("modles", "models"),
        ("MODELS", "models"),
        ("observe-default-model", "observe_default_model"),
        ("rust_hybird", "rust-hybrid"),
        ("sample", "samples"),
        ("x", None),
        ("", None),
        ("timeouts", None),
    ],
)
def test_the_nearest_name(given: str, expected: str | None) -> None:
    """Capitals, dashes, and a letter or two do not matter; another word is none of them."""
    assert nearest(given, NAMES) == expected


def test_what_is_said_where_nothing_is_near() -> None:
    """The names that there are, not too many of them, and what else may be done."""
    assert did_you_mean("x", NAMES[:2], "Else add it") == "use one of models, samples. Else add it"
    assert did_you_mean("x", [f"n{number:02}" for number in range(MANY + 3)]).endswith("and 3 more")
    assert did_you_mean("x", []) == ""
    assert did_you_mean("x", [], "Else add it") == "Else add it"


def test_several_names_get_one_suggestion_each_or_none() -> None:
    """A question about some of several unknown names would hide the others."""
    assert meant(["modles", "sampels"], NAMES, "Or add them.") == "Did you mean models, samples? Or add them."
    assert meant(["modles", "x"], NAMES, "Or add them.") == "Or add them."
