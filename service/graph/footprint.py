"""What a shape reads: the triples that decide whether a node conforms to it, as paths from that node.

A change can alter the verdict on a node only through a triple that the shape reads, so walking these paths backwards
from the changed triples gives all nodes to validate again, and walking them forwards gives all triples to do it with.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyoxigraph as ox
import rdflib
from rdflib.namespace import RDF, RDFS, SH
from rdflib.paths import AlternativePath, InvPath, MulPath, SequencePath
from rdflib.paths import Path as RdflibPath
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import BNode, Node, URIRef, Variable

from service.errors import OntologyError
from service.rdf import namespaces as ns


@dataclass(frozen=True, slots=True)
class Step:
    """One triple along a predicate, or against it."""

    predicate: ox.NamedNode
    inverse: bool = False


@dataclass(frozen=True, slots=True)
class Steps:
    """One path after the other."""

    paths: "tuple[Path, ...]"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any of several paths."""

    paths: "tuple[Path, ...]"


@dataclass(frozen=True, slots=True)
class Repeated:
    """A path zero times, once, or (`unbounded`) any number of times."""

    path: "Path"
    unbounded: bool


Path: TypeAlias = Step | Steps | OneOf | Repeated

# Triples of the predicate with the node as their subject, with the node as their object, all with it as subject.
Direction: TypeAlias = Literal["out", "in", "all"]


@dataclass(frozen=True, slots=True)
class Read:
    """The triples that are read at the nodes reached by `prefix` from the focus node."""

    prefix: tuple[Path, ...]
    direction: Direction
    predicate: ox.NamedNode | None


