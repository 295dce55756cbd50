"""Repeating calls that failed, within a budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from maily.errors import Invalid, MailyError, Throttled, Timeout
from maily.redis import AsyncStore
from maily.retry import Budget, Policy, retry

SOON = 0.001


class Flaky:
    """Fails a number of times."""

    def __init__(self, times: int, error: Callable[[], MailyError] = lambda: Timeout(retry_after=SOON)) -> None:
        self.times = times
        self.calls = 0
        self.error = error

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error()
        return self.calls

    async def later(self) -> int:
        await asyncio.sleep(0)
        return self()


def test_temporary_error_is_repeated_until_it_works() -> None:
    flaky = Flaky(3)

    assert retry(idempotent=True)(flaky)() == 4


def test_coroutine_is_repeated_until_it_works() -> None:
    flaky = Flaky(3)

    @retry(idempotent=True)
    async def call() -> int:
        return await flaky.later()

    assert asyncio.run(call()) == 4


def test_function_that_returns_an_awaitable_is_awaited() -> None:
    async def main() -> bytes | None:
        store = AsyncStore()
        await store.set("k", b"v")
        get: Callable[[str], Awaitable[bytes | None]] = retry(idempotent=True)(store.get)
        return await get("k")

    assert asyncio.run(main()) == b"v"


def test_spent_retries_make_the_error_persistent() -> None:
    flaky = Flaky(9)

    with pytest.raises(Timeout) as raised:
        retry(idempotent=True, policy=Policy(max_retries=2))(flaky)()

    assert flaky.calls == 3
    assert raised.value.status == "persistent"


def test_outer_retry_does_not_multiply_the_load() -> None:
    flaky = Flaky(99)
    inner = retry(idempotent=True, policy=Policy(max_retries=2))(flaky)

    with pytest.raises(Timeout):
        retry(idempotent=True, policy=Policy(max_retries=5))(inner)()

    assert flaky.calls == 3


def test_call_that_is_not_idempotent_is_not_repeated_on_a_timeout() -> None:
    flaky = Flaky(1)

    with pytest.raises(Timeout) as raised:
        retry(idempotent=False)(flaky)()

    assert flaky.calls == 1
    assert raised.value.status == "temporary", "whoever knows more may repeat it"


def test_call_that_was_refused_is_repeated_although_it_is_not_idempotent() -> None:
    assert retry(idempotent=False)(Flaky(1, lambda: Throttled(retry_after=SOON)))() == 2


@pytest.mark.parametrize("error", [Invalid, lambda: Throttled(retry_after=31.0), ValueError])
def test_other_errors_are_raised_at_once(error: Callable[[], MailyError]) -> None:
    flaky = Flaky(1, error)

    with pytest.raises((MailyError, ValueError)):
        retry(idempotent=True)(flaky)()

    assert flaky.calls == 1


def test_budget_bounds_the_repetitions_of_all_calls() -> None:
    budget = Budget(share=0.1, per_second=0)
    flaky = Flaky(10**9)
    call = retry(idempotent=True, budget=budget)(flaky)

    for _ in range(1000):
        with pytest.raises(Timeout) as raised:
            call()
        assert raised.value.status == "persistent"

    assert 1095 <= flaky.calls <= 1100
