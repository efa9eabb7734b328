"""Who asks: the key in the header of a request. Never in a URL, and in no log."""

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from service.api.http import local_path, respond_problem
from service.api.problems import problem_of
from service.errors import MarsadError
from service.graph.changes import Author
from service.graph.keys import Keys, Scope

# Answered without a key even where reads need one: they say nothing of the graph.
_OPEN_PATHS = ("/healthz", "/readyz")


def authorise(scope: AsgiScope, keys: Keys, needed: Scope) -> Author:
    """Whoever sends a request, if the key in its header `Authorization: Bearer id.secret` is good for what is asked.

    Raises Forbidden: there is no key or there are two, it is not valid, or of a lesser scope.
    """
    sent = [value for name, value in scope["headers"] if name == b"authorization"]
    return keys.check(sent[0].decode("latin-1") if len(sent) == 1 else None, needs=needed)


def with_read_keys(app: ASGIApp, keys: Keys) -> ASGIApp:
    """`app` where every read needs a key too; health answers and preflights go without."""

    async def answer(scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] != "OPTIONS" and local_path(scope) not in _OPEN_PATHS:
            try:
                authorise(scope, keys, "read")
            except MarsadError as error:
                body = scope["method"] != "HEAD"
                await respond_problem(send, problem_of(error), with_body=body, close=scope["method"] in ("PUT", "POST"))
                return
        await app(scope, receive, send)

    return answer
