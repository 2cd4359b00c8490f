"""An agent in Codex's real sandbox that writes all that it may, and what then happens outside."""

import json
import os
import re
import socket
import sqlite3
import sys
import unittest
from collections import Counter
from pathlib import Path

from tests import racing
from tests.rig.clients import requires
from tests.rig.room import kept, ours, shares
from tests.rig.settings import Permissions
from tests.test_codex_live import DONE, Codex, Live, reviewed

TRIES = int(os.environ.get("HCOM_TEST_RACES", "1000"))  # by hand: 20000 take eight minutes
REAL = TRIES // 10  # of these, as programs of their own
AT_ONCE = 4
OWN = re.compile(r"^(logs|recorder)$|\.lock$")  # what commands of ours make and take away

# A home of Codex's whose settings run a program, and the row of an agent that is idle in it.
EVIL = """model_provider = "x"
[model_providers.x]
name = "x"
base_url = "http://127.0.0.1:9/v1"
wire_api = "responses"
[model_providers.x.auth]
command = "probe"
"""
FORGERY = """import json, os, sqlite3, time
evil = os.getcwd() + "/evil"
row = {
    "name": "prey",
    "tool": "codex",
    "session": "01a202fe-0b64-70b3-a0d5-5f400e675cb9",
    "pid": 1,
    "status": "listening",
    "status_at": time.time(),
    "created_at": time.time(),
    "client": json.dumps({"home": evil}),
    "transcript": evil + "/transcript",
    "directory": evil,
}
with sqlite3.connect(os.environ["HCOM_DIR"] + "/hcom.db") as db:
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO agents ({', '.join(row)}) VALUES ({marks})", list(row.values()))
"""


class Cell(Codex):
    """One started Codex, whose agent is luna, and canaries outside its sandbox."""

    asked = 0

    def __init__(self):
        super().__init__(Permissions.STOCK)

    def __enter__(self) -> "Cell":
        super().__enter__()
        self.outside = self.world.root / "outside"
        self.outside.mkdir()
        self.ran = self.world.home / "ran"
        self.world.shim("probe", f"#!/bin/sh\necho out > {self.ran}\n")
        self.work = self.world.project("work")
        (self.work / "evil").mkdir()
        (self.work / "evil/config.toml").write_text(EVIL)
        (self.work / "forgery").write_text(FORGERY)
        self.luna = self.agent("luna", cwd=self.work)
        return self

    def is_fit(self) -> bool:
        return True

    def run(self, *commands: str) -> None:
        """The agent runs each, one after another, in one turn."""
        self.begin(*commands)
        self.luna.until(rf"^• done-{self.asked}$", 60 + 2 * racing.LONG_S * len(commands))

    def begin(self, *commands: str) -> None:
        self.asked += 1
        lines = "".join(f"RUN: {command}\n" for command in commands)
        self.luna.ask(f"{lines}SAY: done-{self.asked}")


