"""Excerpts of a graph for export: one resource with its neighbourhood, or what a request to a list selects.

An excerpt is made from the same `Selection` as the list, the page and the facets.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyoxigraph as ox

from service.errors import NotFound
from service.graph.columns import ABOUT_ROLES
from service.graph.selection import Selection, select
from service.graph.subgraph import (
    claim_quads,
    direct_quads_among,
    direct_quads_within,
    neighbourhood_quads,
    resource_quads,
)
from service.graph.tables import CLAIMS, DOCUMENTS, ENTITIES, EVIDENCE, FACTS, OBSERVATIONS, GraphItems, Scope, Table


@dataclass(frozen=True)
class Excerpt:
    """What is exported of a graph: its quads, what its tables are made of, and the tables, the main one first."""

    quads: Callable[[], Iterator[ox.Quad]]
    scope: Scope
    tables: tuple[Table, ...]


def entity_excerpt(items: GraphItems, slug: str) -> Excerpt:
    """A resource, the claims about it, whatever they name, and the direct triples among all of these.

    Raises NotFound: there is no such resource.
    """
    connection, match, base = items.connection, items.match, items.base
    sql = "SELECT COALESCE(replaced_by, iri) FROM resource WHERE slug = ? ORDER BY family = 'id' DESC"
    row = connection.execute(sql, (slug,)).fetchone()
    if row is None:
        raise NotFound(f"there is no {slug} to export; /api/v1/search?q= finds names")
    iri = str(row[0])
    roles = ", ".join(f"'{role}'" for role in ABOUT_ROLES)
    about = f"SELECT claim FROM role WHERE resource = ? AND role IN ({roles})"
    claims = connection.execute(f"SELECT iri FROM claim WHERE id IN ({about})", (iri,))
    named = connection.execute(
        f"SELECT DISTINCT role.resource FROM role JOIN resource ON resource.iri = role.resource WHERE claim IN ({about})",
        (iri,),
    )
    resources = frozenset({iri, *(row[0] for row in named)})
    return Excerpt(
        lambda: neighbourhood_quads(match, ox.NamedNode(iri), resources, base=base),
        Scope(resources, frozenset(row[0] for row in claims), lambda: direct_quads_within(match, resources, base=base)),
        (CLAIMS, ENTITIES, OBSERVATIONS, EVIDENCE, DOCUMENTS, FACTS),
    )


def selection_excerpt(items: GraphItems, selection: Selection) -> Excerpt:
    """What a list holds, the whole of it: the same triples as the list's own Turtle."""
    match, base, of_claims = items.match, items.base, selection.of_claims
    table = "claim" if of_claims else "resource"
    ids = select(items.connection, selection.whole, base).ids
    sql = f"SELECT iri FROM {table} WHERE id = ?"
    iris = sorted(items.connection.execute(sql, (row_id,)).fetchone()[0] for row_id in ids)
    quads_of = claim_quads if of_claims else resource_quads
    chosen, nothing = frozenset(iris), frozenset[str]()
    if of_claims:
        tables: tuple[Table, ...] = (CLAIMS, OBSERVATIONS, EVIDENCE, DOCUMENTS, FACTS)
    else:
        tables = (ENTITIES, DOCUMENTS, FACTS) if selection.collection == "documents" else (ENTITIES, FACTS)
    return Excerpt(
        lambda: (quad for iri in iris for quad in quads_of(match, ox.NamedNode(iri))),
        Scope(
            nothing if of_claims else chosen,
            chosen if of_claims else nothing,
            lambda: direct_quads_among(match, iris, base=base, claims=of_claims),
        ),
        tables,
    )
