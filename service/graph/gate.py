"""The gate: whether a change may be made, and what it does to the direct graph.

A change is held against the shapes at the nodes it can affect, with the triples that decide about them
(`footprint`); the cost follows the change, not the graph. Nothing here writes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

import pyoxigraph as ox

from service.errors import BadRequest
from service.graph.direct import DIRECT, direct_quads
from service.graph.footprint import (
    Footprint,
    OneOf,
    Path,
    Read,
    Step,
    Steps,
    footprints,
    inverted,
    predicates_of,
)
from service.graph.validation import ValidationReport, Validator, validate
from service.rdf import namespaces as ns
from service.rdf.iris import graph_iri, local_name
from service.store.base import Delta

Node: TypeAlias = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Match: TypeAlias = Callable[..., Iterator[ox.Quad]]

CATALOGUE = "catalogue"

# Pairs of shape and node beyond which the whole graph is validated instead: about 3 s of work, as much as 30,000 triples.
MOST_PAIRS = 10_000
# Quads of a node that are read together; of one with more, such as a class, each property by itself.
_MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule of the graph that a change breaks, other than a shape.

    `rule` is its name, `focus`, `path` and `value` are the triple that breaks it (`path` is "" where a graph does, as its
    name in `focus`), `graph` is where that stands, `messages` say it (en, fr).
    """

    rule: str
    focus: object
    path: str
    value: object
    graph: object

    @property
    def messages(self) -> Mapping[str, str]:
        """What the rule says, by language."""
        return RULES[self.rule]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a change does and whether it may be made.

    `delta` is the exact change: every quad that goes is there now, every quad that comes is not, the direct triples are
    included. `report` holds what the shapes find afterwards at the nodes that the change can affect; `faults` is what
    is wrong with the change itself, and where there is any, nothing was validated. `whole` says that all nodes were.
    """

    delta: Delta
    report: ValidationReport = field(default_factory=lambda: ValidationReport(()))
    faults: tuple[Fault, ...] = ()
    pairs: int = 0
    whole: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the change may be made."""
        return not self.faults and self.report.conforms