@dataclass(frozen=True, slots=True)
class Targets:
    """Which nodes a shape is about."""

    classes: frozenset[ox.NamedNode] = frozenset()
    nodes: frozenset[ox.NamedNode | ox.Literal] = frozenset()
    subjects_of: frozenset[ox.NamedNode] = frozenset()
    objects_of: frozenset[ox.NamedNode] = frozenset()


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one targeted shape reads; `unbounded` says why that cannot be derived, and is empty where it can."""

    shape: str
    targets: Targets
    reads: tuple[Read, ...]
    unbounded: str = ""


class _Unbounded(Exception):
    """The shape may read triples that no path from its focus node leads to."""


def inverted(path: Path) -> Path:
    """The path walked from its end to its start."""
    match path:
        case Step(predicate, inverse):
            return Step(predicate, not inverse)
        case Steps(paths):
            return Steps(tuple(inverted(part) for part in reversed(paths)))
        case OneOf(paths):
            return OneOf(tuple(inverted(part) for part in paths))
        case Repeated(inner, unbounded):
            return Repeated(inverted(inner), unbounded)


def footprints(shapes: rdflib.Graph) -> tuple[Footprint, ...]:
    """The footprint of every shape that has a target and is not deactivated, sorted by shape.

    Raises OntologyError: a query of a shape is not SPARQL, or a targeted shape has no IRI.
    """
    compiled = [_footprint(shapes, shape) for shape in sorted(_targeted(shapes), key=str)]
    return tuple(footprint for footprint in compiled if footprint is not None)


def predicates_of(query: str) -> frozenset[ox.NamedNode] | None:
    """All predicates that the patterns of a query name, in any of its parts; None if one is a variable or a path."""
    found: set[ox.NamedNode] = set()
    for node in _nodes(prepareQuery(query).algebra):
        for _, predicate, _ in node.get("triples") or () if node.name == "BGP" else ():
            if not isinstance(predicate, URIRef):
                return None
            found.add(_named(predicate))
    return frozenset(found)


_TARGETS = (SH.targetClass, SH.targetNode, SH.targetSubjectsOf, SH.targetObjectsOf, SH.target)
_COMPARED = (SH.lessThan, SH.lessThanOrEquals, SH.equals, SH.disjoint)
_NESTED = (SH.property, SH.node, SH["not"], SH.qualifiedValueShape)
_LISTS = (SH["and"], SH["or"], SH.xone)
# What SHACL Core defines and reads nothing but the value nodes, and what says nothing about reading.
_VALUES_ONLY = frozenset(
    SH[name]
    for name in [
        "path",
        "name",
        "description",
        "order",
        "group",
        "defaultValue",
        "message",
        "severity",
        "deactivated",
        "minCount",
        "maxCount",
        "datatype",
        "nodeKind",
        "minExclusive",
        "minInclusive",
        "maxExclusive",
        "maxInclusive",
        "minLength",
        "maxLength",
        "pattern",
        "flags",
        "languageIn",
        "uniqueLang",
        "hasValue",
        "in",
        "qualifiedMinCount",
        "qualifiedMaxCount",
        "qualifiedValueShapesDisjoint",
        "ignoredProperties",
        "prefixes",
    ]
)
_UNDERSTOOD = _VALUES_ONLY | {*_TARGETS, *_COMPARED, *_NESTED, *_LISTS, SH["class"], SH.closed, SH.sparql}
_TRUE = rdflib.Literal(True)


def _targeted(shapes: rdflib.Graph) -> set[Node]:
    found = {subject for predicate in _TARGETS for subject in shapes.subjects(predicate)}
    kinds = (SH.NodeShape, SH.PropertyShape)
    return found | {
        node
        for node in shapes.subjects(RDF.type, RDFS.Class)
        if any((node, RDF.type, kind) in shapes for kind in kinds)
    }


def _footprint(shapes: rdflib.Graph, shape: Node) -> Footprint | None:
    if (shape, SH.deactivated, _TRUE) in shapes:
        return None
    if not isinstance(shape, URIRef):
        raise OntologyError("a shape that has a target must have an IRI")
    reader = _Reader(shapes)
    why = ""
    try:
        reader.read_shape(shape, (), frozenset())
    except _Unbounded as error:
        why = str(error)
    if shapes.value(shape, SH.target) is not None:
        why = "its targets are computed (sh:target)"
    return Footprint(str(shape), _targets(shapes, shape), tuple(dict.fromkeys(reader.reads)), why)


def _targets(shapes: rdflib.Graph, shape: URIRef) -> Targets:
    def named(predicate: URIRef) -> frozenset[ox.NamedNode]:
        return frozenset(_named(node) for node in shapes.objects(shape, predicate))

    implicit = {_named(shape)} if (shape, RDF.type, RDFS.Class) in shapes else set()
    return Targets(
        classes=named(SH.targetClass) | implicit,
        nodes=frozenset(_term(node) for node in shapes.objects(shape, SH.targetNode)),
        subjects_of=named(SH.targetSubjectsOf),
        objects_of=named(SH.targetObjectsOf),
    )


class _Reader:
    """Collects what a shape and the shapes inside it read."""

    def __init__(self, shapes: rdflib.Graph) -> None:
        self._shapes = shapes
        self.reads: list[Read] = []

    def read_shape(self, shape: Node, prefix: tuple[Path, ...], above: frozenset[Node]) -> None:
        """Read a shape at the nodes that `prefix` leads to."""
        shapes = self._shapes
        if shape in above:
            raise _Unbounded(f"{shape} leads to itself")
        for predicate in set(shapes.predicates(shape)):
            if str(predicate).startswith(ns.SH) and predicate not in _UNDERSTOOD:
                raise _Unbounded(f"{predicate} is not understood")
        path_node = shapes.value(shape, SH.path)
        values = prefix
        if path_node is not None:
            path = _shacl_path(shapes, path_node)
            self._read_path(path, prefix)
            values = (*prefix, path)
        for predicate in _COMPARED:
            for other in shapes.objects(shape, predicate):
                self.reads.append(Read(prefix, "out", _named(other)))
        if (shape, SH["class"], None) in shapes:
            self.reads.append(Read(values, "out", ns.RDF_TYPE))
        if (shape, SH.closed, _TRUE) in shapes:
            self.reads.append(Read(values, "all", None))
        inner = [node for predicate in _NESTED for node in shapes.objects(shape, predicate)]
        inner += [
            node for predicate in _LISTS for first in shapes.objects(shape, predicate) for node in shapes.items(first)
        ]
        for node in inner:
            self.read_shape(node, values, above | {shape})
        for constraint in shapes.objects(shape, SH.sparql):
            self._read_query(constraint, prefix)

    def _read_path(self, path: Path, prefix: tuple[Path, ...]) -> None:
        match path:
            case Step(predicate, inverse):
                self.reads.append(Read(prefix, "in" if inverse else "out", predicate))
            case Steps(paths):
                for part in paths:
                    self._read_path(part, prefix)
                    prefix = (*prefix, part)
            case OneOf(paths):
                for part in paths:
                    self._read_path(part, prefix)
            case Repeated(inner, unbounded):
                self._read_path(inner, (*prefix, path) if unbounded else prefix)

    # --- queries ---

    def _read_query(self, constraint: Node, prefix: tuple[Path, ...]) -> None:
        text = str(self._shapes.value(constraint, SH.select))
        if "$PATH" in text:
            raise _Unbounded(f"{constraint} uses $PATH")
        try:
            query = prepareQuery(text.replace("$this", "?this"), initNs=_declared(self._shapes, constraint))
        except Exception as error:  # rdflib's parser raises many kinds
            raise OntologyError(f"the query of {constraint} cannot be read: {error}") from error
        self._read_group(query.algebra["p"], {Variable("this"): prefix})

    def _read_group(self, group: CompValue, outer: Mapping[Node, tuple[Path, ...]]) -> None:
        """Read the patterns of a group. What a nested group (OPTIONAL, EXISTS) binds is not relied on outside it."""
        patterns: list[tuple[Node, Path, Node]] = []
        nested: list[CompValue] = []
        _take_apart(group, patterns, nested)
        reach = dict(outer)
        while patterns:
            for pattern in patterns:
                if self._read_pattern(pattern, reach):
                    patterns.remove(pattern)
                    break
            else:
                raise _Unbounded("a pattern is not connected to $this")
        for inner in nested:
            self._read_group(inner, reach)

    def _read_pattern(self, pattern: tuple[Node, Path, Node], reach: dict[Node, tuple[Path, ...]]) -> bool:
        subject, path, object_ = pattern
        if subject in reach and object_ in reach:
            first, last = _cut(path)
            self._read_path(Steps(first), reach[subject])
            self._read_path(inverted(Steps(last)), reach[object_])
        elif subject in reach:
            self._read_path(path, reach[subject])
            if isinstance(object_, Variable | BNode):
                reach[object_] = (*reach[subject], path)
        elif object_ in reach:
            self._read_path(inverted(path), reach[object_])
            if isinstance(subject, Variable | BNode):
                reach[subject] = (*reach[object_], inverted(path))
        else:
            return False
        return True


def _cut(path: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Where to stop walking from the start and walk from the end instead, so that least is walked against a predicate.

    Against `rdf:type` stand all instances of a class: a pattern between two known nodes never needs them.
    """
    parts = path.paths if isinstance(path, Steps) else (path,)
    against = [isinstance(part, Step) and part.inverse for part in parts]

    def cost(cut: int) -> int:
        return sum(against[:cut]) + sum(not inverse for inverse in against[cut:])

    best = min(range(len(parts), -1, -1), key=cost)
    return parts[:best], parts[best:]


