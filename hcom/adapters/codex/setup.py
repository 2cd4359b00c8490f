"""Our hooks and rules for Codex: in its hooks.json, in a rules file of our own, or for one launch.

Codex runs no hook whose hash it was not told to trust, by its config.toml or on its command line.
"""

import hashlib
import json
import os
import re

from ...errors import HcomError
from .. import program, settings
from ..base import fields
from ..launcher import handler, is_ours
from ..version import has, lacking
from . import asked, toml, versions
from .asked import PER_LAUNCH, PROGRAM
from .hook import config_dir
from .versions import PACKAGE

SESSION_VARIABLE = ""  # Codex tells a hook its session in the payload alone
BRINGS = True

HOOK_S = 10  # a hook of ours that takes longer is broken
NOTICED_S = 0.0  # a running session never sees a change of its hooks; waiting would not help
LAST_S = 3  # what Codex grants these two; more is cut to it, with a warning to the person
SUB_S = 7200  # a subagent's last hook waits for its mail, subagent_timeout seconds
# Event, mode of the launcher, seconds. As few as the job needs: each costs this client 40 ms.
EVENTS = (
    ("SessionStart", "find", HOOK_S),  # of a session that is resumed: its process is another
    ("UserPromptSubmit", "now", HOOK_S),
    ("PostToolUse", "later", HOOK_S),
    ("PermissionRequest", "now", HOOK_S),
    ("Stop", "now", HOOK_S),
    ("Interrupt", "now", LAST_S),
    ("SubagentStart", "now", HOOK_S),
    ("SubagentStop", "now", SUB_S),
    ("SessionEnd", "now", LAST_S),
)
LIMIT = "additionalContextLimit"  # an older one passes over it
WITH_CONTEXT = ("SessionStart", "UserPromptSubmit", "PostToolUse", "SubagentStart")


def hooks_file(home, env) -> settings.Owned:
    """The file that our hooks belong in."""
    return settings.Owned(
        home,
        os.path.join(settings.folder(home, config_dir(env), ".codex"), "hooks.json"),
        [(("hooks", event), {"hooks": [said]}) for event, said in handlers(home)],
        able=lambda: program.refuse(env, PROGRAM, config_dir(env), lacks(env), OTHERWISE),
    )


def files(home, env, allowed, _every) -> list[settings.File]:
    """The file with our hooks, and the rules beside it."""
    hooks = hooks_file(home, env)
    path = os.path.join(os.path.dirname(hooks.path), "rules", "hcom.rules")
    return [hooks, settings.WholeFile(home, path, rules(allowed))]


def launch_files(home, env, allowed, every) -> list[settings.File]:
    """A launch finds its rules, and hooks that were installed are this version's; it brings its own
    hooks where none are."""
    hooks = hooks_file(home, env)
    # A folder .codex in a project would make Codex ask whether to trust it: not for rules.
    there = os.path.isdir(os.path.dirname(hooks.path))
    return files(home, env, allowed, every)[0 if hooks.stale else 1 :] if there else []


OTHERWISE = "update it, or use hcom start and hcom listen in it"
OFF = "codex runs no hooks: its settings, or those of this machine, turn them off"


def installed(env) -> tuple[int, ...] | None:
    """The version of the Codex on the PATH; None when there is none or it does not tell."""
    return program.version(env, PROGRAM, PACKAGE)


def lacks(env) -> str:
    """That the installed version has no hooks, and which has; "" where it has."""
    return lacking(PROGRAM, installed(env), "runs no hooks", versions.HOOKS)


def silent(env, told: asked.Told) -> str:
    """Why no hooks run in a Codex that has `told` this of its settings; "" where they do."""
    return lacks(env) or ("" if told.runs else OFF)


# -- hooks, and what Codex trusts --


def handlers(home) -> list[tuple[str, dict]]:
    """Our handlers: (event, handler)."""
    whole = dict.fromkeys(WITH_CONTEXT, {LIMIT: 0})  # else context is cut at 2,500 tokens
    return [
        (event, handler(home, "codex", event, mode, timeout, **whole.get(event, {})))
        for event, mode, timeout in EVENTS
    ]


