"""Whether to repeat a call that failed, and when: the same decision as in Rust and TypeScript.

    >>> from maily.errors import Timeout
    >>> from maily.retry import decide, retry
    >>> decide(Timeout(), idempotent=True, attempt=1, random=0.5)
    Decision(delay=0.2, reason=None)
    >>> decide(Timeout(), idempotent=False).reason
    'not-idempotent'

    >>> tries = []
    >>> @retry(idempotent=True)
    ... def load() -> str:
    ...     tries.append(1)
    ...     if len(tries) < 3:
    ...         raise Timeout(retry_after=0.001)
    ...     return "loaded"
    >>> load(), len(tries)
    ('loaded', 3)
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import random as chance
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from maily import _maily
from maily.errors import MailyError

__all__ = ["Budget", "Decision", "Policy", "decide", "retry"]

Budget = _maily.errors.Budget

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Policy:
    """How often to repeat a call, and how long to wait."""

    max_retries: int = 3
    """The most repetitions, the first attempt not counted; 0 never repeats."""
    max_delay: float = 30.0
    """The longest wait before a repetition, in seconds."""


class Decision(NamedTuple):
    """Whether to repeat a call: after `delay` seconds, or not, for a `reason`."""

    delay: float | None
    """How many seconds to wait; `None` means that it is not repeated."""
    reason: str | None
    """`never`, `not-idempotent`, `not-temporary`, `spent` or `too-long`."""


def decide(
    error: MailyError, *, idempotent: bool, attempt: int = 0, policy: Policy | None = None, random: float | None = None
) -> Decision:
    """Decides whether to repeat a call that failed.

    `attempt` counts the repetitions done so far; `random` is in [0, 1) and decides where in its range the wait lies.
    A delay that the other side gave is waited exactly. Without one, the range begins with the backoff of the code and
    doubles with each repetition up to the limit: full jitter, so that clients that failed together do not come back
    together.
    """
    policy = policy or Policy()
    delay_ms, reason = _maily.errors.decide(
        error,
        idempotent,
        min(attempt, 2**32 - 1),
        min(policy.max_retries, 2**32 - 1),
        round(policy.max_delay * 1000),
        chance.random() if random is None else random,
    )
    return Decision(None if delay_ms is None else delay_ms / 1000, reason)


def retry(
    *, idempotent: bool, policy: Policy | None = None, budget: Budget | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Repeats a function that fails with a temporary `MailyError`, as `decide` says and the budget allows.

    For functions, coroutine functions, and functions that return awaitables. When retries or budget are spent, the
    error is raised as a persistent one, so that outer layers do not multiply the load. Functions that share a budget
    share its limit; without one there is none.
    """

    def decorate(call: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(call)
        def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
            attempts = _Attempts(idempotent, policy or Policy(), budget)
            while True:
                try:
                    result = call(*args, **kwargs)
                except MailyError as error:
                    delay = attempts.delay(error)
                    if delay is None:
                        raise
                    time.sleep(delay)
                    continue
                if inspect.isawaitable(result):
                    return cast(R, _later(result, lambda: call(*args, **kwargs), attempts))
                return result

        return repeated

    return decorate


async def _later(result: Awaitable[Any], call: Callable[[], Any], attempts: _Attempts) -> Any:
    while True:
        try:
            return await result
        except MailyError as error:
            delay = attempts.delay(error)
            if delay is None:
                raise
        await asyncio.sleep(delay)
        result = call()


class _Attempts:
    """The attempts of one call."""

    def __init__(self, idempotent: bool, policy: Policy, budget: Budget | None) -> None:
        self.idempotent = idempotent
        self.policy = policy
        self.budget = budget
        self.retries = 0
        if budget is not None:
            budget.pay_in()

    def delay(self, error: MailyError) -> float | None:
        """Returns how long to wait before the next attempt; `None` if the error is to be raised."""
        delay, reason = decide(error, idempotent=self.idempotent, attempt=self.retries, policy=self.policy)
        if self.retries == 0 and reason in ("not-idempotent", "too-long"):
            # Nothing was spent, so whoever knows more about the call, or has more time, may repeat it.
            return None
        if delay is None or (self.budget is not None and not self.budget.take()):
            error.into_persistent()
            return None
        self.retries += 1
        return delay
