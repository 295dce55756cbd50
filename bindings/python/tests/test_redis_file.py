"""A store in a file is the same one after it was opened again, blocking and not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from maily.errors import Code, Invalid, MailyError
from maily.redis import (
    AsyncBus,
    AsyncEfficiencyLock,
    AsyncIdempotency,
    AsyncJobs,
    AsyncLimiter,
    AsyncLock,
    AsyncStore,
    Bus,
    Idempotency,
    Jobs,
    Limiter,
    Lock,
    Store,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "redis.redb"


def test_store_in_a_file_goes_on_where_it_was_closed(path: Path) -> None:
    store = Store(path=path)
    jobs = Jobs(store, "mails", idle=0.2)
    names = [jobs.append(f"mail {number}", key=f"{number}") for number in range(3)]
    jobs.append("later", delay=3600.0)
    (done, left) = jobs.claim(2)
    assert jobs.ack(done)
    store.increment("clicks", 41)
    allowed = [Limiter(store, 3, 3600.0).take("ada").allowed for _ in range(3)]
    answer = Idempotency(store).run("order-7", ["POST"], lambda: b"sent")
    guard = Lock(store).acquire("nightly", ttl=10.0)
    token = guard.token
    guard.release()
    assert (allowed, answer.replayed, left.id) == ([True] * 3, False, names[1])
    del store, jobs, guard

    store = Store(path=str(path))
    jobs = Jobs(store, "mails", idle=0.2)
    stats = jobs.stats()
    assert (stats.waiting, stats.pending, stats.delayed) == (1, 1, 1)
    assert jobs.append("again", key="2") == names[2]
    claimed: dict[str, int] = {}
    deadline = time.monotonic() + 20
    while len(claimed) < 2 and time.monotonic() < deadline:
        claimed |= {job.id: job.deliveries for job in jobs.claim(10, wait=0.1) if jobs.ack(job)}
    assert claimed == {names[1]: 2, names[2]: 1}
    assert store.increment("clicks") == 42
    assert not Limiter(store, 3, 3600.0).take("ada").allowed
    assert Idempotency(store).run("order-7", ["POST"], lambda: b"twice").value == b"sent"
    assert Lock(store).acquire("nightly", ttl=10.0).token > token


def test_async_store_in_a_file_does_the_same(path: Path) -> None:
    async def before() -> str:
        store = AsyncStore(path=path)
        name = await AsyncJobs(store, "mails").append("to ada")
        await store.set("draft", "by ada")
        assert (await AsyncLimiter(store, 1, 3600.0).take("ada")).allowed
        assert (await AsyncIdempotency(store).run("order-7", ["POST"], lambda: b"sent")).value == b"sent"
        assert await AsyncEfficiencyLock(store).try_acquire("warm-up", ttl=3600.0)
        async with await AsyncLock(store).acquire("nightly", ttl=10.0):
            pass
        news = await AsyncBus(store).subscribe("news")
        await AsyncBus(store).publish("news", b"one")
        assert await anext(aiter(news)) == b"one"
        return name

    async def after(name: str) -> None:
        store = AsyncStore(path=path)
        jobs = AsyncJobs(store, "mails")
        (job,) = await jobs.claim(5)
        assert (job.id, job.payload) == (name, b"to ada")
        assert await jobs.ack(job)
        assert await store.get("draft") == b"by ada"
        assert not (await AsyncLimiter(store, 1, 3600.0).take("ada")).allowed
        assert (await AsyncIdempotency(store).run("order-7", ["POST"], lambda: b"no")).replayed
        assert await AsyncEfficiencyLock(store).try_acquire("warm-up", ttl=3600.0) is None

    asyncio.run(after(asyncio.run(before())))


def test_file_opens_again_at_once_after_a_lock_was_released(path: Path) -> None:
    for _ in range(20):
        store = Store(path=path)
        with Lock(store).acquire("nightly", ttl=10.0):
            pass
        del store


def test_closed_store_refuses_every_call_and_leaves_its_file(path: Path) -> None:
    with Store(path=path) as store:
        store.set("draft", "by ada")
        jobs, lock, news = Jobs(store, "mails"), Lock(store), Bus(store)
        guard = lock.acquire("nightly", ttl=600.0)
    store.close()

    with Store(path=path) as again:
        assert again.get("draft") == b"by ada"
        calls: list[Callable[[], object]] = [
            lambda: store.get("draft"),
            lambda: store.set("draft", "by bob"),
            lambda: jobs.append("to ada"),
            lambda: jobs.claim(1, wait=60.0),
            lambda: lock.acquire("weekly", ttl=10.0),
            lambda: news.publish("news", "one"),
            guard.release,
        ]
        for call in calls:
            with pytest.raises(MailyError) as closed:
                call()
            assert closed.value.code == Code.REDIS_DISK_CLOSED
        assert again.get("draft") == b"by ada"


def test_block_that_raises_closes_the_store_and_raises_what_it_raised(path: Path) -> None:
    with pytest.raises(KeyError), Store(path=path):
        raise KeyError

    Store(path=path).close()


def test_async_store_is_closed_at_the_end_of_its_block(path: Path) -> None:
    async def run() -> None:
        async with AsyncStore(path=path) as store:
            waiting = AsyncJobs(store, "mails").claim(1, wait=3600.0)
            await store.set("draft", "by ada")
        with pytest.raises(MailyError) as closed:
            await waiting
        assert closed.value.code == Code.REDIS_DISK_CLOSED
        async with AsyncStore(path=path) as store:
            assert await store.get("draft") == b"by ada"
            await asyncio.gather(store.close(), store.close())

    asyncio.run(run())


def test_store_in_memory_has_nothing_to_close() -> None:
    with Store() as store:
        store.set("draft", "by ada")

    assert store.get("draft") == b"by ada"


def test_messages_in_a_file_are_for_whoever_listens_now(path: Path) -> None:
    bus = Bus(Store(path=path))

    bus.publish("news", b"unheard")
    news = bus.subscribe("news")
    bus.publish("news", b"heard")

    assert next(news) == b"heard"


def test_file_is_open_once_and_refused_when_it_is_none(path: Path) -> None:
    store = Store(path=path)
    with pytest.raises(MailyError) as locked:
        Store(path=path)
    other = path.with_name("other")
    other.write_bytes(b"hello" * 100)
    with pytest.raises(MailyError) as corrupt:
        AsyncStore(path=other)
    with pytest.raises(Invalid):
        Store("redis://127.0.0.1:1", path=path)

    assert locked.value.code == Code.REDIS_DISK_LOCKED
    assert corrupt.value.code == Code.REDIS_DISK_CORRUPT
    assert other.read_bytes() == b"hello" * 100
    assert store.get("draft") is None


def test_process_that_is_killed_loses_nothing_that_it_was_told(path: Path) -> None:
    code = """
import os, signal, sys
from maily.redis import Jobs, Lock, Store
store = Store(path=sys.argv[1])
jobs = Jobs(store, "mails")
for number in range(20):
    jobs.append(str(number))
guard = Lock(store).acquire("nightly", ttl=600.0)
print(guard.token, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, check=False)
    assert killed.returncode == -9

    store = Store(path=path)
    jobs = Jobs(store, "mails").claim(100)
    assert [int(job.payload) for job in jobs] == list(range(20))
    with pytest.raises(MailyError) as busy:
        Lock(store).acquire("nightly", ttl=10.0)
    assert busy.value.code == Code.REDIS_LOCK_BUSY
    assert Lock(store).acquire("weekly", ttl=10.0).token > int(killed.stdout)
