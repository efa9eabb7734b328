"""The files of `data/` are in the form that `marsad dump` writes: what is loaded and dumped changes no byte."""

from service.graph.dump import dump
from service.graph.ontology import read_ontology
from service.graph.sources import source_files
from service.rdf.iris import DEFAULT_BASE
from tests.data.conftest import DATA, ONTOLOGY


def test_what_is_loaded_and_dumped_is_the_same_to_the_byte(graph):
    files = dump(graph.quads, read_ontology(ONTOLOGY, base=DEFAULT_BASE))
    assert sorted(files) == sorted(path.relative_to(DATA).as_posix() for path in source_files(DATA))
    for name, text in files.items():
        assert (DATA / name).read_bytes() == text.encode(), f"{name}: run `marsad dump --output data`"
