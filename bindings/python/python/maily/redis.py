"""The core `redis`: one layer over memory, a file, Redis and Valkey.

    >>> from maily.redis import Store
    >>> store = Store()
    >>> store.increment("visits", ttl=60.0)
    1
    >>> store.compare_and_set("draft", None, b"hello")
    True
    >>> store.get("draft")
    b'hello'

A store in a file is open until it is closed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Store(path=f"{folder}/redis.redb") as kept:
    ...     kept.increment("visits")
    1

Everything else is built on a store, and comes twice like it: `Name` blocks, `AsyncName` returns awaitables.

    >>> from maily.redis import Cache, Idempotency, Limiter, Lock
    >>> with Lock(store).acquire("nightly", ttl=10.0) as guard:
    ...     guard.held
    True
    >>> Limiter(store, 1, 60.0).take("ada").remaining
    0
    >>> Cache(store).get_or_load("campaign:7", 60.0, lambda: b"loaded").value
    b'loaded'
    >>> sends = Idempotency(store)
    >>> [sends.run("order-7", ["POST", "/send"], lambda: b"sent").replayed for _ in range(2)]
    [False, True]

Jobs are done at least once; a worker keeps, acknowledges and repeats them.

    >>> from maily.redis import Jobs, Worker
    >>> jobs = Jobs(store, "mails")
    >>> name = jobs.append(b"to ada", key="mail-7")
    >>> worker = Worker(jobs)
    >>> done = []
    >>> def handle(job):
    ...     done.append(job.payload)
    ...     worker.stop()
    >>> worker.run(handle).done, done
    (1, [b'to ada'])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from maily import _maily
from maily.trace import _CURRENT, Trace

Answer = _maily.redis.Answer
AsyncBus = _maily.redis.AsyncBus
AsyncCache = _maily.redis.AsyncCache
AsyncEfficiencyGuard = _maily.redis.AsyncEfficiencyGuard
AsyncEfficiencyLock = _maily.redis.AsyncEfficiencyLock
AsyncFencedStore = _maily.redis.AsyncFencedStore
AsyncGuard = _maily.redis.AsyncGuard
AsyncIdempotency = _maily.redis.AsyncIdempotency
AsyncJobs = _maily.redis.AsyncJobs
AsyncLimiter = _maily.redis.AsyncLimiter
AsyncLock = _maily.redis.AsyncLock
AsyncStore = _maily.redis.AsyncStore
AsyncSubscription = _maily.redis.AsyncSubscription
AsyncWorker = _maily.redis.AsyncWorker
Bus = _maily.redis.Bus
Cache = _maily.redis.Cache
Cached = _maily.redis.Cached
DeadLetter = _maily.redis.DeadLetter
Decision = _maily.redis.Decision
EfficiencyGuard = _maily.redis.EfficiencyGuard
EfficiencyLock = _maily.redis.EfficiencyLock
FencedStore = _maily.redis.FencedStore
Guard = _maily.redis.Guard
Idempotency = _maily.redis.Idempotency
Job = _maily.redis.Job
Jobs = _maily.redis.Jobs
Limiter = _maily.redis.Limiter
Lock = _maily.redis.Lock
Missed = _maily.redis.Missed
Stats = _maily.redis.Stats
Store = _maily.redis.Store
Subscription = _maily.redis.Subscription
Summary = _maily.redis.Summary
Worker = _maily.redis.Worker

__all__ = [
    "Answer",
    "AsyncBus",
    "AsyncCache",
    "AsyncEfficiencyGuard",
    "AsyncEfficiencyLock",
    "AsyncFencedStore",
    "AsyncGuard",
    "AsyncIdempotency",
    "AsyncJobs",
    "AsyncLimiter",
    "AsyncLock",
    "AsyncStore",
    "AsyncSubscription",
    "AsyncWorker",
    "Bus",
    "Cache",
    "Cached",
    "DeadLetter",
    "Decision",
    "EfficiencyGuard",
    "EfficiencyLock",
    "FencedStore",
    "Guard",
    "Idempotency",
    "Job",
    "Jobs",
    "Limiter",
    "Lock",
    "Missed",
    "Stats",
    "Store",
    "Subscription",
    "Summary",
    "Worker",
]


def _traced(handler: Callable[[Any], Any]) -> Callable[[Any, str | None], Any]:
    """Lets the handler of a worker, coroutine function or not, work in the trace of its job."""

    def handle(job: Any, here: str | None) -> Any:
        # Each call has a context of its own.
        _CURRENT.set(Trace.parse(here or "") or Trace.root())
        return handler(job)

    return handle
