"""A hook's payload says whose session it is of; the processes say whether that is so. What claims
to be of a session that lives elsewhere is nobody's, whichever client it is said to be of."""

import fcntl
import os
import subprocess
import time
import unittest

from hcom.adapters.codex import host
from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.home import Home as Place
from hcom.hooks import spool
from hcom.hub import mail, people
from hcom.process import start_of
from hcom.store import agents, kept
from hcom.store.connect import open_db
from tests.sealed import Home
from tests.test_evidence import CLAUDE, CLIENTS
from tests.test_killed import payload

CODEX = CLIENTS[1]
WAITS = {"AI_AGENT": "claude-code_2-1-197_harness", "CLAUDE_CODE_ENTRYPOINT": "cli"}


class Sessions(unittest.TestCase):
    """luna's session s1 and nova's s2, each in a client of its own."""

    def begin(self, client) -> None:
        self.tool = client.tool
        self.world = Home()
        self.addCleanup(self.world.remove)
        self.home = Place(self.world.hcom_dir, self.world.root)
        self.db = open_db(self.home)
        self.addCleanup(self.db.connection.close)
        self.luna, self.nova = (self.join(*who) for who in (("luna", "s1"), ("nova", "s2")))
        self.hook(self.luna, client.start, source="resume")
        self.hook(self.nova, client.start, session_id="s2", source="resume")

    def join(self, name: str, session: str) -> subprocess.Popen:
        process = self.world.client()
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        facts = {"pid": process.pid, "pid_start": start_of(process.pid)}
        people.join(self.db, self.tool, 1.0, name=name, session=session, **facts)
        return process

    def hook(self, within, name: str, pid: "int | None" = None, env=None, **changes) -> str:
        """What a hook prints that the client `within` runs, which says that it is of process `pid`
        (None: of that client)."""
        said = ["hook", self.tool, name.partition(".")[0], str(within.pid if pid is None else pid)]
        given = payload(self.tool, name, **{"session_id": "s1", **changes}).decode()
        done = self.world.within(within, "hcom", *said, given=given, env=env)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def send(self) -> int:
        by = Sender("ci", EXTERNAL)
        return mail.send(self.db, by, "for luna only", ["luna"], Envelope(), time.time()).id

    def spooled(self, name: str, pid: int) -> None:
        """What the launcher left of a hook of process `pid` has been recorded."""
        event = name.partition(".")[0]
        with open(self.home.run("spool", "luna.1"), "wb") as stream:
            stream.write(payload(self.tool, name, session_id="s1"))
            stream.write(f"\n#hcom {self.tool} {event} - {pid}\n".encode())
        spool.drain(self.home, self.db)

    def known(self) -> tuple:
        """All that is known of luna."""
        events = self.world.sql("SELECT max(id) FROM events WHERE instance = 'luna'")
        mail = self.world.sql("SELECT * FROM deliveries WHERE agent = 'luna'")
        return agents.find(self.db, "luna"), kept.of(self.home, "s1"), mail, events

    def holder(self) -> int:
        return kept.of(self.home, "s1").pid


