"""Maily for Python: one module per core, each with a synchronous and an asynchronous class."""

from maily import analytics, canvas, errors, mesh, redis, trust
from maily._maily import __version__
from maily.errors import MailyError

__all__ = ["MailyError", "__version__", "analytics", "canvas", "errors", "mesh", "redis", "trust"]
