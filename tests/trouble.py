"""Machines in trouble: each worker a process of its own with a clock of its own, and between them
and the server a proxy that loses, doubles, delays and cuts."""

import http.client
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hcom import config
from hcom.bus.message import INSTANCE, Envelope, Sender
from hcom.delivery import bell
from hcom.home import Home, create, keep
from hcom.hub import devices, mail, people
from hcom.store import agents, deliveries
from hcom.store.connect import open_db, transaction
from hcom.store.deliveries import Into
from tests.relay import ROOT, TOKEN

# What a process does on a machine whose clock is that far off.
CODE = f"""\
import sys, time
right, skew = time.time, float(sys.argv[1])
time.time = lambda: right() + skew
sys.path.insert(0, {ROOT!r})
from hcom.home import locate
import os
home = locate(os.environ)
"""
WORK = CODE + "from hcom.relay import main\nmain.run(home, dict(os.environ))\n"
# The same, with a shorter breath: it asks for polls that are held so long, and gives them up then.
BRISK = CODE + (
    "from hcom.relay import client, main, worker\n"
    "client.HOLD_S, worker.PUSH_S, worker.POLL_S = 2, 3, 4\n"
    "main.run(home, dict(os.environ))\n"
)
RESET = CODE + (
    "from hcom.hub import archive\narchive.reset(home, time.time(), set(sys.argv[2].split()))\n"
)


class Proxy(ThreadingHTTPServer):
    """Requests to the server at `port` go through, or worse."""

    daemon_threads = True

    def __init__(self, port: int, seed: int):
        super().__init__(("127.0.0.1", 0), Through)
        self.behind, self.random = port, random.Random(seed)
        self.cut, self.calm, self.kept = False, False, []
        self.hole, self.over = False, threading.Event()
        self.done: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address) -> None:
        """Nobody is told: that a link broke is what this is for."""

    def close(self) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()

    def forward(self, method: str, path: str, headers: dict, body: bytes):
        link = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=60)
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()


class Through(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self.through(b"")

    def do_POST(self) -> None:
        self.through(self.rfile.read(int(self.headers["Content-Length"])))

    def is_swallowed(self) -> bool:
        """Whether nothing comes through; who asked then never hears of it."""
        if self.server.hole:
            self.server.done[self.path.partition("&")[0]] += 1
            self.server.over.wait()
        return self.server.hole or self.server.over.is_set()

    def through(self, body: bytes) -> None:
        server, asked = self.server, (self.command, self.path, {**self.headers}, body)
        luck = 0.5 if server.calm else server.random.random()
        self.close_connection = True
        if self.is_swallowed():
            return
        if server.cut or luck < 0.1:
            server.done["lost before"] += 1
            return
        if server.calm:
            body = b""  # nothing is done to it
        if body and luck < 0.4:
            server.kept.append(asked)
        if server.kept and luck > 0.6:  # an old one comes once more, behind newer ones
            server.done["late"] += 1
            server.forward(*server.kept.pop(server.random.randrange(len(server.kept))))
        status, said = server.forward(*asked)
        if body and 0.4 < luck < 0.6:
            server.done["twice"] += 1
            status, said = server.forward(*asked)
        if self.is_swallowed():
            return
        if server.cut or luck > 0.9:
            server.done["lost after"] += 1
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


class Machine:
    """A home with two agents, and its worker; what each of them was sent, and what it got."""

    WORK = WORK

    def __init__(self, url: str, skew: float, device: str = ""):
        self.skew, self.place = skew, os.path.realpath(tempfile.mkdtemp(prefix="hcom-trouble-"))
        self.home = Home(os.path.join(self.place, ".hcom"), self.place)
        self.due: Counter[tuple[str, str]] = Counter()
        self.got: Counter[tuple[str, str]] = Counter()
        create(self.home)
        if device:
            keep(self.home.kept(devices.FILE), device)
        for key, value in (("HCOM_RELAY", url), ("HCOM_RELAY_TOKEN", TOKEN)):
            config.write_all(self.home, {key: value})
        with self.db() as db:
            self.id = devices.begin(db).id
            for name in ("luna", "nova"):
                people.join(db, "claude", self.now, name=name)
        self.env = {"HCOM_DIR": self.home.root, "HOME": self.place, "PATH": os.environ["PATH"]}
        self.worker = self.begun(self.WORK)

    def begun(self, code: str, *words: str) -> subprocess.Popen:
        argv = [sys.executable, "-I", "-S", "-c", code, str(self.skew), *words]
        return subprocess.Popen(argv, env=self.env)

    def close(self) -> None:
        self.worker.kill()
        self.worker.wait()

    def db(self):
        return open_db(self.home, 30.0)

    @property
    def now(self) -> float:
        return time.time() + self.skew

    def names(self) -> "list[str]":
        """The agents of other machines."""
        with self.db() as db:
            return [agent.name for agent in agents.everywhere(db) if agent.device]

    def label_of(self, other: "Machine") -> str:
        """What this machine's luna is called on the other."""
        return next(name for name in other.names() if name.startswith("luna:"))

    def say(self, text: str, to=(), who: str = "luna") -> "list[tuple[str, str]]":
        """It is sent; the (device, name) that it has to reach."""
        with self.db() as db:
            places = {a.name: a.device for a in agents.everywhere(db)}
            sent = mail.send(db, Sender(who, INSTANCE, ""), text, list(to), Envelope(), self.now)
        bell.ring(self.home, [bell.RELAY], bell.NOW)
        return [(places[name] or self.id, name.partition(":")[0]) for name in sent.to]

    def read(self) -> None:
        """All that came is taken, as hooks do."""
        for name in ("luna", "nova"):
            with self.db() as db:
                agent = agents.find(db, name)
                with transaction(db):
                    leased = mail.lease(db, agent, Into(), 0, self.now)
                if not leased.ids:
                    continue
                mail.delivered(db, name, leased.ids, self.now)
                with transaction(db):
                    mail.settle(db, name, leased.ids, ())
            for one in leased.messages:
                self.got[name, one.text] += 1
        bell.ring(self.home, [bell.RELAY], bell.NOW)

    def reset(self) -> None:
        done = self.begun(RESET, "luna nova")
        if done.wait(60):
            raise AssertionError("no reset")

    def open_mail(self) -> "list[tuple]":
        """What is not said to be seen, of what was sent to others."""
        with self.db() as db:
            rows = db.execute(
                "SELECT event_id, agent, state, channel FROM deliveries "
                "WHERE instr(agent, ':') AND state <> ?",
                (deliveries.SEEN,),
            )
            return [tuple(row) for row in rows]


class Brisk(Machine):
    """One whose worker is quicker to give up."""

    WORK = BRISK
