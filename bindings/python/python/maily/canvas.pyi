"""The core `canvas`."""

__all__: list[str] = []
