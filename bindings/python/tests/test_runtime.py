"""Rust futures on event loops: several loops, loops that close, cancellation, and the end of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from maily.errors import Timeout
from maily.mesh import AsyncMesh
from maily.redis import AsyncStore, Cache, Idempotency, Jobs, Store, Worker

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on a loop of its own, which is closed afterwards."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        loop = request.param()
        try:
            return loop.run_until_complete(main)
        finally:
            loop.close()

    return run


class Silent:
    """A server that accepts and says nothing, and knows when it was left."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.asked = threading.Event()

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    async def left(self) -> bool:
        """Waits until the first client has asked and closed its connection."""

        def read() -> bool:
            client, _ = self.listener.accept()
            with client:
                client.settimeout(20)
                while client.recv(4096):
                    self.asked.set()
            return True

        return await asyncio.to_thread(read)


def test_many_calls_at_once_end_each_with_its_own_answer(run: Callable[[Any], Any]) -> None:
    async def main() -> list[bytes | None]:
        store = AsyncStore()
        await asyncio.gather(*(store.set(f"k{i}", b"%d" % i) for i in range(2000)))
        return await asyncio.gather(*(store.get(f"k{i}") for i in range(2000)))

    assert run(main()) == [b"%d" % i for i in range(2000)]


def test_answers_that_are_there_at_once_let_other_tasks_run(run: Callable[[Any], Any]) -> None:
    async def main() -> int:
        store = AsyncStore()
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(other())
        for _ in range(1000):
            await store.get("k")
        task.cancel()
        return turns

    assert run(main()) >= 10


def test_canceling_the_task_drops_the_work_in_rust(run: Callable[[Any], Any]) -> None:
    async def main(server: Silent) -> bool:
        mesh = AsyncMesh()
        mesh.add_node("silent", f"http://127.0.0.1:{server.port}/v1")

        async def ask() -> None:
            await mesh.complete("hello", model="m")

        left = asyncio.create_task(server.left())
        task = asyncio.create_task(ask())
        assert await asyncio.to_thread(server.asked.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await left

    with Silent() as server:
        assert run(main(server))


def test_timeout_of_asyncio_ends_the_wait(run: Callable[[Any], Any]) -> None:
    async def main(port: int) -> float:
        store = AsyncStore(f"redis://127.0.0.1:{port}", timeout=30.0)
        start = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(store.get("k"), 0.05)
        return time.monotonic() - start

    with Silent() as server:
        assert run(main(server.port)) < 10.0


def test_one_store_serves_loops_in_several_threads() -> None:
    store = AsyncStore()
    sums: list[int] = []

    async def main() -> None:
        for _ in range(200):
            sums.append(await store.increment("n"))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(sums) == list(range(1, 1601))


def test_two_loops_take_turns_on_one_thread() -> None:
    store = AsyncStore()
    one, two = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def main() -> int:
        return await store.increment("n")

    try:
        sums = [loop.run_until_complete(main()) for _ in range(3) for loop in (one, two)]
    finally:
        one.close()
        two.close()

    assert sums == [1, 2, 3, 4, 5, 6]


def test_loop_that_closes_in_the_middle_of_calls_leaves_the_next_one_whole() -> None:
    async def leave(store: AsyncStore) -> None:
        for _ in range(10):
            store.get("k")

    async def main() -> None:
        await AsyncStore().set("k", b"v")

    with Silent() as server:
        for _ in range(20):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(leave(AsyncStore(f"redis://127.0.0.1:{server.port}", timeout=30.0)))
            loop.close()
            asyncio.run(main())
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(20):
        asyncio.run(main())
    gc.collect()
    after = len(os.listdir("/proc/self/fd")) if before else 0

    assert after <= before + 4, "each loop that is gone takes its socket along"


def test_call_outside_of_a_loop_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        AsyncStore().get("k")


END = {
    "with calls under way": "asyncio.run(main())",
    "by sys.exit within a task": "asyncio.run(exit())",
    "with a loop in a daemon thread": "threading.Thread(target=asyncio.run, args=(wait(),), daemon=True).start(); time.sleep(0.2)",
    "with a loop that was never closed": "loop = asyncio.new_event_loop(); loop.run_until_complete(main())",
}


@pytest.mark.parametrize("end", END.values(), ids=END.keys())
def test_interpreter_ends(end: str) -> None:
    program = """
import asyncio, sys, threading, time
from maily.redis import AsyncStore
PORT = {port}
async def main():
    store = AsyncStore(f"redis://127.0.0.1:{{PORT}}", timeout=60.0)
    calls = [store.get("k") for _ in range(100)]
    await asyncio.sleep(0.1)
    return None
async def exit():
    await main()
    sys.exit(0)
async def wait():
    await AsyncStore(f"redis://127.0.0.1:{{PORT}}", timeout=60.0).get("k")
"""
    with Silent() as server:
        done = subprocess.run(
            [sys.executable, "-c", program.format(port=server.port) + end], timeout=30, capture_output=True, text=True
        )

    assert (done.returncode, done.stderr) == (0, "")


def test_silent_server_costs_the_timeout_of_the_store(run: Callable[[Any], Any]) -> None:
    async def main(port: int) -> None:
        await AsyncStore(f"redis://127.0.0.1:{port}", timeout=0.05).get("k")

    with Silent() as server, pytest.raises(Timeout):
        run(main(server.port))


@pytest.mark.parametrize(
    "call",
    [
        "Idempotency(Store()).run('k', ['r'], lambda: b'x').value",
        "Cache(Store()).get_or_load('k', 60.0, lambda: b'x').value",
        "run_one()",
    ],
)
def test_blocking_call_under_a_running_loop_calls_its_function_in_a_thread(call: str) -> None:
    code = f"""
import asyncio
from maily.redis import Cache, Idempotency, Jobs, Store, Worker

def run_one():
    jobs = Jobs(Store(), "mails")
    jobs.append(b"one")
    worker = Worker(jobs)
    assert worker.run(lambda job: worker.stop()).done == 1
    return b"x"

async def main():
    print({call})

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.strip() == "b'x'"


def test_stop_that_comes_before_the_first_run_of_a_worker_ends_it() -> None:
    jobs = Jobs(Store(), "mails")
    worker = Worker(jobs)
    handed: list[bytes] = []

    worker.stop()
    assert worker.run(lambda job: handed.append(job.payload)).done == 0

    jobs.append(b"one")
    assert worker.run(lambda job: worker.stop()).done == 1


def test_second_stop_of_a_worker_is_not_for_its_next_run() -> None:
    jobs = Jobs(Store(), "mails")
    worker = Worker(jobs)

    def twice(_: object) -> None:
        worker.stop()
        worker.stop()

    jobs.append(b"one")
    assert worker.run(twice).done == 1
    jobs.append(b"two")
    assert worker.run(twice).done == 1


def test_coroutine_function_is_refused_by_a_method_that_blocks() -> None:
    async def load(*_: object) -> bytes:
        return b"x"

    function: Any = load

    with pytest.raises(TypeError, match="coroutine function"):
        Cache(Store()).get_or_load("k", 60.0, function)
    with pytest.raises(TypeError, match="coroutine function"):
        Idempotency(Store()).run("k", ["r"], function)


def test_job_whose_handler_only_made_a_coroutine_is_not_done() -> None:
    jobs = Jobs(Store(), "mails")
    worker = Worker(jobs)

    async def never(_: object) -> None:
        pass

    def handle(job: object) -> object:
        worker.stop()
        return never(job)

    jobs.append(b"one")
    assert worker.run(handle).done == 0
