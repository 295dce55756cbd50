"""Nodes that come and go by themselves: in a real server of values, and in an API server of Kubernetes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cluster import serve_cluster
from conftest import free_port, running
from node import DONE, Asked, chunk, serve, words

from maily.errors import Invalid, Unavailable
from maily.mesh import AsyncMesh, AsyncRedisNodes, Mesh, RedisNodes
from maily.redis import AsyncStore, Store


def until(holds: Callable[[], bool], seen: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, seen()
        time.sleep(0.005)


def names(mesh: Mesh) -> list[str]:
    return sorted(node.name for node in mesh.nodes())


def wait(mesh: Mesh, expected: list[str]) -> None:
    until(lambda: names(mesh) == expected, lambda: names(mesh))


def slow(gate: threading.Event) -> Callable[[Asked], Iterator[Any]]:
    """Says half of its answer, and the rest when it may."""

    def script(asked: Asked) -> Iterator[Any]:
        del asked
        yield chunk({"content": "Hello "})
        gate.wait(30)
        yield chunk({"content": "you"})
        yield chunk(finish="stop")
        yield DONE

    return script


def test_node_registers_serves_drains_and_disappears(server: str) -> None:
    store, gate = Store(server, prefix="sources:"), threading.Event()
    nodes = RedisNodes(store)
    with Mesh() as mesh, serve(slow(gate)) as one, serve(words("Hi")) as two:
        mesh.follow_redis(store, every=0.01)
        with pytest.raises(Unavailable):
            mesh.complete("Hi")

        nodes.insert({"name": "one", "url": one.url, "models": ["small"]})
        wait(mesh, ["one"])
        assert (mesh.nodes()[0].source, mesh.models()) == ("redis", ["small"])
        pieces = iter(mesh.stream("Hello", model="small"))
        assert next(pieces) == "Hello "

        nodes.insert({"name": "two", "url": two.url, "models": ["small"]})
        wait(mesh, ["one", "two"])
        assert mesh.drain_node("one")
        assert {mesh.complete("Hi", model="small").node for _ in range(5)} == {"two"}
        nodes.remove("one")
        wait(mesh, ["two"])
        gate.set()
        assert list(pieces) == ["you"], "what was begun is finished"

        nodes.remove("two")
        nodes.remove("two")
        wait(mesh, [])
        with pytest.raises(Unavailable):
            mesh.complete("Hi", model="small")


def test_server_that_is_away_keeps_the_nodes_and_is_followed_again(tmp_path: Path) -> None:
    port = free_port()
    with Mesh() as mesh, serve(words("Hi")) as one:
        with running(port, tmp_path) as url:
            mesh.follow_redis(url, every=0.01)
            RedisNodes(Store(url)).insert({"name": "one", "url": one.url})
            wait(mesh, ["one"])
        # It has ended, and what was in it is gone.
        assert mesh.complete("Hi").node == "one"
        with running(port, tmp_path) as url:
            assert names(mesh) == ["one"]
            RedisNodes(Store(url)).insert({"name": "two", "url": one.url})
            wait(mesh, ["two"])
            assert mesh.complete("Hi").node == "two"


def test_many_register_at_once_and_none_is_lost(server: str) -> None:
    async def run() -> list[str]:
        store = AsyncStore(server, prefix="many:")
        nodes, expected = AsyncRedisNodes(store, key="the-nodes"), [f"node-{number}" for number in range(6)]
        async with AsyncMesh() as mesh:
            mesh.follow_redis(store, key="the-nodes", every=0.01)
            await asyncio.gather(*(nodes.insert({"name": name, "url": "echo:"}) for name in expected))
            deadline = time.monotonic() + 30
            while len(mesh.nodes()) < len(expected):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.005)
            return sorted(node.name for node in mesh.nodes())

    assert asyncio.run(run()) == [f"node-{number}" for number in range(6)]


def test_wrong_node_is_refused_and_not_stored() -> None:
    store = Store()
    cases: list[Any] = [{"name": "one"}, {"name": "one", "url": "echo:", "weight": 0.0}, {"name": "one", "url": "echo:", "wait": 1}, 7]
    for wrong in cases:
        with pytest.raises(Invalid):
            RedisNodes(store).insert(wrong)
    assert store.get("mesh:nodes") is None


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def test_pods_of_kubernetes_are_followed() -> None:
    gate = threading.Event()
    with Mesh() as mesh, serve_cluster() as cluster, serve(slow(gate)) as one, serve(words("Hi")) as two:
        cluster.put("one", port_of(one.url))
        mesh.follow_kubernetes({"service": "llama", "namespace": "mail", "api": cluster.url, "models": ["small"]})
        wait(mesh, ["one"])
        assert [(node.source, node.zone, node.models) for node in mesh.nodes()] == [("kubernetes", "z1", ["small"])]
        pieces = iter(mesh.stream("Hello", model="small"))
        assert next(pieces) == "Hello "

        cluster.put("two", port_of(two.url))
        wait(mesh, ["one", "two"])
        cluster.put("one", port_of(one.url), ready=False)
        wait(mesh, ["two"])
        assert mesh.complete("Hi", model="small").node == "two"
        gate.set()
        assert list(pieces) == ["you"], "what was begun is finished"

        # The API server is away: the nodes stay, and what happened meanwhile is known afterwards.
        asked = len(cluster.asked)
        cluster.fail(503)
        until(lambda: len(cluster.asked) > asked, lambda: cluster.asked)
        assert names(mesh) == ["two"]
        assert mesh.complete("Hi", model="small").node == "two"
        cluster.put("three", port_of(two.url))
        cluster.delete("two")
        cluster.fail(200)
        wait(mesh, ["three"])
