"""hcom start: the session that runs this command takes part."""

import time

from ... import adapters
from ...bus import names
from ...errors import HcomError
from ...ops import joining, setup
from ...store.connect import open_db
from ..model import Command, Option


def run(call) -> int:
    name, wanted = call.values.name, vars(call.values)["as"]
    if wanted is not None:
        wanted = names.check(wanted)
    with open_db(call.home) as db:
        joined = joining.start_subagent(db, call.env, call.caller, name, call.now) if name else None
        if joined is None:
            known = name or call.caller.session or call.caller.launch or call.caller.pid
            own = call.identify(db) if known else None
            joined = call.vouched(
                lambda: joining.start(db, call.env, call.caller, own, wanted, call.now)
            )
            call.agent = joined.agent
            _hooks(call, call.tool or adapters.ADHOC)
    call.say(joined.text)
    return 0


def _hooks(call, tool: str) -> None:
    """The session's tool has our hooks; where they cannot be had, that is said and all goes on."""
    if tool not in adapters.TOOLS:
        return
    try:
        if setup.add(call.home, call.env, tool):
            call.tell(f"hcom: hooks added to {setup.hooks(call.home, call.env, tool).path}")
            if advice := setup.advice(call.home, call.env, tool):
                call.tell(f"hcom: {advice}")
            # The session runs this command: while it does, the turn does not end, and when it
            # ends, the hooks are known to the session.
            time.sleep(adapters.load(tool, "setup").NOTICED_S)
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
    "",
    ("hcom start", "hcom start --as luna"),
    """
Inside a sandbox that cannot write to your home? Put HCOM_DIR=$PWD/.hcom before every hcom command.
""",
)
