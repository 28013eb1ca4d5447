"""A web server on localhost that can break, lie and stall, for the tests of downloads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does.

    Attributes:
        content: The file.
        breaks_after: Bytes after which each of the first requests ends, one number a request.
        statuses: Statuses of the first requests, before anything else.
        headers: Further headers, also in place of the right ones.
        etags: ETag of each request; the last one stays.
        ranges: Whether Range is respected.
        stall: Seconds of silence: after the first thousand bytes, or before a continuation.
        announced: Content-Length in place of the right one.
        requests: Range header of every request, None without.
        sent: Bytes of content sent.
    """

    content: bytes = b""
    breaks_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    etags: list[str] = field(default_factory=lambda: ['"one"'])
    ranges: bool = True
    stall: float = 0.0
    announced: int | None = None
    requests: list[str | None] = field(default_factory=list)
    sent: int = 0


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """Serve, and give the address of the file."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            behaviour.requests.append(asked)
            if behaviour.statuses:
                self.send_response(behaviour.statuses.pop(0))
                for name, value in behaviour.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                return
            etag = behaviour.etags.pop(0) if len(behaviour.etags) > 1 else behaviour.etags[0]
            start = int(asked.split("=")[1].rstrip("-")) if asked and behaviour.ranges else 0
            if start and self.headers.get("If-Range") not in (None, etag):
                start = 0
            if start and start >= len(behaviour.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(behaviour.content)}")
                self.end_headers()
                return
            body = behaviour.content[start:]
            headers = {"ETag": etag, "Content-Length": str(behaviour.announced or len(body))}
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(behaviour.content) - 1}/{len(behaviour.content)}"
            self.send_response(206 if start else 200)
            for name, value in (headers | behaviour.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if behaviour.breaks_after:
                body = body[: behaviour.breaks_after.pop(0)]
            said = 0 if start else 1000
            head, rest = (body[:said], body[said:]) if behaviour.stall else (body, b"")
            self.wfile.write(head)
            self.wfile.flush()
            behaviour.sent += len(head)
            time.sleep(behaviour.stall)
            if rest:
                self.wfile.write(rest)
                behaviour.sent += len(rest)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/data/cohort.tar"
    finally:
        server.shutdown()
        server.server_close()
