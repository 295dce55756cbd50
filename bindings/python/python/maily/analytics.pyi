"""The core `analytics`."""

__all__: list[str] = []