class Gate:
    """The shapes and the rule of the direct graph, compiled once. Not to be used by two threads at a time."""

    def __init__(self, shapes: Iterable[ox.Triple], direct_rule: str, *, base: str) -> None:
        """Raises OntologyError: a shape or the rule is not valid."""
        self._shapes = list(shapes)
        self._validator = Validator(self._shapes)
        self._footprints = {footprint.shape: footprint for footprint in footprints(self._validator.shapes)}
        self._unbounded = [footprint for footprint in self._footprints.values() if footprint.unbounded]
        self._by_target = _by_target(self._footprints.values())
        self._readers = _readers(self._footprints.values())
        self._rule, self._base = direct_rule, base
        self._direct = graph_iri(base, DIRECT)
        # Only a rule that reads no more than what `_touched_pairs` looks at can be applied to a part of the claims.
        read = predicates_of(direct_rule)
        self._rule_is_known = read is not None and read <= _RULE_READS

    def examine(self, match: Match, change: Delta, *, go_on: Callable[[], None] | None = None) -> Verdict:
        """What `change` does to the graph that `match` answers from.

        `go_on` is called every few milliseconds and may raise; with it, nothing is held against the whole graph.
        Raises OntologyError: the query of a shape cannot be run.
        Raises BadRequest: there is `go_on`, and the change is one for the whole graph.
        """
        delta = exact(match, change)
        faults = tuple(_faults(delta, self._base))
        if faults:
            return Verdict(delta, faults=faults)
        match = _remembering(match)
        if go_on is not None and not (self._rule_is_known and _is_for_a_part(match, delta)):
            raise BadRequest(_FOR_THE_WHOLE)
        delta = with_direct(match, delta, self._rule, base=self._base, partly=self._rule_is_known)
        faults = tuple(_in_two_graphs(match, delta))
        if faults:
            return Verdict(delta, faults=faults)
        return self.validate(match, delta, go_on=go_on)

    def validate(self, match: Match, delta: Delta, *, go_on: Callable[[], None] | None = None) -> Verdict:
        """Hold an exact change against the shapes, as it is. `go_on` as in `examine`."""
        before_and_after, after = _views(match, delta)
        pairs = self._affected(before_and_after, after, go_on or _always)
        if pairs is None:
            if go_on is not None:
                raise BadRequest(_FOR_THE_WHOLE)
            triples = after.triples(match(None, None, None, None))
            return Verdict(delta, validate(triples, self._shapes), whole=True)
        hierarchy = list(after.all_of(ns.RDFS_SUBCLASS_OF))
        read = self._neighbourhood(after, pairs, go_on or _always)
        foci = {
            shape: sorted((node for node in nodes if not isinstance(node, ox.Triple)), key=str)
            for shape, nodes in pairs.items()
        }
        report = self._validator.validate(chain(hierarchy, read), foci, go_on=go_on or _always)
        return Verdict(delta, report, pairs=sum(map(len, pairs.values())))

    def affected(self, match: Match, delta: Delta) -> dict[str, set[Node]] | None:
        """The nodes at which the verdict of each shape may change; None means any node."""
        return self._affected(*_views(match, delta), _always)

    def _affected(self, wide: "_View", after: "_View", go_on: Callable[[], None]) -> dict[str, set[Node]] | None:
        changed = wide.changed
        if self._unbounded or any(triple.predicate == ns.RDFS_SUBCLASS_OF for triple in changed):
            return None
        supers = _Supers(after)
        candidates: dict[str, set[Node]] = {}
        walked: dict[tuple[tuple[Path, ...], Node], set[Node]] = {}
        for triple in changed:
            go_on()
            for shape, node in self._new_targets(triple, supers):
                candidates.setdefault(shape, set()).add(node)
            for shape, back, direction in (*self._readers.get(triple.predicate, ()), *self._readers.get(None, ())):
                start = triple.object if direction == "in" else triple.subject
                nodes = walked.get((back, start))
                if nodes is None:
                    nodes = walked[back, start] = _walk(wide, back, {start})
                if nodes:
                    found = candidates.setdefault(shape, set())
                    found |= nodes
                    if len(found) > MOST_PAIRS:
                        return None
        return self._targeted(after, supers, candidates)

    def _new_targets(self, triple: ox.Triple, supers: "_Supers") -> Iterator[tuple[str, Node]]:
        targets = self._by_target
        if triple.predicate == ns.RDF_TYPE and isinstance(triple.object, ox.NamedNode):
            for class_ in supers.of(triple.object):
                yield from ((shape, triple.subject) for shape in targets.classes.get(class_, ()))
        yield from ((shape, triple.subject) for shape in targets.subjects_of.get(triple.predicate, ()))
        yield from ((shape, triple.object) for shape in targets.objects_of.get(triple.predicate, ()))

    def _targeted(
        self, after: "_View", supers: "_Supers", candidates: dict[str, set[Node]]
    ) -> dict[str, set[Node]] | None:
        """The candidates that are targets of their shape after the change; None if they are too many."""
        shapes_of: dict[Node, set[str]] = {}
        found: dict[str, set[Node]] = {}
        count = 0
        for shape, nodes in candidates.items():
            for node in nodes:
                shapes = shapes_of.get(node)
                if shapes is None:
                    shapes = shapes_of[node] = self._shapes_of(after, supers, node)
                if shape in shapes:
                    found.setdefault(shape, set()).add(node)
                    count += 1
        return found if count <= MOST_PAIRS else None

    def _shapes_of(self, after: "_View", supers: "_Supers", node: Node) -> set[str]:
        targets = self._by_target
        found = set(targets.nodes.get(node, ()))
        for class_ in after.objects(node, ns.RDF_TYPE):
            for above in supers.of(class_):
                found |= targets.classes.get(above, _NO_SHAPES)
        for predicate, shapes in targets.subjects_of.items():
            if not shapes <= found and next(iter(after.objects(node, predicate)), None) is not None:
                found |= shapes
        for predicate, shapes in targets.objects_of.items():
            if not shapes <= found and next(iter(after.subjects(predicate, node)), None) is not None:
                found |= shapes
        return found

    def _neighbourhood(
        self, after: "_View", pairs: Mapping[str, Set[Node]], go_on: Callable[[], None]
    ) -> set[ox.Triple]:
        """The triples that these shapes read from these nodes."""
        triples: set[ox.Triple] = set()
        walked: dict[tuple[tuple[Path, ...], frozenset[Node]], set[Node]] = {}
        for shape, foci in pairs.items():
            start = frozenset(foci)
            for read in self._footprints[shape].reads:
                go_on()
                nodes = walked.get((read.prefix, start))
                if nodes is None:
                    nodes = walked[read.prefix, start] = _walk(after, read.prefix, set(start))
                triples.update(_read(after, nodes, read))
        return triples


