"""The servers that are compared: each is started on a loopback port of its own, filled, measured and stopped by its id."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from service.graph.keys import Keys
from tests.benchmarks.client import Connection, get, post

_BIN = Path(sys.executable).parent
# In an environment of its own: see the Makefile.
_RDFLIB_ENDPOINT = Path(sys.prefix) / "rdflib-endpoint" / "bin" / "rdflib-endpoint"
_READY_S = 600.0
_POLL_S = 0.02
_FAREWELL_S = 15.0


@dataclass
class Server:
    """A server that runs. `start_s` is from its start to its first answer, `load_s` what filling it took beside that."""

    name: str
    url: str
    update_url: str
    process: subprocess.Popen[bytes]
    start_s: float = 0.0
    load_s: float = 0.0
    home: str = ""
    notes: list[str] = field(default_factory=list)

    def memory_mb(self) -> tuple[float, float]:
        """Resident and proportional size of the server's processes together, in MB."""
        return memory_mb(self.process.pid)

    def stop(self) -> None:
        """End the process and wait for it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_FAREWELL_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    found = [process]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def memory_mb(process: int) -> tuple[float, float]:
    """Resident and proportional size of a process and its children, in MB (10^6); shared pages count once in the second."""
    resident = proportional = 0
    for member in family(process):
        with suppress(OSError):
            text = Path(f"/proc/{member}/smaps_rollup").read_text()
            resident += int(re.search(r"^Rss:\s+(\d+)", text, re.M).group(1))  # type: ignore[union-attr]
            proportional += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))  # type: ignore[union-attr]
    return resident * 1024 / 1e6, proportional * 1024 / 1e6


def cpu_s(process: int) -> float:
    """Seconds of processor time that a process, its children, and those of them that have ended have used.

    The kernel counts in hundredths of a second.
    """
    ticks = 0
    for member in family(process):
        with suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _spawn(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **(environment or {})}
        )


def _wait(server: Server, log: Path) -> None:
    started = time.perf_counter()
    question = get(server.url, "ASK {}", "application/sparql-results+json")
    while time.perf_counter() - started < _READY_S:
        if server.process.poll() is not None:
            raise RuntimeError(f"{server.name} ended: {log.read_text(errors='replace')[-500:]}")
        with suppress(OSError):
            connection = Connection(server.url)
            try:
                if connection.ask("ready", question).status == 200:
                    server.start_s = time.perf_counter() - started
                    return
            finally:
                connection.close()
        time.sleep(_POLL_S)
    server.stop()
    raise RuntimeError(f"{server.name} did not answer within {_READY_S:g} s")


def marsad(folder: Path, graph: Path, *, cache: bool = False, writable: bool = False) -> Server:
    """This service on the file, the default graph the union of all."""
    name = "marsad, cache" if cache else "marsad, writable" if writable else "marsad"
    port, log = free_port(), folder / f"{name}.log"
    environment = {
        "MARSAD_HOME": str(folder / f"{name} home"),
        "MARSAD_DEFAULT_GRAPH": "union",
        "MARSAD_CACHE_BYTES": str(64 * 2**20 if cache else 0),
        "MARSAD_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--dataset", str(graph)]
    process = _spawn(command + ["--writable"] * writable, log, environment)
    root = f"http://127.0.0.1:{port}"
    server = Server(name, f"{root}/sparql", f"{root}/sparql", process, home=root)
    _wait(server, log)
    return server


def project(home: Path) -> tuple[Server, str]:
    """This service on the project's own graph, kept in `home`, and a key that may write."""
    home.mkdir()
    token = Keys(home).new("bench", "write")
    port, log = free_port(), home / "service.log"
    environment = {"MARSAD_HOME": str(home), "MARSAD_LOG_LEVEL": "warning"}
    process = _spawn([sys.executable, "-m", "service", "serve", "--port", str(port)], log, environment)
    root = f"http://127.0.0.1:{port}"
    server = Server("marsad, project", f"{root}/sparql", f"{root}/sparql", process, home=root)
    _wait(server, log)
    return server, token


def bare(folder: Path, graph: Path) -> Server:
    """Forks that have the engine's Python module and nothing else: see `tests.benchmarks.bare`."""
    port, log = free_port(), folder / "bare.log"
    command = [sys.executable, "-m", "tests.benchmarks.bare", str(graph), str(port)]
    root = f"http://127.0.0.1:{port}"
    server = Server("bare module", f"{root}/query", "", _spawn(command, log), home=root)
    _wait(server, log)
    return server


