"""Commands that ask the graph: `query`, `show`, `counts`, `search`, and `load`, which makes it ready to be served."""

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pyoxigraph as ox

from service.api.context import Context
from service.app import Changed, open_project
from service.cli.serve import say
from service.errors import BadRequest, NotFound
from service.graph.ask import ask
from service.graph.build import Progress
from service.graph.counts import KINDS, MODALITIES, count_claims
from service.graph.describe import Item, find_claim, find_resource
from service.graph.search import search
from service.graph.words import Authors, heading, place_on_page, sentence, under_heading
from service.rdf.formats import RDF_FORMATS, RESULTS_FORMATS
from service.rdf.iris import local_name
from service.rdf.namespaces import prefixes
from service.settings import Settings
from service.store.base import read

_QUERY_EPILOG = """examples:
  marsad query 'SELECT ?post WHERE { id:nasser-bourita marsad:heldPost ?post }'
  marsad query ontology/questions/names-of-daesh.rq --format csv
  echo 'ASK { id:morocco marsad:memberOf id:african-union }' | marsad query -

The prefixes of the project are known. Formats: table (default), json, xml, csv, tsv; for CONSTRUCT and DESCRIBE
ttl (default), nt, jsonld, rdf, trig, nq.
"""
_SHOW_EPILOG = """examples:
  marsad show nasser-bourita
  marsad show daesh --lang fr
"""
_COUNTS_EPILOG = """examples:
  marsad counts
  marsad counts | grep d001
"""
_SEARCH_EPILOG = """examples:
  marsad search daech
  marsad search الأمن
"""
_LOAD_EPILOG = """examples:
  marsad load
  marsad dump --output data/ && marsad load     after changes through the service, when data/ did not change
  marsad load --discard-changes                 data/ counts, whatever was changed through the service
"""
_LANGUAGES = ("en", "fr", "ar")


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `query`, `show`, `counts`, `search` and `load`."""
    raw = argparse.RawDescriptionHelpFormatter
    query = subparsers.add_parser(
        "query",
        help="answer a SPARQL query",
        description="Answer a SPARQL query over what ontology/ and data/ say.",
        epilog=_QUERY_EPILOG,
        formatter_class=raw,
    )
    query.add_argument("query", metavar="FILE|TEXT", help="a file, a query, or - for standard input")
    query.add_argument("--format", default="", help="form of the answer; see below")
    query.set_defaults(run=run_query)
    show = subparsers.add_parser(
        "show",
        help="print what the documents say of something",
        description="Every claim about something in words, disagreements first, with its passages where the texts are at hand.",
        epilog=_SHOW_EPILOG,
        formatter_class=raw,
    )
    show.add_argument("slug", help="an entity or concept, as in nasser-bourita")
    show.add_argument("--lang", choices=_LANGUAGES, default="en", help="language of labels and words (default en)")
    show.add_argument("--documents", type=Path, help="folder with the texts, to print passages (MARSAD_DOCUMENTS)")
    show.set_defaults(run=run_show)
    counts = subparsers.add_parser(
        "counts",
        help="count the claims by document, kind and firmness",
        description="How many claims there are, by document: of each kind, and how firmly.",
        epilog=_COUNTS_EPILOG,
        formatter_class=raw,
    )
    counts.set_defaults(run=run_counts)
    find = subparsers.add_parser(
        "search",
        help="find names, in any language",
        description="Names that match, best first: slug, class, how it matched, the name.",
        epilog=_SEARCH_EPILOG,
        formatter_class=raw,
    )
    find.add_argument("text", help="a name, a part of one, or one with a slip")
    find.set_defaults(run=run_search)
    load = subparsers.add_parser(
        "load",
        help="compile, validate and load the graph, without serving it",
        description="Bring the store under MARSAD_HOME to what ontology/ and data/ say. Nothing changes if they are at fault,\n"
        "or if the graph was changed through the service since the last load: then the difference is printed.",
        epilog=_LOAD_EPILOG,
        formatter_class=raw,
    )
    load.add_argument(
        "--discard-changes", action="store_true", help="undo what was changed through the service; the history keeps it"
    )
    load.set_defaults(run=run_load)


@asynccontextmanager
async def _project(settings: Settings) -> AsyncIterator[Context]:
    async with open_project(settings, _silent, in_memory=True) as context:
        yield context


def _silent(what: str, how_many: str, seconds: float) -> None:
    """No progress: the command answers within seconds and its output may be piped."""


def run_query(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the answer to one query."""
    return asyncio.run(_query(_query_text(arguments.query), arguments.format, settings))


def _query_text(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    if "{" not in given:
        path = Path(given)
        if not path.is_file():
            raise NotFound(f"{given!r} is neither a file nor a query; a query has braces, as in 'ASK {{ ?s ?p ?o }}'")
        return path.read_text(encoding="utf-8")
    return given


async def _query(text: str, wanted: str, settings: Settings) -> int:
    results = {row.suffix: row.name for row in RESULTS_FORMATS} | {row.name: row.name for row in RESULTS_FORMATS}
    graphs = {row.suffix: row.name for row in RDF_FORMATS}
    if wanted and wanted not in {"table", *results, *graphs}:
        raise BadRequest(f"--format takes table, {', '.join(sorted({*results, *graphs}))}; not {wanted!r}")
    async with _project(settings) as context:
        known = prefixes(context.base)
        chosen = {"results": results.get(wanted, "json"), "graph": graphs.get(wanted, "turtle")}
        answer = await read(await ask(context.store, text, settings, known, **chosen))
    if wanted in ("", "table") and answer.lstrip()[:1] == b"{":
        print(_table(answer))
    else:
        sys.stdout.buffer.write(answer)
    return 0


def _table(answer: bytes) -> str:
    parsed = ox.parse_query_results(answer, ox.QueryResultsFormat.JSON)
    if isinstance(parsed, ox.QueryBoolean):
        return "true" if bool(parsed) else "false"
    names = [variable.value for variable in parsed.variables]
    rows = [[_shown(solution[name]) for name in names] for solution in parsed]
    widths = [max(len(cell) for cell in column) for column in zip(names, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (names, *rows)
    ]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:], f"{len(rows)} rows"])


