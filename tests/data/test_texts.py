"""The facts hold against the texts of the documents, and account for all of them."""

from pathlib import Path

import pytest

from service.graph.coverage import check_ledgers, coverage, stale_skips
from service.graph.evidence import Texts, verify
from service.graph.sources import Ledger, Sources
from service.graph.yaml_text import Faults


@pytest.fixture
def texts(document_texts: Path) -> Texts:
    return Texts(document_texts)


def test_every_passage_is_where_its_fact_says(sources: Sources, texts: Texts) -> None:
    assert [str(fault) for fault in verify(sources, texts)] == []


def test_every_skip_is_where_its_ledger_says(ledgers: tuple[Ledger, ...], texts: Texts) -> None:
    assert [str(fault) for fault in stale_skips(ledgers, texts)] == []


def test_the_ledgers_follow_their_rules(sources: Sources, ledgers: tuple[Ledger, ...]) -> None:
    faults = Faults()
    check_ledgers(sources, ledgers, faults)
    assert [str(fault) for fault in sorted(faults.errors)] == []


def test_nothing_in_the_texts_is_unaccounted_for(sources: Sources, ledgers: tuple[Ledger, ...], texts: Texts) -> None:
    assert {account.document: account.gaps for account in coverage(sources, ledgers, texts)} == {
        f"d00{number}": () for number in range(5)
    }
