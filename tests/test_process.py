"""Facts about processes, and what is left behind: nobody's child, with nothing of its starter's."""

import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from hcom import process
from tests.sealed import ROOT, Sealed
from tests.test_launcher import counting

PATIENCE_S = 10.0
PS = shutil.which("ps")
WAYS = ("/proc", "/nonexistent") if PS else ("/proc",)
NO_PROC = mock.patch.object(process, "PROC", "/nonexistent")


class Told(unittest.TestCase):
    """What the system says of a process, by /proc and, where there is none, by ps."""

    def child(self, *argv: str) -> subprocess.Popen:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def test_both_ways_tell_the_same_kind(self):
        child = self.child("sleep", "600")
        for where in WAYS:
            with self.subTest(where), mock.patch.object(process, "PROC", where):
                found = process.told(child.pid)
                self.assertEqual((found.parent, found.command), (os.getpid(), "sleep"))
                self.assertTrue(found.start)
                self.assertEqual(found.start, process.start_of(child.pid))
                self.assertTrue(process.alive(child.pid, found.start))
                self.assertTrue(process.proven(child.pid, found.start))
                self.assertFalse(process.alive(child.pid, found.start + "0"))
                self.assertFalse(process.proven(child.pid, found.start + "0"))
                self.assertFalse(process.proven(child.pid, ""))

    def test_one_that_has_ended_is_not_alive_though_its_parent_has_not_looked(self):
        child = self.child("true")
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        for where in WAYS:
            with self.subTest(where), mock.patch.object(process, "PROC", where):
                self.assertTrue(process.told(child.pid).ended)
                self.assertEqual(process.start_of(child.pid), "")
                self.assertFalse(process.alive(child.pid, ""))
        child.wait()
        for where in WAYS:
            with self.subTest(where, reaped=True), mock.patch.object(process, "PROC", where):
                self.assertEqual(process.told(child.pid), process.Process())

    @unittest.skipUnless(
        counting() and process.pid_space() == process.FIRST, "not all is seen here"
    )
    def test_one_in_a_namespace_below_is_seen_from_above_and_not_the_other_way(self):
        code = (
            f"import os, sys; sys.path.insert(0, {ROOT!r}); from hcom import process\n"
            "me = os.getpid(); print(me, process.start_of(me), process.sees(sys.argv[1]),"
            " process.alive(int(sys.argv[2]), sys.argv[1]), flush=True); sys.stdin.read()"
        )
        mine = process.start_of(os.getpid())
        below = subprocess.Popen(
            [*counting(), "--mount-proc", sys.executable, "-c", code, mine, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        number, start, *seen = below.stdout.readline().split()
        self.assertEqual((number, seen), ("1", ["False", "False"]))
        self.assertTrue(process.alive(1, start) and not process.ended(1, start))
        self.assertFalse(process.alive(2, start))
        self.assertFalse(process.alive(1, "1" + start))
        below.communicate()
        self.assertTrue(process.ended(1, start))

    @unittest.skipUnless(PS, "ps is not installed")
    def test_the_same_moment_reads_the_same_in_any_language(self):
        with NO_PROC, mock.patch.dict(os.environ, {"LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"}):
            said = process.start_of(os.getpid())
        with NO_PROC:
            self.assertEqual(process.start_of(os.getpid()), said)
        self.assertEqual(len(said.split()), 5)

    def test_where_neither_tells_nothing_is_proven(self):
        with NO_PROC, mock.patch.dict(os.environ, {"PATH": "/nonexistent"}):
            self.assertEqual(process.start_of(os.getpid()), "")
            self.assertTrue(process.alive(os.getpid(), "Thu Nov 26 23:51:46 2026"))
            self.assertFalse(process.proven(os.getpid(), "Thu Nov 26 23:51:46 2026"))

    def test_asking_leaves_nothing_open_and_no_child(self):
        before = os.listdir("/dev/fd")
        with NO_PROC:
            process.start_of(os.getpid())
            with mock.patch.dict(os.environ, {"PATH": "/nonexistent"}):
                process.start_of(os.getpid())
        self.assertEqual(os.listdir("/dev/fd"), before)
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


class LeftBehind(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)

    def left(self, code: str, keep=()) -> list[int]:
        return process.leave_behind([sys.executable, "-I", "-S", "-c", code], os.environ, keep)

    def until(self, said: Path) -> str:
        end = time.monotonic() + PATIENCE_S
        while not said.exists():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        return said.read_text()

    def test_it_is_nobodys_child_and_leads_a_session_of_its_own(self):
        said = self.place / "said"
        self.left(
            f"import os; t = '%d %d' % (os.getsid(0), os.getppid()); p = {str(said)!r}\n"
            "open(p + '.tmp', 'w').write(t); os.rename(p + '.tmp', p)"
        )
        session, parent = map(int, self.until(said).split())
        self.assertNotEqual(session, os.getsid(0))
        self.assertNotEqual(parent, os.getpid())
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    def test_it_holds_none_of_our_descriptors(self):
        """A reader of our pipe gets its end, and a lock of ours is let go, while it runs."""
        lock = self.place / "lock"
        code = (
            "import fcntl, os, sys; sys.path.insert(0, sys.argv[1]); from hcom import process\n"
            "fd = os.open(sys.argv[2], os.O_CREAT | os.O_RDWR); os.set_inheritable(fd, True)\n"
            "fcntl.flock(fd, fcntl.LOCK_EX); os.dup2(1, 7)\n"
            "process.leave_behind(['/bin/sh', '-c', 'sleep 5'], os.environ)"
        )
        began = time.monotonic()
        root = Path(__file__).resolve().parent.parent
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, str(root), str(lock)],
            capture_output=True, timeout=PATIENCE_S, check=True,
        )  # fmt: skip
        self.assertLess(time.monotonic() - began, 4, "the pipe's end came only with sleep's")
        self.assertEqual(done.stdout + done.stderr, b"")
        with open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_what_it_is_to_keep_it_keeps(self):
        path = self.place / "lock"
        fd = os.open(path, os.O_CREAT | os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX)
        go = self.place / "go"
        kept = self.left(
            f"import os, time\nos.fstat({process.FIRST_KEPT})\n"
            f"while not os.path.exists({str(go)!r}): time.sleep(0.01)", [fd]
        )  # fmt: skip
        self.assertEqual(kept, [process.FIRST_KEPT])
        os.close(fd)
        again = os.open(path, os.O_RDWR)
        self.addCleanup(os.close, again)
        with self.assertRaises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        go.touch()
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)

    def test_where_there_can_be_no_process_it_is_not_there(self):
        self.assertEqual(process.leave_behind(["/nonexistent"], os.environ), [])
        code = (
            "import resource, sys; sys.path.insert(0, sys.argv[1]); from hcom import process\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
            "print(process.leave_behind(['/bin/true'], {}))"
        )
        argv = [sys.executable, "-c", code, ROOT]
        self.assertEqual(subprocess.run(argv, capture_output=True).stdout, b"[]\n")