# --- the graph before, after and during a change ---


def _remembering(match: Match) -> Match:
    """`match` that asks the graph once for all quads of a node: the shapes ask for one property after the other."""
    known: dict[Node, dict[ox.NamedNode, list[ox.Quad]] | None] = {}

    def all_of(subject: Node) -> dict[ox.NamedNode, list[ox.Quad]] | None:
        found: dict[ox.NamedNode, list[ox.Quad]] = {}
        for number, quad in enumerate(match(subject, None, None, None)):
            if number == _MOST_AT_ONCE:
                return None
            found.setdefault(quad.predicate, []).append(quad)
        return found

    def answer(
        subject: Node | None, predicate: ox.NamedNode | None, value: Node | None, graph: object
    ) -> Iterator[ox.Quad]:
        if subject is None or value is not None or graph is not None:
            return match(subject, predicate, value, graph)
        if subject not in known:
            known[subject] = all_of(subject)
        quads = known[subject]
        if quads is None:
            return match(subject, predicate, None, None)
        return iter(quads.get(predicate, ())) if predicate is not None else chain.from_iterable(quads.values())

    return answer


class _View:
    """The triples of a graph without some and with others."""

    def __init__(self, match: Match, removed: Set[ox.Triple], added: Set[ox.Triple]) -> None:
        self._match, self._removed = match, removed
        self.changed: list[ox.Triple] = []
        self._out: dict[Node, list[ox.Triple]] = {}
        self._in: dict[Node, list[ox.Triple]] = {}
        self._of: dict[ox.NamedNode, list[ox.Triple]] = {}
        for triple in added:
            self._out.setdefault(triple.subject, []).append(triple)
            self._in.setdefault(triple.object, []).append(triple)
            self._of.setdefault(triple.predicate, []).append(triple)

    def objects(self, subject: Node, predicate: ox.NamedNode) -> Iterator[Node]:
        """The objects of a subject and a predicate."""
        if isinstance(subject, ox.Literal):
            return
        for triple in self._out.get(subject, ()):
            if triple.predicate == predicate:
                yield triple.object
        for quad in self._match(subject, predicate, None, None):
            if not self._removed or quad.triple not in self._removed:
                yield quad.object

    def subjects(self, predicate: ox.NamedNode, value: Node) -> Iterator[Node]:
        """The subjects of a predicate and an object."""
        for triple in self._in.get(value, ()):
            if triple.predicate == predicate:
                yield triple.subject
        for quad in self._match(None, predicate, value, None):
            if not self._removed or quad.triple not in self._removed:
                yield quad.subject

    def about(self, subject: Node) -> Iterator[ox.Triple]:
        """All triples of a subject."""
        if isinstance(subject, ox.Literal):
            return
        yield from self._out.get(subject, ())
        yield from self._still(self._match(subject, None, None, None))

    def all_of(self, predicate: ox.NamedNode) -> Iterator[ox.Triple]:
        """All triples of a predicate."""
        yield from self._of.get(predicate, ())
        yield from self._still(self._match(None, predicate, None, None))

    def triples(self, quads: Iterable[ox.Quad]) -> Iterator[ox.Triple]:
        """The triples of all quads of the graph, given in `quads`, as this view has them."""
        yield from chain.from_iterable(self._out.values())
        yield from self._still(quads)

    def _still(self, quads: Iterable[ox.Quad]) -> Iterator[ox.Triple]:
        return (quad.triple for quad in quads if quad.triple not in self._removed)


def _views(match: Match, delta: Delta) -> tuple[_View, _View]:
    """The graph with what was there and what comes, and the graph after the change."""
    added = {quad.triple for quad in delta.added}
    removed = {quad.triple for quad in delta.removed} - added
    wide, after = _View(match, frozenset(), added), _View(match, removed, added)
    # A triple that moves from one graph to another is no change to a shape.
    wide.changed = [*removed, *(added - {quad.triple for quad in delta.removed})]
    return wide, after


class _Supers:
    """Each class with all classes above it."""

    def __init__(self, view: _View) -> None:
        self._above: dict[Node, list[Node]] = {}
        self._known: dict[Node, frozenset[Node]] = {}
        for triple in view.all_of(ns.RDFS_SUBCLASS_OF):
            self._above.setdefault(triple.subject, []).append(triple.object)

    def of(self, class_: Node) -> frozenset[Node]:
        """The class itself and what is above it."""
        found = self._known.get(class_)
        if found is None:
            reached, todo = set(), [class_]
            while todo:
                if (item := todo.pop()) not in reached:
                    reached.add(item)
                    todo += self._above.get(item, ())
            found = self._known[class_] = frozenset(reached)
        return found


