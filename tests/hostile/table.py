"""All cases."""

from collections import Counter

from tests.hostile import clients, protocol, remote, runaway, size
from tests.hostile.case import Case

CASES: list[Case] = [*runaway.CASES, *size.CASES, *remote.CASES, *protocol.CASES, *clients.CASES]


def families() -> Counter[str]:
    """How many cases each family has."""
    return Counter(case.family for case in CASES)
