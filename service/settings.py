"""Every setting of the service, read once from the environment.

A field says its unit, its default and its reason. `marsad settings` prints the table that `service/README.md` holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

import platformdirs

from service.errors import ConfigurationError

DefaultGraph = Literal["union", "default"]


def _setting(variable: str, default: Any, read: Callable[[str], Any], about: str) -> Any:
    metadata = {"variable": variable, "read": read, "about": about}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError("a positive whole number is expected")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError("a whole number, 0 or more, is expected")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError("a positive number of seconds is expected")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError("a port from 0 to 65535 is expected")
    return number


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)} is expected")
        return text

    return read


def _base(text: str) -> str:
    if not text.startswith(("http://", "https://")) or not text.endswith("/"):
        raise ValueError("an http(s) IRI that ends in / is expected")
    return text


def _switch(text: str) -> bool:
    return _one_of("0", "1")(text) == "1"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process; made by `from_environment`, passed down, never read again."""

    host: str = _setting("MARSAD_HOST", "127.0.0.1", str, "address to listen on; loopback unless a proxy needs more")
    port: int = _setting("PORT", 8000, _port, "TCP port to listen on; 0 takes a free one")
    root_path: str = _setting("MARSAD_ROOT_PATH", "", str, "path prefix under which a proxy serves Marsad")
    home: Path = _setting(
        "MARSAD_HOME",
        lambda: Path(platformdirs.user_data_dir("marsad", appauthor=False)),
        Path,
        "directory of the state: store, change log, index",
    )
    base: str = _setting("MARSAD_BASE", "https://marsad.example/", _base, "base of the IRIs of the data")
    ontology: Path | None = _setting("MARSAD_ONTOLOGY", None, Path, "ontology folder; default: the one that came along")
    data: Path | None = _setting("MARSAD_DATA", None, Path, "data folder; default: the one that came along")
    documents: Path | None = _setting(
        "MARSAD_DOCUMENTS", None, Path, "folder with the texts of the documents (NNN_*.txt); needed to show passages"
    )
    default_graph: DefaultGraph = _setting(
        "MARSAD_DEFAULT_GRAPH",
        "union",
        _one_of("union", "default"),
        "what a query without FROM reads: the union of all graphs, or the unnamed graph",
    )
    deadline_s: float = _setting(
        "MARSAD_DEADLINE", 30.0, _seconds, "seconds for one query; `timeout=` may lower it, never raise it"
    )
    worker_memory: int = _setting(
        "MARSAD_WORKER_MEMORY", 2 * 2**30, _positive, "bytes that one query may use beyond the snapshot"
    )
    workers: int = _setting(
        "MARSAD_WORKERS", 0, _count, "query processes; 0 means two for each core, the most that pays off"
    )
    queue: int = _setting("MARSAD_QUEUE", 64, _count, "queries that may wait for a worker; beyond it: 503")
    max_query_bytes: int = _setting(
        "MARSAD_MAX_QUERY_BYTES", 64 * 2**10, _positive, "bytes of a query text; real ones stay below 10 KiB"
    )
    max_nesting: int = _setting(
        "MARSAD_MAX_NESTING", 64, _positive, "depth of brackets in a query; the engine's stack fails at 2,000"
    )
    max_tokens: int = _setting(
        "MARSAD_MAX_TOKENS",
        500_000,
        _positive,
        "words, names and signs of an update; so many are read in three seconds and take 60 MiB",
    )
    max_chain: int = _setting(
        "MARSAD_MAX_CHAIN", 1000, _positive, "operators in one flat chain of a query; the engine fails at about 12,000"
    )
    max_body_bytes: int = _setting(
        "MARSAD_MAX_BODY_BYTES", 64 * 2**20, _positive, "bytes of a request body; larger uploads go through `load`"
    )
    validate_bytes: int = _setting(
        "MARSAD_VALIDATE_BYTES", 2**20, _positive, "bytes that /api/v1/validate takes, of whoever asks"
    )
    validate_s: float = _setting(
        "MARSAD_VALIDATE_SECONDS", 10.0, _seconds, "seconds for one validation; a thousand entities take about two"
    )
    cache_bytes: int = _setting(
        "MARSAD_CACHE_BYTES", 64 * 2**20, _count, "bytes of answers kept for repeated queries; 0 switches the cache off"
    )
    cache_file_bytes: int = _setting(
        "MARSAD_CACHE_FILE_BYTES",
        2**30,
        _count,
        "bytes of answers too long for that, kept in nameless files under MARSAD_HOME when they are asked for again; 0: none",
    )
    read_keys: bool = _setting(
        "MARSAD_READ_KEYS", False, _switch, "1: reads need a key too (`marsad key new NAME --scope read`)"
    )
    log_level: str = _setting(
        "MARSAD_LOG_LEVEL", "info", _one_of("debug", "info", "warning", "error"), "least level of a log line"
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Settings with every variable of `environment` that names one applied; empty values count as absent.

        Raises ConfigurationError: a value is not of the stated form; all of them are named at once.
        """
        values: dict[str, Any] = {}
        faults: list[str] = []
        for entry in fields(cls):
            text = environment.get(entry.metadata["variable"], "")
            if not text:
                continue
            try:
                values[entry.name] = entry.metadata["read"](text)
            except ValueError as error:
                faults.append(f"{entry.metadata['variable']}={text!r}: {error}")
        if faults:
            raise ConfigurationError("; ".join(faults))
        return cls(**values)


def settings_table() -> list[tuple[str, str, str]]:
    """(variable, default in words, meaning) of every setting, in the order of the class."""
    defaults = {"home": "the user's data directory"}
    rows = []
    for entry in fields(Settings):
        value = defaults.get(entry.name, entry.default)
        shown = "" if value in (None, "", ()) else str(int(value) if isinstance(value, bool) else value)
        rows.append((entry.metadata["variable"], shown, entry.metadata["about"]))
    return rows
