"""Problem documents (RFC 9457) in FastAPI and Starlette, and in clients; the extra `fastapi` has both.

    from fastapi import FastAPI
    from maily.errors import Code, NotFound
    from maily.web import install, responses

    app = FastAPI()
    install(app, service="campaigns")

    @app.get("/campaigns/{name}", responses=responses(Code.NOT_FOUND))
    def campaign(name: str) -> str:
        raise NotFound("there is no such campaign")

Every error is answered as a problem document: `MailyError`, an input that FastAPI refuses, an `HTTPException`, and
whatever nobody foresaw, which is logged and named by its trace only. Another service's error goes on as it came, with
this service in its chain of causes. Importing this module imports neither framework.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from maily import _maily
from maily.errors import Answer, Code, Invalid, MailyError, Unexpected, from_problem, from_response, violations
from maily.trace import Trace, current, use

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

__all__ = ["MAX_VIOLATIONS", "ProblemMiddleware", "inject", "install", "raise_for_problem", "responses"]

MAX_VIOLATIONS = 100
"""The most violations in one answer: a long list of wrong items does not become a longer answer."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("maily.web")


# === clients ===


class ClientResponse(Protocol):
    """What `httpx.Response` and `requests.Response` have in common."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...


C = TypeVar("C", bound=ClientResponse)


def raise_for_problem(response: C) -> C:
    """Raises the `MailyError` of an answer of status 400 or more; returns any other.

    For `httpx` and `requests`. The body must have been read. Whatever it holds, nothing but a `MailyError` is raised.
    """
    if response.status_code < 400:
        return response
    raise from_response(response.status_code, response.headers, response.content)


class ClientRequest(Protocol):
    """What `httpx.Request` and `requests.PreparedRequest` have in common."""

    @property
    def headers(self) -> MutableMapping[str, str]: ...


def inject(request: ClientRequest) -> None:
    """Passes the current trace on: `httpx.Client(event_hooks={"request": [inject]})`."""
    trace = current()
    if trace is not None:
        request.headers["traceparent"] = str(trace.child())


# === servers ===


class ProblemMiddleware:
    """ASGI middleware that works in the trace of the request and answers what nobody foresaw.

    The trace is that of the header `traceparent`, else a new one: `maily.trace.current()`. An exception that reaches
    it is answered by a problem document; one that is no `MailyError` is logged with the trace, and the answer holds no
    more than the trace.
    """

    def __init__(self, app: App, service: str | None = None) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        with use(_trace(scope)):
            try:
                await self.app(scope, receive, watch)
            except Exception as error:
                if started or scope["type"] != "http":
                    raise
                answer = answer_with(error, service=self.service, instance=scope["path"])
                headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
                headers.append((b"content-length", str(len(answer.body)).encode()))
                await send({"type": "http.response.start", "status": answer.status, "headers": headers})
                await send({"type": "http.response.body", "body": answer.body})


def _trace(scope: Scope) -> Trace:
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    # Two of them say nothing (W3C Trace Context, section 3.2).
    parent = Trace.parse(found[0].decode("latin-1")) if len(found) == 1 else None
    return parent.child() if parent else Trace.root()


def answer_with(error: Exception, *, service: str | None, instance: str | None) -> Answer:
    """Logs an error and returns its answer."""
    trace = current()
    known = error if isinstance(error, MailyError) else Unexpected(trace=trace)
    answer = known.to_response(service=service, trace=trace, instance=instance)
    extra = {"trace_id": trace.trace_id if trace else None, "code": known.name, "status": answer.status}
    if known is not error:
        _log.error("unexpected error, trace %s", extra["trace_id"], exc_info=error, extra=extra)
    elif answer.status >= 500:
        _log.error("%s", known, extra=extra)
    else:
        _log.info("%s", known, extra=extra)
    return answer


def install(app: Starlette, *, service: str | None = None) -> None:
    """Lets a Starlette or FastAPI application answer every error as a problem document.

    `service` is the name that this one has in chains of causes. Call it once, before the first request. In FastAPI,
    the OpenAPI document declares the problem of a refused input, status 400, instead of FastAPI's own.
    """
    from starlette.exceptions import HTTPException
    from starlette.responses import Response

    def respond(connection: Request | WebSocket, error: MailyError) -> Response:
        answer = answer_with(error, service=service, instance=connection.url.path)
        return Response(answer.body, answer.status, answer.headers)

    async def maily_error(connection: Request | WebSocket, error: Exception) -> Response | None:
        assert isinstance(error, MailyError)
        if connection.scope["type"] == "websocket":
            answer_with(error, service=service, instance=connection.url.path)
            # 1008: the client has to change something; 1011: the server could not go on (RFC 6455).
            await cast("WebSocket", connection).close(1011 if error.http_status >= 500 else 1008, error.name)
            return None
        return respond(connection, error)

    async def http_exception(connection: Request | WebSocket, error: Exception) -> Response | None:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if connection.scope["type"] == "websocket" or error.status_code < 400:
            return Response(None, error.status_code, headers)
        response = respond(connection, of_status(error.status_code, error.detail))
        response.headers.update(headers)
        return response

    async def refused(connection: Request | WebSocket, error: Exception) -> Response | None:
        return await maily_error(connection, of_input(error))

    app.add_middleware(ProblemMiddleware, service=service)
    app.add_exception_handler(MailyError, maily_error)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http_exception)  # type: ignore[arg-type]
    if hasattr(app, "openapi"):
        from fastapi.exceptions import RequestValidationError

        app.add_exception_handler(RequestValidationError, refused)  # type: ignore[arg-type]
        declare(app)


def of_status(status: int, detail: object) -> MailyError:
    """Makes the error of an `HTTPException`."""
    code = Code.of_status(status)
    phrase = next((known.phrase for known in HTTPStatus if known == status), "")
    text = detail if isinstance(detail, str) and detail != phrase else ""
    if code.http_status == status:
        return code.error(text)
    # No code of ours has this status: the document says what the status says (RFC 9457, section 4.2.1).
    return from_problem(json.dumps({"title": phrase, "status": status} | ({"detail": text} if text else {})))


def of_input(error: Exception) -> MailyError:
    """Makes the error of FastAPI's `RequestValidationError`."""
    errors = error.errors()[:MAX_VIOLATIONS]  # type: ignore[attr-defined]
    return Invalid("the request is not valid", violations=violations(errors, body=True))


