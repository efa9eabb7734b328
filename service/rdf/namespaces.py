"""The registered prefixes and the terms that the code names.

The terms' namespace is the same on every deployment; the namespaces of the data follow the base.
"""

import pyoxigraph as ox

from service.rdf.iris import DEFAULT_BASE

NS = "https://marsad.example/ns#"
SHAPE = "https://marsad.example/shape#"

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
XSD = "http://www.w3.org/2001/XMLSchema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
DCTERMS = "http://purl.org/dc/terms/"
SCHEMA = "https://schema.org/"
PROV = "http://www.w3.org/ns/prov#"
SH = "http://www.w3.org/ns/shacl#"
DCAT = "http://www.w3.org/ns/dcat#"
VOID = "http://rdfs.org/ns/void#"
SPDX = "http://spdx.org/rdf/terms#"
FOAF = "http://xmlns.com/foaf/0.1/"
WD = "http://www.wikidata.org/entity/"

_FIXED = {
    "dcat": DCAT,
    "dcterms": DCTERMS,
    "foaf": FOAF,
    "marsad": NS,
    "owl": OWL,
    "prov": PROV,
    "rdf": RDF,
    "rdfs": RDFS,
    "schema": SCHEMA,
    "sh": SH,
    "shape": SHAPE,
    "skos": SKOS,
    "spdx": SPDX,
    "void": VOID,
    "wd": WD,
    "xsd": XSD,
}
# prefix -> folder of the base; the one list of what the base carries (see `iris`).
_OF_THE_BASE = {
    "claim": "claim/",
    "doc": "doc/",
    "ev": "evidence/",
    "g": "graph/",
    "id": "id/",
    "span": "time/",
    "topic": "topic/",
}


def prefixes(base: str) -> dict[str, str]:
    """The registered prefixes with the data's namespaces under `base`; sorted by prefix."""
    return dict(sorted((_FIXED | {prefix: base + folder for prefix, folder in _OF_THE_BASE.items()}).items()))


PREFIXES = prefixes(DEFAULT_BASE)


def marsad(name: str) -> ox.NamedNode:
    """The term `marsad:name`."""
    return ox.NamedNode(NS + name)


RDF_TYPE = ox.NamedNode(RDF + "type")
RDF_SUBJECT = ox.NamedNode(RDF + "subject")
RDF_PREDICATE = ox.NamedNode(RDF + "predicate")
RDF_OBJECT = ox.NamedNode(RDF + "object")
RDF_FIRST = ox.NamedNode(RDF + "first")
RDF_REST = ox.NamedNode(RDF + "rest")
RDF_NIL = ox.NamedNode(RDF + "nil")
RDF_LANG_STRING = ox.NamedNode(RDF + "langString")

RDFS_SUBCLASS_OF = ox.NamedNode(RDFS + "subClassOf")
RDFS_LABEL = ox.NamedNode(RDFS + "label")
RDFS_IS_DEFINED_BY = ox.NamedNode(RDFS + "isDefinedBy")
OWL_CLASS = ox.NamedNode(OWL + "Class")
OWL_DEPRECATED = ox.NamedNode(OWL + "deprecated")

SKOS_PREF_LABEL = ox.NamedNode(SKOS + "prefLabel")
SKOS_ALT_LABEL = ox.NamedNode(SKOS + "altLabel")
SKOS_DEFINITION = ox.NamedNode(SKOS + "definition")
SKOS_EDITORIAL_NOTE = ox.NamedNode(SKOS + "editorialNote")
SKOS_IN_SCHEME = ox.NamedNode(SKOS + "inScheme")
SKOS_BROADER = ox.NamedNode(SKOS + "broader")
SKOS_EXACT_MATCH = ox.NamedNode(SKOS + "exactMatch")
SKOS_CONCEPT = ox.NamedNode(SKOS + "Concept")

SCHEMA_SAME_AS = ox.NamedNode(SCHEMA + "sameAs")
SCHEMA_DOMAIN_INCLUDES = ox.NamedNode(SCHEMA + "domainIncludes")
SCHEMA_RANGE_INCLUDES = ox.NamedNode(SCHEMA + "rangeIncludes")

DCTERMS_CREATOR = ox.NamedNode(DCTERMS + "creator")
DCTERMS_IDENTIFIER = ox.NamedNode(DCTERMS + "identifier")
DCTERMS_LANGUAGE = ox.NamedNode(DCTERMS + "language")
DCTERMS_IS_REPLACED_BY = ox.NamedNode(DCTERMS + "isReplacedBy")
DCTERMS_ISSUED = ox.NamedNode(DCTERMS + "issued")
DCTERMS_PUBLISHER = ox.NamedNode(DCTERMS + "publisher")
DCTERMS_TITLE = ox.NamedNode(DCTERMS + "title")

XSD_STRING = ox.NamedNode(XSD + "string")
XSD_INTEGER = ox.NamedNode(XSD + "integer")
XSD_DECIMAL = ox.NamedNode(XSD + "decimal")
XSD_BOOLEAN = ox.NamedNode(XSD + "boolean")
XSD_DATE = ox.NamedNode(XSD + "date")
# EDTF has no agreed datatype; this IRI is the Library of Congress's.
EDTF = ox.NamedNode("http://id.loc.gov/datatypes/edtf/EDTF")

STATEMENT = marsad("Statement")
OBSERVATION = marsad("Observation")
ASSESSMENT = marsad("Assessment")
CLAIM = marsad("Claim")
ENTITY = marsad("Entity")
EVIDENCE_CLASS = marsad("Evidence")
TIME_SPAN = marsad("TimeSpan")
DOCUMENT_CLASS = marsad("Document")

EVIDENCE = marsad("evidence")
ASSERTED_BY = marsad("assertedBy")
CITED_WORK = marsad("citedWork")
MODALITY = marsad("modality")
TIME = marsad("time")
ON_BEHALF_OF = marsad("onBehalfOf")
OCCASION = marsad("occasion")
AS_WRITTEN = marsad("asWritten")
GLOSS = marsad("gloss")
RANK = marsad("rank")
INDICATOR = marsad("indicator")
OBSERVED_FOR = marsad("observedFor")
VALUE = marsad("value")
VALUE_IS = marsad("valueIs")
BREAKDOWN = marsad("breakdown")
UNIT = marsad("unit")
BROKEN_DOWN_BY = marsad("brokenDownBy")
ASSESSMENT_OF = marsad("assessmentOf")
ASPECT = marsad("aspect")
POLARITY = marsad("polarity")
DOCUMENT = marsad("document")
START = marsad("start")
END = marsad("end")
PASSAGE_HASH = marsad("passageHash")
TEXT_HASH = marsad("textHash")
TEXT_LENGTH = marsad("textLength")
EDTF_STRING = marsad("edtf")
EARLIEST = marsad("earliest")
BEGINS_BY = marsad("beginsBy")
ENDS_AFTER = marsad("endsAfter")
LATEST = marsad("latest")
CLAIMABLE = marsad("claimable")
DIRECT_POLICY = marsad("directPolicy")
CONTESTED = marsad("contested")
