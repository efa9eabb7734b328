"""What the servers are asked: fifteen kinds of question, each with many subjects."""

import random
from dataclasses import dataclass

from tests.benchmarks.graph import BASE, NS, PROPERTIES, Shape, document_graph, entity, names

_PREFIXES = f"""PREFIX m: <{NS}>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
"""
# So many different texts of each kind: real clients repeat themselves, but not all the time.
VARIANTS = 40


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of question; `selective`: its cost is that of its answer, not of the graph."""

    name: str
    text: str
    selective: bool = True
    accept: str = "application/sparql-results+json"

    def variants(self, shape: Shape, *, seed: int = 1) -> list[str]:
        """Texts of this kind, about different things."""
        chance = random.Random(f"{seed} {self.name}")
        return [self._about(shape, chance) for _ in range(VARIANTS)]

    def _about(self, shape: Shape, chance: random.Random) -> str:
        number = int(chance.random() ** 2 * shape.entities)
        document = chance.randrange(shape.documents)
        text = self.text
        replacements = {
            "ENTITY": f"<{entity(number)}>",
            "CLAIM": f"<{BASE}claim/d{document:03}.c{document}>",
            "GRAPH_OF_DOCUMENT": f"<{document_graph(document)}>",
            "DOCUMENT": f"<{BASE}doc/d{document:03}>",
            "NAME_FR": f'"{names(number)[1]}"@fr',
            "PART": f'"{names(number)[0][:4]}"',
            "PROPERTY": f"<{NS}{chance.choice(PROPERTIES)}>",
            "YEAR": str(chance.randrange(1960, 2015)),
        }
        for word, value in replacements.items():
            text = text.replace(word, value)
        return _PREFIXES + text


QUESTIONS = (
    Question("an entity", "SELECT ?p ?o WHERE { ENTITY ?p ?o }"),
    Question("its Arabic name", 'SELECT ?name WHERE { ENTITY skos:prefLabel ?name FILTER(LANG(?name) = "ar") }'),
    Question("by name", "SELECT ?s ?type WHERE { ?s skos:prefLabel NAME_FR ; a ?type }"),
    Question(
        "its claims",
        """SELECT ?claim ?p ?o ?who ?modality WHERE {
  ?claim rdf:subject ENTITY ; rdf:predicate ?p ; rdf:object ?o ; m:assertedBy ?who ; m:modality ?modality }""",
    ),
    Question(
        "its claims with passages",
        """SELECT ?claim ?p ?document ?start ?end WHERE {
  ?claim rdf:subject ENTITY ; rdf:predicate ?p ; m:evidence ?passage .
  ?passage m:document ?document ; m:start ?start ; m:end ?end } ORDER BY ?document ?start""",
    ),
    Question(
        "what points to it, by name",
        """SELECT ?claim ?s ?name WHERE {
  ?claim rdf:object ENTITY ; rdf:subject ?s . ?s skos:prefLabel ?name FILTER(LANG(?name) = "fr") }""",
    ),
    Question("is it so", "ASK { ENTITY PROPERTY ?o }"),
    Question("a claim as a graph", "CONSTRUCT { CLAIM ?p ?o } WHERE { CLAIM ?p ?o }", accept="application/n-triples"),
    Question(
        "modalities in a document",
        "SELECT ?modality (COUNT(*) AS ?n) WHERE { GRAPH GRAPH_OF_DOCUMENT { ?claim m:modality ?modality } } "
        "GROUP BY ?modality",
    ),
    Question("a path of two steps", "SELECT DISTINCT ?far WHERE { ENTITY m:memberOf/m:memberOf ?far } LIMIT 100"),
    Question(
        "disagreements",
        """SELECT ?a ?b ?p WHERE {
  ?a rdf:subject ENTITY ; rdf:predicate ?p ; rdf:object ?x ; m:assertedBy ?who .
  ?b rdf:subject ENTITY ; rdf:predicate ?p ; rdf:object ?y ; m:assertedBy ?other .
  FILTER(STR(?x) < STR(?y) && ?who != ?other) } LIMIT 100""",
        selective=False,
    ),
    Question(
        "when",
        """SELECT ?claim ?p ?from WHERE { ?claim rdf:subject ENTITY ; rdf:predicate ?p ; m:time ?span .
  ?span m:earliest ?from FILTER(?from >= "YEAR-01-01"^^xsd:date) } ORDER BY ?from LIMIT 20""",
    ),
    Question(
        "claims by property",
        "SELECT ?p (COUNT(?claim) AS ?n) WHERE { ?claim rdf:predicate ?p } GROUP BY ?p ORDER BY DESC(?n)",
        selective=False,
    ),
    Question(
        "part of a name",
        "SELECT ?s ?name WHERE { ?s skos:prefLabel ?name FILTER(CONTAINS(STR(?name), PART)) } LIMIT 1000",
        selective=False,
    ),
    Question(
        "first by name",
        'SELECT ?s ?name WHERE { ?s a m:Person ; skos:prefLabel ?name FILTER(LANG(?name) = "en") } ORDER BY ?name LIMIT 20',
        selective=False,
    ),
)
DUMP = "SELECT ?s ?p ?o WHERE { ?s ?p ?o }"
# Three patterns that share nothing: at 30,000 quads 10^13 rows.
RUNAWAY = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?c != ?f) }"
