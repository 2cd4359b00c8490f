"""hcom start: the session that runs this command takes part."""

import time

from ... import adapters, config
from ...adapters import ADHOC
from ...bus import bootstrap, names
from ...delivery import marks
from ...errors import HcomError, UsageError
from ...hub import people
from ...ops import setup
from ...ops.after import Done, after
from ...store.connect import open_db, transaction
from ..model import Command, Option


def run(call) -> int:
    if call.words:
        raise UsageError(f"unexpected argument: {call.words[0]!r}", "hcom start --as NAME")
    wanted = names.check(call.values.__dict__["as"]) if call.values.__dict__["as"] else ""
    tool = call.tool or ADHOC
    parent = marks.marked(call.home, f"sub-{call.values.name}") if call.values.name else ""
    with open_db(call.home) as db:
        if parent:
            agent = people.join_subagent(db, people.known(db, parent), call.values.name, call.now)
            call.say(bootstrap.text(agent))
            return 0
        own = (
            call.identify(db)
            if call.values.name or call.caller.session or call.caller.launch
            else None
        )
        if wanted:
            agent = people.reclaim(db, wanted, call.caller, call.now)
        elif own is not None:
            agent = own
        else:
            settings = config.read(call.home, call.env)
            agent = people.join(
                db,
                tool,
                call.now,
                session=call.caller.session,
                pid=call.caller.pid,
                pid_start=call.caller.pid_start,
                client=call.client,
                status="active",
                tag=names.check_tag(settings.tag),
                hints=settings.hints,
                subagent_timeout=settings.subagent_timeout,
                subscriptions=settings.default_subscriptions,
                directory=call.env.get("PWD", ""),
            )
        if call.client and call.caller.session:
            with transaction(db):
                from ...store import agents

                agents.met(
                    db,
                    agent.name,
                    call.env.get("PWD", ""),
                    "",
                    call.caller.pid,
                    call.caller.pid_start,
                    call.client,
                )
        marks.mark(call.home, people.keys(db, agent), agent.name)
    call.agent = agent
    _hooks(call, tool)
    call.say(bootstrap.text(agent, hooked=tool != ADHOC))
    after(call.home, Done())
    return 0


def _hooks(call, tool: str) -> None:
    """The session's tool has our hooks; where they cannot be had, that is said and all goes on."""
    if tool == ADHOC or adapters.load(tool, "setup") is None:
        return
    adapter = adapters.load(tool, "setup")
    try:
        if setup.add(call.home, call.env, tool):
            call.tell(f"hcom: hooks added to {adapter.path(call.home, call.env)}")
            # The session runs this command: while it does, the turn does not end, and when it
            # ends, the hooks are known to the session.
            time.sleep(adapter.NOTICED_S)
    except HcomError as error:
        call.tell(f"hcom: no hooks: {error.message}")


COMMAND = Command(
    "start",
    "Take part, from inside any AI tool",
    (
        ("hcom start", "Join with a new name; prints how to use hcom"),
        ("hcom start --as NAME", "Be that agent again, after a compaction or in a new session"),
    ),
    (Option("--as", "The name to take up again", "NAME"),),
    run,
    "none",
    ("hcom start", "hcom start --as luna"),
    """
Inside a sandbox that cannot write to your home? Put HCOM_DIR=$PWD/.hcom before every hcom command.
""",
)