def snake(event: str) -> str:
    """The event's name in trust keys: SessionStart is session_start."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


def digest(event: str, said: dict, version=None) -> str:
    """What a Codex of `version` trusts a handler without a matcher by (found by experiment): by
    what it knows of it."""
    known = {"async": False, **said}
    if not has(version, versions.CONTEXT_LIMIT):
        known.pop(LIMIT, None)
    normal = {"event_name": snake(event), "hooks": [known]}
    text = json.dumps(normal, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def placed(home, env) -> list[tuple[str, str, dict, dict]]:
    """The handlers in the file with ours, each by the key that Codex trusts it by: (key, event,
    group, handler)."""
    hooks = hooks_file(home, env)
    said, path = settings.told(hooks.path), hooks.path
    if home.is_default and env.get("CODEX_HOME"):  # Codex resolves this one (0.171.0)
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return [
        (f"{path}:{snake(event)}:{at}:{inside}", event, fields(group), fields(handler))
        for event in fields(said.get("hooks"))
        for at, group in enumerate(settings.at(said, ("hooks", event)))
        for inside, handler in enumerate(settings.at(group, ("hooks",)))
    ]


def states(home, env) -> dict[str, str]:
    """For our installed handlers, the keys by which Codex trusts them, each with its hash."""
    hooks, version = hooks_file(home, env), installed(env)
    wanted = hooks.wanted(settings.told(hooks.path))
    return {
        key: digest(event, handler, version)
        for key, event, group, handler in placed(home, env)
        if is_ours(handler)
        and (("hooks", event), settings.ours(group)) in wanted
        and versions.knows(version, event)
    }


def trusts(home, env) -> list[tuple[str, str]]:
    """Others' handlers in the file with ours that Codex trusts, each in words and with the hash:
    it knows them by their places."""
    known = toml.trusted(os.path.join(config_dir(env), "config.toml"))
    return [
        (f"{event} {handler.get('command', '')!r}", known[key])
        for key, event, _, handler in placed(home, env)
        if key in known and not is_ours(handler)
    ]


def launch_hooks(home, env, told: asked.Told) -> dict[str, object]:
    """The settings with which a launch has our hooks and trusts them: the installed ones where it
    finds them, by what it has `told`, else its own."""
    there = states(home, env) if hooks_file(home, env).installed else {}
    version = installed(env)
    given = [] if there and _found(told, there) else handlers(home)
    given = [(event, said) for event, said in given if versions.knows(version, event)]
    found: dict[str, object] = {f"hooks.{event}": [{"hooks": [said]}] for event, said in given}
    trust = {
        f"{PER_LAUNCH}:{snake(event)}:0:0": digest(event, said, version) for event, said in given
    }
    trust = {**there, **trust}
    found["hooks.state"] = {key: {"trusted_hash": value} for key, value in trust.items()}
    return found


def _found(told: asked.Told, there) -> bool:
    """Whether Codex takes the hooks of those keys from their file; it may drop that whole."""
    return told.hooks is None or set(there) <= set(told.hooks)


def trusted(home, env) -> bool:
    """Whether Codex, by its config.toml, runs our installed hooks as they are now."""
    known = toml.trusted(os.path.join(config_dir(env), "config.toml"))
    return hooks_file(home, env).installed and states(home, env).items() <= known.items()


def warnings(_home, env, cwd: str, args) -> str:
    """What keeps the hooks of a launch from running; "" for nothing."""
    told = asked.told(env, cwd, args)
    if silent(env, told):
        return silent(env, told)
    try:
        asked.writable_roots(told, env, args)
    except (ValueError, HcomError) as error:
        said = error.message if isinstance(error, HcomError) else str(error)
        return f"in codex's sandbox hcom may be unable to write: {said}"
    return ""


def advice(home, env, cwd: str) -> str:
    """What the person has yet to do so that installed hooks run in `cwd`; "" for nothing."""
    hooks, there = hooks_file(home, env), os.path.isdir(config_dir(env))
    told = asked.told(env, cwd) if there else asked.Told()  # it would make that folder
    if silent(env, told):
        return silent(env, told)
    if hooks.installed and home.is_default and not _found(told, states(home, env)):
        return f"codex takes no hooks from {hooks.path}: {'; '.join(told.problems)}"
    if not hooks.installed or trusted(home, env):
        return ""
    return (
        "codex does not trust these hooks yet: at its next start it shows 'Hooks need review'; "
        "look at them there and choose 'Trust all and continue'"
    )


# -- rules --


def rules(allowed) -> str:
    """The rules file for `allowed`: (words, whether more words may follow) pairs.

    An allowed command runs outside the sandbox, and a rule admits whatever follows its words. What
    must stand alone gets none, then: `hcom config` would let `hcom config terminal CMD` out. Those
    only read, which they can inside.
    """
    lines = [
        f"{settings.MARK}: what agents may run outside the sandbox, unasked.",
        "# `hcom hooks remove codex` takes this file away; HCOM_AUTO_APPROVE=0 too.",
    ]
    lines += [
        f'prefix_rule(pattern = {json.dumps(words.split())}, decision = "allow", '
        'justification = "hcom: messages and the log")'
        for words, more in allowed
        if more
    ]
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""
