"""An API server of Kubernetes over loopback, as far as the endpoint slices of one service go."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PATH = "/apis/discovery.k8s.io/v1/namespaces/mail/endpointslices"


class Cluster:
    """What is listed, and what happened, by version: a watch goes on from any."""

    def __init__(self) -> None:
        self.url = ""
        self.changed = threading.Condition()
        self.slices: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[int, bytes]] = []
        self.version = 100
        self.status = 200
        self.cuts = 0
        self.asked: list[str] = []

    def put(self, pod: str, port: int, *, ready: bool = True) -> None:
        """Adds a slice with one pod on loopback, or says how that pod is now."""
        conditions = {"ready": ready, "serving": ready, "terminating": not ready}
        endpoint = {"addresses": ["127.0.0.1"], "conditions": conditions, "targetRef": {"kind": "Pod", "name": pod}, "zone": "z1"}
        ports = [{"name": "http", "port": port, "protocol": "TCP"}]
        self.say("MODIFIED" if pod in self.slices else "ADDED", pod, {"addressType": "IPv4", "endpoints": [endpoint], "ports": ports})

    def delete(self, pod: str) -> None:
        self.say("DELETED", pod, self.slices[pod])

    def say(self, kind: str, name: str, content: dict[str, Any]) -> None:
        with self.changed:
            self.version += 1
            metadata = {"name": name, "namespace": "mail", "resourceVersion": str(self.version)}
            self.slices[name] = {**content, "metadata": metadata}
            event = {"type": kind, "object": self.slices[name]}
            if kind == "DELETED":
                del self.slices[name]
            self.events.append((self.version, json.dumps(event).encode() + b"\n"))
            self.changed.notify_all()

    def fail(self, status: int) -> None:
        """Breaks the watches off, and answers with this status from now on; 200 is well again."""
        with self.changed:
            self.status = status
            self.cuts += 1
            self.changed.notify_all()

    def list(self) -> bytes:
        with self.changed:
            metadata = {"resourceVersion": str(self.version)}
            items = list(self.slices.values())
        kind = {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1"}
        return json.dumps({**kind, "metadata": metadata, "items": items}).encode()

    def watch(self, version: int) -> Iterator[bytes]:
        with self.changed:
            cuts = self.cuts
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.cuts != cuts or self.version > version)
                if self.cuts != cuts:
                    return
                lines = [line for number, line in self.events if number > version]
                version = self.version
            yield from lines


@contextmanager
def serve_cluster() -> Iterator[Cluster]:
    cluster = Cluster()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            del format, args

        def do_GET(self) -> None:
            cluster.asked.append(self.path)
            url = urlsplit(self.path)
            query = {name: value for name, (value, *_) in parse_qs(url.query).items()}
            if cluster.status != 200:
                return self.answer(cluster.status, b"{}")
            if url.path != PATH or query["labelSelector"] != "kubernetes.io/service-name=llama":
                return self.answer(403, b"{}")
            if query.get("watch") != "true":
                return self.answer(200, cluster.list())
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.close_connection = True
            try:
                for line in cluster.watch(int(query["resourceVersion"])):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            except OSError:
                pass

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        cluster.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield cluster
        finally:
            cluster.fail(503)
            server.shutdown()
            thread.join()
