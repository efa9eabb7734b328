"""Files of the graph: what there is to export, the bytes of each file, folders with a manifest, their verification.

A part is a set of quads with a name: `dataset` (everything but `g:catalogue`), `facts` (the direct triples), `claims`
(claims with their evidence, times and ranks) and each named graph. A part is written in every RDF format that can
carry it; `tables/` holds CSV, `facts.graphml` the network. The same graph gives the same bytes on every machine:
checksums are of the uncompressed file.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyoxigraph as ox

from service import __version__
from service.errors import ExportFault, NotFound
from service.graph.catalogue import CATALOGUE, LICENCE, Distribution, catalogue_quads
from service.graph.tables import TABLES, GraphItems, Table, TableFile, csv_lines, datapackage, write_graphml
from service.rdf.formats import NQUADS, RDF_FORMATS, TURTLE, RdfFormat, by_name
from service.rdf.iris import graph_iri, local_name
from service.rdf.namespaces import prefixes
from service.rdf.serialize import write
from service.rdf.writing import CHUNK, chunks, ordered_quads, ordered_triples

DATASET, FACTS, CLAIMS = "dataset", "facts", "claims"
_TABLES, _NETWORK = "tables", "network"
# What a folder holds when nothing else is asked for.
EVERYTHING = (DATASET, FACTS, CLAIMS, "graphs", _TABLES, _NETWORK, CATALOGUE)
MANIFEST = "manifest.json"
_DOCUMENT_GRAPH = re.compile(r"d[0-9]+\Z")
_GRAPHML = "application/graphml+xml"


@dataclass(frozen=True)
class ExportFile:
    """One file: its path below the export, what it holds, and its uncompressed bytes, made anew at each call of `read`.

    `triples` is the number of distinct triples (quads, in a format with graphs); None where that is not the measure.
    """

    path: str
    media_type: str
    label: str
    triples: int | None
    read: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Digest:
    """Size and SHA-256 (hex) of uncompressed bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What an export is asked to hold: parts, `graphs` (each named graph), `tables`, `network`, `catalogue`.

    `formats` are names of RDF formats, for the parts; `graphs` and `catalogue` are Turtle alone.
    """

    names: tuple[str, ...] = EVERYTHING
    formats: tuple[str, ...] = tuple(row.suffix for row in RDF_FORMATS)
    compressed: bool = False

    def as_json(self) -> dict[str, Any]:
        """The request as the manifest keeps it."""
        return {"names": list(self.names), "formats": list(self.formats), "gzip": self.compressed}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ExportRequest":
        """The request that a manifest keeps."""
        return cls(names=tuple(value["names"]), formats=tuple(value["formats"]), compressed=bool(value["gzip"]))


class Export:
    """The files of one snapshot of the graph; nothing is written or hashed before it is asked for."""

    def __init__(self, quads: Iterable[ox.Quad], *, base: str) -> None:
        catalogue = graph_iri(base, CATALOGUE)
        self.base = base
        self.quads = ordered_quads(quad for quad in quads if quad.graph_name != catalogue)
        self._prefixes = prefixes(base)
        self._digests: dict[str, Digest] = {}
        self._triples: dict[str, list[ox.Triple]] = {}

    @cached_property
    def snapshot(self) -> str:
        """The SHA-256 (hex) of the dataset's N-Quads: what the graph says, whatever it was made from."""
        return self.digest(self._part_file(DATASET, NQUADS)).sha256

    @cached_property
    def graph_names(self) -> tuple[str, ...]:
        """Names of the graphs, sorted."""
        graphs = {quad.graph_name for quad in self.quads}
        return tuple(sorted(local_name(graph) for graph in graphs if isinstance(graph, ox.NamedNode)))

    def part(self, name: str) -> list[ox.Quad]:
        """The quads of a part, `graph/d001` for one graph, in the one order of quads.

        Raises NotFound: there is no such part.
        """
        if name == DATASET:
            return self.quads
        graphs = {graph_iri(self.base, graph) for graph in self._graphs_of(name)}
        return [quad for quad in self.quads if quad.graph_name in graphs]

    def _graphs_of(self, name: str) -> Iterable[str]:
        if name == FACTS:
            return ("direct",)
        if name == CLAIMS:
            return [graph for graph in self.graph_names if _DOCUMENT_GRAPH.match(graph)] + ["time", "editorial"]
        graph = name.removeprefix("graph/")
        if not name.startswith("graph/") or graph not in self.graph_names:
            known = ", ".join([*EVERYTHING, *(f"graph/{graph}" for graph in self.graph_names)])
            raise NotFound(f"there is nothing called {name!r} to export; there are {known}")
        return (graph,)

    def file(self, path: str) -> ExportFile:
        """The file at a path as `dataset.ttl`, `graph/d001.nt`, `tables/claims.csv`, `claims.csv`, `facts.graphml`.

        Raises NotFound: there is no such file.
        """
        name, _, suffix = path.rpartition(".")
        if name == FACTS and suffix == "graphml":
            return self._network_file()
        table = next((row for row in TABLES if path in (f"tables/{row.name}.csv", f"{row.name}.csv")), None)
        if table is not None:
            return self._table_file(table, path)
        if path == "tables/datapackage.json":
            return self._package_file()
        rdf_format = next((row for row in RDF_FORMATS if row.suffix == suffix), None)
        if rdf_format is None:
            raise NotFound(f"there is no file {path!r} to export")
        return self._catalogue_file(rdf_format) if name == CATALOGUE else self._part_file(name, rdf_format)

    def files(self, request: ExportRequest) -> list[ExportFile]:
        """The files that a request asks for, sorted by path, each once.

        Raises NotFound: a part or a format that does not exist.
        """
        formats = [_format(name) for name in request.formats]
        found: dict[str, ExportFile] = {}
        for name in request.names:
            for file in self._files_of(name, formats):
                found[file.path] = file
        return [found[path] for path in sorted(found)]

    def _files_of(self, name: str, formats: list[RdfFormat]) -> Iterator[ExportFile]:
        if name == "graphs":
            # One file a graph is what people look at; all formats of all graphs would be the dataset six times over.
            yield from (self._part_file(f"graph/{graph}", TURTLE) for graph in self.graph_names)
        elif name == _TABLES:
            yield from (self._table_file(table, f"tables/{table.name}.csv") for table in TABLES)
            yield self._package_file()
        elif name == _NETWORK:
            yield self._network_file()
        elif name == CATALOGUE:
            yield self._catalogue_file(TURTLE)
        else:
            yield from (self._part_file(name, rdf_format) for rdf_format in formats)

    def digest(self, file: ExportFile) -> Digest:
        """Size and checksum of a file; kept, so that each file is hashed once for a snapshot."""
        if file.path not in self._digests:
            self._digests[file.path] = _digest(file.read())
        return self._digests[file.path]

    def remember(self, file: ExportFile, digest: Digest) -> None:
        """Keep a checksum that was computed while the file was written."""
        self._digests[file.path] = digest

    def manifest(self, request: ExportRequest) -> dict[str, Any]:
        """What `manifest.json` says: request, snapshot, and each file with its counts and the checksum of its bytes."""
        return {
            "generator": f"marsad {__version__}",
            "base": self.base,
            "licence": LICENCE.value,
            "request": request.as_json(),
            "snapshot": f"sha-256:{self.snapshot}",
            "quads": len(self.quads),
            "files": [self._entry(file) for file in self.files(request)],
        }

    def _entry(self, file: ExportFile) -> dict[str, Any]:
        digest = self.digest(file)
        counted = {} if file.triples is None else {"triples": file.triples}
        return {
            "path": file.path,
            "mediaType": file.media_type,
            **counted,
            "bytes": digest.size,
            "sha256": digest.sha256,
        }

    def _part_file(self, name: str, rdf_format: RdfFormat) -> ExportFile:
        rows = self._rows(name, rdf_format)
        return self._rdf_file(name, rdf_format, rows)

    def _rows(self, name: str, rdf_format: RdfFormat) -> Sequence[ox.Quad] | Sequence[ox.Triple]:
        if rdf_format.carries_graphs:
            return self.part(name)
        if name not in self._triples:
            self._triples[name] = ordered_triples(self.part(name))
        return self._triples[name]

    def _rdf_file(self, name: str, rdf_format: RdfFormat, rows: Sequence[ox.Quad] | Sequence[ox.Triple]) -> ExportFile:
        return ExportFile(
            f"{name}.{rdf_format.suffix}",
            rdf_format.media_type,
            rdf_format.label,
            len(rows),
            lambda: write(rows, rdf_format, self._prefixes, presorted=True),
        )

    def _catalogue_file(self, rdf_format: RdfFormat) -> ExportFile:
        quads = self.catalogue
        rows = quads if rdf_format.carries_graphs else ordered_triples(quads)
        return self._rdf_file(CATALOGUE, rdf_format, rows)

    @cached_property
    def catalogue(self) -> list[ox.Quad]:
        """The quads of `g:catalogue`: VoID and DCAT of this snapshot, with the dataset in every format."""
        files = self.files(ExportRequest(names=(DATASET,)))
        digests = [(file, self.digest(file)) for file in files]
        distributions = [
            Distribution(file.path, file.media_type, file.label, digest.size, digest.sha256) for file, digest in digests
        ]
        return catalogue_quads(self.quads, base=self.base, distributions=distributions, version=self.snapshot)

    @cached_property
    def _items(self) -> GraphItems:
        return GraphItems(self.quads, base=self.base)

    def _table_file(self, table: Table, path: str) -> ExportFile:
        return ExportFile(path, "text/csv", table.about, None, lambda: chunks(csv_lines(table, self._items.of(table))))

    def _package_file(self) -> ExportFile:
        return ExportFile(
            "tables/datapackage.json", "application/json", "Frictionless Data Package", None, self._package
        )

    def _package(self) -> Iterator[bytes]:
        files = []
        for table in TABLES:
            digest = self.digest(self._table_file(table, f"tables/{table.name}.csv"))
            files.append(TableFile(table, digest.size, digest.sha256))
        yield _json(datapackage(files, version=self.snapshot))

    def _network_file(self) -> ExportFile:
        facts = self.part(FACTS)
        return ExportFile(
            "facts.graphml",
            _GRAPHML,
            "GraphML",
            None,
            lambda: chunks(write_graphml(facts, self._items.describe)),
        )


