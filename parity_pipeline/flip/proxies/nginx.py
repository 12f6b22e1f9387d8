"""Routing for nginx: a file for the `http` context, such as one in `conf.d`.

Here belongs its template. `split_clients` decides by a hash of the body, so that the same body always goes the same way.
A mirror makes nginx read the body before the target is chosen; without it `$request_body` would be empty then. A body that
does not fit the buffer would be empty too, so the buffer is as large as the largest body.
"""

from parity_pipeline.flip.routing import Route, Target, Traffic


def render(route: Route, traffic: Traffic) -> str:
    """Return the configuration of a step."""
    legacy = [] if route.legacy in traffic.targets else [route.legacy]
    targets = [*traffic.targets, *legacy]
    parts = [*(_upstream(one) for one in targets), _choice(traffic), _maps(targets)]
    return "\n".join([*(part for part in parts if part), _server(route, traffic, targets)])


def _upstream(target: Target) -> str:
    return (
        f"upstream parity_{target.name} {{\n"
        f'    server "{target.authority}";\n'
        "    keepalive 32;\n"
        "    keepalive_timeout 4s;  # shorter than what servers usually keep an idle connection for\n"
        "}\n"
    )


def _choice(traffic: Traffic) -> str:
    main = f"parity_{traffic.main.name}"
    if traffic.moved is None:
        return f"map $request_method $parity_target {{\n    default {main};\n}}\n"
    return (
        f'split_clients "$request_body" $parity_target {{\n'
        f"    {traffic.per_cent}% parity_{traffic.moved.name};\n"
        f"    * {main};\n"
        "}\n"
    )


def _maps(targets: list[Target]) -> str:
    def of(variable: str, values: list[tuple[str, str]]) -> str:
        rows = "".join(f'    parity_{name} "{value}";\n' for name, value in values)
        return f"map $parity_target $parity_{variable} {{\n{rows}}}\n"

    return "".join(
        [
            of("scheme", [(one.name, one.scheme) for one in targets]),
            of("path", [(one.name, one.path) for one in targets]),
            of("host", [(one.name, one.authority) for one in targets]),
            of("server_name", [(one.name, one.bare_host) for one in targets]),
        ]
    )


def _server(route: Route, traffic: Traffic, targets: list[Target]) -> str:
    tls = any(one.tls for one in targets)
    copy = "/parity-copy" if traffic.mirror else "/parity-read-body"
    lines = [
        "server {",
        f"    listen {route.listen_host}:{route.listen_port};",
        f"    client_max_body_size {route.max_body_bytes};",
        f"    client_body_buffer_size {route.max_body_bytes};  # $request_body is empty for a body in a file",
        "    client_body_in_single_buffer on;",
        "    underscores_in_headers on;  # otherwise a caller's header such as api_key is dropped",
        "    proxy_http_version 1.1;",
        '    proxy_set_header Connection "";',
        "    # Embedding a text again is harmless, so a connection that broke is tried once more.",
        "    proxy_next_upstream error non_idempotent;",
        *(_TLS if tls else ()),
        "",
        f'    location = "{route.path}" {{',
        *(() if traffic.moved is None and traffic.mirror is None else (f"        mirror {copy};",)),
        "        proxy_set_header Host $parity_host;",
        '        proxy_set_header Connection "";',
        *(("        proxy_ssl_name $parity_server_name;",) if tls else ()),
        "        proxy_pass $parity_scheme://$parity_target$parity_path$is_args$args;",
        "    }",
        *_copies(traffic),
        "",
        "    location / {",
        f"        proxy_set_header Host {route.legacy.authority};",
        '        proxy_set_header Connection "";',
        *((f"        proxy_ssl_name {route.legacy.bare_host};",) if tls else ()),
        f"        proxy_pass {route.legacy.scheme}://parity_legacy"
        + (f"{route.legacy.base}$request_uri;" if route.legacy.base else ";"),
        "    }",
        "}",
    ]
    return "\n".join(lines) + "\n"


_TLS = (
    "    proxy_ssl_server_name on;",
    "    proxy_ssl_verify on;",
    "    proxy_ssl_verify_depth 4;",
    "    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;",
)


def _copies(traffic: Traffic) -> list[str]:
    """Return the location that copies go to: the one to compare, or nowhere."""
    if traffic.mirror is not None:
        mirror = traffic.mirror
        return [
            "",
            "    location = /parity-copy {",
            "        internal;",
            "        proxy_connect_timeout 1s;",
            "        proxy_read_timeout 10s;",
            f"        proxy_set_header Host {mirror.authority};",
            '        proxy_set_header Connection "";',
            *((f"        proxy_ssl_name {mirror.bare_host};",) if mirror.tls else ()),
            f"        proxy_pass {mirror.scheme}://parity_{mirror.name}{mirror.path};",
            "    }",
        ]
    if traffic.moved is None:
        return []
    return ["", "    location = /parity-read-body {", "        internal;", "        return 204;", "    }"]
