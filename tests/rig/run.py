"""Commands run inside a world through its holder, so that they are sealed and end with it."""

import itertools
import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

from tests.waiting import looks

counter = itertools.count(1)


class Running:
    """A command at work in the world; its output goes to files, so nothing blocks on a pipe."""

    def __init__(self, world: Path, argv: list[str], env: dict[str, str], cwd: Path, stdin: str):
        base = world / "out" / f"{next(counter)}"
        self.argv, self.code = argv, None
        self.files = [base.with_suffix(end) for end in (".in", ".out", ".err")]
        self.files[0].write_text(stdin)
        opened = [path.open(mode) for path, mode in zip(self.files, ("rb", "wb", "wb"))]
        self.door = socket.socket(socket.AF_UNIX)
        self.door.connect(str(world / "holder.sock"))
        order = {"argv": argv, "env": env, "cwd": str(cwd)}
        line = json.dumps(order).encode() + b"\n"
        sent = socket.send_fds(self.door, [line], [file.fileno() for file in opened])
        if line[sent:]:  # an empty send fails where a quick program has ended and been told of
            self.door.sendall(line[sent:])
        for file in opened:
            file.close()
        self.answers = self.door.makefile("r")
        begun = json.loads(self.answers.readline())
        if "error" in begun:
            self.close()
            raise FileNotFoundError(f"{argv}: {begun['error']}")
        self.pid: int = begun["pid"]

    @property
    def stdout(self) -> str:
        return self.files[1].read_text(encoding="utf-8", errors="replace")

    @property
    def stderr(self) -> str:
        return self.files[2].read_text(encoding="utf-8", errors="replace")

    def wait(self, timeout: float = 30) -> subprocess.CompletedProcess:
        """The finished command; past the time it is killed and AssertionError says its output."""
        if self.code is None:
            self.door.settimeout(timeout)
            try:
                self.code = json.loads(self.answers.readline())["code"]
            except TimeoutError:
                self.kill(signal.SIGKILL)
                raise AssertionError(
                    f"{self.argv} still runs after {timeout} s, said:\n{self.stdout}{self.stderr}"
                ) from None
            finally:
                self.close()
        return subprocess.CompletedProcess(self.argv, self.code or 0, self.stdout, self.stderr)

    def until(self, pattern: str, timeout: float = 20) -> re.Match:
        """The first match in its standard output."""
        for _ in looks(timeout):
            if match := re.search(pattern, self.stdout):
                return match
        raise AssertionError(
            f"{self.argv} never said {pattern!r}, only:\n{self.stdout}{self.stderr}"
        )

    def kill(self, sig: int = signal.SIGTERM) -> None:
        os.kill(self.pid, sig)

    def close(self) -> None:
        self.answers.close() if hasattr(self, "answers") else None
        self.door.close()
