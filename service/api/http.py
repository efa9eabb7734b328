"""Small things that the plain ASGI handlers share: headers in, bodies in, answers out."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import unquote_plus

from starlette.types import Receive, Scope, Send

from service.api.problems import Problem, RequestTimeout, UnsupportedMediaType
from service.errors import BadRequest, BodyTooLarge, MarsadError

Headers = list[tuple[bytes, bytes]]

# Reads are open to every page, never with credentials.
EXPOSED = b"ETag, Location, Retry-After, Link, Marsad-Query-Id, Marsad-Ignored-Parameters"
OPEN: Headers = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED)]
# Pairs of a URL or a form. A body of 64 MiB holds 30 million, which take gigabytes.
_MAX_PARAMETERS = 10_000
# Bytes a second of a body, on the whole, after the first pause: a client may be slow but has to arrive.
_LEAST_BODY_RATE = 1024
# Seconds without a byte of the body after which a client is given up.
_BODY_PAUSE_S = 30.0
# What is read of a body that is refused, so that the client sees why.
_MOST_DISCARDED_BYTES, _MOST_DISCARDED_S = 8 * 2**20, 2.0


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a header, several of one name joined; None if there is none."""
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1") if values else None


def local_path(scope: Scope) -> str:
    """The path without the prefix under which a proxy serves Marsad."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path[len(root) :] or "/" if root and path.startswith(root) else path


def own_url(scope: Scope) -> str:
    """The URL of the request without its query, as the client knows it."""
    host = header(scope, b"host")
    if host is None:
        name, port = scope.get("server") or ("localhost", 80)
        host = f"{name}:{port}"
    return f"{scope.get('scheme', 'http')}://{host}{scope['path']}"


class Body:
    """The body of a request: read at most once, or thrown away so that the client gets to see the answer."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope, self._receive = scope, receive
        self._complete = False

    async def read(self, max_bytes: int, *, setting: str = "MARSAD_MAX_BODY_BYTES") -> bytes:
        """The whole body.

        Raises BodyTooLarge, RequestTimeout (no byte for 30 s, or few for longer), UnsupportedMediaType (it is compressed), BadRequest
        (the client went away).
        """
        encoding = header(self._scope, b"content-encoding")
        if encoding not in (None, "", "identity"):
            raise UnsupportedMediaType("a compressed request body is not read here; send it plain")
        announced = header(self._scope, b"content-length")
        if announced is not None and announced.isdigit() and int(announced) > max_bytes:
            raise _too_large(max_bytes, setting)
        parts, size, started = [], 0, time.monotonic()
        while not self._complete:
            parts.append(await self._next())
            size += len(parts[-1])
            if size > max_bytes:
                raise _too_large(max_bytes, setting)
            if not self._complete and time.monotonic() - started > _BODY_PAUSE_S + size / _LEAST_BODY_RATE:
                raise RequestTimeout(f"the request body came with less than {_LEAST_BODY_RATE} bytes a second")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def discard(self) -> bool:
        """Read what is left and forget it; False if that is too much: then the connection has to be closed.

        A server that closes while the client sends makes the client's kernel throw away the answer.
        """
        size = 0
        with suppress(MarsadError, TimeoutError):
            async with asyncio.timeout(_MOST_DISCARDED_S):
                while not self._complete and size <= _MOST_DISCARDED_BYTES:
                    size += len(await self._next())
        return self._complete

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(_BODY_PAUSE_S):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout(f"no byte of the request body came for {_BODY_PAUSE_S:g} s") from None
        if message["type"] != "http.request":
            raise BadRequest("the client went away before its request was complete")
        self._complete = not message.get("more_body")
        data: bytes = message.get("body", b"")
        return data


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes:
    """The whole body of a request; raises what `Body.read` raises."""
    return await Body(scope, receive).read(max_bytes)


def _too_large(max_bytes: int, setting: str) -> BodyTooLarge:
    return BodyTooLarge(
        f"the request body is larger than {max_bytes} bytes; `marsad load` takes files of any size",
        limit="bytes of a request body",
        value=max_bytes,
        setting=setting,
    )


def parameters(text: str) -> list[tuple[str, str]]:
    """The pairs of a query string or a form, in order. Raises BadRequest: they are not UTF-8, or too many."""
    if text.count("&") > _MAX_PARAMETERS:
        raise BadRequest(f"there are more than {_MAX_PARAMETERS} parameters")
    pairs = []
    for part in text.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        try:
            pairs.append((unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")))
        except UnicodeDecodeError:
            raise BadRequest("the parameters are not UTF-8") from None
    return pairs


async def respond(send: Send, status: int, headers: Headers, body: bytes = b"", *, with_body: bool = True) -> None:
    """A whole answer; `with_body` is false for HEAD."""
    if status not in (204, 304):
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body if with_body and status not in (204, 304) else b""})


async def respond_problem(
    send: Send, problem: Problem, *, accept: str | None = None, with_body: bool = True, close: bool = False
) -> None:
    """A problem, open to every page. `close`: what the client still sends would be read as its next request."""
    content_type, body = problem.form(accept)
    headers: Headers = [(b"content-type", content_type.encode()), *OPEN, (b"cache-control", b"no-store")]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    if close:
        headers.append((b"connection", b"close"))
    await respond(send, problem.status, headers, body, with_body=with_body)


def preflight(methods: Sequence[str], request_headers: str) -> Headers:
    """Headers of the answer to OPTIONS, for pages of other sites and for people."""
    return [
        (b"allow", ", ".join(methods).encode()),
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", ", ".join(methods).encode()),
        (b"access-control-allow-headers", request_headers.encode()),
        (b"access-control-max-age", b"86400"),
    ]


def encoded(headers: Mapping[str, str]) -> Headers:
    """Headers as ASGI wants them."""
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
