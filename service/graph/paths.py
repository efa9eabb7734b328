"""How two resources are connected: chains of statements from one to the other, shortest first.

A step goes from the subject of a statement to its object or back. Statements that are denied or deprecated are no step.
"""

import heapq
import sqlite3
from collections import deque
from dataclasses import dataclass, field

# Steps of a chain, at most: beyond six everything is connected with everything.
MAX_STEPS = 6
# Statements that one request reads: a graph of that many answers in about a tenth of a second. A search that would
# read more stops and says so.
MAX_READ = 20_000
# Chains under consideration at once; each is a few words of memory.
_MAX_QUEUE = 50_000


@dataclass(frozen=True, slots=True)
class Step:
    """One step: from and to (IRIs), the row id of the statement, and whether it is taken from object to subject."""

    start: str
    end: str
    claims: tuple[int, ...]
    predicate: str
    backwards: bool


@dataclass(frozen=True)
class Paths:
    """The chains found, shortest first; `complete` is false if the search stopped at a limit, `limit` says which."""

    chains: list[tuple[Step, ...]]
    complete: bool
    limit: str | None


@dataclass
class _Network:
    """Neighbours of a resource, each read once; `exhausted` when reading stopped at the limit."""

    connection: sqlite3.Connection
    read: int = 0
    exhausted: bool = False
    _known: dict[str, list[Step]] = field(default_factory=dict)

    def steps(self, node: str) -> list[Step]:
        if node not in self._known:
            self._known[node] = self._read(node)
        return self._known[node]

    def _read(self, node: str) -> list[Step]:
        if self.read >= MAX_READ:
            self.exhausted = True
            return []
        rows = self.connection.execute(_STEPS, (node, node, MAX_READ - self.read + 1)).fetchall()
        self.read += len(rows)
        self.exhausted = self.exhausted or self.read > MAX_READ
        grouped: dict[tuple[str, str, bool], list[int]] = {}
        for row in rows:
            grouped.setdefault((row["other"], row["predicate"], bool(row["backwards"])), []).append(row["id"])
        return [Step(node, other, tuple(ids), predicate, back) for (other, predicate, back), ids in grouped.items()]


# The role table leads from a resource to its statements; only statements between two resources are steps.
_STEPS = """
SELECT claim.id, claim.predicate, CASE role.role WHEN 'subject' THEN claim.object ELSE claim.subject END AS other,
       role.role = 'object' AS backwards
FROM role JOIN claim ON claim.id = role.claim
WHERE role.resource = ? AND role.role IN ('subject', 'object') AND claim.type = 'Statement'
  AND claim.modality <> 'denied' AND claim.rank <> 'deprecated' AND claim.object IS NOT NULL
  AND claim.subject IS NOT NULL AND claim.time_of IS NOT 'object' AND other <> ?
ORDER BY other, claim.predicate, backwards, claim.key LIMIT ?
"""


def find_paths(connection: sqlite3.Connection, start: str, end: str, *, max_steps: int, limit: int) -> Paths:
    """At most `limit` chains of at most `max_steps` steps from `start` to `end` (IRIs) that visit nothing twice.

    Shortest first; of equal length in the order of the IRIs on the way. Statements that say the same are one step.
    """
    network = _Network(connection)
    distances = _distances(network, end, start, max_steps)
    chains: list[tuple[Step, ...]] = []
    if start not in distances or start == end:
        return Paths(chains, not network.exhausted, _limit(network, full=False))
    queue: list[tuple[int, tuple[str, ...], int, tuple[Step, ...]]] = [(distances[start], (start,), 0, ())]
    pushed, full = 1, False
    while queue and len(chains) < limit:
        _, visited, _, steps = heapq.heappop(queue)
        if visited[-1] == end:
            chains.append(steps)
            continue
        for step in network.steps(visited[-1]):
            length = len(steps) + 1 + distances.get(step.end, max_steps + 1)
            if length > max_steps or step.end in visited:
                continue
            if pushed >= _MAX_QUEUE:
                full = True
                break
            heapq.heappush(queue, (length, (*visited, step.end), pushed, (*steps, step)))
            pushed += 1
    # What is left may hold further chains; no more of them were asked for.
    return Paths(chains, not network.exhausted and not full, _limit(network, full=full))


def _limit(network: _Network, *, full: bool) -> str | None:
    if network.exhausted:
        return f"the search stopped after {MAX_READ:,} statements; ask for fewer steps or for a chain between its parts"
    return f"the search stopped at {_MAX_QUEUE:,} chains; ask for fewer steps" if full else None


def _distances(network: _Network, end: str, start: str, max_steps: int) -> dict[str, int]:
    """Steps to `end` for whatever is near enough to lie on a chain; breadth first."""
    distances = {end: 0}
    queue = deque([end])
    while queue:
        node = queue.popleft()
        # What lies as far as the start or farther can still be on a longer chain; the last level needs no neighbours.
        if distances[node] >= max_steps - (0 if node != start else 1):
            continue
        for step in network.steps(node):
            if step.end not in distances:
                distances[step.end] = distances[node] + 1
                queue.append(step.end)
    return distances
