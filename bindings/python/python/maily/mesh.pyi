"""The core `mesh`: many language-model nodes as one model, streamed, with memories."""

import asyncio
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Literal, final

from typing_extensions import Self

__all__ = [
    "Answer",
    "AsyncMesh",
    "AsyncStream",
    "KeyUsage",
    "Keys",
    "LimitUsage",
    "Mesh",
    "Recalled",
    "Remembered",
    "Stream",
]

_Per = Literal["minute", "day", "month", "total"]
_Priority = Literal["interactive", "standard", "batch"]

@final
class LimitUsage:
    @property
    def unit(self) -> str: ...
    @property
    def per(self) -> str: ...
    @property
    def limit(self) -> int: ...
    @property
    def spent(self) -> int: ...
    @property
    def reserved(self) -> int: ...
    @property
    def remaining(self) -> int: ...
    @property
    def ends(self) -> int | None: ...

@final
class KeyUsage:
    @property
    def key(self) -> str: ...
    @property
    def priority(self) -> str: ...
    @property
    def running(self) -> int: ...
    @property
    def requests(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def cost_micros(self) -> int: ...
    @property
    def limits(self) -> list[LimitUsage]: ...

@final
class Keys:
    def add(
        self,
        name: str,
        /,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        concurrent: int | None = None,
        budget_micros: int | None = None,
        per: _Per = "total",
        models: Sequence[str] = ...,
        priority: _Priority = "interactive",
    ) -> None: ...
    def remove(self, name: str, /) -> bool: ...
    def set_price(self, model: str, input: float, output: float, /) -> None: ...
    def usage(self) -> list[KeyUsage]: ...

@final
class Recalled:
    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def similarity(self) -> float: ...
    @property
    def words(self) -> float: ...

@final
class Remembered:
    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def created(self) -> float: ...
    @property
    def ends(self) -> float | None: ...

@final
class Answer:
    @property
    def text(self) -> str: ...
    @property
    def finish(self) -> str | None: ...
    @property
    def node(self) -> str | None: ...
    @property
    def recalled(self) -> list[Recalled]: ...
    @property
    def prompt_tokens(self) -> int | None: ...
    @property
    def completion_tokens(self) -> int | None: ...
    @property
    def cached(self) -> str | None: ...

@final
class Stream:
    def __iter__(self) -> Self: ...
    def __next__(self) -> str: ...

@final
class AsyncStream:
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> asyncio.Future[str]: ...

@final
class Mesh:
    def __new__(
        cls,
        *,
        embedder: str | PathLike[str] | None = None,
        cache: bool = False,
        max_wrong: float | None = None,
    ) -> Self: ...
    def add_node(
        self,
        name: str,
        url: str,
        /,
        *,
        models: Sequence[str] = ...,
        rename: Mapping[str, str] = ...,
        key: str | None = None,
    ) -> None: ...
    @property
    def keys(self) -> Keys: ...
    def complete(
        self,
        prompt: str | bytes,
        /,
        *,
        model: str = "default",
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        key: str | None = None,
    ) -> Answer: ...
    def stream(
        self,
        prompt: str | bytes,
        /,
        *,
        model: str = "default",
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        key: str | None = None,
    ) -> Stream: ...
    def models(self) -> list[str]: ...
    def remember(self, text: str, /, *, ttl: float | None = None) -> str: ...
    def memories(self, *, after: str | None = None, limit: int = 20) -> list[Remembered]: ...
    def forget_all(self) -> int: ...
    def search(self, query: str, /, *, limit: int = 5) -> list[Recalled]: ...
    def forget(self, id: str, /) -> bool: ...

@final
class AsyncMesh:
    def __new__(
        cls,
        *,
        embedder: str | PathLike[str] | None = None,
        cache: bool = False,
        max_wrong: float | None = None,
    ) -> Self: ...
    def add_node(
        self,
        name: str,
        url: str,
        /,
        *,
        models: Sequence[str] = ...,
        rename: Mapping[str, str] = ...,
        key: str | None = None,
    ) -> None: ...
    @property
    def keys(self) -> Keys: ...
    def complete(
        self,
        prompt: str | bytes,
        /,
        *,
        model: str = "default",
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        key: str | None = None,
    ) -> asyncio.Future[Answer]: ...
    def stream(
        self,
        prompt: str | bytes,
        /,
        *,
        model: str = "default",
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        key: str | None = None,
    ) -> AsyncStream: ...
    def models(self) -> list[str]: ...
    def remember(self, text: str, /, *, ttl: float | None = None) -> asyncio.Future[str]: ...
    def memories(
        self, *, after: str | None = None, limit: int = 20
    ) -> asyncio.Future[list[Remembered]]: ...
    def forget_all(self) -> asyncio.Future[int]: ...
    def search(self, query: str, /, *, limit: int = 5) -> asyncio.Future[list[Recalled]]: ...
    def forget(self, id: str, /) -> asyncio.Future[bool]: ...
