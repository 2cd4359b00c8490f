"""The acts of a walk as clients run them: hooks by the commands in the clients' settings, with the
launcher and an interpreter of their own, commands as `hcom`; who is left behind runs.

A fault is put in at a time: the process group, or only the interpreter in it, is killed or stopped.
What runs beside each other then is not the same another time.
"""

import contextlib
import json
import os
import random
import re
import signal
import time

from tests.acts import KILL, STOP, Act, Host, Running, begun
from tests.bus import Broken
from tests.waiting import looks

POINTS_S = 0.06 / 160  # the last point of a fault is that late
SETTLED_S = 30.0  # the longest that anybody left behind works, and looks again
STOPPED_S = 2.0
SETTINGS = {"claude": ".claude/settings.json", "gemini": ".gemini/settings.json",
            "codex": ".codex/hooks.json"}  # fmt: skip
SHELLS = {"claude": "/bin/sh", "gemini": "/bin/bash", "codex": "/bin/sh"}
# As the launcher leaves the recorder behind: nobody waits for it.
RECORDER = "exec </dev/null >/dev/null 2>&1; hcom hook record &"


class Real:
    """Begins acts as programs of their own, in a world where the clients' hooks are installed."""

    BLOCKED_S = 1.0

    def __init__(self, world):
        self.world, self.hooks = world, {}

    def __enter__(self):
        self.world.program("gemini", "echo 0.61.0")
        os.makedirs(os.path.join(self.world.root, ".claude"), exist_ok=True)
        os.mkdir(os.path.join(self.world.root, ".codex"))
        for tool, path in SETTINGS.items():
            self.world.said("hooks", "add", tool)
            with open(os.path.join(self.world.root, path), encoding="utf-8") as stream:
                self.hooks[tool] = json.load(stream)["hooks"]
        return self

    def __exit__(self, *_error):
        pass  # the world's end is that of who was left behind

    def left_behind(self) -> list[list[str]]:
        """Nothing is for the walk to run."""
        return []

    def settle(self) -> None:
        """All that was spooled is recorded, if there is a recorder, and nobody else works but who
        sees to a wake."""
        for _ in looks(SETTLED_S):
            working = self.working()
            if not working:
                return
        raise Broken("hung", str(working))

    def working(self) -> list[str]:
        """The command lines of those who work."""
        told = [_words(pid) for pid in self.world.inmates()]
        recorders = [words for words in told if words[-2:] == ["hook", "record"]]
        work = [" ".join(w) for w in told if w and w not in recorders and "wake" not in w]
        return work + ["spool"] * bool(recorders and self.spooled())

    def spooled(self) -> bool:
        """Whether a whole payload waits; the launcher of another was killed."""
        folder = os.path.join(self.world.hcom_dir, "run", "spool")
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            with contextlib.suppress(OSError), open(os.path.join(folder, name), "rb") as stream:
                if re.search(rb"\n#hcom [^\n]*\n\Z", stream.read()):
                    return True
        return False

    def begin(self, host: "Host | None", act: Act) -> Running:
        """The act runs, and has met its fault if that is one of time."""
        running = begun(host, act._replace(program=self.program(act)))
        kind, point = act.fault
        if kind in (KILL, STOP):
            time.sleep(point * POINTS_S)
            inner = interpreter(running.pid) if random.Random(act.seed).random() < 0.5 else 0
            if kind == KILL and inner:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(inner, signal.SIGKILL)
                    running.killed = True
            elif kind == KILL:
                running.strike(signal.SIGKILL)
            else:
                stop(running)
        return running

    def program(self, act: Act) -> list[str]:
        """The words that do the act."""
        if act.argv == ["hook", "record"]:
            return ["/bin/sh", "-c", RECORDER]
        if act.argv[0] != "hook":
            return ["hcom", *act.argv]
        _, tool, event, _ = act.argv
        used = json.loads(act.given).get("tool_name", "")
        for one in self.hooks[tool].get(event, ()):
            if re.search(one.get("matcher", ""), used):
                return [SHELLS[tool], "-c", one["hooks"][0]["command"]]
        return ["true"]


def stop(running: Running) -> None:
    """It has stopped; else its group goes on: where it had ended before, and where it waits for a
    vfork of its own, which has stopped."""
    running.strike(signal.SIGSTOP)
    for _ in looks(STOPPED_S):
        with open(f"/proc/{running.pid}/stat", encoding="utf-8") as stream:
            state = stream.read().rpartition(")")[2].split()[0]
        if state in "TZ":
            break
    if state != "T":
        running.strike(signal.SIGCONT)


def interpreter(pid: int) -> int:
    """The Python that runs as a descendant of the process; 0 where none does (yet)."""
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
            children = [int(word) for word in stream.read().split()]
        for child in children:
            if _words(child)[1:3] == ["-I", "-S"]:
                return child
            if found := interpreter(child):
                return found
    return 0


def _words(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as stream:
            return stream.read().split("\0")[:-1]
    except OSError:
        return []
