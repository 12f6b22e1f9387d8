"""What one response shows beside its vectors."""

import json
from dataclasses import replace
from typing import Any

import pytest

from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.error_text import error_message
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.wire_observation import observe, software

RUST = next(one for one in BUILT_IN if one.name == "rust")
OPENAI = next(one for one in BUILT_IN if one.name == "openai")


@pytest.mark.parametrize(
    ("members", "declared"),
    [
        ({"dimensions": 768}, 768),
        ({}, 0),
        ({"dimensions": None}, 0),
        ({"dimensions": True}, 0),
        ({"dimensions": -1}, 0),
    ],
)
def test_the_declared_dimension_is_observed(members: dict[str, Any], declared: int) -> None:
    """The number that a response states is kept beside the length of its vectors, and nothing else is taken for one."""
    body = json.dumps({"embeddings": [[0.1, 0.2]], **members}).encode()
    seen = observe(RUST, ("texts",), body, 2, hide=str)
    assert (seen.dimension, seen.declared_dimension) == (2, declared)


def test_a_dialect_that_states_no_dimension_declares_none() -> None:
    """A field that the dialect does not name is not read."""
    body = json.dumps({"data": [{"embedding": [0.1]}], "dimensions": 5}).encode()
    assert observe(OPENAI, ("input",), body, 1, hide=str).declared_dimension == 0


SECRET = "SECRETTOKEN0123456789"  # noqa: S105 - made up
CONFIG = SideConfig(side=Side.LEGACY, label="legacy", base_url="http://127.0.0.1:1", dialect=RUST, bearer_token=SECRET)


@pytest.mark.parametrize("room", [3, 4, 10, len(SECRET)])
def test_a_secret_that_a_cut_goes_through_is_masked(room: int) -> None:
    """A message is masked before it is cut, so that no beginning of a token is left at its end."""
    body = json.dumps({"error": "a" * (ERROR_CHARACTERS - room) + SECRET}).encode()
    message = error_message(body, "application/json", CONFIG.without_secrets)
    assert SECRET[:1] not in message
    assert message.endswith("*" * min(room, 3))


@pytest.mark.parametrize(
    "body",
    [r'{"error": "bad token ab\/cd\u002bef0123"}', "<html><title>bad token ab&#47;cd&#43;ef0123</title></html>"],
    ids=["json", "html"],
)
def test_a_secret_that_is_spelled_with_escapes_is_masked(body: str) -> None:
    """JSON and HTML may write a character of a token another way; what is shown does not hold the token."""
    config = replace(CONFIG, bearer_token="ab/cd+ef0123")  # noqa: S106 - made up
    message = error_message(body.encode(), "", config.without_secrets)
    assert "cd" not in message
    assert "bad token ***" in message


@pytest.mark.parametrize("cut", ["", "…"])
@pytest.mark.parametrize("left", [4, 12, len(SECRET) - 1])
def test_what_is_left_of_a_secret_at_the_end_of_a_text_is_masked(left: int, cut: str) -> None:
    """A text that another program had cut before shows no beginning of a token of four characters or more."""
    assert CONFIG.without_secrets(f"bad header {SECRET[:left]}{cut}") == "bad header ***"


def test_other_texts_stay_as_they_are() -> None:
    """The control: a text that ends like the token but does not hold its beginning is not masked."""
    assert CONFIG.without_secrets(f"bad header {SECRET[4:]} SEC") == f"bad header {SECRET[4:]} SEC"


def test_a_field_name_that_holds_a_secret_is_masked_before_it_is_cut() -> None:
    """Names of response fields and the headers of the server's software show no part of a token."""
    name = "n" * 70 + SECRET
    seen = observe(RUST, ("texts",), json.dumps({name: 1}).encode(), 2, hide=CONFIG.without_secrets)
    assert seen.response_fields == (f"{'n' * 70}***: number",)
    assert software({"server": "s" * 190 + SECRET}, CONFIG.without_secrets) == {"server": "s" * 190 + "***"}
