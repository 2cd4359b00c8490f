"""Our hooks and rules for Codex: in its hooks.json, in a rules file of our own, or for one launch.

Codex runs no hook whose hash it was not told to trust, by its config.toml or on its command line.
"""

import hashlib
import json
import os
import re

from ...errors import HcomError
from ...home import write_private
from .. import launcher, settings
from . import program, toml
from .hook import config_dir

SESSION_VARIABLE = ""  # Codex tells a hook its session in the payload alone
PROGRAM = program.NAME

HOOK_S = 10  # a hook of ours that takes longer is broken
NOTICED_S = 0  # a running session never sees a change of its hooks; waiting would not help
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
WITH_CONTEXT = ("SessionStart", "UserPromptSubmit", "PostToolUse", "SubagentStart")

# `-c` settings count as this file's.
PER_LAUNCH = "/<session-flags>/config.toml"


def _folder(home, env) -> str:
    return config_dir(env) if home.is_default else os.path.join(home.tools, ".codex")


def path(home, env) -> str:
    """The hooks file that our entries belong in: the user's, or HCOM_DIR's project's."""
    return os.path.join(_folder(home, env), "hooks.json")


def rules_path(home, env) -> str:
    """The rules file that is all ours, beside the hooks."""
    return os.path.join(_folder(home, env), "rules", "hcom.rules")


# -- hooks, and what Codex trusts --


def handler(home, event: str, mode: str, seconds: int) -> dict:
    """Our handler of one event."""
    said = {
        "type": "command",
        "command": launcher.command(home, "codex", event, mode),
        "timeout": seconds,
    }
    if event in WITH_CONTEXT:
        said["additionalContextLimit"] = 0  # else context is cut at 2,500 tokens
    return said


def handlers(home) -> list[tuple[str, dict]]:
    """Our handlers: (event, handler)."""
    return [(event, handler(home, event, mode, seconds)) for event, mode, seconds in EVENTS]


def snake(event: str) -> str:
    """The event's name in trust keys: SessionStart is session_start."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


def digest(event: str, said: dict) -> str:
    """What Codex trusts a handler without a matcher by (found by experiment, 0.169.0)."""
    normal = {"event_name": snake(event), "hooks": [{"async": False, **said}]}
    text = json.dumps(normal, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def entries(home) -> list:
    """What belongs in hooks.json, as (place, element)."""
    return [(["hooks", event], {"hooks": [said]}) for event, said in handlers(home)]


def _is_ours(group) -> bool:
    return (
        isinstance(group, dict)
        and isinstance(group.get("hooks"), list)
        and any(
            isinstance(h, dict) and launcher.OURS.search(str(h.get("command", "")))
            for h in group["hooks"]
        )
    )


OURS = [(["hooks", event], _is_ours) for event, _, _ in EVENTS]


def _document(home, env) -> dict:
    try:
        found = json.loads(settings.text_of(path(home, env)) or "{}")
    except (ValueError, HcomError):
        return {}
    return found if isinstance(found, dict) else {}


def has_any(home, env) -> bool:
    """Whether handlers of ours, of whatever version, are in the hooks file."""
    document = _document(home, env)
    return any(test(g) for place, test in OURS for g in settings.at(document, place))


def installed(home, env) -> bool:
    """Whether all our hooks are in the file as this version writes them."""
    document = _document(home, env)
    return all(element in settings.at(document, place) for place, element in entries(home))


def states(home, env) -> dict[str, str]:
    """For our installed handlers, the keys by which Codex trusts them, each with its hash."""
    document = _document(home, env)
    found = {}
    for place, element in entries(home):
        groups = settings.at(document, place)
        if element in groups:
            key = f"{path(home, env)}:{snake(place[1])}:{groups.index(element)}:0"
            found[key] = digest(place[1], element["hooks"][0])
    return found


def launch_states(home) -> dict[str, str]:
    """The same for handlers that are given on the command line."""
    return {
        f"{PER_LAUNCH}:{snake(event)}:0:0": digest(event, said) for event, said in handlers(home)
    }


def trusted(home, env) -> bool:
    """Whether Codex, by its config.toml, runs our installed hooks as they are now."""
    known = toml.trusted_hashes(os.path.join(config_dir(env), "config.toml"))
    return installed(home, env) and all(
        known.get(key) == value for key, value in states(home, env).items()
    )


def advice(home, env) -> str:
    """What the person has yet to do so that installed hooks run; "" for nothing."""
    if not installed(home, env) or trusted(home, env):
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
        "# Written by hcom: what agents may run outside the sandbox, unasked.",
        "# `hcom hooks remove codex` takes this file away; HCOM_AUTO_APPROVE=0 too.",
    ]
    lines += [
        f'prefix_rule(pattern = {json.dumps(words.split())}, decision = "allow", '
        'justification = "hcom: messages and the log")'
        for words, more in allowed
        if more
    ]
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def _set_rules(home, env, text: str) -> bool:
    """The rules file says `text`, or is not there for ""; False when that was so. HcomError."""
    place = rules_path(home, env)
    if settings.text_of(place) == text:
        return False
    try:
        if text:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            write_private(place, text)
        else:
            os.unlink(place)
            _tidy(home, env)
    except OSError as error:
        raise HcomError(f"cannot write {place}: {error.strerror or error}") from None
    return True


def _tidy(home, env) -> None:
    """Folders that are empty without us are gone: an empty .codex in a project makes Codex ask."""
    places = [os.path.dirname(rules_path(home, env))]
    if not home.is_default:
        places.append(_folder(home, env))
    for place in places:
        try:
            os.rmdir(place)
        except OSError:
            return


# -- the verbs of every setup --


def add(home, env, allowed, _every_allowed) -> bool:
    """Our hooks and rules are there; False when they already were. HcomError: nothing changed."""
    if not os.path.isdir(config_dir(env)) and not program.found(env):
        raise HcomError("codex is not installed: nothing was changed", "it is not on your PATH")
    if not installed(home, env) and "hooks" not in program.abilities(env):
        raise HcomError(
            "this codex is too old for hooks: nothing was changed",
            "update it, or use hcom start and hcom listen in it",
        )
    place = path(home, env)
    before = settings.text_of(place)
    # Also where nothing is to be done: it says so when the file is no plain JSON.
    cleaned = (
        settings.without(before, OURS)
        if has_any(home, env) and not installed(home, env)
        else before
    )
    after = settings.merged(place, cleaned, entries(home))
    if after != before:
        settings.replace(home, place, before, after)
    return _set_rules(home, env, rules(allowed)) or after != before


def prepare(home, env, allowed, _every_allowed) -> bool:
    """A launch finds its rules, and hooks that were installed are this version's; it brings its own
    hooks where none are. False when nothing was to be done. HcomError: nothing changed."""
    if has_any(home, env) and not installed(home, env):
        return add(home, env, allowed, _every_allowed)
    # A folder .codex in a project would make Codex ask whether to trust it: not for rules.
    if not os.path.isdir(_folder(home, env)):
        return False
    return _set_rules(home, env, rules(allowed))


def remove(home, env, _every_allowed) -> bool:
    """Our hooks and rules are gone; False when there were none. HcomError: nothing changed."""
    done = settings.restore(home, path(home, env), OURS)
    done = _set_rules(home, env, "") or done
    if done:
        _tidy(home, env)
    return done
