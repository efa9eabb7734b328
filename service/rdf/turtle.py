"""Canonical Turtle and TriG: the same triples give the same bytes.

One value per line, the predicate repeated, a lone `.` at the end of a subject, sorted subjects, `a` first,
sorted predicates and values, only the prefixes that are used. Source: RDF 1.1 Turtle; RDF 1.1 TriG.

`python -m service.rdf.turtle FILE…` brings Turtle files into this form.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pyoxigraph as ox

from service.errors import MalformedRdf, MarsadError, UnwritableRdf
from service.rdf.namespaces import PREFIXES, RDF_FIRST, RDF_NIL, RDF_REST, RDF_TYPE
from service.rdf.terms import Object, Subject, sort_key
from service.rdf.writing import (
    PREFIX,
    Names,
    Statement,
    chunks,
    escaped,
    literal_suffix,
    ordered_quads,
    ordered_triples,
    quoted,
    refuse_blank_node,
    shorthand,
)

_INDENT = "    "
# Columns up to which a list or a blank node stays on one line.
_LINE = 120
# Within a long string, quotation marks that would end it: three in a row, or any at its end.
_QUOTES_THAT_CLOSE = re.compile(r'"{3,}|"+\Z')
# What may hold a # that starts no comment: strings and IRIs.
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"""'
    r"|'''(?:[^'\\]|\\.|'{1,2}(?!'))*'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'"
    r"|<[^<>\s]*>"
    r"|(?P<comment>#[^\n]*)",
    re.DOTALL,
)


def write_turtle(
    triples: Iterable[Statement],
    prefixes: Mapping[str, str],
    *,
    presorted: bool = False,
    allow_blank_nodes: bool = False,
) -> Iterator[bytes]:
    """Canonical Turtle in chunks of bytes; graph names are dropped.

    With `presorted` the triples are taken as they come, which must be in the order of `ordered_triples` and without
    duplicates; they are read twice (once for the prefixes), so they must be a collection and not an iterator.
    Blank nodes are refused or, if allowed, written with their labels.

    Raises UnwritableRdf: a blank node that is not allowed, or a term of RDF 1.2.
    """
    rows: Iterable[Statement] = triples if presorted else ordered_triples(triples)
    writer = _Writer(prefixes, allow_blank_nodes)
    writer.note_prefixes(rows)
    yield from chunks(_turtle(writer, rows))


def write_trig(
    quads: Iterable[ox.Quad],
    prefixes: Mapping[str, str],
    *,
    presorted: bool = False,
    allow_blank_nodes: bool = False,
) -> Iterator[bytes]:
    """Canonical TriG in chunks of bytes: the default graph first, then each named graph as a block.

    The parameters and errors are those of `write_turtle`; the order is that of `ordered_quads`.
    """
    rows: Iterable[ox.Quad] = quads if presorted else ordered_quads(quads)
    writer = _Writer(prefixes, allow_blank_nodes)
    writer.note_prefixes(rows)
    yield from chunks(_trig(writer, rows))


def _turtle(writer: "_Writer", rows: Iterable[Statement]) -> Iterator[str]:
    yield from writer.header()
    yield from writer.subjects(rows, indent="")


def _trig(writer: "_Writer", rows: Iterable[ox.Quad]) -> Iterator[str]:
    yield from writer.header()
    separate = False
    for graph, quads in groupby(rows, key=lambda quad: quad.graph_name):
        if separate:
            yield "\n"
        separate = True
        if isinstance(graph, ox.DefaultGraph):
            yield from writer.subjects(quads, indent="")
            continue
        yield f"{writer.term(graph)} {{\n"
        yield from writer.subjects(quads, indent=_INDENT)
        yield "}\n"


