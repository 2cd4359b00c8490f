"""What a Codex puts into the environment of its children, and how to be rid of it."""

import re

# What a Codex tells its children. CODEX_HOME and the keys are the person's.
_FOREIGN = re.compile(
    r"CODEX_(?:THREAD_ID|SESSION_ID|TOOL_CALL_ID|CI|VERSION|PERMISSION_PROFILE|"
    r"SANDBOX\w*|MANAGED_\w*|APPLY_PATCH_\w*)\Z|HCOM_PROCESS_ID\Z"
)
# And what it sets for all that its shell runs; in front of a person none of it would be wanted.
_PLAIN_OUTPUT = {
    "NO_COLOR": "1",
    "TERM": "dumb",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GH_PAGER": "cat",
}


def scrubbed(env) -> dict:
    """`env` without what another agent's session put there."""
    inside = bool(env.get("CODEX_THREAD_ID"))
    return {
        key: value
        for key, value in env.items()
        if not _FOREIGN.match(key) and not (inside and _PLAIN_OUTPUT.get(key) == value)
    }
