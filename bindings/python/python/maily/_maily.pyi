"""Native module. Private: every name has its typed home in `maily.<core>`."""

from types import ModuleType

__all__ = ["__version__", "errors", "redis", "mesh", "canvas", "trust", "analytics"]

__version__: str

analytics: ModuleType
canvas: ModuleType
errors: ModuleType
mesh: ModuleType
redis: ModuleType
trust: ModuleType
