"""How sqlite finds what hooks and views ask for: never by reading a whole log, all deliveries there
were, or all agents. And how many statements a hook takes."""

import re
import sqlite3
import time
import unittest

from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.hub import mail, people, retirement
from hcom.ops import agents as who
from hcom.ops import look, talk
from hcom.store import agents, filters
from hcom.store.connect import transaction
from tests.test_hooks import Session

# What holds only what is open, or who takes part, may be read whole.
SMALL = re.compile(r"USING (COVERING )?INDEX agents_here")
LARGE = re.compile(r"SCAN (TABLE )?(events|deliveries|agents|[dea])\b")
# From one id to the newest: all of it, where the id is the log's first.
FROM_ID = re.compile(r"events .*INTEGER PRIMARY KEY \(rowid>")
CI = Sender("ci", EXTERNAL)
FLAGS = {
    "agent": "luna",
    "type": "message",
    "status": "blocked",
    "tool": "Bash",
    "file": "/a/b.py",
    "cmd": "make",
    "from": "luna",
    "to": "luna",
    "intent": "request",
    "thread": "t1",
    "after": "10m",
    "before": "10m",
}
# Newest first, a time is nearly an id: the reading ends once there are enough.
BY_TIME = {"after", "before"}


class Traced(Session):
    """Every statement on any connection of this process."""

    def setUp(self):
        super().setUp()
        self.asked: list[str] = []
        connect = sqlite3.connect

        def traced(*args, **kwargs):
            connection = connect(*args, **kwargs)
            connection.set_trace_callback(self.asked.append)
            return connection

        sqlite3.connect = traced
        self.addCleanup(setattr, sqlite3, "connect", connect)
        self.db.connection.set_trace_callback(self.asked.append)

    def plans(self) -> "dict[str, list[str]]":
        """How each statement that was asked is done, and none is remembered."""
        found = {}
        with sqlite3.connect(self.home.db) as db:
            db.set_trace_callback(None)
            for statement in set(self.asked):
                if statement.split()[0] in ("SELECT", "UPDATE", "DELETE", "INSERT"):
                    rows = db.execute("EXPLAIN QUERY PLAN " + statement).fetchall()
                    found[statement] = [row[3] for row in rows]
        self.asked.clear()
        return found

    def assert_small(self) -> None:
        """Nothing large was read whole."""
        plans = self.plans()
        self.assertTrue(plans)
        for statement, plan in plans.items():
            for step in plan:
                if not SMALL.search(step):
                    self.assertNotRegex(step, LARGE, statement)


class Plans(Traced):
    def test_hooks(self):
        people.join_subagent(self.db, agents.find(self.db, "luna"), "a1", 1.0)
        self.hook("SessionStart")
        for name in (
            "UserPromptSubmit",
            "PostToolUse",
            "PostToolUse",
            "PostToolUse.subagent",
            "SubagentStart",
            "PreToolUse.subagent",
            "PermissionRequest",
            "Stop",
            "SessionEnd",
        ):
            with self.subTest(name):
                self.send()
                self.asked.clear()
                self.hook(name, **({"agent_id": "a1"} if "ubagent" in name else {}))
                self.assert_small()

    def test_sending_and_taking(self):
        nova = agents.find(self.db, "nova")
        sender = Sender("nova", "instance")
        for addressed in ("", "@luna", "@gone"):
            with self.subTest(addressed):
                self.asked.clear()
                try:
                    talk.send(self.db, sender, "x", addressed, Envelope("request"), time.time())
                except LookupError:
                    self.fail("not sent")
                except Exception as error:
                    self.assertIn("no agent @gone", str(error))
                self.assert_small()
        mail.send(self.db, CI, "x", ["nova"], Envelope(), 1.0)
        self.asked.clear()
        talk.hand(self.db, nova, 0, lambda leased: None)
        self.assert_small()

    def test_the_list(self):
        self.asked.clear()
        who.here(self.db, time.time())
        who.one(self.db, "luna", time.time())
        who.receipts(self.db, "nova")
        self.assert_small()

    def test_retirement(self):
        self.asked.clear()
        self.assertFalse(retirement.is_due(self.db, time.time()))
        with transaction(self.db):
            retirement.retire(self.db, time.time())
        agents.children(self.db, "luna")
        agents.by_process(self.db, 7, "1")
        agents.retire(self.db, "luna", 1.0)
        self.assert_small()

    def test_each_filter(self):
        self.assertEqual(set(FLAGS), set(filters.FLAGS))
        for flag, value in FLAGS.items():
            with self.subTest(flag):
                wanted = look.where(self.db, None, {flag: value}, time.time())
                self.asked.clear()
                look.latest(self.db, wanted, 20)
                (plan,) = [p for s, p in self.plans().items() if "FROM events_v" in s]
                self.assertFalse([step for step in plan if LARGE.search(step)], plan)
                by_id = [step for step in plan if FROM_ID.search(step)]
                self.assertEqual(bool(by_id), flag in BY_TIME, plan)

    def test_the_newest(self):
        self.asked.clear()
        look.latest(self.db, look.EVERYTHING, 20)
        (plan,) = self.plans().values()
        self.assertEqual(len(plan), 1)  # by id, no sorting


class Statements(Traced):
    """A hook's agent waits for each of them."""

    # Opening takes five; who it is and what is held one each; what the hook changes and leases
    # ten with BEGIN, COMMIT and how long each waits, what was delivered five; what subagents and
    # others wait for one each.
    DELIVERING = 24

    def test_a_delivering_hook(self):
        self.hook("UserPromptSubmit")
        self.hook("PostToolUse")
        self.send()
        self.asked.clear()
        self.assertIn("hello", self.told("PostToolUse"))
        self.assertEqual(len(self.asked), self.DELIVERING, "\n".join(self.asked))
        rows = [s for s in self.asked if "FROM agents" in s and "SELECT" in s]
        self.assertEqual(len([s for s in rows if "transcript" in s]), 1, "the agent's row, once")


if __name__ == "__main__":
    unittest.main()
