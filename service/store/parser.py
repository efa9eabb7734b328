"""Updates and uploads that say which quads come and go are read by a process that holds no graph.

A worker is a fork of the whole graph and of no use after the next change; what it costs is the fork and the pages that
it touches. To read a text needs none of it, so one process stays for that. It is confined and stopped like a worker.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from service.errors import StoreUnavailable
from service.store import wire
from service.store.base import Delta, Update, Upload, read
from service.store.workers import Limits, Pool, ReplicaProcess


class Parser:
    """Started with the first text that it is given."""

    def __init__(self, limits: Limits, prefixes: Mapping[str, str], folder: Path) -> None:
        """`folder` takes a small file for a moment."""
        self._pool = Pool(replace(limits, workers=1))
        self._prefixes, self._folder = dict(prefixes), folder
        self._replica: ReplicaProcess | None = None
        self._loaded: asyncio.Future[None] | None = None
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def counts(self) -> dict[str, int]:
        """What became of the requests, as a pool counts."""
        return dict(self._pool.counts)

    async def parse(self, change: Update | Upload, *, deadline_s: float | None = None) -> Delta:
        """The quads that the text names, whether or not they are in the store: those to go and those to come.

        Of an upload those to come. Raises what `Store.propose` raises.
        """
        await self._start()
        head, body = change.pack()
        answer = await self._pool.query(wire.pack({**head, "apart": True}, body), deadline_s=deadline_s)
        return Delta.unpack(await read(answer))

    async def close(self) -> None:
        """Stop what runs; no process is left."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pool.close()
        if self._replica is not None:
            await self._replica.stop()

    async def _start(self) -> None:
        async with self._starting:
            if self._replica is not None:
                return
            process = ReplicaProcess(self._on_event)
            self._loaded = asyncio.get_running_loop().create_future()
            names = self._folder / "parser.json"
            try:
                await process.send(
                    {
                        "op": "load",
                        "files": [],
                        "graphs": [],
                        "names": str(names),
                        "prefixes": self._prefixes,
                        "version": 0,
                    }
                )
                await self._loaded
            except BaseException:
                await process.stop()
                raise
            names.unlink(missing_ok=True)
            self._replica = process
            self._pool.use(process, 0)

    def _on_event(self, process: ReplicaProcess, event: dict[str, Any], descriptors: list[int]) -> None:
        kind = event["event"]
        if kind == "born":
            self._pool.born(process, event, descriptors)
        elif kind == "died":
            self._pool.died(event["pid"], event["signal"])
        elif kind == "loaded" and self._loaded is not None and not self._loaded.done():
            self._loaded.set_result(None)
        elif kind == "gone":
            if self._loaded is not None and not self._loaded.done():
                self._loaded.set_exception(StoreUnavailable("the process that reads updates ended early"))
            if process is self._replica and not self._closed:
                self._replica = None
                task = asyncio.get_running_loop().create_task(self._replace(process))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _replace(self, lost: ReplicaProcess) -> None:
        await lost.stop()
        try:
            await self._start()  # some may wait already
        except StoreUnavailable:  # the next one tries again
            return
