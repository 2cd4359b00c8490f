"""Where the show is given: one directory below TMPDIR, with a home and a copy of this package that
knows the stand-in as a tool. Nothing outside is written to, and nothing of it stays.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

from .. import process
from ..errors import HcomError
from .terminal import Terminal

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LEFT_OUT = shutil.ignore_patterns("__pycache__")
# What docs/adding-a-tool.md does by hand.
KNOWN = '\nSIGNS["standin"] = "STANDIN"\nTOOLS = tuple(SIGNS)\n'
CLIENT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from hcom.demo.client import main; main()"
)
KEPT_ENV = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")  # a Python may need the last
LOOK_S = 0.02
PATIENCE_S = 30.0  # a loaded machine is slow, not wrong
ENDING_S = 3.0  # what hcom leaves behind for a moment ends by itself
GONE_S = 10.0


class Gate:
    """A FIFO that holds who reads it until it is opened."""

    def __init__(self, path: str):
        self.path, self._writer = path, -1
        os.mkfifo(path)

    def is_held(self) -> bool:
        """Whether somebody waits at it."""
        try:
            self._writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False  # without a reader
        return True

    def open(self) -> None:
        """Who waits there goes on."""
        os.close(self._writer)


class Place:
    """`root` is the directory; agents are known by their names once they are launched."""

    def __init__(self, env):
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="hcom-demo-"))
        self.home, self.work = self.path("home"), self.path("work")
        self.terminals: dict[str, Terminal] = {}
        self.env = {
            **{key: env[key] for key in KEPT_ENV if key in env},
            "HOME": self.home,
            "PATH": f"{self.path('bin')}:{env.get('PATH') or os.defpath}",
            "PWD": self.work,
            "TERM": "xterm-256color",
            "TMPDIR": self.root,
        }

    def path(self, *parts: str) -> str:
        """The path of something in the directory."""
        return os.path.join(self.root, *parts)

    def build(self) -> None:
        """`hcom` and `standin` can be run there."""
        for folder in (self.home, self.work, self.path("bin")):
            os.mkdir(folder)
        copy = self.path("hcom")
        shutil.copytree(PACKAGE, copy, ignore=LEFT_OUT)
        os.rename(os.path.join(copy, "demo", "adapter"), os.path.join(copy, "adapters", "standin"))
        with open(os.path.join(copy, "adapters", "__init__.py"), "a", encoding="utf-8") as stream:
            stream.write(KNOWN)
        self._program("hcom", copy)
        self._program("standin", "-c", CLIENT, self.root)

    def _program(self, name: str, *words: str) -> None:
        path, command = self.path("bin", name), [sys.executable, "-I", "-S", *words]
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        os.chmod(path, 0o700)

    def launch(self) -> str:
        """`hcom standin` runs in a terminal of its own; the agent's name. HcomError."""
        log = self.path(f"model-{len(self.terminals) + 1}")
        terminal = Terminal(["hcom", "standin"], {**self.env, "STANDIN_LOG": log}, self.work)
        self.terminals[log] = terminal  # to be ended, whatever comes of it
        end = time.monotonic() + PATIENCE_S
        while not (said := re.search(rb"hcom: this is ([\w-]+)", terminal.output)):
            if terminal.ending or time.monotonic() > end:
                raise HcomError(f"no agent: {terminal.output.decode(errors='replace').strip()}")
            time.sleep(LOOK_S)
            terminal.pump()
        name = said[1].decode()
        self.terminals[name] = self.terminals.pop(log)
        os.symlink(log, self.path(name))
        return name

    def pump(self) -> None:
        """What the terminals show is known."""
        for terminal in self.terminals.values():
            terminal.pump()

    def is_idle(self, name: str) -> bool:
        """Whether the agent's client shows that it waits."""
        return self.terminals[name].title == "standin: idle"

    def heard(self, name: str) -> list[tuple[str, str]]:
        """All that the agent's model was given, and by what: user, tool, or a hook's context."""
        try:
            with open(self.path(name), encoding="utf-8") as stream:
                told = map(json.loads, stream)
                return [(f["by"], f["text"]) for line in told for f in line.get("fresh", ())]
        except OSError:
            return []  # nothing yet

    def hcom(self, *words: str, stdin=subprocess.DEVNULL) -> str:
        """What the command prints. HcomError when it fails."""
        done = subprocess.run(
            ["hcom", *words], env=self.env, cwd=self.work, stdin=stdin, capture_output=True
        )
        if done.returncode:
            raise HcomError(done.stderr.decode(errors="replace").strip().removeprefix("hcom: "))
        return done.stdout.decode(errors="replace")

    def close(self) -> None:
        """Nothing runs there any more, as far as the system tells."""
        for terminal in self.terminals.values():
            terminal.close()
        begun = time.monotonic()
        while (left := self._inmates()) and time.monotonic() < begun + GONE_S:
            if time.monotonic() > begun + ENDING_S:
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(LOOK_S)

    def _inmates(self) -> list[int]:
        """The processes whose home this is; none where there is no /proc."""
        pids = map(int, filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()))
        return [pid for pid in pids if process.environment(pid).get("HOME") == self.home]

    def remove(self) -> None:
        """The directory is gone, also where somebody was still writing to it."""
        end = time.monotonic() + GONE_S
        while os.path.exists(self.root) and time.monotonic() < end:
            shutil.rmtree(self.root, ignore_errors=True)
