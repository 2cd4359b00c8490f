"""hcom reset: the conversation goes to the archive, the database is empty again."""

import time

from ... import log
from ...errors import HcomError, UsageError
from ...hooks import spool
from ...hub import archive
from ...ops import reset
from ...ops.settings import PERSON
from ..model import Command
from .config import is_inside_agent


def run(call) -> int:
    if call.words not in ([], ["all"]):
        raise UsageError(
            f"reset what? Not {' '.join(call.words)!r}", "hcom reset, or hcom reset all"
        )
    everything = call.words == ["all"]
    if everything and is_inside_agent(call):
        raise HcomError("an agent may not reset everything", f"{PERSON}: hcom reset all")
    _said(call, reset.reset(call.home, everything, _drained, time.time()))
    if everything:
        _cleaned(call, reset.clean(call.home, call.env))
    return 0


def _drained(home, db) -> None:
    try:
        spool.drain(home, db)
    except OSError as error:
        log.log("reset.undrained", error=str(error))


def _said(call, done: archive.Done) -> None:
    if done.set_aside:
        call.say(f"the database could not be read: moved to the archive as {done.set_aside}")
    if done.archive:
        call.say(f"archived as {done.archive}: hcom archive 1")
    else:
        call.say("nothing to archive")
    if done.kept:
        names = ", ".join(a.display for a in done.kept)
        call.say(f"still here, with what they have not seen: {names}")
    if done.lost:
        call.say("never seen, now only in the archive: " + archive.described(done.lost))


def _cleaned(call, done: reset.Cleaned) -> None:
    for tool, path in done.hooks:
        call.say(f"{tool}: hooks removed from {path}")
    for tool, why in done.problems:
        call.tell(f"hcom: {tool}: {why}")
    if done.settings:
        call.say(f"settings have their defaults; the old ones are in {done.settings}")


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
