"""Functions of the caller work with the variables of who handed them over (`contextvars`)."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from maily.mesh import AsyncMesh, Mesh, Request
from maily.redis import AsyncCache, AsyncIdempotency, AsyncStore, Cache, Idempotency, Store
from maily.trace import Trace, current, use

REQUEST: ContextVar[str] = ContextVar("request", default="nobody's")


def seen() -> bytes:
    trace = current()
    return f"{REQUEST.get()} {trace.trace_id if trace else None}".encode()


async def seen_later() -> bytes:
    await asyncio.sleep(0)
    return seen()


@pytest.mark.parametrize("kind", ["idempotency", "cache"])
@pytest.mark.parametrize("work", [seen, seen_later])
def test_work_of_a_request_sees_the_variables_of_that_request(url: str | None, kind: str, work: Any) -> None:
    async def main() -> None:
        store = AsyncStore(url, prefix=f"{uuid.uuid4().hex}:", timeout=10.0)
        records, cache = AsyncIdempotency(store), AsyncCache(store)

        async def request(name: str) -> None:
            REQUEST.set(name)
            with use(Trace.root()) as trace:
                if kind == "cache":
                    answer = (await cache.get_or_load(name, 60.0, work)).value
                else:
                    answer = (await records.run(name, ["r"], work)).value
            assert answer == f"{name} {trace.trace_id}".encode()

        await asyncio.gather(*(request(f"request-{number}") for number in range(5)))

    asyncio.run(main())


def test_blocking_call_hands_its_variables_to_the_thread_of_its_function() -> None:
    store = Store()
    token = REQUEST.set("mine")
    try:
        with use(Trace.root()) as trace:
            answers = [
                Idempotency(store).run("k", ["r"], seen).value,
                Cache(store).get_or_load("l", 60.0, seen).value,
            ]
    finally:
        REQUEST.reset(token)

    assert answers == [f"mine {trace.trace_id}".encode()] * 2


def test_function_changes_no_variable_of_anybody_else() -> None:
    async def main() -> list[str]:
        records = AsyncIdempotency(AsyncStore())

        def work() -> bytes:
            before = REQUEST.get()
            REQUEST.set("changed")
            return before.encode()

        answers = [(await records.run(f"k{number}", ["r"], work)).value.decode() for number in range(3)]
        return [*answers, REQUEST.get()]

    assert asyncio.run(main()) == ["nobody's"] * 4


class Steps:
    """Opens a block around its steps, as tracers do."""

    def stream(self, request: Request) -> Iterator[str]:
        del request
        trace = current()
        assert trace is not None
        with step(f"{REQUEST.get()} {trace.trace_id}"):
            yield REQUEST.get()
            yield "."


class AsyncSteps:
    async def stream(self, request: Request) -> AsyncIterator[str]:
        for said in Steps().stream(request):
            await asyncio.sleep(0)
            yield said


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    token = REQUEST.set(name)
    try:
        yield
    finally:
        REQUEST.reset(token)


@pytest.mark.parametrize("node", [Steps(), AsyncSteps()])
def test_steps_of_a_node_work_in_one_context_and_in_the_trace_of_the_call(node: Any) -> None:
    traces = [Trace.root(), Trace.root()]
    expected = [f"nobody's {trace.trace_id}." for trace in traces]
    mesh = Mesh()
    mesh.add_node("steps", node)
    token = REQUEST.set("the caller's")
    try:
        assert [mesh.complete("Hi", trace=trace).text for trace in traces] == expected
    finally:
        REQUEST.reset(token)

    async def main() -> None:
        mesh = AsyncMesh()
        mesh.add_node("steps", node)

        async def ask(trace: Trace) -> str:
            REQUEST.set("the caller's")
            with use(trace):
                return "".join([piece async for piece in mesh.stream("Hi")])

        assert await asyncio.gather(*map(ask, traces)) == expected

    asyncio.run(main())
