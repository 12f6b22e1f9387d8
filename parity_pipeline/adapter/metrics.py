"""Metrics in the form of Prometheus: counts and durations by words of this package, never by words of callers.

Here belong every metric with its labels. Labels take values from closed sets only (sides, kinds, modes, outcomes), so that
no text, token or model name of a caller gets into them, and their number stays small.
"""

import os
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

WORKERS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable by which prometheus-client shares metrics among workers, read when it is imported."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_DISTANCES: Final = (1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)


class Metrics:
    """All metrics of one process.

    Attributes:
        requests: Requests of callers, by HTTP status and the kind of refusal, `ok` for none.
        seconds: Seconds from the head of a caller's request to the end of the response's body.
        in_flight: Requests of callers without a response so far.
        texts: Texts with a vector, by the side whose vectors they got.
        zero_vectors: Zero vectors passed on as the side sent them, by side.
        upstream_requests: Requests to a side, by side and result: `ok` or a kind of the retry table.
        upstream_seconds: Seconds of those with a response, by side.
        relayed: Requests passed to the callers' own side as they came, by reason.
        shadow_requests: Requests looked at in mode `shadow`, by what became of them.
        shadow_texts: Compared texts, by outcome.
        shadow_distance: 1 - cosine of compared texts.
        sampled: Texts looked at for the sample of the traffic, by what became of them.
    """

    def __init__(self) -> None:
        """Register all of them in a registry of their own."""
        self.registry = registry = CollectorRegistry()
        name = "parity_adapter_"

        def counter(suffix: str, text: str, *labels: str) -> Counter:
            return Counter(name + suffix, text, labels, registry=registry)

        self.requests = counter("requests", "Requests of callers", "status", "kind")
        self.seconds = Histogram(
            name + "request_seconds", "Seconds of callers' requests", buckets=_SECONDS, registry=registry
        )
        self.in_flight = Gauge(
            name + "in_flight",
            "Callers' requests without a response so far",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.texts = counter("texts", "Texts with a vector", "side")
        self.zero_vectors = counter("zero_vectors", "Zero vectors passed on", "side")
        self.upstream_requests = counter("upstream_requests", "Requests to a side", "side", "result")
        self.upstream_seconds = Histogram(
            name + "upstream_seconds", "Seconds of requests to a side", ["side"], buckets=_SECONDS, registry=registry
        )
        self.relayed = counter("relayed", "Requests passed to the callers' own side as they came", "reason")
        self.shadow_requests = counter("shadow_requests", "Requests in mode shadow", "result")
        self.shadow_texts = counter("shadow_texts", "Texts compared in mode shadow", "outcome")
        self.shadow_distance = Histogram(
            name + "shadow_cosine_distance",
            "1 - cosine of texts compared in mode shadow",
            buckets=_DISTANCES,
            registry=registry,
        )
        self.sampled = counter("sampled_texts", "Texts looked at for the sample of the traffic", "result")

    def render(self) -> bytes:
        """Return all metrics in the text format, of all workers where there are several."""
        if WORKERS_VARIABLE not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
