"""The routing of each proxy: what goes where, the way back, and what no configuration can hold."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as Path_

from parity_pipeline.adapter.metrics import Metrics
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.flip_steps import FORWARD, FlipStep
from parity_pipeline.flip.options import Divide
from parity_pipeline.flip.plan import WATCHED
from parity_pipeline.flip.proxies.table import PROXIES, WRITTEN_FOR, Proxy
from parity_pipeline.flip.routing import Route, checked_path, listening, target
from parity_pipeline_tests.fakes.ports import free_port
from parity_pipeline_tests.fakes.serving import serve

NGINX: Final = shutil.which("nginx")
NODE: Final = shutil.which("node")
MAIN: Final = """\
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log off;
    include {file};
}}
"""


def made(
    legacy: str = "http://127.0.0.1:43100",
    candidate: str = "http://127.0.0.1:43120",
    path: str = "/ai/embed",
    listen: str = "127.0.0.1:8080",
    **changes: Any,
) -> Route:
    """Return a route."""
    host, port = listening(listen)
    shares = [step for step in FORWARD if step.startswith("share")]
    return Route(
        listen_host=host,
        listen_port=port,
        path=path,
        legacy=target("legacy", legacy, path),
        candidate=target("candidate", candidate, path),
        shadow=target("shadow", "http://127.0.0.1:43121", path),
        share={step: target("share", f"http://127.0.0.1:{43122 + at}", path) for at, step in enumerate(shares)},
        **changes,
    )


ROUTES: Final[Mapping[str, Route]] = {
    "plain": made(),
    "by text": made(divide=Divide.TEXT),
    "TLS and prefixes": made("https://old.example.com/api", "https://[::1]:8443/v2/x", "/v1/embeddings"),
}


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("step", WRITTEN_FOR)
def test_nginx_accepts_its_configuration(tmp_path: Path, name: str, step: FlipStep) -> None:
    """`nginx -t` finds nothing wrong at any step, with TLS, prefixes and IPv6 too."""
    text = PROXIES["nginx"].file(ROUTES[name], step)
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    if "https://" in text and not authorities.exists():
        pytest.skip("this machine has no trusted certificates")
    file = tmp_path / "parity.conf"
    # nginx looks up the names of servers when it tests a configuration, and a test has no network.
    file.write_text(text.replace("old.example.com", "127.0.0.1"), "utf-8")
    main = tmp_path / "nginx.conf"
    main.write_text(MAIN.format(folder=tmp_path, file=file), "utf-8")
    done = subprocess.run([str(NGINX), "-t", "-p", tmp_path, "-c", main], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in re.sub(r".*\"user\" directive.*", "", done.stderr)


@pytest.mark.parametrize("proxy", PROXIES.values(), ids=list(PROXIES))
def test_every_step_has_a_file_that_names_its_way_back(proxy: Proxy) -> None:
    """The head of each file says what it does, how to apply it, and how to go back to the legacy."""
    for step in WRITTEN_FOR:
        head = proxy.file(made(), step).splitlines()[:3]
        assert all(line.startswith(proxy.comment) for line in head)
        assert [words in line for words, line in zip(("Step", "Apply:", "Way back:"), head, strict=True)] == [True] * 3
        assert proxy.applied(FlipStep.ROLL_BACK) in head[2]
    back = proxy.file(made(), FlipStep.ROLL_BACK)
    assert "43100" in back
    if proxy.name != "node":  # it holds the routes of all steps
        assert "4312" not in back
        assert "43120" in proxy.file(made(), FlipStep.FLIP)


def test_envoy_gets_valid_yaml_with_a_mirror_and_a_cluster_for_each_target() -> None:
    """Each route names a cluster that is there; shadowing copies requests; TLS checks the name."""
    [embed, rest], clusters = of_envoy(made("https://old.example.com"), FlipStep.SHADOW)
    assert embed["route"]["cluster"] == rest["route"]["cluster"] == "parity_legacy"
    assert embed["route"]["request_mirror_policies"] == [{"cluster": "parity_shadow"}]
    assert set(clusters) == {"parity_legacy", "parity_shadow"}
    assert clusters["parity_legacy"]["transport_socket"]["typed_config"]["sni"] == "old.example.com"
    assert name_in_certificate(clusters["parity_legacy"]) == ("DNS", "old.example.com")
    assert embed["route"]["retry_policy"]["retry_on"] == "reset,connect-failure"
    assert embed["route"]["timeout"] == rest["route"]["timeout"] == "60s"


def of_envoy(route: Route, step: FlipStep) -> tuple[list[Any], dict[str, Any]]:
    """Return the routes and the clusters of Envoy's file."""
    found = yaml.safe_load(PROXIES["envoy"].file(route, step))["static_resources"]
    manager = found["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return manager["route_config"]["virtual_hosts"][0]["routes"], {one["name"]: one for one in found["clusters"]}


def name_in_certificate(cluster: Any) -> tuple[str, str]:
    """Return the kind and the name that a certificate has to have."""
    context = cluster["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]
    [name] = context["match_typed_subject_alt_names"]
    return name["san_type"], name["matcher"]["exact"]


def test_envoy_sends_no_copies_where_they_would_have_the_path_of_the_legacy() -> None:
    """A copy has the path that the request gets; where that is not the adapter's, the adapter is in the way instead."""
    [embed, _], _ = of_envoy(ROUTES["TLS and prefixes"], FlipStep.SHADOW)
    assert (embed["route"]["cluster"], "request_mirror_policies" in embed["route"]) == ("parity_shadow", False)
    assert "passes requests to the legacy and compares" in PROXIES["envoy"].file(
        ROUTES["TLS and prefixes"], FlipStep.SHADOW
    )


def test_envoy_finds_a_side_by_any_address_and_checks_the_one_that_is_named() -> None:
    """A name such as localhost is tried at each of its addresses, and a certificate for an address has to name it."""
    _, clusters = of_envoy(ROUTES["TLS and prefixes"], FlipStep.FLIP)
    assert {one["dns_lookup_family"] for one in clusters.values()} == {"ALL"}
    assert name_in_certificate(clusters["parity_candidate"]) == ("IP_ADDRESS", "::1")


@pytest.mark.parametrize(
    ("listen", "bound", "address"),
    [
        ("127.0.0.1:8080", "127.0.0.1", "127.0.0.1"),
        ("[::]:8080", "::", "::"),
        ("localhost:8080", "localhost", "127.0.0.1"),
    ],
)
def test_caddy_and_envoy_listen_where_the_settings_say_and_serve_every_host(
    listen: str, bound: str, address: str
) -> None:
    """The address is listened on only: in the name of a site of Caddy it would refuse callers that use another name."""
    lines = PROXIES["caddy"].file(made(listen=listen), FlipStep.FLIP).splitlines()
    assert "http://:8080 {" in lines
    assert f"\tbind {bound}" in lines
    found = yaml.safe_load(PROXIES["envoy"].file(made(listen=listen), FlipStep.FLIP))["static_resources"]
    assert found["listeners"][0]["address"]["socket_address"] == {"address": address, "port_value": 8080}


def test_caddy_puts_the_prefix_of_the_legacy_before_the_path_as_it_was_sent() -> None:
    """`rewrite` would decode the path, so that a model named `org%2Fname` would be another path."""
    text = PROXIES["caddy"].file(ROUTES["TLS and prefixes"], FlipStep.FLIP)
    assert "\t\turi path_regexp ^/ /api/\n" in text
    assert "{uri}" not in text


def test_haproxy_refuses_a_body_that_it_could_hash_in_part_only() -> None:
    """What of a larger body is hashed depends on how it is sent, so that one body could go both ways."""
    text = PROXIES["haproxy"].file(made(max_body_bytes=5000), FlipStep.SHARE_10)
    assert "    http-request deny deny_status 413 if { req.body_size gt 5000 }\n" in text
    assert "    tune.bufsize 70536  #" in text


def test_haproxy_keeps_its_main_file() -> None:
    """That names the user, the chroot and the logs; a file in its place would let the workers run as root."""
    applied = PROXIES["haproxy"].applied(FlipStep.FLIP)
    assert applied.startswith("cp haproxy/5-flip.cfg /etc/haproxy/parity.cfg && ")
    assert "haproxy -c -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/parity.cfg" in applied


def test_nginx_passes_headers_with_an_underscore() -> None:
    """It would drop them, and a caller's `api_key` with them."""
    assert "    underscores_in_headers on;" in PROXIES["nginx"].file(made(), FlipStep.ROLL_BACK)


def test_node_asks_once_more_and_leaves_expect_to_the_server() -> None:
    """`fetch` refuses the header, and a connection that broke is tried once more; a time limit is not."""
    text = PROXIES["node"].file(made(), FlipStep.ROLL_BACK)
    assert '"transfer-encoding", "expect"]' in text
    assert 'error.name === "TimeoutError" ? Promise.reject(error) : fetch(' in text
    assert "response.headers.getSetCookie()" in text


@pytest.mark.parametrize("name", ["nginx", "haproxy", "node"])
def test_a_share_is_divided_by_the_body_or_by_the_adapter(name: str) -> None:
    """A proxy that hashes bodies does so, unless the adapter is to divide batches by text."""
    proxy = PROXIES[name]
    by_body = made().traffic(FlipStep.SHARE_10, mirrors=proxy.mirrors, hashes_bodies=proxy.hashes_bodies)
    assert (by_body.main.name, by_body.per_cent) == ("legacy", 10)
    assert by_body.moved is not None
    assert by_body.moved.name == "candidate"
    by_text = ROUTES["by text"].traffic(FlipStep.SHARE_10, mirrors=proxy.mirrors, hashes_bodies=True)
    assert (by_text.main.name, by_text.moved) == ("share", None)


@pytest.mark.parametrize(
    "path",
    [
        "/a b",
        '/a"b',
        "/a;b",
        "/$host",
        "/a{b}",
        "/a#b",
        "/a\nb",
        "/a'b",
        "/a\\b",
        "a",
        "",
        "/a/../b",
        "//a",
        "/é",
        "/%41",
    ],
)
def test_a_path_that_means_more_in_a_configuration_is_refused(path: str) -> None:
    """No setting can put a directive into the configuration of a proxy."""
    with pytest.raises(SettingsError, match="no safe form"):
        checked_path(path)


@pytest.mark.parametrize("listen", ["8080", "host:0", "host:99999", "a b:80", "x;y:80", "$h:80", "[::1:80"])
def test_an_address_that_means_more_in_a_configuration_is_refused(listen: str) -> None:
    """The same holds of the address that is listened on."""
    with pytest.raises(SettingsError):
        listening(listen)


def test_every_metric_that_is_watched_is_one_of_the_adapter() -> None:
    """The plan names metrics as /metrics has them."""
    known = {name for family in Metrics().registry.collect() for name in (family.name, f"{family.name}_total")}
    named = {name for lines in WATCHED.values() for line in lines for name in re.findall(r"parity_adapter_\w+", line)}
    assert named
    assert named <= known


def side(name: str, seen: list[str]) -> Starlette:
    """Return a gateway that says who it is."""

    async def embed(request: Request) -> Response:
        seen.append((await request.json())["texts"][0])
        return JSONResponse({"side": name, "path": request.url.path, "query": request.url.query})

    return Starlette(routes=[Path_("/{rest:path}", embed, methods=["POST"])])


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_the_handler_of_node_divides_by_body_and_takes_another_step_while_it_serves(tmp_path: Path) -> None:
    """One body always goes one way, about the share moves, and SIGHUP takes the way back without a restart."""
    seen: dict[str, list[str]] = {"legacy": [], "candidate": []}
    with (
        serve(side("legacy", seen["legacy"])) as legacy,
        serve(side("candidate", seen["candidate"])) as candidate,
    ):
        listen = f"127.0.0.1:{free_port()}"
        file = tmp_path / "handler.mjs"
        file.write_text(PROXIES["node"].file(made(legacy, candidate, listen=listen), FlipStep.SHARE_50), "utf-8")
        with subprocess.Popen([str(NODE), file], stderr=subprocess.PIPE) as process, httpx.Client(timeout=60) as client:
            try:
                wait_until_listening(client, listen, process)
                sides = [ask(client, listen, f"text {number}") for number in range(200)]
                assert [ask(client, listen, f"text {number}") for number in range(20)] == sides[:20]
                assert 60 < sides.count("candidate") < 140
                (tmp_path / "parity-step").write_text("roll-back\n", "utf-8")
                process.send_signal(1)
                while "candidate" in {ask(client, listen, f"text {number}") for number in range(200)}:
                    assert process.poll() is None
                other = client.post(f"http://{listen}/other?a=b", json={"texts": ["x"]}).json()
                assert other == {"side": "legacy", "path": "/other", "query": "a=b"}
            finally:
                process.terminate()


def wait_until_listening(client: httpx.Client, listen: str, process: "subprocess.Popen[bytes]") -> None:
    """Return when the handler serves."""
    while process.poll() is None:
        try:
            ask(client, listen, "first")
        except httpx.TransportError:
            continue
        return
    raise AssertionError(process.stderr.read() if process.stderr else "")


def ask(client: httpx.Client, listen: str, text: str) -> str:
    """Return which side responded to a text."""
    response = client.post(f"http://{listen}/ai/embed", content=json.dumps({"texts": [text]}))
    assert response.status_code == 200, response.text
    return response.json()["side"]
