"""`hcom demo`: each step is shown, and whatever ends it, no process and no file stays."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from hcom.demo.terminal import Terminal
from tests.sealed import ROOT, Home
from tests.waiting import looks

STEPS = range(1, 7)
DEMO = [sys.executable, "-I", "-S", f"{ROOT}/hcom", "demo"]


class Demo(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.tmp = os.path.join(self.home.root, "tmp")
        self.user = os.path.join(self.home.root, "user")
        for folder in (self.tmp, self.user):
            os.mkdir(folder)
        # a bare environment: no PATH, no language, nothing of the tester's own
        self.env = {"TMPDIR": self.tmp, "HOME": self.user}

    def start(self, *words: str) -> subprocess.Popen:
        started = subprocess.Popen(
            [*DEMO, *words],
            env=self.env,
            cwd=self.home.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.addCleanup(lambda: started.poll() is None and started.kill())
        return started

    def shown(self, started: subprocess.Popen) -> str:
        """All that it prints; it has come to its end well."""
        said, complaints = started.communicate(timeout=120)
        self.assertEqual((started.returncode, complaints), (0, ""), said)
        for step in STEPS:
            self.assertRegex(said, rf"(?m)^{step}\. ")
        return said

    def nothing_is_left(self) -> None:
        """At once: what ends a demo waits for all that it has begun."""
        self.assertEqual(self.home.inmates(), [])
        for folder in (self.tmp, self.user, self.home.work):
            self.assertEqual(os.listdir(folder), [])

    def test_each_step_is_shown_with_nothing_but_python(self):
        said = self.shown(self.start())
        for given in (
            "the API is now v2\n   | [/hcom ",
            "do the tests pass with it?\n   | [/hcom ",
            "collision: you and nova edited ",
            "collision: you and luna edited ",
            "luna (standin), exchange",
            " from demo (not an agent)]\n   | yes, go ahead\n",
        ):
            self.assertIn(given, said)
        self.nothing_is_left()

    def test_ended_in_the_middle(self):
        for step, number, code in (
            (0, signal.SIGINT, 130),
            (1, signal.SIGTERM, 143),
            (2, signal.SIGHUP, 129),
            (4, signal.SIGINT, 130),
            (6, signal.SIGTERM, 143),
        ):
            with self.subTest(step=step, signal=number):
                started = self.start()
                for line in started.stdout:
                    if line.startswith(f"{step}. " if step else "Two agents"):
                        break
                started.send_signal(number)
                said, complaints = started.communicate(timeout=60)
                self.assertEqual((started.returncode, complaints), (code, ""), said)
                self.nothing_is_left()

    def test_nobody_reads_on(self):
        started = self.start()
        started.stdout.readline()
        started.stdout.close()
        self.assertEqual((started.wait(60), started.stderr.read()), (1, ""))
        started.stderr.close()
        self.nothing_is_left()

    def test_two_at_once_and_one_is_kept(self):
        one, other = self.start("--keep"), self.start()
        kept = self.shown(one)
        self.shown(other)
        [root] = os.listdir(self.tmp)
        look = re.search(r"^Kept, to look into: (.+)$", kept, re.M)[1]
        self.assertIn(root, look)
        said = subprocess.run(
            ["/bin/sh", "-c", look],
            env={**self.env, "HCOM_DIR": self.tmp},
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertIn("may I merge?", said.stdout, said.stderr)
        self.assertEqual(self.home.inmates(), [])
        shutil.rmtree(os.path.join(self.tmp, root))
        self.nothing_is_left()

    def test_the_person_answers(self):
        terminal = Terminal(DEMO, {**self.env, "TERM": "xterm"}, self.home.work)
        self.addCleanup(terminal.close)

        def until(true, what: str) -> None:
            for _ in looks(60):
                terminal.pump()
                if true():
                    return
            self.fail(f"{what}\n{terminal.text}")

        until(lambda: "your answer to luna" in terminal.text, "it asks")
        terminal.type("not before noon\r")
        until(lambda: terminal.ending, "it ends")
        said = terminal.output.decode().replace("\r\n", "\n")
        self.assertIn(" from bigboss (the person)]\n   | not before noon\n", said)
        self.nothing_is_left()

    def test_in_the_place_of_a_long_name(self):
        self.tmp = tempfile.mkdtemp(dir=self.tmp, prefix="it's long " + "x" * 150)
        self.env["TMPDIR"] = self.tmp
        self.shown(self.start())
        self.nothing_is_left()


if __name__ == "__main__":
    unittest.main()
