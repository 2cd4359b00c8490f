"""Our hooks and permissions in Claude Code's settings.json: put in, taken out, looked at."""

import os

from .. import jsontext, launcher, settings
from .hook import WAKE_SIGN, config_dir

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


def path(home, env) -> str:
    """The settings file that our entries belong in: the user's, or HCOM_DIR's project's."""
    folder = config_dir(env) if home.is_default else os.path.join(home.tools, ".claude")
    return os.path.join(folder, "settings.json")


def entries(home, allowed) -> list:
    """What belongs in the file, as (place, element); `allowed` are the safe commands."""
    found = []
    for event, mode in EVENTS:
        hooks = [
            {
                "type": "command",
                "command": launcher.command(home, "claude", event, mode),
                "timeout": LAST_S if event == "SubagentStop" else HOOK_S,
            }
        ]
        if event in WAITS:
            hooks.append(
                {
                    "type": "command",
                    "timeout": WAIT_S,
                    "asyncRewake": True,
                    "command": NO_SOCKET + launcher.command(home, "claude", event, "wait"),
                    "rewakeMessage": "The messages are in the hook context of this prompt.",
                    "rewakeSummary": WAKE_SIGN,
                }
            )
        found.append((["hooks", event], {"hooks": hooks}))
    event, matcher, condition = ASKS
    found.append(
        (
            ["hooks", event],
            {
                "matcher": matcher,
                "hooks": [
                    {
                        "type": "command",
                        "command": launcher.command(home, "claude", event, "sub"),
                        "if": condition,
                        "timeout": HOOK_S,
                    }
                ],
            },
        )
    )
    found += [(["permissions", "allow"], rule) for rule in rules(allowed)]
    return found


def rules(allowed) -> list[str]:
    """The permission rules for `allowed`: (words, whether more words may follow) pairs."""
    return [f"Bash({words}:*)" if more else f"Bash({words})" for words, more in allowed]


def _ours(allowed) -> list:
    """How to know what is ours: (place, test)."""

    def is_group(group) -> bool:
        return (
            isinstance(group, dict)
            and isinstance(group.get("hooks"), list)
            and any(launcher.is_ours(h) for h in group["hooks"])
        )

    known = set(rules(allowed))
    places = [(["hooks", event], is_group) for event, *_ in (*EVENTS, ASKS)]
    return [
        *places,
        (["permissions", "allow"], lambda rule: isinstance(rule, str) and rule in known),
    ]


def add(home, env, allowed, every_allowed) -> bool:
    """Our entries are in the file; False when they already were. `every_allowed` is what may have
    been put there before: rules that are not in `allowed` now go. HcomError: nothing changed."""
    place = path(home, env)
    before = after = settings.text_of(place)
    wanted = entries(home, allowed)
    ours = settings.narrowed(home, place, before, _ours(every_allowed))
    clean = None
    try:
        document = jsontext.parsed(before) if before.strip() else {}
    except ValueError:
        document = {}  # `merged` says what is wrong with it
    if any(
        is_group(group)
        for where, is_group in ours
        if where[0] == "hooks"
        for group in settings.at(document, where)
    ):
        clean = settings.without(before, ours)
        after = settings.without(
            before,
            [
                (where, lambda e, where=where, test=test: test(e) and (where, e) not in wanted)
                for where, test in ours
            ],
        )
    after = settings.merged(place, after, wanted)
    if after == before:
        return False
    settings.replace(home, place, before, after, clean)
    return True


def remove(home, env, every_allowed) -> bool:
    """Our entries are out of the file; False when there were none. HcomError: nothing changed."""
    return settings.restore(home, path(home, env), _ours(every_allowed))


def installed(home, env) -> bool:
    """Whether all our hooks are in the file as this version writes them."""
    try:
        document = jsontext.parsed(settings.text_of(path(home, env)) or "{}")
    except ValueError:
        return False
    return all(element in settings.at(document, where) for where, element in entries(home, ()))
