"""The files around the code hold what they promise."""

import re
import subprocess
import tomllib

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT
from tests.packaging.lock import PEER

LOCKS = ("service/requirements.lock", "tests/requirements.lock", "tests/benchmarks/requirements.lock")
TOP_LEVEL = {
    "ontology",
    "data",
    "service",
    "tests",
    "pyproject.toml",
    "docker-compose.yml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "Makefile",
}


def tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listing.stdout.split("\n")[:-1]


def test_the_top_level_holds_only_what_was_fixed():
    names = {name.split("/")[0] for name in tracked()}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


def test_every_locked_package_has_hashes_and_no_address():
    for lock in LOCKS:
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)
        entries = re.split(r"\n(?=\S)", text.strip())
        assert all(re.match(r"[a-z0-9_.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)


def test_the_locks_name_every_dependency_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {
        "service/requirements.lock": project["dependencies"],
        "tests/requirements.lock": project["dependencies"] + project["optional-dependencies"]["test"],
        "tests/benchmarks/requirements.lock": PEER,
    }
    for lock, requirements in wanted.items():
        locked = set(re.findall(r"^([a-z0-9_.-]+)==", (ROOT / lock).read_text(encoding="utf-8"), re.M))
        names = {re.split(r"[<>=!~ \[;]", requirement)[0].lower().replace("_", "-") for requirement in requirements}
        assert names <= locked


# What the Compose Specification says of the keys that this project uses; any other key is a slip.
COMPOSE_SCHEMA = {
    "type": "object",
    "required": ["services", "volumes"],
    "additionalProperties": False,
    "properties": {
        "services": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["build", "ports", "volumes", "healthcheck"],
                "additionalProperties": False,
                "properties": {
                    "build": {
                        "type": "object",
                        "required": ["context", "dockerfile"],
                        "additionalProperties": False,
                        "properties": {"context": {"type": "string"}, "dockerfile": {"type": "string"}},
                    },
                    "image": {"type": "string"},
                    "ports": {"type": "array", "items": {"type": "string", "pattern": r"^127\.0\.0\.1:.+:\d+$"}},
                    "volumes": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+:/[a-z/]+$"}},
                    "read_only": {"const": True},
                    "tmpfs": {"type": "array", "items": {"type": "string", "pattern": "^/"}},
                    "cap_drop": {"const": ["ALL"]},
                    "security_opt": {"const": ["no-new-privileges:true"]},
                    "init": {"type": "boolean"},
                    "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
                    "healthcheck": {
                        "type": "object",
                        "required": ["test"],
                        "additionalProperties": False,
                        "properties": {
                            "test": {"type": "array", "items": {"type": "string"}, "contains": {"const": "CMD"}},
                            "interval": {"$ref": "#/$defs/duration"},
                            "timeout": {"$ref": "#/$defs/duration"},
                            "start_period": {"$ref": "#/$defs/duration"},
                            "retries": {"type": "integer", "minimum": 1},
                        },
                    },
                },
            },
        },
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
    },
    "$defs": {"duration": {"type": "string", "pattern": r"^\d+(ms|s|m)$"}},
}


def test_the_compose_file_holds_to_its_schema_and_is_bound_to_loopback():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(COMPOSE_SCHEMA)
    jsonschema.validate(compose, COMPOSE_SCHEMA)
    service = compose["services"]["marsad"]
    assert service["ports"] == ["127.0.0.1:${PORT:-8000}:8000"]
    assert service["volumes"] == ["state:/var/lib/marsad"]
    assert set(compose["volumes"]) == {"state"}


@pytest.mark.parametrize(
    ("key", "value"),
    [("ports", ["8000:8000"]), ("read_only", False), ("privileged", True), ("healthcheck", {"test": "true"})],
)
def test_a_laxer_compose_file_is_refused(key, value):
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    compose["services"]["marsad"][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose, COMPOSE_SCHEMA)


def test_every_path_that_the_container_files_name_exists():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    build = compose["services"]["marsad"]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    dockerfile = (ROOT / build["dockerfile"]).read_text(encoding="utf-8")
    sources = [word for line in re.findall(r"^COPY (.+)$", dockerfile, re.M) for word in line.split()[:-1]]
    assert sources
    assert all((ROOT / source).exists() for source in sources)
    assert re.search(r"^USER marsad$", dockerfile, re.M)
    assert re.search(r"^HEALTHCHECK ", dockerfile, re.M)


def test_the_state_volume_is_the_home_of_the_container():
    dockerfile = (ROOT / "service/Dockerfile").read_text(encoding="utf-8")
    assert "MARSAD_HOME=/var/lib/marsad" in dockerfile
    assert re.search(r"^VOLUME /var/lib/marsad$", dockerfile, re.M)
