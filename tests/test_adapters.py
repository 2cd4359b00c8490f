"""What is true of the adapters together: environments in which clients run inside each other."""

import os
import time
import unittest

from hcom import adapters
from hcom.hub import archive
from hcom.store import agents
from tests.test_hooks import Session

INSIDE = {  # what each client gives the commands that it runs
    "claude": {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "c", "CLAUDE_PID": "1"},
    "gemini": {"GEMINI_CLI": "1", "GEMINI_SESSION_ID": "g", "PAGER": "cat"},
    "codex": {"CODEX_THREAD_ID": "x", "CODEX_SESSION_ID": "x", "NO_COLOR": "1"},
}
OWN = {"PATH": "/bin", "HOME": "/nowhere", "GEMINI_API_KEY": "k", "CODEX_HOME": "/nowhere/c"}


class Nested(unittest.TestCase):
    def test_each_is_known_by_itself(self):
        for tool, variables in INSIDE.items():
            with self.subTest(tool=tool):
                said, _ = adapters.surrounding({**OWN, **variables, "HCOM_PROCESS_ID": "p"})
                self.assertEqual(said, tool)
        self.assertEqual(adapters.surrounding(OWN), ("", {}))

    def test_one_inside_another_speaks_for_neither(self):
        for outer, around in INSIDE.items():
            for inner, variables in INSIDE.items():
                if inner != outer:
                    with self.subTest(outer=outer, inner=inner):
                        said, facts = adapters.surrounding(
                            {**OWN, **around, **variables, "HCOM_PROCESS_ID": "p"}
                        )
                        self.assertEqual((said, facts), (adapters.ADHOC, {"launch": ""}))

    def test_a_launch_is_inside_none(self):
        everything = {k: v for variables in INSIDE.values() for k, v in variables.items()}
        scrubbed = adapters.scrubbed({**OWN, **everything, "HCOM_PROCESS_ID": "p"})
        self.assertEqual(scrubbed, OWN)


class Secrets(Session):
    """What lets others speak to a session is the client's to keep: nothing of ours holds it."""

    TOKEN = "0123456789abcdef-the-token"

    def test_a_sessions_messaging_token_is_nowhere_in_hcom(self):
        self.env["CLAUDE_CODE_MESSAGING_TOKEN"] = self.TOKEN
        self.env["CLAUDE_CODE_MESSAGING_SOCKET"] = "/nowhere/1.sock"
        for name in ("SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SessionEnd"):
            self.hook(name)
        holder = self.locked()
        self.hook("PostToolUse")  # into the spool
        holder.execute("ROLLBACK")
        self.assertIn("config", agents.find(self.db, "luna").client)
        self.assertTrue(archive.reset(self.home, time.time()).archive)
        files = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(self.world.hcom_dir)
            for name in names
        ]
        self.assertIn("hcom.db-wal", [os.path.basename(path) for path in files])
        for path in files:
            with self.subTest(path), open(path, "rb") as stream:
                self.assertFalse(self.TOKEN.encode() in stream.read())
