"""`If-Match` and `If-None-Match` of a write: what the client has seen is still what is there. RFC 9110, section 13.

An ETag of any answer names a version of the graph; it fits as long as no later change has touched the thing itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pyoxigraph as ox

from service.errors import PreconditionFailed, PreconditionRequired
from service.store.base import Delta
from service.store.embedded import EmbeddedStore

_TAG = re.compile(r'(?:W/)?"([^"]*?)-(\d+)(?:-[^"]*)?"')
# Each change since is read from the log while others wait. Whoever saw a graph so long ago reads it again.
_MOST_CHANGES_SINCE = 10_000


@dataclass(frozen=True, slots=True)
class Guard:
    """What the conditions of a write are about.

    `touches` says whether a change alters the thing, `exists` whether it is there, `replaces` whether something is
    replaced, which wants `If-Match`. All are asked when nothing else can change the graph any more.
    """

    touches: Callable[[Delta], bool]
    exists: Callable[[], bool]
    replaces: Callable[[], bool] = lambda: False

    def expectation(self, store: EmbeddedStore, if_match: str | None, if_none_match: str | None) -> Callable[[], None]:
        """To be called when nothing else can change the graph: raises PreconditionFailed, PreconditionRequired."""

        def expect() -> None:
            if if_none_match is not None and if_none_match.strip() == "*" and self.exists():
                raise PreconditionFailed("If-None-Match is *, and it is there already")
            if if_match is not None:
                self._match(store, if_match)
            elif self.replaces():
                raise PreconditionRequired(
                    "replacing needs If-Match: the ETag of the GET that you saw, or * for whatever is there"
                )

        return expect

    def _match(self, store: EmbeddedStore, if_match: str) -> None:
        if not self.exists():
            raise PreconditionFailed("If-Match is for what is there, and it is not there")
        if if_match.strip() == "*":
            return
        versions = [int(number) for name, number in _TAG.findall(if_match) if name == store.id]
        if not versions or max(versions) > store.version:
            raise PreconditionFailed("If-Match names no version of this graph")
        seen = max(versions)
        if store.version - seen > _MOST_CHANGES_SINCE:
            raise PreconditionFailed(f"{store.version - seen} changes were made since; read it again")
        for version in range(seen + 1, store.version + 1):
            delta = store.log.delta(version) if store.log is not None else None
            if delta is None or self.touches(delta):
                raise PreconditionFailed(f"change {version} has altered it since; read it again")


def touches_graph(delta: Delta, graph: str) -> bool:
    """Whether a change alters the graph of that IRI ("" is the unnamed one)."""
    quads = (*delta.removed, *delta.added)
    named = (quad.graph_name for quad in quads)
    return any((name.value if isinstance(name, ox.NamedNode) else "") == graph for name in named) or any(
        name.value == graph for name in (*delta.created, *delta.dropped)
    )
