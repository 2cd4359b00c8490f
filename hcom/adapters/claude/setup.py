"""Our hooks and permissions in Claude Code's settings.json: put in, taken out, looked at."""

import glob
import os
import sys
from itertools import product

from ... import home as homes
from ...errors import HcomError
from .. import program, settings
from ..base import WAKE_HINT, WAKE_SIGN, fields, none
from ..flags import groups, values
from ..jsontext import BOM
from ..launcher import handler
from ..version import lacking
from . import versions
from .flags import FLAGS
from .hook import config_dir

SESSION_VARIABLE = "CLAUDE_CODE_SESSION_ID"
PROGRAM, PACKAGE = "claude", "@anthropic-ai/claude-code"
BRINGS = True

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
    return settings.Owned(
        home,
        os.path.join(settings.folder(home, config_dir(env), ".claude"), "settings.json"),
        _hooks(home, shared(home, env)),
        _hooks(home, None),
        lambda: program.refuse(env, PROGRAM, config_dir(env), lacks(home, env), "claude update"),
        (BOM,),
    )


def files(home, env, allowed, every) -> list[settings.File]:
    """The settings file with our hooks and permission rules."""
    hooks = hooks_file(home, env)
    entries = [*hooks.entries, *_rules(allowed)]
    return [hooks._replace(entries=entries, earlier=[*hooks.earlier, *_rules(every)])]


def launch_files(home, env, allowed, every) -> list[settings.File]:
    """The same, and a file with our entries alone for a client that would not find that one."""
    (own,) = files(home, env, allowed, every)
    assert isinstance(own, settings.Owned)
    return [own._replace(path=brought(home)), own]


def brought(home) -> str:
    """The file of settings that a launch brings where its client would not find our hooks."""
    return home.kept("claude", "settings.json")


def finds(home, env, cwd: str, args) -> bool:
    """Whether such a client finds our hooks in its settings files (measured with 2.1.332)."""
    said, source = values(args, FLAGS), "user" if home.is_default else "project"
    restricted = "--restricted" in said or env.get("CLAUDE_CODE_RESTRICTED") in YES
    if restricted or source not in said.get("--setting-sources", source).split(","):
        return False
    here = home.is_default or (settings.is_found(home, cwd) and "--worktree" not in said)
    return here and hooks_file(home, env).installed


def with_ours(home, cwd: str, args) -> list[str]:
    """`args` with our entries in their --settings, beside what that says. HcomError when it cannot
    be read. A client takes the last of several."""
    own, path = values(args, FLAGS).get("--settings"), brought(home)
    if own is None:
        return ["--settings", path, *args]
    text = own if own.startswith("{") else settings.text_of(os.path.join(cwd, own))
    if not text.strip():
        raise HcomError(f"no settings in {own!r}", "give --settings a file or JSON")
    said = settings.told(path)
    entries = [
        (("hooks", e), g)
        for e in fields(said.get("hooks"))
        for g in settings.at(said, ("hooks", e))
    ]
    rules = ("permissions", "allow")
    entries += [(rules, rule) for rule in settings.at(said, rules)]
    path = settings.hidden(home, "claude", text, ".json")
    settings.put([settings.Owned(home, path, entries, skipped=(BOM,))])
    return [
        word
        for flag, words in groups(args, FLAGS)
        for word in (["--settings", path] if flag == "--settings" else words)
    ]


trusts = none


# -- what the client is --


def shared(home, env) -> tuple[int, ...] | None:
    """The oldest version that may read the person's settings, for only what it bears can stand
    there; where one does not tell, the oldest of all. None where none was found."""
    found = _every(home, env).values()
    return min((version or versions.OLDEST for version in found), default=None)


def own(home, env) -> tuple[int, ...] | None:
    """The version that a launch starts; None where there is none or it does not tell."""
    return _every(home, env).get(program.found(env, PROGRAM))


def lacks(home, env) -> str:
    """That the version that a launch starts cannot take part, and which can; "" where it can."""
    return lacking(PROGRAM, own(home, env), "runs no hooks that bring messages", versions.OLDEST)


def typed(home, env) -> bool:
    """Whether a launched client is woken by typing, for it has no way of its own."""
    return not versions.knows(own(home, env), "waiter")


def _every(home, env) -> dict:
    # Its installers put it also where it need not be on the PATH.
    places = ((".claude", "local"), (".local", "bin"))
    apart = [os.path.join(homes.user(env), *place, PROGRAM) for place in places]
    return program.every(home, env, PROGRAM, PACKAGE, apart)


# -- what keeps installed hooks from running --

MANAGED = {"darwin": "/Library/Application Support/ClaudeCode"}.get(
    sys.platform, "/etc/claude-code"
)
WITHOUT_HOOKS = ("--bare", "--safe-mode")
WITHOUT = ("CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_SAFE_MODE")
YES = ("1", "true", "yes", "on")


def advice(home, env, cwd: str) -> str:
    """What the person has yet to do so that installed hooks run in `cwd`; "" for nothing."""
    hooks = hooks_file(home, env)
    old = f"the hooks in {hooks.path} are not those for this claude: hcom hooks add"
    return lacks(home, env) or off(env, cwd) or (old if hooks.stale else "")


def warnings(home, env, cwd: str, args) -> str:
    """What keeps the hooks of a client with `args` in `cwd` from running; "" for nothing."""
    return lacks(home, env) or off(env, cwd, args)


def off(env, cwd: str, args=(), managed: str = MANAGED) -> str:
    """What turns all hooks of such a client off; "" for nothing. Of its settings the last counts:
    the person's, the project's, those of the command line, the managed ones (2.1.332)."""
    said = values(args, FLAGS)
    how = [f for f in WITHOUT_HOOKS if f in said] + [v for v in WITHOUT if env.get(v) in YES]
    if how:
        return f"claude runs no hooks with {how[0]}"
    own = [os.path.join(managed, "managed-settings.json")]
    own += sorted(glob.glob(os.path.join(managed, "managed-settings.d", "*.json")))
    own.append(said.get("--managed-settings", ""))
    sources = said.get("--setting-sources", "user,project,local").split(",")
    places = [os.path.join(config_dir(env), "settings.json")] if "user" in sources else []
    for source, name in (("project", "settings.json"), ("local", "settings.local.json")):
        places += [os.path.join(cwd, ".claude", name)] if source in sources else []
    places += [said.get("--settings", ""), *own]
    told = {place: _told(cwd, place) for place in places}
    found = [(p, t["disableAllHooks"]) for p, t in told.items() if "disableAllHooks" in t]
    if found and found[-1][1] not in (None, False, "false"):
        return f"claude runs no hooks: see disableAllHooks in {found[-1][0]}"
    for place, key in product(own, ("allowManagedHooksOnly", "strictPluginOnlyCustomization")):
        value = told[place].get(key)
        if value in (True, "true") or "hooks" in settings.at(told[place], (key,)):
            return f"claude runs no hooks: see {key} in {place}"
    return ""


def _told(cwd: str, place: str) -> dict:
    """What a file of settings says, or the text of some."""
    if place.startswith("{"):
        return settings.object_of(place)
    return settings.told(os.path.join(cwd, place)) if place else {}


def _hooks(home, version) -> list:
    """Our entries that a client of that version bears; None for all."""
    found = []
    for event, mode in EVENTS:
        if not versions.knows(version, event):
            continue
        timeout = LAST_S if event == "SubagentStop" else HOOK_S
        hooks = [handler(home, "claude", event, mode, timeout)]
        if event in WAITS and versions.knows(version, "asyncRewake"):
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