# === OpenAPI ===


def responses(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """Declares the problems of a route: `@app.get(.., responses=responses(Code.NOT_FOUND, Code.THROTTLED))`.

    Codes of the same status share a response, which names them all, with an example each.
    """
    declared: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        response = declared.setdefault(code.http_status, _response(code.http_status))
        content = response["content"]["application/problem+json"]
        content["schema"]["properties"]["code"]["enum"].append(code.value)
        content["examples"][code.value] = {"summary": code.summary, "value": _example(code)}
        response["description"] += ("; " if response["description"] else "") + f"`{code.value}`: {code.summary}"
    return declared


def _response(status: int) -> dict[str, Any]:
    schemas = json.loads(_maily.errors.OPENAPI)["schemas"]
    problem = schemas["Problem"]
    properties = problem["properties"]
    # Whole, without references: a route can be declared before anybody knows the document that it will be in.
    properties["causes"]["items"] = schemas["Cause"]
    properties["errors"]["items"] = schemas["Violation"]
    properties["status"] = {"const": status}
    properties["code"] |= {"enum": []}
    return {"description": "", "content": {"application/problem+json": {"schema": problem, "examples": {}}}}


def _example(code: Code) -> dict[str, Any]:
    example: dict[str, Any] = json.loads(code.error().to_problem())
    return example


def declare(app: Any) -> None:
    """Replaces FastAPI's own declaration of a refused input in the OpenAPI document."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return dict(app.openapi_schema)
        document: dict[str, Any] = original()
        for path in document.get("paths", {}).values():
            for operation in path.values():
                declared = operation.get("responses", {}) if isinstance(operation, dict) else {}
                if "HTTPValidationError" in json.dumps(declared.get("422", {})):
                    del declared["422"]
                    declared.setdefault("400", responses(Code.INVALID)[400])
        schemas = document.get("components", {}).get("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        return document

    app.openapi = openapi
