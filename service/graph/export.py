"""Files of the graph: what there is to export, the bytes of each file, folders with a manifest, their verification.

A part is a set of quads with a name: `dataset` (everything but `g:catalogue`), `facts` (the direct triples), `claims`
(claims with their evidence, times and ranks) and each named graph. A part is written in every RDF format that can
carry it; `tables/` holds CSV, `facts.graphml` the network. An excerpt, `entity/interpol` or
`selection/claims?document=d001`, has tables and a network of its own. The same graph gives the same bytes on every
machine: checksums are of the uncompressed file. A graph that is large is sorted on disk.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

import pyoxigraph as ox

from service import __version__
from service.errors import BadRequest, ExportFault, NotFound
from service.graph.catalogue import CATALOGUE, LICENCE, Distribution, catalogue_quads
from service.graph.excerpt import Excerpt, entity_excerpt, selection_excerpt
from service.graph.selection import COLLECTIONS, Selection
from service.graph.tables import TABLES, GraphItems, Scope, Table, TableFile, csv_lines, datapackage, write_graphml
from service.rdf.formats import NQUADS, RDF_FORMATS, TURTLE, RdfFormat, by_name
from service.rdf.iris import graph_iri, local_name
from service.rdf.namespaces import prefixes
from service.rdf.serialize import write
from service.rdf.sorting import IN_MEMORY, Rows, Sorted, sorted_quads, sorted_triples
from service.rdf.writing import CHUNK, chunks

DATASET, FACTS, CLAIMS = "dataset", "facts", "claims"
_TABLES, _NETWORK = "tables", "network"
# What a folder holds when nothing else is asked for.
EVERYTHING = (DATASET, FACTS, CLAIMS, "graphs", _TABLES, _NETWORK, CATALOGUE)
MANIFEST = "manifest.json"
_DOCUMENT_GRAPH = re.compile(r"d[0-9]+\Z")
_GRAPHML = "application/graphml+xml"
_ENTITY, _SELECTION = "entity/", "selection/"
# Formats of an excerpt beside those of RDF.
CSV, GRAPHML = "csv", "graphml"
EXCERPT_FORMATS = (*(row.suffix for row in RDF_FORMATS), CSV, GRAPHML)
# Sorted parts and excerpts kept at once; each holds at most as many statements in memory as `sorting` says.
_KEPT_PARTS = 8
# Checksums kept for each snapshot.
_KEPT_DIGESTS = 1000

T = TypeVar("T")
# Collection and query → the selection, and the query as it is written in names: sorted, without paging.
ReadSelection = Callable[[str, str], tuple[Selection, str]]


@dataclass(frozen=True)
class ExportFile:
    """One file: its path below the export, what it holds, and its uncompressed bytes, made anew at each call of `read`.

    `triples` is the number of distinct triples (quads, in a format with graphs); None where that is not the measure.
    `url` is where a service has it, below `/export/`, if that is not the path.
    """

    path: str
    media_type: str
    label: str
    triples: int | None
    read: Callable[[], Iterator[bytes]]
    url: str | None = None


@dataclass(frozen=True)
class Digest:
    """Size and SHA-256 (hex) of uncompressed bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What an export is asked to hold: parts, excerpts, `graphs` (each named graph), `tables`, `network`, `catalogue`.

    `formats` are names of RDF formats, for parts and excerpts, and `csv` and `graphml`, for excerpts alone; `graphs` and
    `catalogue` are Turtle alone.
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


