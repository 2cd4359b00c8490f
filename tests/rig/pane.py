"""One program in a window of the world's private tmux server: keys in, the screen as text out.

Waits until a person would see it, and shows the last screen when that never comes.
"""

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.rig.log import Model, Request
from tests.waiting import looks

LOOK_S = 0.05  # between two looks at a screen that shall not move
SETTLED_S = 0.25  # two frames of the slowest start-up animation
# an Enter sooner than this after a paste is taken for part of it (Gemini: 30 ms, Claude: 150 ms)
PASTE_GUARD_S = 0.5
INHERIT = None  # an environment value: what tmux gives the pane
IN_TMUX = {"TMUX": INHERIT, "TMUX_PANE": INHERIT}  # the program shall know that it is in tmux


class Tmux:
    """The private server, by its socket."""

    def __init__(self, sock: Path):
        self.sock = sock

    def argv(self, *words: str) -> list[str]:
        return ["tmux", "-S", str(self.sock), "-f", "/dev/null", *words]

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        """Run one tmux command; its output without the last newline."""
        # no TMUX of ours: it would be taken for the server to talk to
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        done = subprocess.run(
            self.argv(*words),
            env=env,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
        )
        if done.returncode:
            raise AssertionError(f"tmux {shlex.join(words)}: {done.stderr.strip()}")
        return done.stdout.removesuffix("\n")


def script(argv: list[str], cwd: Path, env: dict[str, str | None]) -> str:
    """A shell script that becomes `argv` with exactly this environment."""
    words = []
    for name, value in env.items():
        words.append(f'{name}="${name}"' if value is INHERIT else shlex.quote(f"{name}={value}"))
    return f"cd {shlex.quote(str(cwd))} && exec env -i {' '.join(words)} {shlex.join(argv)}\n"


class Pane:
    """A running program and its screen; it stays readable after the program ended."""

    def __init__(self, tmux: Tmux, target: str, model: Model):
        self.tmux, self.target, self.model = tmux, target, model

    def fact(self, form: str) -> str:
        """What tmux knows of the pane, by a format such as #{pane_title}."""
        return self.tmux("display-message", "-p", "-t", self.target, form)

    @property
    def pid(self) -> int:
        return int(self.fact("#{pane_pid}"))

    @property
    def title(self) -> str:
        return self.fact("#{pane_title}")

    @property
    def status(self) -> int | None:
        """The exit status, the signal's number negative; None while it runs."""
        form = "#{pid} #{pane_dead} #{pane_dead_status} #{pane_dead_signal}"
        server, dead, code, name = self.fact(form).split(" ")
        if dead and not (code or name):
            # tmux 3.3a now and then misses the end of a child, seen as a zombie: have it look again
            os.kill(int(server), signal.SIGCHLD)
        if name:
            return -int(name) if name.isdigit() else -signal.Signals[f"SIG{name}"]
        return int(code) if code else None

    @property
    def alive(self) -> bool:
        # not pane_dead, which tmux sets before it knows the status
        return self.status is None

    def keys(self, *names: str) -> None:
        """Press keys by their tmux names: "Enter", "C-c", "Escape", "Up", "x"."""
        self.tmux("send-keys", "-t", self.target, *names)

    def text(self, literal: str) -> None:
        """Type the characters in one burst, with no bracketed paste."""
        self.tmux("send-keys", "-t", self.target, "-l", "--", literal)

    def paste(self, literal: str) -> None:
        """Paste, bracketed if the program asked for that, newlines kept."""
        self.tmux("load-buffer", "-b", "rig", "-", stdin=literal)
        self.tmux("paste-buffer", "-p", "-r", "-d", "-b", "rig", "-t", self.target)

    def submit(self, literal: str) -> None:
        """Paste, wait until the screen shows the text or a stand-in for it, press Enter."""
        before, start = self.screen(), literal[:15].splitlines()[0]
        self.paste(literal)
        self.until(lambda screen: screen != before and (start in screen or "[Pasted" in screen))
        time.sleep(PASTE_GUARD_S)
        self.keys("Enter")

    def ask(self, prompt: str, timeout: float = 20) -> Request:
        """Submit a prompt as a person does; the model request that it makes."""
        since = time.time()
        self.submit(prompt)
        try:
            return self.model.until(prompt.splitlines()[0], timeout, since)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.portrait()}") from None

    def resize(self, cols: int, rows: int) -> None:
        self.tmux("resize-window", "-t", self.target, "-x", str(cols), "-y", str(rows))

    def screen(self) -> str:
        """The visible text, one line a row, without trailing blanks."""
        return self.tmux("capture-pane", "-p", "-t", self.target)

    def styled(self) -> str:
        """The visible text with its SGR sequences."""
        return self.tmux("capture-pane", "-p", "-e", "-t", self.target)

    def history(self) -> str:
        """The visible text and all that scrolled away."""
        return self.tmux("capture-pane", "-p", "-S", "-", "-t", self.target)

    def until(self, wanted: str | Callable[[str], object], timeout: float = 20) -> str:
        """The screen that first matched (a regex or a test of the text)."""
        matches = wanted if callable(wanted) else re.compile(wanted, re.MULTILINE).search
        for _ in looks(timeout):
            screen = self.screen()
            if matches(screen):
                return screen
        raise AssertionError(f"after {timeout} s still not {wanted!r}; {self.portrait()}")

    def settle(self, timeout: float = 20) -> str:
        """The screen once it has not changed for a moment."""
        deadline = time.monotonic() + timeout
        last, since = self.screen(), time.monotonic()
        while time.monotonic() < since + SETTLED_S:
            if time.monotonic() > deadline:
                raise AssertionError(f"the screen does not settle; {self.portrait()}")
            time.sleep(LOOK_S)
            now = self.screen()
            if now != last:
                last, since = now, time.monotonic()
        return last

    def until_ended(self, timeout: float = 20) -> int | None:
        """The exit status of the program, waited for."""
        self.until(lambda _: not self.alive, timeout)
        return self.status

    def portrait(self) -> str:
        state = "alive" if self.alive else f"ended with {self.status}"
        return f"{self.target} ({state}, title {self.title!r}) shows:\n{self.screen().rstrip()}"

    def kill(self, sig: int = signal.SIGTERM) -> None:
        """Send a signal to the program itself (a shim that execs, so the client)."""
        os.kill(self.pid, sig)
