"""How the native module calls functions of Python in the context they were handed over in; private to the package."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from typing import Any


def call(context: Context, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Calls a function on this thread, in a copy of the context."""
    return context.copy().run(function, *arguments)


def begin(
    context: Context, function: Callable[..., Any], arguments: tuple[Any, ...], loop: asyncio.AbstractEventLoop
) -> Future[Any]:
    """Calls a function, coroutine function or not, as a task of an event loop that works in a copy of the context."""
    return context.copy().run(asyncio.run_coroutine_threadsafe, _await(function, arguments), loop)


async def _await(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    result = function(*arguments)
    return await result if inspect.isawaitable(result) else result
