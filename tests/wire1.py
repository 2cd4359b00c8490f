"""A server of wire 1, as somebody may have written it who knows nothing but the public page: it
keeps what it is pushed, by when it came, and has nothing to say about it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.relay import TOKEN

STATE = {"instances", "short_id", "reset_ts"}
INSTANCE = {"enabled", "status", "context", "status_time", "parent", "session_id", "agent_id"}
INSTANCE |= {"directory", "transcript"}
EVENT = {"id", "ts", "type", "instance", "data"}


class Server(ThreadingHTTPServer):
    """It listens on loopback; where it is `forgetful`, it keeps of an instance only what the page
    has; where it is `hasty`, it answers a poll at once, with all states."""

    daemon_threads = True

    def __init__(self, forgetful: bool = False, hasty: bool = False):
        super().__init__(("127.0.0.1", 0), Answers)
        self.forgetful, self.hasty = forgetful, hasty
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.news = threading.Condition()
        self.at, self.over = time.time(), False
        self.states: dict[str, tuple] = {}  # of each device when it came, and what
        self.events: dict[str, list[tuple]] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address) -> None:
        """Who had gone before the answer is not told of."""

    def close(self) -> None:
        with self.news:
            self.over = True
            self.news.notify_all()
        self.shutdown()
        self.server_close()

    def push(self, device: str, body: dict) -> None:
        state, events = body["state"], body["events"]
        if set(body) != {"state", "events"} or set(state) != STATE:
            raise ValueError("not a push")
        for one in state["instances"].values():
            if INSTANCE - set(one):
                raise ValueError("not an instance")
            if self.forgetful:
                for key in set(one) - INSTANCE:
                    del one[key]
        if any(set(one) != EVENT for one in events):
            raise ValueError("not an event")
        with self.news:
            self.at = max(self.at + 0.001, time.time())
            self.states[device] = self.at, state
            self.events.setdefault(device, []).extend((self.at, one) for one in events)
            self.news.notify_all()

    def poll(self, since: float, timeout: float) -> dict:
        with self.news:
            if not self.hasty:
                self.news.wait_for(lambda: self.at > since or self.over, min(timeout, 25))
            devices = {
                device: {
                    "state": state,
                    "events": [one for at, one in self.events[device] if at > since],
                }
                for device, (at, state) in self.states.items()
                if at > since or self.hasty
            }
            return {"devices": devices, "ts": time.time()}


class Answers(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        given = {key: values[0] for key, values in parse_qs(asked.query).items()}
        if asked.path == "/version":
            self.say(200, {"v": 1})
        elif asked.path == "/poll" and set(given) == {"since", "timeout"}:
            self.say(200, self.server.poll(float(given["since"]), float(given["timeout"])))
        else:
            self.say(404, {"error": "no such thing"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            self.server.push(self.path.rpartition("/push/")[2], json.loads(body))
            self.say(200, {"ok": True})
        except (ValueError, KeyError) as error:
            self.say(400, {"error": str(error)})

    def say(self, status: int, said: dict) -> None:
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            status, said = 401, {"error": "who?"}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
