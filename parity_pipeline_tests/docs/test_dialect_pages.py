"""The pages about dialects: their examples are read by the code that reads real responses, and the guide works."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
import yaml

from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.samples import sample_id
from parity_pipeline.reference import example_bodies as examples
from parity_pipeline.settings.loading import load
from parity_pipeline.wire.decode import Decoder
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline.wire.doctor_request import check_connectivity
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline.wire.retrieval_dialects import RETRIEVAL_DIALECTS, RetrievalDialect
from parity_pipeline.wire.retrieval_responses import RankingDecoder
from parity_pipeline_tests.docs.pages import DOCS, ROOT, blocks
from parity_pipeline_tests.fakes.serving import serve

if TYPE_CHECKING:
    from parity_pipeline.core.fetched_rows import FetchedRows

GUIDE: Final = DOCS / "adding-a-dialect.md"
GOLDEN: Final = ROOT / "parity_pipeline_tests" / "golden" / "dialects"


@pytest.mark.parametrize("dialect", BUILT_IN, ids=lambda row: row.name)
def test_the_example_of_a_dialect_is_read_as_a_response(dialect: Dialect) -> None:
    """The response of the page holds the vectors that the page shows, for as many texts as its request."""
    count = examples.count(dialect)
    decoded = Decoder(dialect).decode(json.dumps(examples.embed_response(dialect)).encode(), count)
    assert decoded.vectors.tolist() == [list(one) for one in examples.VECTORS[:count]]
    assert decoded.model == (examples.MODEL if dialect.model_echo_field else "")
    assert bool(decoded.usage) is (dialect.usage_field is not None)


@pytest.mark.parametrize("dialect", BUILT_IN, ids=lambda row: row.name)
def test_the_example_of_a_dialect_has_the_form_of_its_servers_documentation(dialect: Dialect) -> None:
    """Request and response of the page have the fields that the server's own documentation shows, and invent none."""
    documented = json.loads((GOLDEN / f"{dialect.name}.json").read_text("utf-8"))
    assert forms(examples.embed_request(dialect)) == forms(documented["request"])
    assert forms(examples.embed_response(dialect)) <= forms(documented["response"])


def forms(value: Any, place: str = "") -> set[str]:
    """Return the places of a JSON value, elements of an array without their number."""
    if isinstance(value, dict):
        return {one for name, below in value.items() for one in forms(below, f"{place}.{name}")}
    if isinstance(value, list):
        return {one for below in value for one in forms(below, f"{place}[]")}
    return {place}


@pytest.mark.parametrize("dialect", RETRIEVAL_DIALECTS, ids=lambda row: row.name)
def test_the_example_of_a_retrieval_dialect_is_read_as_a_ranking(dialect: RetrievalDialect) -> None:
    """The response of the page holds the documents and scores that the page shows, and the request says what is searched."""
    body = json.dumps(examples.retrieval_response(dialect)).encode()
    ranking = RankingDecoder(examples.retrieval_side(dialect)).decode(body)
    assert list(zip(ranking.ids, ranking.scores, strict=True)) == list(examples.RESULTS)
    assert len(set(ranking.metadata)) == 1
    request = json.dumps(examples.retrieval_request(dialect))
    assert examples.QUERY.text in request or str(list(examples.VECTORS[0])) in request


def guide() -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return request, response and settings of the guide."""
    request, response = (json.loads(block.code) for block in blocks("json") if block.page == GUIDE)
    (settings,) = (block.code for block in blocks("yaml") if block.page == GUIDE)
    return request, response, settings


class GuideGateway:
    """The gateway of the guide, as an ASGI application: one response, to one form of request."""

    def __init__(self) -> None:
        """Read the page."""
        self.request, self.response, self.settings = guide()
        self.vectors = {
            text: row["values"] for text, row in zip(self.request["inputs"], self.by_position(), strict=True)
        }
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []

    def by_position(self) -> list[dict[str, Any]]:
        """Return the rows of the page's response in the order of the texts."""
        return sorted(self.response["result"]["items"], key=lambda row: row["at"])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Respond to one request with the rows of its texts, the last one first, as the page's response has them."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        request = json.loads(body)
        self.paths.append(scope["path"])
        self.bodies.append(request)
        default = [1.0, 0.0, 0.0]
        rows = [{"at": at, "values": self.vectors.get(text, default)} for at, text in enumerate(request["inputs"])]
        result = self.response["result"] | {"items": rows[::-1]}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"result": result}).encode()})


