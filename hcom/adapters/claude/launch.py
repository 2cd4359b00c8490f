"""How a Claude Code of ours is started: its arguments, and an environment free of another's."""

import re

from ..flags import Table, names, values
from ..front import Plan
from . import setup
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


FLAGS = Table(
    value=names(
        "--advisor --agent --agent-color --agent-id --agent-name --agent-type --agents "
        "--append-system-prompt --append-system-prompt-file --autocompact --debug-file --effort "
        "--environment --fallback-model --input-format --json-schema --managed-settings "
        "--max-budget-usd --max-thinking-tokens --max-turns --model --name --output-format "
        "--parent-session-id --permission-mode --permission-prompt-tool --permission-prompts "
        "--plugin-dir --plugin-url --prefill --remote-control-session-name-prefix "
        "--resume-session-at --rewind-files --sdk-url --session-id --setting-sources --settings "
        "--system-prompt --system-prompt-file --system-prompt-snapshot --task-budget "
        "--team-name --teammate-mode --thinking --workload"
    ),
    optional=names(
        "--cloud --debug --from-pr --prompt-suggestions --remote-control --resume --teleport "
        "--worktree"
    ),
    variadic=names(
        "--add-dir --allowedTools --betas --channels --dangerously-load-development-channels "
        "--disallowedTools --file --mcp-config --tools"
    ),
    none=names(
        "--allow-dangerously-skip-permissions --ax-screen-reader --background --bare --bg "
        "--brief --chrome --continue --dangerously-skip-permissions --debug-to-stderr --desktop "
        "--disable-slash-commands --enable-auto-mode --exclude-dynamic-system-prompt-sections "
        "--fork-session --forward-subagent-text --help --ide --include-hook-events "
        "--include-partial-messages --init --init-only --maintenance --no-chrome "
        "--no-session-persistence --plan-mode-required --print --replay-user-messages "
        "--restricted --safe-mode --strict-mcp-config --tmux --verbose --version"
    ),
    asides=names(
        "--version agents attach auth auto-mode doctor gateway import install kill logs mcp "
        "plugin plugins project purge respawn rm setup-token stop ultrareview update upgrade"
    ),
    alias={
        "-n": "--name",
        "-d": "--debug",
        "-r": "--resume",
        "-w": "--worktree",
        "-p": "--print",
        "-c": "--continue",
        "-v": "--version",
        "-h": "--help",
        "--allowed-tools": "--allowedTools",
        "--disallowed-tools": "--disallowedTools",
    },
    repeated=names("--add-dir --mcp-config --plugin-dir --plugin-url"),
)


PRINTING = "-p"
SYSTEM_PROMPT = "--system-prompt"


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
        given = setup.with_ours(home, cwd, args, FLAGS)
    mode = said.get("--permission-mode")
    if "--dangerously-skip-permissions" in said:
        mode = "bypassPermissions"
    client = {
        "config": config_dir(env),
        "mode": mode or "",
        "lacks": setup.lacks(home, env),
        "typed": "yes" if setup.typed(home, env) else "",  # as screen.types
    }
    client = {key: told for key, told in client.items() if told}
    return Plan(given, said.get("--resume", ""), "--fork-session" in said, client)
