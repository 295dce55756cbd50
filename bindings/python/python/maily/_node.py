"""What lets the native module ask a node that is written in Python; private to the package."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Generator, Iterator
from contextlib import aclosing, suppress
from contextvars import Context
from typing import Any, TypeVar

from maily.trace import _CURRENT, Trace

_T = TypeVar("_T")
# Whether a task can be given a context; else it works in a copy.
_CONTEXT_OF_TASK = sys.version_info >= (3, 11)
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


def ask(node: Any, request: Any, here: str | None, loop: asyncio.AbstractEventLoop | None) -> Steps | AsyncSteps:
    """Asks a node, in a trace. Nothing of it runs before the first step is taken."""
    context = Context()
    context.run(_CURRENT.set, Trace.parse(here or ""))
    return Steps(node, request, context) if loop is None else AsyncSteps(node, request, context, loop)


class Steps:
    """The steps of an answer, taken in threads. All of them work in one context."""

    def __init__(self, node: Any, request: Any, context: Context) -> None:
        self._steps, self._context = _steps(node, request), context

    def next(self) -> tuple[Any] | None:
        """Takes the next step, if there is one."""
        return self._context.run(_next, self._steps)

    def close(self) -> None:
        """Ends the answer."""
        # A thread may be within a step of it; the answer ends with that step, for nobody holds it any more.
        with suppress(RuntimeError, ValueError):
            self._context.run(self._steps.close)


class AsyncSteps:
    """The steps of an answer, taken on an event loop. All of them work in one context, from Python 3.11 on."""

    def __init__(self, node: Any, request: Any, context: Context, loop: asyncio.AbstractEventLoop) -> None:
        self._steps, self._context, self._loop = _asteps(node, request), context, loop

    async def next(self) -> tuple[Any] | None:
        """Takes the next step, if there is one."""
        return await self._here(_anext(self._steps))

    def close(self) -> None:
        """Ends the answer."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._here(self._close()), self._loop)

    async def _close(self) -> None:
        # The step that was canceled may be ending it.
        with suppress(RuntimeError):
            await self._steps.aclose()

    async def _here(self, work: Coroutine[Any, Any, _T]) -> _T:
        if _CONTEXT_OF_TASK:
            return await self._loop.create_task(work, context=self._context)
        return await self._context.copy().run(self._loop.create_task, work)


def _next(steps: Iterator[Any]) -> tuple[Any] | None:
    for step in steps:
        return (step,)
    return None


async def _anext(steps: AsyncIterator[Any]) -> tuple[Any] | None:
    async for step in steps:
        return (step,)
    return None


def _ask(node: Any, request: Any) -> Any:
    complete, stream = getattr(node, "complete", None), getattr(node, "stream", None)
    ask: Any = stream if stream is not None and (request.stream or complete is None) else complete
    return ask(request)


def _steps(node: Any, request: Any) -> Generator[Any, None, None]:
    said = _ask(node, request)
    if isinstance(said, str):
        yield said
    else:
        yield from said


async def _asteps(node: Any, request: Any) -> AsyncGenerator[Any, None]:
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


def _register() -> None:
    import os

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forked)


_register()
