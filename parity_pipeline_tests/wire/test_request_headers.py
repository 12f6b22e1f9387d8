"""The headers of one side's requests, without sending them."""

from random import Random
from typing import Any
from uuid import UUID

import pytest

from parity_pipeline.wire.request_headers import RequestHeaders, new_request_id
from parity_pipeline_tests.wire.fake_side import side

BODY = b'{"input": ["text"]}'


def test_a_request_has_its_length_and_its_id() -> None:
    """What the side has is there once, beside what this request alone has."""
    headers = RequestHeaders(side(bearer_token="secret", headers={"X-Team": "search"}))  # noqa: S106 - made up
    assert headers.of(BODY, headers.sent_id("1")) == {
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": "parity-pipeline",
        "x-team": "search",
        "authorization": "Bearer secret",
        "x-request-id": "1",
        "content-length": str(len(BODY)),
    }
    assert "x-request-id" not in headers.of(BODY)


def test_the_settings_replace_a_header_and_the_request_replaces_both() -> None:
    """However a name is written, it is sent once; the token of `bearer_env` is not replaced by the settings."""
    config = side(bearer_token="secret", headers={"User-Agent": "mine", "Authorization": "Basic x"})  # noqa: S106
    found = RequestHeaders(config).of(BODY, more={"content-type": "text/plain"})
    assert [found["user-agent"], found["authorization"], found["content-type"]] == [
        "mine",
        "Bearer secret",
        "text/plain",
    ]


@pytest.mark.parametrize(
    ("settings", "header"), [({"request_id_header": None}, None), ({"headers": {"X-Request-ID": "mine"}}, "mine")]
)
def test_no_id_is_said_to_be_sent_where_none_is(settings: dict[str, Any], header: str | None) -> None:
    """An id that is recorded was sent; one that the settings give is theirs."""
    headers = RequestHeaders(side(**settings))
    assert headers.sent_id("1") is None
    assert headers.of(BODY, "1").get("x-request-id") == header


def test_an_id_is_a_uuid_of_version_4() -> None:
    """Some gateways accept no other id; a known random source gives known ids."""
    assert UUID(new_request_id(Random(1))).version == 4  # noqa: S311 - not for secrets
    assert new_request_id(Random(1)) == new_request_id(Random(1)) != new_request_id(Random(2))  # noqa: S311
