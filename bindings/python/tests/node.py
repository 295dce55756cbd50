"""A language-model node over loopback, whose answers a test writes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request, as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    left: threading.Event = field(default_factory=threading.Event)


@dataclass
class Node:
    """Where the node is, and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


Script = Callable[[Asked], Iterator[Any]]


def chunk(delta: dict[str, Any] | None = None, **rest: Any) -> bytes:
    """Writes one event of chat completions."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": rest.pop("finish", None)}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **rest}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def words(*texts: str) -> Script:
    """Answers with these pieces of text."""

    def script(asked: Asked) -> Iterator[Any]:
        del asked
        yield from (chunk({"content": text}) for text in texts)
        yield chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": len(texts), "total_tokens": 3 + len(texts)})
        yield DONE

    return script


def whole(body: dict[str, Any], **headers: str) -> Script:
    """Answers with one object."""

    def script(asked: Asked) -> Iterator[Any]:
        del asked
        yield headers
        yield body

    return script


@contextmanager
def serve(script: Script) -> Iterator[Node]:
    """Serves a node: a script yields `bytes` of a stream, one object, a status, or a dictionary of headers before it.

    A stream whose script ends without `DONE` is cut. `asked.left` is set when the caller is gone.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            del format, args

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.path, headers, json.loads(self.rfile.read(length)))
            node.asked.append(asked)
            node.came.release()
            extra: dict[str, str] = {}
            begun = False
            last = b""
            try:
                for item in script(asked):
                    if isinstance(item, bytes):
                        if not begun:
                            self.begin(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **extra})
                            begun = True
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(item), item))
                        last = item
                    elif isinstance(item, int):
                        self.begin(item, {"content-length": "0", **extra})
                    elif "choices" in item or "content" in item or "error" in item or "output" in item:
                        text = json.dumps(item).encode()
                        self.begin(200, {"content-type": "application/json", "content-length": str(len(text)), **extra})
                        self.wfile.write(text)
                    else:
                        extra = {name.replace("_", "-"): value for name, value in item.items()}
                if last.endswith((DONE, b'{"type":"message_stop"}\n\n')):
                    self.wfile.write(b"0\r\n\r\n")
                elif begun:
                    self.close_connection = True
            except OSError:
                asked.left.set()
                self.close_connection = True

        def begin(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        node = Node(f"http://127.0.0.1:{server.server_address[1]}/v1")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield node
        finally:
            server.shutdown()
            thread.join()
