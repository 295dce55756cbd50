"""The package as a whole."""

import importlib

import pytest

import maily

CORES = ["analytics", "canvas", "errors", "mesh", "redis", "trust"]


@pytest.mark.parametrize("core", CORES)
def test_core_is_a_module_with_a_native_half(core: str) -> None:
    public = importlib.import_module(f"maily.{core}")

    assert public.__doc__
    assert hasattr(maily._maily, core)


@pytest.mark.parametrize("core", CORES)
def test_public_names_say_where_they_live(core: str) -> None:
    public = importlib.import_module(f"maily.{core}")

    for name in public.__all__:
        value = getattr(public, name)
        assert getattr(value, "__module__", public.__name__) == public.__name__, name
        assert value.__doc__, f"{public.__name__}.{name} has no documentation"


def test_version_is_the_one_of_the_workspace() -> None:
    major, minor, patch = maily.__version__.split(".")

    assert (int(major), int(minor)) >= (0, 1)
    assert patch
