"""Files of the graph: the same bytes every time, all of them or none, and a manifest that holds them to it."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.errors import ExportFault, NotFound, UnwritableRdf
from service.graph.export import (
    EVERYTHING,
    Export,
    ExportRequest,
    FolderSource,
    differences,
    read_manifest,
    verify,
    write_folder,
)
from service.rdf.formats import RDF_FORMATS
from service.rdf.serialize import parse
from tests.graph.small_graph import small_graph, term

BASE = "https://marsad.example/"
SMALL = ExportRequest(names=("facts", "tables"), formats=("ttl", "nq"))


def export(quads: list[ox.Quad] | None = None) -> Export:
    return Export(small_graph() if quads is None else quads, base=BASE)


def data(path: str, of: Export | None = None) -> bytes:
    return b"".join((of or export()).file(path).read())


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_dataset_is_everything_but_the_catalogue() -> None:
    quads = {quad for quad in small_graph() if quad.graph_name != term("g:catalogue")}
    for row in RDF_FORMATS:
        found = set(parse(data(f"dataset.{row.suffix}"), row))
        expected = quads if row.carries_graphs else {ox.Quad(*quad.triple) for quad in quads}
        assert found == expected
        assert export().file(f"dataset.{row.suffix}").triples == len(found)


def test_facts_are_the_direct_triples_only() -> None:
    assert data("facts.ttl").decode() == (
        "@prefix id: <https://marsad.example/id/> .\n"
        "@prefix marsad: <https://marsad.example/ns#> .\n"
        "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n\n"
        'id:ann\n    skos:altLabel "A."@en ;\n    marsad:heldPost id:chief ;\n    .\n'
    )


def test_claims_come_with_evidence_times_and_notes() -> None:
    graphs = {quad.graph_name for quad in export().part("claims")}
    assert graphs == {term("g:d001"), term("g:time"), term("g:editorial")}


def test_a_named_graph_is_a_file_and_so_is_a_table() -> None:
    assert b"marsad:Evidence" in data("graph/d001.ttl")
    assert data("claims.csv") == data("tables/claims.csv")
    assert data("facts.graphml").startswith(b"<?xml")


@pytest.mark.parametrize(
    "path", ["dataset.n3", "graph/d009.ttl", "graph/catalogue.ttl", "other.ttl", "dataset", "", "../x.ttl"]
)
def test_what_is_not_there_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        export().file(path)


def test_a_request_for_an_unknown_name_or_format_is_refused() -> None:
    with pytest.raises(NotFound, match="nothing called 'claim' to export; there are dataset, facts, claims"):
        export().files(ExportRequest(names=("claim",)))
    with pytest.raises(NotFound, match="no RDF format 'n3'; there are ttl"):
        export().files(ExportRequest(formats=("n3",)))


def test_the_order_of_the_quads_does_not_matter() -> None:
    backwards = export(small_graph()[::-1])
    assert backwards.manifest(ExportRequest()) == export().manifest(ExportRequest())


def test_a_graph_that_does_not_fit_in_memory_has_the_same_files() -> None:
    on_disk = Export(small_graph(), base=BASE, in_memory=3)
    assert on_disk.manifest(ExportRequest()) == export().manifest(ExportRequest())
    for path in ("entity/ann.trig", "entity/ann.graphml", "entity/ann/tables/facts.csv"):
        assert data(path, on_disk) == data(path)


def test_an_entity_is_exported_with_what_its_claims_name() -> None:
    found = parse(data("entity/chief.nq"), next(row for row in RDF_FORMATS if row.suffix == "nq"))
    graphs = {quad.graph_name for quad in found}
    assert graphs == {term(f"g:{name}") for name in ("d001", "direct", "entities", "sources", "time")} - {
        term("g:sources")
    }
    labels = {quad.object.value for quad in found if quad.predicate == term("skos:prefLabel")}
    assert labels == {"Chief", "Ann <Salé>", "=Ann"}
    assert data("entity/chief.csv").count(b"d001.post.heldPost.chief") == 2
    with pytest.raises(NotFound, match="nobody"):
        export().file("entity/nobody.ttl")


def test_without_a_reader_of_queries_there_are_no_selections() -> None:
    with pytest.raises(NotFound, match="no list 'claims'"):
        export().file("selection/claims.ttl", "document=d001")


def test_a_blank_node_is_refused() -> None:
    quads = [ox.Quad(ox.BlankNode(), term("marsad:place"), term("id:ann"), term("g:d001"))]
    with pytest.raises(UnwritableRdf, match="blank node"):
        data("dataset.ttl", export(quads))


def test_an_empty_graph_can_be_exported(tmp_path: Path) -> None:
    manifest = write_folder(export([]), ExportRequest(), tmp_path / "out")
    assert manifest["quads"] == 0
    assert list(verify(FolderSource(tmp_path / "out"))) == []


def test_a_folder_holds_what_its_manifest_says(tmp_path: Path) -> None:
    seen: list[str] = []
    manifest = write_folder(export(), ExportRequest(), tmp_path / "a" / "out", progress=seen.append)
    written = files_in(tmp_path / "a" / "out")
    assert json.loads(written.pop("manifest.json")) == manifest
    assert written.keys() == {entry["path"] for entry in manifest["files"]} == set(seen)
    for entry in manifest["files"]:
        assert entry["bytes"] == len(written[entry["path"]])
        assert entry["sha256"] == hashlib.sha256(written[entry["path"]]).hexdigest()
    triples = {entry["path"]: entry.get("triples") for entry in manifest["files"]}
    assert triples["dataset.ttl"] == triples["dataset.nq"] == manifest["quads"] == len(small_graph()) - 1
    assert triples["facts.nt"] == 2
    assert manifest["request"] == {
        "names": list(EVERYTHING),
        "formats": [row.suffix for row in RDF_FORMATS],
        "gzip": False,
    }
    dataset = hashlib.sha256(written["dataset.nq"]).hexdigest()
    assert manifest["snapshot"] == f"sha-256:{dataset}"


def test_the_catalogue_names_the_checksums_of_the_dataset(tmp_path: Path) -> None:
    manifest = write_folder(export(), ExportRequest(), tmp_path / "out")
    catalogue = (tmp_path / "out" / "catalogue.ttl").read_text(encoding="utf-8")
    for entry in manifest["files"]:
        assert (entry["sha256"] in catalogue) == entry["path"].startswith("dataset.")


def test_two_exports_are_the_same_bytes_compressed_or_not(tmp_path: Path) -> None:
    request = ExportRequest(compressed=True)
    for name in ("a", "b"):
        write_folder(export(), request, tmp_path / name)
    write_folder(export(), ExportRequest(), tmp_path / "plain")
    first, plain = files_in(tmp_path / "a"), files_in(tmp_path / "plain")
    assert first == files_in(tmp_path / "b")
    assert {path: gzip.decompress(content) for path, content in first.items() if path != "manifest.json"} == {
        f"{path}.gz": content for path, content in plain.items() if path != "manifest.json"
    }
    # No name and no time in the header.
    assert all(
        content[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00" for path, content in first.items() if path != "manifest.json"
    )


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "import json\n"
        "from tests.graph.test_export import ExportRequest, export\n"
        "print(json.dumps(export().manifest(ExportRequest())))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


def test_an_earlier_export_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_folder(export(), ExportRequest(), tmp_path / "out")
    write_folder(export(), SMALL, tmp_path / "out")
    assert "dataset.ttl" not in files_in(tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_that_no_export_wrote_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ExportFault, match=r"holds files and no manifest\.json"):
        write_folder(export(), SMALL, tmp_path)
    write_folder(export(), SMALL, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ExportFault, match=r"holds notes\.txt, which no export wrote"):
        write_folder(export(), SMALL, tmp_path / "out")
    assert (tmp_path / "out" / "notes.txt").read_text(encoding="utf-8") == "mine"
    with pytest.raises(ExportFault, match="is a file"):
        write_folder(export(), SMALL, tmp_path / "mine.txt")


def test_an_export_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    write_folder(export(), SMALL, tmp_path / "out")
    before = files_in(tmp_path / "out")
    broken = export([*small_graph(), ox.Quad(ox.BlankNode(), term("marsad:place"), term("id:ann"), term("g:direct"))])
    with pytest.raises(UnwritableRdf):
        write_folder(broken, SMALL, tmp_path / "out")
    assert files_in(tmp_path / "out") == before
    assert os.listdir(tmp_path) == ["out"]


def test_a_sound_export_has_no_fault(tmp_path: Path) -> None:
    for compressed in (False, True):
        request = ExportRequest(compressed=compressed)
        write_folder(export(), request, tmp_path / "out")
        source = FolderSource(tmp_path / "out")
        assert list(verify(source)) == []
        assert list(differences(read_manifest(source), export())) == []


def test_a_changed_missing_or_foreign_file_is_named(tmp_path: Path) -> None:
    write_folder(export(), SMALL, tmp_path / "out")
    (tmp_path / "out" / "facts.ttl").write_bytes(b"")
    (tmp_path / "out" / "facts.nq").unlink()
    (tmp_path / "out" / "more.ttl").write_bytes(b"")
    faults = list(verify(FolderSource(tmp_path / "out")))
    assert [fault.split(":")[0] for fault in faults] == ["facts.nq", "facts.ttl", "more.ttl"]
    assert "is missing" in faults[0]
    assert "0 bytes" in faults[1]
    assert "not in the manifest" in faults[2]


@pytest.mark.parametrize("damaged", [b"", b"no gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x00"])
def test_a_damaged_compressed_file_is_named(tmp_path: Path, damaged: bytes) -> None:
    write_folder(export(), ExportRequest(names=("facts",), formats=("nt",), compressed=True), tmp_path / "out")
    (tmp_path / "out" / "facts.nt.gz").write_bytes(damaged)
    [fault] = verify(FolderSource(tmp_path / "out"))
    assert fault.startswith("facts.nt: ")


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"{}",
        b'{"request": {}, "files": []}',
        b'{"request": {"names": [], "formats": [], "gzip": false}, "files": [1]}',
    ],
)
def test_what_is_no_manifest_is_said_to_be_none(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(manifest)
    with pytest.raises(ExportFault, match="is not the manifest of an export"):
        list(verify(FolderSource(tmp_path)))
    with pytest.raises(ExportFault):
        list(verify(FolderSource(tmp_path / "nothing")))


def test_a_manifest_cannot_name_a_file_outside(tmp_path: Path) -> None:
    manifest = write_folder(export(), SMALL, tmp_path / "out")
    manifest["files"][0]["path"] = "../secret"
    (tmp_path / "out" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ExportFault, match="outside of the export"):
        list(verify(FolderSource(tmp_path / "out")))


def test_a_changed_graph_is_told_from_the_export(tmp_path: Path) -> None:
    write_folder(export(), ExportRequest(names=("facts", "graphs"), formats=("ttl",)), tmp_path / "out")
    manifest = read_manifest(FolderSource(tmp_path / "out"))
    quads = [quad for quad in small_graph() if quad.graph_name != term("g:editorial")]
    quads.append(ox.Quad(term("id:ann"), term("marsad:heldPost"), term("id:other"), term("g:direct")))
    quads.append(ox.Quad(term("id:ann"), term("marsad:heldPost"), term("id:third"), term("g:d002")))
    assert list(differences(manifest, export(quads))) == [
        "facts.ttl: changed (2 triples then, 3 now)",
        "graph/direct.ttl: changed (2 triples then, 3 now)",
        "graph/editorial.ttl: the graph has no such file any more",
        "graph/d002.ttl: new in the graph",
    ]
    moved = Export(small_graph("https://graph.example.org/"), base="https://graph.example.org/")
    assert list(differences(manifest, moved)) == [
        "the export has the base https://marsad.example/, the graph https://graph.example.org/"
    ]


def test_another_source_is_compared_file_by_file(tmp_path: Path) -> None:
    class Elsewhere:
        def read(self, path: str, *, compressed: bool = False) -> Iterator[bytes]:
            if path == "facts.nq":
                raise ExportFault("answers 404")
            yield b"" if path == "facts.ttl" else data(path)

    manifest = write_folder(export(), SMALL, tmp_path / "out")
    assert list(differences(manifest, Elsewhere())) == [
        "facts.nq: answers 404",
        f"facts.ttl: changed ({len(data('facts.ttl'))} bytes then, 0 now)",
    ]
