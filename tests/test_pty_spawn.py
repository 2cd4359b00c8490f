"""Programs started on a pty: how they begin, how they end, and that nothing of them is left."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from hcom import process
from hcom.pty import spawn
from hcom.pty.spawn import Exited, Killed, SpawnError
from tests.sealed import ROOT

PATIENCE_S = 30.0
SEALED = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "HOME": "/"}


def until(fact, what: str):
    """The first true answer of `fact`."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = fact()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"never: {what}")


def alive(pid: int) -> bool:
    """Whether a process runs that is not a zombie."""
    return process.alive(pid, "")


class Spawned(unittest.TestCase):
    def start(self, *argv: str, **more) -> spawn.Child:
        more = {"cols": 91, "rows": 31, "env": SEALED, "grace_s": 0.4, **more}
        child = spawn.spawn(argv, more.pop("env"), **more)
        self.addCleanup(os.close, child.fd)
        return child

    def read_until(self, child: spawn.Child, text: bytes) -> bytes:
        got = b""
        end = time.monotonic() + PATIENCE_S
        while text not in got:
            if not select.select([child.fd], [], [], end - time.monotonic())[0]:
                self.fail(f"{text!r} never came, only {got!r}")
            try:
                got += os.read(child.fd, 65536)
            except OSError:
                self.fail(f"{text!r} never came, only {got!r}")
        return got

    def ended(self, child: spawn.Child) -> spawn.Ending:
        how = spawn.ending(os.waitpid(child.keeper, 0)[1])
        assert how is not None
        return how


