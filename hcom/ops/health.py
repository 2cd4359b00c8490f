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
from ..store import agents, events
from ..store.connect import open_db
from ..store.restricted import health
from . import problems, relay, setup

CHECK_S = 3.0  # a database so large that its check takes longer is not checked whole
VERSION_S = 10.0  # node clients that do not tell it by their place need one or two


def _directory(home) -> str:
    try:
        mode = f"{stat.S_IMODE(os.stat(home.root).st_mode):o}"
    except OSError:
        return "not made yet"
    if os.access(home.root, os.W_OK):
        return mode
    if all(os.access(folder, os.W_OK) for folder in home.shared):
        return f"{mode}, as far as a sandbox lets write"
    return f"{mode}, read-only"


def _database(home) -> tuple[dict, str, list]:
    """Health and size, what to do, and the agents that can be read of it."""
    try:
        with open_db(home) as db:
            people.gone(db, time.time())
            found = health(db, CHECK_S)
            facts = {
                "database": found,
                "bytes": os.path.getsize(home.db),
                "events": events.last_id(db),
                "agents": len(people.listed(db, time.time())),
            }
            return facts, "hcom reset" if found.startswith("damaged") else "", agents.every(db)
    except HcomError as error:
        return {"database": error.message, "bytes": 0, "events": 0, "agents": 0}, error.hint, []


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


def _relay(said: config.Settings) -> str:
    """Where the relay is that is talked to; "" where none is set."""
    on = relay.is_on(said) or not said.relay
    return said.relay if on else f"off (hcom relay on): {said.relay}"


def report(home, env) -> dict:
    """Everything that `hcom status` says, by key; `todo` is what is wrong and how to mend it."""
    database, mend, known = _database(home)
    settings, _, ignored = config.found(home, env)
    setting = settings["HCOM_TERMINAL"].value
    opens, hint = _terminal(env, setting)
    said = {
        "version": __version__,
        "python": sys.version.split()[0],
        "directory": home.root,
        "foreign": home.theirs,
        "permissions": _directory(home),
        **database,
        "tools": _tools(home, env),
        "terminal": {"setting": setting, "opens": opens},
        "relay": _relay(config.read(home, env)),
    }
    facts = problems.Facts(home, env, said, known, ignored, {"database": mend, "terminal": hint})
    found = {"todo": problems.lines(facts, False), "notes": problems.lines(facts, True)}
    return {**said, **found}


def lines(said: dict) -> list[str]:
    """What a `report` says, for a person."""
    where, database = said["terminal"], said["database"]
    size = f", events {said['events']}, agents {said['agents']}, {said['bytes'] / 1e6:.1f} MB"
    return [
        f"hcom {said['version']}, Python {said['python']}",
        f"directory  {said['directory']} ({said['permissions']})",
        f"database   {database}{size if said['bytes'] else ''}",
        *(_line(tool, facts) for tool, facts in said["tools"].items()),
        f"terminal   {where['setting']} (opens: {where['opens']})",
        f"relay      {said['relay'] or 'off'}",
        *(f"to do      {line}" for line in said["todo"]),
        *(f"note       {line}" for line in said["notes"]),
        *said.get("logs", ()),
    ]


def _line(tool: str, facts: dict) -> str:
    version = f"{facts['version']}, " if facts["version"] else ""
    return f"{tool:<10} {version}{facts['program'] or 'not found on PATH'}; hooks {facts['state']}"


def troubles(home, count: int = 20) -> list[str]:
    """The newest lines of the log that tell of something that went wrong."""
    words = ("failed", "error", "refused", "dropped", "skipped", "trace")
    found = []
    for name in ("hcom.log.1", "hcom.log"):
        with suppress(OSError):
            lines = homes.read(home.path("logs", name)).decode("utf-8", "replace").split("\n")
            found += [line for line in lines if any(word in line for word in words)]
    return found[-count:]
