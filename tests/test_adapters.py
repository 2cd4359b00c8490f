"""What is true of the adapters together: environments in which clients run inside each other."""

import unittest

from hcom import adapters

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
