"""The wrapper in front of real programs: as if it were not there.

Each test holds the master side of an outer terminal, as a terminal program does, and runs in it
what a person would run: a program behind the wrapper, or a shell from which the wrapper is started.
"""

import fcntl
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

from hcom.pty.screen import Screen
from tests.test_pty_spawn import PATIENCE_S, SEALED, until

ROOT = str(Path(__file__).resolve().parent.parent)
FRONT = """
import os, sys
from hcom.pty import keys, policy, proxy, spawn
def fault(error):
    with open(os.environ["HOME"] + "/fault", "a") as file:
        file.write(repr(error) + chr(10))
class Quiet(policy.Policy):  # its methods do nothing
    pass
POLICY = Quiet()
BELLS = ()
%s
spawn.leave(proxy.run(sys.argv[1:], os.environ, policy=POLICY, keys=keys.Keys(), on_fault=fault,
    doorbells=BELLS, grace_s=0.5))
"""
BELL = """
BELL = os.environ["HOME"] + "/bell"
os.mkfifo(BELL)
BELLS = (os.open(BELL, os.O_RDWR | os.O_NONBLOCK),)
class Rung(Quiet):
    rung = None
    def on_ready(self, fd):
        if b"fault" in os.read(fd, 99):
            raise ValueError("planted")
        self.rung = 0.0
        open(BELL + ".heard", "w").close()
    def deadline(self):
        return self.rung
    def tick(self, now):
        self.rung = None
        return b"<typed>"
POLICY = Rung()
"""


