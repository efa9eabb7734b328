"""What a case is, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus

# The limits that Marsad is started with here; the cases are made for them.
DEADLINE_S = 2.0
WORKER_BYTES = 256 * 2**20
WORKERS = 4
QUEUE = 16
# A query is stopped within a tick of its deadline; the rest is for a busy machine with two cores.
STOPPED_S = DEADLINE_S + 2.0

QUERY_TYPE, UPDATE_TYPE = "application/sparql-query", "application/sparql-update"
FORM_TYPE = "application/x-www-form-urlencoded"

# Where a text holds these, the target's own canaries take their place.
CANARY_URL, CANARY_FILE = "http://CANARY.invalid/", "file:///CANARY"


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint on this machine: where it is, and the canaries that it must not touch."""

    host: str
    port: int
    path: str
    update_path: str = ""
    canary_url: str = CANARY_URL
    canary_file: str = CANARY_FILE

    def fill(self, text: str) -> str:
        """The text with this target's canaries."""
        return text.replace(CANARY_URL, self.canary_url).replace(CANARY_FILE, self.canary_file)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client saw.

    `ending` is `whole` (a complete answer), `cut` (it began and broke off), `closed` (the connection ended without
    an answer) or `silent` (the client's own patience ended). `problem` is the last part of a problem's type.
    """

    ending: str
    seconds: float
    status: int = 0
    problem: str = ""
    head: bytes = b""
    body: bytes = b""
    size: int = 0

    @property
    def word(self) -> str:
        """The outcome as the table of cases writes it: `200`, `504 deadline`, `cut`, `closed`, `silent`."""
        if self.ending != "whole":
            return self.ending
        return f"{self.status} {self.problem}".strip()


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `body` may be a function, so that a large one is made when it is sent."""

    method: str = "POST"
    parameters: Sequence[tuple[str, str]] = ()
    headers: Sequence[tuple[str, str]] = ()
    body: str | bytes | Callable[[], bytes] = b""
    to_update: bool = False

    def payload(self, target: Target) -> bytes:
        """The bytes to send."""
        body = self.body() if callable(self.body) else self.body
        if isinstance(body, str):
            body = target.fill(body).encode("utf-8", "surrogatepass")
        path = target.update_path if self.to_update else target.path
        if self.parameters:
            path += "?" + "&".join(f"{name}={quote_plus(target.fill(value))}" for name, value in self.parameters)
        names = {name.lower() for name, _ in self.headers}
        lines = [f"{self.method} {path} HTTP/1.1"]
        lines += [f"Host: {target.host}:{target.port}"] if "host" not in names else []
        lines += [f"{name}: {target.fill(value)}" for name, value in self.headers]
        if "content-length" not in names and "transfer-encoding" not in names and (body or self.method == "POST"):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of a request that no honest client sends; `{path}` stands for the path of the endpoint."""

    data: bytes | Callable[[], bytes]

    def payload(self, target: Target) -> bytes:
        """The bytes to send."""
        data = self.data() if callable(self.data) else self.data
        return data.replace(b"{path}", target.path.encode())


# A client that does more than send and read, such as one that goes away.
Conversation = Callable[[Target, float], Outcome]


@dataclass(frozen=True, slots=True)
class Case:
    """A request, what may come of it, and within what time.

    `alone`: it takes every worker or connection, so nothing else runs beside it. `writes`: it is for an endpoint that
    takes updates. `holds` must be in the body of the answer.
    """

    name: str
    request: Request | Raw | Conversation
    expected: frozenset[str]
    limit_s: float = STOPPED_S
    slow: bool = False
    alone: bool = False
    writes: bool = False
    holds: bytes = b""

    @property
    def family(self) -> str:
        """The part of the name before the colon."""
        return self.name.partition(":")[0]


def query(name: str, text: str, *expected: str, **options: object) -> Case:
    """A case that POSTs a query."""
    return Case(name, Request(headers=[("Content-Type", QUERY_TYPE)], body=text), frozenset(expected), **options)  # type: ignore[arg-type]


def update(name: str, text: str | Callable[[], bytes], *expected: str, **options: object) -> Case:
    """A case that POSTs an update."""
    request = Request(headers=[("Content-Type", UPDATE_TYPE)], body=text, to_update=True)
    return Case(name, request, frozenset(expected), writes=True, **options)  # type: ignore[arg-type]


def raw(name: str, data: bytes | Callable[[], bytes], *expected: str, **options: object) -> Case:
    """A case that sends bytes."""
    return Case(name, Raw(data), frozenset(expected), **options)  # type: ignore[arg-type]
