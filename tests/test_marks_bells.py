"""Marks for the launcher, doorbells, the ownership of a wake: files under run/, real processes."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

from hcom.delivery import bell, marks, owner
from hcom.home import Home, create

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WAITER = """
import sys; sys.path.insert(0, sys.argv[1])
from hcom.delivery import bell
from hcom.home import Home
with bell.Bell(Home(sys.argv[2], "/"), sys.argv[3]) as rings:
    print("up", flush=True)
    print(rings.wait(30).decode(), flush=True)
    sys.stdin.read()
"""


class Run(unittest.TestCase):
    def setUp(self):
        place = os.path.realpath(tempfile.mkdtemp(prefix="hcom-run-"))
        self.addCleanup(shutil.rmtree, place, True)
        self.home = Home(os.path.join(place, ".hcom"), place)
        create(self.home)

    def waiter(self, agent: str) -> subprocess.Popen:
        """A process that has a bell for `agent`, and says what it heard first."""
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", WAITER, ROOT, self.home.root, agent],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), "up\n")
        return process

    def bells(self) -> list[str]:
        """The bells that hang: each as its name and its process."""
        hung = [entry.split(".") for entry in os.listdir(self.home.path("run", "bells"))]
        return [f"{name}.{pid}" for name, _, pid in hung]


class Marks(Run):
    def test_marks_and_flags(self):
        marks.mark(self.home, ["s1", "pid-7", "", "a/b", "../x", "x" * 129, "a\n", "a b"], "luna")
        self.assertEqual(
            sorted(os.listdir(self.home.path("run", "marks"))), ["pid-7=luna", "s1=luna"]
        )
        self.assertEqual(marks.marked(self.home, "s1"), "luna")
        for key in ("s2", "", "../marks/s1", "a/b"):
            self.assertEqual(marks.marked(self.home, key), "")
        path = self.home.path("run", "marks", "s1=luna")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        marks.mark(self.home, ["s1"], "nova")
        self.assertEqual(marks.every(self.home), [("pid-7", "luna"), ("s1", "nova")])
        marks.unmark(self.home, ["s1", "s1", "", "../bells"])
        self.assertEqual(marks.marked(self.home, "s1"), "")
        flag = self.home.path("run", "mail", "luna")
        marks.raise_flag(self.home, ["luna", "luna"])
        self.assertTrue(os.path.exists(flag))
        marks.lower_flag(self.home, "luna")
        marks.lower_flag(self.home, "luna")
        self.assertFalse(os.path.exists(flag))

    def test_what_others_put_there_leads_nowhere(self):
        outside = os.path.join(os.path.dirname(self.home.root), "outside")
        with open(outside, "w", encoding="ascii") as stream:
            stream.write("mine")
        for part in ("marks", "mail"):
            for name in ("luna", "luna=luna", "luna=nova"):
                os.symlink(outside, self.home.path("run", part, name))
        os.mkfifo(self.home.path("run", "mail", "nova"))  # without a reader
        marks.mark(self.home, ["luna", "../../../outside", outside], "luna")
        marks.raise_flag(self.home, ["luna", "nova", outside])
        marks.lower_flag(self.home, outside)
        with open(outside, encoding="ascii") as stream:
            self.assertEqual(stream.read(), "mine")

    def test_nothing_fails_where_nothing_can_be_written(self):
        shutil.rmtree(self.home.path("run"))
        marks.mark(self.home, ["s1"], "luna")
        marks.raise_flag(self.home, ["luna"])
        marks.lower_flag(self.home, "luna")
        bell.ring(self.home, ["luna"])
        self.assertEqual(owner.take(self.home, "luna"), -1)
        with bell.Bell(self.home, "luna") as rings:
            self.assertEqual(rings.wait(0.01), b"")


class Bells(Run):
    def test_each_bell_of_the_named_rings_and_no_other(self):
        first, second, other = self.waiter("luna"), self.waiter("luna"), self.waiter("lunar")
        bell.ring(self.home, ["luna"])
        bell.ring(self.home, ["lun", "una"])
        self.assertEqual((first.stdout.readline(), second.stdout.readline()), (".\n", ".\n"))
        bell.ring(self.home, ["lunar"], bell.QUIT)
        self.assertEqual(other.stdout.readline(), "q\n")

    def test_the_bell_of_a_killed_waiter_is_taken_down(self):
        waiter = self.waiter("luna")
        waiter.send_signal(signal.SIGKILL)
        waiter.wait()
        self.assertEqual(self.bells(), [f"luna.{waiter.pid}"])
        bell.ring(self.home, ["luna"])
        self.assertEqual(self.bells(), [])

    def test_a_bell_is_there_before_anybody_could_miss_it(self):
        with bell.Bell(self.home, "luna") as rings:
            self.assertEqual(self.bells(), [f"luna.{os.getpid()}"])
            bell.ring(self.home, ["luna"])
            bell.ring(self.home, ["luna"])
            self.assertEqual(rings.wait(5), b"..")
            self.assertEqual(rings.rung(), b"")
        self.assertEqual(self.bells(), [])

    def test_an_interrupt_while_one_is_hung_leaves_nothing(self):
        made = os.mkfifo

        def interrupted(path, mode):
            made(path, mode)
            raise KeyboardInterrupt

        with mock.patch("os.mkfifo", interrupted), self.assertRaises(KeyboardInterrupt):
            bell.Bell(self.home, "luna").__enter__()
        self.assertEqual(os.listdir(self.home.run("bells")), [])

    def test_two_of_one_name_in_a_process(self):
        with bell.Bell(self.home, "luna") as first, bell.Bell(self.home, "luna") as second:
            bell.ring(self.home, ["luna"])
            self.assertEqual((first.wait(5), second.wait(5)), (b".", b"."))
            second.__exit__()
            bell.ring(self.home, ["luna"])
            self.assertEqual(first.wait(5), b".")
        self.assertEqual(self.bells(), [])

    def test_one_bell_for_several_names_that_change(self):
        with bell.Bell(self.home, "luna", bell.of_launch("L1")) as rings:
            bell.ring(self.home, ["luna"], b"1")
            bell.ring(self.home, [bell.of_launch("L1")], b"2")
            self.assertEqual(rings.wait(5), b"12")
            rings.hear("nova", bell.of_launch("L1"))
            self.assertEqual(sorted(self.bells()), [f"_L1.{os.getpid()}", f"nova.{os.getpid()}"])
            bell.ring(self.home, ["luna", "nova"], b"3")
            self.assertEqual(rings.wait(5), b"3")
            rings.hear("nova")
            self.assertEqual(self.bells(), [f"nova.{os.getpid()}"])
        self.assertEqual(self.bells(), [])

    def test_one_name_needs_no_link_which_a_sandbox_may_refuse(self):
        refuses = mock.patch.object(os, "link", side_effect=PermissionError)
        with refuses, bell.Bell(self.home, "luna") as rings:
            bell.ring(self.home, ["luna"])
            self.assertEqual(rings.wait(5), b".")

    def test_ringing_a_full_bell_does_not_block(self):
        with bell.Bell(self.home, "luna") as rings:
            try:
                while True:
                    os.write(rings.fd, b"." * 4096)
            except BlockingIOError:
                pass
            bell.ring(self.home, ["luna"])
            self.assertTrue(rings.rung())

    def test_waiting_ends_for_another_descriptor(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        with bell.Bell(self.home, "luna") as rings:
            os.write(write, b"x")
            self.assertEqual(rings.wait(30, [read]), b"")


class Ownership(Run):
    def test_one_owner_until_it_dies(self):
        lock = owner.take(self.home, "luna")
        self.assertGreaterEqual(lock, 0)
        self.assertEqual(owner.take(self.home, "luna"), -1)
        other = owner.take(self.home, "nova")
        self.assertGreaterEqual(other, 0)
        owner.give_up(other)
        owner.give_up(lock)
        owner.give_up(-1)
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\nfrom hcom.delivery import owner\n"
            "from hcom.home import Home\nlock = owner.take(Home(sys.argv[2], '/'), 'luna')\n"
            "print(lock >= 0, flush=True); sys.stdin.read()"
        )
        held = subprocess.Popen(
            [sys.executable, "-I", "-c", code, ROOT, self.home.root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.assertEqual(held.stdout.readline(), "True\n")
        self.assertEqual(owner.take(self.home, "luna"), -1)
        held.kill()
        held.communicate()
        end = time.monotonic() + 10
        while (lock := owner.take(self.home, "luna")) < 0 and time.monotonic() < end:
            time.sleep(0.01)
        self.assertGreaterEqual(lock, 0)
        owner.give_up(lock)


if __name__ == "__main__":
    unittest.main()
