"""Routing for Caddy: a Caddyfile, or a file that one imports.

Here belongs its template. Caddy neither copies requests nor hashes bodies, so the adapter compares and divides the traffic,
and Caddy sends everything to it.
"""

from parity_pipeline.flip.routing import Route, Target, Traffic


def render(route: Route, traffic: Traffic) -> str:
    """Return the configuration of a step."""
    main, legacy = traffic.main, route.legacy
    lines = [
        # A host in the address of a site is one that callers have to name, and does not choose what is listened on.
        f"http://:{route.listen_port} {{",
        f"\tbind {route.listen_host.strip('[]')}",
        f"\trequest_body {{\n\t\tmax_size {route.max_body_bytes}\n\t}}",
        f"\thandle {route.path} {{",
        *((f"\t\trewrite * {main.path}",) if main.path != route.path else ()),
        *_proxied(main),
        "\t}",
        "\thandle {",
        # `rewrite` would decode the path, and `%2F` in the name of a model would become a part of it.
        *((f"\t\turi path_regexp ^/ {legacy.base}/",) if legacy.base else ()),
        *_proxied(legacy),
        "\t}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _proxied(target: Target) -> list[str]:
    return [
        f"\t\treverse_proxy {target.scheme}://{target.authority} {{",
        f"\t\t\theader_up Host {target.authority}",
        "\t\t\ttransport http {",
        "\t\t\t\tkeepalive 4s",
        "\t\t\t}",
        "\t\t}",
    ]
