"""A graph of one statement, one observation and one assessment, for the tests of files and catalogues."""

import pyoxigraph as ox

from service.rdf.formats import TRIG
from service.rdf.namespaces import PREFIXES, prefixes
from service.rdf.serialize import parse
from service.rdf.writing import ordered_quads

_TRIG = """
g:ontology {
  marsad:heldPost skos:prefLabel "held post"@en, "a occupé le poste"@fr ; marsad:claimable true .
  marsad:Person rdfs:subClassOf marsad:Actor . marsad:Actor rdfs:subClassOf marsad:Entity .
  marsad:Statement rdfs:subClassOf marsad:Claim . marsad:Observation rdfs:subClassOf marsad:Claim .
  marsad:Assessment rdfs:subClassOf marsad:Claim .
}
g:vocabulary { topic:cells a marsad:Topic, marsad:Indicator ; skos:prefLabel "Cells dismantled"@en ; marsad:unit "1" . }
g:entities {
  id:morocco a marsad:Entity, marsad:Actor, marsad:Country ; skos:prefLabel "Morocco"@en, "Maroc"@fr, "المغرب"@ar .
  id:ann a marsad:Entity, marsad:Actor, marsad:Person ; skos:prefLabel "Ann <Salé>"@en, "=Ann"@fr .
  id:chief a marsad:Entity, marsad:Post ; skos:prefLabel "Chief"@en .
}
g:sources {
  doc:d001 a marsad:Entity, marsad:Work, marsad:Document ; skos:prefLabel "Document 001"@en ; dcterms:creator id:ann ;
    dcterms:language "en" ; marsad:textHash "sha-256:00" ; marsad:textLength 900 .
}
g:d001 {
  claim:d001.post.heldPost.chief a marsad:Claim, marsad:Statement ; rdf:subject id:ann ; rdf:predicate marsad:heldPost ;
    rdf:object id:chief ; marsad:time span:e2014 ; marsad:modality topic:asserted ; marsad:assertedBy id:ann ;
    marsad:evidence ev:d001.10-40 .
  ev:d001.10-40 a marsad:Evidence ; marsad:document doc:d001 ; marsad:start 10 ; marsad:end 40 ;
    marsad:passageHash "sha-256-128:0a" .
  claim:d001.cells a marsad:Claim, marsad:Observation ; marsad:indicator topic:cells ; marsad:observedFor id:morocco ;
    marsad:value 168 ; marsad:valueIs topic:exact ; marsad:modality topic:asserted ; marsad:assertedBy id:ann ;
    marsad:evidence ev:d001.50-90 .
  ev:d001.50-90 a marsad:Evidence ; marsad:document doc:d001 ; marsad:start 50 ; marsad:end 90 ;
    marsad:passageHash "sha-256-128:0b" .
  claim:d001.judged a marsad:Claim, marsad:Assessment ; marsad:assessmentOf id:morocco ; marsad:aspect topic:cells ;
    marsad:polarity topic:positive ; marsad:gloss "-1 is how many, \\"so\\" it says"@en ; marsad:modality topic:asserted ;
    marsad:assertedBy id:ann ; marsad:evidence ev:d001.50-90 .
}
g:time {
  span:e2014 a marsad:TimeSpan ; marsad:edtf "2014"^^<http://id.loc.gov/datatypes/edtf/EDTF> ;
    marsad:earliest "2014-01-01"^^xsd:date ; marsad:beginsBy "2014-12-31"^^xsd:date ;
    marsad:endsAfter "2014-01-01"^^xsd:date ; marsad:latest "2014-12-31"^^xsd:date .
}
g:editorial { claim:d001.cells skos:editorialNote "Counted twice."@en . }
g:direct { id:ann marsad:heldPost id:chief ; skos:altLabel "A."@en . }
g:catalogue { <https://marsad.example/catalogue> a dcat:Catalog . }
"""


def small_graph(base: str = "https://marsad.example/") -> list[ox.Quad]:
    """The quads, `g:catalogue` included."""
    declared = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in prefixes(base).items())
    return ordered_quads(parse((declared + _TRIG).encode(), TRIG))


def term(name: str) -> ox.NamedNode:
    """The term of a prefixed name under the default base."""
    prefix, _, local = name.partition(":")
    return ox.NamedNode(PREFIXES[prefix] + local)