class _Writer:
    def __init__(self, prefixes: Mapping[str, str], allow_blank_nodes: bool) -> None:
        self._names = Names({prefix: iri for prefix, iri in prefixes.items() if PREFIX.match(prefix)})
        self._allow_blank_nodes = allow_blank_nodes

    def note_prefixes(self, rows: Iterable[Statement]) -> None:
        """Find out which prefixes the rows need, before the header is written."""
        for row in rows:
            if row.predicate != RDF_TYPE:
                self._note(row.predicate)
            self._note(row.subject)
            self._note(row.object)
            if isinstance(row, ox.Quad):
                self._note(row.graph_name)

    def _note(self, term: Object | ox.Triple | ox.DefaultGraph) -> None:
        if isinstance(term, ox.NamedNode):
            self._names.short(term.value)
        elif isinstance(term, ox.Literal) and term.language is None and shorthand(term) is None:
            self._names.short(term.datatype.value)

    def header(self) -> Iterator[str]:
        yield from (f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in sorted(self._names.used.items()))
        if self._names.used:
            yield "\n"

    def subjects(self, rows: Iterable[Statement], *, indent: str) -> Iterator[str]:
        separate = False
        for subject, about in groupby(rows, key=lambda row: row.subject):
            if separate:
                yield "\n"
            separate = True
            yield f"{indent}{self.term(subject)}\n"
            yield from self._lines(about, indent + _INDENT)
            yield f"{indent}{_INDENT}.\n"

    def _lines(self, about: Iterable[Statement], indent: str) -> Iterator[str]:
        others = []
        for row in about:
            if row.predicate == RDF_TYPE:
                yield f"{indent}a {self.term(row.object)} ;\n"
            else:
                others.append(f"{indent}{self._names.text(row.predicate)} {self.term(row.object)} ;\n")
        yield from others

    def term(self, term: Object | ox.Triple) -> str:
        if isinstance(term, ox.NamedNode):
            return self._names.text(term)
        if isinstance(term, ox.Literal):
            return self._literal(term)
        if not self._allow_blank_nodes:
            refuse_blank_node(term)
        sort_key(term)  # refuses what RDF 1.1 does not have
        return str(term)

    def _literal(self, literal: ox.Literal) -> str:
        sort_key(literal)
        short = shorthand(literal)
        if short is not None:
            return short
        text = _long_string(literal.value) if "\n" in literal.value else quoted(literal.value)
        return text + literal_suffix(literal, self._names.text)


def _long_string(text: str) -> str:
    body = "\n".join(escaped(line, quotes=False) for line in text.split("\n"))
    return f'"""{_QUOTES_THAT_CLOSE.sub(_escaped_quotes, body)}"""'


def _escaped_quotes(found: re.Match[str]) -> str:
    return '\\"' * len(found[0])


def format_turtle(text: str, prefixes: Mapping[str, str] = PREFIXES) -> str:
    """A Turtle file in the project's form: as `write_turtle`, with lists and blank nodes written where they are used.

    The file's own prefixes are kept where used; `prefixes` are added for namespaces that the file does not name.

    Raises MalformedRdf: not Turtle, or a `#` comment, which would be lost.
    Raises UnwritableRdf: a blank node that is used twice or in a circle has no place of its own.
    """
    _refuse_comments(text)
    parser = ox.parse(text.encode(), format=ox.RdfFormat.TURTLE)
    try:
        triples = ordered_triples(parser)
    except SyntaxError as error:
        raise MalformedRdf(f"not Turtle: line {error.lineno}: {error.msg}") from error
    own = parser.prefixes
    added = {prefix: iri for prefix, iri in prefixes.items() if prefix not in own and iri not in own.values()}
    return _Formatter(triples, added | own).text()


def _refuse_comments(text: str) -> None:
    for found in _TOKEN.finditer(text):
        if found["comment"]:
            line = text.count("\n", 0, found.start()) + 1
            raise MalformedRdf(f"line {line}: a # comment would be lost; say it in a literal (rdfs:comment, skos:note)")


