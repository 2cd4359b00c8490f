"""Terminals: opening and closing for real, on a private tmux server, screen, and stand-in programs.

A stand-in is an executable of the test's own on a PATH of the test's own.
"""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from hcom.errors import HcomError
from hcom.process import start_of
from hcom.terminal import (
    Opened,
    Platform,
    around,
    builtin,
    close_window,
    open_window,
    parse_custom,
    show_window,
    window,
    with_reported,
)

PRESETS = builtin(Platform.LINUX)
UNTIL_S = 10
HOSTILE = "a b'\"$(touch pwned)`touch pwned`;#(touch pwned)#{pid}\\x é"


def until(reached, seen=lambda: ""):
    """What `reached()` gave once it was true; fails with what `seen()` shows."""
    limit = time.monotonic() + UNTIL_S
    while time.monotonic() < limit:
        value = reached()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {UNTIL_S} s: {seen()}")


def alive(pid):
    """Whether process `pid` runs; a zombie does not."""
    return start_of(pid) != ""


def is_removed(place: tempfile.TemporaryDirectory) -> bool:
    """Whether the folder is gone now: a window that was just ended may have put a file there."""
    try:
        place.cleanup()
    except OSError:
        return False
    return True


class Place(unittest.TestCase):
    """A directory with its own HOME, PATH and a script whose run can be seen."""

    TOOLS: tuple[str, ...] = ("bash", "cat", "sleep", "env")

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="hcom")
        self.addCleanup(until, lambda: is_removed(place))
        self.dir = os.path.realpath(place.name)
        self.bin = self.at("bin")
        self.cwd = self.at(HOSTILE)
        os.mkdir(self.bin)
        os.mkdir(self.cwd)
        for tool in self.TOOLS:
            os.symlink(shutil.which(tool) or tool, os.path.join(self.bin, tool))
        self.env = {
            "HOME": self.dir,
            "PATH": self.bin,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "xterm",
            "SHELL": os.path.join(self.bin, "bash"),
            "DISPLAY": ":0",
        }
        self.script = os.path.join(self.cwd, "run me.sh")
        self.write(
            self.script,
            'printf "%s\\n" "$0" "$PWD" "$$" > "${0%/*}/ran.tmp"\n'
            'env > "${0%/*}/env"\n'
            'mv_() { read -r -d "" all < "$1"; printf "%s" "$all" > "$2"; }\n'
            'mv_ "${0%/*}/ran.tmp" "${0%/*}/ran"\n'
            "exec sleep 1000\n",
        )

    def at(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def stand_in(self, name, body):
        path = os.path.join(self.bin, name)
        self.write(path, f"#!{shutil.which('bash')}\n{body}\n")
        os.chmod(path, 0o700)

    def ran(self):
        """[script, directory, pid] as the script in the window saw them."""
        path = os.path.join(self.cwd, "ran")

        def lines():
            try:
                with open(path, encoding="utf-8") as file:
                    found = file.read().splitlines()
            except FileNotFoundError:
                return []
            return found if len(found) == 3 else []

        return until(lines)

    def saw(self):
        """The environment that the script in the window saw."""
        with open(os.path.join(self.cwd, "env"), encoding="utf-8") as file:
            return dict(line.split("=", 1) for line in file.read().splitlines() if "=" in line)

    def open(self, preset, title="luna", **more):
        return open_window(preset, self.script, self.cwd, {**self.env, **more}, title)

    def refused(self, preset, **more):
        with self.assertRaises(HcomError) as caught:
            self.open(preset, **more)
        return caught.exception.message


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class Tmux(Place):
    TOOLS = (*Place.TOOLS, "tmux")

    def setUp(self):
        super().setUp()
        self.socket = self.at("sock")
        self.tmux("new-session", "-d", "-x", "200", "-y", "50", "-s", "main", "sleep 1000")
        self.addCleanup(self.tmux, "kill-server", check=False)
        server, pane = self.tmux("display", "-p", "-t", "main", "#{pid} #{pane_id}").split()
        self.first = pane
        self.env.update(TMUX=f"{self.socket},{server},0", TMUX_PANE=pane)

    def tmux(self, *args, check=True):
        env = {k: v for k, v in self.env.items() if not k.startswith("TMUX")}
        return subprocess.run(
            ["tmux", "-S", self.socket, "-f", "/dev/null", *args],
            env=env,
            capture_output=True,
            text=True,
            check=check,
            timeout=20,
        ).stdout

    def panes(self):
        return self.tmux("list-panes", "-a", "-F", "#{pane_id}").split()

    def test_split_opens_beside_and_closes_only_itself(self):
        opened = self.open(PRESETS["tmux-split"])
        second = self.open(PRESETS["tmux-split"])
        script, cwd, pid = self.ran()
        self.assertEqual(self.script, script)
        self.assertEqual(self.cwd, cwd)
        self.assertFalse(os.path.exists(os.path.join(self.cwd, "pwned")))
        self.assertEqual(3, len(self.panes()))
        self.assertEqual(1, len(self.tmux("list-windows").splitlines()))
        self.assertEqual(self.first, self.tmux("display", "-p", "-t", "main", "#{pane_id}").strip())
        close_window(opened, {k: v for k, v in self.env.items() if not k.startswith("TMUX")})
        left = self.panes()
        self.assertEqual(2, len(left))
        self.assertIn(f"pane={left[1]}", second.id)

    def test_the_new_pane_knows_the_id_we_learned(self):
        opened = self.open(PRESETS["tmux-split"])
        self.ran()
        self.assertIn("pane=" + self.saw()["TMUX_PANE"], shlex.split(opened.id))

    def test_panes_open_beside_the_caller_whatever_the_person_looks_at(self):
        """And tiled; from the third on each has a window of its own, named after the agent."""
        self.tmux("new-window", "-t", "main", "-n", "looked-at", "sleep 1000")
        for name in ("luna", "nova", "kira", "mira"):
            self.open(PRESETS["tmux-split"], title=name)
        names = self.tmux("list-windows", "-F", "#{window_name}").split()
        self.assertEqual(names[1:], ["looked-at", "kira", "mira"])
        told = self.tmux("list-panes", "-t", self.first, "-F", "#{pane_width} #{pane_height}")
        sizes = [tuple(map(int, line.split())) for line in told.splitlines()]
        self.assertEqual(len(sizes), 3)
        self.assertTrue(all(width > 60 and height > 20 for width, height in sizes), sizes)
        self.assertEqual(self.tmux("display", "-p", "-t", "main", "#{window_name}"), "looked-at\n")

    def test_without_a_pane_around_us_it_opens_where_the_person_is(self):
        del self.env["TMUX_PANE"]
        opened = self.open(PRESETS["tmux-split"])
        self.assertEqual(opened.preset, "tmux-split")
        self.assertEqual(2, len(self.panes()))

    def test_window_has_the_title_and_is_not_run_as_a_format(self):
        opened = self.open(PRESETS["tmux-window"], title="api-luna #(touch pwned);")
        self.ran()
        self.assertIn(
            "api-luna --touch pwned--",
            self.tmux("list-windows", "-F", "#{window_name}").splitlines(),
        )
        self.assertFalse(os.path.exists(os.path.join(self.cwd, "pwned")))
        close_window(opened, self.env)
        self.assertEqual([self.first], self.panes())

    def test_a_window_is_shown_also_of_another_session(self):
        opened = self.open(PRESETS["tmux-window"])
        self.assertEqual(self.tmux("display", "-p", "-t", "main", "#{pane_id}").strip(), self.first)
        show_window(opened, self.env)
        self.assertNotEqual(
            self.tmux("display", "-p", "-t", "main", "#{pane_id}").strip(), self.first
        )
        seen = ["tmux", "-S", self.socket, "attach", "-t", "other"]
        self.tmux("new-session", "-d", "-s", "other", "sleep 1000")
        self.tmux("new-session", "-d", "-s", "eyes", f"env -u TMUX {shlex.join(seen)}")
        at = ["list-clients", "-F", "#{client_session}"]
        until(lambda: self.tmux(*at) == "other\n")
        show_window(opened, {k: v for k, v in self.env.items() if not k.startswith("TMUX")})
        self.assertEqual(self.tmux(*at), "main\n")
        close_window(opened, self.env)
        with self.assertRaisesRegex(HcomError, "'tmux-window' did not show it: can't find pane"):
            show_window(opened, self.env)

    def test_the_window_around_a_process(self):
        opened = self.open(PRESETS["tmux-window"])
        self.ran()
        found = around(self.saw())
        self.assertEqual(sorted(shlex.split(found.id)), sorted(shlex.split(opened.id)))
        for env, said in (
            ({"WEZTERM_UNIX_SOCKET": "/s", "WEZTERM_PANE": "3"}, ("WezTerm", "PANE=3")),
            ({"KITTY_LISTEN_ON": "unix:k", "KITTY_WINDOW_ID": "7"}, ("kitty-tab", "window=7")),
        ):
            found = around(env)
            self.assertEqual(found.preset, said[0])
            self.assertIn(said[1], found.id)
        self.assertIsNone(around({"TMUX": "", "KITTY_WINDOW_ID": "7", "WEZTERM_PANE": "3"}))

    def test_a_pane_that_is_gone_is_no_error(self):
        opened = self.open(PRESETS["tmux-split"])
        close_window(opened, self.env)
        close_window(opened, self.env)
        self.tmux("kill-server")
        close_window(opened, self.env)
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        close_window(opened, self.env)

    def test_the_same_pane_of_another_server_is_left_alone(self):
        opened = self.open(PRESETS["tmux-split"])
        server = dict(w.split("=", 1) for w in shlex.split(opened.id))["server"]
        other = opened._replace(id=opened.id.replace(f"server={server}", "server=1"))
        close_window(other, self.env)
        self.assertEqual(2, len(self.panes()))

    def test_without_room_for_a_pane_it_becomes_a_window(self):
        # in half of 31 lines neither a client nor the dashboard has room
        for cols, rows, wanted in (
            ("2", "2", "window"),
            ("200", "31", "window"),
            ("200", "32", "split"),
        ):
            with self.subTest(rows):
                self.tmux("resize-window", "-t", "main", "-x", cols, "-y", rows)
                opened = self.open(PRESETS["tmux-split"])
                self.assertEqual(f"tmux-{wanted}", opened.preset)
                close_window(opened, self.env)
                self.assertEqual([self.first], self.panes())

    def test_no_server_is_said_in_its_words(self):
        self.tmux("kill-server")
        said = self.refused(PRESETS["tmux-split"])
        self.assertRegex(
            said, "'tmux-split' did not open: .*(no server|error connecting|server exited)"
        )


@unittest.skipUnless(shutil.which("screen"), "screen is not installed")
class Screen(Place):
    TOOLS = (*Place.TOOLS, "screen")

    def test_a_window_opens_in_the_session_around_us(self):
        sockets = self.at("S")
        os.mkdir(sockets, 0o700)
        self.env["SCREENDIR"] = sockets
        self.cwd = self.at("a b'$(touch pwned)`x`^x;#é")  # screen itself loses a \ before a quote
        os.mkdir(self.cwd)
        shutil.copy(self.script, os.path.join(self.cwd, "s.sh"))
        self.script = os.path.join(self.cwd, "s.sh")
        subprocess.run(
            ["screen", "-c", "/dev/null", "-dmS", "t", "sleep", "1000"],
            env=self.env,
            check=True,
            timeout=20,
        )
        session = until(lambda: os.listdir(sockets))[0]
        self.addCleanup(subprocess.run, ["screen", "-S", session, "-X", "quit"], env=self.env)
        opened = self.open(PRESETS["screen"], STY=session)
        self.assertEqual(self.script, self.ran()[0])
        reported = with_reported(opened, PRESETS["screen"], self.saw())
        self.assertEqual([f"STY={session}", "WINDOW=1"], shlex.split(reported.id))
        close_window(reported, self.env)  # closes with its process, never by a reusable number
        self.assertTrue(alive(int(self.ran()[2])))


class Foreground(Place):
    """Terminals that are a process of their own, as xterm is."""

    XTERM = 'shift 3; [ "$1" = bash ] || exit 9; exec "$@"'

    def ends(self, opened):
        if opened.pid:
            self.addCleanup(self.end, opened.pid)
        return opened

    @staticmethod
    def end(pid):
        if alive(pid):
            os.killpg(pid, signal.SIGKILL)

    def test_it_runs_in_its_own_session_and_closes_by_its_pid(self):
        self.stand_in("xterm", self.XTERM)
        opened = self.ends(self.open(PRESETS["xterm"]))
        script, cwd, pid = self.ran()
        self.assertEqual((self.script, self.cwd, str(opened.pid)), (script, cwd, pid))
        self.assertEqual(opened.pid, os.getsid(opened.pid))
        other = self.ends(self.open(PRESETS["xterm"]))
        close_window(opened, self.env)
        self.assertFalse(alive(opened.pid))
        self.assertTrue(alive(other.pid))
        close_window(opened, self.env)

    def test_one_that_ignores_the_request_is_ended(self):
        self.stand_in("xterm", 'trap "" TERM; echo up > "$HOME/up"; while :; do sleep 0.1; done')
        opened = self.ends(self.open(PRESETS["xterm"]))
        until(lambda: os.path.exists(self.at("up")))
        close_window(opened, self.env)
        self.assertFalse(alive(opened.pid))

    def test_a_process_that_has_the_pid_now_is_left_alone(self):
        self.stand_in("xterm", self.XTERM)
        opened = self.ends(self.open(PRESETS["xterm"]))
        for born in ("", "born=1"):
            close_window(opened._replace(id=born), self.env)
            self.assertTrue(alive(opened.pid))

    def test_a_terminal_that_may_hold_other_windows_is_not_ended(self):
        self.stand_in("alacritty", 'while [ "$1" != -e ]; do shift; done; shift; exec "$@"')
        opened = self.ends(self.open(PRESETS["alacritty"]))
        self.assertEqual(self.script, self.ran()[0])
        close_window(opened, self.env)
        self.assertTrue(alive(opened.pid))

    def test_one_that_hands_over_and_ends_leaves_no_pid(self):
        self.stand_in("konsole", "exit 0")
        self.assertEqual(Opened("konsole"), self.open(PRESETS["konsole"]))

    def test_one_that_fails_is_quoted(self):
        self.stand_in("xterm", 'echo "xterm: can\'t open display \x1b[31m:0" >&2; exit 1')
        self.assertEqual(
            "terminal 'xterm' did not open: xterm: can't open display [31m:0",
            self.refused(PRESETS["xterm"]),
        )
        self.stand_in("xterm", "exit 3")
        self.assertIn("ended with status 3", self.refused(PRESETS["xterm"]))

    def test_custom_gets_its_argv_without_a_shell(self):
        self.stand_in("term", 'printf "%s|" "$@" > "$HOME/argv"; shift 2; exec "$@"')
        preset = parse_custom("term '$(touch pwned) x' `id` bash {script}", lambda name: name)
        opened = self.ends(self.open(preset))
        self.ran()
        with open(self.at("argv"), encoding="utf-8") as file:
            self.assertEqual(f"$(touch pwned) x|`id`|bash|{self.script}|", file.read())
        self.assertFalse(os.path.exists(os.path.join(self.cwd, "pwned")))
        close_window(opened, self.env)
        self.assertTrue(alive(opened.pid))


class Returning(Place):
    """Openers that ask a running terminal and return."""

    KITTEN = (
        'printf "%s " "$@" >> "$HOME/log"; echo "$KITTY_LISTEN_ON" >> "$HOME/log"\n'
        'case $2 in launch) echo 7;; *) [ ! -e "$HOME/gone" ] || '
        '{ echo "Error: No matching windows for expression" >&2; exit 1; };; esac'
    )

    def log(self):
        with open(self.at("log"), encoding="utf-8") as file:
            return file.read().splitlines()

    def test_the_id_is_read_and_used_at_the_address_it_came_from(self):
        self.stand_in("kitten", self.KITTEN)
        opened = self.open(PRESETS["kitty-tab"], KITTY_LISTEN_ON="unix:/a b")
        self.assertEqual(["KITTY_LISTEN_ON=unix:/a b", "window=7"], shlex.split(opened.id))
        close_window(opened, {**self.env, "KITTY_LISTEN_ON": "unix:other"})
        self.assertIn(f"{self.script} unix:/a b", self.log()[0])
        self.assertEqual("@ close-window --match id:7 unix:/a b", self.log()[1])
        show_window(opened, self.env)
        self.assertEqual("@ focus-window --match id:7 unix:/a b", self.log()[2])
        with self.assertRaisesRegex(HcomError, "'xterm' cannot be asked to show a window"):
            show_window(Opened("xterm"), self.env)

    def test_gone_is_no_error_but_another_failure_is(self):
        self.stand_in("kitten", self.KITTEN)
        opened = self.open(PRESETS["kitty-tab"], KITTY_LISTEN_ON="unix:k")
        self.write(self.at("gone"), "")
        close_window(opened, self.env)
        self.stand_in("kitten", "echo remote control is off >&2; exit 1")
        with self.assertRaisesRegex(HcomError, "did not close: remote control is off"):
            close_window(opened, self.env)

    def test_what_is_remembered_of_a_window_names_a_window_and_nothing_else(self):
        self.stand_in("tmux", 'printf "%s|" "$@" >> "$HOME/log"; echo >> "$HOME/log"')
        for change in (
            {"PATH": "/evil"},
            {"pane": "%1 ; run-shell x"},
            {"server": "#(x)"},
            {"pane": "%1\nrun-shell x"},
        ):
            parts = {"server": "1", "pane": "%1", "socket": "/s", **change}
            said = shlex.join(f"{k}={v}" for k, v in parts.items())
            close_window(Opened("tmux-split", said), self.env)
            self.assertEqual(1, len(self.log()), change)  # the first, as if PATH were not said

    def test_half_an_address_closes_nothing(self):
        self.stand_in("kitten", self.KITTEN)
        opened = self.open(PRESETS["kitty-tab"])
        close_window(opened, {**self.env, "KITTY_LISTEN_ON": "unix:other"})
        self.assertEqual(1, len(self.log()))

    def test_an_id_the_script_reports(self):
        self.stand_in("zellij", 'printf "%s|" "$@" >> "$HOME/log"; echo >> "$HOME/log"')
        preset = PRESETS["zellij"]
        opened = self.open(preset)
        close_window(opened, self.env)
        self.assertEqual(1, len(self.log()))
        opened = with_reported(
            opened, preset, {"ZELLIJ_SESSION_NAME": "my s", "ZELLIJ_PANE_ID": "4", "OTHER": "x"}
        )
        close_window(Opened(*opened), self.env)
        self.assertEqual("--session|my s|action|close-pane|--pane-id|4|", self.log()[1])

    def test_no_id_in_the_output_still_is_a_window(self):
        self.stand_in("wezterm", "echo what")
        opened = self.open(PRESETS["wezterm-tab"])
        self.assertEqual(Opened("wezterm-tab"), opened)
        close_window(opened, self.env)

    def test_one_that_fails_is_quoted(self):
        self.stand_in("kitten", "echo some output; echo 'no  socket\n\x1b]0;x\x07' >&2; exit 2")
        self.assertEqual(
            "terminal 'kitty-tab' did not open: no socket ]0;x", self.refused(PRESETS["kitty-tab"])
        )
        self.stand_in("kitten", "echo only on stdout; exit 2")
        self.assertIn(": only on stdout", self.refused(PRESETS["kitty-tab"]))

    def test_one_that_cannot_be_started_is_named(self):
        self.stand_in("kitten", "echo 7")
        os.chmod(self.at("bin/kitten"), 0o600)
        self.assertIn("kitten: Permission denied", self.refused(PRESETS["kitty-tab"]))
        os.chmod(self.at("bin/kitten"), 0o700)
        self.script += "\0"
        self.assertIn("kitten: embedded null byte", self.refused(PRESETS["kitty-tab"]))

    def test_stderr_of_one_that_works_is_no_error(self):
        self.stand_in("wezterm", "echo warning >&2; echo 12")
        self.assertEqual("pane=12", self.open(PRESETS["wezterm-tab"]).id)

    def test_one_that_hangs_is_ended_and_said(self):
        self.stand_in("kitten", 'echo $$ > "$HOME/pid"; echo waiting >&2; exec sleep 1000')
        limit, window.OPEN_S = window.OPEN_S, 0.5
        self.addCleanup(setattr, window, "OPEN_S", limit)
        said = self.refused(PRESETS["kitty-tab"])
        self.assertIn("kitten did not return within 0.5 s: waiting", said)
        with open(self.at("pid"), encoding="utf-8") as file:
            self.assertFalse(alive(int(file.read())))

    def test_a_child_that_keeps_our_output_open_does_not_hold_us(self):
        self.stand_in("wezterm", 'sleep 1000 & echo $! > "$HOME/pid"; echo 5')
        self.assertEqual("pane=5", self.open(PRESETS["wezterm-tab"]).id)
        with open(self.at("pid"), encoding="utf-8") as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def test_what_is_missing_is_named(self):
        self.assertIn("kitten: No such file", self.refused(PRESETS["kitty-tab"]))
        with self.assertRaisesRegex(HcomError, "no directory '/nowhere'"):
            open_window(PRESETS["xterm"], self.script, "/nowhere", self.env, "t")
        wt = builtin(Platform.WSL)["wt"]
        self.assertIn("needs WSL_DISTRO_NAME in the environment", self.refused(wt))

    def test_windows_terminal_gets_its_semicolons_escaped(self):
        self.stand_in("wt.exe", 'printf "%s\\n" "$@" > "$HOME/log"')
        self.open(builtin(Platform.WSL)["wt"], title="a;b", WSL_DISTRO_NAME="Debian")
        self.assertEqual(
            [
                "-w",
                "0",
                "new-tab",
                "--title",
                "a-b",
                "wsl.exe",
                "-d",
                "Debian",
                "--cd",
                self.cwd.replace(";", "\\;"),
                "--exec",
                "bash",
                self.script.replace(";", "\\;"),
            ],
            self.log(),
        )


if __name__ == "__main__":
    unittest.main()
