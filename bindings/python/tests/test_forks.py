"""What was made before a fork, in the child: it reaches servers over connections of its own, and refuses the rest at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")

BEGIN = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore")  # Python 3.12 and later say that threads do not survive a fork: that is the point
from maily.canvas import Canvas
from maily.errors import MailyError
from maily.mesh import AsyncMesh, Mesh
from maily.redis import AsyncStore, Bus, Cache, Idempotency, Jobs, Limiter, Lock, Store
from maily.trust import Trust
async def get(store):
    return await store.get("k")
def refused(call):
    try:
        call()
    except MailyError as error:
        assert "fork" in str(error), error
        return error.code
"""

CHILD = """
child = os.fork()
if child == 0:
    try:
        work()
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)
assert os.waitpid(child, 0)[1] == 0
"""


def run(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", BEGIN + program], timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_child_of_a_fork_has_a_runtime_of_its_own() -> None:
    run(
        """
async def main(store):
    try:
        await store.get("k")
    except MailyError as error:
        return error.kind
asyncio.run(main(AsyncStore()))
def work():
    url = "redis://127.0.0.1:1"
    kinds = [asyncio.run(main(AsyncStore(url))), asyncio.run(main(AsyncStore()))]
    assert kinds == ["unavailable", None], kinds
"""
        + CHILD
    )


def test_child_reaches_the_server_over_connections_of_its_own(server: str) -> None:
    run(
        f"""
store = Store({server!r}, prefix="fork:", timeout=10.0)
twin = AsyncStore({server!r}, prefix="fork:", timeout=10.0)
built = Jobs(store, "mails"), Lock(store), Limiter(store, 100, 60.0), Idempotency(store)
store.set("k", "parent's")
asyncio.run(get(twin))
def work():
    jobs, lock, limiter, sends = built
    assert store.get("k") == b"parent's"
    assert asyncio.run(get(twin)) == b"parent's"
    jobs.append(b"one")
    assert jobs.claim()[0].payload == b"one"
    assert limiter.take("ada").allowed
    assert sends.run("order", ["r"], lambda: b"sent").value == b"sent"
    with lock.acquire("nightly", ttl=10.0) as guard:
        assert guard.held
    # And what is built in the child on what was made before it.
    assert Cache(store).get_or_load("l", 60.0, lambda: b"loaded").value == b"loaded"
    # A child of the child has connections of its own, too.
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(0 if store.get("k") == b"parent's" else 1)
    assert os.waitpid(grandchild, 0)[1] == 0
    store.set("k", "child's")
"""
        + CHILD
        + """
assert (store.get("k"), asyncio.run(get(twin))) == (b"child's", b"child's")
"""
    )


def test_file_is_the_parents_and_the_child_is_told_so(tmp_path: Path) -> None:
    run(
        f"""
store = Store(path={str(tmp_path / "redis.redb")!r})
jobs, news = Jobs(store, "mails"), Bus(store).subscribe("news")
store.set("k", "parent's")
def work():
    calls = [
        lambda: store.get("k"), lambda: store.set("k", "v"), lambda: jobs.append(b"one"), lambda: Cache(store),
        lambda: Bus(store).publish("news", "m"), lambda: next(news), store.close,
    ]
    assert [refused(call) for call in calls] == ["unsupported"] * len(calls)
"""
        + CHILD
        + """
assert store.get("k") == b"parent's"
store.close()
"""
    )


def test_cache_and_mesh_of_the_parent_refuse_the_child(server: str) -> None:
    run(
        f"""
cache = Cache(Store({server!r}, prefix="fork-cache:", timeout=10.0))
mesh = Mesh(nodes=[{{"name": "echo", "url": "echo:"}}])
cache.set("k", "near", 60.0)
mesh.complete("Hi")
async def other():
    try:
        await aside.complete("Hi")
    except MailyError as error:
        return error.code
aside = AsyncMesh()
def work():
    calls = [
        lambda: cache.get("k"), lambda: cache.get_or_load("k", 60.0, lambda: b"v"), lambda: mesh.complete("Hi"),
        lambda: mesh.stream("Hi"), lambda: mesh.remember("text"), lambda: mesh.search("text"),
        lambda: mesh.embed(["text"]), lambda: mesh.follow_file("nodes.toml"), mesh.close,
    ]
    assert [refused(call) for call in calls] == ["unsupported"] * len(calls)
    assert not cache.listening
    assert asyncio.run(other()) == "unsupported"
    assert Mesh(nodes=[{{"name": "echo", "url": "echo:"}}]).complete("Hi").text
"""
        + CHILD
        + """
assert cache.get("k") == b"near" and mesh.complete("Hi").text
"""
    )


def test_documents_and_log_of_the_parent_refuse_the_child() -> None:
    run(
        """
canvas, opened, later = Canvas(), Trust(), Trust()
document, key = canvas.open("spring"), opened.key()
def work():
    calls = [lambda: canvas.open("spring"), canvas.documents, document.scene, opened.key]
    assert [refused(call) for call in calls] == ["unsupported"] * len(calls)
    assert "layers" in Canvas().open("spring").scene()
    assert later.key()
"""
        + CHILD
        + """
assert opened.key() == key and canvas.documents() == []
"""
    )
