"""What a version of Claude Code knows: what is installed for it and how it is woken follow from it.

Where a part first stands was found by looking for its name in the published programs on both sides
of its border; what comes of it by driving those (bench/versions.py writes docs/versions.md).
"""

from ..version import has

SINCE = {
    # Events. A settings file with one that a version does not know is skipped whole, the person's
    # own entries with it: without a word to 2.0.71, after a dialog "Settings Error" to 2.1.77.
    "PreToolUse": (1, 0, 38),
    "SubagentStop": (1, 0, 41),
    "UserPromptSubmit": (1, 0, 53),
    "SessionStart": (1, 0, 62),
    "Stop": (1, 0, 38),
    "PostToolUse": (1, 0, 65),  # with context for the model; the event itself is older
    "SessionEnd": (1, 0, 85),
    "SubagentStart": (2, 0, 44),
    "PermissionRequest": (2, 0, 45),
    "PostToolUseFailure": (2, 0, 56),
    "StopFailure": (2, 1, 78),
    # What the hook of a turn's end says is context, and not an error that the person sees; before,
    # such context comes to nothing.
    "Stop context": (2, 1, 163),
    # Ways to be woken. asyncRewake is older (2.1.64), but before this version nothing is told the
    # client's, and what does not know it would run the waiter as a hook that blocks. Driven,
    # 2.1.120 is not woken by it, 2.1.163 is: between them its wrapper types, until a waiter comes.
    "asyncRewake": (2, 1, 120),
    "waiter": (2, 1, 163),
    "socket": (2, 1, 330),  # its name is in 2.1.224, which, driven, is woken by its waiter
}
# The first that was seen to take part: of 1.0.65, which knows all but the session's end, no hook
# is heard.
OLDEST = SINCE["SessionEnd"]


def knows(version, part: str) -> bool:
    """Whether a version knows the part; None is the newest."""
    return has(version, SINCE[part])
