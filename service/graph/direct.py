"""The direct graph: plain triples derived from the claims by the one rule in `ontology/direct.rq`.

"Direct" means: at least one source asserts it without hedging. It does not mean that it is so.
"""

from collections.abc import Iterable

import pyoxigraph as ox

from service.errors import OntologyError
from service.rdf.iris import graph_iri

DIRECT = "direct"


def direct_quads(quads: Iterable[ox.Quad], rule: str, *, base: str) -> set[ox.Quad]:
    """The quads of `g:direct` that follow from `quads` by `rule`, a SPARQL CONSTRUCT over the union of the graphs.

    Quads of `g:direct` among the given ones are passed over, so the result never depends on an earlier one.
    Raises OntologyError: the rule is no CONSTRUCT.
    """
    graph = graph_iri(base, DIRECT)
    store = ox.Store()
    store.bulk_extend(quad for quad in quads if quad.graph_name != graph)
    try:
        triples = store.query(rule, use_default_graph_as_union=True)
    except SyntaxError as error:
        raise OntologyError(f"direct.rq: {error}") from error
    if not isinstance(triples, ox.QueryTriples):
        raise OntologyError("direct.rq must be a CONSTRUCT")
    return {ox.Quad(triple.subject, triple.predicate, triple.object, graph) for triple in triples}
