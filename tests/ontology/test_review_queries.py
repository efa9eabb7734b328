"""Each review query on the smallest graphs that show it: what must be found, and what must not."""

import re
from collections.abc import Iterable

import pyoxigraph as ox
import pytest

from service.graph.edtf import bounds, local_name
from service.graph.review import ReviewQuery, ReviewRow, review, review_queries
from service.rdf.iris import DEFAULT_BASE
from service.rdf.namespaces import PREFIXES
from tests.ontology.files import ONTOLOGY

QUERIES = {query.name: query for query in review_queries(ONTOLOGY, base=DEFAULT_BASE)}


def span(edtf: str) -> str:
    """The time span of an EDTF string, as an object in Turtle."""
    return f"span:{local_name(edtf)}"


def time(edtf: str) -> str:
    """The description of a time span."""
    names = ("earliest", "beginsBy", "endsAfter", "latest")
    said = "".join(
        f' ; marsad:{name} "{day.isoformat()}"^^xsd:date' for name, day in zip(names, bounds(edtf), strict=True)
    )
    return f'{span(edtf)} marsad:edtf "{edtf}"^^<http://id.loc.gov/datatypes/edtf/EDTF>{said} .'


def claim(name: str, content: str, *, doc: str = "d901", modality: str = "asserted", by: str = "id:author") -> str:
    """A claim of a document, on a passage of thirty characters; the EDTF strings in `<…>` of its content are its times."""
    times = re.findall(r"<([^>]+)>", content)
    for edtf in times:
        content = content.replace(f"<{edtf}>", span(edtf))
    return "\n".join(
        [
            f"claim:{doc}.{name} a marsad:Claim ; marsad:modality topic:{modality} ; marsad:assertedBy {by} ;",
            f"  marsad:evidence ev:{doc}.0-30 ; {content} .",
            f"ev:{doc}.0-30 marsad:document doc:{doc} ; marsad:start 0 ; marsad:end 30 .",
            *map(time, times),
        ]
    )


def said(name: str, subject: str, predicate: str, value: str, **rest: str) -> str:
    """A statement; `more` is added to its description."""
    content = f"rdf:subject {subject} ; rdf:predicate {predicate} ; rdf:object {value}"
    return claim(name, "".join((content, *(f" ; {more}" for more in [rest.pop("more", "")] if more))), **rest)


def counted(name: str, value: str, *, more: str = "", **rest: str) -> str:
    """A number of cells dismantled in Zenda."""
    exactly = "" if "valueIs" in more else " ; marsad:valueIs topic:exact"
    content = f"marsad:indicator topic:cells-dismantled ; marsad:observedFor id:zenda ; marsad:value {value}{exactly}"
    return claim(name, f"{content} ; {more}" if more else content, **rest)


def judged(name: str, polarity: str, *, aspect: str = "topic:stability", **rest: str) -> str:
    content = f"marsad:assessmentOf id:zenda ; marsad:aspect {aspect} ; marsad:polarity topic:{polarity}"
    return claim(name, content, **rest)


def rows(name: str, *parts: str, graph: str = "g:d901") -> list[set[str]]:
    """For each row of the query the claims that it names, by document and name; its IRIs where it names none."""
    return [_names(row.claims or row.values.values()) for row in found(name, *parts, graph=graph)]


def found(name: str, *parts: str, graph: str = "g:d901") -> tuple[ReviewRow, ...]:
    """The rows of the query on the graph that the parts make."""
    header = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())
    named = [part if part.startswith("g:") else f"{graph} {{ {part} }}" for part in parts]
    quads = set(ox.parse(header + "\n".join(named), format=ox.RdfFormat.TRIG))
    (section,) = review(quads, [QUERIES[name]], base=DEFAULT_BASE)
    return section.rows


def _names(terms: Iterable[ox.NamedNode | ox.Literal | None]) -> set[str]:
    iris = [term.value for term in terms if isinstance(term, ox.NamedNode)]
    return {re.split("[/#]", iri)[-1] for iri in iris}


