"""Commands that write the graph to files and hold such files against it."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from service import paths
from service.api.parameters import read_selection
from service.errors import ExportFault
from service.graph.compile import compile_sources
from service.graph.export import (
    EVERYTHING,
    EXCERPT_FORMATS,
    MANIFEST,
    Export,
    ExportRequest,
    FolderSource,
    Source,
    differences,
    read_manifest,
    verify,
    write_folder,
)
from service.rdf.formats import RDF_FORMATS
from service.settings import Settings

_API = "/api/v1/"
_SUFFIXES = [row.suffix for row in RDF_FORMATS]
# Seconds without a byte after which a service is given up: a large file is sorted before its first byte is sent.
_PATIENCE_S = 60.0

_EXPORT_HELP = f"""names:
  dataset       everything, in each format
  facts         the direct triples only
  claims        claims with their evidence, times and ranks
  graph/NAME    one named graph, as graph/d001
  entity/NAME   one resource, the claims about it, what they name, the links among them, as entity/interpol
  selection/LIST?FILTERS
                what a list of the REST API holds, as selection/claims?document=d001&modality=alleged;
                its address works too: /api/v1/claims?document=d001&modality=alleged
  graphs        each named graph, as Turtle
  tables        CSV files with a datapackage.json
  network       facts.graphml, for network tools
  catalogue     VoID and DCAT, as Turtle
Without names: {", ".join(EVERYTHING)}. Formats: {", ".join(_SUFFIXES)};
of an entity or a selection also csv (tables with a datapackage.json) and graphml.

examples:
  marsad export --output graph/                       every file, with a manifest
  marsad export --format ttl --format nq dataset      two files
  marsad export --gzip --output graph/ claims tables  compressed; checksums are of the uncompressed bytes
  marsad export --output interpol/ entity/interpol    one entity in every format
  marsad export --format csv 'selection/claims?topic=terrorism&from=2014'
"""
_VERIFY_HELP = """examples:
  marsad verify-export graph/                                     is every file what the manifest says?
  marsad verify-export graph/ --against                           and is it what the sources say now?
  marsad verify-export graph/ --against http://127.0.0.1:8000     and is it what that service exports now?
  marsad verify-export http://127.0.0.1:8000                      does a service keep to its own manifest?
  marsad verify-export 'http://127.0.0.1:8000/export/selection/claims/manifest.json?document=d001'
"""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `export` and `verify-export`."""
    export = _command(subparsers, "export", "write the graph to files, with a manifest", _EXPORT_HELP)
    export.add_argument("names", nargs="*", metavar="NAME", help="what to export; see below")
    export.add_argument(
        "--format", action="append", dest="formats", metavar="FORMAT", help="format of the parts; may be repeated"
    )
    export.add_argument("--gzip", action="store_true", help="compress each file")
    export.add_argument(
        "--output",
        type=Path,
        default=Path("marsad-export"),
        metavar="DIR",
        help="folder to write (default: %(default)s)",
    )
    export.set_defaults(run=run_export)

    check = _command(
        subparsers, "verify-export", "hold an export against its manifest, or against the graph", _VERIFY_HELP
    )
    check.add_argument("source", metavar="DIR|URL", help="folder of an export, or a service")
    check.add_argument(
        "--against",
        nargs="?",
        const="",
        metavar="URL",
        help="repeat the request on the sources, or on the service at URL, and compare",
    )
    check.set_defaults(run=run_verify)


def _command(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str, epilog: str
) -> argparse.ArgumentParser:
    return subparsers.add_parser(
        name, help=about, description=about, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def run_export(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the files and the manifest, all or nothing."""
    started = time.monotonic()
    request = ExportRequest(
        names=tuple(map(_name, arguments.names)) or EVERYTHING,
        formats=tuple(arguments.formats or (EXCERPT_FORMATS if arguments.names else _SUFFIXES)),
        compressed=arguments.gzip,
    )
    export = _current(settings)
    manifest = write_folder(export, request, arguments.output, progress=lambda path: print(f"  {path}", flush=True))
    files = manifest["files"]
    size = sum(file["bytes"] for file in files) / 2**20
    print(
        f"{arguments.output}: {len(files)} files, {size:.1f} MiB uncompressed, {manifest['quads']} quads, "
        f"snapshot {manifest['snapshot']}, {time.monotonic() - started:.1f} s"
    )
    return 0


def _name(given: str) -> str:
    """The name of what to export; the address of a list names its selection."""
    _, found, rest = given.partition(_API)
    return f"selection/{rest}" if found else given


def run_verify(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what is wrong; exit code 1 if anything is."""
    source = _source(arguments.source)
    faults = 0
    for fault in _faults(source, arguments.against, settings):
        print(fault, file=sys.stderr)
        faults += 1
    if faults:
        print(f"{arguments.source}: {faults} {'fault' if faults == 1 else 'faults'}", file=sys.stderr)
        return 1
    manifest = read_manifest(source)
    print(f"{arguments.source}: {len(manifest['files'])} files as the manifest says, snapshot {manifest['snapshot']}")
    return 0


def _faults(source: Source, against: str | None, settings: Settings) -> Iterator[str]:
    yield from verify(source)
    if against is not None:
        current: Export | Source = _source(against) if against else _current(settings)
        yield from differences(read_manifest(source), current)


def _current(settings: Settings) -> Export:
    graph = compile_sources(paths.ontology_dir(settings), paths.data_dir(settings), base=settings.base)
    return Export(graph.quads, base=settings.base, read_selection=read_selection)


def _source(place: str) -> Source:
    return ServiceSource(place) if place.startswith(("http://", "https://")) else FolderSource(Path(place))


class ServiceSource:
    """The files that a running service exports, under `{url}/export/`; or those of the manifest at that address."""

    def __init__(self, url: str) -> None:
        self._url, _, manifest = url.partition("/export/")
        self._url = self._url.rstrip("/").removesuffix("/export")
        self.manifest = manifest or MANIFEST

    def __str__(self) -> str:
        return self._url

    def read(self, path: str, *, compressed: bool = False) -> Iterator[bytes]:
        """See Source; HTTP undoes a compression of its own."""
        url = f"{self._url}/export/{path}"
        try:
            with httpx.stream("GET", url, timeout=_PATIENCE_S, follow_redirects=True) as response:
                if response.status_code != httpx.codes.OK:
                    raise ExportFault(f"{url} answers {response.status_code}")
                yield from response.iter_bytes()
        except httpx.HTTPError as error:
            raise ExportFault(f"{url} cannot be read: {error}") from error