class _Recent(Generic[T]):
    """What was made last, by key; any number of threads may ask."""

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, Lock()
        self._made: OrderedDict[Any, T] = OrderedDict()

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` returned for that key, or returns now."""
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        value = make()
        self.put(key, value)
        return value

    def put(self, key: Any, value: T) -> None:
        """Keep a value."""
        with self._lock:
            self._made[key] = value
            if len(self._made) > self._size:
                self._made.popitem(last=False)


@dataclass(frozen=True)
class _Place:
    """Where the files of an excerpt are: its name in requests, its paths in a folder, its addresses at a service."""

    name: str
    stem: str
    url: str
    query: str

    def path(self, rest: str) -> str:
        """The path of one of its files."""
        return self.stem + rest

    def address(self, rest: str) -> str | None:
        """The address of one of its files, if that is not the path."""
        return f"{self.url}{rest}?{self.query}" if self.query else None


class Export:
    """The files of one snapshot of the graph; nothing is written or hashed before it is asked for.

    `read_selection` reads the queries of selections; without it there are none. Of the graph and of each of its parts
    no more than `in_memory` statements are held, the rest lies on disk.
    """

    def __init__(
        self,
        quads: Iterable[ox.Quad],
        *,
        base: str,
        read_selection: ReadSelection | None = None,
        in_memory: int = IN_MEMORY,
    ) -> None:
        catalogue = graph_iri(base, CATALOGUE)
        self.base = base
        self._in_memory = in_memory
        self._read_selection = read_selection
        self.quads = sorted_quads((quad for quad in quads if quad.graph_name != catalogue), in_memory=in_memory)
        self._prefixes = prefixes(base)
        self._digests = _Recent[Digest](_KEPT_DIGESTS)
        self._row_counts = _Recent[int](_KEPT_DIGESTS)
        self._sorted = _Recent[Rows[Any]](_KEPT_PARTS)
        self._excerpts = _Recent[Excerpt](_KEPT_PARTS)
        self._lock = Lock()

    @cached_property
    def snapshot(self) -> str:
        """The SHA-256 (hex) of the dataset's N-Quads: what the graph says, whatever it was made from."""
        return self.digest(self._part_file(DATASET, NQUADS)).sha256

    @cached_property
    def graph_names(self) -> tuple[str, ...]:
        """Names of the graphs, sorted."""
        graphs = {quad.graph_name for quad in self.quads}
        return tuple(sorted(local_name(graph) for graph in graphs if isinstance(graph, ox.NamedNode)))

    def part(self, name: str) -> Sorted[ox.Quad]:
        """The quads of a part, `graph/d001` for one graph, in the one order of quads.

        Raises NotFound: there is no such part.
        """
        if name == DATASET:
            return self.quads
        graphs = {graph_iri(self.base, graph) for graph in self._graphs_of(name)}
        return self._quads_sorted(name, lambda: (quad for quad in self.quads if quad.graph_name in graphs))

    def _quads_sorted(self, name: str, quads: Callable[[], Iterable[ox.Quad]]) -> Sorted[ox.Quad]:
        found = self._sorted.get((name, "quads"), lambda: sorted_quads(quads(), in_memory=self._in_memory))
        assert isinstance(found, Sorted)
        return found

    def _graphs_of(self, name: str) -> Iterable[str]:
        if name == FACTS:
            return ("direct",)
        if name == CLAIMS:
            return [graph for graph in self.graph_names if _DOCUMENT_GRAPH.match(graph)] + ["time", "editorial"]
        graph = name.removeprefix("graph/")
        if not name.startswith("graph/") or graph not in self.graph_names:
            known = ", ".join([*EVERYTHING, *(f"graph/{graph}" for graph in self.graph_names)])
            raise NotFound(
                f"there is nothing called {name!r} to export; there are {known}, entity/NAME, selection/LIST?FILTERS"
            )
        return (graph,)

    def file(self, path: str, query: str = "") -> ExportFile:
        """The file at a path as `dataset.ttl`, `graph/d001.nt`, `tables/claims.csv`, `claims.csv`, `facts.graphml`.

        For excerpts as `entity/interpol.ttl`, `entity/interpol/tables/claims.csv`, and, with a query,
        `selection/claims.ttl`.

        Raises NotFound: there is no such file. Raises BadRequest: the query is not one of a selection.
        """
        if path.startswith((_ENTITY, _SELECTION)):
            return self._excerpt_file_at(path, query)
        if query:
            raise BadRequest(f"{path} is one file and takes no parameters; selection/claims.ttl?document=d001 does")
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
        formats = [_format(name) for name in request.formats if name not in (CSV, GRAPHML)]
        found: dict[str, ExportFile] = {}
        for name in request.names:
            if name.startswith((_ENTITY, _SELECTION)):
                files = self._excerpt_files(self._place(name), request.formats)
            else:
                files = self._files_of(name, formats)
            for file in files:
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
        elif formats:
            yield from (self._part_file(name, rdf_format) for rdf_format in formats)
        else:
            raise NotFound(f"{name} is written in RDF; ask for tables to have CSV, for network to have GraphML")

    def digest(self, file: ExportFile) -> Digest:
        """Size and checksum of a file; kept, so that a file is hashed once for a snapshot."""
        return self._digests.get(file.path, lambda: _digest(file.read()))

    def remember(self, file: ExportFile, digest: Digest) -> None:
        """Keep a checksum that was computed while the file was written."""
        self._digests.put(file.path, digest)

    def manifest(self, request: ExportRequest) -> dict[str, Any]:
        """What `manifest.json` says: request, snapshot, and each file with its counts and the checksum of its bytes."""
        return {
            "generator": f"marsad {__version__}",
            "base": self.base,
            "licence": LICENCE.value,
            "request": replace(request, names=tuple(map(self._canonical, request.names))).as_json(),
            "snapshot": f"sha-256:{self.snapshot}",
            "quads": len(self.quads),
            "files": [self._entry(file) for file in self.files(request)],
        }

    def _entry(self, file: ExportFile) -> dict[str, Any]:
        digest = self.digest(file)
        counted: dict[str, Any] = {} if file.url is None else {"url": file.url}
        if file.triples is not None:
            counted["triples"] = file.triples
        elif file.media_type == "text/csv":
            # Counted while the file was hashed; anew if that was long ago.
            counted["rows"] = self._row_counts.get(file.path, lambda: self._count_rows(file))
        return {
            "path": file.path,
            "mediaType": file.media_type,
            **counted,
            "bytes": digest.size,
            "sha256": digest.sha256,
        }

    def _count_rows(self, file: ExportFile) -> int:
        for _ in file.read():
            pass
        return self._row_counts.get(file.path, lambda: 0)

    def _part_file(self, name: str, rdf_format: RdfFormat) -> ExportFile:
        return self._rdf_file(f"{name}.{rdf_format.suffix}", rdf_format, self._rows(name, rdf_format))

    def _rows(self, name: str, rdf_format: RdfFormat) -> Rows[Any]:
        """The statements of a part in the order that a format needs."""
        if rdf_format.carries_graphs:
            return self.part(name)
        return self._triples_sorted(name, lambda: self.part(name))

    def _triples_sorted(self, name: str, quads: Callable[[], Iterable[ox.Quad]]) -> Rows[Any]:
        return self._sorted.get((name, "triples"), lambda: sorted_triples(quads(), in_memory=self._in_memory))

    def _rdf_file(self, path: str, rdf_format: RdfFormat, rows: Rows[Any], url: str | None = None) -> ExportFile:
        return ExportFile(
            path,
            rdf_format.media_type,
            rdf_format.label,
            len(rows),
            lambda: write(rows, rdf_format, self._prefixes, presorted=True),
            url,
        )

    def _catalogue_file(self, rdf_format: RdfFormat) -> ExportFile:
        quads = self.catalogue
        rows: Rows[Any] = quads if rdf_format.carries_graphs else sorted_triples(quads)
        return self._rdf_file(f"{CATALOGUE}.{rdf_format.suffix}", rdf_format, rows)

    @cached_property
    def catalogue(self) -> list[ox.Quad]:
        """The quads of `g:catalogue`: VoID and DCAT of this snapshot, with the dataset in every format."""
        files = self.files(ExportRequest(names=(DATASET,)))
        digests = [(file, self.digest(file)) for file in files]
        distributions = [
            Distribution(file.path, file.media_type, file.label, digest.size, digest.sha256) for file, digest in digests
        ]
        return catalogue_quads(self.quads, base=self.base, distributions=distributions, version=self.snapshot)

    @property
    def _items(self) -> GraphItems:
        with self._lock:
            return self._items_made

    @cached_property
    def _items_made(self) -> GraphItems:
        return GraphItems(self.quads, base=self.base, in_memory=self._in_memory)

    def _table_file(self, table: Table, path: str, scope: Scope | None = None, url: str | None = None) -> ExportFile:
        def read() -> Iterator[bytes]:
            return chunks(self._counted(path, csv_lines(table, self._items.of(table, scope))))

        return ExportFile(path, "text/csv", table.about, None, read, url)

    def _counted(self, path: str, lines: Iterator[str]) -> Iterator[str]:
        count = -1
        for line in lines:
            count += 1
            yield line
        self._row_counts.put(path, count)

    def _package_file(self) -> ExportFile:
        return self._package_of(
            [self._table_file(table, f"tables/{table.name}.csv") for table in TABLES], TABLES, "tables"
        )

    def _package_of(
        self, files: Sequence[ExportFile], tables: Sequence[Table], folder: str, url: str | None = None
    ) -> ExportFile:
        def read() -> Iterator[bytes]:
            digests = map(self.digest, files)
            found = [TableFile(table, one.size, one.sha256) for table, one in zip(tables, digests, strict=True)]
            yield _json(datapackage(found, version=self.snapshot))

        path = f"{folder}/datapackage.json"
        return ExportFile(path, "application/json", "Frictionless Data Package", None, read, url)

    def _network_file(self) -> ExportFile:
        return self._network_of("facts.graphml", lambda: self.part(FACTS))

    def _network_of(
        self, path: str, facts: Callable[[], Iterable[ox.Quad | ox.Triple]], url: str | None = None
    ) -> ExportFile:
        def read() -> Iterator[bytes]:
            return chunks(write_graphml(facts(), self._items.describe))

        return ExportFile(path, _GRAPHML, "GraphML", None, read, url)

    # Excerpts: entity/NAME and selection/LIST?FILTERS.

    def _canonical(self, name: str) -> str:
        return self._place(name).name if name.startswith((_ENTITY, _SELECTION)) else name

    def _place(self, name: str) -> _Place:
        if name.startswith(_ENTITY):
            return _Place(name, name, name, "")
        collection, _, query = name.removeprefix(_SELECTION).partition("?")
        if collection not in COLLECTIONS or self._read_selection is None:
            raise NotFound(
                f"there is no list {collection!r} to export from; there are {', '.join(sorted(COLLECTIONS))}"
            )
        _, canonical = self._read_selection(collection, query)
        url = _SELECTION + collection
        # The folder of an export may hold several selections from one list; a query is no name for a file.
        mark = f"-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}" if canonical else ""
        return _Place(f"{url}?{canonical}" if canonical else url, url + mark, url, canonical)

    def _excerpt(self, place: _Place) -> Excerpt:
        return self._excerpts.get(place.name, lambda: self._excerpt_made(place))

    def _excerpt_made(self, place: _Place) -> Excerpt:
        if place.name.startswith(_ENTITY):
            return entity_excerpt(self._items, place.name.removeprefix(_ENTITY))
        assert self._read_selection is not None, "the place of a selection was read"
        selection, _ = self._read_selection(place.url.removeprefix(_SELECTION), place.query)
        return selection_excerpt(self._items, selection)

    def _excerpt_file_at(self, path: str, query: str) -> ExportFile:
        """The file of an excerpt at `NAME.SUFFIX`, `NAME/tables/TABLE.csv`, `NAME/tables/datapackage.json`."""
        name, slash, rest = path.partition("/tables/")
        if not slash:
            name, _, rest = path.rpartition(".")
        if not name or (path.startswith(_ENTITY) and query):
            raise NotFound(f"there is no file {path!r} to export")
        place = self._place(f"{name}?{query}" if query else name)
        wanted = f"/tables/{rest}" if slash else f".{rest}"
        if wanted == f".{CSV}":
            # The main table by itself; in a folder it is one of the tables.
            main = self._excerpt(place).tables[0]
            return self._table_file(main, place.path(wanted), self._excerpt(place).scope, place.address(wanted))
        found = {file.path: file for file in self._excerpt_files(place, EXCERPT_FORMATS)}
        if place.path(wanted) not in found:
            raise NotFound(f"there is no file {path!r} to export")
        return found[place.path(wanted)]

    def _excerpt_files(self, place: _Place, formats: Sequence[str]) -> Iterator[ExportFile]:
        excerpt = self._excerpt(place)
        for name in formats:
            if name == CSV:
                yield from self._excerpt_tables(place, excerpt)
            elif name == GRAPHML:
                yield self._network_of(place.path(".graphml"), excerpt.scope.facts, place.address(".graphml"))
            else:
                row = _format(name)
                yield self._excerpt_rdf_file(place, excerpt, row)

    def _excerpt_rdf_file(self, place: _Place, excerpt: Excerpt, row: RdfFormat) -> ExportFile:
        gather = self._quads_sorted if row.carries_graphs else self._triples_sorted
        rest = f".{row.suffix}"
        return self._rdf_file(place.path(rest), row, gather(place.name, excerpt.quads), place.address(rest))

    def _excerpt_tables(self, place: _Place, excerpt: Excerpt) -> Iterator[ExportFile]:
        files = []
        for table in excerpt.tables:
            rest = f"/tables/{table.name}.csv"
            files.append(self._table_file(table, place.path(rest), excerpt.scope, place.address(rest)))
        yield from files
        address = place.address("/tables/datapackage.json")
        yield self._package_of(files, excerpt.tables, place.path("/tables"), address)


def gzipped(data: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes compressed, without name and time, so that they depend on the content only."""
    # 31: a window of 32 KiB and the header of gzip.
    compressor = zlib.compressobj(wbits=31)
    for chunk in data:
        yield compressor.compress(chunk)
    yield compressor.flush()


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
    """Where the files of an export are; `manifest` is the place of its manifest there."""

    manifest: str

    def read(self, path: str, *, compressed: bool = False) -> Iterator[bytes]:
        """The uncompressed bytes of a file. Raises ExportFault: it is missing or damaged."""
        ...


class FolderSource:
    """The files of an export folder."""

    manifest = MANIFEST

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
        manifest: dict[str, Any] = json.loads(b"".join(source.read(source.manifest)))
        ExportRequest.from_json(manifest["request"])
        entries = [entry for entry in manifest["files"] if len(entry["sha256"]) == 64]
        paths = [str(entry[key]) for entry in entries for key in ("path", "url") if key in entry]
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
        found = _digest_of(partial(source.read, _place_in(source, entry), compressed=compressed))
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
        found = _digest_of(partial(current.read, _place_in(current, entry)))
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


def _place_in(source: Source, entry: Mapping[str, Any]) -> str:
    """Where a source has a file: a folder by its path, a service by its address."""
    return str(entry["path"] if isinstance(source, FolderSource) else entry.get("url", entry["path"]))


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
        known = ", ".join(row.suffix for row in RDF_FORMATS)
        raise NotFound(f"there is no RDF format {name!r}; there are {known}; of excerpts also csv and graphml")
    return found


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
