"""A world with hcom's agents in it, and hcom as a person at another terminal uses it."""

import json
import re
import sqlite3
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from tests.rig.settings import Permissions
from tests.rig.world import World
from tests.waiting import looks

ANSWER = (
    r"\[hcom message #(\d+) from (\w+) · request",
    r"RUN: hcom send @\2 --reply-to \1 -- pong-\1",
)
# A person who has typed within 2 s, and a screen that has just changed, hold a wake back by
# themselves; later only what is there does.
PASSED_S = 2.5
LIST_S = 1.0  # between two `hcom list`, of which each is a process
MESSAGE = re.compile(r"\[hcom message #(\d+) ")


AGENTS = """
SELECT name AS base_name, CASE tag WHEN '' THEN name ELSE tag || '-' || name END AS name,
       tool, status, detail AS status_detail, directory, session AS session_id
FROM agents WHERE stopped_at IS NULL ORDER BY created_at, base_name
"""


def rows(hcom_dir: Path | str, statement: str, *params) -> list[sqlite3.Row]:
    """Rows of the database in that folder, read from outside; [] before there is one."""
    try:
        db = sqlite3.connect(f"file:{hcom_dir}/hcom.db?mode=ro", uri=True, timeout=10)
    except sqlite3.OperationalError:
        return []
    try:
        db.row_factory = sqlite3.Row
        being_made = not db.execute("PRAGMA user_version").fetchone()[0]
        return [] if being_made else db.execute(statement, params).fetchall()
    finally:
        db.close()


def entered(test: unittest.TestCase, room: "Room"):
    """The room, open until the test is over."""
    room.__enter__()
    test.addCleanup(room.__exit__, None, None, None)
    return room


def kept(test: unittest.TestCase, make: Callable[[], "Room"]) -> "Room":
    """The room that the tests of a class use one after another; made anew where the test before
    did not leave it fit."""
    kind = type(test)
    room = kind.__dict__.get("kept_room")
    if room and room.is_fit():
        return room
    if room:
        room.world.end()
    kind.kept_room = room = make()
    room.__enter__()
    kind.addClassCleanup(room.world.end)
    return room


def shares(test):
    """A decorator: the test uses the room that its class keeps, so it runs with those that do."""
    test.shares_room = True
    return test


