"""Routing for Envoy: a static configuration, or the listener and clusters of one.

Here belongs its template. Envoy does not hash bodies, and its weighted clusters choose per request at random, which would
send one text both ways. So the adapter divides the traffic by text while it is shared, and Envoy sends everything to it.
It gives a copy the path that the request itself gets, so the adapter gets copies only where the legacy has the same path.
"""

from ipaddress import ip_address
from typing import Any

import yaml

from parity_pipeline.flip.routing import Route, Target, Traffic

_TYPES = "type.googleapis.com/envoy.extensions"
_LOCAL = {"localhost": "127.0.0.1"}


def render(route: Route, traffic: Traffic) -> str:
    """Return the configuration of a step."""
    targets = [*traffic.targets, *([] if route.legacy in traffic.targets else [route.legacy])]
    resources = {"listeners": [_listener(route, traffic)], "clusters": [_cluster(one) for one in targets]}
    return yaml.safe_dump({"static_resources": resources}, sort_keys=False, width=110)


def _listener(route: Route, traffic: Traffic) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "parity",
        "route_config": {
            "name": "parity",
            "virtual_hosts": [{"name": "embed", "domains": ["*"], "routes": _routes(route, traffic)}],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.buffer",
                "typed_config": {
                    "@type": f"{_TYPES}.filters.http.buffer.v3.Buffer",
                    "max_request_bytes": route.max_body_bytes,
                },
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
            },
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "name": "parity",
        # Envoy listens on addresses only.
        "address": _socket(_LOCAL.get(route.listen_host, route.listen_host.strip("[]")), route.listen_port),
        "filter_chains": [{"filters": filters}],
    }


def _routes(route: Route, traffic: Traffic) -> list[dict[str, Any]]:
    action: dict[str, Any] = {
        "cluster": f"parity_{traffic.main.name}",
        "timeout": "60s",
        "host_rewrite_literal": traffic.main.authority,
        # One more attempt for a connection that broke: embedding a text again is harmless.
        "retry_policy": {"retry_on": "reset,connect-failure", "num_retries": 1},
    }
    if traffic.main.path != route.path:
        action["prefix_rewrite"] = traffic.main.path
    if traffic.mirror is not None:
        action["request_mirror_policies"] = [{"cluster": f"parity_{traffic.mirror.name}"}]
    rest: dict[str, Any] = {
        "cluster": "parity_legacy",
        "timeout": "60s",
        "host_rewrite_literal": route.legacy.authority,
    }
    if route.legacy.base:
        rest["prefix_rewrite"] = f"{route.legacy.base}/"
    return [{"match": {"path": route.path}, "route": action}, {"match": {"prefix": "/"}, "route": rest}]


def _cluster(target: Target) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _socket(target.bare_host, target.port)}}
    found: dict[str, Any] = {
        "name": f"parity_{target.name}",
        "type": "STRICT_DNS",
        "dns_lookup_family": "ALL",  # else only the IPv6 address of a name such as localhost
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": f"parity_{target.name}",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    if target.tls:
        found["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_TYPES}.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": target.bare_host,
                "common_tls_context": {
                    "validation_context": {
                        "trusted_ca": {"filename": "/etc/ssl/certs/ca-certificates.crt"},
                        "match_typed_subject_alt_names": [
                            {"san_type": _san_type(target.bare_host), "matcher": {"exact": target.bare_host}},
                        ],
                    }
                },
            },
        }
    return found


def _socket(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _san_type(host: str) -> str:
    """Return which names of a certificate a host is compared with."""
    try:
        ip_address(host)
    except ValueError:
        return "DNS"
    return "IP_ADDRESS"
