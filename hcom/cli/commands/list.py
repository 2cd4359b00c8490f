"""hcom list: who takes part, what they do, what they have not read."""

import os
import shlex
import time

from ... import adapters
from ...bus.agent import INACTIVE, Agent
from ...bus.render import one_line
from ...errors import HcomError, UsageError
from ...hub import people
from ...ops.after import Done, after
from ...store import agents, deliveries
from ...store.connect import open_db
from ..model import Command, Option

MARKS = {"active": "▶", "listening": "◉", "blocked": "■", "inactive": "○"}


def age(seconds: float) -> str:
    """A duration as people say it: 5s, 3m, 2h, 4d."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(int(seconds), 0)}s"


def current(agent: Agent) -> Agent:
    """The agent with the status that its client shows now, where the client can be asked."""
    module = adapters.load(agent.tool, "wake")
    said = module.status(agent) if module and agent.pid and agent.status != INACTIVE else None
    return agent._replace(status=said[0], context=said[1]) if said else agent


def facts(agent: Agent, unread: int, now: float) -> dict:
    """What `list` says of an agent, by field name."""
    return {
        "name": agent.display,
        "base_name": agent.name,
        "tag": agent.tag,
        "tool": agent.tool,
        "status": agent.status,
        "status_context": agent.context,
        "status_detail": agent.detail,
        "status_age": int(max(now - agent.status_at, 0)),
        "unread": unread,
        "directory": agent.directory,
        "session_id": agent.session,
        "transcript_path": agent.transcript,
        "parent_name": agent.parent,
        "process_id": agent.launch,
        "pid": agent.pid,
        "headless": agent.headless,
        "created_at": int(agent.created_at),
        "wake_failure": agent.wake_failure,
        "hints": agent.hints,
    }


def _row(agent: Agent, unread: int, now: float, me: str) -> str:
    what = one_line(" ".join(w for w in (agent.context, agent.detail) if w))
    parts = [
        f"{MARKS[agent.status]} {agent.display:<14} {agent.tool:<7} {agent.status:<9} "
        f"{age(now - agent.status_at):>4}  {what[:44]}".rstrip()
    ]
    notes = [f"{unread} unread"] if unread else []
    if agent.wake_failure:
        notes.append(f"not woken: {agent.wake_failure}")
    if agent.name == me:
        notes.append("you")
    return parts[0] + (f"  [{', '.join(notes)}]" if notes else "")


def _everyone(call, db) -> int:
    now, me = time.time(), call.agent.name if call.agent else ""
    unread = deliveries.unread(db)
    shown = [current(a) for a in people.listed(db, now)]
    if call.values.json:
        for agent in shown:
            call.say_json(facts(agent, unread.get(agent.name, 0), now))
        return 0
    if not shown:
        call.tell("no agents; start one with: hcom claude")
    for agent in shown:
        call.say(_row(agent, unread.get(agent.name, 0), now, me))
        if call.values.v:
            for key in ("directory", "session_id", "transcript_path", "parent_name", "pid"):
                value = facts(agent, 0, now)[key]
                if value:
                    call.say(f"    {key}: {one_line(str(value), 1000)}")
    if me:
        _receipts(call, db, me)
    return 0


def _receipts(call, db, me: str) -> None:
    """How far the caller's last message came."""
    last = deliveries.last_sent(db, me)
    states = deliveries.receipts(db, last) if last else {}
    if states:
        said = ", ".join(f"{name} {state}" for name, state in sorted(states.items()))
        call.say(f"your last message #{last}: {said}")


def run(call) -> int:
    if len(call.words) > 2:
        raise UsageError(f"unexpected argument: {call.words[2]!r}", "hcom list --help")
    with open_db(call.home) as db:
        gone = people.gone(db, time.time())
        call.identify(db)
        if call.words:
            agent = _named(call, db)
            said = facts(current(agent), deliveries.unread(db).get(agent.name, 0), time.time())
            code = _details(call, said)
        else:
            code = _everyone(call, db)
    if gone:
        after(call.home, Done())
    return code


def _details(call, said: dict) -> int:
    if len(call.words) == 2:
        if call.words[1] not in said:
            raise HcomError(f"no field {call.words[1]!r}", "fields: " + ", ".join(said))
        value = said[call.words[1]]
        call.say_json(value) if call.values.json else call.say(str(value))
    elif call.values.sh:
        for key, value in said.items():
            call.say(f"export HCOM_{key.upper()}={shlex.quote(str(value))}")
    elif call.values.json:
        call.say_json(said)
    else:
        for key, value in said.items():
            if value not in ("", 0, False):
                call.say(f"{key}: {os.path.expanduser(str(value))}")
    return 0


def _named(call, db) -> Agent:
    if call.words[0] != "self":
        return people.known(db, call.words[0])
    if call.agent is None:
        raise HcomError("this session is no agent of hcom", "hcom start, or --name NAME")
    return agents.find(db, call.agent.name)


COMMAND = Command(
    "list",
    "Show agents: status, age, unread, read receipts",
    (
        ("hcom list", "All agents"),
        ("hcom list self|NAME", "Details of one"),
        ("hcom list self|NAME FIELD", "One field (status, directory, session_id, ...)"),
    ),
    (
        Option("-v", "Verbose"),
        Option("--json", "JSON, one agent a line"),
        Option("--sh", 'Shell exports: eval "$(hcom list self --sh)"'),
    ),
    run,
    "name field",
    (
        "hcom list",
        "hcom list -v",
        "hcom list --json",
        "hcom list luna",
        "hcom list luna status",
        "hcom list luna --sh",
    ),
    """
▶ active: in a turn   ◉ listening: idle, can be woken   ■ blocked: a dialog waits for the person
○ inactive: its session ended; it gets its mail when it is resumed
""",
)
