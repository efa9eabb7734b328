"""A small data folder that compiles: one document, one fact of each kind, one entity of the classes that they need."""

from pathlib import Path

from service.errors import SourceErrors
from service.graph.compile import CompiledGraph, compile_sources
from service.rdf.iris import DEFAULT_BASE
from tests.conftest import ROOT

ONTOLOGY = ROOT / "ontology"
HASH = "0123456789abcdef0123456789abcdef"

FILES = {
    "entities.yaml": """\
entities:
  bureau:
    type: Organization
    label: {en: Bureau, fr: Bureau}
  hilltown:
    type: Place
    kind: city
    label: {en: Hilltown, fr: Hilltown, ar: البلدة}
    sameAs: wd:Q1
  ada:
    type: Person
    label: {en: Ada}
  post-head-of-the-bureau:
    type: Post
    label: {en: Head of the Bureau}
  freedonia:
    type: Country
    label: {en: Freedonia}
  opening-2013:
    type: Event
    label: {en: Opening of the Bureau}
  gazette:
    type: Organization
    label: {en: Gazette}
""",
    "sources.yaml": f"""\
documents:
  d900:
    label: {{en: Document 900}}
    author: ada
    language: en
    issued: 2020-05-01
    textHash: sha-256:{"0" * 64}
    textLength: 1000
works:
  gazette-2015:
    label: {{en: Gazette 2015}}
    creator: gazette
""",
    "facts/d900.yaml": f"""\
document: d900
facts:
  bureau:
    at: 100-130 {HASH}
    subject: bureau
    founded: 2013-03-23
    place: hilltown
    name: [Bureau of Hilltown@en, BH@en]
    cites: gazette-2015
  head:
    at: [200-230 {HASH}, 300-330 {HASH}]
    subject: ada
    heldPost: post-head-of-the-bureau
    time: 2015-05~/..
    by: gazette
    modality: alleged
    onBehalfOf: freedonia
    occasion: opening-2013
    asWritten: for some years
    gloss: {{en: Ada heads it., fr: Ada le dirige.}}
    note: The paper names no year.
  cells:
    at: 400-430 {HASH}
    indicator: cells-dismantled
    for: freedonia
    value: 168
    time: 2001-09-11/2017
  praise:
    at: 100-130 {HASH}
    assessmentOf: bureau.place.hilltown
    aspect: security
    polarity: positive
    gloss: {{en: The seat is well chosen., fr: Le siège est bien choisi.}}
""",
    "editorial.yaml": """\
ranks:
  d900.bureau.founded.e2013-03-23: {rank: preferred, reason: The gazette says so too.}
notes:
  d900.cells: Counted twice.
""",
}


def write_data(folder: Path, **changes: tuple[str, str]) -> Path:
    """Write the sample to `folder`; a change is (old, new) by the file's stem, and must change something."""
    stems = {Path(name).stem: name for name in FILES}
    files = dict(FILES)
    for stem, (old, new) in changes.items():
        name = stems[stem]
        assert old in files[name]
        files[name] = files[name].replace(old, new)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def compiled(data: Path, *, base: str = DEFAULT_BASE) -> CompiledGraph:
    return compile_sources(ONTOLOGY, data, base=base)


def errors_of(data: Path) -> list[str]:
    """The errors of a data folder as text, none where it compiles."""
    try:
        compiled(data)
    except SourceErrors as errors:
        return [str(error) for error in errors.errors]
    return []
