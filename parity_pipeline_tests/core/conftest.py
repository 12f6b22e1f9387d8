"""How the properties of the core are tried: without a time limit for one example, on a machine that may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("core", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("core")
