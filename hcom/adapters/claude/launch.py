"""How a Claude Code of ours is started: its arguments, and an environment free of another's."""

import re
from ..base import Plan

# What one Claude Code tells its children; another would take itself for a part of the first, and
# keep neither session file nor transcript.
_FOREIGN = re.compile(r"CLAUDECODE\Z|CLAUDE_CODE_(?!DISABLE_|USE_|MAX_|API_|SKIP_|STOP_HOOK|ENABLE_)"
                      r"|CLAUDE_EFFORT\Z|CLAUDE_PID\Z|CLAUDE_PROJECT_DIR\Z|CLAUDE_ENV_FILE\Z"
                      r"|AI_AGENT\Z|HCOM_PROCESS_ID\Z")


def scrubbed(env) -> dict:
    """`env` without what another agent's session put there."""
    return {key: value for key, value in env.items() if not _FOREIGN.match(key)}


def plan(args, _home, _env) -> Plan:
    """What starting with `args` means."""
    resumes, mode = "", ""
    for i, arg in enumerate(args):
        following = args[i + 1] if i + 1 < len(args) else ""
        if arg in ("--resume", "-r") and following and not following.startswith("-"):
            resumes = following
        elif arg.startswith("--resume="):
            resumes = arg.partition("=")[2]
        elif arg == "--permission-mode":
            mode = following
        elif arg == "--dangerously-skip-permissions":
            mode = "bypassPermissions"
    return Plan(list(args), resumes, "--fork-session" in args, {"mode": mode} if mode else {})
