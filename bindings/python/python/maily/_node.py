"""What lets the native module ask a node that is written in Python; private to the package."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing
from typing import Any

_lock = threading.Lock()
_own: asyncio.AbstractEventLoop | None = None


def loop_for(node: Any, here: bool) -> asyncio.AbstractEventLoop | None:
    """Returns the event loop of a node with asynchronous methods: the one that runs here, or one on a thread of its own."""
    methods = [getattr(node, name, None) for name in ("complete", "stream")]
    if not any(callable(method) for method in methods):
        raise TypeError("a node is a URL, or an object with a method `complete` or `stream`")
    if not any(inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method) for method in methods):
        return None
    if here:
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            pass
    return _own_loop()


def _own_loop() -> asyncio.AbstractEventLoop:
    global _own
    with _lock:
        if _own is None:
            _own = asyncio.new_event_loop()
            threading.Thread(target=_own.run_forever, name="maily-nodes", daemon=True).start()
        return _own


def _forked() -> None:
    """Forgets the thread of the parent process, which a fork does not copy."""
    global _own, _lock
    _own, _lock = None, threading.Lock()


def _ask(node: Any, request: Any) -> Any:
    complete, stream = getattr(node, "complete", None), getattr(node, "stream", None)
    ask: Any = stream if stream is not None and (request.stream or complete is None) else complete
    return ask(request)


def steps(node: Any, request: Any) -> Iterator[Any]:
    """Asks a node, in a thread that may block."""
    said = _ask(node, request)
    if isinstance(said, str):
        yield said
    else:
        yield from said


async def asteps(node: Any, request: Any) -> AsyncIterator[Any]:
    """Asks a node, on an event loop."""
    said = _ask(node, request)
    if inspect.isawaitable(said):
        said = await said
    if isinstance(said, str):
        yield said
    elif inspect.isasyncgen(said):
        async with aclosing(said):
            async for step in said:
                yield step
    elif hasattr(said, "__aiter__"):
        async for step in said:
            yield step
    else:
        for step in said:
            yield step


def next_of(answer: Iterator[Any]) -> Any:
    """Returns the next step, or `None`."""
    return next(answer, None)


async def anext_of(answer: AsyncIterator[Any]) -> Any:
    """Returns the next step, or `None`."""
    return await anext(answer, None)


def close(answer: Any, loop: asyncio.AbstractEventLoop | None) -> None:
    """Ends an answer, wherever it is."""
    if loop is None:
        _close_here(answer)
    elif not loop.is_closed():
        asyncio.run_coroutine_threadsafe(_close_there(answer), loop)


def _close_here(answer: Generator[Any, None, None]) -> None:
    try:
        answer.close()
    except ValueError:
        # A thread is within a step of it; the answer ends with that step, for nobody holds it any more.
        pass


async def _close_there(answer: Any) -> None:
    try:
        await answer.aclose()
    except RuntimeError:
        # The step that was canceled is ending it.
        pass


def _register() -> None:
    import os

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forked)


_register()
