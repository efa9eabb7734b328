"""What every answer has: HEAD and OPTIONS on each path, open reads, compression, headers that keep browsers careful."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http import EXPOSED, local_path, preflight, respond, respond_problem
from service.api.problems import problem_of
from service.settings import Settings

# These answer for themselves, every method and header.
_OWN_MASTERS = ("/sparql", "/sparql/", "/graphs", "/graphs/", "/healthz", "/readyz", "/metrics")
_READS = ("GET", "HEAD", "OPTIONS")
_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_REQUEST_HEADERS = (
    "Accept, Accept-Language, Content-Type, If-Match, If-None-Match, If-Modified-Since, Authorization, Marsad-Message"
)
_LEAST_GZIP_BYTES = 1024
# Level 4: at 9, Starlette's default, a megabyte of JSON takes five times as long to become 2 % smaller.
_GZIP_LEVEL = 4


def with_middleware(app: ASGIApp, settings: Settings) -> ASGIApp:
    """`app` with what every answer has."""
    compressed = GZipMiddleware(app, minimum_size=_LEAST_GZIP_BYTES, compresslevel=_GZIP_LEVEL)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        path = local_path(scope)
        # What is compressed already stays as it is.
        inner = app if path.endswith(".gz") else compressed
        if path in _OWN_MASTERS or path.startswith(("/queries/", "/graphs/")):
            await app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            methods = (*_READS, *_WRITES) if path.startswith("/api/v1/") else _READS
            await respond(send, 204, preflight(methods, _REQUEST_HEADERS))
        elif scope["method"] == "HEAD":
            await _guarded(inner, {**scope, "method": "GET"}, receive, _with_headers(_without_body(send)), False)
        else:
            await _guarded(inner, scope, receive, _with_headers(send), True)

    return answer


async def _guarded(app: ASGIApp, scope: Scope, receive: Receive, send: Send, with_body: bool) -> None:
    """Any error that nobody foresaw is a 500 with a number; after the first byte the server ends the connection."""
    started = False

    async def watched(message: Message) -> None:
        nonlocal started
        started = started or message["type"] == "http.response.start"
        await send(message)

    try:
        await app(scope, receive, watched)
    except Exception as error:
        if started:
            raise
        await respond_problem(send, problem_of(error), with_body=with_body)


def _without_body(send: Send) -> Send:
    async def forward(message: Message) -> None:
        if message["type"] == "http.response.body":
            if not message.get("more_body"):
                await send({"type": "http.response.body", "body": b""})
        else:
            await send(message)

    return forward


def _with_headers(send: Send) -> Send:
    async def forward(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            message = {**message, "headers": [*message["headers"], *_missing(present)]}
        await send(message)

    return forward


def _missing(present: set[bytes]) -> list[tuple[bytes, bytes]]:
    always: list[tuple[bytes, bytes]] = [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", EXPOSED),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
    ]
    return [(name, value) for name, value in always if name not in present]
