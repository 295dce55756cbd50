"""The core `mesh`: many language-model nodes as one model, streamed, with memories.

    >>> from maily.mesh import Mesh
    >>> mesh = Mesh()
    >>> mesh.add_node("local", "echo:")
    >>> mesh.complete("Hello you").text
    'Hello you'
    >>> list(mesh.stream("Hello you"))
    ['Hello ', 'you']
"""

from maily import _maily

Answer = _maily.mesh.Answer
AsyncMesh = _maily.mesh.AsyncMesh
AsyncStream = _maily.mesh.AsyncStream
KeyUsage = _maily.mesh.KeyUsage
Keys = _maily.mesh.Keys
LimitUsage = _maily.mesh.LimitUsage
Mesh = _maily.mesh.Mesh
Recalled = _maily.mesh.Recalled
Remembered = _maily.mesh.Remembered
Stream = _maily.mesh.Stream

__all__ = [
    "Answer",
    "AsyncMesh",
    "AsyncStream",
    "KeyUsage",
    "Keys",
    "LimitUsage",
    "Mesh",
    "Recalled",
    "Remembered",
    "Stream",
]
