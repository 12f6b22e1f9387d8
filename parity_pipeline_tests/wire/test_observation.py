"""What one response shows beside its vectors."""

import json
from typing import Any

import pytest

from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.wire_observation import observe

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
    seen = observe(RUST, ("texts",), body, 2)
    assert (seen.dimension, seen.declared_dimension) == (2, declared)


def test_a_dialect_that_states_no_dimension_declares_none() -> None:
    """A field that the dialect does not name is not read."""
    body = json.dumps({"data": [{"embedding": [0.1]}], "dimensions": 5}).encode()
    assert observe(OPENAI, ("input",), body, 1).declared_dimension == 0
