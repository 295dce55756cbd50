"""The core `redis`."""

__all__: list[str] = []