def _walk(view: _View, paths: Iterable[Path], nodes: set[Node]) -> set[Node]:
    """The nodes reached from any of `nodes` by the paths, one after the other."""
    for path in paths:
        if not nodes:
            break
        nodes = _walk_one(view, path, nodes)
    return nodes


def _walk_one(view: _View, path: Path, nodes: set[Node]) -> set[Node]:
    if isinstance(path, Step):
        if path.inverse:
            return {subject for node in nodes for subject in view.subjects(path.predicate, node)}
        return {value for node in nodes for value in view.objects(node, path.predicate)}
    if isinstance(path, Steps):
        return _walk(view, path.paths, nodes)
    if isinstance(path, OneOf):
        return {node for part in path.paths for node in _walk_one(view, part, nodes)}
    reached, fresh = set(nodes), nodes
    while fresh:
        fresh = _walk_one(view, path.path, fresh) - reached
        reached |= fresh
        if not path.unbounded:
            break
    return reached


def _read(view: _View, nodes: Iterable[Node], read: Read) -> Iterator[ox.Triple]:
    predicate = read.predicate
    for node in nodes:
        if predicate is None:
            yield from view.about(node)
        elif read.direction == "out":
            yield from (ox.Triple(node, predicate, value) for value in view.objects(node, predicate))  # type: ignore[arg-type]
        else:
            yield from (ox.Triple(subject, predicate, node) for subject in view.subjects(predicate, node))  # type: ignore[arg-type]


_Reader: TypeAlias = tuple[str, tuple[Path, ...], str]


def _readers(all_footprints: Iterable[Footprint]) -> dict[ox.NamedNode | None, list[_Reader]]:
    """For each predicate the shapes that read it, with the way back to their focus; under None those that read all."""
    found: dict[ox.NamedNode | None, list[_Reader]] = {}
    for footprint in all_footprints:
        for read in footprint.reads:
            back = tuple(inverted(path) for path in reversed(read.prefix))
            found.setdefault(read.predicate, []).append((footprint.shape, back, read.direction))
    return found


_NO_SHAPES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _ByTarget:
    """The shapes by what they target."""

    classes: dict[Node, set[str]] = field(default_factory=dict)
    nodes: dict[Node, set[str]] = field(default_factory=dict)
    subjects_of: dict[ox.NamedNode, set[str]] = field(default_factory=dict)
    objects_of: dict[ox.NamedNode, set[str]] = field(default_factory=dict)


def _by_target(all_footprints: Iterable[Footprint]) -> _ByTarget:
    found = _ByTarget()
    for footprint in all_footprints:
        targets = footprint.targets
        for class_ in targets.classes:
            found.classes.setdefault(class_, set()).add(footprint.shape)
        for node in targets.nodes:
            found.nodes.setdefault(node, set()).add(footprint.shape)
        for predicate in targets.subjects_of:
            found.subjects_of.setdefault(predicate, set()).add(footprint.shape)
        for predicate in targets.objects_of:
            found.objects_of.setdefault(predicate, set()).add(footprint.shape)
    return found


# --- the exact change ---


def exact(match: Match, change: Delta) -> Delta:
    """The change with only the quads that go and are there, and those that come and are not; literals as stores keep them.

    A store keeps the value of a number or a date, not how it was written.
    """
    kept = ox.Store()
    kept.extend(change.added)
    coming = list(dict.fromkeys(kept))
    leaving = ox.Store()
    leaving.extend(change.removed)
    return Delta(
        removed=[quad for quad in leaving if quad not in kept and _holds(match, quad)],
        added=[quad for quad in coming if not _holds(match, quad)],
        created=change.created,
        dropped=change.dropped,
    )


def _holds(match: Match, quad: ox.Quad) -> bool:
    return next(match(quad.subject, quad.predicate, quad.object, quad.graph_name), None) is not None


def _message(english: str, french: str) -> dict[str, str]:
    return {"en": english, "fr": french}


