"""The core `mesh`: many language-model nodes as one model, streamed, with memories.

    >>> from maily.mesh import Mesh
    >>> mesh = Mesh()
    >>> mesh.add_node("local", "echo:")
    >>> mesh.complete("Hello you").text
    'Hello you'
    >>> list(mesh.stream("Hello you"))
    ['Hello ', 'you']

A stream has more to tell than its text: `events()` gives thoughts, calls of tools, the finish and the usage as well.
`Event` is the union of their classes.

    >>> from maily.mesh import Finish, Text
    >>> for event in mesh.stream("Hello you").events():
    ...     match event:
    ...         case Text(text):
    ...             print(text)
    ...         case Finish(reason):
    ...             print(reason)
    Hello 
    you
    stop

A node may be an object of Python.

    >>> class Shout:
    ...     def stream(self, request):
    ...         yield from (word.upper() + " " for word in request.text.split())
    >>> mesh = Mesh()
    >>> mesh.add_node("shout", Shout())
    >>> mesh.complete("Hello you").text
    'HELLO YOU '

Settings are those of a file of the server, as typed dictionaries (`maily.mesh_config`).

    >>> mesh = Mesh(config={"hedge": {"enabled": False}}, nodes=[{"name": "local", "url": "echo:", "weight": 2.0}])
    >>> [(node.name, node.weight, node.breaker) for node in mesh.nodes()]
    [('local', 2.0, 'closed')]
"""

from __future__ import annotations

from maily import _maily

Answer = _maily.mesh.Answer
AsyncChunks = _maily.mesh.AsyncChunks
AsyncEvents = _maily.mesh.AsyncEvents
AsyncMesh = _maily.mesh.AsyncMesh
AsyncRedisNodes = _maily.mesh.AsyncRedisNodes
AsyncStream = _maily.mesh.AsyncStream
Chunks = _maily.mesh.Chunks
Events = _maily.mesh.Events
Finish = _maily.mesh.Finish
HiddenThought = _maily.mesh.HiddenThought
KeyUsage = _maily.mesh.KeyUsage
Keys = _maily.mesh.Keys
LimitUsage = _maily.mesh.LimitUsage
Mesh = _maily.mesh.Mesh
NodeStatus = _maily.mesh.NodeStatus
Peer = _maily.mesh.Peer
Reasoning = _maily.mesh.Reasoning
Recalled = _maily.mesh.Recalled
RedisNodes = _maily.mesh.RedisNodes
Remembered = _maily.mesh.Remembered
Request = _maily.mesh.Request
Resumed = _maily.mesh.Resumed
Signature = _maily.mesh.Signature
Stream = _maily.mesh.Stream
Text = _maily.mesh.Text
Thought = _maily.mesh.Thought
Times = _maily.mesh.Times
ToolArguments = _maily.mesh.ToolArguments
ToolCall = _maily.mesh.ToolCall
Usage = _maily.mesh.Usage
default_config = _maily.mesh.default_config
read_config = _maily.mesh.read_config

Event = Text | HiddenThought | Reasoning | Signature | ToolCall | ToolArguments | Finish | Usage | Resumed

__all__ = [
    "Answer",
    "AsyncChunks",
    "AsyncEvents",
    "AsyncMesh",
    "AsyncRedisNodes",
    "AsyncStream",
    "Chunks",
    "Events",
    "Finish",
    "HiddenThought",
    "KeyUsage",
    "Keys",
    "LimitUsage",
    "Mesh",
    "NodeStatus",
    "Peer",
    "Reasoning",
    "Recalled",
    "RedisNodes",
    "Remembered",
    "Request",
    "Resumed",
    "Signature",
    "Stream",
    "Text",
    "Thought",
    "Times",
    "ToolArguments",
    "ToolCall",
    "Usage",
    "default_config",
    "read_config",
]
