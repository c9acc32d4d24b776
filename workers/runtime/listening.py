"""A listening socket at an address of the settings, and in words why it can't be had."""

import errno
import socket


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Ours, not asyncio's: that one would take half of a host's addresses and stay silent."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        # Without it the port of a process that has just ended stays taken for a minute.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(64)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def why_not(error: OSError) -> str:
    """Why an address can't be had."""
    if error.errno == errno.EADDRINUSE:
        return "the port is in use by another process"
    if error.errno == errno.EACCES:
        return "this user may not open that port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address"
    return error.strerror or str(error)
