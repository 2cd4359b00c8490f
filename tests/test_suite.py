"""The suite itself, run in a copy with planted tests: what it counts, says and leaves."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests import __main__ as suite

ROOT = Path(__file__).resolve().parent.parent
OUTCOMES = """
import os, signal, unittest

class Good(unittest.TestCase):
    def test_one(self):
        print("in process", os.getpid())
    def test_two(self):
        print("in process", os.getpid())

class Mixed(unittest.TestCase):
    def test_bad(self):
        print("in process", os.getpid())
        for number in range(3):
            with self.subTest(number=number):
                self.assertEqual(number, 5)
    @unittest.skip("no moon")
    def test_moon(self): pass
    def test_no_sun(self):
        self.skipTest("no sun")

class Gone(unittest.TestCase):
    def test_itself(self):
        os.kill(os.getpid(), signal.SIGKILL)
"""
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

LONG = """
import unittest

class Resets(unittest.TestCase):
    def test_one(self):
        pass

    def test_two(self):
        raise OSError("began")
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


class Whole(Copied):
    def test_each_test_counts_once_and_what_died_is_a_failure(self):
        self.plant("test_planted", OUTCOMES)
        self.plant("test_broken", "import nonesuch\n")
        done = self.run_in("tests", "--quick", "-j", "2")
        said = done.stdout.splitlines()
        self.assertEqual(said[-1], "2 passed, 3 failed, 2 skipped", done.stdout + done.stderr)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(
            said[-6:-4],
            ["skipped 1: no moon: test_planted.Mixed (1)"]
            + ["skipped 1: no sun: test_planted.Mixed (1)"],
        )
        self.assertEqual(
            {line.partition(": ")[2] for line in said[-4:-1]},
            {"test_planted.Mixed", "test_planted.Gone.test_itself"}
            | {"unittest.loader._FailedTest.test_broken"},
        )
        self.assertIn("test_planted.Gone.test_itself ended without a result", done.stdout)
        self.assertIn("No module named 'nonesuch'", done.stdout)
        # a class is one process, another class another
        ran_in = re.findall(r"in process (\d+)", done.stdout)
        self.assertEqual((len(ran_in), len(set(ran_in))), (3, 2), done.stdout)
        self.assertEqual(list(self.tmp.iterdir()), [])

    def test_names_patterns_and_rounds(self):
        self.plant("test_planted", OUTCOMES)
        table = {
            ("test_planted.Good",): "2 passed, 0 failed, 0 skipped",
            ("tests/test_planted.py", "-k", "Good"): "2 passed, 0 failed, 0 skipped",
            ("test_planted.Good.test_one", "--repeat", "3"): "3 passed, 0 failed, 0 skipped",
            ("-k", "nonesuch"): "0 passed, 0 failed, 0 skipped",
            ("test_planted.Mixed.test_bad", "--repeat", "9", "-j", "1", "-f"): "0 passed, "
            "1 failed, 0 skipped",
        }
        for words, last in table.items():
            with self.subTest(words=words):
                done = self.run_in("tests", "--quick", *words)
                self.assertEqual(done.stdout.splitlines()[-1], last, done.stderr)
                self.assertEqual(done.returncode, not last.startswith(("2", "3")))

    def test_the_slow_ones_are_there(self):
        there = {unit.title for unit in suite.chosen([], [])}
        self.assertLessEqual({*suite.SLOW, *suite.LONG}, there)


class Scheduling(unittest.TestCase):
    def test_how_much_of_the_cores_was_unused(self):
        before = [100, 0, 50, 800, 10, 0, 0, 0]
        for now, want in (
            ([180, 0, 70, 890, 20, 0, 0, 0], 0.5),
            ([300, 0, 50, 800, 10, 0, 0, 0], 0.0),
            ([250, 50, 50, 800, 10, 0, 0, 0], 0.25),
            (before, 1.0),
        ):
            with self.subTest(now=now):
                self.assertEqual(suite.unused(before, now), want)
        self.assertEqual(suite.unused([], []), 1.0)

    def test_past_the_cores_a_unit_waits_for_spare_time(self):
        one = suite.Unit("one", unittest.TestSuite(), ("claude",))
        running = [suite.Job(one, 0, 0.0, ROOT, ROOT)] * suite.CORES
        busy = suite.Cores()  # it says no until PACE_S have passed
        self.assertFalse(suite.is_room(running, 99, busy))
        self.assertTrue(suite.is_room(running[1:], 99, busy))
        self.assertFalse(suite.is_room(running, suite.CORES, busy))


class Bare(Copied):
    def test_it_leaves_nothing_and_says_what_it_left_out(self):
        self.plant("test_leaving", LEAVING)
        self.plant("test_archive", LONG)
        done = self.run_in("unittest")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            done.stderr.splitlines()[-3:],
            ["OK (skipped=1)", "skipped 1: no moon: test_leaving.Talk (1)"]
            + ["left to `python3 -m tests`: 2 more tests"],
        )
        self.assertEqual(list(self.tmp.iterdir()), [])

    def test_what_fails_is_told_as_it_was(self):
        self.plant("test_planted", OUTCOMES)
        done = self.run_in("unittest")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED (failures=2, skipped=2)", done.stderr)
        self.assertIn("FAIL: test_bad (tests.test_planted.Mixed", done.stderr)
        self.assertIn("AssertionError: 2 != 5", done.stderr)
        self.assertIn("test_planted.Gone.test_itself ended without a result", done.stderr)
        self.assertIn("Ran 6 tests", done.stderr)
        done = self.run_in("unittest", "-k", "Good")
        self.assertRegex(done.stderr, "Ran 2 tests .*\n\nOK\n$")


if __name__ == "__main__":
    unittest.main()