FOUNDED_1990 = said("a", "id:guard", "marsad:founded", "<1990>")
COUNT = "topic:cells-dismantled marsad:unit '1' ."
SYMMETRIC = "marsad:cooperatesWith marsad:directPolicy 'symmetric' ."
COOPERATE = "marsad:cooperatesWith"

# query: a graph, and the rows that it must give.
FOUND: list[tuple[str, tuple[str, ...], list[set[str]]]] = [
    (
        "disagreements",
        (FOUNDED_1990, said("b", "id:guard", "marsad:founded", "<1992>", doc="d902")),
        [{"d901.a", "d902.b"}],
    ),
    (
        "disagreements",
        (said("a", "id:post", "marsad:postIn", "id:guard"), said("b", "id:post", "marsad:postIn", "id:court")),
        [{"d901.a", "d901.b"}],
    ),
    ("disagreeing-numbers", (counted("a", "12"), counted("b", "14", doc="d902")), [{"d901.a", "d902.b"}]),
    (
        "disagreeing-numbers",
        (COUNT, counted("part", "9", more="marsad:time <2015>"), counted("whole", "8", more="marsad:time <2014/2016>")),
        [{"d901.part", "d901.whole"}],
    ),
    (
        "disagreeing-numbers",
        (counted("a", "100", more="marsad:valueIs topic:about"), counted("b", "80")),
        [{"d901.a", "d901.b"}],
    ),
    (
        "denied-and-asserted",
        (
            SYMMETRIC,
            said("no", "id:zenda", COOPERATE, "id:ruritania", modality="denied"),
            said("yes", "id:ruritania", COOPERATE, "id:zenda"),
        ),
        [{"d901.no", "d901.yes"}],
    ),
    (
        "denied-and-asserted",
        (
            "id:neighbours marsad:kind topic:collective .",
            said("no", "id:zenda", COOPERATE, "id:ruritania", modality="denied"),
            said("yes", "id:zenda", COOPERATE, "id:neighbours", doc="d902"),
        ),
        [{"d901.no", "d902.yes"}],
    ),
    (
        "differing-firmness",
        (
            said("a", "topic:poverty", "marsad:drives", "topic:terrorism"),
            said("b", "topic:poverty", "marsad:drives", "topic:terrorism", modality="possible"),
        ),
        [{"d901.a", "d901.b"}],
    ),
    ("differing-judgements", (judged("a", "positive"), judged("b", "negative", doc="d902")), [{"d901.a", "d902.b"}]),
    ("differing-judgements", (judged("a", "neutral"), judged("b", "neutral")), [{"d901.a", "d901.b"}]),
    (
        "independent-sources",
        (
            said("a", "id:ada", "marsad:heldPost", "id:post", by="id:ada", more="marsad:citedWork id:gazette-1"),
            said("b", "id:ada", "marsad:heldPost", "id:post", doc="d902"),
            said(
                "c",
                "id:ada",
                "marsad:heldPost",
                "id:post",
                doc="d903",
                by="id:ben",
                more="marsad:citedWork id:gazette-2",
            ),
        ),
        [{"d901.a", "d902.b", "d903.c"}],
    ),
    (
        "posts-held-by-two",
        (
            said("a", "id:ada", "marsad:heldPost", "id:post", more="marsad:time <2014/2016>"),
            said("b", "id:ben", "marsad:heldPost", "id:post", more="marsad:time <2015-06-01>", doc="d902"),
        ),
        [{"d901.a", "d902.b"}],
    ),
    (
        "single-source",
        (FOUNDED_1990, said("b", "id:guard", "marsad:operatesIn", "id:zenda", doc="d902")),
        [{"d901.a"}],
    ),
    (
        "shared-names",
        (
            "id:royal-guard a marsad:Entity ; skos:prefLabel 'The Guard'@en .",
            "id:city-guard a marsad:Entity ; skos:prefLabel 'City Guard'@en ; skos:altLabel 'the guard'@en .",
            said("name", "id:city-guard", "skos:altLabel", "'the guard'@en"),
        ),
        [{"d901.name"}],
    ),
    (
        "dated-after-their-document",
        (
            f"doc:d901 a marsad:Document ; dcterms:issued {span('2014-10-16')} . {time('2014-10-16')}",
            said("a", "id:guard", "marsad:founded", "<2014-10-17>"),
        ),
        [{"d901.a"}],
    ),
    (
        "asserted-future",
        (FOUNDED_1990, said("b", "id:plan", "marsad:implementedBy", "id:guard", more="marsad:time <1985/2010>")),
        [{"d901.b"}],
    ),
    (
        "direct-without-claim",
        (
            "g:direct { id:guard marsad:operatesIn id:zenda }",
            said("a", "id:guard", "marsad:operatesIn", "id:zenda", modality="alleged"),
        ),
        [{"guard", "operatesIn", "zenda"}],
    ),
    (
        "long-passages",
        (
            "claim:d901.a marsad:evidence ev:d901.100-501 . ev:d901.100-501 marsad:document doc:d901 ; marsad:start 100 ; marsad:end 501 .",
        ),
        [{"d901.a"}],
    ),
    (
        "missing-labels",
        ("id:guard a marsad:Entity ; skos:prefLabel 'Guard'@en, 'Garde'@fr . topic:a a skos:Concept .",),
        [{"guard"}, {"a"}],
    ),
    ("entities-without-claims", ("id:guard a marsad:Entity .", FOUNDED_1990.replace("guard", "court")), [{"guard"}]),
    (
        "unused-topics",
        ("topic:stability a marsad:Topic .", judged("a", "positive", aspect="topic:trust")),
        [{"stability"}],
    ),
    ("numbers-without-source", ("doc:d901 dcterms:creator id:author .", counted("a", "12")), [{"d901.a"}]),
    ("inferred-without-note", (said("a", "id:guard", "marsad:founded", "<1990?>"),), [{"d901.a"}]),
]

