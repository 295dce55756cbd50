"""The core `trust`."""

__all__: list[str] = []