@requires("codex")
class Inmate(unittest.TestCase):
    def setUp(self):
        self.cell = kept(self, Cell)

    def settle(self) -> None:
        """What was left behind is done."""
        cell, recorder = self.cell, self.cell.hcom_dir / "run/recorder"
        cell.until(lambda: "/hcom wake " not in str(ours(cell.world)) and not recorder.exists(), 40)

    @shares
    def test_a_row_of_its_starts_nothing_outside(self):
        cell = self.cell
        for command in (
            "python3 forgery",
            "probe; true",
            "echo x >> $HCOM_DIR/.agents/known/x.json; true",
            "mkdir $HCOM_DIR/.agents/x; mv $HCOM_DIR/.agents $HCOM_DIR/x; true",
            "hcom send @prey -- hi",
            "hcom list",
        ):
            cell.run(command)
        self.assertIn("prey", cell.hcom("list"))
        self.settle()
        self.assertFalse(cell.ran.exists())
        self.assertFalse((cell.hcom_dir / ".agents/known/x.json").exists())
        self.assertFalse((cell.hcom_dir / ".agents/x").exists())

    def canaries(self) -> tuple[int, socket.socket]:
        """What lies outside, of each kind that can tell that it was touched; of two, an end."""
        outside = self.cell.outside
        (outside / "letter").write_text("a letter of the person's\n")
        (outside / "folder").mkdir()
        os.mkfifo(outside / "bell")
        (outside / "config.toml").write_text(EVIL)
        with sqlite3.connect(outside / "other.db") as db:
            db.execute("CREATE TABLE agents (theirs)")
        db.close()
        bell = os.open(outside / "bell", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, bell)
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(outside / "socket"))
        listener.listen()
        listener.setblocking(False)
        return bell, listener

    def seen_outside(self) -> dict[Path, tuple]:
        """Whatever an inmate must not reach, and all that changes when it is touched."""
        cell = self.cell
        found: dict[Path, tuple] = {}
        for path in (
            cell.outside,
            *cell.outside.rglob("*"),
            *(cell.hcom_dir / ".agents").rglob("*"),
            *cell.world.bin.iterdir(),
            *cell.work.glob("evil/*"),
        ):
            stat = path.lstat()
            data = path.read_bytes() if path.is_file() and path.parent == cell.outside else b""
            found[path] = (stat.st_ino, stat.st_mode, stat.st_nlink, stat.st_ctime_ns, data)
        for folder in (cell.world.root, cell.world.home, cell.hcom_dir, cell.hcom_dir / "run"):
            found[folder] = tuple(n for n in sorted(os.listdir(folder)) if not OWN.search(n))
        return found

    @shares
    @unittest.skipUnless(sys.platform == "linux", "renameat2 is Linux's")
    def test_an_exchange_at_any_moment_reaches_nothing_outside(self):
        cell, outside = self.cell, self.cell.outside
        bell, listener = self.canaries()
        program = f"python3 {racing.__file__}"
        cell.hcom("list", "--json")
        cell.run(f"{program} door {outside} > door")
        self.assertEqual((cell.work / "door").read_text(), "")
        cell.world.run([*program.split(), "outside", "20", "1"], timeout=60).check_returncode()
        before, stop = self.seen_outside(), cell.work / "stop"
        cell.begin(*[f"{program} inmate {outside} {stop}"] * (1 + TRIES // 500))
        cell.until((cell.work / "raced").exists)
        words = [*program.split(), "outside", str(TRIES // AT_ONCE), str(REAL // AT_ONCE)]
        others = [cell.world.start(words) for _ in range(AT_ONCE)]
        came: Counter = Counter()
        for other in others:
            done = other.wait(racing.HUNG_S * 4 + TRIES)
            self.assertEqual(done.returncode, 0, done.stderr)
            told = json.loads(done.stdout)
            self.assertEqual(told["hung"], [])
            came.update(told["came"])
        stop.touch()
        cell.luna.until(rf"^• done-{cell.asked}$", 60 + racing.LONG_S)
        self.assertEqual(set(came), {"ok", "refused"})
        self.assertGreater(min(came.values()), TRIES / 50, came)
        self.settle()
        after = self.seen_outside()
        changed = {p: (before.get(p), after.get(p)) for p in {*before, *after}}
        touched = {str(path): was for path, was in changed.items() if was[0] != was[1]}
        self.assertEqual(touched, {}, touched)
        self.assertFalse(cell.ran.exists())
        with self.assertRaises(BlockingIOError):
            listener.accept()
        self.assertEqual(os.read(bell, 9), b"")


@requires("codex")
class Unlaunched(Live):
    def test_one_is_woken_by_the_other(self):
        room = self.room()
        room.hcom("hooks", "add", "codex")
        luna = reviewed(room)
        nova = room.world.codex("nova", ["codex", "--no-daemon"])
        for pane in (luna, nova):
            asked = pane.ask("RUN: hcom start\nSAY: all-ok")
            pane.until(DONE)
            named = room.until_status(asked.session, "listening")
        luna.ask(f"RUN: hcom send @{named['name']} -- hello there\nSAY: all-sent")
        luna.until("^• all-sent$")
        room.until(lambda: room.told(named["session_id"]), 30)
        # By the first ring, for the second one does nothing: Codex ends whatever a command of its
        # agent leaves behind, but for what is in a session of its own.
        rings = [e for e in room.log("wake.done") if e["agent"] == named["name"]]
        self.assertLess(len(rings), 3)