RULES = {
    "blank-node": _message(
        "There are no blank nodes in the graph: give the node an IRI.",
        "Le graphe n'a pas de nœuds anonymes : donner une IRI au nœud.",
    ),
    "triple-term": _message(
        "There are no triple terms in the graph: a claim is a node of its own.",
        "Le graphe n'a pas de termes-triplets : une affirmation est un nœud à part.",
    ),
    "direction": _message(
        "A text has a language and no direction.",
        "Un texte a une langue et pas de direction.",
    ),
    "graph": _message(
        "A triple stands in a named graph of this service, as in GRAPH g:d001 { … }.",
        "Un triplet est dans un graphe nommé de ce service, comme dans GRAPH g:d001 { … }.",
    ),
    "derived": _message(
        "This graph is derived and nobody writes to it: change the claims instead.",
        "Ce graphe est dérivé et personne n'y écrit : changer plutôt les affirmations.",
    ),
    "one-graph": _message(
        "A triple stands in one graph only, and this one stands in another already.",
        "Un triplet n'est que dans un graphe, et celui-ci est déjà dans un autre.",
    ),
}


def _faults(delta: Delta, base: str) -> Iterator[Fault]:
    """What is wrong with the quads of an exact change, whatever the shapes say."""
    derived = {graph_iri(base, DIRECT), graph_iri(base, CATALOGUE)}
    for quad in chain(delta.removed, delta.added):
        if quad.graph_name in derived:
            yield _fault("derived", quad)
    for name in (*delta.created, *delta.dropped):
        if name in derived or not _is_graph_of(name, base):
            yield Fault("derived" if name in derived else "graph", name, "", None, name)
    for quad in delta.added:
        if broken := _broken_rule(quad, base):
            yield _fault(broken, quad)


def _broken_rule(quad: ox.Quad, base: str) -> str:
    terms = (quad.subject, quad.object, quad.graph_name)
    if any(isinstance(term, ox.Triple) for term in terms):
        return "triple-term"
    if any(isinstance(term, ox.BlankNode) for term in terms):
        return "blank-node"
    if isinstance(quad.object, ox.Literal) and quad.object.direction is not None:
        return "direction"
    return "" if _is_graph_of(quad.graph_name, base) else "graph"


def _fault(rule: str, quad: ox.Quad) -> Fault:
    return Fault(rule, quad.subject, quad.predicate.value, quad.object, quad.graph_name)


def _is_graph_of(name: object, base: str) -> bool:
    return isinstance(name, ox.NamedNode) and name == graph_iri(base, local_name(name))


def _in_two_graphs(match: Match, delta: Delta) -> Iterator[Fault]:
    leaving = set(delta.removed)
    coming: dict[ox.Triple, ox.Quad] = {}
    for quad in delta.added:
        first = coming.setdefault(quad.triple, quad)
        others = (
            other
            for other in match(quad.subject, quad.predicate, quad.object, None)
            if other.graph_name != quad.graph_name and other not in leaving
        )
        if first != quad or next(others, None) is not None:
            yield _fault("one-graph", quad)


# --- the direct graph ---

_OF_A_CLAIM = (ns.RDF_TYPE, ns.RDF_SUBJECT, ns.RDF_PREDICATE, ns.RDF_OBJECT, ns.MODALITY, ns.RANK)
_RULE_READS = frozenset({*_OF_A_CLAIM, ns.CLAIMABLE, ns.DIRECT_POLICY, ns.CONTESTED})
_PAIR_MAKERS = frozenset(_OF_A_CLAIM)

_Pair: TypeAlias = tuple[ox.NamedNode, ox.NamedNode]
# The rule reads the union of the graphs, so that any name will do.
_ANY_GRAPH = ox.NamedNode("urn:marsad:any-graph")


_FOR_THE_WHOLE = (
    "the data change the class hierarchy, what may be claimed, or so much that the whole graph would be held against the "
    "shapes: send less, or the change itself with a key and `dry-run=true`"
)


def _is_for_a_part(match: Match, delta: Delta) -> bool:
    """Whether the direct triples that a change touches can be told without looking at all claims."""
    return _touched_pairs(_views(match, delta)[0]) is not None


def _always() -> None:
    """Nothing stands against going on."""