class _Formatter:
    def __init__(self, triples: Sequence[ox.Triple], prefixes: Mapping[str, str]) -> None:
        self._writer = _Writer(prefixes, allow_blank_nodes=False)
        self._about: dict[Subject | ox.Triple, list[ox.Triple]] = {
            subject: list(about) for subject, about in groupby(triples, key=lambda triple: triple.subject)
        }
        self._uses = Counter(triple.object for triple in triples if isinstance(triple.object, ox.BlankNode))
        self._unwritten = set(triples)

    def text(self) -> str:
        blocks = [self._block(subject) for subject in self._about if isinstance(subject, ox.NamedNode)]
        roots = (subject for subject in self._about if isinstance(subject, ox.BlankNode) and not self._uses[subject])
        blocks += sorted(self._block(root) for root in roots)
        if self._unwritten:
            node = min(str(triple.subject) for triple in self._unwritten)
            raise UnwritableRdf(f"{node} is a blank node in a circle of blank nodes; give one of them an IRI")
        # Only now is it known which prefixes the blocks use.
        return "".join(self._writer.header()) + "\n".join(blocks)

    def _block(self, subject: Subject) -> str:
        name = "[]" if isinstance(subject, ox.BlankNode) else self._writer.term(subject)
        return f"{name}\n{self._lines(subject, _INDENT)}{_INDENT}.\n"

    def _lines(self, subject: Subject, indent: str) -> str:
        about = self._about.get(subject, [])
        self._unwritten.difference_update(about)
        lines = []
        for predicate, group in groupby(about, key=lambda triple: triple.predicate):
            verb = "a" if predicate == RDF_TYPE else self._writer.term(predicate)
            objects = [triple.object for triple in group]
            values = [self._object(term, indent) for term in objects if not isinstance(term, ox.BlankNode)]
            values += sorted(self._object(term, indent) for term in objects if isinstance(term, ox.BlankNode))
            lines.append((verb != "a", "".join(f"{indent}{verb} {value} ;\n" for value in values)))
        return "".join(line for _, line in sorted(lines, key=lambda pair: pair[0]))

    def _object(self, term: Object | ox.Triple, indent: str) -> str:
        if term == RDF_NIL:
            return "()"
        if not isinstance(term, ox.BlankNode):
            return self._writer.term(term)
        if self._uses[term] > 1:
            raise UnwritableRdf(f"{term} is a blank node that is used {self._uses[term]} times; give it an IRI")
        members = self._members(term)
        return self._anonymous(term, indent) if members is None else self._list(members, indent)

    def _anonymous(self, node: ox.BlankNode, indent: str) -> str:
        lines = self._lines(node, indent + _INDENT)
        if not lines:
            return "[]"
        only = lines.strip().removesuffix(" ;")
        if lines.count("\n") == 1 and len(indent) + len(only) < _LINE:
            return f"[ {only} ]"
        return f"[\n{lines}{indent}]"

    def _members(self, node: ox.BlankNode) -> list[Object | ox.Triple] | None:
        """The members of the list that starts at `node`; None if it is no well-formed list of its own."""
        members: list[Object | ox.Triple] = []
        links = []
        rest: Object | ox.Triple = node
        while isinstance(rest, ox.BlankNode):
            about = self._about.get(rest, [])
            if [triple.predicate for triple in about] != [RDF_FIRST, RDF_REST] or self._uses[rest] > 1 or rest in links:
                return None
            links.append(rest)
            members.append(about[0].object)
            rest = about[1].object
        if rest != RDF_NIL:
            return None
        for link in links:
            self._unwritten.difference_update(self._about[link])
        return members

    def _list(self, members: list[Object | ox.Triple], indent: str) -> str:
        values = [self._object(member, indent + _INDENT) for member in members]
        line = f"( {' '.join(values)} )"
        if "\n" not in line and len(indent) + len(line) < _LINE:
            return line
        return "(\n" + "".join(f"{indent}{_INDENT}{value}\n" for value in values) + f"{indent})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Format files in place, or with --check say which would change; exit code 1 if any would or a file is wrong."""
    parser = argparse.ArgumentParser(prog="python -m service.rdf.turtle", description=main.__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a Turtle file")
    parser.add_argument("--check", action="store_true", help="change nothing; name the files that are not in this form")
    options = parser.parse_args(arguments)
    faults = 0
    for path in options.files:
        text = path.read_text(encoding="utf-8")
        try:
            formatted = format_turtle(text)
        except MarsadError as error:
            print(f"{path}: {error}", file=sys.stderr)
            faults += 1
            continue
        if formatted != text and options.check:
            print(f"{path}: not formatted; run make format", file=sys.stderr)
            faults += 1
        elif formatted != text:
            path.write_text(formatted, encoding="utf-8")
            print(f"{path}: formatted")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
