from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, ParamSpec, TypeVar, final

from maily.errors import MailyError

__all__ = ["Budget", "Decision", "Policy", "decide", "retry"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

@final
class Budget:
    def __new__(cls, share: float = 0.1, per_second: int = 10) -> Budget: ...
    def pay_in(self) -> None: ...
    def take(self) -> bool: ...

@dataclass(frozen=True)
class Policy:
    max_retries: int = 3
    max_delay: float = 30.0

class Decision(NamedTuple):
    delay: float | None
    reason: str | None

def decide(
    error: MailyError,
    *,
    idempotent: bool,
    attempt: int = 0,
    policy: Policy | None = None,
    random: float | None = None,
) -> Decision: ...
def retry(
    *, idempotent: bool, policy: Policy | None = None, budget: Budget | None = None
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...