class Forged(Sessions):
    def test_it_has_nothing_and_changes_nothing(self):
        for client in CLIENTS:
            self.begin(client)
            shown = self.send()
            self.assertIn("for luna only", self.hook(self.luna, client.prompt, transcript_path=""))
            self.send()
            before = self.known()
            names = (client.prompt, client.tool_end, client.turn_end, client.end, client.start)
            for pid in (None, self.luna.pid, 0, 1, os.getpid(), 4_000_000):
                for name in names:
                    with self.subTest(client.tool, claims=pid, hook=name):
                        said = self.hook(self.nova, name, pid)
                        self.assertNotIn("for luna only", said)
                        if name not in (client.start, client.prompt):
                            self.assertEqual(said, "")
                        self.assertEqual(self.known(), before)
            for name in names:
                with self.subTest(client.tool, spooled=name):
                    self.spooled(name, self.nova.pid)
                    self.assertEqual(self.known(), before)
            # its own process, and the session of another as that of a subagent of its own
            for name in names:
                with self.subTest(client.tool, subagent=name):
                    self.hook(self.nova, name, session_id="s2", agent_id="s1")
                    self.assertEqual(self.known(), before)
            told = self.hook(self.luna, client.prompt, transcript_path="")
            self.assertEqual(told.count("for luna only"), 1)
            self.assertNotIn(f"#{shown} ", told)

    def test_a_subagents_mail(self):
        self.begin(CLAUDE)
        with self.db.connection:
            people.join_subagent(self.db, agents.find(self.db, "luna"), "key1", 1.0)
        mail.send(self.db, Sender("ci", EXTERNAL), "for it", ["luna_1"], Envelope(), time.time())
        for claimed in ({"session_id": "key1"}, {"session_id": "s2", "agent_id": "key1"}):
            self.assertEqual(self.hook(self.nova, "PostToolUse", **claimed), "")
        self.assertIn("for it", self.hook(self.luna, "PostToolUse", agent_id="key1"))

    def test_an_unknown_session_of_anothers_process(self):
        self.begin(CLAUDE)
        self.send()
        before = self.known()
        self.assertEqual(
            self.hook(self.nova, "UserPromptSubmit", self.luna.pid, session_id="s9"), ""
        )
        self.assertEqual(self.known(), before)

    def test_the_launch_of_another(self):
        self.begin(CLAUDE)
        people.join(self.db, "claude", 1.0, name="sol", launch="l1", pid=self.luna.pid)
        sol = agents.find(self.db, "sol")
        for session in ("s2", "s9"):
            env = {"HCOM_PROCESS_ID": "l1"}
            self.hook(self.nova, "UserPromptSubmit", env=env, session_id=session)
            self.assertEqual(agents.find(self.db, "sol"), sol)

    def test_a_waiter_takes_no_wake(self):
        self.begin(CLAUDE)
        for pid in (self.luna.pid, self.nova.pid):
            argv = ("hcom", "hook", "wait", "claude", str(pid))
            given = payload("claude", "Stop", session_id="s1").decode()
            done = self.world.within(self.nova, *argv, env=WAITS, given=given)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


class Honest(Sessions):
    def test_a_session_in_a_second_window_is_told(self):
        for client in CLIENTS:
            self.begin(client)
            said = [self.hook(self.nova, name) for name in (client.start, client.prompt)]
            if client.tool != "gemini":  # what is said at its start is lost
                said.reverse()
            self.assertEqual(said[0], "")
            self.assertIn("Not here: luna is a session that still runs", said[1])
            self.assertIn("hcom start", said[1])

    def test_resumed_when_its_process_is_gone(self):
        for client in CLIENTS:
            self.begin(client)
            self.send()
            self.luna.kill()
            self.luna.wait()
            self.assertIn("for luna only", self.hook(self.nova, client.prompt))
            self.assertEqual(self.holder(), self.nova.pid)
            last = self.known()[-1]
            self.spooled(client.tool_end, self.luna.pid)  # what it did before
            self.assertGreater(self.known()[-1], last)
            self.assertEqual(self.holder(), self.nova.pid)

    def test_a_session_that_its_process_has_left(self):
        self.begin(CLAUDE)
        self.hook(self.luna, "SessionEnd")
        self.hook(self.nova, "SessionStart.resume")
        self.assertEqual(self.holder(), self.nova.pid)

    def test_a_client_that_has_started_itself_again(self):
        self.begin(CLAUDE)
        self.send()
        given = payload("claude", "UserPromptSubmit", session_id="s1").decode()
        child = "hcom hook claude UserPromptSubmit $$; exit $?"
        done = self.world.within(self.luna, "sh", "-c", child, given=given)
        self.assertIn("for luna only", done.stdout)

    def test_the_clients_own_lock_says_where_it_is(self):
        self.begin(CODEX)
        folder = os.path.join(self.world.root, ".codex")
        path = host.lock(folder, "s1")
        os.makedirs(os.path.dirname(path))
        with open(path, "w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            given = payload("codex", CODEX.prompt, session_id="s1").decode()
            self.send()
            done = self.world.run("hook", "codex", CODEX.prompt, str(os.getpid()), stdin=given)
            self.assertIn("for luna only", done.stdout)


if __name__ == "__main__":
    unittest.main()
