"""The core `mesh`: many language-model nodes as one model, streamed, with memories."""

import asyncio
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import final

from typing_extensions import Self

__all__ = ["Answer", "AsyncMesh", "AsyncStream", "Mesh", "Recalled", "Stream"]

@final
class Recalled:
    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def score(self) -> float: ...

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
    def __new__(cls, *, embedder: str | PathLike[str] | None = None) -> Self: ...
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
    def complete(
        self,
        prompt: str | bytes,
        /,
        *,
        model: str = "default",
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
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
    ) -> Stream: ...
    def models(self) -> list[str]: ...
    def remember(self, text: str, /) -> str: ...
    def search(self, query: str, /, *, limit: int = 5) -> list[Recalled]: ...
    def forget(self, id: str, /) -> bool: ...

@final
class AsyncMesh:
    def __new__(cls, *, embedder: str | PathLike[str] | None = None) -> Self: ...
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
    def complete(
        self,
        prompt: str | bytes,
        /,
        *,
        model: str = "default",
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
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
    ) -> AsyncStream: ...
    def models(self) -> list[str]: ...
    def remember(self, text: str, /) -> asyncio.Future[str]: ...
    def search(self, query: str, /, *, limit: int = 5) -> asyncio.Future[list[Recalled]]: ...
    def forget(self, id: str, /) -> asyncio.Future[bool]: ...
