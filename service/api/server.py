"""The HTTP server: uvicorn with our connection class, and an end that leaves nothing behind."""

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from service.api.connection import Connection, KnownRequests
from service.api.door import Door
from service.settings import Settings

# Seconds that running answers have to end after a signal.
_GRACE_S = 10


class Server(uvicorn.Server):
    """Takes connections by a `Door`, and ends on SIGINT and SIGTERM like uvicorn's own, which then raises the signal
    again: that would end the process before the store is closed and what it keeps on disk meanwhile is removed.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.known = KnownRequests()
        self._doors: list[Door] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections on these sockets."""
        await super().startup(sockets=[])
        make = partial(
            Connection,
            self.known,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        for listener in sockets or []:
            door = Door(listener, self.known, self.server_state, make)
            door.open()
            self._doors.append(door)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, and let running answers end."""
        for door in self._doors:
            await door.close(_GRACE_S)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def server_for(app: ASGIApp, settings: Settings) -> Server:
    """A server for `app`; `serve(sockets=[…])` runs it."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        root_path=settings.root_path,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return Server(config)


async def serve(app: ASGIApp, listener: socket.socket, settings: Settings) -> None:
    """Answer requests on a bound socket until SIGINT or SIGTERM, then let running answers end."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    listener.listen()  # who reads the next line may connect at once
    print(f"Marsad serves http://{shown}:{port}/  (Ctrl-C ends it)", file=sys.stderr, flush=True)
    await server_for(app, settings).serve(sockets=[listener])
