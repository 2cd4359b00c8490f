"""Our hooks in Gemini CLI's settings.json and our policy file: put in, taken out, looked at."""

import os
import re
import sys
import tempfile
from pathlib import Path

from .. import program, settings
from ..base import document, fields, none
from ..jsontext import COMMENTS
from ..launcher import handler
from ..version import has, lacking
from . import policy
from .hook import SUBAGENTS, config_dir

SESSION_VARIABLE = "GEMINI_SESSION_ID"  # in hooks alone, not in the shell tool
PROGRAM = "gemini"
BRINGS = False
PACKAGE = "@google/gemini-cli"
OTHERWISE = f"npm install -g {PACKAGE}, or use hcom start and hcom listen in it"
# What came with which version, found by driving those on npm (docs/versions.md), and with hooks
# that log in `gemini -p`, with each setting that may turn them on.
SINCE = (0, 24)  # the first with hooks as ours are; 0.22 has some behind tools.enableHooks
BY_DEFAULT = (0, 26)  # the first that runs them without being told to
TRUST_BY_DEFAULT = (0, 28)  # the first that does not trust a folder unless told to
NOTICED_S = 0.0  # a running session never sees a change of its hooks; waiting would not help

_ALL: dict[str, str] = {}
_INVOKED = {"matcher": f"^({'|'.join(SUBAGENTS)})$"}
_OTHERS = {"matcher": f"^(?!({'|'.join(SUBAGENTS)})$)"}
# Event, for what, mode of the launcher. As few as the job needs; those that come with each request
# or each piece of an answer are not among them.
EVENTS = (
    ("SessionStart", _ALL, "now"),
    ("BeforeAgent", _ALL, "now"),
    ("BeforeTool", _INVOKED, "now"),  # what follows is a subagent's, until its AfterTool
    ("AfterTool", _INVOKED, "now"),
    ("AfterTool", _OTHERS, "later"),
    ("Notification", _ALL, "now"),
    ("AfterAgent", _ALL, "now"),
    ("SessionEnd", _ALL, "now"),
)
HOOK_MS = 15_000  # a hook of ours that takes longer is broken
ASK_S = 20.0  # for the client to tell its version


def hooks_file(home, env) -> settings.Owned:
    """The settings file that our hooks belong in."""
    path = os.path.join(settings.folder(home, config_dir(env), ".gemini"), "settings.json")
    entries = [
        (
            ("hooks", event),
            {**which, "hooks": [handler(home, "gemini", event, mode, HOOK_MS, name="hcom")]},
        )
        for event, which, mode in EVENTS
    ]
    return settings.Owned(
        home,
        path,
        entries,
        able=lambda: program.refuse(env, PROGRAM, config_dir(env), lacks(version(env)), OTHERWISE),
        skipped=(COMMENTS,),
    )


def files(home, env, allowed, _every) -> list[settings.File]:
    """The settings file with our hooks, and our policy where the client would read one."""
    rules = os.path.join(config_dir(env), "policies", "hcom.toml")
    policies = [settings.WholeFile(home, rules, policy.text(allowed))] if home.is_default else []
    return [hooks_file(home, env), *policies]


launch_files = files
trusts = none


# -- what the client is --


def version(env) -> tuple[int, ...] | None:
    """The version of the client on the PATH; None when there is none or it does not tell."""
    with tempfile.TemporaryDirectory() as place:  # it litters its home even for this
        return program.version({**env, "GEMINI_CLI_HOME": place}, PROGRAM, PACKAGE, ASK_S)


def packaged(env) -> tuple[int, ...] | None:
    """The same where nobody may be asked, for that takes seconds: as npm's package says."""
    return program.packaged(env, PROGRAM, PACKAGE)


def lacks(found) -> str:
    """That a client of the version `found` has no hooks, and which has; "" where it has."""
    return lacking(PROGRAM, found, "runs no hooks", SINCE)


# -- what keeps installed hooks from running --


def advice(home, env, cwd: str) -> str:
    """What the person has yet to do so that installed hooks run in `cwd`; "" for nothing."""
    found = packaged(env)
    if lacks(found) or not hooks_file(home, env).installed:
        return lacks(found)
    return switched(home, env, found) or off(env, cwd)


