"""The core `mesh`."""

__all__: list[str] = []
