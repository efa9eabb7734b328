"""The sources and a store that was changed through the service: what differs, and how the sources come in again.

What the sources say by now comes in as one more change, so that the history goes on. Where the graph was changed through
the service since the last load, nothing comes in unless somebody says that those changes are to go.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pyoxigraph as ox

from service.errors import ChangeConflict
from service.graph.direct import DIRECT
from service.graph.gate import CATALOGUE
from service.graph.history import difference
from service.graph.provenance import activity
from service.rdf.iris import graph_iri, local_name
from service.store.base import Delta
from service.store.embedded import EmbeddedStore

# The agent of such a change in the history.
AGENT = "marsad-load"


@dataclass(frozen=True)
class Standing:
    """How the sources and a store stand to each other.

    `wanted` is the change after which the store says what the sources say. `sources` and `service` are what each of
    them changed since the sources were last loaded, at version `loaded`, without what follows from other graphs.
    """

    loaded: int
    version: int
    wanted: Delta
    sources: Delta
    service: Delta

    @property
    def both_changed(self) -> bool:
        """Whether loading the sources would undo what was changed through the service."""
        return bool(self.wanted and self.service)

    def lines(self) -> list[str]:
        """The difference for people: for each graph, how many triples came and went on either side."""
        sources, service = _by_graph(self.sources), _by_graph(self.service)
        names = sorted({*sources, *service})
        width = max((len(name) for name in names), default=0)
        return [
            "   ".join(
                [f"  g:{name:{width}}"]
                + [f"{who} {_counts(counts[name])}" for who, counts in (("sources", sources), ("service", service)) if name in counts]
            )
            for name in names
        ]  # fmt: skip

    def words(self) -> str:
        """The difference, and how to go on."""
        changes = (
            f"change {self.version}"
            if self.version == self.loaded + 1
            else f"changes {self.loaded + 1} to {self.version}"
        )
        return "\n".join(
            [
                f"the sources changed since they were loaded, and the graph was changed through the service ({changes}):",
                *self.lines(),
                "To bring both together: `marsad dump --output DIR` writes what the graph says as YAML; take over into",
                "data/ what is to stay. Then `marsad load --discard-changes` makes the graph what data/ says; the",
                "history keeps what was there before.",
            ]
        )


def standing(store: EmbeddedStore, quads: Iterable[ox.Quad], *, base: str) -> Standing:
    """How a store stands to `quads`, what the sources say by now."""
    catalogue = graph_iri(base, CATALOGUE)
    present = {quad for quad in store.match() if quad.graph_name != catalogue}
    said = set(quads)
    service = _own(difference(store, store.loaded, store.version), base)
    before = (present - set(service.added)) | set(service.removed)
    return Standing(
        store.loaded,
        store.version,
        _delta(present, said),
        _own(_delta(before, said), base),
        service,
    )


async def follow_sources(
    store: EmbeddedStore,
    quads: Iterable[ox.Quad],
    *,
    base: str,
    discard: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Make a store say what the validated `quads` of the sources say; returns its version.

    With `discard`, changes made through the service go; they stay in the history.

    Raises ChangeConflict: there are such changes; the message shows the difference and says how to go on.
    """
    found = standing(store, quads, base=base)
    if found.both_changed and not discard:
        raise ChangeConflict(found.words())
    if found.wanted:
        about = {
            "agent": AGENT,
            "time": now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "message": "Discard changes, load the sources" if found.both_changed else "Load the sources",
        }
        await store.apply(_with_trace(store, found.wanted, about, base), about=about)
    await store.adopt()
    return store.version


def _with_trace(store: EmbeddedStore, delta: Delta, about: dict[str, str], base: str) -> Delta:
    trace = activity(store.version + 1, about, [*delta.removed, *delta.added], base=base)
    new = [
        quad for quad in trace if not any(True for _ in store.match(quad.subject, quad.predicate, quad.object, None))
    ]
    return Delta(removed=delta.removed, added=[*delta.added, *new])


def _delta(before: set[ox.Quad], after: set[ox.Quad]) -> Delta:
    return Delta(removed=sorted(before - after, key=str), added=sorted(after - before, key=str))


def _own(delta: Delta, base: str) -> Delta:
    """A change without the graphs that follow from others."""
    derived = {graph_iri(base, name) for name in (DIRECT, CATALOGUE, "time")}
    return Delta(
        removed=[quad for quad in delta.removed if quad.graph_name not in derived],
        added=[quad for quad in delta.added if quad.graph_name not in derived],
    )


def _by_graph(delta: Delta) -> dict[str, tuple[int, int]]:
    added = Counter(_name(quad) for quad in delta.added)
    removed = Counter(_name(quad) for quad in delta.removed)
    return {name: (added[name], removed[name]) for name in {*added, *removed}}


def _name(quad: ox.Quad) -> str:
    return local_name(quad.graph_name) if isinstance(quad.graph_name, ox.NamedNode) else ""


def _counts(counts: tuple[int, int]) -> str:
    return f"+{counts[0]} -{counts[1]}"
