"""The store, in memory and on a real server, blocking and not."""

from __future__ import annotations

import asyncio
import socket

import pytest

from maily.errors import Code, Invalid, MailyError, Timeout, TooLarge, Unavailable
from maily.redis import AsyncStore, Store


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_store_does_the_same_in_memory_and_on_a_server(url: str | None) -> None:
    store = Store(url, prefix="sync:", timeout=10.0)

    assert store.get("draft") is None
    store.set("draft", b"\x00one", ttl=60.0)
    assert store.get("draft") == b"\x00one"
    assert not store.compare_and_set("draft", None, b"two")
    assert store.compare_and_set("draft", b"\x00one", b"two")
    assert store.compare_and_set("draft", b"two", None)
    assert not store.remove("draft")
    assert [store.increment("n"), store.increment("n", 5), store.increment("n", -2)] == [1, 6, 4]
    assert store.expire("n", 60.0)
    assert store.expire("n", None)
    assert store.remove("n")


def test_async_store_does_the_same(url: str | None) -> None:
    async def run() -> None:
        store = AsyncStore(url, prefix="async:", timeout=10.0)
        await store.set("draft", b"one")
        assert await store.get("draft") == b"one"
        assert await store.compare_and_set("draft", b"one", b"two", ttl=60.0)
        sums = await asyncio.gather(*(store.increment("n") for _ in range(50)))
        assert sorted(sums) == list(range(1, 51))
        assert await store.expire("n", 60.0)
        assert await store.remove("n")

    asyncio.run(run())


def test_values_over_a_limit_are_named(url: str | None) -> None:
    store = Store(url, prefix="limits:", timeout=10.0)

    with pytest.raises(TooLarge) as too_large:
        store.get("k" * 1025)
    with pytest.raises(Invalid):
        store.set("k", b"v", ttl=0.0)
    with pytest.raises(Invalid):
        store.set("k", b"v", ttl=-1.0)
    store.set("text", b"no number")
    with pytest.raises(MailyError) as no_number:
        store.increment("text")

    assert too_large.value.code == Code.REDIS_KEY_TOO_LARGE
    assert too_large.value.context["limit_bytes"] == 1024
    assert no_number.value.code == Code.REDIS_NOT_A_NUMBER


def test_server_that_is_not_there_is_temporary() -> None:
    with pytest.raises(Unavailable) as error:
        Store(f"redis://127.0.0.1:{free_port()}").get("k")

    assert error.value.code == Code.REDIS_UNREACHABLE
    assert error.value.temporary


def test_silent_server_costs_the_timeout() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        with pytest.raises(Timeout):
            Store(f"redis://127.0.0.1:{listener.getsockname()[1]}", timeout=0.05).get("k")


def test_url_that_cannot_be_read_is_refused_without_quoting_it() -> None:
    with pytest.raises(Invalid) as error:
        Store("http://:hunter2@localhost")

    assert "hunter2" not in str(error.value)
