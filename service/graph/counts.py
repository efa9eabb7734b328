"""How many claims there are, by document, kind and firmness."""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

KINDS = ("Statement", "Observation", "Assessment")
MODALITIES = ("asserted", "probable", "possible", "alleged", "planned", "recommended", "denied")
ALL = "all"


@dataclass(frozen=True, slots=True)
class Counts:
    """The claims of one document, or of all (`document` is `ALL`): in all, and for each of `KINDS` and `MODALITIES`."""

    document: str
    total: int
    by_name: Mapping[str, int]


def count_claims(connection: sqlite3.Connection) -> list[Counts]:
    """The counts of each document that has claims, by name, and of all documents last."""
    tally: Counter[tuple[str, str]] = Counter()
    rows = connection.execute("SELECT document, type, modality, COUNT(*) FROM claim GROUP BY 1, 2, 3").fetchall()
    for document, kind, modality, count in rows:
        for of in (document, ALL):
            tally[of, kind] += count
            tally[of, modality] += count
    documents = (*sorted({document for document, *_ in rows}), ALL)
    return [
        Counts(
            document,
            sum(tally[document, kind] for kind in KINDS),
            {name: tally[document, name] for name in (*KINDS, *MODALITIES)},
        )
        for document in documents
    ]
