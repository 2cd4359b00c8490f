"""What came with which version of Codex: all that hcom gives one, or wakes it by, goes by this.

Found by driving the versions on npm with `bench/versions.py` (docs/versions.md), and by what each
says of itself: `--help` for flags and commands, `features list` for hooks, `codex exec` with a
handler for each event for what runs and what has to be trusted.
"""

from ..version import has

PACKAGE = "@openai/codex"
HOOKS = (0, 124)  # by -c and hooks.json; 0.114 to 0.123 have a draft of them, which reads no -c
# Events of later versions, by the schemas that each version holds, and by what ran. An unknown one
# in hooks.json is passed over without a word.
EVENTS = {
    "SubagentStart": (0, 133),
    "SubagentStop": (0, 133),
    "SessionEnd": (0, 145),
    "Interrupt": (0, 150),
}
CONTEXT_LIMIT = (0, 145)  # additionalContextLimit, which belongs to a hook's hash from there on
QUEUE = (0, 149)
NO_DAEMON = (0, 157)  # the shared server and --no-daemon came together
# From 0.163 on it tells its terminal its state (OSC 7501), and from 0.146 on a session's process
# holds its lock: screen and host see themselves whether it does.

FEATURES = ("hooks", "codex_hooks")  # by which they are turned off; the latter up to 0.128


def knows(version, event: str) -> bool:
    """Whether a Codex of `version` has hooks for the event."""
    return has(version, EVENTS.get(event, HOOKS))
