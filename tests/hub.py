"""A Hub of Hugging Face on loopback: it records what it is asked, and answers by a script."""

import contextlib
import http.server
import json
import os
import threading
from base64 import b64decode
from collections.abc import Callable
from typing import Any, NamedTuple

TOKEN = "hf_0123456789abcdefghijklmnopqrstuvwx"
SPACE = "ann/hcom-relay"
API = f"/api/spaces/{SPACE}"
WHO, CREATE = "GET /api/whoami-v2", "POST /api/repos/create"
LOOK, STAGE, COMMIT = f"GET {API}", f"GET {API}/runtime", f"POST {API}/commit/main"
VERSION = "GET /version"  # of the app: the Hub is the Space's host, too
ANN = (200, {"type": "user", "name": "ann", "auth": {"accessToken": {"role": "write"}}})
RELAY = (200, {"v": 2, "boot": "b", "now": 1.0, "limits": {}})


class Request(NamedTuple):
    what: str  # method and path
    headers: dict[str, str]  # their names in lower case
    body: bytes


class Hub:
    """`script` has the answers of a method and path, (status, JSON) each: one after the other, the
    last for ever. One that is called says its answer; a text is no JSON."""

    def __init__(self):
        self.seen: list[Request] = []
        self.leaks: set[str] = set()  # processes that had TOKEN among their arguments meanwhile
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # head and body at once: else the body waits for the head's receipt

            def answer(self) -> None:
                hub.answer(self)

            do_GET = do_POST = answer

            def log_message(self, *_args) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        there = {"id": SPACE, "author": "ann", "sdk": "docker", "private": True, "host": self.url}
        commit = f"{self.url}/spaces/{SPACE}/commit/{'c' * 40}"
        self.script: dict[str, list[Any]] = {
            WHO: [ANN],
            LOOK: [(404, {"error": "Repository not found"}), (200, there)],
            CREATE: [(200, {"url": f"{self.url}/spaces/{SPACE}", "name": SPACE})],
            COMMIT: [(200, {"success": True, "commitOid": "c" * 40, "commitUrl": commit})],
            STAGE: [(200, {"stage": "BUILDING"}), (200, {"stage": "RUNNING"})],
            VERSION: [RELAY],
        }
        self.there = (200, there)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        what = f"{handler.command} {handler.path}"
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.seen.append(Request(what, headers, body))
        if len(self.seen) < 12:  # each looks at all processes
            self.leaks |= having(TOKEN.encode())
        answers = self.script.get(what, [(404, {"error": "nothing here"})])
        said = answers.pop(0) if len(answers) > 1 else answers[0]
        status, said = said() if isinstance(said, Callable) else said
        raw = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(raw)

    def asked(self, *what: str) -> list[Request]:
        """The requests of these, in order; without any, all."""
        return [one for one in self.seen if not what or one.what in what]


def committed(request: Request) -> "dict[str, bytes]":
    """The files of a commit, by their paths."""
    lines = [json.loads(line) for line in request.body.splitlines()]
    return {
        line["value"]["path"]: b64decode(line["value"]["content"])
        for line in lines
        if line["key"] == "file"
    }


def having(text: bytes) -> "set[str]":
    """The processes that have the text among their arguments; none where there is no /proc."""
    found = set()
    for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        with contextlib.suppress(OSError):
            if entry.isdigit():
                with open(f"/proc/{entry}/cmdline", "rb") as stream:
                    if text in stream.read():
                        found.add(entry)
    return found
