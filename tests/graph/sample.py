"""A small graph of claims, for tests of what is made from the graph."""

import pyoxigraph as ox

from service.graph.index import Index, Match
from service.rdf.namespaces import PREFIXES

BASE = "https://marsad.example/"
_PROLOGUE = "".join(f"PREFIX {prefix}: <{iri}>\n" for prefix, iri in PREFIXES.items())

TEXT = (
    _PROLOGUE
    + """
GRAPH g:ontology {
  marsad:Person rdfs:subClassOf marsad:Actor, marsad:Entity . marsad:Actor rdfs:subClassOf marsad:Entity .
  marsad:Organization rdfs:subClassOf marsad:Actor, marsad:Entity . marsad:Statement rdfs:subClassOf marsad:Claim .
  marsad:Observation rdfs:subClassOf marsad:Claim . marsad:Assessment rdfs:subClassOf marsad:Claim .
  marsad:Indicator rdfs:subClassOf marsad:Topic . marsad:Post rdfs:subClassOf marsad:Entity . }
GRAPH g:vocabulary {
  topic:crime a marsad:Topic ; skos:prefLabel "Crime"@en ; skos:inScheme topic:threats .
  topic:smuggling a marsad:Topic ; skos:prefLabel "Smuggling"@en ; skos:broader topic:crime ; skos:inScheme topic:threats .
  topic:cells a marsad:Topic, marsad:Indicator ; skos:prefLabel "Cells dismantled"@en .
  topic:ministry a marsad:Topic ; skos:prefLabel "Ministry"@en . }
GRAPH g:entities {
  id:ann a marsad:Person, marsad:Actor, marsad:Entity ; skos:prefLabel "Ann Salé"@en, "Anne Salé"@fr .
  id:security a marsad:Organization, marsad:Actor, marsad:Entity ; marsad:kind topic:ministry ;
    skos:prefLabel "Security Directorate"@en, "مديرية للأمن"@ar .
  id:chief a marsad:Post, marsad:Entity ; skos:prefLabel "Chief of security"@en .
  id:old a marsad:Person, marsad:Actor, marsad:Entity ; skos:prefLabel "Ann S."@en ; dcterms:isReplacedBy id:ann .
  doc:d001 a marsad:Entity, marsad:Document ; skos:prefLabel "Document 001"@en .
  doc:d002 a marsad:Entity, marsad:Document ; skos:prefLabel "Document 002"@en . }
GRAPH g:time {
  span:e2014 marsad:edtf "2014"^^<http://id.loc.gov/datatypes/edtf/EDTF> ; marsad:earliest "2014-01-01"^^xsd:date ;
    marsad:beginsBy "2014-12-31"^^xsd:date ; marsad:endsAfter "2014-01-01"^^xsd:date ; marsad:latest "2014-12-31"^^xsd:date . }
GRAPH g:d001 {
  claim:d001.post.heldPost.chief a marsad:Claim, marsad:Statement ; rdf:subject id:ann ; rdf:predicate marsad:heldPost ;
    rdf:object id:chief ; marsad:time span:e2014 ; marsad:modality topic:asserted ; marsad:assertedBy id:security ;
    marsad:evidence ev:d001.10-40 .
  ev:d001.10-40 a marsad:Evidence ; marsad:document doc:d001 ; marsad:start 10 ; marsad:end 40 ; marsad:passageHash "h" .
  claim:d001.cells a marsad:Claim, marsad:Observation ; marsad:indicator topic:cells ; marsad:observedFor id:security ;
    marsad:value 40 ; marsad:valueIs topic:about ; marsad:breakdown topic:smuggling ; marsad:modality topic:asserted ;
    marsad:assertedBy id:ann ; marsad:evidence ev:d001.50-90 .
  ev:d001.50-90 a marsad:Evidence ; marsad:document doc:d001 ; marsad:start 50 ; marsad:end 90 ; marsad:passageHash "i" . }
GRAPH g:d002 {
  claim:d002.post.heldPost.chief a marsad:Claim, marsad:Statement ; rdf:subject id:ann ; rdf:predicate marsad:heldPost ;
    rdf:object id:chief ; marsad:modality topic:alleged ; marsad:assertedBy id:ann ; marsad:evidence ev:d002.5-30 .
  ev:d002.5-30 a marsad:Evidence ; marsad:document doc:d002 ; marsad:start 5 ; marsad:end 30 ; marsad:passageHash "j" . }
GRAPH g:direct { id:ann marsad:heldPost id:chief . }
"""
)


def sample_store() -> ox.Store:
    store = ox.Store()
    store.load(TEXT, format=ox.RdfFormat.TRIG)
    return store


def matching(store: ox.Store) -> Match:
    return lambda subject, predicate, value: store.quads_for_pattern(subject, predicate, value, None)


def sample_index(store: ox.Store | None = None) -> Index:
    index = Index(None, BASE)
    index.build(matching(store or sample_store()), "1")
    return index
