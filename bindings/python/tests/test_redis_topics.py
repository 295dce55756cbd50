"""Locks, limits, jobs, messages, caches and idempotency, in memory and on a real server, blocking and not."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import uuid
from pathlib import Path

import pytest

from maily.errors import Code, Invalid, MailyError, Timeout
from maily.redis import (
    AsyncBus,
    AsyncCache,
    AsyncFencedStore,
    AsyncIdempotency,
    AsyncJobs,
    AsyncLimiter,
    AsyncLock,
    AsyncStore,
    AsyncWorker,
    Bus,
    Cache,
    EfficiencyLock,
    FencedStore,
    Idempotency,
    Job,
    Jobs,
    Limiter,
    Lock,
    Missed,
    Store,
    Worker,
)
from maily.trace import Trace, current, use


@pytest.fixture(params=["memory", "file", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return Store(path=tmp_path / "redis.redb")
    url = str(request.getfixturevalue("server")) if request.param == "server" else None
    return Store(url, prefix=f"{uuid.uuid4().hex}:", timeout=10.0)


def test_lock_excludes_and_its_tokens_grow(store: Store) -> None:
    lock = Lock(store)

    with lock.acquire("nightly", ttl=10.0) as guard:
        held = [guard.held]
        with pytest.raises(MailyError) as busy:
            lock.acquire(b"nightly", ttl=10.0)
    held.append(guard.held)

    assert busy.value.code == "redis-lock-busy"
    assert held == [True, False]
    with lock.acquire("nightly", ttl=10.0, wait=5.0) as later:
        assert later.token > guard.token


def test_efficiency_lock_saves_work_until_its_time_is_over_or_it_is_given_back(store: Store) -> None:
    lock = EfficiencyLock(store)

    guard = lock.try_acquire("warm-up", ttl=60.0)
    assert guard is not None
    assert lock.try_acquire("warm-up", ttl=60.0) is None
    assert [guard.release(), guard.release()] == [True, False]
    assert lock.try_acquire("warm-up", ttl=60.0) is not None
    with pytest.raises(Invalid):
        lock.try_acquire("short", ttl=0.01)


def test_fenced_value_refuses_who_came_before(store: Store) -> None:
    lock, values = Lock(store), FencedStore(store)
    old = lock.acquire("report", ttl=10.0)
    old.release()
    new = lock.acquire("report", ttl=10.0)

    values.set("report", new.token, "new")
    with pytest.raises(MailyError) as stale:
        values.set("report", old.token, "old")

    assert stale.value.code == "redis-token-stale"
    assert values.get("report") == (new.token, b"new")


def test_async_lock_is_a_context_manager(url: str | None) -> None:
    async def main() -> None:
        store = AsyncStore(url, prefix=f"{uuid.uuid4().hex}:", timeout=10.0)
        lock, values = AsyncLock(store), AsyncFencedStore(store)
        async with await lock.acquire("nightly", ttl=10.0) as guard:
            await values.set("v", guard.token, "one")
            waiting = asyncio.ensure_future(lock.acquire("nightly", ttl=10.0, wait=10.0))
        async with await waiting as second:
            assert second.token > guard.token
            lost = asyncio.ensure_future(second.lost())
        await asyncio.wait_for(lost, 10)

    asyncio.run(main())


def test_limiter_allows_exactly_the_burst(store: Store) -> None:
    limiter = Limiter(store, 3, 3600.0)

    decisions = [limiter.take("ada") for _ in range(5)]

    assert [decision.allowed for decision in decisions] == [True, True, True, False, False]
    assert [decision.remaining for decision in decisions[:3]] == [2, 1, 0]
    assert 0.0 < decisions[3].retry_after <= 1200.0
    with pytest.raises(MailyError) as limited:
        limiter.admit("ada")
    assert limited.value.http_status == 429 and limited.value.retry_after
    with pytest.raises(MailyError):
        Limiter(store, 0, 1.0)
    with pytest.raises(Invalid):
        Limiter(store, 1, 1.0, on_failure="shrug")  # type: ignore[arg-type]


def test_async_limiter_is_exact_among_tasks(url: str | None) -> None:
    async def main() -> int:
        limiter = AsyncLimiter(AsyncStore(url, prefix=f"{uuid.uuid4().hex}:", timeout=10.0), 10, 3600.0)
        decisions = await asyncio.gather(*(limiter.take("ada") for _ in range(100)))
        return sum(decision.allowed for decision in decisions)

    assert asyncio.run(main()) == 10


def test_job_is_handed_out_until_it_is_acknowledged(store: Store) -> None:
    jobs = Jobs(store, "mails")
    name = jobs.append("to ada", key="mail-7")
    assert jobs.append("to ada", key="mail-7") == name, "the key makes the second one a no-op"

    (job,) = jobs.claim(10, wait=5.0)
    assert (job.id, job.payload, job.deliveries) == (name, b"to ada", 1)
    assert jobs.stats().pending == 1
    assert jobs.extend(job)
    assert jobs.hand_back(job) == "waits"
    (again,) = jobs.claim(10, wait=5.0)
    assert jobs.fail(again, Timeout("the server is slow", retry_after=0.01)) == "waits"
    (third,) = jobs.claim(10, wait=5.0)
    assert jobs.ack(third)

    assert not jobs.ack(third)
    assert (jobs.stats().waiting, jobs.stats().pending) == (0, 0)


def test_job_that_cannot_be_done_is_a_dead_letter(store: Store) -> None:
    jobs = Jobs(store, "mails")
    jobs.append("broken")
    (job,) = jobs.claim(wait=5.0)

    assert jobs.fail(job, Invalid("no address")) == "dead"

    (dead,) = jobs.dead()
    assert (dead.payload, dead.code) == (b"broken", "invalid")
    assert jobs.requeue(dead.receipt)
    assert next(jobs).payload == b"broken"
    assert jobs.dead() == []


def test_worker_does_the_jobs_and_fails_as_the_error_says(store: Store) -> None:
    jobs = Jobs(store, "mails")
    for n in range(20):
        jobs.append(str(n))
    worker = Worker(jobs, concurrency=4)
    done: list[bytes] = []
    failed: set[bytes] = set()
    lock = threading.Lock()

    def handle(job: Job) -> None:
        with lock:
            if job.payload == b"3":
                raise ValueError("nobody foresaw this")
            if job.payload == b"5" and job.payload not in failed:
                failed.add(job.payload)
                raise Timeout(retry_after=0.01)
            done.append(job.payload)
            if len(done) == 19:
                worker.stop()

    summary = worker.run(handle)

    assert sorted(done, key=int) == [str(n).encode() for n in range(20) if n != 3]
    assert (summary.done, summary.retried, summary.dead) == (19, 1, 1)
    assert [dead.code for dead in jobs.dead()] == ["unexpected"]


def test_async_worker_and_iterator_share_a_queue(url: str | None) -> None:
    async def main() -> tuple[int, list[bytes]]:
        jobs = AsyncJobs(AsyncStore(url, prefix=f"{uuid.uuid4().hex}:", timeout=10.0), "mails")
        for n in range(10):
            await jobs.append(str(n), delay=0.01 if n == 9 else 0.0)
        seen: list[bytes] = []
        async for job in jobs:
            seen.append(job.payload)
            await jobs.ack(job)
            if len(seen) == 5:
                break
        worker = AsyncWorker(jobs)

        async def handle(job: Job) -> None:
            await asyncio.sleep(0)
            seen.append(job.payload)
            if len(seen) == 10:
                worker.stop()

        return (await worker.run(handle)).done, seen

    done, seen = asyncio.run(main())

    assert done == 5
    assert sorted(seen, key=int) == [str(n).encode() for n in range(10)]


def test_handler_works_in_the_trace_of_who_appended_its_job(store: Store) -> None:
    jobs, parent = Jobs(store, "traced"), Trace.root()
    with use(parent):
        jobs.append("in a block")
    jobs.append("a trace", trace=parent)
    jobs.append("a header", trace=str(parent))
    jobs.append("none")
    seen: dict[bytes, tuple[str | None, Trace | None]] = {}
    worker = Worker(jobs)

    def handle(job: Job) -> None:
        seen[job.payload] = (job.trace, current())
        if len(seen) == 4:
            worker.stop()

    worker.run(handle)

    alone, begun = seen.pop(b"none")
    assert (alone, begun is not None and begun.trace_id != parent.trace_id) == (None, True)
    assert len(seen) == 3
    for carried, here in seen.values():
        assert carried == str(parent)
        assert here is not None
        assert (here.trace_id, here.sampled) == (parent.trace_id, True)
        assert here.span_id != parent.span_id
    assert current() is None


def test_coroutine_handler_works_in_the_trace_of_its_job(url: str | None) -> None:
    async def main() -> tuple[Trace, list[Trace | None]]:
        jobs, parent = AsyncJobs(AsyncStore(url, prefix=f"{uuid.uuid4().hex}:", timeout=10.0), "traced"), Trace.root()
        with use(parent):
            await jobs.append("a")
        seen, worker = [], AsyncWorker(jobs)

        async def handle(job: Job) -> None:
            seen.append(current())
            await asyncio.sleep(0)
            seen.append(current())
            worker.stop()

        await worker.run(handle)
        return parent, seen

    parent, [before, after] = asyncio.run(main())

    assert before is not None
    assert before == after
    assert (before.trace_id, before == parent) == (parent.trace_id, False)


def test_bus_reaches_who_listens(store: Store) -> None:
    bus = Bus(store)
    subscription = bus.subscribe("news")
    for n in range(3):
        bus.publish("news", str(n))

    heard = [next(subscription) for _ in range(3)]

    assert heard == [b"0", b"1", b"2"]
    subscription.close()
    assert list(subscription) == []


def test_closed_subscription_that_nobody_reads_leaves_the_channel(server: str) -> None:
    channel = uuid.uuid4().hex
    subscription = Bus(Store(server, timeout=10.0)).subscribe(channel)
    address = ("127.0.0.1", int(server.rsplit(":", 1)[1]))
    with socket.create_connection(address) as connection, connection.makefile("rb") as answers:

        def listeners() -> int:
            connection.sendall(f"PUBSUB SHARDNUMSUB {channel}\r\n".encode())
            # An array of two: the channel in two lines, and how many listen.
            *_, count = [answers.readline() for _ in range(4)]
            return int(count[1:])

        assert listeners() == 1
        subscription.close()
        deadline = time.monotonic() + 20
        while listeners():
            assert time.monotonic() < deadline


def test_slow_reader_hears_that_it_missed_something() -> None:
    bus = Bus(Store())
    subscription = bus.subscribe("news", buffer=2)
    for n in range(5):
        bus.publish("news", str(n))

    missed = next(subscription)

    assert isinstance(missed, Missed) and missed.dropped == 3 and not missed.link_lost
    assert [next(subscription), next(subscription)] == [b"3", b"4"]


def test_async_bus_is_iterated_until_it_is_closed(url: str | None) -> None:
    async def main() -> list[bytes | Missed]:
        bus = AsyncBus(AsyncStore(url, timeout=10.0))
        channel = uuid.uuid4().hex
        subscription = await bus.subscribe(channel)
        heard: list[bytes | Missed] = []

        async def listen() -> None:
            async for message in subscription:
                heard.append(message)
                if len(heard) == 3:
                    subscription.close()

        task = asyncio.create_task(listen())
        for n in range(3):
            await bus.publish(channel, str(n))
        await asyncio.wait_for(task, 20)
        return heard

    assert asyncio.run(main()) == [b"0", b"1", b"2"]


def test_cache_loads_once_and_hears_of_changes(store: Store) -> None:
    cache = Cache(store)
    loads: list[int] = []

    def load() -> str:
        loads.append(1)
        return "loaded"

    assert [cache.get_or_load("k", 60.0, load).value for _ in range(3)] == [b"loaded"] * 3
    assert len(loads) == 1
    assert cache.get("k") == b"loaded"
    cache.set("k", "set", 60.0)
    assert cache.get_or_load("k", 60.0, load).value == b"set"
    assert cache.remove("k")
    assert cache.get("k") is None


def test_what_a_loader_raises_is_raised_as_it_was(store: Store) -> None:
    error = KeyError("mine")

    def load() -> bytes:
        raise error

    with pytest.raises(KeyError) as raised:
        Cache(store).get_or_load("k", 60.0, load)

    assert raised.value is error


def test_async_cache_loads_once_for_all_who_wait(url: str | None) -> None:
    loads: list[int] = []

    async def load() -> bytes:
        loads.append(1)
        await asyncio.sleep(0.01)
        return b"loaded"

    async def main() -> set[bytes | None]:
        cache = AsyncCache(AsyncStore(url, prefix=f"{uuid.uuid4().hex}:", timeout=10.0))
        return {cached.value for cached in await asyncio.gather(*(cache.get_or_load("k", 60.0, load) for _ in range(200)))}

    assert asyncio.run(main()) == {b"loaded"}
    assert len(loads) == 1


def test_work_of_a_key_runs_once(store: Store) -> None:
    sends = Idempotency(store)
    request: list[bytes | str] = ["POST", "/send", b"to ada"]
    runs: list[int] = []

    def work() -> str:
        runs.append(1)
        return f"sent {len(runs)}"

    def fail() -> str:
        raise Timeout("the provider is slow")

    with pytest.raises(Timeout):
        sends.run("order-7", request, fail)
    first, second = sends.run("order-7", request, work), sends.run("order-7", request, work)
    with pytest.raises(MailyError) as other:
        sends.run("order-7", ["DELETE"], work)

    assert (first.value, first.replayed, first.recorded) == (b"sent 1", False, True)
    assert (second.value, second.replayed) == (b"sent 1", True)
    assert other.value.code == Code.REDIS_IDEMPOTENCY_MISMATCH


def test_async_work_of_a_key_runs_once(url: str | None) -> None:
    async def main() -> list[bool]:
        sends = AsyncIdempotency(AsyncStore(url, prefix=f"{uuid.uuid4().hex}:", timeout=10.0), wait=10.0)

        async def work() -> bytes:
            await asyncio.sleep(0.01)
            return b"sent"

        answers = await asyncio.gather(*(sends.run("order-7", ["POST"], work) for _ in range(5)))
        assert {answer.value for answer in answers} == {b"sent"}
        return sorted(answer.replayed for answer in answers)

    assert asyncio.run(main()) == [False, True, True, True, True]


def test_canceled_load_cancels_the_coroutine_of_python() -> None:
    canceled = asyncio.Event()

    async def work() -> bytes:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            canceled.set()
            raise
        return b""

    async def main() -> None:
        task = asyncio.ensure_future(AsyncIdempotency(AsyncStore()).run("k", ["r"], work))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait_for(canceled.wait(), 20)

    asyncio.run(main())
