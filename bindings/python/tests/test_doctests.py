"""The examples in docstrings run as they stand there."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = ["analytics", "canvas", "errors", "mesh", "mesh_config", "redis", "retry", "trace", "trust", "web"]


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_the_module_run(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"maily.{module}"), optionflags=doctest.ELLIPSIS)

    assert failed == 0
    assert tried > 0 or module == "web"