def switched(home, env, found) -> str:
    """What a version that runs hooks only when told to needs; "" where it has it."""
    path = hooks_file(home, env).path
    if has(found, BY_DEFAULT) or fields(settings.told(path).get("hooks")).get("enabled") is True:
        return ""
    said = lacking(PROGRAM, found, "runs hooks only when told to", BY_DEFAULT)
    return f'{said} by itself; put "enabled": true under "hooks" in {path}'


SYSTEM = {"darwin": "/Library/Application Support/GeminiCli"}.get(sys.platform, "/etc/gemini-cli")
WORDS = {"true": True, "false": False}
VARIABLE = re.compile(r"\$(?:(\w+)|{(\w+)})")
DEFAULTS = "GEMINI_CLI_SYSTEM_DEFAULTS_PATH"


def _system(env) -> str:
    """The file of this machine's settings, which win."""
    return env.get("GEMINI_CLI_SYSTEM_SETTINGS_PATH") or os.path.join(SYSTEM, "settings.json")


def defaults(env) -> str:
    """The file of this machine's defaults, which any other setting wins over."""
    return env.get(DEFAULTS) or os.path.join(os.path.dirname(_system(env)), "system-defaults.json")


def own_defaults(home) -> str:
    """The file of defaults that a launch brings where the machine has none."""
    return home.kept("prompts", "gemini-defaults.json")


def ours_to_switch(home, env) -> bool:
    """Whether this machine has no defaults, so that a launch may bring ours."""
    return defaults(env) == own_defaults(home) or not os.path.exists(defaults(env))


def off(env, cwd: str, args=()) -> str:
    """What turns our hooks off in `cwd`; "" for nothing. Of its settings the last counts: the
    system's defaults, the person's, the folder's, the system's (0.61.0)."""
    places = [defaults(env), config_dir(env)]
    places += [os.path.join(cwd, ".gemini")] if trusted(env, cwd, args) else []
    enabled, where = True, ""
    for place in [*places, _system(env)]:
        path = place if place.endswith(".json") else os.path.join(place, "settings.json")
        said = fields(settings.told(path).get("hooksConfig"))
        value = said.get("enabled")
        if isinstance(value, str):  # it puts variables in, and reads the words
            value = WORDS.get(VARIABLE.sub(lambda m: env.get(m[1] or m[2], m[0]), value).lower())
        if isinstance(value, bool):
            enabled, where = value, path
        if isinstance(said.get("disabled"), list) and "hcom" in said["disabled"]:
            return f"gemini runs no hooks of hcom: see hooksConfig in {path}"
    return "" if enabled else f"gemini runs no hooks: see hooksConfig in {where}"


def warnings(home, env, cwd: str, args) -> str:
    """What a person should know before the client is run in `cwd`; "" for nothing."""
    found = packaged(env)
    said = lacks(found) or ("" if ours_to_switch(home, env) else switched(home, env, found))
    if said:
        return said
    if trusted(env, cwd, args):
        return off(env, cwd, args)
    return (
        f"gemini does not trust {cwd}: it runs no hooks there, so no message reaches its "
        "agent; choose 'Trust folder' when it asks, or /permissions trust"
    )


def trusted(env, cwd: str, args=()) -> bool:
    """Whether the client trusts the folder `cwd`; it runs the user's hooks nowhere else."""
    if "--skip-trust" in args:
        return True
    said = WORDS.get(env.get("GEMINI_CLI_TRUST_WORKSPACE", ""))
    if said is not None:
        return said
    security = settings.told(os.path.join(config_dir(env), "settings.json")).get("security")
    asks = fields(fields(security).get("folderTrust")).get("enabled")
    if asks is False or asks is None and not has(packaged(env), TRUST_BY_DEFAULT):
        return True
    known = document(
        env.get("GEMINI_CLI_TRUSTED_FOLDERS_PATH")
        or os.path.join(config_dir(env), "trustedFolders.json")
    )
    # The rule of the nearest folder counts; TRUST_PARENT is about the folder above.
    rules = {
        os.path.realpath(os.path.dirname(place) if rule == "TRUST_PARENT" else place): rule
        for place, rule in known.items()
    }
    folder = os.path.realpath(cwd)
    found = (rules[f] for f in [folder, *map(str, Path(folder).parents)] if f in rules)
    return next(found, "DO_NOT_TRUST") != "DO_NOT_TRUST"
