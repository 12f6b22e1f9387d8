"""What holds for every test: signals as a terminal has them, and no time limit on an example of a property."""

import signal

from hypothesis import HealthCheck, settings

# Hypothesis gives each example 200 ms by default. On a busy machine an example takes longer than that for no fault of its own.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job has SIGINT ignored. Dagster hands that on to SIGTERM when it has run a job in this process,
    # and every process that a later test starts would ignore SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
