"""Names of running queries."""

import itertools
import os
import secrets

_counter = itertools.count(1)
_randomness: list[str] = []
os.register_at_fork(after_in_child=_randomness.clear)  # what was drawn is known to every other fork


def new_query_id() -> str:
    """An id that cannot be guessed: whoever knows it may stop the query."""
    if not _randomness:  # 96 bits for each of the next 256
        drawn = secrets.token_hex(12 * 256)
        _randomness.extend(drawn[start : start + 24] for start in range(0, len(drawn), 24))
    return f"q{next(_counter)}-{_randomness.pop()}"
