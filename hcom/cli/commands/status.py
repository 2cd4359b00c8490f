"""hcom status: what is installed, and what is wrong."""

import os
import shutil
import stat
import sys
import time

from ... import __version__, adapters
from ...errors import HcomError
from ...hub import people
from ...store import events
from ...store.connect import open_db
from ..model import Command, Option


def _directory(home) -> "tuple[str, str]":
    try:
        mode = stat.S_IMODE(os.stat(home.root).st_mode)
    except OSError:
        return "not made yet", ""
    if mode & 0o077:
        return f"{mode:o}", f"chmod 700 {home.root}"
    return (f"{mode:o}", "") if os.access(home.root, os.W_OK) else \
        (f"{mode:o}, read-only", "export HCOM_DIR=$PWD/.hcom")


def _database(home) -> "tuple[str, int, int, str]":
    try:
        with open_db(home) as db:
            people.gone(db, time.time())
            problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            return ("ok" if problem == "ok" else f"damaged: {problem}", events.last_id(db),
                    len(people.listed(db, time.time())), "")
    except HcomError as error:
        return error.message, 0, 0, error.hint


def report(home, env) -> dict:
    """Everything that `hcom status` says, by key; `todo` are commands that mend what is wrong."""
    permissions, todo = _directory(home)
    database, last, agents, hint = _database(home)
    tools = {}
    for tool in adapters.TOOLS:
        setup = adapters.load(tool, "setup")
        tools[tool] = {"program": shutil.which(setup.PROGRAM, path=env.get("PATH", "")) or "",
                       "hooks": setup.installed(home, env), "settings": setup.path(home, env)}
    return {"version": __version__, "python": sys.version.split()[0],
            "directory": home.root, "permissions": permissions, "database": database,
            "events": last, "agents": agents, "tools": tools,
            "todo": [t for t in (todo, hint) if t]}


def _logged(home, count: int = 20) -> list[str]:
    try:
        with open(home.path("logs", "hcom.log"), encoding="utf-8", errors="replace") as stream:
            return [line.rstrip("\n") for line in stream if "failed" in line or "error" in line][-count:]
    except OSError:
        return []


def run(call) -> int:
    said = report(call.home, call.env)
    if call.values.logs:
        said["logs"] = _logged(call.home)
    if call.values.json:
        call.say_json(said)
        return 0
    call.say(f"hcom {said['version']}, Python {said['python']}")
    call.say(f"directory  {said['directory']} ({said['permissions']})")
    call.say(f"database   {said['database']}, {said['events']} events, {said['agents']} agents")
    for tool, facts in said["tools"].items():
        call.say(f"{tool:<10} {facts['program'] or 'not found on PATH'}; "
                 f"hooks {'installed' if facts['hooks'] else 'not installed'}")
    for line in said["todo"]:
        call.say(f"to do      {line}")
    for line in said.get("logs", ()):
        call.say(line)
    return 0


COMMAND = Command(
    "status", "Show installation status and diagnostics",
    (("hcom status", "Version, directory, database, clients, hooks, what to do"),),
    (Option("--logs", "Also recent errors and warnings"), Option("--json", "One JSON object")),
    run, "", ("hcom status", "hcom status --logs", "hcom status --json"))