# query: a graph that must give no row.
QUIET: list[tuple[str, tuple[str, ...]]] = [
    # 1990 and May 1990 may be one date; a deprecated claim is set aside; a denial asserts nothing.
    ("disagreements", (FOUNDED_1990, said("b", "id:guard", "marsad:founded", "<1990-05>"))),
    (
        "disagreements",
        (FOUNDED_1990, said("b", "id:guard", "marsad:founded", "<1992>", more="marsad:rank topic:deprecated")),
    ),
    ("disagreements", (FOUNDED_1990, said("b", "id:guard", "marsad:founded", "<1992>", modality="alleged"))),
    # The court is part of the state.
    (
        "disagreements",
        (
            said("a", "id:post", "marsad:postIn", "id:court"),
            said("b", "id:post", "marsad:postIn", "id:zenda"),
            "id:court marsad:partOf id:state . id:state marsad:partOf id:zenda .",
        ),
    ),
    ("disagreeing-numbers", (counted("a", "12"), counted("b", "12", doc="d902"))),
    # Over 10 does not exclude 12, about 100 does not exclude 95.
    ("disagreeing-numbers", (counted("a", "10", more="marsad:valueIs topic:at-least"), counted("b", "12"))),
    ("disagreeing-numbers", (counted("a", "100", more="marsad:valueIs topic:about"), counted("b", "95"))),
    # A part, a different period, a denial.
    ("disagreeing-numbers", (counted("a", "12", more="marsad:breakdown id:guard"), counted("b", "14"))),
    (
        "disagreeing-numbers",
        (COUNT, counted("part", "7", more="marsad:time <2015>"), counted("whole", "8", more="marsad:time <2014/2016>")),
    ),
    ("disagreeing-numbers", (counted("a", "12"), counted("b", "14", modality="denied"))),
    (
        "denied-and-asserted",
        (
            said("no", "id:zenda", COOPERATE, "id:ruritania", modality="denied"),
            said("yes", "id:zenda", COOPERATE, "id:borduria"),
            said("ought", "id:zenda", COOPERATE, "id:ruritania", modality="recommended"),
        ),
    ),
    # Within one document the group is not taken to include the one of which it is denied.
    (
        "denied-and-asserted",
        (
            "id:partners marsad:kind topic:collective .",
            said("no", "id:zenda", COOPERATE, "id:ruritania", modality="denied"),
            said("yes", "id:zenda", COOPERATE, "id:partners"),
        ),
    ),
    (
        "differing-firmness",
        (
            said("a", "topic:poverty", "marsad:drives", "topic:terrorism"),
            said("b", "topic:poverty", "marsad:drives", "topic:terrorism", doc="d902"),
        ),
    ),
    ("differing-judgements", (judged("a", "positive"), judged("b", "positive"))),
    ("differing-judgements", (judged("a", "positive"), judged("b", "negative", aspect="topic:trust"))),
    # One work, one speaker, one document; a shared name.
    (
        "independent-sources",
        (
            said("a", "id:ada", "marsad:heldPost", "id:post", by="id:ada", more="marsad:citedWork id:gazette-1"),
            said("b", "id:ada", "marsad:heldPost", "id:post", doc="d902", more="marsad:citedWork id:gazette-1"),
        ),
    ),
    (
        "independent-sources",
        (
            said("a", "id:ada", "marsad:heldPost", "id:post", by="id:ada"),
            said("b", "id:ada", "marsad:heldPost", "id:post", doc="d902", by="id:ada"),
        ),
    ),
    (
        "independent-sources",
        (
            said("a", "id:ada", "marsad:heldPost", "id:post", by="id:ada"),
            said("b", "id:ada", "marsad:heldPost", "id:post", by="id:ben"),
        ),
    ),
    (
        "independent-sources",
        (
            said("a", "id:ada", "skos:altLabel", "'Ada'@en", by="id:ada"),
            said("b", "id:ada", "skos:altLabel", "'Ada'@en", doc="d902"),
        ),
    ),
    # One after the other; a time of which it is not certain that the two overlap; one holder twice.
    (
        "posts-held-by-two",
        (
            said("a", "id:ada", "marsad:heldPost", "id:post", more="marsad:time <2014-01/2014-12>"),
            said("b", "id:ben", "marsad:heldPost", "id:post", more="marsad:time <2015-01/2016-12>"),
        ),
    ),
    (
        "posts-held-by-two",
        (
            said("a", "id:ada", "marsad:heldPost", "id:post", more="marsad:time <2014>"),
            said("b", "id:ben", "marsad:heldPost", "id:post", more="marsad:time <2014>"),
        ),
    ),
    (
        "posts-held-by-two",
        (
            said("a", "id:ada", "marsad:heldPost", "id:post", more="marsad:time <2014-05-01>"),
            said("b", "id:ada", "marsad:heldPost", "id:post", more="marsad:time <2014/2016>", doc="d902"),
        ),
    ),
    # Two documents say it; one document speaks of the thing.
    ("single-source", (FOUNDED_1990, said("b", "id:guard", "marsad:founded", "<1990>", doc="d902"))),
    ("single-source", (FOUNDED_1990, said("b", "id:guard", "marsad:operatesIn", "id:zenda"))),
    (
        "shared-names",
        (
            "id:guard a marsad:Entity ; skos:prefLabel 'Guard'@en, 'Guard'@fr .",
            "id:court a marsad:Entity ; skos:prefLabel 'Court'@en .",
        ),
    ),
    (
        "dated-after-their-document",
        (
            f"doc:d901 a marsad:Document ; dcterms:issued {span('2014-10-16')} . {time('2014-10-16')}",
            said("a", "id:guard", "marsad:founded", "<2014>"),
            said("b", "id:guard", "marsad:founded", "<2015>", doc="d902"),
        ),
    ),
    # The latest thing that began; a plan; an open end.
    (
        "asserted-future",
        (
            said("a", "id:guard", "marsad:founded", "<2010>"),
            said("b", "id:plan", "marsad:implementedBy", "id:guard", more="marsad:time <1985/2010>"),
            said(
                "c", "id:plan", "marsad:implementedBy", "id:court", more="marsad:time <2010/2030>", modality="planned"
            ),
            said("d", "id:ada", "marsad:memberOf", "id:guard", more="marsad:time <2009/..>"),
        ),
    ),
    (
        "direct-without-claim",
        (
            SYMMETRIC,
            f"g:direct {{ id:zenda {COOPERATE} id:ruritania . id:ruritania {COOPERATE} id:zenda }}",
            said("a", "id:zenda", COOPERATE, "id:ruritania"),
        ),
    ),
    (
        "long-passages",
        (
            "claim:d901.a marsad:evidence ev:d901.100-500 . ev:d901.100-500 marsad:document doc:d901 ; marsad:start 100 ; marsad:end 500 .",
        ),
    ),
    (
        "missing-labels",
        (
            "id:guard a marsad:Entity ; skos:prefLabel 'Guard'@en, 'Garde'@fr, 'الحرس'@ar .",
            "id:gazette-1 a marsad:Entity ; skos:prefLabel 'Gazette 1'@en . claim:d901.a marsad:citedWork id:gazette-1 .",
        ),
    ),
    (
        "entities-without-claims",
        (
            "id:guard a marsad:Entity . id:author a marsad:Entity . doc:d901 a marsad:Entity, marsad:Document .",
            "topic:trust a marsad:Entity, skos:Concept .",
            FOUNDED_1990,
        ),
    ),
    (
        "unused-topics",
        (
            "topic:trust a marsad:Topic . topic:city a marsad:Topic .",
            judged("a", "neutral", aspect="topic:trust"),
            "id:zenda marsad:kind topic:city .",
        ),
    ),
    (
        "numbers-without-source",
        (
            "doc:d901 dcterms:creator id:author .",
            counted("a", "12", more="marsad:citedWork id:gazette-1"),
            counted("b", "12", by="id:ada"),
        ),
    ),
    (
        "inferred-without-note",
        (
            said("a", "id:guard", "marsad:founded", "<1990?>", more="skos:editorialNote 'From the key.'@en"),
            FOUNDED_1990,
        ),
    ),
]