def _shown(term: object) -> str:
    if term is None:
        return ""
    return str(term.value if isinstance(term, ox.NamedNode | ox.Literal | ox.BlankNode) else term)


def run_show(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the claims about something, grouped by relation."""
    if arguments.documents:
        settings = replace(settings, documents=arguments.documents)
    return asyncio.run(_show(arguments.slug, arguments.lang, settings))


async def _show(slug: str, language: str, settings: Settings) -> int:
    async with _project(settings) as context:
        item = context.describer(language).entity(_find(context, slug))
        print(f"{item['label']} ({context.term_label(item['type'], language)})")
        for code, label in item["labels"].items():
            if label != item["label"]:
                print(f"  {code}: {label}")
        _print_differing(context, item, language)
        for group in sorted(item["relations"], key=lambda one: place_on_page(one["relation"], inverse=one["inverse"])):
            print(f"\n{_heading(group, language)}")
            for claim in group["claims"]:
                print(f"  {_line(claim, group['inverse'], language, context.authors)}")
                _print_details(claim)
    return 0


def _print_differing(context: Context, item: Item, language: str) -> None:
    """What differs comes first: nobody should read one value and leave."""
    claims = {claim["iri"] for group in item["relations"] for claim in group["claims"]}
    describer = context.describer(language)
    for query, row in context.differing(claims):
        print(f"\n! {query.titles.get(language) or query.title}")
        for iri in row.claims:
            claim = describer.claim(find_claim(context.reader, local_name(iri)))
            print(f"  {sentence(claim, language, context.authors)}")
            _print_details(claim)


def _print_details(claim: Item) -> None:
    """The claim's name, where it is written, the passages if the texts are at hand, and the editors' note."""
    print(f"      {claim['id']}  {' '.join(_place(passage) for passage in claim['evidence'])}")
    for passage in claim["evidence"]:
        if "text" in passage:
            print(f"      “{' '.join(passage['text'].split())}”")
    if claim.get("note"):
        print(f"      ({claim['note']})")


def run_counts(_arguments: argparse.Namespace, settings: Settings) -> int:
    """Print how many claims there are."""
    return asyncio.run(_counts(settings))


async def _counts(settings: Settings) -> int:
    async with _project(settings) as context:
        counts = count_claims(context.reader)
    names = ("claims", *KINDS, *MODALITIES)
    print("document  " + "  ".join(name.lower() for name in names))
    for row in counts:
        cells = {"claims": row.total, **row.by_name}
        print(f"{row.document:<8}  " + "  ".join(str(cells[name]).rjust(len(name)) for name in names))
    return 0


def _find(context: Context, slug: str) -> int:
    for folder in ("id", "topic", "doc"):
        try:
            return find_resource(context.reader, f"{context.base}{folder}/{slug}")
        except NotFound:
            continue
    near = ", ".join(hit.slug for hit in search(context.reader, slug.replace("-", " "), limit=3))
    raise NotFound(f"there is no {slug}" + (f"; did you mean {near}?" if near else ""))


def _heading(group: Item, language: str) -> str:
    indicator = group["claims"][0].get("indicator")
    if indicator and indicator["id"] == group["relation"]:
        return str(indicator["label"])
    return heading(group["relation"], inverse=group["inverse"], language=language)


def _line(claim: Item, inverse: bool, language: str, authors: Authors) -> str:
    words = sentence(claim, language, authors)
    details = words.comma.join(part for part in (words.firmness, words.when) if part)
    said = under_heading(claim, language, inverse=inverse)
    return f"{said}{f' ({details})' if details else ''}{words.comma}{words.source}"


def _place(passage: Item) -> str:
    return f"{passage['document']}:{passage['start']}-{passage['end']}"


def run_search(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what matches; exit code 1 if nothing does."""
    return asyncio.run(_search(arguments.text, settings))


async def _search(text: str, settings: Settings) -> int:
    async with _project(settings) as context:
        hits = search(context.reader, text)
    width = shutil.get_terminal_size().columns
    for hit in hits:
        print(f"{hit.slug:40} {hit.type:14} {hit.match:8} {hit.name}"[:width])
    return 0 if hits else 1


def run_load(arguments: argparse.Namespace, settings: Settings) -> int:
    """Bring the store to what the sources say."""
    return asyncio.run(_load(settings, say, "discard" if arguments.discard_changes else "refuse"))


async def _load(settings: Settings, progress: Progress, changed: Changed) -> int:
    started = time.monotonic()
    async with open_project(settings, progress, changed=changed) as context:
        progress("ready", f"version {context.store.version} under {settings.home}", time.monotonic() - started)
    return 0
