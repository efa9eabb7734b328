"""The graph that the cases are made for: small enough to load at once, knotted enough to run away on."""

from collections.abc import Iterator
from pathlib import Path

E = "http://hostile.example/"
PREFIX = f"PREFIX e: <{E}>\n"
CHAIN, CLIQUE, TEXTS, IN_GRAPHS = 3000, 70, 50, 100
# What `probe` counts: the nodes that follow a node near the end of the chain.
PROBED = 200


def lines() -> Iterator[str]:
    """The quads, about 14,000, in N-Quads."""
    for number in range(CHAIN):
        node = f"<{E}n{number}>"
        yield f"{node} <{E}next> <{E}n{number + 1}> ."
        yield f'{node} <{E}value> "{number}"^^<http://www.w3.org/2001/XMLSchema#integer> .'
        yield f'{node} <{E}label> "node {number} {"a" * 40}"@en .'
    for one in range(CLIQUE):
        for other in range(CLIQUE):
            yield f"<{E}p{one}> <{E}knows> <{E}p{other}> ."
    for number in range(TEXTS):
        yield f'<{E}n{number}> <{E}text> "{f"lorem ipsum {number} " * 800}" .'
    for name in ("g1", "g2"):
        for number in range(IN_GRAPHS):
            yield f"<{E}n{number}> <{E}in> <{E}{name}-{number}> <{E}{name}> ."


def write(path: Path) -> None:
    """Write the graph to a file of N-Quads."""
    path.write_text("\n".join(lines()) + "\n", encoding="utf-8")


def probe(number: int) -> str:
    """A query of a few milliseconds that no cache has seen; its answer is `PROBED`."""
    start = CHAIN - PROBED
    return f"{PREFIX}SELECT (COUNT(?x) AS ?count) {{ e:n{start} e:next+ ?x }} # {number}"
