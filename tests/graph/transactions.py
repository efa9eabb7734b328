"""Random changes of a graph, and what the whole of it says before and after each: the measure of the gate.

A report is a set of (shape, focus). After a change it must be the report before it, without what concerns the nodes
that the gate says are affected, and with what the gate finds there. That holds for a graph that breaks shapes too,
so that a refused change can be made all the same.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
import shifty
from rdflib import URIRef
from rdflib.namespace import SH

from service.graph.direct import DIRECT, direct_quads
from service.graph.footprint import footprints
from service.graph.gate import Gate, Verdict
from service.graph.ontology import read_shapes
from service.graph.validation import Validator, validate
from service.rdf import namespaces as ns
from service.rdf.iris import DEFAULT_BASE, graph_iri
from service.rdf.namespaces import marsad
from service.store.base import Delta
from tests.conftest import ROOT

ONTOLOGY = ROOT / "ontology"
RULE = (ONTOLOGY / "direct.rq").read_text(encoding="utf-8")
DIRECT_GRAPH = graph_iri(DEFAULT_BASE, DIRECT)

Report = frozenset[tuple[str, str]]
Judge = Callable[[Iterable[ox.Quad]], Report]


def make_gate() -> Gate:
    return Gate(read_shapes(ONTOLOGY, base=DEFAULT_BASE), RULE, base=DEFAULT_BASE)


def by_shifty() -> Judge:
    """Full validation by a second engine.

    It names the targeted shape and the message, not the property shape; a message is that of one shape below each.
    """
    prepared = shifty.PreparedValidator((ONTOLOGY / "shapes.ttl").read_bytes())
    shapes = Validator(read_shapes(ONTOLOGY, base=DEFAULT_BASE)).shapes
    roots, _ = roots_of_shapes()
    named: dict[str, list[tuple[str, str]]] = {}
    for shape, tops in roots.items():
        for message in shapes.objects(URIRef(shape), SH.message):
            if message.language == "en":
                for top in tops:
                    named.setdefault(top, []).append((str(message), shape))
    assert all(len(dict(rows)) == len(rows) for rows in named.values())

    def shape_of(root: str, message: str) -> str:
        return max((text, shape) for text, shape in named[root] if text in message)[1]

    def judge(quads: Iterable[ox.Quad]) -> Report:
        data = ox.serialize((quad.triple for quad in quads), format=ox.RdfFormat.N_TRIPLES)
        return frozenset(
            (shape_of(violation.shape_name, reason.author_message), violation.focus_node.strip("<>"))
            for violation in prepared.validate_algebra(data, infer=False, sort_results=False).violations
            for reason in violation.reasons
        )

    return judge


def by_pyshacl() -> Judge:
    """Full validation by the engine that the gate uses."""
    shapes = read_shapes(ONTOLOGY, base=DEFAULT_BASE)
    return lambda quads: _report_of(validate(quads, shapes).results)


def _report_of(results: Iterable[object]) -> Report:
    return frozenset((result.shape, _plain(result.focus)) for result in results)  # type: ignore[attr-defined]


def _plain(term: object) -> str:
    return getattr(term, "value", None) or str(term)


def roots_of_shapes() -> tuple[dict[str, set[str]], dict[str, frozenset[ox.NamedNode]]]:
    """For every shape the targeted shapes that it belongs to, and for those the classes that they target."""
    shapes = Validator(read_shapes(ONTOLOGY, base=DEFAULT_BASE)).shapes
    found: dict[str, set[str]] = {}
    classes = {}
    for footprint in footprints(shapes):
        root = footprint.shape
        found.setdefault(root, set()).add(root)
        classes[root] = footprint.targets.classes
        for node, inner in shapes.subject_objects(SH.property):
            if str(node) == root:
                found.setdefault(str(inner), set()).add(root)
    return found, classes


def typed_by() -> dict[str, set[str]]:
    """For every shape that compares values, the shapes that give the properties it compares a datatype."""
    shapes = Validator(read_shapes(ONTOLOGY, base=DEFAULT_BASE)).shapes
    typed: dict[object, set[str]] = {}
    for shape in shapes.subjects(SH.datatype):
        typed.setdefault(shapes.value(shape, SH.path), set()).add(str(shape))
    compared: dict[str, set[object]] = {}
    for predicate in (SH.lessThan, SH.lessThanOrEquals):
        for shape, other in shapes.subject_objects(predicate):
            compared.setdefault(str(shape), set()).update((other, shapes.value(shape, SH.path)))
    for shape, query in shapes.subject_objects(SH.sparql):
        names = re.findall(r"\bmarsad:(\w+)", str(shapes.value(query, SH.select)))
        compared.setdefault(str(shape), set()).update(URIRef(ns.NS + name) for name in names)
    return {shape: {row for path in paths for row in typed.get(path, ())} for shape, paths in compared.items()}


@dataclass
class Tally:
    """What a run of transactions met."""

    transactions: int = 0
    refused: int = 0
    whole: int = 0
    found: int = 0
    direct_changes: int = 0
    engines_differ: int = 0


class Trial:
    """A graph that is changed at random, and held against full validation after every change."""

    def __init__(self, quads: Iterable[ox.Quad], judge: Judge, *, seed: int) -> None:
        self.start = list(quads)
        self.gate, self.judge = make_gate(), judge
        self.roots, self.classes = roots_of_shapes()
        self.typed_by = typed_by()
        self.random = random.Random(seed)
        self.tally = Tally()
        self.reset()

    def reset(self) -> None:
        self.store = ox.Store()
        self.store.bulk_extend(self.start)
        self.quads = [quad for quad in self.start if quad.graph_name != DIRECT_GRAPH]
        self.maker = Maker(self.quads, self.random)
        self.report = self.judge(self.store)

    def step(self) -> None:
        """One transaction; raises AssertionError where the gate and full validation differ."""
        change = self.maker.change(self.store)
        match = self.store.quads_for_pattern
        verdict = self.gate.examine(match, change)
        self.tally.transactions += 1
        if verdict.faults:
            self.tally.refused += 1
            return
        affected = None if verdict.whole else self.gate.affected(match, verdict.delta)
        self._make(verdict.delta)
        after = self.judge(self.store)
        found = _report_of(verdict.report.results)
        expected = found | {entry for entry in self.report if not self._is_affected(entry, affected)}
        if after != expected:
            self._settle(verdict.delta, after, found, affected, change)
        self._check_direct(verdict, change)
        self.tally.whole += verdict.whole
        self.tally.found += len(found)
        if not verdict.accepted:
            self.tally.refused += 1
            if self.random.random() < 0.8:
                self._make(Delta(removed=verdict.delta.added, added=verdict.delta.removed))
                return
        self.report = after

    def _settle(
        self, delta: Delta, other: Report, found: Report, affected: dict[str, set[object]] | None, change: Delta
    ) -> None:
        """Where the engines differ, the gate must agree with its own, and each difference must have its reason.

        There is one: they compare values of a wrong datatype differently. In a query rdflib orders a text and a number,
        where SPARQL has an error and so no result; for sh:lessThanOrEquals SHACL has a result where the two cannot be
        compared, and pySHACL none if it is a number and a date. Both report the datatype, so both refuse the change.
        """
        full = by_pyshacl()
        after = full(self.store)
        for entry in other ^ after:
            assert self._is_of_a_wrong_datatype(entry, other & after), f"{entry}: {self._explain(change, other, after)}"
        back = Delta(removed=delta.added, added=delta.removed)
        self._make(back)
        before = full(self.store)
        self._make(delta)
        expected = found | {entry for entry in before if not self._is_affected(entry, affected)}
        assert after == expected, self._explain(change, after, expected)
        self.tally.engines_differ += 1

    def _is_of_a_wrong_datatype(self, entry: tuple[str, str], agreed: Report) -> bool:
        """Whether both engines report the datatype of a value that this shape compares at this node.

        The value is the node's own, or that of a node that it points to, as is the length of the document of a passage.
        """
        shape, focus = entry
        near = {focus} | {_plain(quad.object) for quad in self.store.quads_for_pattern(ox.NamedNode(focus), None, None)}
        return any((typed, node) in agreed for typed in self.typed_by.get(shape, ()) for node in near)

    def _is_affected(self, entry: tuple[str, str], affected: dict[str, set[object]] | None) -> bool:
        if affected is None:
            return True
        shape, focus = entry
        return any(
            focus in {_plain(node) for node in affected.get(root, ())} or not self._is_target(focus, root)
            for root in self.roots[shape]
        )

    def _is_target(self, focus: str, root: str) -> bool:
        prefixes = f"PREFIX rdf: <{ns.RDF}> PREFIX rdfs: <{ns.RDFS}>"
        query = f"{prefixes} SELECT ?class WHERE {{ <{focus}> rdf:type/rdfs:subClassOf* ?class }}"
        rows = self.store.query(query, use_default_graph_as_union=True)
        return any(row["class"] in self.classes[root] for row in rows)

    def _make(self, delta: Delta) -> None:
        for quad in delta.removed:
            assert quad in self.store
            self.store.remove(quad)
        for quad in delta.added:
            assert quad not in self.store
        self.store.extend(delta.added)

    def _check_direct(self, verdict: Verdict, change: Delta) -> None:
        direct = set(self.store.quads_for_pattern(None, None, None, DIRECT_GRAPH))
        rebuilt = direct_quads(self.store, RULE, base=DEFAULT_BASE)
        assert direct == rebuilt, f"{change}: {direct ^ rebuilt}"
        self.tally.direct_changes += any(
            quad.graph_name == DIRECT_GRAPH for quad in (*verdict.delta.removed, *verdict.delta.added)
        )

    @staticmethod
    def _explain(change: Delta, after: Report, expected: Report) -> str:
        return f"missed {sorted(after - expected)}, spurious {sorted(expected - after)} of {change}"


class Maker:
    """Makes changes that people and programs make, right and wrong ones."""

    def __init__(self, quads: list[ox.Quad], source: random.Random) -> None:
        self.quads, self.random = quads, source
        self.subjects = sorted({quad.subject for quad in quads}, key=str)
        self.classes = sorted({quad.object for quad in quads if quad.predicate == ns.RDF_TYPE}, key=str)
        self.claims = sorted({quad.subject for quad in quads if quad.predicate == ns.MODALITY}, key=str)
        self.statements = sorted({quad.subject for quad in quads if quad.predicate == ns.RDF_PREDICATE}, key=str)
        self.claimable = sorted({quad.subject for quad in quads if quad.predicate == ns.CLAIMABLE}, key=str)
        self.evidence = sorted({quad.object for quad in quads if quad.predicate == ns.EVIDENCE}, key=str)
        self.entities = sorted(
            {quad.subject for quad in quads if quad.predicate == ns.RDF_TYPE and quad.object == ns.ENTITY}, key=str
        )
        self.new = 0
        self.makers = [
            (self.remove_any, 5), (self.add_any, 4), (self.retype, 4), (self.move_evidence, 3), (self.empty_label, 3),
            (self.change_value, 5), (self.rank, 5), (self.contest, 3), (self.modality, 4), (self.copy_claim, 5),
            (self.remove_node, 3), (self.swap_object, 4), (self.foreign_property, 2), (self.bounds, 3),
            (self.policy, 1), (self.hierarchy, 0.2), (self.several, 4), (self.symmetric, 4),
        ]  # fmt: skip

    def change(self, store: ox.Store) -> Delta:
        makers, weights = zip(*self.makers, strict=True)
        return self.random.choices(makers, weights)[0](store)

    def one(self, store: ox.Store, subject: object, predicate: ox.NamedNode | None = None) -> ox.Quad | None:
        found = [quad for quad in store.quads_for_pattern(subject, predicate, None) if quad.graph_name != DIRECT_GRAPH]
        return self.random.choice(sorted(found, key=str)) if found else None

    def some(self, store: ox.Store, predicate: ox.NamedNode | None = None) -> Iterator[ox.Quad]:
        """Quads of random subjects."""
        for _ in range(60):
            quad = self.one(store, self.random.choice(self.subjects), predicate)
            if quad is not None:
                yield quad
                return

    def remove_any(self, store: ox.Store) -> Delta:
        return Delta(removed=list(self.some(store)))

    def add_any(self, store: ox.Store) -> Delta:
        a, b = self.random.choice(self.quads), self.random.choice(self.quads)
        return Delta(added=[ox.Quad(a.subject, b.predicate, b.object, a.graph_name)])

    def retype(self, store: ox.Store) -> Delta:
        for quad in self.some(store, ns.RDF_TYPE):
            added = [ox.Quad(quad.subject, ns.RDF_TYPE, self.random.choice(self.classes), quad.graph_name)]
            return Delta(removed=[quad] if self.random.random() < 0.6 else [], added=added)
        return Delta()

    def move_evidence(self, store: ox.Store) -> Delta:
        if self.random.random() < 0.5:
            quad = self.one(store, self.random.choice(self.claims), ns.EVIDENCE)
            other = self.random.choice(self.evidence)
        else:
            quad = self.one(store, self.random.choice(self.evidence), ns.DOCUMENT)
            other = ox.NamedNode(f"{DEFAULT_BASE}doc/d00{self.random.randrange(6)}")
        if quad is None:
            return Delta()
        return Delta(removed=[quad], added=[ox.Quad(quad.subject, quad.predicate, other, quad.graph_name)])

    def empty_label(self, store: ox.Store) -> Delta:
        for quad in self.some(store, ns.SKOS_PREF_LABEL):
            text = self.random.choice(["", "x" * 161, "Une autre", "مثال"])
            language = self.random.choice(["en", "fr", "ar", "de"])
            value = self.random.choice([ox.Literal(text, language=language), ox.Literal(text)])
            added = [ox.Quad(quad.subject, quad.predicate, value, quad.graph_name)]
            return Delta(removed=[quad] if self.random.random() < 0.7 else [], added=added)
        return Delta()

    def change_value(self, store: ox.Store) -> Delta:
        for quad in self.some(store):
            other = self.random.choice(
                [self.random.choice(self.subjects), ox.Literal("1"), ox.Literal(7), ox.Literal("mot", language="fr")]
            )
            return Delta(removed=[quad], added=[ox.Quad(quad.subject, quad.predicate, other, quad.graph_name)])
        return Delta()

    def rank(self, store: ox.Store) -> Delta:
        claim = self.random.choice(self.claims)
        graph = graph_iri(DEFAULT_BASE, "editorial")
        removed = list(store.quads_for_pattern(claim, ns.RANK, None))
        rank = self.random.choice(["preferred", "preferred", "normal", "deprecated", "best", ""])
        added = [ox.Quad(claim, ns.RANK, ox.NamedNode(f"{DEFAULT_BASE}topic/{rank}"), graph)] if rank else []
        return Delta(removed=removed if self.random.random() < 0.8 else [], added=added)

    def contest(self, store: ox.Store) -> Delta:
        entity = self.random.choice(self.entities)
        present = list(store.quads_for_pattern(entity, ns.CONTESTED, None))
        if present:
            return Delta(removed=present)
        mark = ox.Literal(self.random.random() < 0.8)
        return Delta(added=[ox.Quad(entity, ns.CONTESTED, mark, graph_iri(DEFAULT_BASE, "entities"))])

    def modality(self, store: ox.Store) -> Delta:
        quad = self.one(store, self.random.choice(self.claims), ns.MODALITY)
        if quad is None:
            return Delta()
        word = self.random.choice(["asserted", "asserted", "alleged", "denied", "sure"])
        value = ox.NamedNode(f"{DEFAULT_BASE}topic/{word}")
        return Delta(removed=[quad], added=[ox.Quad(quad.subject, ns.MODALITY, value, quad.graph_name)])

    def copy_claim(self, store: ox.Store) -> Delta:
        self.new += 1
        claim = self.random.choice(self.claims)
        copy = ox.NamedNode(f"{claim.value}x{self.new}")
        quads = list(store.quads_for_pattern(claim, None, None))
        if self.random.random() < 0.3 and quads:
            quads.pop(self.random.randrange(len(quads)))
        return Delta(added=[ox.Quad(copy, quad.predicate, quad.object, quad.graph_name) for quad in quads])

    def remove_node(self, store: ox.Store) -> Delta:
        node = self.random.choice(self.subjects)
        if node.value.startswith(ns.NS):
            return Delta()
        quads = [*store.quads_for_pattern(node, None, None)]
        return Delta(removed=[quad for quad in quads if quad.graph_name != DIRECT_GRAPH])

    def swap_object(self, store: ox.Store) -> Delta:
        role = self.random.choice([ns.RDF_SUBJECT, ns.RDF_PREDICATE, ns.RDF_OBJECT])
        quad = self.one(store, self.random.choice(self.statements), role)
        if quad is None:
            return Delta()
        pool = self.claimable if role == ns.RDF_PREDICATE else self.entities
        other = ox.Quad(quad.subject, role, self.random.choice(pool), quad.graph_name)
        return Delta(removed=[quad] if self.random.random() < 0.8 else [], added=[other])

    def foreign_property(self, store: ox.Store) -> Delta:
        for quad in self.some(store):
            predicate = self.random.choice([marsad("text"), ns.RDFS_LABEL, ns.SKOS_EDITORIAL_NOTE, ns.START])
            return Delta(added=[ox.Quad(quad.subject, predicate, ox.Literal("stray"), quad.graph_name)])
        return Delta()

    def bounds(self, store: ox.Store) -> Delta:
        if self.random.random() < 0.5:
            node, predicates = self.random.choice(self.evidence), [ns.START, ns.END]
            value = ox.Literal(self.random.choice([-1, 0, 10, 200, 10**6]))
        else:
            node = f"{DEFAULT_BASE}doc/d00{self.random.randrange(5)}"
            node, predicates = ox.NamedNode(node), [ns.TEXT_LENGTH]
            value = ox.Literal(self.random.choice([1, 500, 10**6]))
        quad = self.one(store, node, self.random.choice(predicates))
        if quad is None:
            return Delta()
        return Delta(removed=[quad], added=[ox.Quad(node, quad.predicate, value, quad.graph_name)])

    def policy(self, store: ox.Store) -> Delta:
        property_ = self.random.choice(self.claimable)
        predicate = self.random.choice([ns.CLAIMABLE, ns.DIRECT_POLICY, ns.SCHEMA_DOMAIN_INCLUDES])
        graph = graph_iri(DEFAULT_BASE, "ontology")
        removed = list(store.quads_for_pattern(property_, predicate, None, graph))
        value = {
            ns.CLAIMABLE: ox.Literal(self.random.random() < 0.7),
            ns.DIRECT_POLICY: ox.Literal(self.random.choice(["any", "symmetric", "preferredOnly"])),
            ns.SCHEMA_DOMAIN_INCLUDES: self.random.choice(self.classes),
        }[predicate]
        return Delta(removed=removed[:1], added=[ox.Quad(property_, predicate, value, graph)])

    def hierarchy(self, store: ox.Store) -> Delta:
        graph = graph_iri(DEFAULT_BASE, "ontology")
        present = sorted(store.quads_for_pattern(None, ns.RDFS_SUBCLASS_OF, None, graph), key=str)
        if self.random.random() < 0.5 and present:
            return Delta(removed=[self.random.choice(present)])
        below, above = self.random.choice(self.classes), self.random.choice(self.classes)
        return Delta(added=[ox.Quad(below, ns.RDFS_SUBCLASS_OF, above, graph)])

    def symmetric(self, store: ox.Store) -> Delta:
        """A claim, or its removal, about two entities that a symmetric property joins, from either end."""
        self.new += 1
        copied = self.one(store, self.random.choice(self.statements), ns.MODALITY)
        if copied is None:
            return Delta()
        ends = self.random.sample(self.entities[:4], 2)
        claim = ox.NamedNode(f"{DEFAULT_BASE}claim/d001.joined.n{self.random.randrange(12)}")
        present = list(store.quads_for_pattern(claim, None, None))
        if present:
            return Delta(removed=present)
        other = store.quads_for_pattern(copied.subject, None, None)
        changed = {
            ns.RDF_SUBJECT: ends[0], ns.RDF_OBJECT: ends[1],
            ns.RDF_PREDICATE: marsad(self.random.choice(["cooperatesWith", "associatedWith"])),
        }  # fmt: skip
        return Delta(
            added=[
                ox.Quad(claim, quad.predicate, changed.get(quad.predicate, quad.object), quad.graph_name)
                for quad in other
            ]
        )

    def several(self, store: ox.Store) -> Delta:
        parts = [
            self.random.choice([self.remove_any, self.change_value, self.rank, self.modality])(store) for _ in "123"
        ]
        return Delta(
            removed=[quad for part in parts for quad in part.removed],
            added=[quad for part in parts for quad in part.added],
        )


def closure_of(quads: Iterable[ox.Quad], *, claims: int, base: str = DEFAULT_BASE) -> list[ox.Quad]:
    """A part of a graph that stands by itself: some claims, all they lead to, and what decides about them."""
    everything = list(quads)
    about: dict[object, list[ox.Quad]] = {}
    for quad in everything:
        about.setdefault(quad.subject, []).append(quad)
    predicates = (
        ns.RDFS_SUBCLASS_OF, ns.CLAIMABLE, ns.DIRECT_POLICY, ns.SCHEMA_DOMAIN_INCLUDES, ns.SCHEMA_RANGE_INCLUDES,
    )  # fmt: skip
    kept = {quad for quad in everything if quad.predicate in predicates}
    statements = sorted({quad.subject for quad in everything if quad.predicate == ns.MODALITY}, key=str)
    step = max(1, len(statements) // claims)
    todo: list[object] = list(statements[::step][:claims])
    seen: set[object] = set()
    while todo:
        node = todo.pop()
        if node in seen or not isinstance(node, ox.NamedNode) or not node.value.startswith(base):
            continue
        if node.value.startswith(ns.NS):
            continue
        seen.add(node)
        for quad in about.get(node, ()):
            if quad.graph_name != DIRECT_GRAPH:
                kept.add(quad)
                todo.append(quad.object)
    chosen = sorted(kept, key=str)
    return [*chosen, *direct_quads(chosen, RULE, base=base)]


def real_quads() -> tuple[ox.Quad, ...]:
    """The graph of the checkout."""
    from service.graph.compile import compile_sources

    return compile_sources(Path(ONTOLOGY), ROOT / "data", base=DEFAULT_BASE).quads
