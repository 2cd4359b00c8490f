"""What is installed, what is wrong, and what to do about it."""

import os
import stat
import sys
import time
from contextlib import suppress

from .. import __version__, adapters, config, terminal
from .. import home as homes
from ..adapters import program
from ..errors import HcomError
from ..hub import people
from ..process import alive
from ..store import agents, events
from ..store.connect import health, open_db
from . import setup

CHECK_S = 3.0  # a database so large that its check takes longer is not checked whole
VERSION_S = 10.0  # node clients that do not tell it by their place need one or two
MANY_BELLS = 50  # crashes leave some; so few are nobody's concern
SPOOLED_S = 60.0  # a recorder takes what is spooled within two seconds


def _directory(home) -> tuple[str, str]:
    try:
        mode = stat.S_IMODE(os.stat(home.root).st_mode)
    except OSError:
        return "not made yet", ""
    if mode & 0o077:
        hint = "where that is refused, others can read what agents say"
        return f"{mode:o}", f"chmod 700 {home.root}; {hint}"
    if os.access(home.root, os.W_OK):
        return f"{mode:o}", ""
    if all(os.access(folder, os.W_OK) for folder in home.shared):
        return f"{mode:o}, as far as a sandbox lets write", ""
    return f"{mode:o}, read-only", "export HCOM_DIR=$PWD/.hcom"


def _database(home) -> dict:
    """Health and size, and what can be read of the agents."""
    try:
        with open_db(home) as db:
            people.gone(db, time.time())
            found: dict = {
                "events": events.last_id(db),
                "agents": len(people.listed(db, time.time())),
                "bytes": os.path.getsize(home.db),
                "hint": "",
                "unwoken": [
                    f"{a.display} was not woken: {a.wake_failure}"
                    for a in agents.every(db)
                    if a.wake_failure
                ],
            }
            found["health"] = health(db, CHECK_S)
            if found["health"].startswith("damaged"):
                found["hint"] = "hcom reset moves the database to the archive"
            return found
    except HcomError as error:
        return {
            "health": error.message,
            "events": 0,
            "agents": 0,
            "bytes": 0,
            "hint": error.hint,
            "unwoken": [],
        }


def _tools(home, env) -> dict[str, dict]:
    found = {}
    for tool in adapters.TOOLS:
        client, hooks = adapters.load(tool, "setup"), setup.hooks(home, env, tool)
        path = program.found(env, client.PROGRAM)
        version = program.version(env, client.PROGRAM, client.PACKAGE, VERSION_S)
        found[tool] = {
            "program": path,
            "version": ".".join(map(str, version or ())),
            "hooks": hooks.installed,
            "state": setup.state(home, env, tool),
            "settings": hooks.path,
            "advice": setup.advice(home, env, tool) if path else "",
        }
    return found


def _terminal(env, setting: str) -> tuple[str, str]:
    """Where a new agent would open, and what to do when it can't."""
    try:
        return terminal.chosen(setting, env).name, ""
    except HcomError as error:
        return f"none: {error.message}", error.hint


def _stale(home) -> list[str]:
    """What was left lying about, and what to do."""
    waiting = [e for e in _entries(home.run(homes.SPOOL)) if time.time() - _modified(e) > SPOOLED_S]
    dead = [
        e
        for e in _entries(home.run(homes.BELLS))
        if e.rpartition(".")[2].isdigit() and not alive(int(e.rpartition(".")[2]), "")
    ]
    bells = home.run(homes.BELLS, "*")
    parts = [e for e in _entries(home.path("archive")) if "/.part-" in e]
    troubles = (
        (waiting, f"{len(waiting)} events of hooks wait to be recorded: hcom hooks add"),
        (dead[MANY_BELLS:], f"{len(dead)} doorbells of processes that ended: rm {bells}"),
        (parts, "a reset did not come to its end: hcom archive"),
    )
    return [said for found, said in troubles if found]


def _entries(folder: str) -> list[str]:
    return [os.path.join(folder, entry) for entry in homes.listed(folder)]


def _modified(path: str) -> float:
    with suppress(OSError):
        return os.stat(path).st_mtime
    return time.time()


def report(home, env) -> dict:
    """Everything that `hcom status` says, by key; `todo` is what is wrong and how to mend it."""
    permissions, todo = _directory(home)
    database, tools = _database(home), _tools(home, env)
    settings, _, problems = config.found(home, env)
    setting = settings["HCOM_TERMINAL"].value
    opens, hint = _terminal(env, setting)
    todos = [todo, database["hint"], *problems, *database["unwoken"], *_stale(home)]
    todos += [f"{tool}: {said['advice']}" for tool, said in tools.items() if said["advice"]]
    todos += [
        f"{tool} has no hooks: hcom hooks add {tool}"
        for tool, said in tools.items()
        if said["program"] and not said["hooks"] and not said["advice"]
    ]
    todos += [
        f"{tool} has hooks and is not on your PATH: install it, or hcom hooks remove {tool}"
        for tool, said in tools.items()
        if said["hooks"] and not said["program"]
    ]
    if not any(said["program"] for said in tools.values()):
        todos.append(f"no client is on your PATH: install one of {', '.join(tools)}")
    if hint:
        todos.append(f"terminal: {hint}")
    return {
        "version": __version__,
        "python": sys.version.split()[0],
        "directory": home.root,
        "foreign": home.theirs,
        "permissions": permissions,
        "database": database["health"],
        "bytes": database["bytes"],
        "events": database["events"],
        "agents": database["agents"],
        "tools": tools,
        "terminal": {"setting": setting, "opens": opens},
        "relay": settings["HCOM_RELAY"].value,
        "todo": [t for t in todos if t],
    }


def troubles(home, count: int = 20) -> list[str]:
    """The newest lines of the log that tell of something that went wrong."""
    words = ("failed", "error", "refused", "dropped", "skipped", "trace")
    found = []
    for name in ("hcom.log.1", "hcom.log"):
        with suppress(OSError):
            lines = homes.read(home.path("logs", name)).decode("utf-8", "replace").split("\n")
            found += [line for line in lines if any(word in line for word in words)]
    return found[-count:]
