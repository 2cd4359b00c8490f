"""Our hooks and permissions in Claude Code's settings.json: put in, taken out, looked at."""

import glob
import os
import sys

from .. import settings
from ..base import WAKE_HINT, WAKE_SIGN, none
from ..flags import Table, values
from ..jsontext import BOM
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
    return settings.Owned(home, os.path.join(folder, "settings.json"), _hooks(home), skipped=(BOM,))


def files(home, env, allowed, every) -> list[settings.File]:
    """The settings file with our hooks and permission rules."""
    hooks = hooks_file(home, env)
    entries = [*hooks.entries, *_rules(allowed)]
    return [hooks._replace(entries=entries, earlier=_rules(every))]


launch_files = files
trusts = none


# -- what keeps installed hooks from running --

MANAGED = {"darwin": "/Library/Application Support/ClaudeCode"}.get(
    sys.platform, "/etc/claude-code"
)
WITHOUT_HOOKS = ("--bare", "--safe-mode")
FLAGS = Table(value=frozenset(("--settings", "--setting-sources")))


def advice(_home, env, cwd: str) -> str:
    """What the person has yet to do so that installed hooks run in `cwd`; "" for nothing."""
    return off(env, cwd)


def warnings(home, env, cwd: str, args) -> str:
    """What keeps the hooks of a client with `args` in `cwd` from running; "" for nothing."""
    return off(env, cwd, args) or settings.misplaced(home, cwd, PROGRAM)


def off(env, cwd: str, args=(), managed: str = MANAGED) -> str:
    """What turns all hooks of such a client off; "" for nothing. Of its settings the last counts:
    the person's, the project's, those of the command line, the managed ones (2.1.332)."""
    said = values(args, FLAGS)
    flag = next((f for f in WITHOUT_HOOKS if f in said), "")
    if flag or "user" not in said.get("--setting-sources", "user").split(","):
        return f"claude runs no hooks with {flag or '--setting-sources without user'}"
    own = [os.path.join(managed, "managed-settings.json")]
    own += sorted(glob.glob(os.path.join(managed, "managed-settings.d", "*.json")))
    places = [os.path.join(config_dir(env), "settings.json")]
    places += [os.path.join(cwd, ".claude", f"settings{more}.json") for more in ("", ".local")]
    given = said.get("--settings", "")
    places += [given, *own]
    told = {place: _told(place) for place in places}
    found = [(p, t["disableAllHooks"]) for p, t in told.items() if "disableAllHooks" in t]
    if found and found[-1][1] not in (None, False, "false"):
        return f"claude runs no hooks: see disableAllHooks in {found[-1][0]}"
    only = [place for place in own if told[place].get("allowManagedHooksOnly") is True]
    return f"claude runs no hooks: see allowManagedHooksOnly in {only[-1]}" if only else ""


def _told(place: str) -> dict:
    """What a file of settings says, or the text of some."""
    return settings.object_of(place) if place.startswith("{") else settings.told(place)


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
