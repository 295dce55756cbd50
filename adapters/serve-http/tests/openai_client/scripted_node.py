"""A chat node on loopback that does what the prompt says, and keeps what it was asked."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["I ", "will ", "löok ", "it ", "up."]
ARGUMENTS = '{"city":"Köln","seed":12345678901234567890}'


def chunk(delta: dict, finish: str | None = None) -> dict:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def call(index: int, **fields: object) -> dict:
    return {"tool_calls": [{"index": index, **fields}]}


def events(said: str) -> Iterator[dict]:
    """What the node streams: thoughts, text, a call of a tool, a count."""
    yield chunk({"role": "assistant", "content": "", "reasoning_content": "Hm. "})
    for word in WORDS:
        yield chunk({"content": word})
    if "fail" in said:
        yield {"error": {"message": "overloaded"}}
        return
    if "tool" in said:
        yield chunk(call(0, id="call_a", type="function", function={"name": "weather", "arguments": ""}))
        for at in range(0, len(ARGUMENTS), 7):
            yield chunk(call(0, function={"arguments": ARGUMENTS[at : at + 7]}))
    yield chunk({}, "tool_calls" if "tool" in said else "stop")
    counts = {"prompt_tokens": 20, "completion_tokens": 11, "total_tokens": 31}
    counts["prompt_tokens_details"] = {"cached_tokens": 16}
    counts["completion_tokens_details"] = {"reasoning_tokens": 5}
    yield {**chunk({}), "choices": [], "usage": counts}


def whole(said: str) -> dict:
    """The same as one object."""
    message = {"role": "assistant", "content": "".join(WORDS), "reasoning_content": "Hm. "}
    if "tool" in said:
        function = {"name": "weather", "arguments": ARGUMENTS}
        message["tool_calls"] = [{"id": "call_a", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool" in said else "stop"}
    usage = [event["usage"] for event in events("") if "usage" in event][0]
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return {**answer, "usage": usage}


class Node(ThreadingHTTPServer):
    """The node; `seen` holds the bodies, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[dict] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Node

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append(body)
        said = json.dumps(body["messages"][-1].get("content", ""))
        if "fail" in json.dumps(body["messages"]):
            # However often it is asked to go on: what it has said is the last message then.
            said += " fail"
        if "throttle" in said:
            return self.answer(429, {"error": {"message": "slow down"}}, {"retry-after": "7"})
        if not body.get("stream"):
            headers = {"x-request-id": "req_node", "x-ratelimit-remaining-tokens": "5"}
            return self.answer(200, whole(said), headers)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in events(said):
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        if "fail" not in said:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def answer(self, status: int, body: dict, headers: dict[str, str]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "content-type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(native: str = "chat") -> Iterator[tuple[str, Node]]:
    """Starts the node and a mesh in front of it; yields the mesh's address and the node.

    For another format than chat, a second mesh stands in front, which asks the first one in that format and no other.
    """
    node = Node()
    threading.Thread(target=node.serve_forever, daemon=True).start()
    with ExitStack() as open_servers:
        address = open_servers.enter_context(gateway(node.url))
        if native == "responses":
            address = open_servers.enter_context(gateway(f"{address}/v1", native))
        elif native == "messages":
            address = open_servers.enter_context(gateway(f"anthropic+{address}/v1", native))
        yield address, node
        node.shutdown()


@contextmanager
def gateway(url: str, native: str = "chat") -> Iterator[str]:
    """Starts a server with one node, which takes one format; yields its address."""
    nodes = f'[{{ name = "n", url = "{url}", native = ["{native}"] }}]'
    server = subprocess.Popen(
        [os.environ["MAILY_SERVER"], "serve", "mesh", "--listen", "127.0.0.1:0"],
        env={**os.environ, "MAILY__MESH__NODES": nodes},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        lines = iter(server.stdout.readline, "")
        line = next((line for line in lines if "listens on http" in line), "")
        assert line, "the server does not start"
        # What follows is not read, and must not stop the server.
        threading.Thread(target=lambda: [None for _ in lines], daemon=True).start()
        yield "http" + line.split("http", 1)[1].split()[0].strip()
    finally:
        server.kill()
        server.wait()