def test_the_guide_works_against_its_gateway(tmp_path: Path) -> None:
    """The settings of the page fetch the vectors of the page from a gateway that speaks as the page says."""
    gateway = GuideGateway()
    with serve(gateway) as url:
        path = tmp_path / "parity.yaml"
        path.write_text(gateway.settings.replace("http://127.0.0.1:8080", url), "utf-8")
        config = load(path, {}).side_config(Side.LEGACY, {})
        found = check_connectivity(config, "minilm")
        assert [check.ok for check in found.checks] == [True, True, True, True]
        texts = gateway.request["inputs"]
        rows: list[FetchedRows] = []
        block = SampleBlock(0, [sample_id(text) for text in texts], texts, [""] * len(texts))
        result = fetch_lane(config, "minilm", [block], rows.append)
    assert gateway.request in gateway.bodies
    assert set(gateway.paths) == {"/v3/embed"}
    assert rows[0].values.reshape(2, -1).tolist() == [row["values"] for row in gateway.by_position()]
    assert result.models_echoed == {"minilm": 2}


def test_the_response_of_the_guide_is_read_by_its_row(tmp_path: Path) -> None:
    """The response that the page shows, out of order as it is, gives each text its own vector."""
    gateway = GuideGateway()
    path = tmp_path / "parity.yaml"
    path.write_text(gateway.settings, "utf-8")
    decoded = Decoder(load(path, {}).dialect("mine")).decode(json.dumps(gateway.response).encode(), 2)
    assert decoded.vectors.tolist() == [row["values"] for row in gateway.by_position()]


def test_without_its_order_field_the_guides_rows_are_mixed_up(tmp_path: Path) -> None:
    """What the page says of `order_field` is so: without it, each row is that of another text."""
    gateway = GuideGateway()
    path = tmp_path / "parity.yaml"
    path.write_text(re.sub(r"    order_field: .*\n", "", gateway.settings), "utf-8")
    decoded = Decoder(load(path, {}).dialect("mine")).decode(json.dumps(gateway.response).encode(), 2)
    assert decoded.vectors.tolist() == [row["values"] for row in gateway.by_position()][::-1]


def test_the_rows_of_the_guides_table_load(tmp_path: Path) -> None:
    """Each row fragment in the table of what a row can say is one that the settings accept."""
    _, _, settings = guide()
    cells = re.findall(
        r"^\| .* \| `([a-z0-9_]+: [^`]*)`(?:, `([a-z_]+: [^`]*)`)?", GUIDE.read_text("utf-8"), re.MULTILINE
    )
    assert len(cells) >= 5
    for cell in cells:
        content = yaml.safe_load(settings)
        row = {"path": "/x"}
        for part in filter(None, cell):
            row |= yaml.safe_load(part)
        content["dialects"]["mine"] = row
        path = tmp_path / "parity.yaml"
        path.write_text(yaml.safe_dump(content), "utf-8")
        load(path, {})


def test_the_doctor_names_the_field_that_a_wrong_row_looks_for(tmp_path: Path) -> None:
    """What the page says of `parity doctor` is so: it names the field that it looked for and those that are there."""
    gateway = GuideGateway()
    path = tmp_path / "parity.yaml"
    path.write_text(gateway.settings.replace("result.items[].values", "result.rows[].values"), "utf-8")
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=gateway.response))
    config = load(path, {}).side_config(Side.LEGACY, {})
    failed = next(check for check in check_connectivity(config, "minilm", transport=transport).checks if not check.ok)
    assert "result.rows" in failed.detail + failed.remedy
    assert "result" in failed.detail
