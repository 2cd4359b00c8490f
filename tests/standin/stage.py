"""Where the stand-in is run: a sealed home in which `hcom` knows it, terminals as a person sees
them, and what has reached its model."""

import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import unittest
from pathlib import Path

from hcom.adapters.base import WAKE_TEXT
from hcom.demo.terminal import Terminal
from tests.sealed import Home
from tests.standin import page

# The stand-in, as a program of the checkout that is its first argument.
CLIENT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from hcom.demo.client import main; main()"
)
PATIENCE_S = 30.0  # a loaded machine is slow, not wrong


class Stage(Home):
    """A home in which `hcom` is of the checkout at `place`, and `standin` is on the PATH."""

    def __init__(self, place: Path):
        super().__init__()
        self.place = place
        self.terminals: list[Terminal] = []
        self.sent: dict[int, str] = {}  # messages, and to whom
        self.writers: dict[str, int] = {}
        self.log = os.path.join(self.root, "log")
        self.program("hcom", f'exec "{sys.executable}" -I -S "{place}/hcom" "$@"')
        self.program(
            "standin",
            f"exec '{sys.executable}' -I -S -c '{CLIENT}' '{place}' \"$@\"",
        )
        self.env.update(STANDIN_LOG=self.log, TERM="xterm-256color")

    # -- terminals --

    def terminal(self, *argv: str, env=None) -> Terminal:
        """The program in a terminal of its own."""
        found = Terminal(argv, {**self.env, **(env or {})}, self.work)
        self.terminals.append(found)
        return found

    def until(self, true, what: str, seconds: float = PATIENCE_S):
        """What `true()` says, once it says something; screens and log where it does not."""

        def pumped():
            for terminal in self.terminals:
                terminal.pump()
            return true()

        try:
            return super().until(pumped, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.shown()}") from None

    def shown(self) -> str:
        """What there is to see, for who wants to know why something did not come."""
        screens = [f"-- {t.title!r} {t.ending}\n{t.text.strip()}" for t in self.terminals]
        paths = filter(os.path.exists, (self.log, f"{self.hcom_dir}/logs/hcom.log"))
        tails = [line[:400] for path in paths for line in Path(path).read_text("utf-8").split("\n")]
        return "\n".join([*screens, *tails, str(self.sql("SELECT * FROM deliveries"))])

    def gates(self, *names: str) -> None:
        """In the work folder `cat NAME` waits from now on, until `let`."""
        for name in names:
            os.mkfifo(os.path.join(self.work, name))

    def held(self, *names: str) -> None:
        """Somebody waits at each of the gates."""
        for name in names:
            self.until(lambda: self._writer(name), f"somebody waits at {name}")

    def let(self, *names: str) -> None:
        """Who waits there goes on."""
        for name in names:
            os.close(self.writers.pop(name))

    def _writer(self, name: str) -> bool:
        try:
            path = os.path.join(self.work, name)
            self.writers[name] = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False  # without a reader
        return True

    def keep_payloads(self, events) -> None:
        """What hooks of these events are told is kept in the file `payloads`, a line each."""
        keep = {"type": "command", "command": '{ cat; echo; } >>"$HOME/payloads"', "timeout": 10}
        os.mkdir(os.path.join(self.root, ".standin"))
        page.write(
            os.path.join(self.root, ".standin", "settings.json"),
            json.dumps({"hooks": {event: [{"hooks": [keep]}] for event in events}}),
        )

    # -- agents --

    def launched(self, *words: str, env=None) -> tuple[str, Terminal]:
        """A client in front of its wrapper, idle unless it was given a prompt; the agent's name."""
        terminal = self.terminal("hcom", "standin", *words, env=env)
        running = re.compile("standin: (idle|busy|asking)")
        self.until(lambda: running.match(terminal.title) or terminal.ending, "the client runs")
        if terminal.ending:
            raise AssertionError(f"the client has ended\n{self.shown()}")
        return self.agents()[-1], terminal

    def agents(self) -> list[str]:
        """Who has ever taken part, oldest first."""
        try:
            return [name for (name,) in self.sql("SELECT name FROM agents ORDER BY created_at")]
        except sqlite3.OperationalError:
            return []  # nobody yet

    def facts(self, name: str) -> dict:
        """What `list` says of the agent."""
        listed = map(json.loads, self.said("list", "--json").splitlines())
        return next((one for one in listed if one["base_name"] == name), {})

    def idle(self, name: str) -> None:
        """The agent's turn is over."""
        self.until(lambda: self.column(name, "status") == "listening", f"{name} is idle")

    def bells(self, name: str) -> set[str]:
        """Who has a doorbell for the agent: its wrapper, a waiter, a command that listens."""
        entries = os.listdir(os.path.join(self.hcom_dir, "run", "bells"))
        return {entry for entry in entries if entry.startswith(f"{name}.")}

    def waiter(self, name: str, but=()) -> set[str]:
        """The doorbells for the agent, when there is one that was not in `but`."""
        self.until(lambda: self.bells(name) - set(but), f"somebody else waits for {name}")
        return self.bells(name)

    def wrapper(self) -> int:
        """The process of the only wrapper, once it has noted that."""

        def noted() -> list[int]:
            found = Path(self.hcom_dir, ".agents/known").glob("*.json")
            return [pid for path in found if (pid := json.loads(path.read_text())["wrapper"])]

        self.until(noted, "a wrapper")
        return noted()[0]

    def kill(self, pid: int, number: int) -> None:
        """The process of an agent's client or wrapper gets that signal; it is one, and no group."""
        if pid <= 1:
            raise AssertionError(f"{pid} is no process of this home\n{self.shown()}")
        os.kill(pid, number)

    def column(self, name: str, column: str):
        """What the database says of the agent."""
        rows = self.sql(f"SELECT {column} FROM agents WHERE name = ?", name)
        return rows[0][0] if rows else None

    # -- messages --

    def send(self, to: str, text: str = "hello") -> int:
        """A message for the agent `to`; its number."""
        said = self.said("send", "--from", "ci", f"@{to}", "--", text)
        number = int(re.search(r"#(\d+)", said)[1])
        self.sent[number] = to
        return number

    def lines(self) -> list[dict]:
        """The log of the stand-ins."""
        try:
            with open(self.log, encoding="utf-8") as stream:
                return [json.loads(line) for line in stream]
        except FileNotFoundError:
            return []

    def requests(self) -> list[dict]:
        """The requests to the model, oldest first."""
        return [line for line in self.lines() if "fresh" in line]

    def ran(self) -> list[str]:
        """The commands that the client has run."""
        return [line["ran"] for line in self.lines() if "ran" in line]

    def channels(self, number: int) -> list[str]:
        """By which channel the message reached a model, each time that it did."""
        mark = f"[hcom message #{number} "
        return [
            fresh["by"]
            for request in self.requests()
            for fresh in request["fresh"]
            for _ in range(fresh["text"].count(mark))
        ]

    def request_of(self, number: int) -> dict:
        """The request with which the message reached a model."""
        mark = f"[hcom message #{number} "
        return next(one for one in self.requests() if mark in json.dumps(one, ensure_ascii=False))

    def typed(self) -> list[str]:
        """What the client has read from its terminal."""
        return [line["typed"] for line in self.lines() if "typed" in line]

    def arrived(self, *numbers: int) -> None:
        """The model was asked with each of the messages."""
        self.until(lambda: all(map(self.channels, numbers)), f"{numbers} at the model")

    def states(self) -> dict[int, str]:
        """How far each message has come, by its number."""
        return dict(self.sql("SELECT event_id, state FROM deliveries"))

    # -- the end --

    def all_gone(self) -> None:
        """Nothing of what was started here runs any more."""
        self.until(lambda: not self.left(), "nothing is left")

    def left(self) -> list[int]:
        """The processes of this home that still run."""
        mine = f"HOME={self.root}\0".encode()
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
            try:
                with open(f"/proc/{pid}/environ", "rb") as stream:
                    if mine in b"\0" + stream.read():
                        found.append(int(pid))
            except OSError:
                continue
        return found

    def remove(self) -> None:
        self.let(*list(self.writers))
        for pid in self.left():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for terminal in self.terminals:
            terminal.close()
        self.all_gone()
        super().remove()


