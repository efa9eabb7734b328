"""What a change did, or would do, as JSON."""

from collections.abc import Sequence
from typing import Any

import pyoxigraph as ox

from service.graph.changes import Outcome
from service.store.base import Delta, n_quads

# Beyond it the answer says only how many there are: the change itself is in the log.
_MOST_QUADS = 10_000


def outcome_json(outcome: Outcome, base: str) -> dict[str, Any]:
    """The version, the exact change in N-Quads, the direct triples and the questions that change, the warnings."""
    found: dict[str, Any] = {
        "version": outcome.version,
        "dryRun": outcome.dry_run,
        "delta": delta_json(outcome.delta),
        "direct": delta_json(outcome.direct(base)),
        "wholeGraphValidated": outcome.whole,
        "warnings": [
            {
                "shape": note.shape,
                "focus": str(getattr(note.focus, "value", note.focus)),
                "messages": dict(note.messages),
            }
            for note in outcome.notes
        ],
    }
    if outcome.dry_run:
        found["questions"] = (
            None
            if outcome.questions is None
            else [
                {"name": item.name, "title": item.title, "rowsGone": item.gone, "rowsNew": item.new}
                for item in outcome.questions
            ]
        )
    return found


def delta_json(delta: Delta) -> dict[str, Any]:
    """The quads that go and come, as lines of N-Quads, how many they are, and graphs that come or go as such."""
    found: dict[str, Any] = {
        "removed": len(delta.removed),
        "added": len(delta.added),
        "removedQuads": _lines(delta.removed),
        "addedQuads": _lines(delta.added),
    }
    for key, names in (("createdGraphs", delta.created), ("droppedGraphs", delta.dropped)):
        if names:
            found[key] = sorted(name.value for name in names)
    return found


def _lines(quads: Sequence[ox.Quad]) -> list[str] | None:
    return n_quads(sorted(quads, key=str)).decode().split("\n")[:-1] if len(quads) <= _MOST_QUADS else None
