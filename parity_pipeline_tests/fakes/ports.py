"""Ports of the loopback for a process that a test starts and that takes its port as an argument.

Here belongs the choice of such a port. A server inside the test takes a port of the system's choice and needs none of
this, see `serving`.
"""

from socket import create_connection, create_server


def free_port() -> int:
    """Return a port that nobody listens on and that the system gives to nobody else for the next minute.

    A port that was merely free a moment ago may be the local end of someone's connection when the process comes to
    listen on it. Here the listening end closes one connection first: its port then stays in TIME_WAIT, where the system
    passes it over, while a server that asks for the port by number gets it: both have set SO_REUSEADDR, as `create_server` and asyncio do.
    """
    with create_server(("127.0.0.1", 0)) as listener:
        with create_connection(listener.getsockname()) as client:
            accepted, _ = listener.accept()
            accepted.close()
            client.recv(1)  # the end of the stream: this end closes second
        return int(listener.getsockname()[1])
