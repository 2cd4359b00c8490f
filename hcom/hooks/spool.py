"""Payloads that wait to be recorded: the launcher leaves them here when no mail waits, and a hook
that met a locked database what it saw, and what it said.

A file is one payload and, last, a line `#hcom TOOL EVENT LAUNCH PID` that says it is complete, with
`NAME:ID,ID` behind it when only that is left to be said: these were delivered. Its name begins with
the agent's, its time is the event's. A recorder takes them all and stays a moment, so that a burst
of tool calls starts one process; hooks take their own agent's first, so the order in a session
holds.
"""

import os
import time
from collections import namedtuple

from .. import adapters, log
from .. import home as homes
from ..adapters.base import SUB_TOOL, TOOL, parsed
from ..delivery import marks
from ..hub import mail
from ..process import itself, leave_behind
from ..store import deliveries, events
from ..store.connect import TROUBLE
from .context import Context, process_marks, recognise
from .record import record

ABANDONED_S = 60.0  # a file without its last line after this is of a launcher that was killed
RECORDER = "_recorder"
UNKNOWN = "_unknown"  # of an agent that nothing tells without the database
TOOLS = (TOOL, SUB_TOOL)


# What a client told a hook, and what it was understood as
Payload = namedtuple("Payload", "raw tool event signal")


def _folder(home) -> str:
    return home.run(homes.SPOOL)


def put(home, env, payload: Payload, to: str = "", ids=()) -> None:
    """The payload waits for a recorder, which is left behind; nothing happens where it cannot be
    written. With `ids`, all is done but that: these messages were delivered `to` somebody."""
    tool, event, signal = payload.tool, payload.event, payload.signal
    keys = [key for key in (signal.session, signal.launch, *process_marks(signal)) if key]
    agent = next(filter(None, (marks.marked(home, key) for key in keys)), UNKNOWN)
    path = os.path.join(_folder(home), f"{agent}.{os.getpid()}.{time.time_ns()}")
    delivered = f" {to}:{','.join(map(str, ids))}" if ids else ""
    last = f"\n#hcom {tool} {event} {signal.launch or '-'} {signal.pid}{delivered}\n"
    try:
        with os.fdopen(homes.private_file(path, os.O_WRONLY | os.O_EXCL), "wb") as stream:
            stream.write(payload.raw + last.encode())
        os.utime(path, (signal.at, signal.at))
    except OSError as error:
        log.log("spool.lost", error=str(error))
        return
    marks.raise_flag(home, [agent])  # its next hook looks: this one could not
    leave_behind([*itself(), "hook", "record"], {**env, "HCOM_DIR": home.root})


def waiting(home, agent: str = "") -> list[str]:
    """The files of `agent`, and of nobody knows whom ("": all), in the order of their events."""
    mine = (agent + ".", UNKNOWN + ".") if agent else ""
    try:
        with os.scandir(_folder(home)) as entries:
            found = [(e.stat().st_mtime_ns, e.path) for e in entries if e.name.startswith(mine)]
    except OSError:
        return []
    return [path for _, path in sorted(found)]


def drain(home, db, agent: str = "") -> list[Context]:
    """Everything spooled for `agent` ("": for all) is recorded; what that was."""
    done: list[Context] = []
    take(home, db, done, agent)
    return done


def take(home, db, done: list[Context], agent: str = "") -> None:
    """The same; `done` has what was recorded, also when the database's trouble ends it early."""
    _bury(home)
    if not waiting(home, agent):
        return
    with homes.Lock(home, "spool") as lock:
        lock.take(wait=True)
        for path in waiting(home, agent):
            done += _take(home, db, path)


def followed(db, done: list[Context]) -> tuple[list[str], bool]:
    """What follows: who is idle with mail waiting, where somebody went idle, and whether anybody
    waits for such events."""
    idle = {one.agent.name for one in done if one.idle}
    kinds = {one.signal.kind for one in done}
    watched = (kinds.difference(TOOLS) and events.is_watched(db)) or (
        kinds.intersection(TOOLS) and events.are_tools_watched(db)
    )
    restless = {name for name in idle if deliveries.wants_wake(db, name)}
    return sorted(restless.union(deliveries.restless(db) if idle else ())), bool(watched)


def _take(home, db, path: str) -> list[Context]:
    try:
        with os.fdopen(homes.opened(path), "rb") as stream:
            raw = stream.read()
            at = os.fstat(stream.fileno()).st_mtime
    except OSError:
        return []
    done: list[Context] = []
    body, mark, last = raw.rpartition(b"\n#hcom ")
    if not mark or not last.endswith(b"\n"):
        if abs(time.time() - at) < ABANDONED_S:
            return []
        log.log("spool.dropped", bytes=len(raw))
    else:
        try:
            done = _record(home, db, body, last.decode().split(), at)
        except TROUBLE:
            raise  # the database's trouble, not the payload's: it waits
        except Exception as error:  # boundary: what cannot be read must not hold up what can
            log.log("spool.refused", error=repr(error)[:200])
    os.unlink(path)
    return done


def _record(home, db, body: bytes, words: list[str], at: float) -> list[Context]:
    tool, event, launch, pid, *delivered = words
    if delivered:
        name, _, ids = delivered[0].partition(":")
        mail.delivered(db, name, [int(i) for i in ids.split(",")], at)
        return []
    if tool not in adapters.TOOLS:
        return []
    adapter = adapters.load(tool, "hook")
    env = {**os.environ, "HCOM_PROCESS_ID": "" if launch == "-" else launch}
    signal = adapter.read(event, parsed(body), env, int(pid), at)
    context = recognise(home, db, adapter, tool, env, signal)
    if context is None:
        return []
    record(context)
    return [context]


def _bury(home) -> None:
    """The bell of a recorder that was killed is gone: it would keep launchers from starting one."""
    path = home.run(homes.RECORDER)
    if not os.path.lexists(path):
        return
    with homes.Lock(home, "recorder") as lock:
        if lock.take():  # else it lives
            homes.dropped(path)
