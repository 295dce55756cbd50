"""Native module. Private: every name has its typed home in `maily.<core>`."""

from types import ModuleType

__version__: str

analytics: ModuleType
canvas: ModuleType
errors: ModuleType
mesh: ModuleType
redis: ModuleType
trust: ModuleType
