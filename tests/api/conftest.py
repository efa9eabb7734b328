"""One service over the project's graph for all tests of the API, with texts made up for the passages."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.api import server
from service.api.listening import listening_socket
from service.graph.keys import Keys
from service.settings import Settings
from tests.api.service import Service, running

# Longer than any of the documents; the words do not matter, only that passages are cut from them.
_TEXT = "".join(f"{number:07d} " for number in range(20_000))


@pytest.fixture(scope="session")
def made_up_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for number in range(5):
        (folder / f"{number:03d}_made-up.txt").write_text(_TEXT, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def service(made_up_texts: Path) -> Iterator[Service]:
    with running(made_up_texts) as opened:
        yield opened


@pytest.fixture(scope="session")
def address(service: Service) -> Iterator[str]:
    """The address of the service on loopback."""
    with listening(service) as found:
        yield found


@dataclass(frozen=True)
class Writable:
    """A service whose graph may be changed by whoever has the key."""

    service: Service
    address: str
    token: str

    @property
    def key(self) -> dict[str, str]:
        """The header of a request that writes."""
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="session")
def writable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writable]:
    """A service of its own for tests that write: what they leave behind is seen by no other test."""
    home = tmp_path_factory.mktemp("home")
    token = Keys(home).new("ann", "write")
    with running(home=home) as opened, listening(opened) as found:
        yield Writable(opened, found, token)


@contextmanager
def listening(service: Service) -> Iterator[str]:
    """The address on loopback at which a service listens meanwhile."""
    settings = Settings(port=0)
    with listening_socket(settings) as listener:
        listener.listen()  # who asks before the server has begun waits
        host, port = listener.getsockname()[:2]
        running = server.server_for(service.app, settings)
        serving = asyncio.run_coroutine_threadsafe(running.serve(sockets=[listener]), service.loop.loop)
        try:
            yield f"http://{host}:{port}"
        finally:
            running.should_exit = True
            serving.result(timeout=30)
