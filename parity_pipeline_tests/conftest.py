"""What holds for every test: signals as a terminal has them, however the tests were started."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job has SIGINT ignored. Dagster hands that on to SIGTERM when it has run a job in this process,
    # and every process that a later test starts would ignore SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
