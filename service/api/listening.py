"""The socket that the service listens on."""

import socket

from service.errors import ConfigurationError
from service.settings import Settings


def listening_socket(settings: Settings) -> socket.socket:
    """A socket bound to the address of the settings. Raises ConfigurationError: the address is not to be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; else each answer waits 40 ms for the client's delayed ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        reason = f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); set PORT to another, or to 0"
        raise ConfigurationError(reason) from error
    return listener
