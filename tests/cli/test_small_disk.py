"""A service on a disk that is really full, or really read-only: nothing is lost, nothing is half made, reads go on."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.cli.small_disk import Disk, mounted
from tests.graph.sample_data import write_data

pytestmark = pytest.mark.slow  # each starts the service two or three times

_MEGABYTES = 64
# What the service wants left before it takes a change, and a little more.
_ENOUGH_BYTES = 33 * 2**20


@pytest.fixture
def disk(namespaces: None, tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    environment = {"MARSAD_DATA": str(write_data(tmp_path / "data")), "MARSAD_LOG_LEVEL": "warning"}
    with mounted(folder, _MEGABYTES, environment) as found:
        yield found


class Client:
    """Somebody with a key."""

    def __init__(self, address: str, key: str) -> None:
        self._host, self._port, self._key = urlsplit(address).hostname or "", urlsplit(address).port, key

    def ask(self, method: str, path: str, body: object = None, accept: str = "*/*") -> tuple[int, str]:
        connection = HTTPConnection(self._host, self._port, timeout=60)
        headers = {"Accept": accept, "Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def put(self, number: int, *, names: int = 0) -> tuple[int, Any]:
        more = [f"{'Another name ' * 7}{number} {place}@en" for place in range(names)]  # a hundred bytes each
        record = {"type": "Person", "label": {"en": f"Person {number}"}, **({"alt": more} if more else {})}
        status, text = self.ask("PUT", f"/api/v1/entities/p{number}", record)
        return status, json.loads(text)

    def people(self) -> set[str]:
        """Who is in the graph, as SPARQL, REST and the search have it alike."""
        query = 'SELECT ?p { ?p a marsad:Person FILTER(STRSTARTS(STR(?p), "https://marsad.example/id/p")) }'
        status, text = self.ask("GET", f"/sparql?query={quote(query)}", accept="text/csv")
        assert status == 200, text
        found = {line.rpartition("/")[2] for line in text.split()[1:]}
        for path in ("/api/v1/actors?limit=200", "/api/v1/search?q=person&limit=50"):
            status, text = self.ask("GET", path)
            assert status == 200, text
            assert {name for name in found if f'"{name}"' in text} == found
        return found

    def versions(self) -> list[int]:
        status, text = self.ask("GET", "/api/v1/changes?limit=500")
        assert status == 200, text
        return [item["version"] for item in json.loads(text)["items"]]


def test_a_change_that_a_full_disk_refuses_leaves_no_trace_and_is_taken_when_there_is_space_again(disk: Disk) -> None:
    address, key = disk.serve(), disk.tell("key")
    client = Client(address, key)
    assert client.put(1)[0] == 201
    disk.tell("fill")
    status, problem = client.put(2)
    assert (status, problem["type"].rpartition("/")[2]) == (507, "storage")
    assert "nothing was changed. Free space on the disk of MARSAD_HOME" in problem["detail"]
    assert (client.people(), client.versions()) == ({"p1"}, [1])
    assert client.ask("GET", "/readyz")[0] == 200
    disk.tell("free")
    assert client.put(3)[0] == 201
    assert (client.people(), client.versions()) == ({"p1", "p3"}, [2, 1])
    disk.tell("stop", kill=True)
    again = Client(disk.serve(), key)
    assert (again.people(), again.versions()) == ({"p1", "p3"}, [2, 1])
    assert again.put(4)[0] == 201


def test_a_disk_that_fills_up_under_a_change_loses_nothing_that_was_acknowledged(disk: Disk) -> None:
    address, key = disk.serve(), disk.tell("key")
    client, acknowledged = Client(address, key), set[str]()
    # The service takes changes while so much is left: the disk fills up by what the changes write, and by others.
    disk.tell("fill", but_bytes=_ENOUGH_BYTES)
    for number in range(100):
        status, problem = client.put(number, names=300)
        if status != 201:
            assert (status, problem["type"].rpartition("/")[2]) == (507, "storage")
            break
        acknowledged.add(f"p{number}")
    else:
        pytest.fail("a hundred changes of 30,000 bytes found room where there was none")
    assert client.people() == acknowledged
    disk.tell("stop", kill=True)
    disk.tell("free")
    again = Client(disk.serve(), key)
    assert again.people() == acknowledged
    assert again.versions() == [*range(len(acknowledged), 0, -1)]
    assert again.put(200)[0] == 201


@pytest.mark.parametrize("left", [0, 16384])
def test_a_database_that_cannot_be_written_is_said_and_reads_go_on(disk: Disk, left: int) -> None:
    """As where others fill the disk in the moment after the service looked: here it does not look."""
    address, key = disk.tell("serve_blindly")["address"], disk.tell("key")
    client = Client(address, key)
    assert client.put(1)[0] == 201
    disk.tell("fill", but_bytes=left)
    refused = 0
    for number in range(2, 60):
        status, problem = client.put(number, names=30)
        if status == 201:
            continue
        refused = refused or number
        assert (status, problem["type"].rpartition("/")[2]) == (507, "storage")
        assert "Free space on the disk of MARSAD_HOME" in problem["detail"]
        if "nothing was changed" not in problem["detail"]:
            assert "the database did not take all of it" in problem["detail"]
            refused = number + 1  # the next start completes it
            break
    acknowledged = {f"p{number}" for number in range(1, refused)}
    assert refused
    assert client.ask("GET", "/readyz")[0] == 200
    assert {f"p{refused - 1}"} | client.people() == acknowledged
    disk.tell("stop", kill=True)
    disk.tell("free")
    again = Client(disk.serve(), key)
    assert (again.people(), again.versions()) == (acknowledged, [*range(refused - 1, 0, -1)])
    assert again.put(200)[0] == 201


def test_a_start_on_a_full_or_read_only_disk_is_refused_with_what_to_do_and_touches_nothing(disk: Disk) -> None:
    address, key = disk.serve(), disk.tell("key")
    assert Client(address, key).put(1)[0] == 201
    disk.tell("stop")
    before = disk.tell("files")
    assert disk.tell("remount", options="ro") == ""
    assert "cannot be written; set MARSAD_HOME to another directory" in disk.refuse()
    assert disk.tell("files") == before
    assert disk.tell("remount", options="rw") == ""
    disk.tell("fill")
    said = disk.refuse()
    assert "Traceback" not in said
    assert "MARSAD_HOME" in said
    disk.tell("free")
    assert Client(disk.serve(), key).people() == {"p1"}


def test_a_first_start_on_a_disk_that_is_too_small_says_so(namespaces: None, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    with mounted(tmp_path / "disk", 1, {"MARSAD_DATA": str(write_data(tmp_path / "data"))}) as disk:
        said = disk.refuse()
    assert "Traceback" not in said
    assert "MARSAD_HOME" in said
