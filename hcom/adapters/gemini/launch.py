"""How a Gemini CLI of ours is started: its arguments, and an environment free of another's.

It keeps its two processes (no GEMINI_CLI_NO_RELAUNCH): with one, a choice of trust, which restarts
it, would end it, and it would lack the heap size that it gives itself. Signals go to the group.
"""

import os
import re

from ...home import keep
from .. import settings
from ..base import WAKE_BY_HAND
from ..flags import Table, names, values
from ..front import Plan
from . import setup

# What one Gemini CLI tells its hooks and its shell. Not the person's settings: GEMINI_CLI_HOME,
# GEMINI_CLI_TRUST_WORKSPACE, GEMINI_API_KEY and their like.
_FOREIGN = re.compile(
    r"GEMINI_CLI\Z|GEMINI_SESSION_ID\Z|GEMINI_PROJECT_DIR\Z|GEMINI_CWD\Z"
    r"|GEMINI_PLANS_DIR\Z|HCOM_PROCESS_ID\Z"
)
# Only in its shell, where it takes the person's git, pager and display away.
_IN_SHELL = re.compile(
    r"GEMINI_CLI_NO_RELAUNCH\Z|GIT_CONFIG_|GIT_ASKPASS\Z|GIT_PAGER\Z|PAGER\Z"
    r"|GIT_TERMINAL_PROMPT\Z|GCM_INTERACTIVE\Z|GH_PROMPT_DISABLED\Z"
    r"|SSH_ASKPASS\Z|(DISPLAY|DBUS_SESSION_BUS_ADDRESS)=\Z"
)

FLAGS = Table(
    value=names(
        "--admin-policy --allowed-mcp-server-names --allowed-tools --approval-mode "
        "--delete-session --extensions --fake-responses --fake-responses-non-strict "
        "--include-directories --model --output-format --policy --prompt --prompt-interactive "
        "--record-responses --session-file --session-id"
    ),
    optional=names("--resume --worktree"),
    none=names(
        "--accept-raw-output-risk --acp --debug --experimental-acp --help --list-extensions "
        "--list-sessions --raw-output --sandbox --screen-reader --skip-trust --version --yolo"
    ),
    asides=names(
        "--acp --delete-session --experimental-acp --list-extensions --list-sessions --version "
        "extension extensions gemma hook hooks mcp skill skills"
    ),
    alias={
        "-m": "--model",
        "-p": "--prompt",
        "-i": "--prompt-interactive",
        "-o": "--output-format",
        "-e": "--extensions",
        "-r": "--resume",
        "-w": "--worktree",
        "-d": "--debug",
        "-s": "--sandbox",
        "-y": "--yolo",
        "-l": "--list-extensions",
        "-v": "--version",
        "-h": "--help",
    },
    repeated=names("--include-directories --policy"),
)
SESSION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


def scrubbed(env) -> dict:
    """`env` without what another agent's session put there."""
    inside = env.get("GEMINI_CLI") == "1"
    return {
        key: value
        for key, value in env.items()
        if not _FOREIGN.match(key)
        and not (inside and (_IN_SHELL.match(key) or _IN_SHELL.match(f"{key}={value}")))
    }


PRINTING = "-p"
SYSTEM_PROMPT = "HCOM_GEMINI_SYSTEM_PROMPT"


def is_printing(args) -> bool:
    """Whether the client would run without its terminal interface (-p)."""
    return "--prompt" in values(args, FLAGS)


def resuming(session: str, fork: bool) -> list[str]:
    """The arguments that resume a session; it cannot be copied."""
    return ["--resume", session]


def plan(args, home, env, cwd: str) -> Plan:
    """What starting with `args` in `cwd` means; HcomError where it would not find our hooks, for it
    takes none with a launch. HCOM_GEMINI_SYSTEM_PROMPT takes the place of the client's own system
    prompt; it wants that as a file."""
    said = values(args, FLAGS)
    place = os.path.join(cwd, "a worktree") if "--worktree" in said else cwd
    settings.refuse_misplaced(home, place, "gemini")
    session = said.get("--resume", "")
    prompt = env.get(SYSTEM_PROMPT, "")
    return Plan(
        list(args),
        session if SESSION.match(session) else "",
        client=_facts(args, home, env, cwd),
        env={
            **(
                {"GEMINI_SYSTEM_MD": settings.hidden(home, "prompts", prompt, ".md")}
                if prompt.strip()
                else {}
            ),
            **_switched_on(home, env),
        }
        or None,
    )


def _facts(args, home, env, cwd: str) -> dict[str, str]:
    """What keeps its hooks from running, and how a version without any is woken in a terminal."""
    lacks = setup.lacks(setup.packaged(env))
    by_hand = WAKE_BY_HAND if lacks and not is_printing(args) else ""
    return {"wake": by_hand, "lacks": setup.warnings(home, env, cwd, args)}


def _switched_on(home, env) -> dict[str, str]:
    """Variables that have a version run hooks which does so only when told to, in this launch:
    where the machine has no defaults, we bring some (0.24.0, 0.25.0; 0.22.4 ends over them)."""
    found = setup.packaged(env)
    switches = not setup.lacks(found) and setup.switched(home, env, found)
    if not switches or not setup.ours_to_switch(home, env):
        return {}
    path = setup.own_defaults(home)
    keep(path, '{"hooks": {"enabled": true}}\n')
    return {setup.DEFAULTS: path}
