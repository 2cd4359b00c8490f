"""Our hooks and permissions in Claude Code's settings.json: put in, taken out, looked at."""

import os

from .. import settings
from ..base import WAKE_HINT, WAKE_SIGN, nothing
from ..launcher import handler
from .hook import config_dir

SESSION_VARIABLE = "CLAUDE_CODE_SESSION_ID"
PROGRAM = "claude"

# Event, mode of the launcher. As few as the job needs: any hook costs this client 11 ms.
EVENTS = (
    ("SessionStart", "now"),
    ("UserPromptSubmit", "now"),
    ("PostToolUse", "later"),
    ("PostToolUseFailure", "later"),
    ("PermissionRequest", "now"),
    ("Stop", "now"),
    ("StopFailure", "now"),
    ("SubagentStart", "now"),
    ("SubagentStop", "now"),
    ("SessionEnd", "now"),
)
# A subagent's commands run in its parent's environment: only this event tells them apart.
ASKS = ("PreToolUse", "Bash", "Bash(hcom *)")
# Where the waiter begins, for clients without a messaging socket. A day: the client would end it
# after 600 s; over 2,147,483 s it is ended at once.
WAITS = ("SessionStart", "Stop")
WAIT_S = 86_400
NO_SOCKET = '[ "$CLAUDE_CODE_MESSAGING_SOCKET" ] && exit 0; '
# A running session sees a change of the file within 2 s (measured on 2.1.197 and 2.1.330).
NOTICED_S = 2.5
LAST_S = 7200  # a subagent's last hook waits for its mail, subagent_timeout seconds
HOOK_S = 10  # a hook of ours that takes longer is broken; SessionEnd gets as long as this too


def hooks_file(home, env) -> settings.Owned:
    """The settings file that our hooks belong in."""
    folder = settings.folder(home, config_dir(env), ".claude")
    return settings.Owned(home, os.path.join(folder, "settings.json"), _hooks(home))


def files(home, env, allowed, every) -> list[settings.File]:
    """The settings file with our hooks and permission rules."""
    hooks = hooks_file(home, env)
    entries = [*hooks.entries, *_rules(allowed)]
    return [hooks._replace(entries=entries, earlier=_rules(every))]


launch_files = files
advice = warnings = nothing


def _hooks(home) -> list:
    found = []
    for event, mode in EVENTS:
        timeout = LAST_S if event == "SubagentStop" else HOOK_S
        hooks = [handler(home, "claude", event, mode, timeout)]
        if event in WAITS:
            waiter = handler(
                home,
                "claude",
                event,
                "wait",
                WAIT_S,
                asyncRewake=True,
                rewakeMessage=WAKE_HINT,
                rewakeSummary=WAKE_SIGN,
            )
            hooks.append({**waiter, "command": NO_SOCKET + waiter["command"]})
        found.append((("hooks", event), {"hooks": hooks}))
    event, matcher, condition = ASKS
    asks = handler(home, "claude", event, "sub", HOOK_S, **{"if": condition})
    return [*found, (("hooks", event), {"matcher": matcher, "hooks": [asks]})]


def _rules(allowed) -> list:
    return [
        (("permissions", "allow"), f"Bash({words}:*)" if more else f"Bash({words})")
        for words, more in allowed
    ]
