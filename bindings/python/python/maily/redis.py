"""The core `redis`: values under keys, the same in memory and on a Redis or Valkey server.

    >>> from maily.redis import Store
    >>> store = Store()
    >>> store.increment("visits", ttl=60.0)
    1
    >>> store.compare_and_set("draft", None, b"hello")
    True
    >>> store.get("draft")
    b'hello'
"""

from maily import _maily

AsyncStore = _maily.redis.AsyncStore
Store = _maily.redis.Store

__all__ = ["AsyncStore", "Store"]
