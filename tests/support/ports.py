"""Free TCP ports on the loopback."""

import socket


def free_port() -> int:
    """A port that nothing listens on now. Another process may take it before you do: then the test says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
