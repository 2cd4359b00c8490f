"""Signals and job control through the wrapper, from a terminal and a shell as a person has them."""

import os
import re
import signal
import subprocess
import sys
import termios
import unittest
from pathlib import Path

from hcom import process
from tests.test_pty_proxy import FRONT, Terminal
from tests.test_pty_spawn import alive, until

MODES = r"\033[?1049h\033[?1000h\033[?1006h\033[?2004h\033[?25l\033[>1u"
UNDONE = (b"[?1049l", b"[?1000l", b"[?1006l", b"[?2004l", b"[?25h", b"[<u")


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
        done = self.front(
            "sh", "-c", f"trap '' HUP TERM; printf '{MODES}'; echo $$; while :; do sleep 1; done"
        )
        pid = int(self.until(rb"(\d+)\r\n")[1])
        self.assertNotEqual(termios.tcgetattr(self.slave), self.sane)
        done.kill()
        done.wait()
        until(lambda: not alive(pid), "the program is gone")
        until(lambda: termios.tcgetattr(self.slave) == self.sane, "the terminal is sane")
        for undone in UNDONE:
            self.until(re.escape(b"\x1b" + undone))

    def test_the_program_is_killed_in_full_screen(self):
        done = self.front("sh", "-c", f"printf '{MODES}'; kill -KILL $$")
        self.assertEqual(self.code(done), -9)
        for undone in UNDONE:
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
        since = len(self.got)
        os.kill(process.told(keeper).parent, signal.SIGTSTP)
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


if __name__ == "__main__":
    unittest.main()