class Beginning(Spawned):
    def test_size_terminal_and_directory(self):
        with tempfile.TemporaryDirectory() as folder:
            real = os.path.realpath(folder)
            child = self.start("sh", "-c", "stty size; pwd; echo $X; tty; echo :", cwd=real,
                               env={**SEALED, "X": "a b"})  # fmt: skip
            got = self.read_until(child, b":\r\n")
            lines = got.split(b"\r\n")
            self.assertEqual(lines[:3], [b"31 91", real.encode(), b"a b"])
            self.assertTrue(lines[3].startswith(b"/dev/"))
            self.assertEqual(self.ended(child), Exited(0))

    def test_where_there_are_no_terminals(self):
        code = (
            f"import os, resource, sys; sys.path.insert(0, {ROOT!r}); from hcom.pty import spawn\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
            "try: spawn.spawn(['true'], os.environ, cols=9, rows=9)\n"
            "except spawn.SpawnError as error: print(error.message)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual(done.stdout, "no terminal can be made here: too many open files\n")

    def test_it_leads_the_group_in_front(self):
        child = self.start("sh", "-c", "echo ready; read x")
        self.read_until(child, b"ready")
        self.assertEqual(os.tcgetpgrp(child.fd), child.pid)
        self.assertEqual(os.getpgid(child.pid), child.pid)
        os.write(child.fd, b"\n")
        self.assertEqual(self.ended(child), Exited(0))

    def test_signals_are_reset(self):
        code = (
            "import signal;"
            "print([s.name for s in signal.valid_signals() if isinstance(s, signal.Signals)"
            " and signal.getsignal(s) is signal.SIG_IGN and s.name not in ('SIGPIPE','SIGXFSZ')],"
            " signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
        )
        before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        try:
            child = self.start(sys.executable, "-I", "-c", code)
        finally:
            signal.signal(signal.SIGUSR1, before)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        self.assertIn(b"[] set()", self.read_until(child, b"\r\n"))
        self.ended(child)

    def test_no_descriptor_is_handed_on(self):
        with tempfile.TemporaryFile() as file:
            os.set_inheritable(file.fileno(), True)
            child = self.start("sh", "-c", "ls /dev/fd; echo :")
            fds = self.read_until(child, b":").split()[:-1]
        self.ended(child)
        self.assertLessEqual(set(fds), {b"0", b"1", b"2", b"3"})  # 3 is the listing's own

    def test_refusals(self):
        table: list[tuple[tuple[str, ...], dict, str]] = [
            (("no-such-program",), {}, '"no-such-program" is not installed'),
            (("/etc/passwd",), {}, 'cannot run "/etc/passwd": permission denied'),
            (("/",), {}, 'cannot run "/": permission denied'),
            (("sh",), {"cwd": "/no/such"}, 'use directory "/no/such": no such file or directory'),
            (("a\0b",), {}, "invalid argument"),
        ]
        for argv, more, words in table:
            with self.subTest(argv=argv), self.assertRaises(SpawnError) as caught:
                spawn.spawn(argv, SEALED, cols=80, rows=24, **more)
            self.assertIn(words, caught.exception.message)

    def test_a_refusal_leaves_nothing(self):
        before = set(os.listdir("/dev/fd"))
        with self.assertRaises(SpawnError):
            spawn.spawn(["no-such-program"], SEALED, cols=80, rows=24)
        self.assertEqual(set(os.listdir("/dev/fd")), before)
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


class Ending(Spawned):
    def test_status(self):
        table = [
            ("exit 0", Exited(0)),
            ("exit 77", Exited(77)),
            ("kill -KILL $$", Killed(signal.SIGKILL)),
            ("kill -SEGV $$", Killed(signal.SIGSEGV)),
            ("kill -HUP $$", Killed(signal.SIGHUP)),
        ]
        for script, how in table:
            with self.subTest(script):
                self.assertEqual(self.ended(self.start("sh", "-c", script)), how)

    def test_leave_ends_as_the_program_did(self):
        code = "from hcom.pty import spawn; spawn.leave(spawn.%r)"
        table: list[tuple[spawn.Ending, int]] = [(Exited(5), 5), (Exited(0), 0)]
        table += [(Killed(n), -n) for n in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT)]
        for how, code_of_it in table:
            with self.subTest(how):
                text = code % (how if isinstance(how, Exited) else Killed(int(how.signal)),)
                root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
                done = subprocess.run([sys.executable, "-c", text], cwd=root)
                self.assertEqual(done.returncode, code_of_it)

    def test_end_asks_first(self):
        script = "trap 'echo bye > $OUT; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            child = self.start("sh", "-c", script, env={**SEALED, "OUT": out}, grace_s=PATIENCE_S)
            self.read_until(child, b"ready")
            self.assertEqual(spawn.end(child), Exited(3))
            with open(out) as file:
                self.assertEqual(file.read(), "bye\n")

    def test_end_insists(self):
        child = self.start("sh", "-c", "trap '' TERM HUP; echo ready; while :; do sleep 1; done")
        self.read_until(child, b"ready")
        self.assertEqual(spawn.end(child), Killed(signal.SIGKILL))

    def test_end_takes_the_whole_group(self):
        """As Gemini does: the outer process ignores signals, an inner one does the work."""
        script = "(trap '' TERM HUP; echo $$; exec sleep 600) & trap 'exit 0' TERM; echo $!; wait"
        child = self.start("sh", "-c", script + "; wait")
        got = self.read_until(child, b"\r\n")
        while got.count(b"\r\n") < 2:
            got += self.read_until(child, b"\r\n")
        inner = max(int(number) for number in got.split())
        self.assertNotEqual(inner, child.pid)
        spawn.end(child)
        until(lambda: not alive(inner), "the inner process is gone")

    def test_end_of_a_stopped_program(self):
        child = self.start("sh", "-c", "echo ready; kill -STOP $$; sleep 600")
        self.read_until(child, b"ready")
        _, status = os.waitpid(child.keeper, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        self.assertEqual(spawn.end(child), Killed(signal.SIGTERM))

    def test_what_a_program_leaves_running_is_not_hung_up(self):
        """A recorder that Gemini's hook left behind is in its group, and outlives /quit."""
        script = "trap '' PIPE; sleep 600 & echo $!"
        child = self.start("sh", "-c", script)
        left = int(self.read_until(child, b"\r\n"))
        self.addCleanup(os.kill, left, signal.SIGKILL)
        self.assertEqual(self.ended(child), Exited(0))
        self.assertTrue(alive(left))

    def test_a_killed_owner_leaves_nobody(self):
        """Where the wrapper gets SIGKILL, the keeper ends a program that ignores its terminal."""
        script = "trap '' TERM HUP; echo $$; while :; do sleep 1; done"
        code = (
            "import os, sys, time; from hcom.pty import spawn\n"
            f"c = spawn.spawn(['sh', '-c', {script!r}], os.environ, cols=9, rows=9, grace_s=0.4)\n"
            "os.read(c.fd, 99); print(c.pid, c.keeper, flush=True); time.sleep(600)"
        )
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root)
        assert owner.stdout
        self.addCleanup(owner.stdout.close)
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        owner.kill()
        owner.wait()
        for pid in pids:
            until(lambda: not alive(pid), f"{pid} is gone")


if __name__ == "__main__":
    unittest.main()
