"""Payloads that wait to be recorded: the launcher leaves them here when no mail waits.

A file is one payload and, last, a line `#hcom TOOL EVENT LAUNCH PID` that says it is complete. Its
time is the event's. A recorder takes them all and stays a moment, so that a burst of tool calls
starts one process; turn ends take their own agent's first, so the order in a session holds.
"""

import os
import time

from .. import adapters, log
from .. import home as homes
from ..adapters.base import parsed
from ..store.connect import TROUBLE
from .context import recognise
from .record import record

ABANDONED_S = 60.0  # a file without its last line after this is of a launcher that was killed
RECORDER = "_recorder"


def _folder(home) -> str:
    return home.run(homes.SPOOL)


def put(home, raw: bytes, tool: str, event: str, signal) -> None:
    """The payload waits for the next recorder; nothing happens where it cannot be written."""
    name = os.path.join(_folder(home), f"later.{os.getpid()}.{time.time_ns()}")
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            last = f"\n#hcom {tool} {event} {signal.launch or '-'} {signal.pid}\n"
            stream.write(raw + last.encode())
    except OSError:
        pass


def _waiting(home, prefix: str) -> list[str]:
    """The spooled files whose names begin with `prefix`, in the order of their events."""
    try:
        with os.scandir(_folder(home)) as entries:
            found = [(e.stat().st_mtime_ns, e.path) for e in entries if e.name.startswith(prefix)]
    except OSError:
        return []
    return [path for _, path in sorted(found)]


def drain(home, db, agent: str = "") -> int:
    """Everything spooled for `agent` ("": for all) is recorded; how many events."""
    _bury(home)
    prefix = agent + "." if agent else ""
    if not _waiting(home, prefix):
        return 0
    count = 0
    with homes.Lock(home, "spool") as lock:
        lock.take(wait=True)
        for path in _waiting(home, prefix):
            count += _take(home, db, path)
    return count


def _take(home, db, path: str) -> int:
    try:
        with open(path, "rb") as stream:
            raw = stream.read()
            at = os.fstat(stream.fileno()).st_mtime
    except OSError:
        return 0
    body, mark, last = raw.rpartition(b"\n#hcom ")
    if not mark or not last.endswith(b"\n"):
        if time.time() - at < ABANDONED_S:
            return 0
        log.log("spool.dropped", bytes=len(raw))
    else:
        try:
            _record(home, db, body, last.decode().split(), at)
        except TROUBLE:
            raise  # the database's trouble, not the payload's: it waits
        except Exception as error:  # boundary: what cannot be read must not hold up what can
            log.log("spool.refused", error=repr(error)[:200])
    os.unlink(path)
    return 1


def _record(home, db, body: bytes, words: list[str], at: float) -> None:
    tool, event, launch, pid = words
    if tool not in adapters.TOOLS:
        return
    adapter = adapters.load(tool, "hook")
    env = {**os.environ, "HCOM_PROCESS_ID": "" if launch == "-" else launch}
    signal = adapter.read(event, parsed(body), env, int(pid), at)
    context = recognise(home, db, adapter, tool, env, signal)
    if context is not None:
        record(context)


def _bury(home) -> None:
    """The bell of a recorder that was killed is gone: it would keep launchers from starting one."""
    path = home.run(homes.RECORDER)
    if not os.path.lexists(path):
        return
    with homes.Lock(home, "recorder") as lock:
        if lock.take():  # else it lives
            withdraw(path)


def withdraw(path: str) -> None:
    """The bell of the recorder is gone; "" for none."""
    if path:
        try:
            os.unlink(path)
        except OSError:
            pass
