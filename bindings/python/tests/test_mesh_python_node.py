"""Nodes that are written in Python."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from maily.errors import MailyError, Unavailable
from maily.mesh import (
    AsyncMesh,
    Finish,
    HiddenThought,
    Mesh,
    Reasoning,
    Request,
    Signature,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)


class Words:
    """Streams, and nothing else."""

    def stream(self, request: Request) -> Iterator[str]:
        yield from (request.text or "").split(" ")


class Whole:
    """Completes, and nothing else."""

    def complete(self, request: Request) -> str:
        return f"{request.model}: {request.messages[-1]['content']}"


class AsyncWords:
    async def stream(self, request: Request) -> AsyncIterator[str]:
        for word in (request.text or "").split(" "):
            await asyncio.sleep(0)
            yield word


class AsyncWhole:
    async def complete(self, request: Request) -> str:
        await asyncio.sleep(0)
        return f"{request.model}: {request.text}"


@pytest.mark.parametrize(
    ("node", "pieces"),
    [(Words(), ["a", "b"]), (AsyncWords(), ["a", "b"]), (Whole(), ["m: a b"]), (AsyncWhole(), ["m: a b"])],
)
def test_node_completes_and_streams_whichever_it_has(node: Any, pieces: list[str]) -> None:
    mesh = Mesh()
    mesh.add_node("python", node, models=["m"])

    assert mesh.complete("a b", model="m").text == "".join(pieces)
    assert list(mesh.stream("a b", model="m")) == pieces

    async def main() -> None:
        mesh = AsyncMesh()
        mesh.add_node("python", node, models=["m"])
        assert (await mesh.complete("a b", model="m")).text == "".join(pieces)
        assert [piece async for piece in mesh.stream("a b", model="m")] == pieces

    asyncio.run(main())


def test_asynchronous_node_runs_on_the_loop_where_it_was_added() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    class Where:
        async def complete(self, request: Request) -> str:
            del request
            loops.append(asyncio.get_running_loop())
            return "here"

    async def main() -> bool:
        mesh = AsyncMesh()
        mesh.add_node("python", Where())
        await mesh.complete("Hi")
        return loops == [asyncio.get_running_loop()]

    assert asyncio.run(main())


def test_thoughts_of_a_node_are_signed_left_out_or_hidden() -> None:
    said = [Reasoning("Hm."), Signature("a"), Signature("b"), HiddenThought("c"), Text("Yes"), Finish("stop")]

    class Thinks:
        def stream(self, request: Request) -> Iterator[Any]:
            del request
            yield from said

    mesh = Mesh()
    mesh.add_node("thinks", Thinks())

    assert list(mesh.stream("Is it?").events()) == said
    thoughts = mesh.complete("Is it?").thoughts
    assert [(it.text, it.signature, it.hidden) for it in thoughts] == [
        ("Hm.", "a", False),
        ("", "b", False),
        ("", "c", True),
    ]


def test_events_of_a_node_arrive_as_they_were_said() -> None:
    said = [
        Reasoning("Hm."),
        Text("It rains"),
        ToolCall(0, "call-1", "weather", "{"),
        ToolArguments(0, "}"),
        Finish("tool_calls"),
        Usage(3, 4, cached_tokens=1),
    ]

    class Tools:
        def stream(self, request: Request) -> Iterator[Any]:
            assert request.stream in (True, False)
            yield from said

    mesh = Mesh()
    mesh.add_node("tools", Tools())
    stream = mesh.stream("Weather?")
    events = list(stream.events())

    assert events == [*said[:2], ToolCall(0, "call-1", "weather"), ToolArguments(0, "{"), *said[3:]]
    answer = mesh.complete("Weather?")
    for one in (answer, stream.answer):
        assert (one.text, one.finish, one.tool_calls) == ("It rains", "tool_calls", [ToolCall(0, "call-1", "weather", "{}")])
        assert one.usage == Usage(3, 4, cached_tokens=1)


def test_what_a_node_raises_is_what_the_caller_gets() -> None:
    class Broken:
        def complete(self, request: Request) -> str:
            raise KeyError(request.model)

    mesh = Mesh()
    mesh.add_node("broken", Broken(), models=["m"])

    with pytest.raises(KeyError, match="m"):
        mesh.complete("Hi", model="m")


def test_temporary_fault_of_a_node_goes_to_another_one() -> None:
    class Busy:
        def complete(self, request: Request) -> str:
            del request
            raise Unavailable("come back later")

    mesh = Mesh()
    mesh.add_node("busy", Busy(), models=["m"])
    with pytest.raises(Unavailable):
        mesh.complete("Hi", model="m")
    mesh.add_node("well", Whole(), models=["m"])

    assert {mesh.complete("Hi", model="m").node for _ in range(5)} == {"well"}


def test_fault_whose_retries_are_spent_is_not_repeated() -> None:
    calls: list[str] = []

    class Spent:
        def complete(self, request: Request) -> str:
            calls.append(request.model)
            raise Unavailable("others have repeated it", temporary=False)

    mesh = Mesh()
    mesh.add_node("spent", Spent(), models=["m"])

    with pytest.raises(Unavailable):
        mesh.complete("Hi", model="m")
    assert calls == ["m"]


def test_leaving_a_stream_ends_the_generator() -> None:
    ended = threading.Event()

    class Endless:
        def stream(self, request: Request) -> Iterator[str]:
            del request
            try:
                while True:
                    yield "more "
            finally:
                ended.set()

    class AsyncEndless:
        async def stream(self, request: Request) -> AsyncIterator[str]:
            del request
            try:
                while True:
                    await asyncio.sleep(0.001)
                    yield "more "
            finally:
                ended.set()

    nodes: list[Any] = [Endless(), AsyncEndless()]
    for node in nodes:
        ended.clear()
        mesh = Mesh()
        mesh.add_node("endless", node)
        stream = mesh.stream("Go on")
        assert next(stream) == "more "
        stream.close()
        assert ended.wait(20), node


def test_blocking_nodes_answer_at_once() -> None:
    together = threading.Barrier(8, timeout=20)

    class Slow:
        def complete(self, request: Request) -> str:
            together.wait()
            return request.text or ""

    async def main() -> list[str]:
        mesh = AsyncMesh()
        mesh.add_node("slow", Slow())
        answers = await asyncio.gather(*(mesh.complete(str(number)) for number in range(8)))
        return [answer.text for answer in answers]

    assert asyncio.run(main()) == [str(number) for number in range(8)]


def test_nothing_among_the_steps_is_no_end_but_a_type_error() -> None:
    class Nothing:
        def stream(self, request: Request) -> Iterator[Any]:
            del request
            yield from ("It ", None, "rains")

    class AsyncNothing:
        async def stream(self, request: Request) -> AsyncIterator[Any]:
            for step in Nothing().stream(request):
                yield step

    nodes: list[Any] = [Nothing(), AsyncNothing()]
    for node in nodes:
        mesh = Mesh()
        mesh.add_node("nothing", node)
        with pytest.raises(TypeError, match="texts and events"):
            mesh.complete("Weather?")


def test_with_a_cache_the_caller_still_gets_what_a_node_raises() -> None:
    class Broken:
        def complete(self, request: Request) -> str:
            raise KeyError(request.model)

    mesh = Mesh(cache=True)
    mesh.add_node("broken", Broken(), models=["m"])

    with pytest.raises(KeyError, match="m"):
        mesh.complete("Hi", model="m", temperature=0.0)


def test_node_that_looks_at_the_mesh_when_it_goes_holds_up_nobody() -> None:
    gone: list[int] = []
    mesh = Mesh()

    class Last:
        def complete(self, request: Request) -> str:
            return request.model

        def __del__(self) -> None:
            gone.append(len(mesh.nodes()))

    mesh.add_node("last", Last())
    assert mesh.remove_node("last")
    gc.collect()

    assert gone == [0]


def test_wrong_node_and_wrong_answer_are_type_errors() -> None:
    class Numbers:
        def stream(self, request: Request) -> Iterator[Any]:
            del request
            yield 7

    mesh = Mesh()
    untyped: Any = mesh
    for wrong in (None, 7, object()):
        with pytest.raises(TypeError, match="complete"):
            untyped.add_node("wrong", wrong)
    mesh.add_node("numbers", Numbers())
    with pytest.raises(TypeError, match="texts and events"):
        mesh.complete("Hi")
    with pytest.raises(MailyError):
        mesh.add_node("heavy", Whole(), weight=0.0)
