"""The arguments of Claude Code: which take values, and which words open no session."""

from ..flags import Table, names

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