class Terminal(unittest.TestCase):
    """An outer terminal of 83x27 with `self.fd` as the terminal program's side."""

    def setUp(self) -> None:
        self.home = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.home)
        self.fd, self.slave = os.openpty()
        self.addCleanup(lambda: self.fd < 0 or os.close(self.fd))
        self.addCleanup(os.close, self.slave)
        self.size(83, 27)
        self.sane = termios.tcgetattr(self.slave)
        self.got = b""
        more = {"HOME": self.home, "TERM": "xterm-256color", "PYTHONPATH": ROOT, "PS1": "$ "}
        self.env = {**SEALED, **more}

    def run_in(self, argv: list[str], **more) -> subprocess.Popen:
        """`argv` as the leader of the outer terminal's session, or with other descriptors."""

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            os.tcsetpgrp(self.slave, os.getpgrp())

        files = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave, **more}
        done = subprocess.Popen(
            argv, env=self.env, preexec_fn=own_terminal, pass_fds=(self.slave,), **files
        )
        self.addCleanup(done.wait)
        self.addCleanup(lambda: done.poll() is None and done.kill())
        return done

    def front(self, *argv: str, policy: str = "", **more) -> subprocess.Popen:
        """The wrapper in front of `argv`."""
        return self.run_in([sys.executable, "-c", FRONT % policy, *argv], **more)

    def size(self, cols: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.fd, data) :]

    def read(self) -> None:
        if select.select([self.fd], [], [], 0.05)[0]:
            self.got += os.read(self.fd, 65536)

    def until(self, wanted: bytes, since: int = 0) -> re.Match[bytes]:
        """The first match of a pattern in what the terminal was sent."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = re.compile(wanted, re.DOTALL).search(self.got, since)
            if found:
                return found
            self.read()
        raise AssertionError(f"never {wanted!r} after {since}, but:\n{self.got[-2000:]!r}")

    def code(self, done: subprocess.Popen) -> int:
        """The exit status, with the terminal read meanwhile."""

        end = time.monotonic() + PATIENCE_S
        while done.poll() is None:
            self.assertLess(time.monotonic(), end, "the wrapper does not end")
            self.read()
        while select.select([self.fd], [], [], 0)[0]:
            self.got += os.read(self.fd, 65536)
        return done.returncode

    def assert_sane(self) -> None:
        self.assertEqual(termios.tcgetattr(self.slave), self.sane)


class Passing(Terminal):
    def test_size_and_resize(self):
        done = self.front("sh", "-c", "trap 'stty size' WINCH; stty size; while :; do read x; done")
        self.until(b"27 83\r\n")
        self.size(101, 33)
        os.kill(done.pid, signal.SIGWINCH)
        self.until(b"33 101\r\n")
        done.terminate()
        self.code(done)

    def test_status_and_sanity(self):
        table = [("exit 0", 0), ("exit 41", 41), ("kill -KILL $$", -9), ("kill -INT $$", -2)]
        for script, code in table:
            with self.subTest(script):
                self.assertEqual(self.code(self.front("sh", "-c", script)), code)
                self.assert_sane()

    def test_not_installed(self):
        done = self.front("no-such-program")
        self.assertEqual(self.code(done), 1)
        self.assertIn(b'"no-such-program" is not installed', self.got)
        self.assert_sane()

    def test_all_that_was_written_arrives_before_the_end(self):
        for count in (1, 3000):
            with self.subTest(count):
                since = len(self.got)
                done = self.front("sh", "-c", f"yes line | head -n {count}; printf 'the end'")
                self.code(done)
                self.assertEqual(self.got[since:], b"line\r\n" * count + b"the end")

    def test_a_program_left_behind_does_not_hold_the_end_up(self):
        script = "(trap '' HUP; while :; do echo noise; done) & echo $!; exit 6"
        done = self.front("sh", "-c", script)
        left = int(self.until(rb"(\d+)\r\n")[1])
        try:
            self.assertEqual(self.code(done), 6)
        finally:
            try:
                os.kill(left, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it could not write to a terminal that is gone

    def test_five_megabytes_of_junk_out(self):
        junk = Path(self.home, "junk")
        junk.write_bytes(os.urandom(5_000_000))
        done = self.front("sh", "-c", 'stty raw; cat "$HOME/junk"')
        self.assertEqual(self.code(done), 0)
        self.assertTrue(self.got == junk.read_bytes())

    def test_a_slow_reader_gets_everything(self):
        junk = Path(self.home, "junk")
        junk.write_bytes(os.urandom(300_000))
        done = self.front("sh", "-c", 'stty raw; cat "$HOME/junk"')
        while done.poll() is None:
            if select.select([self.fd], [], [], 0.05)[0]:
                self.got += os.read(self.fd, 1024)
                time.sleep(0.0005)
        self.code(done)
        self.assertTrue(self.got == junk.read_bytes())

    def test_five_megabytes_of_junk_in(self):
        junk = os.urandom(5_000_000)
        script = 'stty raw -echo; echo go; head -c 5000000 > "$HOME/in"; echo gone'
        done = self.front("sh", "-c", script)
        self.until(b"go\r?\n")
        os.set_blocking(self.fd, False)
        sent = 0
        end = time.monotonic() + PATIENCE_S
        while sent < len(junk) and time.monotonic() < end:
            _, room, _ = select.select([], [self.fd], [], 1)
            if room:
                try:
                    sent += os.write(self.fd, junk[sent : sent + 65536])
                except BlockingIOError:
                    pass
        self.until(b"gone")
        self.assertEqual(self.code(done), 0)
        self.assertTrue(Path(self.home, "in").read_bytes() == junk)

    def test_a_reader_that_does_not_read_holds_nothing_else_up(self):
        """Input backs up to the person's terminal; output and the end still come."""
        done = self.front("sh", "-c", "stty raw -echo; echo go; sleep 0.5; echo still; exit 8")
        self.until(b"go")
        os.set_blocking(self.fd, False)
        try:
            for _ in range(1000):
                os.write(self.fd, b"x" * 4096)
        except BlockingIOError:
            pass
        self.until(b"still")
        self.assertEqual(self.code(done), 8)

    def test_input_that_is_no_terminal(self):
        done = self.front("cat", stdin=subprocess.PIPE)
        assert done.stdin
        done.stdin.write(b"one\ntwo")
        done.stdin.close()
        self.assertEqual(self.code(done), 0)
        self.assertIn(b"one\r\ntwo", self.got)

    def test_no_input_at_all(self):
        script = "stty raw; echo on; sleep 0.3; echo alive"
        done = self.front("sh", "-c", script, stdin=subprocess.DEVNULL)
        self.assertEqual(self.code(done), 0)
        self.assertIn(b"alive", self.got)

    def test_output_that_is_no_terminal(self):
        with tempfile.TemporaryFile() as file:
            done = self.front("sh", "-c", "seq 20000; stty size", stdout=file)
            self.assertEqual(self.code(done), 0)
            file.seek(0)
            lines = file.read().split()
        self.assertEqual(lines, [str(n).encode() for n in range(1, 20001)] + [b"27", b"83"])

    def test_a_reader_that_left(self):
        out, into = os.pipe()
        script = "echo first; while :; do echo more; sleep 0.01; done"
        done = self.front("sh", "-c", script, stdout=into)
        os.close(into)
        self.assertTrue(os.read(out, 5))
        os.close(out)
        self.assertLess(self.code(done), 0)
        self.assert_sane()

    def test_headless(self):
        code = FRONT.replace("policy=POLICY", "policy=POLICY, ends=proxy.Ends(None, None)") % (
            "class P(Quiet):\n    def on_output(self, data, now): os.write(2, data)\nPOLICY = P()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "sh", "-c", "stty size; test -t 0 && echo tty; exit 3"],
            env=self.env, capture_output=True, stdin=subprocess.DEVNULL,
            start_new_session=True, timeout=PATIENCE_S,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (3, b""))
        self.assertEqual(done.stderr.split(), [b"40", b"120", b"tty"])


