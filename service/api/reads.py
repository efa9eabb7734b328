"""Reads of the REST API that are answered beside the framework, by the same handlers.

FastAPI tries some two hundred patterns one after the other and waits for a thread three times before a handler begins. Here
one look finds the handler; its parameters are read by the same models, and it waits for a thread once. Whatever is not plainly right
(an unknown parameter, a value that is refused, an error of the handler) goes to the framework, which says what is wrong with it.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, get_origin
from urllib.parse import parse_qsl

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.context import Context
from service.api.http import local_path
from service.errors import MarsadError

# Handlers that run at once; as many as the framework lets run.
_THREADS = 40


class _NotPlain(Exception):
    """The framework has to answer."""


@dataclass(frozen=True)
class _Read:
    """A handler with the model of its query and the one part of its path that is not fixed."""

    handler: Callable[..., Response]
    model: type[BaseModel] | None
    # Alias of a parameter → whether it may come more than once.
    known: dict[str, bool]
    model_name: str
    part: Any  # FastAPI's field of the path, which validates

    def arguments(self, query: bytes, part: str) -> dict[str, Any]:
        """What the handler is called with, but for request and context. Raises _NotPlain."""
        arguments: dict[str, Any] = {}
        if self.part is not None:
            arguments[self.part.name], faults = self.part.validate(part, {}, loc=("path", self.part.name))
            if faults:
                raise _NotPlain
        values = self._values(query)
        if self.model is not None:
            try:
                arguments[self.model_name] = self.model.model_validate(values)
            except ValidationError as error:
                raise _NotPlain from error
        return arguments

    def _values(self, query: bytes) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else ():
            several = self.known.get(name)
            if several:
                values.setdefault(name, []).append(value)
            elif several is None or name in values:
                raise _NotPlain
            else:
                values[name] = value
        return values


class Reads:
    """The GET routes of routers that are answered by plain functions of a request, the context, a part of the path, a query."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        self._fixed: dict[str, _Read] = {}
        self._open: dict[str, _Read] = {}
        # Endings that are routes of their own: `/claims/{key}.csv`.
        self._suffixes: set[str] = set()
        for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
            head, brace, tail = route.path.partition("{")
            if tail.partition("}")[2]:
                self._suffixes.add(tail.partition("}")[2].removeprefix("."))
            elif route.methods == {"GET"} and not iscoroutinefunction(route.endpoint):
                (self._open if brace else self._fixed)[head] = _read_of(route)

    def find(self, path: str) -> tuple[_Read, str] | None:
        """The handler of a path and the part that is not fixed; None where the framework has to look."""
        read = self._fixed.get(path)
        if read is not None:
            return read, ""
        head, slash, part = path.rpartition("/")
        read = self._open.get(head + slash)
        if read is None or not part or part.rpartition(".")[2] in self._suffixes:
            return None
        return read, part

    def before(self, app: ASGIApp, context: Context) -> ASGIApp:
        """Answers reads itself and leaves everything else to `app`."""
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="reads")

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            found = self.find(local_path(scope)) if scope["type"] == "http" and scope["method"] == "GET" else None
            if found is None:
                await app(scope, receive, send)
                return
            read, part = found
            request = Request(scope, receive)
            try:
                call = partial(
                    read.handler, request=request, context=context, **read.arguments(scope["query_string"], part)
                )
                response = await asyncio.get_running_loop().run_in_executor(threads, call)
            except (_NotPlain, MarsadError, HTTPException):
                await app(scope, receive, send)
                return
            await response(scope, receive, send)

        return answer


def _read_of(route: APIRoute) -> _Read:
    asked, parts = route.dependant.query_params, route.dependant.path_params
    assert len(asked) <= 1, f"the query of {route.path} is one model"
    assert len(parts) <= 1, f"{route.path} leaves one part open, at most"
    annotation: Any = asked[0].field_info.annotation if asked else None
    model: type[BaseModel] | None = annotation
    fields = model.model_fields.items() if model is not None else ()
    known = {field.alias or name: get_origin(field.annotation) is list for name, field in fields}
    return _Read(route.endpoint, model, known, asked[0].name if asked else "", parts[0] if parts else None)
