"""How a Claude Code of ours is started: its arguments, and an environment free of another's."""

import re

from ..flags import values
from ..front import Plan
from . import setup
from .flags import FLAGS
from .hook import config_dir

# What one Claude Code tells its children; another would take itself for a part of the first, and
# keep neither session file nor transcript.
_FOREIGN = re.compile(
    r"CLAUDECODE\Z"
    r"|CLAUDE_CODE_(?!DISABLE_|USE_|MAX_|API_|SKIP_|STOP_HOOK|ENABLE_|SIMPLE|SAFE_MODE|RESTRICT)"
    r"|CLAUDE_EFFORT\Z|CLAUDE_PID\Z|CLAUDE_PROJECT_DIR\Z|CLAUDE_ENV_FILE\Z"
    r"|AI_AGENT\Z|HCOM_PROCESS_ID\Z"
)


def scrubbed(env) -> dict:
    """`env` without what another agent's session put there."""
    return {key: value for key, value in env.items() if not _FOREIGN.match(key)}


PRINTING = "-p"
SYSTEM_PROMPT = "--system-prompt"
UNASKED = "--dangerously-skip-permissions"


def is_printing(args) -> bool:
    """Whether the client would run without its terminal interface (-p)."""
    return "--print" in values(args, FLAGS)


def resuming(session: str, fork: bool) -> list[str]:
    """The arguments that resume a session, or start a copy of it."""
    return ["--resume", session, *(["--fork-session"] if fork else [])]


def plan(args, home, env, cwd: str) -> Plan:
    """What starting with `args` in `cwd` means. HcomError when our hooks cannot be brought."""
    said, given = values(args, FLAGS), list(args)
    if not setup.finds(home, env, cwd, args):
        given = setup.with_ours(home, cwd, args)
    client = {
        "config": config_dir(env),
        "mode": "bypassPermissions" if UNASKED in said else said.get("--permission-mode", ""),
        "lacks": setup.lacks(home, env),
        "typed": "yes" if setup.typed(home, env) else "",  # as screen.types
    }
    return Plan(given, said.get("--resume", ""), "--fork-session" in said, client)
