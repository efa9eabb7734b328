"""What must not be touched: a web server and a file on this machine. Whoever asks for them is remembered."""

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

# What a client would show if it had read the canaries.
WORD = "canary-was-read"
_ANSWER = f'<http://canary.example/s> <http://canary.example/p> "{WORD}" .\n'.encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/n-triples\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"


class Canary:
    """The two canaries. `touched` lists what was asked of the server, and the file if it was opened."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "canary.nt"
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._asked: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._path.write_bytes(_ANSWER)
        # An access time before the time of change moves with the first reading, even under `relatime`.
        os.utime(self._path, ns=(0, self._path.stat().st_mtime_ns))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        """An URL of the server."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    @property
    def port(self) -> int:
        """The port of the server."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def file(self) -> str:
        """The URL of the file."""
        return self._path.as_uri()

    @property
    def touched(self) -> list[str]:
        """What came; empty is good. The file counts where the file system keeps access times."""
        opened = [str(self._path)] if self._path.stat().st_atime_ns != 0 else []
        return [*self._asked, *opened]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(2)
                self._asked.append(connection.recv(4096).decode("latin-1").partition("\r\n")[0] or "a connection")
                connection.sendall(_HEAD % len(_ANSWER) + _ANSWER)
