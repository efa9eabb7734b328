"""The writing routes are described as they are: each example is sent, dry and for good, and answered as described."""

import json

import jsonschema
import pytest
from referencing import Registry, Resource

from service.api.record_schemas import FACT_KEYS, body_schemas
from service.graph.ontology import read_ontology
from service.graph.schema import data_schema
from service.rdf.iris import DEFAULT_BASE
from tests.api.conftest import Writable
from tests.graph.transactions import ONTOLOGY

_METHODS = ("put", "post", "patch", "delete")
# Each uses what those before it have made; a document may be taken away when it says nothing any more.
_ORDER = (
    *("put_entities", "get_entities_record", "patch_entities"),
    *("put_works", "get_works_record", "patch_works"),
    *("put_documents", "get_documents_record", "patch_documents"),
    *("put_facts", "get_facts", "put_claims", "get_claims_record", "patch_claims", "post_claims"),
    *("post_changes", "undo", "get_changes", "get_change", "get_difference", "delete_claims", "validate"),
    *("delete_works", "delete_entities", "delete_documents"),
)


@pytest.fixture(scope="module")
def described(writable: Writable) -> dict:
    return writable.service.json("/api/v1/openapi.json")


def operations(described: dict) -> dict[str, tuple[str, str, dict]]:
    return {
        operation["operationId"]: (method, path, operation)
        for path, item in described["paths"].items()
        for method, operation in item.items()
    }


def test_every_write_says_that_it_needs_a_key_and_what_it_refuses(described: dict) -> None:
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    writes = [entry for entry in operations(described).values() if entry[0] in _METHODS]
    assert len(writes) == 17
    for method, path, operation in writes:
        assert operation["operationId"] in _ORDER
        names = {parameter["name"].lower() for parameter in operation["parameters"]}
        assert all(parameter.get("description") for parameter in operation["parameters"]), path
        statuses = set(operation["responses"])
        assert ("requestBody" in operation) is ({"413", "415"} <= statuses)
        assert (
            ("if-match" in names)
            is ({"if-match", "if-none-match"} <= names)
            is (path != "/api/v1/claims" and "412" in statuses)
        )
        if path == "/api/v1/validate":
            continue
        assert operation["security"] == [{"key": []}]
        assert {"dry-run", "message", "marsad-message"} <= names
        assert {"200", "400", "401", "403", "422", "500", "503", "507"} <= statuses, (method, path)
        for status in statuses - {"200", "201"}:
            assert "application/problem+json" in operation["responses"][status]["content"]


def test_each_example_of_a_write_is_taken_and_answered_as_described(writable: Writable, described: dict) -> None:
    known = operations(described)
    registry = Registry().with_resource("urn:api", Resource.opaque(described))
    context = writable.service.context
    for name in _ORDER:
        method, path, operation = known[name]
        if name == "delete_documents":
            emptied = writable.service.ask(
                "PUT", "/api/v1/documents/d009/facts", json={"facts": {}}, headers=writable.key | {"If-Match": "*"}
            )
            assert emptied.status_code == 200, emptied.text
        written = next(
            (known[other][2] for other in (name.replace("get_", "put_").removesuffix("_record"),) if other in known),
            operation,
        )
        given = {one["name"]: one["schema"]["examples"][0] for one in written["parameters"] if one["in"] == "path"}
        url = path.format(**(given | ({"version": context.store.version} if name == "undo" else {})))
        ways = ("true", "false") if method in _METHODS and name != "validate" else (None,)
        for dry in ways:
            before = context.store.version
            answer = send(writable, method, url, operation, dry)
            assert answer.status_code in (200, 201), (name, dry, answer.text)
            assert (context.store.version != before) is (dry == "false"), name
            schema = operation["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
            jsonschema.Draft202012Validator({"$ref": "urn:api" + schema["$ref"]}, registry=registry).validate(
                answer.json()
            )
            if dry == "true":
                assert answer.json()["dryRun"] is True
                assert answer.json()["delta"]["added"] + answer.json()["delta"]["removed"] > 0
            if answer.status_code == 201:
                assert writable.service.get(answer.headers["location"]).status_code == 200
        body = next(iter(operation.get("requestBody", {}).get("content", {}).values()), None)
        if body and method == "put" and name != "put_facts":
            record = writable.service.json(f"/api/v1/records/{url.removeprefix('/api/v1/')}")
            assert record == body["examples"]["example"]["value"]


def send(writable: Writable, method: str, url: str, operation: dict, dry: str | None):
    headers = dict(writable.key)
    content = None
    if "requestBody" in operation:
        form, body = next(iter(operation["requestBody"]["content"].items()))
        (example,) = body["examples"].values()
        headers["Content-Type"] = form
        content = example["value"]
        content = content if isinstance(content, str) else json.dumps(content)
    if "428" in operation["responses"]:
        seen = writable.service.get(url if url.endswith("/facts") else url.replace("/v1/", "/v1/records/", 1))
        if seen.status_code == 200 and method == "put":
            headers["If-Match"] = seen.headers["etag"]
    return writable.service.ask(
        method.upper(), url, params={"dry-run": dry} if dry else {}, headers=headers, content=content
    )


def test_the_examples_of_refusals_are_what_is_answered(writable: Writable, described: dict) -> None:
    tried = 0
    for _, (method, path, operation) in operations(described).items():
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    if status == "401":
                        url = path.format(slug="x", key="d001.x", document="d001", version=1)
                        answer = writable.service.ask(method.upper(), url)
                        assert (answer.status_code, answer.json()) == (401, example["value"])
                        tried += 1
    assert tried == 16


def test_the_schemas_of_bodies_have_the_keys_of_the_data_files() -> None:
    files = data_schema(read_ontology(ONTOLOGY, base=DEFAULT_BASE))["$defs"]
    bodies = body_schemas()
    for name, section in (("EntityRecord", "entities"), ("WorkRecord", "works"), ("DocumentRecord", "documents")):
        part = files["entities"] if section == "entities" else files["sources"]
        (record,) = part["properties"][section]["patternProperties"].values()
        assert list(bodies[name]["properties"]) == list(record["properties"])
        assert bodies[name].get("required", []) == record["required"]
    assert set(bodies["FactRecord"]["properties"]) == set(FACT_KEYS)
    kinds = {key for kind in ("observation", "assessment") for key in files[kind]["properties"]}
    assert kinds <= set(FACT_KEYS)
