"""The past of the graph, from the change log: what each change did, and what the graph was at any version."""

from collections.abc import Iterable
from typing import Protocol

import pyoxigraph as ox

from service.errors import NotFound
from service.graph.direct import DIRECT
from service.graph.gate import CATALOGUE
from service.rdf.iris import graph_iri
from service.store.base import Delta
from service.store.embedded import EmbeddedStore
from service.store.log import ChangeLog


def reversed_change(delta: Delta) -> Delta:
    """The change that brings back what was before."""
    return Delta(removed=delta.added, added=delta.removed, created=delta.dropped, dropped=delta.created)


def only_claims(delta: Delta, base: str) -> Delta:
    """The change without what follows from it: the direct triples and the record of the change itself."""
    derived = {graph_iri(base, DIRECT), graph_iri(base, CATALOGUE)}
    return Delta(
        removed=[quad for quad in delta.removed if quad.graph_name not in derived],
        added=[quad for quad in delta.added if quad.graph_name not in derived],
        created=[name for name in delta.created if name not in derived],
        dropped=[name for name in delta.dropped if name not in derived],
    )


def composed(deltas: Iterable[Delta]) -> Delta:
    """The changes one after the other as one; what comes and goes again is no part of it.

    Each must be exact: what it removes was there, what it adds was not.
    """
    final: dict[ox.Quad, bool] = {}
    for delta in deltas:
        for came, quads in ((False, delta.removed), (True, delta.added)):
            for quad in quads:
                if final.get(quad) == (not came):
                    del final[quad]
                else:
                    final[quad] = came
    return Delta(
        removed=[quad for quad, came in final.items() if not came],
        added=[quad for quad, came in final.items() if came],
    )


class Logged(Protocol):
    """Something with a change log and the number of its last change."""

    @property
    def log(self) -> ChangeLog | None: ...

    @property
    def version(self) -> int: ...


def difference(store: Logged, before: int, after: int) -> Delta:
    """What leads from one version to another, earlier or later.

    Raises NotFound: the log does not reach back to it, or it is not made yet.
    """
    if before > after:
        return reversed_change(difference(store, after, before))
    return composed(_delta(store, version) for version in range(before + 1, after + 1))


def quads_at(store: EmbeddedStore, version: int) -> set[ox.Quad]:
    """The whole graph as it was at a version.

    Raises NotFound: the log does not reach back to it, or it is not made yet.
    """
    present = store.version
    quads = set(store.match())
    back = difference(store, present, version)
    quads.difference_update(back.removed)
    quads.update(back.added)
    return quads


def _delta(store: Logged, version: int) -> Delta:
    delta = store.log.delta(version) if store.log is not None else None
    if delta is None or version < 1:
        raise NotFound(f"there is no version {version}; versions go from 0 to {store.version}")
    return delta
