"""The suite itself, run in a copy with planted tests: what it counts, says and leaves."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAVING = """
import subprocess, unittest
from tests.sealed import Sealed

class Talk(Sealed):
    def test_a_wake_stays_behind(self):
        luna = self.claude("s1")
        self.home.said("send", f"@{luna} hello", "--from", "ci")
        again = "while :; do mkdir -p $HCOM_DIR; sleep 0.01; done"
        subprocess.Popen(["sh", "-c", again], env=self.home.env).returncode = 0

    @unittest.skip("no moon")
    def test_moon(self): pass
"""


class Copied(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.repo, self.tmp = Path(place.name) / "repo", Path(place.name) / "tmp"
        self.tmp.mkdir()
        (self.repo / "tests").mkdir(parents=True)
        (self.repo / "hcom").symlink_to(ROOT / "hcom")
        for path in (ROOT / "tests").glob("*.py"):
            if not path.name.startswith("test_"):
                shutil.copy(path, self.repo / "tests")
        shutil.copytree(
            ROOT / "tests/rig",
            self.repo / "tests/rig",
            ignore=shutil.ignore_patterns("__pycache__"),
        )

    def plant(self, name: str, text: str) -> None:
        (self.repo / "tests" / f"{name}.py").write_text(text, encoding="utf-8")

    def run_in(self, *words: str) -> subprocess.CompletedProcess:
        """`python3 -m WORDS` there, with a TMPDIR of its own and no client."""
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.repo,
            env={
                **os.environ,
                "TMPDIR": str(self.tmp),
                "HCOM_TEST_CLIENTS": str(self.tmp / "none"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


class Bare(Copied):
    def test_it_leaves_nothing_and_says_what_it_skipped(self):
        self.plant("test_leaving", LEAVING)
        done = self.run_in("unittest")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            done.stderr.splitlines()[-2:],
            ["OK (skipped=1)", "skipped 1: no moon: test_leaving.Talk (1)"],
        )
        self.assertEqual(list(self.tmp.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