class Room:
    """A world with sessions of one client in it; subclasses say which, and what is their own."""

    tool = "claude"
    patience = 20  # seconds

    def __init__(self, permissions: Permissions = Permissions.FREE, client: str = ""):
        self.world = World({self.tool: client or self.tool}, permissions)
        self.hcom_dir = self.world.hcom_dir

    def __enter__(self) -> "Room":
        self.world.__enter__()
        if "claude" in self.world.tools:
            # before any client runs: it writes the file that holds the trust, too
            for name in ("luna", "nova", "kira", "shell", "a1", "a9", "a15"):
                self.folder(name)
        return self

    def __exit__(self, *error) -> None:
        self.world.__exit__(*error)

    def folder(self, pane: str) -> Path:
        return self.world.project(f"p-{pane}")

    def agent(self, pane: str, *args: str, tool: str = "", **more):
        """`hcom TOOL` in a pane and a folder of its own; of Claude, the agent gets that name."""
        tool = tool or self.tool
        more.setdefault("cwd", self.folder(pane))
        return getattr(self.world, tool)(pane, ["hcom", tool, *args], **more)

    def hcom(self, *args: str, stdin: str = "", **more) -> str:
        done = self.world.run(["hcom", *args], stdin=stdin, **more)
        if done.returncode:
            raise AssertionError(f"hcom {args}: {done.returncode} {done.stdout}{done.stderr}")
        return done.stdout

    def send(self, text: str, *flags: str) -> int:
        """A message from outside; its id."""
        return int(
            re.search(
                r"sent #(\d+)", self.hcom("send", "--from", "ci", *flags, "--stdin", stdin=text)
            )[1]
        )

    def log(self, what: str) -> list[dict]:
        """What hcom's processes have noted under that name."""
        path = self.hcom_dir / "logs/hcom.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if line.get("event") == what]

    def rows(self, statement: str, *params) -> list[sqlite3.Row]:
        """Rows of the database, read from outside and without a process; [] before there is one."""
        return rows(self.world.hcom_dir, statement, *params)

    def events(self, where: str = "true") -> list[dict]:
        """The events as `hcom events` prints them, oldest first."""
        found = self.rows(
            "SELECT id, type, instance, (SELECT data FROM events WHERE id = events_v.id) AS data "
            f"FROM events_v WHERE {where} ORDER BY id"
        )
        return [{**dict(row), "data": json.loads(row["data"])} for row in found]

    def agents(self) -> list[dict]:
        """Who takes part, as the database has it, by some of the names that `hcom list` gives."""
        return [dict(row) for row in self.rows(AGENTS)]

    def listed(self) -> dict[str, dict]:
        return {agent["base_name"]: agent for agent in self.agents()}

    def reported(self) -> list[dict]:
        """Who takes part, as `hcom list` says: it asks the clients, too."""
        return [json.loads(line) for line in self.hcom("list", "--json").splitlines()]

    def session(self, name: str) -> str:
        return self.listed()[name]["session_id"]

    def agent_of(self, key: str, agents: list[dict] | None = None) -> dict:
        """The agent, by what this room's tests know it by; {} when there is none yet. Of `agents`,
        by default those in the database."""
        known = self.agents() if agents is None else agents
        return next((agent for agent in known if self.is_called(key, agent)), {})

    def is_called(self, key: str, agent: dict) -> bool:
        return agent["base_name"] == key

    def until(self, wanted, timeout: float = 0):
        """What `wanted()` says, once it says something."""
        for _ in looks(timeout or self.patience):
            if found := wanted():
                return found
        raise AssertionError(
            f"never: {wanted}\n{self.hcom('list', '-v')}{self.hcom('events', '--last', '30')}"
        )

    def until_status(self, key: str, status: str, timeout: float = 0) -> dict:
        """The agent, once `hcom list` shows it so. That is asked when the database says the same;
        otherwise seldom, for only there a client shows that died or that Esc stopped."""
        asked = time.monotonic()

        def shown() -> dict:
            nonlocal asked
            known = self.agent_of(key).get("status") == status
            if not known and time.monotonic() < asked + LIST_S:
                return {}
            asked = time.monotonic()
            agent = self.agent_of(key, self.reported())
            return agent if agent.get("status") == status else {}

        return self.until(shown, timeout)

    def pays_nothing_for(self, test: unittest.TestCase, pane: str) -> None:
        """The one agent, whose client runs no hooks, is sent a message: that is said, and its model
        is asked nothing."""
        [agent] = self.agents()
        done = self.world.run(["hcom", "send", "--from", "ci", f"@{agent['name']} hello"])
        test.assertIn("no hooks heard yet", done.stderr)
        self.until(lambda: "not woken: no hooks heard yet" in self.hcom("list"))
        test.assertEqual(self.world.model.requests(), [])
        test.assertIn("runs no hooks", self.hcom("status", cwd=self.folder(pane)))
        test.assertEqual(len(self.log("wake.done")), 0)

    def considered(self, *names: str) -> None:
        """The wrappers of these agents have looked at their mail and done about it what they will:
        each shows its screen in a turn of its loop, and in that it decides."""
        time.sleep(PASSED_S)
        for name in names:
            for _ in range(2):  # what it decides in the first turn is done by the second
                self.hcom("term", name)

    def told(self, session: str) -> list[int]:
        """The ids of the messages that the model of a session has been shown, each as often."""
        requests = self.world.model.requests(session=session)
        return [int(i) for i in MESSAGE.findall(requests[-1].text) if i != "0"] if requests else []

    def received(self, session: str, message: int, timeout: float = 20):
        """The request that first carried the message to the session's model."""
        return self.world.model.until(f"[hcom message #{message} ", timeout, session=session)


def is_ours(world: World, pid: int | str) -> bool:
    """Whether the process is hcom's own, in this world."""
    try:
        line = (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
        )
        env = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"HCOM_DIR={world.hcom_dir}".encode() in env and "hcom" in line.split("hw-")[0]


def ours(world: World) -> list[str]:
    """The command lines of hcom's own processes in this world."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [command(pid) for pid in found if is_ours(world, pid)]


def besides_wrappers(world: World) -> list[str]:
    return [line for line in ours(world) if " wrapped " not in line]


def command(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
    return f"{pid} {line}"


def cpu(pid: int) -> list[str]:
    """The clock ticks (10 ms) that the process has used, in user mode and in the kernel."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]


def descendants(pid: int) -> set[int]:
    """The processes below `pid`."""
    below: set[int] = set()
    for told in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = {int(child) for child in told.read_text().split()}
        except OSError:
            continue  # a thread that is gone by now
        below |= children.union(*map(descendants, children))
    return below
