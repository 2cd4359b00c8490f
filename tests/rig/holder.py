"""The world's holder: a process, in the world's network namespace, that owns all the others.

It serves the models, starts the private tmux server and runs commands for the test, which passes
it argv and descriptors over a unix socket. As a subreaper it inherits every orphan of the world,
so that at the end what it ends is exactly what the world started. Not told how to test anything.

    python -m tests.rig.holder WORLD_DIR
"""

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.rig import models

PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 36, 47, 4
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
GRACE_S = 3.0  # Gemini needs 2.5 s to notice that its terminal is gone


def raise_loopback() -> None:
    """`lo` is up: a new network namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def descendants(root: int) -> list[int]:
    """The pids of all processes below `root`, parents first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        try:
            stat = Path(f"/proc/{int(entry)}/stat").read_text()
        except (ValueError, OSError):
            continue
        # the name, in parentheses, may hold anything: count from its end
        state, parent = stat.rpartition(")")[2].split()[:2]
        if state != "Z":
            children.setdefault(int(parent), []).append(int(entry))
    below, todo = [], [root]
    while todo:
        found = children.get(todo.pop(), [])
        below += found
        todo += found
    return below


class Ended:
    """The exit statuses of the holder's children, own and inherited."""

    def __init__(self):
        self.codes: dict[int, int] = {}
        self.change = threading.Condition()
        # a thread, for a blocking wait is the one way to reap at once without a signal handler
        threading.Thread(target=self.reap, daemon=True).start()

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                time.sleep(0.02)  # no child at all: the first is started from another thread
                continue
            with self.change:
                self.codes[pid] = os.waitstatus_to_exitcode(status)
                self.change.notify_all()

    def code(self, pid: int) -> int:
        with self.change:
            self.change.wait_for(lambda: pid in self.codes)
            return self.codes.pop(pid)


def start(order: dict, descriptors: list[int]) -> subprocess.Popen | OSError:
    try:
        return subprocess.Popen(
            order["argv"],
            env=order["env"],
            cwd=order["cwd"],
            stdin=descriptors[0],
            stdout=descriptors[1],
            stderr=descriptors[2],
            start_new_session=True,
        )
    except OSError as error:
        return error
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def attend(caller: socket.socket, ended: Ended) -> None:
    """One order on one connection: start, answer with the pid, then with the exit code."""
    with caller:
        data, descriptors, _, _ = socket.recv_fds(caller, 1 << 20, 3)
        while not data.endswith(b"\n"):
            data += caller.recv(1 << 20)
        child = start(json.loads(data), descriptors)
        if isinstance(child, OSError):
            caller.sendall(json.dumps({"error": str(child)}).encode() + b"\n")
            return
        try:
            caller.sendall(b'{"pid": %d}\n' % child.pid)
            child.returncode = ended.code(child.pid)
            caller.sendall(b'{"code": %d}\n' % child.returncode)
        except OSError:
            pass  # the test stopped waiting; the child is ended with the world


def end_all() -> None:
    """No process of this world is left: asked first, then killed."""
    deadline = time.monotonic() + GRACE_S
    asked: set[int] = set()
    while below := descendants(os.getpid()):
        late = time.monotonic() > deadline
        for pid in below if late else set(below) - asked:
            try:
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
            except ProcessLookupError:
                pass
        asked.update(below)
        time.sleep(0.05)


def main(world: Path) -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    if os.environ.get("RIG_NAMESPACE"):
        raise_loopback()
        # an unprivileged holder got them for that alone; Codex's sandbox refuses to start with any
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    server = models.serve(world / "requests.jsonl", world / "rules.json")
    ended = Ended()
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(world / "holder.sock"))
    door.listen(64)
    print(json.dumps({"port": server.server_address[1], "pid": os.getpid()}), flush=True)
    threading.Thread(target=receive, args=(door, ended), daemon=True).start()
    sys.stdin.read()  # the test closes it, or dies: either way the world ends
    end_all()


def receive(door: socket.socket, ended: Ended) -> None:
    while True:
        caller, _ = door.accept()
        # a thread each, for each waits for its own child's end
        threading.Thread(target=attend, args=(caller, ended), daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
