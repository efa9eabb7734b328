"""A query of a person's, read and bounded as at the endpoint, for the command line and the query page."""

from collections.abc import Mapping

from service.errors import BadRequest, QuerySyntaxError
from service.graph.query import Bounds, located, read_query
from service.settings import Settings
from service.store.base import Answer, Query, Store


async def ask(
    store: Store,
    text: str,
    settings: Settings,
    prefixes: Mapping[str, str],
    *,
    results: str = "json",
    graph: str = "turtle",
) -> Answer:
    """The answer to a read-only query; `results` and `graph` name the format, as in `store.base.Query`.

    Raises BadRequest: the text is an update. Raises what `read_query` and `Store.query` raise; a syntax error has its
    place and token.
    """
    bounds = Bounds(settings.max_query_bytes, settings.max_nesting, settings.max_chain)
    reading = read_query(text, bounds, known=prefixes)
    if reading.form == "UPDATE":
        raise BadRequest("this is an update, and only queries are answered here")
    union = settings.default_graph == "union" and not reading.names_dataset
    try:
        return await store.query(
            Query(reading.text, results=results, graph=graph, union=union, from_graphs=reading.dataset)
        )
    except QuerySyntaxError as error:
        raise located(error, reading) from error
