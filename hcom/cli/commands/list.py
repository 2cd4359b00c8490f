"""hcom list: who takes part, what they do, what they have not read."""

import os
import shlex
import time

from ...bus.agent import LAUNCHING, LISTENING, MARKS, STOPPED, Agent
from ...bus.render import age, one_line
from ...errors import HcomError, UsageError
from ...ops import agents
from ...store.connect import open_db
from ..model import Command, Option

# What --sh says, by variables that no setting has: a shell that read them launches as before.
EXPORTS = {
    "HCOM_INSTANCE_NAME": "name",
    "HCOM_SID": "session_id",
    "HCOM_STATUS": "status",
    "HCOM_DIRECTORY": "directory",
}
VERBOSE = ("directory", "session_id", "transcript_path", "parent_name", "pid")
# What is shown of who has this status, or is inactive for this reason, which stands there then.
WORDS = {LISTENING: "", LAUNCHING: "", STOPPED: "still runs: hcom kill {}"}


def _row(agent: Agent, unread: int, now: float, me: str) -> str:
    status = agent.context if agent.context in WORDS else agent.status
    did = f"{agent.context} {agent.detail}"
    what = one_line((WORDS[status].format(agent.name) if status in WORDS else did).strip())
    line = (
        f"{MARKS[agent.status]} {one_line(agent.display):<14} {agent.tool:<7} {status:<9} "
        f"{age(now - agent.status_at):>4}  {what[:44]}"
    ).rstrip()
    notes = [f"{unread} unread"] if unread else []
    if agent.wake_failure:
        notes.append(f"not woken: {one_line(agent.wake_failure)}")
    if agent.name == me:
        notes.append("you")
    return line + (f"  [{', '.join(notes)}]" if notes else "")


def _everyone(call, db) -> int:
    now, me = time.time(), call.agent.name if call.agent else ""
    shown = agents.here(db, now)
    for seen in shown:
        said = agents.facts(seen, now)
        more = [key for key in VERBOSE if call.values.v and said[key]]
        lines = [f"    {key}: {one_line(str(said[key]), 1000)}" for key in more]
        call.show(said, "\n".join([_row(*seen, now, me), *lines]))
    if call.values.json:
        return 0
    if not shown:
        call.tell("no agents; start one with: hcom claude")
    last, states = agents.receipts(db, me) if me else (0, {})
    waiting = agents.unread_by_person(db) if call.is_person else 0
    if waiting:
        call.say(f"you: {waiting} unread (read with: hcom listen)")
    if states:
        came = ", ".join(f"{name} {state}" for name, state in sorted(states.items()))
        call.say(f"your last message #{last}: {came}")
    return 0


def run(call) -> int:
    with open_db(call.home) as db:
        call.identify(db)
        if not call.words:
            return _everyone(call, db)
        if call.words[0] == "self" and call.agent is None:
            raise HcomError("this session is no agent of hcom", "hcom start, or --name NAME")
        name = call.agent.name if call.words[0] == "self" else call.words[0]
        now = time.time()
        return _details(call, agents.facts(agents.one(db, name, now), now))


def _details(call, said: dict) -> int:
    if len(call.words) == 2:
        if call.words[1] not in said:
            raise UsageError(f"no field {call.words[1]!r}", "fields: " + ", ".join(said))
        value = said[call.words[1]]
        call.show(value, str(value))
    elif call.values.sh:
        for variable, field in EXPORTS.items():
            call.say(f"export {variable}={shlex.quote(said[field])}")
    else:
        there = {key: value for key, value in said.items() if value not in ("", 0, False)}
        lines = (
            f"{key}: {one_line(os.path.expanduser(str(value)), 4000)}"
            for key, value in there.items()
        )
        call.show(said, "\n".join(lines))
    return 0


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
○ inactive: its session ended; it gets its mail when it is resumed   ○ launching: its client starts
○ stopped: it takes part no more, but what hcom launched runs on
--sh exports """
    + ", ".join(EXPORTS)
    + "\n",
    most=2,
)
