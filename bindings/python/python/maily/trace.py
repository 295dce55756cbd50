"""In which trace a request is handled, as the `traceparent` header carries it (W3C Trace Context).

    >>> from maily.trace import Trace, current, headers, use
    >>> parent = Trace.parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    >>> with use(parent.child()) as trace:
    ...     assert current() is trace and trace.trace_id == parent.trace_id
    ...     outgoing = headers()
    >>> outgoing["traceparent"][:35]
    '00-4bf92f3577b34da6a3ce929d0e0e4736'

`maily.web` opens one for each request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from maily import _maily

__all__ = ["Trace", "current", "headers", "use"]

Trace = _maily.errors.Trace

_CURRENT: ContextVar[Trace | None] = ContextVar("maily_trace", default=None)


def current() -> Trace | None:
    """Returns the position in which this task works now."""
    return _CURRENT.get()


@contextmanager
def use(trace: Trace) -> Iterator[Trace]:
    """Works in this position until the block ends. Tasks that begin in it inherit it."""
    token = _CURRENT.set(trace)
    try:
        yield trace
    finally:
        _CURRENT.reset(token)


def headers() -> dict[str, str]:
    """Returns the headers that pass the trace on: of a new step below the current one, or nothing."""
    trace = current()
    return {} if trace is None else {"traceparent": str(trace.child())}
