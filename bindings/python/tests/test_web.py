"""Problem documents in FastAPI and Starlette, over real sockets and in OpenAPI, and in clients."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pydantic
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from maily.errors import Code, Invalid, MailyError, NotFound, Throttled, Timeout, Unavailable, from_problem
from maily.trace import Trace, current
from maily.web import MAX_VIOLATIONS, inject, install, raise_for_problem, responses

PROBLEM = "application/problem+json"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Item(pydantic.BaseModel):
    price: float


class Order(pydantic.BaseModel):
    items: list[Item]


def application() -> FastAPI:
    app = FastAPI()
    install(app, service="orders")

    @app.get("/orders/{name}", responses=responses(Code.NOT_FOUND, Code.THROTTLED, Code.DOCUMENT_NOT_FOUND))
    async def order(name: int) -> str:
        if name == 1:
            raise Throttled("slow down", retry_after=1.5, public={"limit": 60}, context={"user": "ada"})
        if name == 2:
            raise RuntimeError("the password is hunter2")
        if name == 3:
            raise HTTPException(418, "short and stout")
        if name == 4:
            raise HTTPException(401, headers={"www-authenticate": "Bearer"})
        raise NotFound("there is no such order")

    @app.post("/orders")
    async def take(order: Order) -> str:
        return str(current())

    @app.get("/plain")
    async def plain() -> str:
        return str(current())

    return app


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """A real server on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(application()) as url, httpx.Client(base_url=url) as client:
        yield client


def problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == PROBLEM
    document: dict[str, Any] = response.json()
    assert document["status"] == response.status_code
    return document


def test_error_of_ours_is_answered_with_what_is_public(client: httpx.Client) -> None:
    response = client.get("/orders/1", headers={"traceparent": PARENT})

    document = problem(response)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "2"
    assert (document["code"], document["detail"], document["context"]) == ("throttled", "slow down", {"limit": 60})
    assert document["retry_after_ms"] == 1500
    assert document["instance"] == "/orders/1"
    assert document["trace_id"] == PARENT[3:35]
    assert [cause["service"] for cause in document["causes"]] == ["orders"]
    assert "ada" not in response.text


def test_unexpected_error_shows_its_trace_and_nothing_else(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "maily.web"):
        response = client.get("/orders/2", headers={"traceparent": PARENT})

    document = problem(response)
    assert (response.status_code, document["code"], document["trace_id"]) == (500, "unexpected", PARENT[3:35])
    assert "hunter2" not in response.text and "RuntimeError" not in response.text
    assert PARENT[3:35] in caplog.text and "hunter2" in caplog.text, "the log has both"


@pytest.mark.parametrize(
    "body, pointers",
    [
        (b'{"items": [{"price": 1}, {"price": "x"}, {}]}', ["/items/1/price", "/items/2/price"]),
        (b"[]", [""]),
        (b'{"items": 5}', ["/items"]),
        (b"{", ["/1"]),
        (b"", [""]),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b'{"items": [' + b'{"price": NaN},' * 10 + b'{"price": 1e999}]}', None),
    ],
    ids=["fields", "list", "number", "cut", "empty", "bytes", "deep", "nan"],
)
def test_input_that_is_refused_names_its_fields(client: httpx.Client, body: bytes, pointers: list[str] | None) -> None:
    response = client.post("/orders", content=body, headers={"content-type": "application/json"})

    if response.status_code == 200:
        assert b"NaN" in body, "FastAPI takes it"
        return
    assert problem(response)["code"] == "invalid"
    assert response.status_code == 400
    if pointers is not None:
        assert [error["pointer"] for error in response.json()["errors"]] == pointers


def test_list_of_violations_is_bounded(client: httpx.Client) -> None:
    response = client.post("/orders", json={"items": [{}] * 5000})

    assert len(problem(response)["errors"]) == MAX_VIOLATIONS


def test_status_of_the_framework_is_kept(client: httpx.Client) -> None:
    missing, method, teapot, key = (
        client.get("/nowhere"), client.delete("/plain"), client.get("/orders/3"), client.get("/orders/4"),
    )  # fmt: skip

    assert (problem(missing)["code"], missing.status_code) == ("not-found", 404)
    assert problem(method)["status"] == 405
    assert method.headers["allow"] == "GET"
    assert (problem(teapot)["title"], teapot.json()["detail"], teapot.status_code) == ("I'm a Teapot", "short and stout", 418)
    assert (problem(key)["code"], key.headers["www-authenticate"]) == ("unauthorized", "Bearer")


