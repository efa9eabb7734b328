"""Claims disagree when they cannot all hold, and only then."""

import pytest

from service.graph.disagreement import disagree


def dated(
    *times: tuple[str, str], relation: str = "founded", modality: str = "asserted", inverse: bool = False
) -> dict:
    claims = [
        {
            "type": "Statement",
            "modality": modality,
            "object": {"edtf": earliest, "earliest": earliest, "latest": latest},
        }
        for earliest, latest in times
    ]
    return {"relation": relation, "inverse": inverse, "claims": claims}


def counted(*values: tuple[str, str, str | None], breakdown: str = "all") -> dict:
    claims = [
        {"type": "Observation", "modality": "asserted", "value": value, "valueIs": exactness,
         "time": {"edtf": time} if time else None, "breakdown": [{"id": breakdown}]}
        for value, exactness, time in values
    ]  # fmt: skip
    return {"relation": "cells-dismantled", "inverse": False, "claims": claims}


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (dated(("2013-03-23", "2013-03-23"), ("2014-01-01", "2014-12-31")), True),
        (dated(("2013-03-23", "2013-03-23"), ("2013-01-01", "2013-12-31")), False),
        (dated(("2013-03-23", "2013-03-23")), False),
        (dated(("2013-03-23", "2013-03-23"), ("2014-01-01", "2014-12-31"), relation="follows"), False),
        (dated(("2013-03-23", "2013-03-23"), ("2014-01-01", "2014-12-31"), modality="alleged"), False),
        (dated(("2013-03-23", "2013-03-23"), ("2014-01-01", "2014-12-31"), inverse=True), False),
        (counted(("40", "exact", "2016"), ("41", "exact", "2016")), True),
        (counted(("40", "exact", "2016"), ("41", "exact", "2017")), False),
        (counted(("40", "about", "2016"), ("41", "exact", "2016")), False),
        (counted(("40", "exact", None), ("40", "exact", None)), False),
    ],
)
def test_disagreement(group, expected):
    assert disagree(group) is expected
