"""`marsad serve --dataset`: any RDF behind the same endpoint, without the project's prefixes and without its graph."""

import asyncio
import ipaddress
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.api.listening import listening_socket
from service.errors import ConfigurationError
from service.settings import Settings
from service.store.embedded import open_store, rdf_files

if TYPE_CHECKING:
    from starlette.types import ASGIApp

Progress = Callable[[str, str, float], None]


async def serve_dataset(settings: Settings, paths: Sequence[Path], *, writable: bool, progress: Progress) -> int:
    """Serve RDF files (or folders of them) until a signal ends it; the exit code is 0.

    The default graph is the unnamed one unless MARSAD_DEFAULT_GRAPH says otherwise in the environment. Changes of a
    `writable` dataset live as long as the process.

    Raises ConfigurationError: a file is missing or not RDF by its suffix; `writable` on an address that others reach.
    Raises MalformedRdf: a file cannot be parsed.
    """
    if writable and not _is_loopback(settings.host):
        raise ConfigurationError(
            f"--writable takes changes from anybody who reaches it, so only on loopback; not on {settings.host}"
        )
    files = rdf_files(paths)
    with listening_socket(settings) as listener:
        store = open_store(settings, files=files, writable=writable, progress=progress)
        importing = asyncio.create_task(asyncio.to_thread(_import_api))
        async with store:
            create_app, serve = await importing
            await serve(create_app(store, settings, writable=writable), listener, settings)
    return 0


def _import_api() -> tuple[Callable[..., "ASGIApp"], Callable[..., Coroutine[Any, Any, None]]]:
    """What speaks HTTP takes almost a second to import; meanwhile another process reads the graph."""
    from service.api.dataset import create_dataset_app
    from service.api.server import serve

    return create_dataset_app, serve


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