class Kill(Sealed):
    """Only what is surely still the process that a hook told of is ended."""

    def claude(self, session: str) -> str:
        name = super().claude(session)
        self.hook(session, "SessionStart", source="startup")
        return name

    def knows(self, session: str, name: str, start: str) -> None:
        """hcom takes the session's process to have begun at `start`."""
        path = Path(self.home.hcom_dir, ".agents/known", f"{session}.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), "pid_start": start}))
        db = sqlite3.connect(Path(self.home.hcom_dir, "hcom.db"))
        self.addCleanup(db.close)
        with db:
            db.execute("UPDATE agents SET pid_start = ? WHERE name = ?", (start, name))

    def test_its_process_ends(self):
        name = self.claude("s1")
        self.assertIn(f"killed {name}", self.home.said("kill", name))
        self.assertIsNotNone(self.clients["s1"].wait(PATIENCE_S))
        self.assertEqual(self.home.names(), [])

    def test_who_has_none_stays_and_is_told_how_to_leave(self):
        name = self.home.start()
        done = self.home.run("kill", name)
        self.assertEqual((done.returncode, done.stdout), (1, "nothing to kill\n"))
        self.assertIn(f"{name} has no process that hcom can end", done.stderr)
        self.assertEqual(self.home.names(), [name])
        self.home.said("stop", name)
        self.assertEqual(self.home.names(), [])

    def test_a_process_that_has_its_number_now_is_left_alone(self):
        name = self.claude("s1")
        self.knows("s1", name, "1")
        done = self.home.run("kill", name)
        self.assertEqual((done.returncode, done.stdout), (1, "nothing to kill\n"))
        self.assertRegex(done.stderr, f"process {self.clients['s1'].pid} was {name}'s, now it is")
        self.assertIsNone(self.clients["s1"].poll())

    def test_where_nobody_can_tell_nothing_at_all_is_killed(self):
        first, second = self.claude("s1"), self.claude("s2")
        self.knows("s2", second, "")
        done = self.home.run("kill", first, second)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, f"cannot tell .*{self.clients['s2'].pid}.*{second}")
        for client in self.clients.values():
            self.assertIsNone(client.poll())
        self.assertEqual(sorted(self.home.names()), sorted((first, second)))


if __name__ == "__main__":
    unittest.main()
