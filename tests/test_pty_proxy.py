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

from hcom.pty.keys import PASTE_S, QUIET_S, RUSH_S, Keys
from hcom.pty.modes import Modes
from hcom.pty.screen import Screen
from tests.test_pty_spawn import PATIENCE_S, SEALED, alive, until

ROOT = str(Path(__file__).resolve().parent.parent)
FRONT = """
import os, sys
from hcom.pty import policy, proxy, spawn
def fault(error):
    with open(os.environ["HOME"] + "/fault", "a") as file:
        file.write(repr(error) + chr(10))
POLICY = policy.Quiet()
BELLS = ()
%s
spawn.leave(proxy.run(sys.argv[1:], os.environ, policy=POLICY, on_fault=fault, doorbells=BELLS,
    grace_s=0.5))
"""
BELL = """
BELL = os.environ["HOME"] + "/bell"
os.mkfifo(BELL)
BELLS = (os.open(BELL, os.O_RDWR | os.O_NONBLOCK),)
class Rung(policy.Quiet):
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

    def until(self, wanted: bytes, since: int = 0) -> "re.Match[bytes]":
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
            "class P(policy.Quiet):\n"
            "    def on_output(self, data, now): os.write(2, data)\n"
            "POLICY = P()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "sh", "-c", "stty size; test -t 0 && echo tty; exit 3"],
            env=self.env, capture_output=True, stdin=subprocess.DEVNULL,
            start_new_session=True, timeout=PATIENCE_S,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (3, b""))
        self.assertEqual(done.stderr.split(), [b"40", b"120", b"tty"])


class Signals(Terminal):
    def test_hangup_and_term_end_the_group(self):
        script = "trap '' TERM HUP; sleep 600 & echo $$ $!; wait; wait"
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                since = len(self.got)
                done = self.front("sh", "-c", script)
                pids = [int(pid) for pid in self.until(rb"(\d+) (\d+)\r\n", since).groups()]
                done.send_signal(number)
                self.assertEqual(self.code(done), -9)
                for pid in pids:
                    until(lambda: not alive(pid), f"{pid} is gone")
                self.assert_sane()

    def test_the_terminal_is_closed(self):
        done = self.front("sh", "-c", "trap '' HUP TERM; echo $$; while :; do sleep 1; done")
        pid = int(self.until(rb"(\d+)\r\n")[1])
        os.close(self.fd)
        self.fd = -1
        until(lambda: done.poll() is not None, "the wrapper has ended")
        self.assertFalse(alive(pid))

    def test_the_wrapper_is_killed(self):
        """Nothing of it is left, and where no shell does it, the keeper mends the terminal."""
        done = self.front("sh", "-c", "trap '' HUP TERM; echo $$; while :; do sleep 1; done")
        pid = int(self.until(rb"(\d+)\r\n")[1])
        self.assertNotEqual(termios.tcgetattr(self.slave), self.sane)
        done.kill()
        done.wait()
        until(lambda: not alive(pid), "the program is gone")
        until(lambda: termios.tcgetattr(self.slave) == self.sane, "the terminal is sane")

    def test_the_program_is_killed_in_full_screen(self):
        modes = r"\033[?1049h\033[?1000h\033[?1006h\033[?2004h\033[?25l\033[>1u"
        done = self.front("sh", "-c", f"printf '{modes}'; kill -KILL $$")
        self.assertEqual(self.code(done), -9)
        for undone in (b"[?1049l", b"[?1000l", b"[?1006l", b"[?2004l", b"[?25h", b"[<u"):
            self.assertIn(b"\x1b" + undone, self.got)
        self.assert_sane()

    def test_others_are_passed_on(self):
        traps = "trap 'echo usr1' USR1; trap 'echo int' INT"
        script = f"{traps}; echo ready; while :; do sleep 0.05; done"
        done = self.front("sh", "-c", script)
        self.until(b"ready")
        done.send_signal(signal.SIGUSR1)
        self.until(b"usr1")
        done.send_signal(signal.SIGINT)
        self.until(b"int")
        done.terminate()
        self.code(done)

    def test_ctrl_c_is_a_byte(self):
        done = self.front("cat")
        self.type(b"x\n")
        self.until(b"x\r\nx\r\n")
        self.type(b"\x03")
        self.assertEqual(self.code(done), -2)
        self.assert_sane()


class Suspension(Terminal):
    """From a shell with job control, as a person does it."""

    def shell(self) -> subprocess.Popen:
        front = Path(self.home, "front")
        front.write_text(f'#!/bin/sh\nexec {sys.executable} "$HOME/front.py" "$@"\n')
        front.chmod(0o755)
        Path(self.home, "front.py").write_text(FRONT % "")
        done = self.run_in(["bash", "--norc", "--noprofile", "-i"])
        self.until(rb"\$ \Z")
        return done

    def stop_and_go(self, *, begin: bytes, stop: bytes) -> None:
        shell = self.shell()
        self.type(begin)
        self.until(b"ready\r\n")
        since = len(self.got)
        self.type(stop)
        self.until(rb"Stopped.*\$ \Z", since)
        since = len(self.got)
        self.size(70, 20)
        self.type(b"echo in-the-$((40+2)) $(stty size)\n")
        self.until(rb"in-the-42 20 70\r\n", since)
        since = len(self.got)
        self.type(b"fg\n")
        self.until(rb"fg\r\n", since)
        self.type(b"hello\n")
        self.until(b"got:hello 20 70\r\n", since)
        self.until(rb"\$ \Z", since)
        self.type(b"echo code=$?\n")
        self.until(b"code=9\r\n", since)
        self.type(b"exit\n")
        self.code(shell)

    SCRIPT = b"'echo ready; while read x; do echo got:$x $(stty size); exit 9; done'\n"

    def test_ctrl_z(self):
        """The inner line discipline sends SIGTSTP; without the keeper it would be ignored."""
        self.stop_and_go(begin=b"~/front bash --norc -c " + self.SCRIPT, stop=b"\x1a")

    def test_a_client_that_stops_itself(self):
        """As Ink and ratatui programs do at Ctrl-Z: raw mode, then a signal to themselves."""
        code = (
            "import os, signal, subprocess, sys, termios, tty\n"
            "old = termios.tcgetattr(0); tty.setraw(0); print('ready', end='\\r\\n', flush=True)\n"
            "assert os.read(0, 9) == b'\\x1a'\n"
            "termios.tcsetattr(0, termios.TCSADRAIN, old); os.kill(0, signal.%s)\n"
            "x = input(); s = os.get_terminal_size()\n"
            "print(f'got:{x} {s.lines} {s.columns}'); sys.exit(9)\n"
        )
        for name in ("SIGTSTP", "SIGSTOP"):
            with self.subTest(name):
                self.size(83, 27)
                self.got = b""
                Path(self.home, "client.py").write_text(code % name)
                line = f"~/front {sys.executable} ~/client.py\n".encode()
                self.stop_and_go(begin=line, stop=b"\x1a")

    def test_kill_tstp_of_the_wrapper(self):
        shell = self.shell()
        self.type(b"~/front sh -c 'echo $PPID ready; read x; echo got:$x'\n")
        keeper = int(self.until(rb"(\d+) ready\r\n")[1])
        wrapper = subprocess.run(["ps", "-o", "ppid=", "-p", str(keeper)], capture_output=True)
        since = len(self.got)
        os.kill(int(wrapper.stdout), signal.SIGTSTP)
        self.until(rb"Stopped.*\$ \Z", since)
        self.type(b"fg\n")
        self.type(b"x\n")
        self.until(rb"got:x\r\n.*\$ \Z")
        self.type(b"exit\n")
        self.code(shell)

    def test_a_suspended_client_is_killed(self):
        shell = self.shell()
        self.type(b"~/front sh -c 'echo $$ ready; read x'\n")
        pid = int(self.until(rb"(\d+) ready\r\n")[1])
        self.type(b"\x1a")
        self.until(rb"Stopped.*\$ \Z")
        since = len(self.got)
        self.type(b"kill %1; fg; echo and-on\n")
        self.until(rb"\nand-on\r\n.*\$ \Z", since)
        self.assertFalse(alive(pid))
        self.type(b"exit\n")
        self.code(shell)

    def test_no_shell_to_continue_us(self):
        """In a pane of its own there is none: the client goes on instead of hanging for ever."""
        done = self.front("sh", "-c", "echo ready; kill -STOP $$; echo on; exit 4")
        self.assertEqual(self.code(done), 4)
        self.assertIn(b"on", self.got)

    def test_a_shell_inside_has_job_control(self):
        done = self.front("bash", "--norc", "--noprofile", "-i")
        self.until(rb"\$ \Z")
        self.assertNotIn(b"no job control", self.got)
        self.type(b"sed -u s/o/0/\n")
        self.type(b"one\n")
        self.until(b"0ne\r\n")
        self.type(b"\x1a")
        self.until(rb"Stopped.*\$ \Z")
        since = len(self.got)
        self.type(b"fg\n")
        self.type(b"two\n")
        self.until(b"tw0\r\n", since)
        self.type(b"\x04exit 5\n")
        self.assertEqual(self.code(done), 5)


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
        """Begun before the ring, ended long after: what is typed comes behind it (see KeysTable)."""
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
        for name in ("on_start", "on_resize", "on_output", "on_input", "deadline", "tick"):
            with self.subTest(name):
                self.got = b""
                planted = (
                    "class P(policy.Quiet):\n"
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


class KeysTable(unittest.TestCase):
    """What counts as typing, and when a sequence is whole."""

    def test_typed(self):
        typed = [b"a", b"\r", b"\x1b", b"\x1b[A", b"\x1bOP", b"\x1bx", b"\x1b[200~hi\x1b[201~",
                 b"\x1b[97u", b"\x1b[1;5A", "é".encode(), b"\x03"]  # fmt: skip
        reports = [b"\x1b[I", b"\x1b[O", b"\x1b[<0;10;10M", b"\x1b[<35;1;2m", b"\x1b[?62;22c",
                   b"\x1b[>0;276;0c", b"\x1b[12;40R", b"\x1b]11;rgb:0/0/0\x1b\\", b"\x1b[?1u",
                   b"\x1b]10;rgb:f/f/f\x07", b"\x1bP>|xterm(1)\x1b\\", b"\x1b[?2026;2$y",
                   b"\x1b[8;24;80t", b"\x1b[0n", b"\x1b[?997;1n"]  # fmt: skip
        for data, expected in [(d, True) for d in typed] + [(d, False) for d in reports]:
            with self.subTest(data):
                keys = Keys()
                keys.feed(data, 5.0)
                self.assertEqual(keys.typed_at == 5.0, expected)

    def test_clear_at(self):
        table = [
            (b"a", QUIET_S),
            (b"\x1b", RUSH_S),
            (b"\x1b[1;", RUSH_S),
            (b"\x1b]11;rgb", RUSH_S),
            (b"\x1b[200~abc", PASTE_S),
            (b"\x1b[200~abc\x1b[201~", QUIET_S),
            (b"\x1b[200~abc\x1b[201", PASTE_S),
        ]
        for data, wait in table:
            with self.subTest(data):
                whole, pieces = Keys(), Keys()
                whole.feed(data, 5.0)
                for byte in data:
                    pieces.feed(bytes([byte]), 5.0)
                self.assertEqual(whole.clear_at(), 5.0 + wait)
                self.assertEqual(pieces.clear_at(), 5.0 + wait)

    def test_junk(self):
        keys = Keys()
        for _ in range(50):
            keys.feed(os.urandom(3000), 1.0)
        keys.feed(b"\x1b]" + b"x" * 200_000, 2.0)
        self.assertLess(keys.clear_at(), 3.0 + PASTE_S)


class ModesTable(unittest.TestCase):
    def test_undo(self):
        table = [
            (b"", b""),
            (b"plain \x1b[31mred\x1b[m\r\n", b""),
            (b"\x1b[?2004h\x1b[?2004l", b""),
            (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l\x1b[m\r\n"),
            (b"\x1b[?1049h\x1b[?2004h", b"\x1b[?2004l\x1b[?1049l\x1b[m\r\n"),
            (b"\x1b[?25l", b"\x1b[?25h\x1b[m\r\n"),
            (b"\x1b[>1u\x1b[>7u\x1b[<u", b"\x1b[<u\x1b[m\r\n"),
            (b"\x1b[?1000h\x1bc", b""),
            (b"\x1b[3;9r", b"\x1b7\x1b[r\x1b8\x1b[m\r\n"),
        ]
        for data, undo in table:
            with self.subTest(data):
                whole, pieces = Modes(), Modes()
                whole.feed(data)
                for byte in data:
                    pieces.feed(bytes([byte]))
                self.assertEqual(whole.undo(), undo)
                self.assertEqual(pieces.undo(), undo)


if __name__ == "__main__":
    unittest.main()