def oxigraph_on_disk(folder: Path, graph: Path) -> Server:
    """The native Oxigraph server on its database, loaded before it starts."""
    location, started = folder / "oxigraph", time.perf_counter()
    command = [str(_BIN / "oxigraph"), "load", "--location", str(location), "--file", str(graph)]
    subprocess.run(command, check=True, capture_output=True)
    loaded = time.perf_counter() - started
    server = _oxigraph(folder, "oxigraph on disk", ["--location", str(location)])
    server.load_s = loaded
    return server


def oxigraph_in_memory(folder: Path, graph: Path) -> Server:
    """The native Oxigraph server in memory, filled over HTTP."""
    server = _oxigraph(folder, "oxigraph in memory", [])
    started = time.perf_counter()
    url = server.url.replace("/query", "/store?no_transaction")
    connection = Connection(url)
    done = connection.ask("load", post(url, graph.read_text(encoding="utf-8"), "application/n-quads"))
    connection.close()
    if done.status >= 300:
        server.stop()
        raise RuntimeError(f"loading answered {done.status}")
    server.load_s = time.perf_counter() - started
    return server


def _oxigraph(folder: Path, name: str, options: list[str]) -> Server:
    port, log = free_port(), folder / f"{name}.log"
    command = [str(_BIN / "oxigraph"), "serve", "--bind", f"127.0.0.1:{port}", "--union-default-graph", *options]
    root = f"http://127.0.0.1:{port}"
    server = Server(name, f"{root}/query", f"{root}/update", _spawn(command, log), home=root)
    _wait(server, log)
    return server


def rdflib_endpoint(folder: Path, graph: Path) -> Server:
    """rdflib-endpoint with rdflib's own store in memory."""
    port, log = free_port(), folder / "rdflib-endpoint.log"
    command = [str(_RDFLIB_ENDPOINT), "serve", "--host", "127.0.0.1", "--port", str(port), str(graph)]
    root = f"http://127.0.0.1:{port}"
    # It serves under / and redirects /sparql, depending on its version: ask where it answers.
    server = Server("rdflib-endpoint", f"{root}/", f"{root}/", _spawn(command, log), home=root)
    _wait(server, log)
    return server


_VIRTUOSO_INI = """[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
[TempDatabase]
DatabaseFile = {folder}/virtuoso-temp.db
TransactionFile = {folder}/virtuoso-temp.trx
[Parameters]
ServerPort = 127.0.0.1:{sql}
ServerThreads = 20
NumberOfBuffers = 170000
MaxDirtyBuffers = 130000
DirsAllowed = {allowed}
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerThreads = 20
MaxClientConnections = 20
[SPARQL]
ResultSetMaxRows = 10000000
"""


def virtuoso(folder: Path, graph: Path) -> Server:
    """OpenLink Virtuoso 7 of the distribution (`virtuoso-t`, `isql-vt`), with 1.4 GB of buffers."""
    program, isql = shutil.which("virtuoso-t"), shutil.which("isql-vt")
    if program is None or isql is None:
        raise RuntimeError("virtuoso-t is not installed (Debian: virtuoso-opensource-7-bin)")
    own, sql, http = folder / "virtuoso", free_port(), free_port()
    own.mkdir()
    ini, log = own / "virtuoso.ini", folder / "virtuoso.log"
    ini.write_text(_VIRTUOSO_INI.format(folder=own, sql=sql, http=http, allowed=graph.parent))
    process = _spawn([program, "+foreground", "+configfile", str(ini)], log)
    root = f"http://127.0.0.1:{http}"
    server = Server("virtuoso", f"{root}/sparql", f"{root}/sparql", process, home=root)
    try:
        _wait(server, log)
        started = time.perf_counter()
        # 512: N-Quads, each quad into the graph it names.
        load = f"log_enable(2); DB.DBA.TTLP_MT(file_open('{graph}'), '', 'urn:graph', 512); checkpoint;"
        command = [isql, f"127.0.0.1:{sql}", "dba", "dba", f"EXEC={load}"]
        subprocess.run(command, check=True, capture_output=True, timeout=_READY_S)
    except BaseException:
        server.stop()
        raise
    server.load_s = time.perf_counter() - started
    return server


Starter = Callable[[Path, Path], Server]


def _cached(folder: Path, graph: Path) -> Server:
    return marsad(folder, graph, cache=True)


STARTERS: dict[str, Starter] = {
    "marsad": marsad,
    "marsad-cache": _cached,
    "bare": bare,
    "oxigraph-disk": oxigraph_on_disk,
    "oxigraph-memory": oxigraph_in_memory,
    "rdflib-endpoint": rdflib_endpoint,
    "virtuoso": virtuoso,
}