def _take_apart(node: CompValue, patterns: list[tuple[Node, Path, Node]], nested: list[CompValue]) -> None:
    """Split a group into the patterns that must hold and the groups inside it that may or must not."""
    name = node.name
    if name in ("Project", "Distinct", "Reduced", "OrderBy"):
        _take_apart(node["p"], patterns, nested)
    elif name in ("Filter", "Extend"):
        _take_apart(node["p"], patterns, nested)
        nested += _exists(node["expr"])
    elif name == "Join":
        _take_apart(node["p1"], patterns, nested)
        _take_apart(node["p2"], patterns, nested)
    elif name == "LeftJoin":
        _take_apart(node["p1"], patterns, nested)
        # The condition of an OPTIONAL is read where its patterns are: as a filter over them.
        nested.append(CompValue("Filter", p=node["p2"], expr=node["expr"]))
    elif name == "BGP":
        patterns += [(subject, _query_path(predicate), value) for subject, predicate, value in node["triples"]]
    else:
        raise _Unbounded(f"a query uses {name}")


def _exists(expression: object) -> list[CompValue]:
    found = []
    if isinstance(expression, CompValue):
        if expression.name in ("Builtin_EXISTS", "Builtin_NOTEXISTS"):
            # rdflib keeps what it made of the group as an attribute, the text as it was parsed as an item.
            return [expression.graph]
        for value in expression.values():
            found += _exists(value)
    elif isinstance(expression, list | tuple):
        for value in expression:
            found += _exists(value)
    return found


