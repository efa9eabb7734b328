"""Sources that change while the graph is changed through the service: nothing is lost, and the difference is said."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.errors import ChangeConflict
from service.graph.dump import dump, write_files
from service.graph.gate import CATALOGUE
from service.graph.loading import AGENT, follow_sources, standing
from service.graph.ontology import read_ontology
from service.rdf import namespaces as ns
from service.rdf.iris import DEFAULT_BASE, entity_iri, graph_iri
from service.rdf.terms import text
from service.settings import Settings
from service.store.base import Delta
from service.store.embedded import EmbeddedStore, open_store
from tests.graph.sample_data import ONTOLOGY, compiled, write_data

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALIAS = ox.Quad(
    entity_iri(DEFAULT_BASE, "hilltown"),
    ns.SKOS_ALT_LABEL,
    text("Hill Town", "en"),
    graph_iri(DEFAULT_BASE, "entities"),
)
EDIT = {"entities": ("en: Gazette}", "en: The Gazette}")}


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., EmbeddedStore]:
    """A store over the sample, changed in its sources as said."""

    def make(**changes: tuple[str, str]) -> EmbeddedStore:
        quads = compiled(write_data(tmp_path / "data", **changes)).quads
        directory, digest = tmp_path / "store", str(sorted(changes.items()))
        return open_store(Settings(workers=1), content=lambda: quads, directory=directory, digest=digest)

    return make


async def follow(store: EmbeddedStore, data: Path, *, discard: bool = False) -> int:
    quads = compiled(data).quads
    return await follow_sources(store, quads, base=DEFAULT_BASE, discard=discard, now=lambda: NOON)


def said(store: EmbeddedStore) -> set[ox.Quad]:
    catalogue = graph_iri(DEFAULT_BASE, CATALOGUE)
    return {quad for quad in store.match() if quad.graph_name != catalogue}


async def test_changed_sources_and_a_changed_graph_are_told_apart_and_nothing_is_overwritten(opened, tmp_path):
    async with opened() as store:
        await store.apply(Delta(added=[ALIAS]))
    async with opened(**EDIT) as store:
        assert store.outdated
        before = said(store)
        with pytest.raises(ChangeConflict) as caught:
            await follow(store, tmp_path / "data")
        lines = str(caught.value).splitlines()
        assert lines[:2] == [
            "the sources changed since they were loaded, and the graph was changed through the service (change 1):",
            "  g:entities   sources +1 -1   service +1 -0",
        ]
        assert "marsad dump" in str(caught.value)
        assert "marsad load --discard-changes" in str(caught.value)
        assert (said(store), store.version, store.outdated) == (before, 1, True)


async def test_changes_can_be_discarded_and_stay_in_the_history(opened, tmp_path):
    async with opened() as store:
        await store.apply(Delta(added=[ALIAS]))
    async with opened(**EDIT) as store:
        assert await follow(store, tmp_path / "data", discard=True) == 2
        assert said(store) == set(compiled(tmp_path / "data").quads)
        entry = store.log.entry(2)
        assert dict(entry.about) == {
            "agent": AGENT,
            "time": "2026-03-01T12:00:00Z",
            "message": "Discard changes, load the sources",
        }
        assert ALIAS in store.log.delta(2).removed
    async with opened(**EDIT) as store:
        assert (store.outdated, store.loaded, store.version) == (False, 2, 2)


async def test_what_is_dumped_and_taken_over_is_adopted_without_a_change(opened, tmp_path):
    async with opened() as store:
        await store.apply(Delta(added=[ALIAS]))
        write_files(dump(store.match(), read_ontology(ONTOLOGY, base=DEFAULT_BASE)), tmp_path / "dumped")
    async with opened(**EDIT) as store:
        assert await follow(store, tmp_path / "dumped") == 1
        assert (store.outdated, store.loaded) == (False, 1)


async def test_after_a_load_the_history_goes_on_with_the_next_change_of_the_sources(opened, tmp_path):
    async with opened() as store:
        await store.apply(Delta(added=[ALIAS]))
        await store.apply(Delta(removed=[ALIAS]))
    async with opened(**EDIT) as store:
        # What came and went again through the service is no change that could be lost.
        assert await follow(store, tmp_path / "data") == 3
    async with opened() as store:
        assert (store.outdated, store.version) == (True, 3)
        found = standing(store, compiled(tmp_path / "data").quads, base=DEFAULT_BASE)
        assert (bool(found.service), len(found.sources.added), len(found.sources.removed)) == (False, 1, 1)
        assert await follow(store, tmp_path / "data") == 4
        assert said(store) == set(compiled(tmp_path / "data").quads)
        assert store.log.entry(4).about["message"] == "Load the sources"