class Staged(unittest.TestCase):
    """Tests of the stand-in; each message has reached the model exactly once at their end."""

    place: Path
    tests: str
    without: tuple[str, ...] = ()  # parts that the adapter is to do without

    @classmethod
    def setUpClass(cls):
        cls.place = Path(tempfile.mkdtemp(prefix="hcom-page-"))
        cls.addClassCleanup(shutil.rmtree, cls.place)
        cls.tests = page.follow(cls.place)
        for part in cls.without:
            (cls.place / "hcom" / "adapters" / "standin" / f"{part}.py").unlink()

    def setUp(self):
        self.stage = Stage(self.place)
        self.addCleanup(self.stage.remove)

    def once(self) -> None:
        """All that was sent in this test has reached a model once, and that is known."""
        stage = self.stage
        stage.arrived(*stage.sent)
        wanted = dict.fromkeys(stage.sent, "seen")
        stage.until(lambda: stage.states().items() >= wanted.items(), "all are seen")
        for number in stage.sent:
            channels = stage.channels(number)
            self.assertEqual(len(channels), 1, f"#{number} {channels}\n{stage.shown()}")

    def joined(self, *words: str):
        """An idle client that hcom did not launch; the agent that it is, and its terminal."""
        stage = self.stage
        stage.said("hooks", "add", "standin")
        terminal = stage.terminal("standin", *words, "RUN: hcom start")
        [name] = stage.until(stage.agents, "it takes part")
        stage.idle(name)
        return name, terminal

    def pushed(self, name: str, others=()) -> None:
        """Messages reach the agent by a hook of its client's that waits in the background."""
        stage, known = self.stage, set(others)
        for _ in range(2):
            known |= stage.waiter(name, known)
            sent = stage.send(name)
            stage.arrived(sent)
            stage.idle(name)
            prompt = f"pushed: {WAKE_TEXT}"
            self.assertIn({"by": "user", "text": prompt}, stage.request_of(sent)["fresh"])
        self.once()
