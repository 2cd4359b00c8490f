"""A sealed bus to measure on: a home, hooks installed, two agents, as many events as wanted.

`luna` is a Claude Code session (its hooks run as its id says), `nova` an agent without hooks.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hcom import home as homes
from hcom.bus.agent import RETIRE_S
from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.delivery import marks
from hcom.hub import mail, people, retirement
from hcom.process import start_of
from hcom.store import deliveries
from hcom.store.connect import open_db, transaction

REPO = Path(__file__).resolve().parent.parent
HCOM = [sys.executable, "-I", "-S", str(REPO / "hcom")]
SESSION = "5f0e7c1a-bench"
CI = Sender("ci", EXTERNAL)
BATCH = 50_000  # rows of one executemany: what is built of them fits in some 50 MB


class Bus:
    """See the module; a context manager that leaves nothing behind."""

    def __init__(self, events: int = 0):
        self.root = Path(tempfile.mkdtemp(prefix="hcom-bench-"))
        self.events = events
        self.user = self.root / "home"
        self.env = {
            "HOME": str(self.user),
            "HCOM_DIR": str(self.user / ".hcom"),
            "PATH": f"{self.user}/bin:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        self.home = homes.locate(self.env)

    def __enter__(self) -> "Bus":
        client = self.user / "bin/claude"  # hooks are only for a client that is there
        client.parent.mkdir(parents=True)
        client.write_text("#!/bin/sh\necho 9.9.9\n")
        client.chmod(0o755)
        self.hcom("hooks", "add", "claude")
        pid = os.getpid()
        self.db = open_db(self.home)
        people.join(
            self.db,
            "claude",
            time.time(),
            name="luna",
            session=SESSION,
            pid=pid,
            pid_start=start_of(pid),
            status="active",
        )
        people.join(self.db, "adhoc", time.time(), name="nova", status="active")
        marks.mark(self.home, [SESSION], "luna")
        self.fill(self.events)
        (self.root / "payload").write_text(
            json.dumps(
                {
                    "session_id": SESSION,
                    "hook_event_name": "PostToolUse",
                    "cwd": str(self.user),
                    "transcript_path": str(self.root / "none"),
                    "tool_name": "Bash",
                    "tool_input": {"command": "ls"},
                    "tool_response": {"stdout": "x" * 2000},
                }
            )
        )
        return self

    def __exit__(self, *_error) -> None:
        self.db.connection.close()
        shutil.rmtree(self.root)

    def hcom(self, *args: str) -> str:
        """What the command printed; CalledProcessError when it failed."""
        return subprocess.run(
            [*HCOM, *args],
            env=self.env,
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        ).stdout

    def fill(self, count: int) -> None:
        """`count` more events are in the log: status reports, and every tenth a message that its
        recipient has seen. Written past the code that ordinarily does it, which takes minutes."""
        status = json.dumps({"val": "active", "context": "tool:Bash", "detail": "make test"})
        text = json.dumps(
            {
                "from": "nova",
                "tag": "",
                "text": "how is the build?",
                "scope": "mentions",
                "sender_kind": "instance",
                "delivered_to": ["luna"],
                "mentions": ["luna"],
                "intent": "inform",
                "thread": None,
                "reply_to": None,
            }
        )
        at = "2026-01-01T00:00:00.000Z"
        db = sqlite3.connect(self.home.db, isolation_level=None)
        first = db.execute("SELECT coalesce(max(id), 0) + 1 FROM events").fetchone()[0]
        for begin in range(first, first + count, BATCH):
            ids = range(begin, min(begin + BATCH, first + count))
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT INTO events (id, timestamp, type, instance, data) VALUES (?, ?, ?, ?, ?)",
                (
                    (i, at, "status", "luna", status)
                    if i % 10
                    else (i, at, "message", "nova", text)
                    for i in ids
                ),
            )
            db.executemany(
                "INSERT INTO deliveries (event_id, agent, state, wakes) VALUES (?, 'luna', 'seen', "
                "1)",
                ((i,) for i in ids if not i % 10),
            )
            db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()

    def bury(self, sessions: int, unread: int) -> None:
        """So many sessions ended long ago, and had so many messages unread; they have retired, as
        they do in time."""
        now = time.time()
        names = [f"old{number}x" for number in range(sessions)]
        gone = now - 2 * RETIRE_S
        db = sqlite3.connect(self.home.db, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT INTO agents (name, tool, session, status, status_at, created_at, ended_at) "
            "VALUES (?, 'claude', ?, 'inactive', ?, ?, ?)",
            ((name, f"s-{name}", gone, gone, gone) for name in names),
        )
        event = db.execute("SELECT max(id) FROM events WHERE type = 'message'").fetchone()[0]
        db.executemany(
            "INSERT INTO deliveries (event_id, agent, wakes) VALUES (?, ?, 1)",
            ((event - number // sessions, names[number % sessions]) for number in range(unread)),
        )
        db.execute("COMMIT")
        db.close()
        while retirement.is_due(self.db, now):
            with transaction(self.db):
                retirement.retire(self.db, now)

    def hook(self) -> str:
        """The command that Claude Code runs after a tool, as it stands in its settings."""
        settings = json.loads((self.user / ".claude/settings.json").read_text())
        return settings["hooks"]["PostToolUse"][0]["hooks"][0]["command"]

    @property
    def agent_env(self) -> dict[str, str]:
        """What luna's client gives its hooks."""
        return {**self.env, "CLAUDE_CODE_SESSION_ID": SESSION}

    def queue(self, agent: str, text: str = "the build is green, go on") -> int:
        """A message waits for the agent, whose launcher knows; its id."""
        sent = mail.send(self.db, CI, text, [agent], Envelope("inform", "", ""), time.time())
        marks.raise_flag(self.home, [agent])
        return sent.id

    def see(self, agent: str) -> None:
        """There is evidence of all that the agent was delivered, as by the end of its turn."""
        with transaction(self.db):
            mail.settle(self.db, agent, [h.event_id for h in deliveries.held(self.db, agent)], [])

    def until_recorded(self) -> None:
        """No recorder of spooled hooks is at work any more."""
        while os.path.lexists(self.home.path("run", "recorder")):
            time.sleep(0.05)
        time.sleep(0.3)  # its last look, and the end of its interpreter
