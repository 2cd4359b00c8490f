"""The model servers: three streaming APIs on one loopback port, answering by script, logging all.

Runs inside the world's holder process. The log is the only way out: one JSON line per request,
written before it is answered.
"""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.rig.api import Asked, claude, codex, gemini, instance
from tests.rig.script import DONE, By, Rule, Step, answer, is_script

# errors that end the turn; Claude (2.1.330, 2.1.332) asks up to five times more, in other words
# (with less thinking, then without its ToolSearch), and must hear the same
FINAL = set(range(400, 500)) - {408, 409, 429}
APIS = (claude, gemini, codex)


class Desk:
    """What the servers share: the log, the rules file, and how many scripted errors were served."""

    def __init__(self, log: Path, rules: Path):
        self.log, self.rules = log, rules
        # for each script, how many replies the conversation had at each of its errors
        self.errors: dict[tuple, list[int]] = {}
        self.lock = threading.Lock()  # each request has its thread, for a stalled one holds none up

    def note(self, **facts) -> None:
        """Append one request to the log."""
        line = json.dumps({"t": time.time(), **facts}, ensure_ascii=False)
        with self.lock, open(self.log, "a", encoding="utf-8") as log:
            log.write(line + "\n")

    def rules_for(self, cwd: str) -> list[Rule]:
        """The rules now in the file for sessions in `cwd`; "*" holds for all."""
        try:
            told = json.loads(self.rules.read_text())
        except FileNotFoundError:
            return []
        return [Rule(*rule) for rule in told.get(cwd, []) + told.get("*", [])]

    def step(self, asked: Asked) -> Step:
        """The reply due now. An error leaves no trace in what is sent, so it is counted here."""
        if asked.schema:
            return Step(say=json.dumps(instance(asked.schema)))
        if asked.kind == "aux":
            return DONE
        said = tuple(piece for piece in asked.pieces if is_script(piece))
        # the directory too: Gemini's requests name no session
        key = (asked.tool, asked.session, asked.agent, asked.cwd, said)
        replies = sum(piece.by is By.MODEL for piece in asked.pieces)
        rules = self.rules_for(asked.cwd)
        with self.lock:
            past = self.errors.setdefault(key, [])
            if past and past[-1] == replies:
                last = answer(asked.pieces, rules, len(past) - 1)
                if last.error in FINAL:
                    return last
            step = answer(asked.pieces, rules, len(past))
            if step.error:
                past.append(replies)
        return step


class Handler(BaseHTTPRequestHandler):
    """One connection, closed after a stream, which so needs no length."""

    protocol_version = "HTTP/1.1"
    desk: Desk

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format, *args):
        """Nothing: the JSON log says more."""

    def do_HEAD(self):
        self.send(200, b"")

    def do_GET(self):
        self.desk.note(tool="", kind="aux", path=self.path, body=None)
        api = codex if "/v1/models" in self.path else claude
        self.send_json(200, api.other(self.path))

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length) if length else self.read_chunked()
        body = json.loads(raw or b"{}")
        api = next((api for api in APIS if api.matches(self.path)), None)
        if not api:
            self.desk.note(tool="", kind="aux", path=self.path, body=body)
            self.send_json(200, claude.other(self.path))
            return
        asked = api.read(self.path, self.headers, body)
        self.desk.note(
            tool=asked.tool,
            kind=asked.kind,
            session=asked.session,
            agent=asked.agent,
            cwd=asked.cwd,
            path=self.path,
            body=body,
        )
        try:
            self.reply(api, asked, self.desk.step(asked))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client gave up the request: Esc, or its own end

    def read_chunked(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return b""
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, api, asked: Asked, step: Step) -> None:
        time.sleep(step.stall_s)
        if step.error:
            self.send_json(step.error, api.refusal(step.error))
        elif asked.stream:
            self.stream(api.events(asked, step), step.drip_s)
        else:
            self.send_json(200, api.whole(asked, step))

    def stream(self, events: list, drip_s: float) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for name, data in events:
            head = f"event: {name}\n" if name else ""
            self.wfile.write(f"{head}data: {json.dumps(data)}\n\n".encode())
            time.sleep(drip_s / len(events))
        self.close_connection = True

    def send_json(self, status: int, body: dict) -> None:
        self.send(status, json.dumps(body).encode())

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(log: Path, rules: Path) -> ThreadingHTTPServer:
    """A server that answers on a free loopback port, in threads of its own."""
    handler = type("WorldHandler", (Handler,), {"desk": Desk(log, rules)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 5}, daemon=True).start()
    return server