def with_direct(match: Match, delta: Delta, rule: str, *, base: str, partly: bool = True) -> Delta:
    """The exact change with what it does to the direct graph.

    Only the pairs of subject and predicate that the change touches are computed anew; the result is what applying the
    rule to all claims would give. `partly=False` does apply it to all.
    Raises OntologyError: the rule is no CONSTRUCT.
    """
    graph = graph_iri(base, DIRECT)
    wide, after = _views(match, delta)
    pairs = _touched_pairs(wide) if partly else None
    if pairs is None:
        leaving = set(delta.removed)
        staying = (quad for quad in match(None, None, None, None) if quad not in leaving)
        wanted = direct_quads(chain(delta.added, staying), rule, base=base)
        present = set(match(None, None, None, graph))
    elif not pairs:
        return delta
    else:
        present, claims = _around_pairs(match, after, pairs, graph)
        wanted = direct_quads(claims, rule, base=base)
    removed = present - wanted
    added = [quad for quad in wanted - present if not _holds(match, quad)]
    if not removed and not added:
        return delta
    return Delta(
        removed=[*delta.removed, *sorted(removed, key=str)],
        added=[*delta.added, *sorted(added, key=str)],
        created=delta.created,
        dropped=delta.dropped,
    )


def _touched_pairs(wide: _View) -> set[_Pair] | None:
    """The pairs of subject and predicate about which the claims say something else; None means any pair."""
    pairs: set[_Pair] = set()
    for triple in wide.changed:
        predicate = triple.predicate
        if predicate in (ns.CLAIMABLE, ns.DIRECT_POLICY):
            return None
        if predicate == ns.CONTESTED:
            for role in (ns.RDF_SUBJECT, ns.RDF_OBJECT):
                for claim in wide.subjects(role, triple.subject):
                    pairs |= _pairs_of(wide, claim)
        elif predicate in _PAIR_MAKERS and (predicate != ns.RDF_TYPE or triple.object == ns.STATEMENT):
            pairs |= _pairs_of(wide, triple.subject)
    return pairs


def _pairs_of(view: _View, claim: Node) -> set[_Pair]:
    predicates = [node for node in view.objects(claim, ns.RDF_PREDICATE) if isinstance(node, ox.NamedNode)]
    subjects = [node for node in view.objects(claim, ns.RDF_SUBJECT) if isinstance(node, ox.NamedNode)]
    return {(subject, predicate) for subject in subjects for predicate in predicates}


def _around_pairs(
    match: Match, after: _View, pairs: Set[_Pair], graph: ox.NamedNode
) -> tuple[set[ox.Quad], Iterator[ox.Quad]]:
    """The direct triples that follow from the pairs now, and all that the rule reads about the pairs after the change."""
    symmetric = {predicate for _, predicate in pairs if _is_symmetric(after, predicate)}
    present: set[ox.Quad] = set()
    todo = set(pairs)
    for subject, predicate in pairs:
        present.update(match(subject, predicate, None, graph))
        if predicate in symmetric:
            present.update(match(None, predicate, subject, graph))
    # A direct triple of a symmetric property may follow from a claim about either end.
    for quad in present:
        if quad.predicate in symmetric:
            todo |= {(end, quad.predicate) for end in (quad.subject, quad.object) if isinstance(end, ox.NamedNode)}
    return present, _what_the_rule_reads(after, todo)


def _is_symmetric(view: _View, predicate: ox.NamedNode) -> bool:
    return any(
        isinstance(value, ox.Literal) and value.value == "symmetric"
        for value in view.objects(predicate, ns.DIRECT_POLICY)
    )


def _what_the_rule_reads(view: _View, pairs: set[_Pair]) -> Iterator[ox.Quad]:
    """The claims about the pairs, and what their predicates and ends are; a claim is never taken with half of its pairs."""
    todo, done = list(pairs), set(pairs)
    claims: set[Node] = set()
    marked: set[Node] = set()
    while todo:
        subject, predicate = todo.pop()
        marked |= {subject, predicate}
        for claim in view.subjects(ns.RDF_SUBJECT, subject):
            if claim in claims or predicate not in view.objects(claim, ns.RDF_PREDICATE):
                continue
            claims.add(claim)
            more = _pairs_of(view, claim) - done
            done |= more
            todo += more
            for property_ in _OF_A_CLAIM:
                for value in view.objects(claim, property_):
                    yield ox.Quad(claim, property_, value, _ANY_GRAPH)  # type: ignore[arg-type]
                    if property_ == ns.RDF_OBJECT:
                        marked.add(value)
    for node in marked:
        for property_ in (ns.CLAIMABLE, ns.DIRECT_POLICY, ns.CONTESTED):
            for value in view.objects(node, property_):
                yield ox.Quad(node, property_, value, _ANY_GRAPH)  # type: ignore[arg-type]
