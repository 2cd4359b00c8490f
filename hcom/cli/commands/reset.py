"""hcom reset: the conversation goes to the archive, the database is empty again."""

import time

from ... import adapters, config, log
from ...errors import HcomError, StoreError, UsageError
from ...hooks import spool
from ...hub import archive, people
from ...ops import setup
from ...ops.after import Done, after
from ...store import agents
from ...store.connect import open_db
from ..model import Command
from .config import PERSON, is_inside_agent


def run(call) -> int:
    if call.words not in ([], ["all"]):
        raise UsageError(
            f"reset what? Not {' '.join(call.words)!r}", "hcom reset, or hcom reset all"
        )
    everything = call.words == ["all"]
    if everything and is_inside_agent(call):
        raise HcomError("an agent may not reset everything", f"{PERSON}: hcom reset all")
    try:
        before = _ready(call, everything)
        done = archive.reset(call.home, time.time())
    except StoreError as error:
        if "corrupt" not in error.message:
            raise
        name = archive.set_aside(call.home, time.time())
        call.say(f"the database could not be read: moved to the archive as {name}")
        before, done = {}, archive.Done(name, [], {})
    kept = {a.name for a in done.kept}
    _said(call, done)
    if everything:
        _clean(call)
    call.agent = None
    left = [(name, keys) for name, keys in before.items() if name not in kept]
    after(call.home, Done(left=left, watched=False))
    return 0


def _ready(call, everything: bool) -> dict[str, list[str]]:
    """What is spooled is in the log, and everyone has left if they are to; each agent's keys."""
    with open_db(call.home) as db:
        try:
            spool.drain(call.home, db)
        except OSError as error:
            log.log("reset.undrained", error=str(error))
        people.gone(db, call.now)
        before = {a.name: people.keys(db, a) for a in agents.every(db)}
        for agent in agents.every(db) if everything else ():
            people.leave(db, agent, "bigboss", "reset", call.now)
        return before


def _said(call, done) -> None:
    if done.archive:
        call.say(f"archived as {done.archive}: hcom archive 1")
    else:
        call.say("nothing to archive")
    if done.kept:
        names = ", ".join(a.display for a in done.kept)
        call.say(f"still here, with what they have not seen: {names}")
    if done.lost:
        call.say("never seen, now only in the archive: " + archive.described(done.lost))


def _clean(call) -> None:
    """The hooks are out of every client, the settings have their defaults."""
    for tool in adapters.TOOLS:
        try:
            for path in setup.remove(call.home, call.env, tool):
                call.say(f"{tool}: hooks removed from {path}")
        except HcomError as error:
            call.tell(f"hcom: {tool}: {error.message}")
    kept = config.reset(call.home)
    if kept:
        call.say(f"settings have their defaults; the old ones are in {kept}")


COMMAND = Command(
    "reset",
    "Archive & clear the database",
    (
        ("hcom reset", "The log goes to the archive; agents that run stay, with unread mail"),
        ("hcom reset all", "Everyone leaves, hooks are removed, settings have their defaults, too"),
    ),
    (),
    run,
    "all",
    ("hcom reset", "hcom reset all"),
    """
Nothing is deleted: hcom archive shows what was. Where you cannot write to ~/.hcom:
  export HCOM_DIR="$PWD/.hcom"              state there, hooks in $PWD/.claude, .gemini, .codex
  hcom hooks remove && rm -rf "$HCOM_DIR"   takes it all away again
""",
)
