"""A world with hcom's agents in it, and hcom as a person at another terminal uses it."""

import json
import re
import time
import unittest
from pathlib import Path

from tests.rig.settings import Permissions
from tests.rig.world import World

ANSWER = (
    r"\[hcom message #(\d+) from (\w+) · request",
    r"RUN: hcom send @\2 --reply-to \1 -- pong-\1",
)
MESSAGE = re.compile(r"\[hcom message #(\d+) ")


def entered(test: unittest.TestCase, room: "Room"):
    """The room, open until the test is over."""
    room.__enter__()
    test.addCleanup(room.__exit__, None, None, None)
    return room


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

    def agents(self) -> list[dict]:
        return [json.loads(line) for line in self.hcom("list", "--json").splitlines()]

    def listed(self) -> dict[str, dict]:
        return {agent["base_name"]: agent for agent in self.agents()}

    def session(self, name: str) -> str:
        return self.listed()[name]["session_id"]

    def agent_of(self, key: str) -> dict:
        """The agent, by what this room's tests know it by; {} when there is none yet."""
        return self.listed().get(key, {})

    def until(self, wanted, timeout: float = 0):
        """What `wanted()` says, once it says something."""
        end = time.monotonic() + (timeout or self.patience)
        while not (found := wanted()):
            if time.monotonic() > end:
                raise AssertionError(
                    f"never: {wanted}\n{self.hcom('list', '-v')}"
                    f"{self.hcom('events', '--last', '30')}"
                )
            time.sleep(0.1)
        return found

    def until_status(self, key: str, status: str) -> dict:
        return self.until(lambda: (a := self.agent_of(key)).get("status") == status and a)

    def told(self, session: str) -> list[int]:
        """The ids of the messages that the model of a session has been shown, each as often."""
        requests = self.world.model.requests(session=session)
        return [int(i) for i in MESSAGE.findall(requests[-1].text) if i != "0"] if requests else []

    def received(self, session: str, message: int, timeout: float = 20):
        """The request that first carried the message to the session's model."""
        return self.world.model.until(f"[hcom message #{message} ", timeout, session=session)


def is_ours(world: World, pid: int) -> bool:
    """Whether the process is hcom's own, in this world."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
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
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {pid}
    while more := {p for p, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}
