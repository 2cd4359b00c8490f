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
from ..delivery import bell
from ..errors import StoreError
from ..store import events
from ..store.connect import TROUBLE, open_db

LINGER_S = 2.0  # between two tool calls of a busy agent there are rarely more
ABANDONED_S = 60.0  # a file without its last line after this is of a launcher that was killed
RECORDER = "_recorder"


def _folder(home) -> str:
    return home.path("run", "spool")


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
    from . import handle

    tool, event, launch, pid = words
    adapter = adapters.load(tool, "hook")
    if adapter is None:
        return
    env = {**os.environ, "HCOM_PROCESS_ID": "" if launch == "-" else launch}
    signal = adapter.read(event, parsed(body), env, int(pid), at)
    context = handle.recognise(home, db, adapter, tool, env, signal)
    if context is not None:
        handle.record(context)


def record() -> int:
    """The recorder: takes what is spooled, waits a moment for more, and ends. Always 0."""
    home = homes.locate(os.environ)
    log.to(home.root)
    with homes.Lock(home, "recorder") as lock:
        if not _alone(home, lock):
            return 0
        try:
            with bell.Bell(home, RECORDER) as rings:
                pipe = _publish(home, rings)
                try:
                    while True:
                        _take_all(home)
                        bell.ring(home, [bell.EVERYONE])
                        if not rings.wait(LINGER_S):
                            break
                finally:
                    _withdraw(pipe)
                _take_all(home)
        except StoreError as error:
            log.log("recorder.failed", error=error.message)  # the files wait for the next one
    return 0


def _take_all(home) -> None:
    """Everything spooled is recorded, and matched with subscriptions where there are any."""
    with open_db(home) as db:
        wanted = drain(home, db) and events.are_tools_watched(db)
    if wanted:
        from .. import notices

        notices.leave_behind(home)


def _bury(home) -> None:
    """The bell of a recorder that was killed is gone: it would keep launchers from starting one."""
    path = home.path("run", "recorder")
    if not os.path.lexists(path):
        return
    with homes.Lock(home, "recorder") as lock:
        if lock.take():  # else it lives
            _withdraw(path)


def _alone(home, lock) -> bool:
    """Whether this is the recorder now. One that still listens is rung and does the work; one that
    is about to end is waited for."""
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        if lock.take():
            return True
        if os.path.exists(home.path("run", "recorder")):
            bell.ring(home, [RECORDER])
            return False
        time.sleep(0.02)
    return False


def _publish(home, rings) -> str:
    """The launcher finds the recorder's bell by one fixed name; "" when there is none."""
    path = home.path("run", "recorder")
    try:
        if os.path.lexists(path):
            os.unlink(path)
        os.link(rings.path, path)
    except OSError:
        return ""
    return path


def _withdraw(path: str) -> None:
    if path:
        try:
            os.unlink(path)
        except OSError:
            pass