# --- folders


def write_folder(
    export: Export, request: ExportRequest, folder: Path, *, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Write what the request asks for to `folder`, all of it or nothing, and return the manifest.

    An earlier export at that place is replaced; `progress` is told the path of each file when it is written.
    Raises ExportFault: the folder holds something that no export wrote. Raises NotFound as `Export.files` does.
    """
    _check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the last step is a rename within one file system.
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        # Files are made readable by others only now: a temporary folder is private.
        partial.chmod(0o755)
        for file in export.files(request):
            export.remember(file, _write_file(partial, file, compressed=request.compressed))
            progress(file.path)
        manifest = export.manifest(request)
        (partial / MANIFEST).write_bytes(_json(manifest))
        _replace(folder, partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return manifest


def _write_file(folder: Path, file: ExportFile, *, compressed: bool) -> Digest:
    path = folder / (file.path + (".gz" if compressed else ""))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw:
        if not compressed:
            return _digest(_copied(file.read(), raw))
        # No name and no time in the header, so that the bytes depend on the content only.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
            return _digest(_copied(file.read(), stream))


def _copied(chunks: Iterable[bytes], stream: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    for chunk in chunks:
        stream.write(chunk)
        yield chunk


def _check_replaceable(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ExportFault(f"{folder} is a file; give the name of a folder")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if not present:
        return
    if MANIFEST not in present:
        raise ExportFault(f"{folder} holds files and no {MANIFEST}: no export wrote them; give another folder")
    files = [entry["path"] for entry in read_manifest(FolderSource(folder))["files"]]
    foreign = sorted(present - {MANIFEST, *files, *(f"{path}.gz" for path in files)})
    if foreign:
        raise ExportFault(f"{folder} holds {foreign[0]}, which no export wrote; move it or give another folder")


def _replace(folder: Path, partial: Path) -> None:
    if not folder.exists():
        partial.rename(folder)
        return
    # A folder with content cannot be replaced in one step; the old one steps aside and comes back if the new one fails.
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
    os.replace(folder, aside)
    try:
        partial.rename(folder)
    except BaseException:
        os.replace(aside, folder)
        raise
    shutil.rmtree(aside)


# --- verification


class Source(Protocol):
    """Where the files of an export are."""

    def read(self, path: str, *, compressed: bool = False) -> Iterator[bytes]:
        """The uncompressed bytes of a file. Raises ExportFault: it is missing or damaged."""
        ...


class FolderSource:
    """The files of an export folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def read(self, path: str, *, compressed: bool = False) -> Iterator[bytes]:
        """See Source."""
        target = self._folder / (path + (".gz" if compressed else ""))
        try:
            with gzip.open(target) if compressed else target.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
        except FileNotFoundError as error:
            raise ExportFault(f"{target} is missing") from error
        except (OSError, EOFError, zlib.error) as error:
            raise ExportFault(f"{target} cannot be read: {error}") from error

    def paths(self) -> set[str]:
        """Every file of the folder but the manifest."""
        paths = (path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*") if not path.is_dir())
        return {path for path in paths if path != MANIFEST}


def read_manifest(source: Source) -> dict[str, Any]:
    """The manifest of an export. Raises ExportFault: there is none, or it is not one."""
    try:
        manifest: dict[str, Any] = json.loads(b"".join(source.read(MANIFEST)))
        ExportRequest.from_json(manifest["request"])
        paths = [entry["path"] for entry in manifest["files"] if len(entry["sha256"]) == 64]
        outside = [path for path in paths if path.startswith("/") or ".." in path.split("/")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportFault(f"{MANIFEST} of {source} is not the manifest of an export: {error!r}") from error
    if outside:
        raise ExportFault(f"{MANIFEST} of {source} names {outside[0]}, which is outside of the export")
    return manifest


def verify(source: Source) -> Iterator[str]:
    """What is wrong with an export, in words; nothing if every file is what its manifest says.

    Raises ExportFault: there is no manifest that can be read.
    """
    manifest = read_manifest(source)
    compressed = manifest["request"]["gzip"]
    for entry in manifest["files"]:
        found = _digest_of(partial(source.read, entry["path"], compressed=compressed))
        if isinstance(found, str):
            yield f"{entry['path']}: {found}"
        elif found.sha256 != entry["sha256"]:
            yield f"{entry['path']}: {found.size} bytes, SHA-256 {found.sha256}; the manifest says {entry['sha256']}"
    if isinstance(source, FolderSource):
        named = {entry["path"] + (".gz" if compressed else "") for entry in manifest["files"]}
        yield from (f"{path}: not in the manifest" for path in sorted(source.paths() - named))


def differences(manifest: Mapping[str, Any], current: Export | Source) -> Iterator[str]:
    """What another graph or service now has in place of the files of a manifest; nothing if it has the same bytes.

    An Export repeats the whole request, so it names new files too; of any other source the same paths are read.
    """
    if isinstance(current, Export):
        yield from _differences_from_graph(manifest, current)
        return
    for entry in manifest["files"]:
        found = _digest_of(partial(current.read, entry["path"]))
        if isinstance(found, str):
            yield f"{entry['path']}: {found}"
        elif found.sha256 != entry["sha256"]:
            yield f"{entry['path']}: changed ({entry['bytes']} bytes then, {found.size} now)"


def _differences_from_graph(manifest: Mapping[str, Any], current: Export) -> Iterator[str]:
    if manifest["base"] != current.base:
        yield f"the export has the base {manifest['base']}, the graph {current.base}"
        return
    files = {file.path: file for file in current.files(ExportRequest.from_json(manifest["request"]))}
    for entry in manifest["files"]:
        file = files.pop(entry["path"], None)
        if file is None:
            yield f"{entry['path']}: the graph has no such file any more"
        elif (digest := current.digest(file)).sha256 != entry["sha256"]:
            then, now = (entry["triples"], file.triples) if "triples" in entry else (entry["bytes"], digest.size)
            yield f"{entry['path']}: changed ({then} {'triples' if 'triples' in entry else 'bytes'} then, {now} now)"
    yield from (f"{path}: new in the graph" for path in sorted(files))


def _digest_of(read: Callable[[], Iterator[bytes]]) -> Digest | str:
    """The digest of what is read, or in words why it cannot be."""
    try:
        return _digest(read())
    except ExportFault as fault:
        return str(fault)


def _digest(chunks: Iterable[bytes]) -> Digest:
    sha256, size = hashlib.sha256(), 0
    for chunk in chunks:
        sha256.update(chunk)
        size += len(chunk)
    return Digest(size, sha256.hexdigest())


def _format(name: str) -> RdfFormat:
    found = by_name(RDF_FORMATS, name)
    if found is None:
        raise NotFound(f"there is no RDF format {name!r}; there are {', '.join(row.suffix for row in RDF_FORMATS)}")
    return found


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
