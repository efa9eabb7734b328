"""Commands about the facts: where they are written, whether they hold, how much of the texts they account for."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service import paths
from service.errors import NotFound, SourceError, SourceErrors
from service.graph.claims import Claim
from service.graph.compile import CompiledGraph, compile_sources
from service.graph.coverage import Coverage, check_ledgers, coverage, stale_skips
from service.graph.evidence import MAX_PASSAGE, Locator, Texts, locate, locator_of, verify
from service.graph.ontology import read_ontology, read_shapes
from service.graph.review import ReviewRow, ReviewSection, review, review_queries
from service.graph.schema import data_schema
from service.graph.sources import Ledger, Sources, near, read_ledgers, read_sources
from service.graph.validation import Severity, ValidationReport, ValidationResult
from service.graph.validation_parts import validate_by_processes
from service.graph.yaml_text import Faults
from service.rdf.namespaces import prefixes
from service.settings import Settings

Run = Callable[[argparse.Namespace, Settings], int]


@dataclass(frozen=True, slots=True)
class _Command:
    name: str
    run: Run
    about: str
    examples: str
    needs_texts: bool


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands of this module."""
    commands = {}
    for command in _COMMANDS:
        parser = subparsers.add_parser(
            command.name,
            help=command.about,
            description=command.about,
            epilog=f"examples:\n{command.examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command.needs_texts:
            parser.add_argument(
                "--documents", type=Path, metavar="DIR", help="folder with NNN_*.txt (default: MARSAD_DOCUMENTS)"
            )
        parser.set_defaults(run=command.run)
        commands[command.name] = parser
    commands["locate"].add_argument("document", metavar="DOC", help="document, as d000 or 000")
    commands["locate"].add_argument("phrase", nargs="+", help="words of the text; their spacing may differ")
    commands["locate"].add_argument("--to", metavar="PHRASE", help="end of the passage: it goes from PHRASE to here")
    commands["resolve"].add_argument("claim", nargs="+", metavar="CLAIM", help="claim, fact (d000.fact) or claim IRI")
    commands["coverage"].add_argument("--gaps", action="store_true", help="list the unaccounted stretches")
    commands["check"].add_argument("--report", type=Path, metavar="FILE", help="write the SHACL report as Turtle")
    commands["review"].add_argument("name", nargs="*", help="only the queries of these names")


def run_locate(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the locator of every place where the document has the phrase."""
    text = _texts(arguments, settings).text(arguments.document)
    found = True
    for phrase in arguments.phrase:
        places = locate(text, phrase)
        if arguments.to is not None:
            places = list(_ranges(text, places, locate(text, arguments.to)))
        for place in places:
            print(place, f"  # {len(place)} characters: {_shown(text[place.start : place.end])}")
        if not places:
            print(f"not found in {arguments.document}: {phrase}", file=sys.stderr)
            found = False
    return 0 if found else 1


def run_resolve(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the passages of claims."""
    texts = _texts(arguments, settings)
    compiled = _compiled(settings)
    for name in arguments.claim:
        for claim in _claims(name, compiled):
            print(f"{claim.id}  ({claim.kind}, data/{claim.file}:{claim.line})")
            for locator in claim.locators:
                print(f"  {claim.document} {locator.start}-{locator.end}")
                print(f"    {_joined(texts.passage(claim.document, locator))}")
    return 0


def run_verify(arguments: argparse.Namespace, settings: Settings) -> int:
    """Check every locator and hash against the texts."""
    texts = _texts(arguments, settings)
    sources, ledgers = _sources(settings)
    faults = [*verify(sources, texts), *stale_skips(ledgers, texts)]
    _print_faults(faults)
    facts = sum(len(file.facts) for file in sources.facts)
    skips = sum(len(ledger.skips) for ledger in ledgers)
    print(f"{len(sources.documents)} documents, {facts} facts, {skips} skips: {_counted(len(faults), 'fault')}")
    return 1 if faults else 0


def run_coverage(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print how much of each document is covered, skipped and unaccounted for."""
    texts = _texts(arguments, settings)
    sources, ledgers = _sources(settings)
    faults = Faults()
    check_ledgers(sources, ledgers, faults)
    accounts = coverage(sources, ledgers, texts)
    _print_accounts(accounts)
    for account in accounts if arguments.gaps else ():
        text = texts.text(account.document)
        for start, end in account.gaps:
            print(f"{account.document} {locator_of(text, start, end)}  # {_shown(text[start:end])}")
    _print_faults(sorted(faults.errors))
    return 1 if faults.errors or any(account.gaps for account in accounts) else 0


def run_check(arguments: argparse.Namespace, settings: Settings) -> int:
    """Compile the facts, hold the graph against the shapes, run the review queries and the rules of the ledgers."""
    with _step("compile") as done:
        compiled = _compiled(settings)
        counts = compiled.counts
        done(", ".join(_counted(counts[f"{noun}s"], noun) for noun in ("document", "claim", "quad")))
    _print_faults(compiled.warnings, prefix="warning: ")
    with _step("validate") as done:
        report = validate_by_processes(compiled.quads, read_shapes(paths.ontology_dir(settings), base=settings.base))
        done(", ".join(_counted(len(report.of(severity)), severity.lower()) for severity in _SEVERITIES))
    _print_results(report, compiled, settings)
    if arguments.report is not None:
        arguments.report.write_text(report.turtle(prefixes(settings.base)), encoding="utf-8")
    with _step("review") as done:
        sections = _review(compiled, settings, ())
        rows = sum(len(section.rows) for section in sections)
        done(f"{_counted(len(sections), 'query')}, {_counted(rows, 'row')} (marsad review shows them)")
    with _step("coverage") as done:
        faults = Faults()
        sources, ledgers = _sources(settings)
        check_ledgers(sources, ledgers, faults)
        skips = sum(len(ledger.skips) for ledger in ledgers)
        done(f"{_counted(skips, 'skip')}, {_counted(len(faults.errors), 'fault')} (marsad coverage needs the texts)")
    _print_faults(sorted(faults.errors))
    return 0 if report.conforms and not faults.errors else 1


def run_schema(_: argparse.Namespace, settings: Settings) -> int:
    """Print the JSON Schema of the data files."""
    ontology = read_ontology(paths.ontology_dir(settings), base=settings.base)
    print(json.dumps(data_schema(ontology), indent=2, ensure_ascii=False))
    return 0


def run_review(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the review list."""
    texts = _texts(arguments, settings) if arguments.documents or settings.documents else None
    compiled = _compiled(settings)
    for section in _review(compiled, settings, arguments.name):
        print(f"{section.query.severity}: {section.query.title} ({section.query.name}, {len(section.rows)} rows)")
        for row in section.rows:
            _print_row(row, settings, texts)
        print()
    return 0


_SEVERITIES: tuple[Severity, ...] = ("Violation", "Warning", "Info")

_COMMANDS = (
    _Command(
        "locate",
        run_locate,
        "Print where a phrase stands in a document, as a locator for `at:`.",
        "  marsad locate d001 '23 March 2013'\n"
        "  marsad locate d001 'Central Bureau' --to '23 March 2013'     from the first words to the last\n",
        True,
    ),
    _Command(
        "resolve",
        run_resolve,
        "Print the passages of a claim, or of all claims of a fact.",
        "  marsad resolve d001.bcij-founded.place.sale\n  marsad resolve d001.bcij-founded\n",
        True,
    ),
    _Command(
        "verify",
        run_verify,
        "Check every locator and hash against the texts; exit code 1 names the facts that no longer hold.",
        "  marsad verify\n  marsad verify --documents ~/texts\n",
        True,
    ),
    _Command(
        "coverage",
        run_coverage,
        "Print how much of each document is covered by claims, skipped (per reason) and unaccounted for.",
        "  marsad coverage\n  marsad coverage --gaps        list what is unaccounted for\n",
        True,
    ),
    _Command(
        "check",
        run_check,
        "Compile the facts, hold the graph against the shapes and the data tests; exit code 1 on a fault.",
        "  marsad check\n  marsad check --report report.ttl\n",
        False,
    ),
    _Command(
        "schema",
        run_schema,
        "Print a JSON Schema of the data files, made from the ontology: editors complete keys with it.",
        "  marsad schema > marsad.schema.json\n",
        False,
    ),
    _Command(
        "review",
        run_review,
        "Print what an editor should look at: disagreements, single sources, doubtful dates.",
        "  marsad review\n  marsad review disagreements\n",
        True,
    ),
)


def _texts(arguments: argparse.Namespace, settings: Settings) -> Texts:
    return Texts(arguments.documents or settings.documents)


def _compiled(settings: Settings) -> CompiledGraph:
    return compile_sources(paths.ontology_dir(settings), paths.data_dir(settings), base=settings.base)


def _sources(settings: Settings) -> tuple[Sources, tuple[Ledger, ...]]:
    faults = Faults()
    data = paths.data_dir(settings)
    sources, ledgers = read_sources(data, faults), read_ledgers(data, faults)
    if faults.errors:
        raise SourceErrors(faults.errors)
    return sources, ledgers


def _review(compiled: CompiledGraph, settings: Settings, names: Iterable[str]) -> list[ReviewSection]:
    queries = review_queries(paths.ontology_dir(settings), base=settings.base)
    known = {query.name: query for query in queries}
    for name in names:
        if name not in known:
            raise NotFound(f"no review query {name!r}{near(name, known)}; there are: {', '.join(known)}")
    wanted = [known[name] for name in names] or queries
    return review(compiled.quads, wanted, base=settings.base)


def _ranges(text: str, firsts: Iterable[Locator], lasts: list[Locator]) -> Iterator[Locator]:
    for first in firsts:
        end = next((last.end for last in lasts if last.end > first.end), None)
        if end is not None and end - first.start <= MAX_PASSAGE:
            yield locator_of(text, first.start, end)


def _claims(name: str, compiled: CompiledGraph) -> list[Claim]:
    identifier = name.removeprefix(f"{compiled.base}claim/").removeprefix("claim:")
    found = [claim for claim in compiled.claims.values() if identifier in (claim.id, f"{claim.document}.{claim.fact}")]
    if not found:
        raise NotFound(f"no claim or fact {identifier!r}{near(identifier, compiled.claims)}")
    return found


@contextmanager
def _step(name: str) -> Iterator[Callable[[str], None]]:
    """Print what a step did and how many seconds it took, once it says so."""
    start = time.perf_counter()
    yield lambda words: print(f"{name:<9} {time.perf_counter() - start:6.2f} s  {words}", flush=True)


def _print_faults(faults: Iterable[SourceError], *, prefix: str = "") -> None:
    for fault in faults:
        print(f"{prefix}data/{fault}")


def _print_results(report: ValidationReport, compiled: CompiledGraph, settings: Settings) -> None:
    origins = {claim.iri.value: f"  (data/{claim.file}:{claim.line})" for claim in compiled.claims.values()}
    for result in report.results:
        print(f"{result.severity}: {_result_words(result, settings)}{origins.get(result.focus.value, '')}")


def _result_words(result: ValidationResult, settings: Settings) -> str:
    path = f" {_short(result.path, settings)}" if result.path else ""
    value = f" = {_short(result.value.value, settings)}" if result.value is not None else ""
    where = f"{_short(result.focus.value, settings)}{path}{value}"
    return f"{where}: {result.message()} [{_short(result.shape, settings)}]"


def _print_row(row: ReviewRow, settings: Settings, texts: Texts | None) -> None:
    values = [f"{name}: {_short(value.value, settings)}" for name, value in row.values.items() if value is not None]
    print(f"- {'; '.join(values)}")
    for passage in row.passages:
        words = ""
        if texts is not None:
            words = f": {_shown(texts.text(passage.document)[passage.start : passage.end])}"
        print(f"    {passage.document} {passage.start}-{passage.end}{words}")
    for note in row.notes:
        print(f"    note: {note}")


def _print_accounts(accounts: Iterable[Coverage]) -> None:
    print(f"{'document':<9}{'length':>8}{'covered':>10}{'skipped':>10}{'unaccounted':>13}  skipped, per reason")
    for account in accounts:
        skipped = sum(account.skipped.values())
        reasons = ", ".join(f"{reason} {account.share(count):.1f} %" for reason, count in account.skipped.items())
        print(
            f"{account.document:<9}{account.length:>8}{account.share(account.covered):>8.1f} %"
            f"{account.share(skipped):>8.1f} %{account.share(account.unaccounted):>11.1f} %  {reasons}".rstrip()
        )


def _short(text: str, settings: Settings) -> str:
    """IRIs of a text with prefixes instead of namespaces."""
    by_length = sorted(prefixes(settings.base).items(), key=lambda item: -len(item[1]))
    words = []
    for word in text.split(" "):
        match = next((f"{prefix}:{word[len(iri) :]}" for prefix, iri in by_length if word.startswith(iri)), word)
        words.append(match)
    return " ".join(words)


def _joined(passage: str) -> str:
    return " ".join(passage.split())


def _shown(passage: str) -> str:
    """The beginning of a passage on one line; 90 characters, what a terminal has room for beside a locator."""
    joined = _joined(passage)
    return joined if len(joined) <= 90 else f"{joined[:89]}…"


def _counted(count: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{count} {noun if count == 1 else plural}"