def _nodes(value: object) -> Iterator[CompValue]:
    if isinstance(value, CompValue):
        yield value
        for name, inner in value.items():
            yield from _nodes(value.graph if name == "graph" else inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _nodes(inner)


def _declared(shapes: rdflib.Graph, constraint: Node) -> dict[str, str]:
    return {
        str(shapes.value(entry, SH.prefix)): str(shapes.value(entry, SH.namespace))
        for owner in shapes.objects(constraint, SH.prefixes)
        for entry in shapes.objects(owner, SH.declare)
    }


# --- paths and terms ---


def _shacl_path(shapes: rdflib.Graph, node: Node) -> Path:
    if isinstance(node, URIRef):
        return Step(_named(node))
    if (node, RDF.first, None) in shapes:
        return Steps(_all_paths(shapes, shapes.items(node)))
    for predicate in (SH.inversePath, SH.zeroOrMorePath, SH.oneOrMorePath, SH.zeroOrOnePath):
        inner = shapes.value(node, predicate)
        if inner is not None:
            path = _shacl_path(shapes, inner)
            return inverted(path) if predicate == SH.inversePath else _repeated(path, _MARKS[predicate])
    alternatives = shapes.value(node, SH.alternativePath)
    if alternatives is None:
        raise OntologyError(f"{node} is no path of SHACL")
    return OneOf(_all_paths(shapes, shapes.items(alternatives)))


def _all_paths(shapes: rdflib.Graph, nodes: Iterable[Node]) -> tuple[Path, ...]:
    return tuple(_shacl_path(shapes, node) for node in nodes)


_MARKS = {SH.zeroOrMorePath: "*", SH.oneOrMorePath: "+", SH.zeroOrOnePath: "?"}


def _repeated(path: Path, mark: str) -> Path:
    if mark == "?":
        return Repeated(path, unbounded=False)
    any_times = Repeated(path, unbounded=True)
    return any_times if mark == "*" else Steps((path, any_times))


def _query_path(path: Node | RdflibPath) -> Path:
    if isinstance(path, URIRef):
        return Step(_named(path))
    if isinstance(path, SequencePath):
        return Steps(tuple(_query_path(part) for part in path.args))
    if isinstance(path, AlternativePath):
        return OneOf(tuple(_query_path(part) for part in path.args))
    if isinstance(path, InvPath):
        return inverted(_query_path(path.arg))
    if isinstance(path, MulPath):
        return _repeated(_query_path(path.path), str(path.mod))
    raise _Unbounded(f"a query uses the predicate {path}")


def _named(node: Node) -> ox.NamedNode:
    return ox.NamedNode(str(node))


def _term(node: Node) -> ox.NamedNode | ox.Literal:
    if not isinstance(node, rdflib.Literal):
        return _named(node)
    if node.language:
        return ox.Literal(str(node), language=node.language)
    return ox.Literal(str(node), datatype=_named(node.datatype) if node.datatype else None)
