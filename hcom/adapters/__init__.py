"""The tools that hcom knows: one folder each. Adding a tool is a folder and a name here."""

from importlib import import_module

# Each with a variable that its commands have in their environment, and only those: a look at it
# saves most calls from loading an adapter.
SIGNS = {"claude": "CLAUDECODE", "gemini": "GEMINI_CLI", "codex": "CODEX_THREAD_ID"}
TOOLS = tuple(SIGNS)
ADHOC = "adhoc"  # an agent in any other tool: it runs hcom commands and has no hooks


def load(tool: str, part: str):
    """The module `part` (hook, setup, launch, wake, transcript) of a tool's adapter; None where
    the tool has no such part."""
    if tool not in TOOLS:
        return None
    try:
        return import_module(f"{__name__}.{tool}.{part}")
    except ModuleNotFoundError as error:
        if error.name == f"{__name__}.{tool}.{part}":
            return None
        raise


def surrounding(env) -> tuple[str, dict]:
    """The tool that runs this process as a command, and what it says of its session:
    ("", {}) when it is none. The facts are those of hub.people.Caller, and `client`. One that hooks
    do not reach (a subagent) is of another `tool`, and its `launch` is not what it inherited."""
    found = [
        (tool, facts)
        for tool, sign in SIGNS.items()
        if env.get(sign) and (facts := load(tool, "hook").surroundings(env)) is not None
    ]
    if len(found) > 1:
        # One client runs inside another, and nothing says which: neither is spoken for.
        return ADHOC, {"launch": ""}
    return next(((facts.get("tool", tool), facts) for tool, facts in found), ("", {}))


def scrubbed(env) -> dict:
    """`env` without what any client put there for its own children."""
    for tool in TOOLS:
        env = load(tool, "launch").scrubbed(env)
    return env
