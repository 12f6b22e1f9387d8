"""Commands that a reader copies: a shell turns them back into what was meant, and no token is in them."""

import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.outcomes import Side
from parity_pipeline.report.escape import fenced
from parity_pipeline.report.retrieval_advice import retrieval_backfill_command, retrieval_run_command
from parity_pipeline.report.shell import MOST_BODY, SentRequest, curl_lines
from parity_pipeline_tests.report.verdicts import HOSTILE


def _sent(body: str, *, url: str = "http://h/v", variable: str = "") -> SentRequest:
    return SentRequest(side=Side.LEGACY, query_id="q", url=url, body=body, token_variable=variable)


def _arguments(request: SentRequest) -> list[str]:
    """Return the arguments that a shell gives to `curl`, of the command as it stands in the report."""
    shown = fenced(curl_lines(request), "sh", indented=True).splitlines()[1:-1]
    script = "\n".join(["curl() { printf '%s\\0' \"$@\"; }", *shown])
    said = subprocess.run(
        ["/bin/bash", "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8", "TOKEN": "s3cret"}
    )
    return said.stdout.decode("utf-8", "surrogatepass").split("\0")[:-1]


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=60) | st.sampled_from(HOSTILE))
def test_a_body_reads_back_as_it_was_sent(text: str) -> None:
    """Whatever a query says, shell and JSON reader turn the printed command back into the body."""
    body = {"question": text, "top_k": 10, "filter": {"city": [text]}}
    *_, flag, printed = _arguments(_sent(json.dumps(body)))
    assert flag == "--data-binary"
    assert json.loads(printed) == body


@pytest.mark.parametrize("body", ["not JSON: it's `x` $HOME", "{", ""])
def test_a_body_that_is_not_json_stays_as_it_is(body: str) -> None:
    """A body of another form is quoted and not changed."""
    assert _arguments(_sent(body))[-1] == body


def test_a_token_is_named_and_never_shown() -> None:
    """The command reads the token from its variable; a name that no shell can read is not put between quotes."""
    named = _sent("{}", variable="TOKEN")
    assert "authorization: Bearer s3cret" in _arguments(named)
    assert not any("s3cret" in line for line in curl_lines(named))
    assert "authorization: Bearer <token>" in _arguments(_sent("{}", variable='x"; rm -rf "$HOME'))


def test_a_url_is_one_word() -> None:
    """An address with characters that a shell would act on reaches `curl` as one argument."""
    url = "http://h/v?a=1&b=$(id) `x`;y"
    assert _arguments(_sent("{}", url=url))[1] == url


def test_a_long_body_is_left_out() -> None:
    """A body that would fill pages is named by its length, and the command reads it from a file."""
    lines = curl_lines(_sent(json.dumps({"question": "x" * MOST_BODY})))
    assert "is too long to be shown: save it as body.json" in lines[0]
    assert lines[-1] == "  --data-binary @body.json"


def test_commands_of_the_retrieve_probe_name_it() -> None:
    """The commands that run one date and corpus again name the probe, and a corpus like an option stays a value."""
    assert retrieval_run_command("2026-04-30", "-x") == "parity run --probe retrieve --date 2026-04-30 --corpus=-x"
    assert retrieval_backfill_command("2026-04-30", "a b", Side.LEGACY) == (
        "parity backfill --probe retrieve --from 2026-04-30 --to 2026-04-30 --side legacy --corpus 'a b'"
    )
