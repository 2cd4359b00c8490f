"""The tools that hcom knows: one folder each. Adding a tool is a folder and a name here."""

import sys

from ..bus.agent import ADHOC, Caller

__all__ = ["ADHOC", "Caller", "SIGNS", "TOOLS", "has", "load", "scrubbed", "surrounding"]
# Each with a variable that its commands have in their environment, and only those: a look at it
# saves most calls from loading an adapter.
SIGNS = {"claude": "CLAUDECODE", "gemini": "GEMINI_CLI", "codex": "CODEX_THREAD_ID"}
TOOLS = tuple(SIGNS)


def load(tool: str, part: str):
    """The module of a tool's adapter that is its `part` (interface.PARTS); `plain` for one that it
    has not, and for any of a tool that is not in TOOLS."""
    name = f"{__name__}.{tool}.{part}"
    try:
        if tool in TOOLS:
            __import__(name)  # as in __main__
            return sys.modules[name]
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    from . import plain

    return plain


def has(tool: str, part: str) -> bool:
    """Whether the tool has that part."""
    return load(tool, part).__name__ == f"{__name__}.{tool}.{part}"


def surrounding(env) -> Caller:
    """What runs this process as a command: no tool where that is none."""
    called = [load(tool, "hook").surroundings(env) for tool in TOOLS if env.get(SIGNS[tool])]
    found = [around for around in called if around]
    if len(found) > 1:
        # One client runs inside another, and nothing says which: neither is spoken for.
        return Caller(tool=ADHOC)
    return found[0] if found else Caller(launch=env.get("HCOM_PROCESS_ID", ""))


def scrubbed(env) -> dict:
    """`env` without what any client put there for its own children."""
    for tool in TOOLS:
        env = load(tool, "launch").scrubbed(env)
    return env
