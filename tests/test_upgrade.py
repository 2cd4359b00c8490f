"""A newer hcom over a running room, and one that is removed: nothing lost, nothing left."""

import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from hcom.adapters import TOOLS
from tests.sealed import ROOT, Home, Sealed

CLIENTS = {"claude": "2.1.332", "gemini": "0.61.0", "codex": "0.171.0"}


class Newer(Sealed):
    """Two versions on one database, of which the newer one came while agents were at work."""

    def setUp(self):
        super().setUp()
        place = Path(self.home.root, "newer")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(os.path.join(ROOT, "hcom"), place / "hcom", ignore=ignored)
        schema = place / "hcom/store/schema.py"
        text = schema.read_text(encoding="utf-8")
        schema.write_text(
            text.replace("\nVERSION =", "\nMIGRATIONS += (_V8,)\nVERSION =")
            .replace("\n# Entry i leads", '\n_V8 = "ALTER TABLE watch ADD COLUMN b;"\n#'),
            encoding="utf-8",
        )  # fmt: skip
        self.newer = f'exec "{sys.executable}" -I -S "{place}/hcom" "$@"'
        self.home.program("newer", self.newer)

    def test_the_older_says_so_and_loses_nothing(self):
        luna, nova = self.claude("s1"), self.home.start()
        self.home.said("send", "--from", "ci", f"@{luna} before")
        waits = subprocess.Popen(
            ["hcom", "listen", "--name", nova, "60"],
            env=self.home.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        bells = os.path.join(self.home.hcom_dir, "run/bells")
        self.home.until(lambda: os.listdir(bells), "somebody who waits")
        subprocess.run(["newer", "list"], env=self.home.env, check=True, capture_output=True)
        for words in (("list",), ("send", "--from", "ci", "x"), ("listen", "--name", luna, "0")):
            done = self.home.run(*words)
            self.assertEqual((done.returncode, done.stdout), (1, ""), words)
            self.assertRegex(done.stderr, r"\Ahcom: the database is of a newer hcom .*\n\Z")
        self.assertEqual(self.edit("s1", "/work/kept.py"), "")  # its hook has nothing to say
        subprocess.run(
            ["newer", "send", "--from", "ci", f"@{luna} @{nova} after"],
            env=self.home.env,
            check=True,
            capture_output=True,
        )
        got, complaint = waits.communicate(timeout=60)
        if waits.returncode:
            self.assertIn("newer hcom", complaint)

        self.home.program("hcom", self.newer)  # the update
        got += self.home.run("listen", "--name", nova, "0").stdout
        self.assertEqual(got.count("after"), 1)
        said = self.edit("s1", "/work/kept.py") + self.hook("s1", "Stop")
        self.assertEqual((said.count("before"), said.count("after")), (1, 1), said)
        edits = self.home.until(
            lambda: self.home.sql(
                "SELECT id FROM events WHERE type = 'status' AND data LIKE '%/work/kept.py%'"
            )[1:],
            "both edits in the log",
        )
        self.assertEqual(len(edits), 1)


class Removed(unittest.TestCase):
    """README's way to remove it."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        del self.home.env["HCOM_DIR"]
        for tool in TOOLS:
            self.home.program(tool, f'[ "$1" = --version ] && exec echo {CLIENTS[tool]}; sleep 60')

    def tree(self) -> dict[str, bytes]:
        """All that is in the home."""
        paths = Path(self.home.root).rglob("*")
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in paths}

    def test_no_trace_stays(self):
        for given in ((), (".claude", ".gemini", ".codex")):
            with self.subTest(given):
                for name in given:
                    Path(self.home.root, name).mkdir(exist_ok=True)
                    Path(self.home.root, name, "own.json").write_text("{}")
                before = self.tree()
                self.home.said("hooks", "add")
                self.home.said("claude", "--headless", "x")
                self.home.said("start")
                self.home.run("kill", "all")
                self.home.said("hooks", "remove")
                self.home.until(lambda: not self.home.inmates(), "all ended", 30)
                shutil.rmtree(os.path.join(self.home.root, ".hcom"))
                after = self.tree()
                self.assertEqual(sorted(set(after) ^ set(before)), [])
                self.assertEqual(after, before)


if __name__ == "__main__":
    unittest.main()