@pytest.mark.parametrize(("name", "graph", "expected"), FOUND, ids=[case[0] for case in FOUND])
def test_what_an_editor_should_look_at_is_found(name: str, graph: tuple[str, ...], expected: list[set[str]]) -> None:
    assert sorted(map(sorted, rows(name, *graph))) == sorted(map(sorted, expected))


@pytest.mark.parametrize(("name", "graph"), QUIET, ids=[case[0] for case in QUIET])
def test_what_is_in_order_is_not_found(name: str, graph: tuple[str, ...]) -> None:
    assert rows(name, *graph) == []


POST = ("id:ada", "marsad:heldPost", "id:post")
SOURCES = [
    (
        "three authors",
        (said("a", *POST), said("b", *POST, doc="d902", by="id:ben"), said("c", *POST, doc="d903", by="id:eve")),
        3,
    ),
    (
        "two that cite one work, and one of its own",
        (
            said("a", *POST, more="marsad:citedWork id:gazette-1"),
            said("b", *POST, doc="d902", by="id:ben", more="marsad:citedWork id:gazette-1"),
            said("c", *POST, doc="d903", by="id:eve"),
        ),
        2,
    ),
    (
        "two that pass on one speaker, and one of its own",
        (said("a", *POST, by="id:ada"), said("b", *POST, doc="d902"), said("c", *POST, doc="d903", by="id:ada")),
        2,
    ),
    (
        "one that cites the works of two others",
        (
            said("a", *POST, more="marsad:citedWork id:gazette-1"),
            said("b", *POST, doc="d902", by="id:ben", more="marsad:citedWork id:gazette-1, id:gazette-2"),
            said("c", *POST, doc="d903", by="id:eve", more="marsad:citedWork id:gazette-2"),
        ),
        2,
    ),
]


@pytest.mark.parametrize(("graph", "count"), [case[1:] for case in SOURCES], ids=[case[0] for case in SOURCES])
def test_documents_that_share_a_work_or_a_speaker_are_counted_as_one_source(graph: tuple[str, ...], count: int) -> None:
    [row] = found("independent-sources", *graph)
    sources = row.values["sources"]
    assert isinstance(sources, ox.Literal)
    assert int(sources.value) == count


def test_every_query_is_tried_both_ways() -> None:
    assert {case[0] for case in FOUND} == {case[0] for case in QUIET} == set(QUERIES)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_the_title_says_what_is_listed(query: ReviewQuery) -> None:
    assert re.fullmatch(r"[A-Z][^.?!]+", query.title)
    assert set(query.titles) == {"en", "fr", "ar"}
