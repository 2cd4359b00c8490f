"""What a locked database delays is recorded by itself, and ends in the same state as in time."""

import json
import os
import socket
import unittest

from hcom.adapters.base import WAKE_SIGN
from hcom.hub import people, subscriptions
from hcom.store import agents, events, filters
from tests.test_hooks import WAKE, Session


class Locked(Session):
    """What a locked database delays ends in the same state as without it."""

    def after(self, *names: str) -> tuple:
        """What is known of luna once these hooks have been recorded, and what they logged."""
        luna = agents.find(self.db, "luna")
        logged = [
            (e.data.get("val"), e.data.get("context"))
            for e in reversed(events.latest(self.db, len(names)))
        ]
        return (luna.status, luna.context, luna.detail, luna.ended_at is None), sorted(logged)

    def test_every_event(self):
        self.hook("SessionStart")
        for names in (
            ("UserPromptSubmit",),
            ("Stop",),
            ("UserPromptSubmit", "Stop"),
            ("UserPromptSubmit", "PermissionRequest"),
            ("StopFailure",),
            ("UserPromptSubmit", "PostToolUse"),
            ("SessionEnd",),
            ("SessionStart.resume",),
            ("Stop", "SessionEnd"),
            ("SessionStart.resume", "UserPromptSubmit"),
        ):
            with self.subTest(names):
                before = agents.find(self.db, "luna")
                with self.locked():
                    for name in names:
                        self.assertEqual(self.hook(name), {})
                self.recorded()
                delayed = self.after(*names)
                self.db.execute(
                    "UPDATE agents SET status = ?, context = ?, detail = ?, ended_at = ?",
                    (before.status, before.context, before.detail, before.ended_at),
                )
                for name in names:
                    self.hook(name)
                self.assertEqual(delayed, self.after(*names))

    def test_a_delayed_event_changes_nothing_that_came_later(self):
        self.hook("UserPromptSubmit")
        with self.locked():
            self.hook("SessionEnd")
            self.hook("Stop")
            spooled = os.listdir(self.home.path("run", "spool"))
            self.assertTrue(all(name.startswith("luna.") for name in spooled), spooled)
        self.hook("SessionStart.resume")  # takes its own session's first
        self.hook("UserPromptSubmit")
        self.recorded()
        luna = agents.find(self.db, "luna")
        self.assertEqual((luna.status, luna.context, luna.ended_at), ("active", "prompt", None))
        said = [e.data.get("context") for e in events.latest(self.db, 4)]
        self.assertEqual(said, ["exit:other", "stop", "start", "prompt"])

    def test_subagents_begin_and_end(self):
        key = self.home.run("marks", "sub-a1=luna")
        with self.locked():
            self.hook("SubagentStart", agent_id="a1")
        self.world.until(lambda: os.path.exists(key), "it may take part")
        sub = people.join_subagent(self.db, agents.find(self.db, "luna"), "a1", 1.0)
        with self.locked():
            self.hook("SubagentStop", agent_id="a1")
        self.recorded()
        self.assertFalse(os.path.exists(key))
        self.assertIsNotNone(agents.find(self.db, sub.name).stopped_at)

    def test_who_subscribed_is_told(self):
        where = filters.preset("idle:luna", str)
        subscriptions.subscribe(self.home, self.db, "nova", "nova", where, False, 1.0)
        self.hook("UserPromptSubmit")
        with self.locked():
            self.hook("Stop")
        notice = "SELECT count(*) FROM deliveries WHERE agent = 'nova'"
        self.world.until(lambda: self.db.execute(notice).fetchone()[0], "told")

    def test_mail_wakes_the_agent_whose_turns_end_was_delayed(self):
        folder, rung = os.path.join(self.world.root, ".claude", "sessions"), []
        os.makedirs(folder)
        path = os.path.join(self.world.root, "s.sock")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            server.settimeout(0.1)
            self.hook("UserPromptSubmit")
            facts = {"sessionId": "s1", "status": "idle", "messagingSocketPath": path}
            with open(os.path.join(folder, f"{os.getpid()}.json"), "w") as stream:
                json.dump(facts, stream)
            self.send()
            with self.locked():
                self.assertEqual(self.hook("Stop"), {})

            def ring():
                try:
                    with server.accept()[0] as connection:
                        rung.append(connection.recv(65536))
                except TimeoutError:
                    pass
                return rung

            self.world.until(ring, "woken")
        self.assertIn(WAKE_SIGN.encode(), rung[0])
        self.assertIn("hello", self.told("UserPromptSubmit", prompt=WAKE))


if __name__ == "__main__":
    unittest.main()
