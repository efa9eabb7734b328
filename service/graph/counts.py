"""How many claims there are, by document, kind and firmness."""

import sqlite3
from collections import Counter
from dataclasses import dataclass

KINDS = ("Statement", "Observation", "Assessment")
MODALITIES = ("asserted", "probable", "possible", "alleged", "planned", "recommended", "denied")
ALL = "all"


@dataclass(frozen=True, slots=True)
class Counts:
    """The claims of one document, or of all (`document` is `ALL`): by kind and by modality, in the order of the constants."""

    document: str
    total: int
    kinds: tuple[int, ...]
    modalities: tuple[int, ...]


def count_claims(connection: sqlite3.Connection) -> list[Counts]:
    """The counts of each document that has claims, by name, and of all documents last."""
    tally: Counter[tuple[str, str]] = Counter()
    rows = connection.execute("SELECT document, type, modality, COUNT(*) FROM claim GROUP BY 1, 2, 3").fetchall()
    for document, kind, modality, count in rows:
        for of in (document, ALL):
            tally[of, kind] += count
            tally[of, modality] += count
    documents = sorted({document for document, *_ in rows})
    return [
        Counts(
            document,
            sum(tally[document, kind] for kind in KINDS),
            tuple(tally[document, kind] for kind in KINDS),
            tuple(tally[document, modality] for modality in MODALITIES),
        )
        for document in (*documents, ALL)
    ]
