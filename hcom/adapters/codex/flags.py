"""The arguments of Codex: which take values, and which words open no session."""

from ..flags import Table, names

# Subcommands that open a session; any other word that stands first is a prompt or, if in the
# table's asides, a command in which nothing of ours belongs.
EXEC, AGAIN = ("exec", "e"), ("resume", "fork")
FLAGS = Table(
    value=names(
        "--add-dir --ask-for-approval --base --cd --color --commit --config "
        "--cyber-access-program --disable --enable --local-provider --model "
        "--output-last-message --output-schema --profile --remote --remote-auth-token-env "
        "--sandbox --thread-source --title"
    ),
    variadic=names("--image"),
    none=names(
        "--all --approve-for-me --dangerously-bypass-approvals-and-sandbox "
        "--dangerously-bypass-hook-trust --ephemeral --experimental-json --full-auto --help "
        "--ignore-rules --ignore-user-config --include-non-interactive --json --last "
        "--no-alt-screen --no-daemon --oss --search --skip-git-repo-check --strict-config --trust "
        "--uncommitted --version --worktree --yolo"
    ),
    asides=names(
        "--version a agents app-server apply archive cloud completion debug delete doctor "
        "exec-server execpolicy features help login logout mcp migrate-nfs-db migrate-rollouts "
        "plugin queue remote-control review sandbox unarchive update"
    ),
    sessions=frozenset(EXEC + AGAIN),
    alias={
        "-c": "--config",
        "-i": "--image",
        "-m": "--model",
        "-p": "--profile",
        "-s": "--sandbox",
        "-C": "--cd",
        "-a": "--ask-for-approval",
        "-o": "--output-last-message",
        "-h": "--help",
        "-V": "--version",
    },
    repeated=names("--config --enable --disable --add-dir"),
)
