"""A sealed home for tests: hcom as people and agents run it, nothing of the tester's own."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from hcom import log
from tests.waiting import looks

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


# A process that stands for a client: it runs each command that it reads, and says what came of it.
# One with streams (0, 1 and 2, by path) is only begun, and asked about later by its process.
CLIENT = """\
import json, subprocess, sys
begun = {}
for line in sys.stdin:
    argv, env, given, streams, asked = json.loads(line)
    if asked:
        said = begun[asked].poll()
    elif streams:
        files = [open(path, mode) for path, mode in zip(streams, ("rb", "wb", "wb"))]
        one = subprocess.Popen(argv, 0, None, *files, env=env)
        [file.close() for file in files]
        begun[one.pid], said = one, one.pid
    else:
        done = subprocess.run(argv, env=env, input=given, capture_output=True, text=True)
        said = [argv, done.returncode, done.stdout, done.stderr]
    print(json.dumps(said), flush=True)
"""


def ask(client, argv=(), env=None, given: str = "", streams=(), asked: int = 0):
    """What a process that runs CLIENT says."""
    client.stdin.write(json.dumps([argv, env, given, streams, asked]) + "\n")
    client.stdin.flush()
    return json.loads(client.stdout.readline())


class Begun:
    """A process that a client has begun: with these descriptors of this process as its streams."""

    def __init__(self, client, argv, env, *streams: int):
        paths = [f"/proc/{os.getpid()}/fd/{fd}" for fd in streams]
        self.client, self.pid = client, ask(client, argv, env, streams=paths)

    def poll(self) -> "int | None":
        return ask(self.client, asked=self.pid)

    def wait(self, seconds: float = 30.0) -> int:
        for _ in looks(seconds):
            code = self.poll()
            if code is not None:
                return code
        raise subprocess.TimeoutExpired(str(self.pid), seconds)

    def kill(self) -> None:
        if self.client.poll() is None and self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


class Home:
    """A temporary home directory; `hcom` on its PATH is this checkout."""

    def __init__(self):
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="hcom-test-"))
        self.hcom_dir = os.path.join(self.root, ".hcom")
        self.work = os.path.join(self.root, "work")
        folder = os.path.join(self.root, "bin")
        for path in (self.work, folder):
            os.mkdir(path)
        # as hooks run it: without site, which takes as long as half the commands
        self.program("hcom", f'exec "{sys.executable}" -I -S "{ROOT}/hcom" "$@"')
        self.clients = {}
        self.env = {
            "HOME": self.root,
            "HCOM_DIR": self.hcom_dir,
            "PATH": f"{folder}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PWD": self.work,
            "TMPDIR": self.root,
            "AI_AGENT": "claude-code_2-1-332_harness",  # Claude Code tells its hooks
        }

    def program(self, name: str, code: str) -> None:
        """A shell script of that name is on the PATH."""
        path = os.path.join(self.root, "bin", name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f"#!/bin/sh\n{code}\n")
        os.chmod(path, 0o755)

    def stand_in(self, tool: str, code: str) -> None:
        """The same in the place of a client, which says its version at once when it is asked."""
        self.program(tool, f'[ "$1" = --version ] && exec echo 9.9.9\n{code}')

    def remove(self) -> None:
        """The directory is gone, and all that would make it anew: who was left behind in it, and
        the log of what ran in this process."""
        log.to("")
        for _ in looks(10):
            left = self.inmates()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.root, ignore_errors=True)
            if not left and not os.path.exists(self.root):
                return
        raise AssertionError(f"{self.root} stays; processes: {left}")

    def inmates(self) -> list[int]:
        """The processes whose environment names this home; none where there is no /proc."""
        mine = self.root.encode()
        found = []
        for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
            try:
                with open(f"/proc/{int(entry)}/environ", "rb") as stream:
                    if mine in stream.read():
                        found.append(int(entry))
            except (ValueError, OSError):
                continue  # no process, another's, or gone by now
        return found

    def run(self, *args, stdin: str | None = None, env=None, timeout: float = 60.0):
        """One hcom command, to its end."""
        return subprocess.run(
            ["hcom", *args],
            env={**self.env, **(env or {})},
            cwd=self.work,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def client(self, env=None) -> subprocess.Popen:
        """A process that stands for a client, `within` which commands and hooks run."""
        client = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", CLIENT],
            env={**self.env, **(env or {})},
            cwd=self.work,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.clients[client.pid] = client
        return client

    def within(
        self, client: subprocess.Popen, *argv: str, session: str = "", env=None, given: str = ""
    ):
        """A command that the client has run, as Claude Code does where a `session` is named."""
        around = {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": session} if session else {}
        around |= {"CLAUDE_PID": str(client.pid)} if session else {}
        env = {**self.env, **around, **(env or {})}
        return subprocess.CompletedProcess(*ask(client, argv, env, given))

    def said(self, *args, **kwargs) -> str:
        """The output of a command that must succeed."""
        done = self.run(*args, **kwargs)
        if done.returncode:
            raise AssertionError(f"hcom {args}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self) -> str:
        """One more agent without hooks takes part; its name."""
        return self.new(lambda: self.said("start"))

    def new(self, act) -> str:
        """The agent that takes part after `act()` and did not before."""
        before = set(self.known())
        act()
        return (set(self.known()) - before).pop()

    def known(self) -> list[str]:
        """The agents, as the database has them."""
        there = os.path.exists(os.path.join(self.hcom_dir, "hcom.db"))
        named = "SELECT name FROM agents WHERE stopped_at IS NULL"
        return [name for (name,) in self.sql(named)] if there else []

    def names(self) -> list[str]:
        """The agents, as `list` shows them."""
        return [json.loads(line)["name"] for line in self.said("list", "--json").splitlines()]

    def hook(self, tool: str, event: str, payload: dict, pid: int = 0, env=None) -> str:
        """What one hook call of a client prints: of the process `pid` that stands for one, else of
        this one."""
        said, given = ["hook", tool, event, str(pid or os.getpid())], json.dumps(payload)
        client = self.clients.get(pid)
        if client and client.poll() is None:
            done = self.within(client, "hcom", *said, env=env, given=given)
        else:
            done = self.run(*said, stdin=given, env=env)
        done.check_returncode()
        return done.stdout

    def sql(self, statement: str, *params) -> list:
        """Rows of the database, read from outside."""
        db = sqlite3.connect(os.path.join(self.hcom_dir, "hcom.db"), timeout=10)
        try:
            return db.execute(statement, params).fetchall()
        finally:
            db.close()

    def change(self, statement: str) -> None:
        """The database is changed from outside."""
        db = sqlite3.connect(os.path.join(self.hcom_dir, "hcom.db"), timeout=10)
        with db:
            db.execute(statement)
        db.close()

    def until(self, true, what: str, seconds: float = 15.0):
        """What `true()` says, once it says something."""
        for _ in looks(seconds):
            found = true()
            if found:
                return found
        raise AssertionError(f"not within {seconds} s: {what}")

    def settled(self) -> None:
        """Whatever was recorded has been matched; also what nobody waits for."""
        code = (
            f"import os, sys; sys.path.insert(0, {ROOT!r}); from hcom import home; "
            "from hcom.ops import match; match.run(home.locate(os.environ))"
        )
        argv = [sys.executable, "-I", "-S", "-c", code]
        subprocess.run(argv, env=self.env, check=True, timeout=60)
        self.until(
            lambda: (
                not self.sql(
                    "SELECT 1 FROM events WHERE instance <> 'hcom' "
                    "AND id > (SELECT min(up_to, sifted) FROM watch)"
                )
            ),
            "everything matched",
        )

    def notices(self, owner: str) -> list[str]:
        """The text of each notice that went to `owner`, oldest first."""
        return [
            json.loads(data)["text"]
            for (data,) in self.sql(
                "SELECT e.data FROM deliveries d JOIN events e ON e.id = d.event_id "
                "WHERE d.agent = ? AND e.instance = 'hcom' ORDER BY e.id",
                owner,
            )
        ]


class Sealed(unittest.TestCase):
    """Tests with a home, and with Claude Code sessions as their hooks show them."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.clients = {}

    def claude(self, session: str) -> str:
        """An agent that is a Claude Code session, as its hooks tell of it; its name."""
        client = self.clients[session] = self.home.client()
        self.addCleanup(lambda: (client.kill(), client.communicate()))
        return self.home.new(lambda: self.home.within(client, "hcom", "start", session=session))

    def hook(self, session: str, event: str, **payload) -> str:
        return self.home.hook(
            "claude",
            event,
            {"session_id": session, "cwd": self.home.work, "hook_event_name": event, **payload},
            pid=self.clients[session].pid,
        )

    def edit(self, session: str, path: str, tool: str = "Edit") -> str:
        return self.hook(session, "PostToolUse", tool_name=tool, tool_input={"file_path": path})

    def command(self, session: str, text: str) -> str:
        return self.hook(session, "PostToolUse", tool_name="Bash", tool_input={"command": text})
