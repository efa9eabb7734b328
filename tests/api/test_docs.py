"""The description of the API is true, the snippets of the documentation run, nothing is fetched from elsewhere."""

import re
import shutil
import subprocess
import sys
from urllib.parse import urlencode

import jsonschema
import pytest
from referencing import Registry, Resource

from service.api.docs import snippets
from tests.api.service import Service


@pytest.fixture(scope="session")
def described(service: Service) -> dict:
    return service.json("/api/v1/openapi.json")


def operations(described: dict) -> list[tuple[str, dict]]:
    """The reads; the writes have tests of their own, with a key."""
    return [(path, item["get"]) for path, item in described["paths"].items() if "get" in item]


def test_the_description_is_openapi_3_1(described: dict) -> None:
    assert described["openapi"].startswith("3.1")
    ids = [operation["operationId"] for item in described["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))


def test_every_operation_says_its_problems(described: dict) -> None:
    for path, operation in operations(described):
        responses = operation["responses"]
        assert "422" not in responses
        for status in ("400", "406"):
            single = operation["tags"] in (["files"], ["changes"]) or path.endswith("context.jsonld")
            assert status in responses or single, path
        assert ("404" in responses) or "{" not in path or operation["tags"] == ["files"], path


def test_each_example_of_the_description_is_answered_as_described(service: Service, described: dict) -> None:
    registry = Registry().with_resource("urn:api", Resource.opaque(described))
    tried = 0
    for path, operation in operations(described):
        content = operation["responses"]["200"]["content"].get("application/json", {})
        address = content.get("examples", {}).get("live", {}).get("externalValue")
        if address is None:
            assert operation["tags"][0] in ("files", "changes") or path.endswith("context.jsonld"), path
            continue
        tried += 1
        schema = content["schema"]
        whole = {**_absolute(schema), "$schema": "https://json-schema.org/draft/2020-12/schema"}
        answer = service.get(address)
        assert answer.status_code == 200, (path, answer.text)
        jsonschema.Draft202012Validator(whole, registry=registry).validate(answer.json())
    assert tried >= 35


def _examples(parameter: dict) -> list:
    return parameter.get("examples") or parameter["schema"].get("examples") or []


def test_each_parameter_has_an_example_that_is_answered(service: Service, described: dict) -> None:
    found: dict[str, int] = {}
    for path, operation in operations(described):
        if path.startswith("/api/v1/changes/"):  # nothing is changed here; where they are made they are asked for
            continue
        parameters = operation.get("parameters", [])
        for parameter in parameters:
            # A cursor is given out, and an order is one of several lists' own.
            assert _examples(parameter) or parameter["name"] in ("cursor", "sort"), (path, parameter["name"])
            assert parameter.get("description") or parameter["schema"].get("description"), (path, parameter["name"])
        given = {one["name"]: str(_examples(one)[0]) for one in parameters if one["in"] == "path"}
        always = {one["name"]: _examples(one)[0] for one in parameters if one["in"] == "query" and one.get("required")}
        optional = [one for one in parameters if one["in"] == "query" and not one.get("required") and _examples(one)]
        for parameter in [None, *optional]:
            query = always | ({parameter["name"]: _examples(parameter)[0]} if parameter else {})
            answer = service.get(f"{path.format(**given)}?{urlencode(query, doseq=True)}")
            assert answer.status_code == 200, (path, query, answer.text)
            if parameter and path in ("/api/v1/entities", "/api/v1/claims", "/api/v1/review"):
                name = parameter["name"]
                found[name] = found.get(name, 0) + answer.json()["total"]
    assert all(found.values()), found


def test_reads_take_a_version_and_the_history_itself_takes_none(described: dict) -> None:
    for path, operation in operations(described):
        named = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
        assert ("version" in named) == (not path.startswith("/api/v1/changes")), path
        if "version" in named:
            assert {"404", "503"} <= operation["responses"].keys()


def _absolute(schema: dict) -> dict:
    return {"$ref": "urn:api" + schema["$ref"]} if "$ref" in schema else schema


def test_the_page_of_the_documentation_needs_no_other_host(service: Service) -> None:
    answer = service.get("/docs", "text/html")
    assert answer.headers["location"] == "/en/docs"
    page = service.get("/en/docs")
    loaded = re.findall(r'(?:src|href)="(https?://[^"]+)"', page.text)
    assert loaded == []
    assert len(snippets()) == 10
    for snippet in snippets():
        assert snippet["title"] in page.text
    assert "/api/v1/paths" in page.text


@pytest.mark.parametrize("snippet", snippets(), ids=lambda snippet: snippet["title"])
@pytest.mark.parametrize("language", ["curl", "python", "javascript"])
def test_each_snippet_prints_what_it_promises(
    request: pytest.FixtureRequest, address: str, snippet: dict[str, str], language: str
) -> None:
    code = snippet[language].replace("{service}", address)
    if language == "javascript":
        program = request.getfixturevalue("node")
    else:
        program = {"curl": "bash", "python": sys.executable}[language]
    if language == "curl" and shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    flags = ["--input-type=module", "-e"] if language == "javascript" else ["-c"]
    done = subprocess.run([program, *flags, code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert snippet["prints"] in done.stdout


def test_the_page_of_the_ontology_has_every_term(service: Service) -> None:
    terms = service.json("/api/v1/vocabulary?lang=fr")["terms"]
    page = service.get("/fr/ns").text
    for term in terms:
        assert f'id="{term["id"]}"' in page
    held = page.split('id="heldPost"', 1)[1].split("</section>", 1)[0]
    term = next(term for term in terms if term["id"] == "heldPost")
    assert term["label"] in held
    assert str(term["uses"]) in held