@pytest.mark.parametrize("header", ["", "x", PARENT.upper(), PARENT + "-more", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
def test_broken_traceparent_begins_a_trace(client: httpx.Client, header: str) -> None:
    trace = Trace.parse(client.get("/plain", headers={"traceparent": header}).json())

    assert trace is not None
    assert trace.trace_id not in header.lower() or not header


def test_trace_goes_on_below_the_callers(client: httpx.Client) -> None:
    trace = Trace.parse(client.get("/plain", headers={"traceparent": PARENT}).json())

    assert trace is not None
    assert trace.trace_id == PARENT[3:35] and trace.span_id != PARENT[36:52]


def test_client_raises_the_error_that_the_service_answered(client: httpx.Client) -> None:
    assert raise_for_problem(client.get("/plain")).status_code == 200
    with pytest.raises(Throttled) as raised:
        raise_for_problem(client.get("/orders/1"))

    assert raised.value.temporary and raised.value.retry_after == 1.5


@pytest.mark.parametrize(
    "status, headers, body, code",
    [
        (502, {"content-type": "text/html"}, b"<html>", Code.UNAVAILABLE),
        (404, {"content-type": "text/html"}, b"<html>", Code.MALFORMED_PROBLEM),
        (500, {"content-type": PROBLEM}, b'{"code"', Code.MALFORMED_PROBLEM),
        (500, {}, b"", Code.MALFORMED_PROBLEM),
    ],
)
def test_client_raises_an_error_whatever_came(status: int, headers: dict[str, str], body: bytes, code: Code) -> None:
    with pytest.raises(MailyError) as raised:
        raise_for_problem(httpx.Response(status, headers=headers, content=body))

    assert raised.value.code == code


def test_openapi_declares_the_problems_of_a_route() -> None:
    document = application().openapi()

    declared = document["paths"]["/orders/{name}"]["get"]["responses"]
    assert sorted(declared) == ["200", "400", "404", "429"]
    content = declared["404"]["content"]
    assert list(content) == [PROBLEM]
    schema = content[PROBLEM]["schema"]
    assert schema["properties"]["code"]["enum"] == ["not-found", "document-not-found"]
    assert schema["properties"]["status"] == {"const": 404}
    assert content[PROBLEM]["examples"]["not-found"]["value"]["number"] == 2
    assert "HTTPValidationError" not in json.dumps(document)
    assert "$ref" not in json.dumps(declared["404"])
    assert document["openapi"].startswith("3.1")
    assert sorted(document["paths"]["/plain"]["get"]["responses"]) == ["200"]


class Loop:
    """Two services that ask each other until one gives up."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.most = 0

    def app(self, name: str, other: int) -> FastAPI:
        app = FastAPI()
        install(app, service=name)

        @app.get("/ask/{left}")
        async def ask(left: int) -> str:
            if left == 0:
                raise Unavailable("the last one gives up", public={"name": name})
            # Without TLS and proxies, whose settings take longer to read than the whole chain.
            hooks = {"request": [later]}
            async with httpx.AsyncClient(event_hooks=hooks, verify=False, trust_env=False, timeout=60) as client:
                response = await client.get(f"{self.urls[other]}/ask/{left - 1}")
                self.most = max(self.most, len(response.content))
                raise_for_problem(response)
            return "never"

        async def later(request: httpx.Request) -> None:
            inject(request)

        return app


@pytest.mark.parametrize("hops", [1, 7, 25])
def test_chain_of_services_that_ask_each_other_is_bounded(hops: int) -> None:
    loop = Loop()
    with serving(loop.app("one", 1)) as one, serving(loop.app("two", 0)) as two:
        loop.urls = [one, two]
        with pytest.raises(Unavailable) as raised:
            raise_for_problem(httpx.get(f"{one}/ask/{hops}", headers={"traceparent": PARENT}, timeout=60))

    causes = raised.value.causes
    assert [cause.service for cause in causes] == ["one" if at % 2 == 0 else "two" for at in range(hops + 1)][:4] + [
        "one" if at % 2 == 0 else "two" for at in range(hops + 1)
    ][max(4, hops + 1 - 4) :]
    assert {cause.trace_id for cause in causes} == {PARENT[3:35]}
    assert len({cause.span_id for cause in causes}) == len(causes) <= 8
    assert raised.value.context == {"name": "two" if hops % 2 else "one"}, "the document is the one of the root"
    assert loop.most < 4096


def test_starlette_without_fastapi_answers_problems_too() -> None:
    async def fail(request: Request) -> PlainTextResponse:
        raise Timeout("it is slow")

    app = Starlette(routes=[Route("/fail", fail)])
    install(app)

    async def main() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get("/fail")

    assert problem(asyncio.run(main()))["code"] == "timeout"


def test_error_before_a_websocket_is_open_closes_it() -> None:
    app = application()

    @app.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        raise Invalid("no such topic")

    sent: list[Any] = []

    async def main() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/live", "headers": [], "query_string": b"", "subprotocols": []}
        await app(scope, receive, send)

    asyncio.run(main())

    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "invalid"}]


def test_decoding_a_hundred_answers_is_quick() -> None:
    body = json.dumps({"code": "throttled", "retry_after_ms": 5, "errors": [{"pointer": "/a", "detail": "d"}] * 20})
    start = time.perf_counter()
    for _ in range(100):
        from_problem(body)

    assert time.perf_counter() - start < 2.0