class Policies(Terminal):
    def ring(self, word: bytes = b"x") -> None:
        until(lambda: os.path.exists(self.home + "/bell"), "there is a bell")
        with open(self.home + "/bell", "wb") as bell:
            bell.write(word)

    def test_it_types_when_rung(self):
        done = self.front("sh", "-c", "stty raw -echo; echo go; head -c 7", policy=BELL)
        self.until(b"go")
        self.ring()
        self.until(b"<typed>")
        self.assertEqual(self.code(done), 0)

    def test_it_never_types_into_a_paste(self):
        """Begun before the ring, ended after it: what is typed comes behind (test_pty_keys)."""
        begun, rest = b"\x1b[200~pasted", b" words\x1b[201~"
        count = len(begun + rest + b"<typed>")
        script = f'stty raw -echo; echo go; head -c {count} > "$HOME/in"; echo gone'
        done = self.front("sh", "-c", script, policy=BELL)
        self.until(b"go")
        self.type(begun)
        self.ring()
        until(lambda: os.path.exists(self.home + "/bell.heard"), "the bell is heard")
        self.type(rest)
        self.until(b"gone")
        self.code(done)
        self.assertEqual(Path(self.home, "in").read_bytes(), begun + rest + b"<typed>")

    def test_a_fault_ends_the_policy_and_nothing_else(self):
        done = self.front("sed", "-u", "s/o/0/", policy=BELL)
        self.type(b"one\n")
        self.until(b"0ne\r\n")
        self.ring(b"fault")
        until(lambda: os.path.exists(self.home + "/fault"), "the fault is told")
        self.ring(b"x")
        self.type(b"two\n")
        self.until(b"tw0\r\n")
        self.type(b"\x04")
        self.assertEqual(self.code(done), 0)
        self.assertNotIn(b"<typed>", self.got)
        self.assertEqual(Path(self.home, "fault").read_text(), "ValueError('planted')\n")

    def test_every_method_may_fail(self):
        for name in ("on_start", "on_resize", "on_output", "deadline", "tick"):
            with self.subTest(name):
                self.got = b""
                planted = (
                    "class P(Quiet):\n"
                    "    def deadline(self): return 0.0\n"
                    f"    def {name}(self, *facts): raise KeyError({name!r})\n"
                    "POLICY = P()\n"
                )
                done = self.front("sed", "-u", "s/o/0/", policy=planted)
                self.type(b"one\n")
                self.until(b"0ne\r\n")
                done.send_signal(signal.SIGWINCH)
                until(lambda: os.path.exists(self.home + "/fault"), "the fault is told")
                self.type(b"two\n\x04")
                self.assertEqual(self.code(done), 0)
                self.assertIn(b"tw0\r\n", self.got)
                self.assertEqual(Path(self.home, "fault").read_text().count(name), 1)
                os.unlink(self.home + "/fault")

    def test_idle_wakes_nothing(self):
        done = self.front("sed", "-u", "s/o/0/", policy=BELL)
        self.type(b"one\n")
        self.until(b"0ne\r\n")

        def switches() -> str:
            with open(f"/proc/{done.pid}/status") as status:
                return re.findall(r"ctxt_switches:\s+(\d+)", status.read())[0]

        if not os.path.exists(f"/proc/{done.pid}/status"):
            self.skipTest("no /proc to count wake-ups in")
        until(lambda: switches() == (time.sleep(0.3), switches())[1], "it rests")
        before = switches()
        time.sleep(1.0)  # the fact is that nothing happens, for which there is no event to wait
        self.assertEqual(switches(), before)
        self.type(b"\x04")
        self.code(done)


class FullScreen(Terminal):
    """The screen of an editor and a pager inside the wrapper is the one outside it."""

    def screen_of(self, start) -> list[str]:
        """What it shows of the text, begun on a small terminal that was then made larger."""
        self.size(60, 15)
        screen = Screen(60, 15)
        self.got = b""
        done = start()
        self.until(b"line 10")
        self.rest()
        screen.feed(self.got)
        screen.resize(83, 27)
        since = len(self.got)
        self.size(83, 27)  # the system tells whoever is in front
        self.until(b"line 20", since)
        self.rest()
        screen.feed(self.got[since:])
        done.terminate()
        self.code(done)
        return screen.lines()

    def rest(self) -> None:
        """No output for a while."""
        since, at = -1, time.monotonic()
        while time.monotonic() < at + 0.5:
            self.read()
            if len(self.got) != since:
                since, at = len(self.got), time.monotonic()

    def test_vim_and_less(self):
        text = Path(self.home, "text")
        text.write_text("".join(f"line {n} ä漢\n" for n in range(1, 200)))
        for argv in (["vim", "-u", "NONE", "-N", str(text)], ["less", str(text)]):
            if not shutil.which(argv[0]):
                continue
            with self.subTest(argv[0]):
                bare = self.screen_of(lambda: self.run_in(argv))
                wrapped = self.screen_of(lambda: self.front(*argv))
                self.assertIn("line 10 ä漢", bare)
                self.assertEqual(wrapped, bare)


if __name__ == "__main__":
    unittest.main()
