"""The one table from errors to HTTP statuses, and the body that says what is wrong. RFC 9457."""

import json
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from service import errors
from service.api.negotiation import NotAcceptable, choose
from service.api.parameters import explain
from service.errors import MarsadError
from service.graph.validation import ValidationReport, ValidationResult
from service.rdf.formats import RDF_FORMATS, by_name

_log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
_JSON = "application/json"
# What a report is sent as: one graph without a name.
_REPORTS = tuple(row.media_type for row in RDF_FORMATS)
_TYPES = "https://marsad.example/problems/"
_FOR_PROGRAMS = ("/api/", "/export", "/reconcile", "/catalogue", "/.well-known/", "/static/")


class MethodNotAllowed(MarsadError):
    """A method that the resource does not have; `allowed` are those it has."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(f"this resource takes {', '.join(allowed)}")


class UnsupportedMediaType(MarsadError):
    """A request body of a type that is not read here."""


class RequestTimeout(MarsadError):
    """A request body that stopped coming."""


class CrossSite(MarsadError):
    """A change that a page of another site asked the browser to make."""


# (status, last part of the type's IRI, title). The first class in the order of inheritance counts.
TABLE: dict[type[BaseException], tuple[int, str, str]] = {
    errors.BadRequest: (400, "bad-request", "The request is not understood"),
    errors.InvalidEdtf: (400, "invalid-date", "The date is not EDTF"),
    errors.MalformedRdf: (400, "malformed-rdf", "The document is not the RDF it is said to be"),
    errors.QuerySyntaxError: (400, "syntax", "The text is not SPARQL 1.1"),
    errors.UnknownFunction: (400, "unknown-function", "The query calls an unknown function"),
    errors.UnknownGraph: (400, "unknown-graph", "The dataset names a graph that is not here"),
    errors.RemoteAccess: (403, "remote-access", "Requests to other hosts are refused"),
    errors.QueryError: (400, "query", "The query cannot be answered"),
    errors.QueryTooLarge: (413, "query-too-large", "The query is too large"),
    errors.BodyTooLarge: (413, "body-too-large", "The request body is too large"),
    errors.DeadlineExceeded: (504, "deadline", "The query took too long"),
    errors.MemoryExceeded: (507, "memory", "The query needed too much memory"),
    errors.QueueFull: (503, "busy", "All workers are busy"),
    errors.LimitExceeded: (413, "limit", "A limit was reached"),
    errors.QueryCancelled: (409, "cancelled", "The query was cancelled"),
    errors.EngineFailure: (500, "engine", "The engine failed on this query"),
    errors.AnswerCut: (500, "answer-cut", "The answer ended early"),
    errors.StoreUnavailable: (503, "unavailable", "The graph is not available at the moment"),
    errors.ReadOnly: (403, "read-only", "Changes are not taken here"),
    errors.NotFound: (404, "not-found", "There is no such thing here"),
    errors.TextsMissing: (404, "texts-missing", "The texts of the documents are not at hand"),
    errors.StalePassage: (409, "stale-passage", "The text is not the one that was cited"),
    errors.UnwritableRdf: (406, "unwritable", "This format cannot carry the answer"),
    errors.SourceErrors: (422, "sources", "The data cannot be compiled"),
    errors.ChangeRefused: (422, "change-refused", "The change breaks a rule of the graph"),
    errors.ChangeConflict: (409, "conflict", "The change does not fit what is there"),
    errors.PreconditionRequired: (428, "precondition-required", "What was seen has to be named"),
    errors.PreconditionFailed: (412, "precondition", "What is to be replaced is not what was seen"),
    errors.Forbidden: (401, "key", "A key is needed"),
    errors.StorageFailed: (507, "storage", "The disk did not take the change"),
    errors.BackupFault: (500, "backup", "The backup is not whole"),
    errors.OntologyError: (422, "ontology", "The ontology is not fit for use"),
    errors.InvalidGraph: (422, "invalid-graph", "The graph breaks its shapes"),
    errors.ExportFault: (500, "export", "The export is not what it should be"),
    errors.ConfigurationError: (500, "configuration", "The service is not set up correctly"),
    NotAcceptable: (406, "not-acceptable", "No acceptable format"),
    MethodNotAllowed: (405, "method", "The method is not allowed here"),
    UnsupportedMediaType: (415, "media-type", "The type of the request body is not supported"),
    RequestTimeout: (408, "timeout", "The request did not arrive in time"),
    CrossSite: (403, "cross-site", "Changes from pages of other sites are refused"),
}
# Forbidden, where the key is known and good for less.
_TOO_SMALL_SCOPE = (403, "scope", "The key is not for this")
_UNFORESEEN = (500, "unforeseen", "Something unforeseen happened")


@dataclass(frozen=True)
class Problem:
    """An error as HTTP says it: status, headers, and the members of the body."""

    status: int
    members: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    report: ValidationReport | None = None

    @property
    def body(self) -> bytes:
        """The body in JSON."""
        return json.dumps(self.members, ensure_ascii=False).encode()

    def form(self, accept: str | None) -> tuple[str, bytes]:
        """Content-Type and body as a client wants them: what shapes find is a SHACL report in RDF too."""
        if self.report is not None:
            with suppress(NotAcceptable):  # an error is said in JSON to who accepts neither
                row = by_name(RDF_FORMATS, choose(accept, [CONTENT_TYPE, _JSON, *_REPORTS]))
                if row is not None and row.media_type in _REPORTS:
                    return row.content_type, self.report.serialised(row)
        return CONTENT_TYPE, self.body


def problem_of(error: BaseException) -> Problem:
    """What to answer for an error. Anything but a MarsadError is a 500 that tells nothing but a number for the log."""
    row = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)
    if row is None or not isinstance(error, MarsadError):
        return _unforeseen(error)
    status, name, title = row
    members: dict[str, Any] = {"type": _TYPES + name, "title": title, "status": status, "detail": str(error)}
    headers: dict[str, str] = {}
    report: ValidationReport | None = None
    if isinstance(error, errors.QueryError):
        places = {"line": error.line, "column": error.column, "token": error.token}
        members |= {key: value for key, value in places.items() if value is not None}
    if isinstance(error, errors.LimitExceeded):
        members |= {"limit": error.limit, "value": error.value, "setting": error.setting}
        members["remedy"] = f"whoever runs this service can change the limit with the setting {error.setting}"
    if isinstance(error, errors.QueueFull):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, errors.ChangeRefused):
        members["violations"] = [_violation(found) for found in error.violations]
        report = ValidationReport(tuple(found for found in error.violations if isinstance(found, ValidationResult)))
    if isinstance(error, errors.Forbidden):
        members["needs"] = error.needs
        if error.known:
            status, name, title = _TOO_SMALL_SCOPE
            members |= {"type": _TYPES + name, "title": title, "status": status}
        else:
            headers["WWW-Authenticate"] = 'Bearer realm="marsad"'
    if isinstance(error, errors.StoreUnavailable):
        headers["Retry-After"] = "5"
    if isinstance(error, NotAcceptable):
        members["available"] = list(error.offers)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, UnsupportedMediaType):
        headers["Accept-Encoding"] = "identity"
    return Problem(status, members, headers, report)


def _violation(found: errors.Violation) -> dict[str, Any]:
    """What is wrong as JSON: the parts that there are."""
    members: dict[str, Any] = {"shape": found.shape, "focus": _term(found.focus)}
    for name in ("path", "value", "severity", "messages", "passages"):
        value = getattr(found, name, None)
        if name == "value" and value is not None:
            value = _term(value)
        if name == "passages":
            value = [{"document": entry.document, "start": entry.start, "end": entry.end} for entry in value or ()]
        if value:
            members[name] = dict(value) if name == "messages" else value
    return members


def _term(term: object) -> str:
    return str(getattr(term, "value", term))


def _unforeseen(error: BaseException) -> Problem:
    number = secrets.token_hex(8)
    _log.error("request %s failed", number, exc_info=error)
    status, name, title = _UNFORESEEN
    detail = "The log of the service has the cause, under this number."
    members = {"type": _TYPES + name, "title": title, "status": status, "detail": detail, "request": number}
    return Problem(status, members)


def _status_problem(status: int, detail: str) -> Problem:
    titles = {404: ("not-found", "There is no such thing here")}
    name, title = titles.get(status, ("http", "The request cannot be answered"))
    return Problem(status, {"type": _TYPES + name, "title": title, "status": status, "detail": detail})


def _methods_of(request: Request) -> tuple[str, ...]:
    """What the address takes, over all routes that it fits: the router knows the first of them."""
    taken = [
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
    return tuple(sorted({*taken, "OPTIONS", *(("HEAD",) if "GET" in taken else ())}))


def _is_for_a_browser(request: Request) -> bool:
    """Whether somebody looks at it: what programs ask for is the same for all, whatever they accept."""
    # A mounted application, as that of the static files, has a prefix of its own.
    root = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    path = request.url.path.removeprefix(root)
    if request.method != "GET" or path.startswith(_FOR_PROGRAMS):
        return False
    with suppress(NotAcceptable):
        return choose(request.headers.get("accept"), (CONTENT_TYPE, _JSON, "text/html")) == "text/html"
    return False


def install_handlers(api: FastAPI, page: Callable[[Request, Problem], Response] | None = None) -> None:
    """Let a FastAPI application answer every error with a problem; `page` makes the one for a browser that follows a link."""

    def respond(request: Request, problem: Problem) -> Response:
        if page is not None and _is_for_a_browser(request):
            return page(request, problem)
        content_type, body = problem.form(request.headers.get("accept"))
        return Response(body, problem.status, problem.headers, content_type)

    async def on_error(request: Request, error: Exception) -> Response:
        return respond(request, problem_of(error))

    async def on_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 304:
            return Response(status_code=304, headers=error.headers)
        if error.status_code == 405:
            return respond(request, problem_of(MethodNotAllowed(_methods_of(request))))
        found = respond(request, _status_problem(error.status_code, str(error.detail)))
        for name, value in (error.headers or {}).items():
            found.headers[name] = value
        return found

    async def on_parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found, faults = explain(request, error)
        problem = problem_of(found)
        problem.members["faults"] = faults
        return respond(request, problem)

    api.add_exception_handler(MarsadError, on_error)
    api.add_exception_handler(HTTPException, on_status)
    api.add_exception_handler(RequestValidationError, on_parameters)
    api.add_exception_handler(Exception, on_error)
