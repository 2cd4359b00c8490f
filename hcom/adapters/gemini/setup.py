"""Our hooks in Gemini CLI's settings.json and our policy file: put in, taken out, looked at."""

import json
import os
import re
import shutil
import subprocess
import tempfile

from ...errors import HcomError
from ...home import write_private
from .. import launcher, settings
from . import policy
from .hook import SUBAGENTS, config_dir

SESSION_VARIABLE = "GEMINI_SESSION_ID"  # in hooks alone, not in the shell tool
PROGRAM = "gemini"
PACKAGE = "@google/gemini-cli"
SINCE = (0, 24)  # the first with hooks
BY_DEFAULT = (0, 26)  # the first that runs them without being told to (both by their source)
NOTICED_S = 0  # a running session never sees a change of its hooks; waiting would not help

_INVOKED = f"^({'|'.join(SUBAGENTS)})$"
_OTHERS = f"^(?!({'|'.join(SUBAGENTS)})$)"
# Event, matcher, mode of the launcher. As few as the job needs; those that come with each request
# or each piece of an answer are not among them.
EVENTS = (
    ("SessionStart", "", "now"),
    ("BeforeAgent", "", "now"),
    ("BeforeTool", _INVOKED, "now"),  # what follows is a subagent's, until its AfterTool
    ("AfterTool", _INVOKED, "now"),
    ("AfterTool", _OTHERS, "later"),
    ("Notification", "", "now"),
    ("AfterAgent", "", "now"),
    ("SessionEnd", "", "now"),
)
HOOK_MS = 15_000  # a hook of ours that takes longer is broken
ASK_S = 20.0  # for the client to tell its version


def _folder(home, env) -> str:
    return config_dir(env) if home.is_default else os.path.join(home.tools, ".gemini")


def path(home, env) -> str:
    """The settings file that our entries belong in: the user's, or HCOM_DIR's project's."""
    return os.path.join(_folder(home, env), "settings.json")


def policy_path(home, env) -> str:
    """The policy file that is all ours; "" where the client would not read one."""
    return os.path.join(config_dir(env), "policies", "hcom.toml") if home.is_default else ""


def entries(home) -> list:
    """What belongs in the settings, as (place, element)."""
    found = []
    for event, matcher, mode in EVENTS:
        hooks = [
            {
                "type": "command",
                "name": "hcom",
                "command": launcher.command(home, "gemini", event, mode),
                "timeout": HOOK_MS,
            }
        ]
        found.append(
            (
                ["hooks", event],
                {"matcher": matcher, "hooks": hooks} if matcher else {"hooks": hooks},
            )
        )
    return found


def _is_ours(group) -> bool:
    return (
        isinstance(group, dict)
        and isinstance(group.get("hooks"), list)
        and any(
            isinstance(h, dict) and launcher.OURS.search(str(h.get("command", "")))
            for h in group["hooks"]
        )
    )


OURS = [(["hooks", event], _is_ours) for event in dict.fromkeys(e for e, _, _ in EVENTS)]


def _document(place: str) -> dict:
    """The JSON object in a file, {} when it is none."""
    try:
        found = json.loads(settings.text_of(place) or "{}")
    except (ValueError, HcomError):
        return {}
    return found if isinstance(found, dict) else {}


def installed(home, env) -> bool:
    """Whether all our hooks are in the file as this version writes them."""
    document = _document(path(home, env))
    return all(element in settings.at(document, place) for place, element in entries(home))


def add(home, env, allowed, _every_allowed) -> bool:
    """Our hooks and policy are there; False when they already were. HcomError: nothing changed."""
    place, rules = path(home, env), policy_path(home, env)
    before = settings.text_of(place)
    document = _document(place)
    stale = not installed(home, env) and any(
        test(group) for where, test in OURS for group in settings.at(document, where)
    )
    cleaned = settings.without(before, OURS) if stale else before
    after = settings.merged(place, cleaned, entries(home))
    wanted = policy.text(allowed)
    known = settings.text_of(rules) if rules else wanted
    if after == before and known == wanted:
        return False
    if known and rules and not known.startswith(policy.MARK):
        raise HcomError(
            f"{rules} is left alone: it is not hcom's", "move it away, then: hcom hooks add gemini"
        )
    _refuse_old(env)
    if after != before:
        settings.replace(home, place, before, after)
    _set_policy(rules, known, wanted)
    return True


def remove(home, env, _every_allowed) -> bool:
    """Our hooks and policy are gone; False when there were none. HcomError: nothing changed."""
    done = settings.restore(home, path(home, env), OURS)
    if done and not home.is_default:
        _tidy(_folder(home, env))
    rules = policy_path(home, env)
    known = settings.text_of(rules) if rules else ""
    if not known.startswith(policy.MARK):
        return done
    _set_policy(rules, known, "")
    return True


def _set_policy(place: str, known: str, wanted: str) -> None:
    """The policy file says `wanted`; for "" it is not there, nor its folder when that is empty."""
    if known == wanted:
        return
    try:
        if wanted:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            write_private(os.path.realpath(place), wanted)
            return
        os.unlink(place)
    except OSError as error:
        raise HcomError(f"cannot write {place}: {error.strerror or error}") from None
    _tidy(os.path.dirname(place))


def _tidy(folder: str) -> None:
    """The folder is gone if nothing is in it."""
    try:
        os.rmdir(folder)
    except OSError:
        pass


# -- what the client is --


def version(env) -> tuple[int, ...] | None:
    """The version of the client on the PATH; None when there is none or it does not tell."""
    found, program = packaged(env), shutil.which(PROGRAM, path=env.get("PATH", os.defpath))
    if found or not program:
        return found
    try:
        with tempfile.TemporaryDirectory() as place:  # it litters its home even for this
            done = subprocess.run(
                [program, "--version"],
                env={**env, "GEMINI_CLI_HOME": place},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ASK_S,
            )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _numbers(done.stdout)


def packaged(env) -> tuple[int, ...] | None:
    """The version by the package that the program on the PATH is in, if it is in one."""
    program = shutil.which(PROGRAM, path=env.get("PATH", os.defpath))
    folder = os.path.dirname(os.path.realpath(program)) if program else ""
    for _ in range(3):  # bundle/gemini.js, dist/index.js
        said = _document(os.path.join(folder, "package.json")) if folder else {}
        if said.get("name") == PACKAGE:
            return _numbers(str(said.get("version")))
        folder = os.path.dirname(folder)
    return None


def _numbers(text: str) -> tuple[int, ...] | None:
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else None


def _refuse_old(env) -> None:
    """HcomError when there is no client, or one that has no hooks."""
    if not shutil.which(PROGRAM, path=env.get("PATH", os.defpath)):
        raise HcomError("gemini is not installed: nothing was changed", "it is not on your PATH")
    found = version(env)
    if found and found < SINCE:
        raise HcomError(
            f"gemini {'.'.join(map(str, found))} has no hooks: nothing was changed",
            f"npm install -g {PACKAGE}, {'.'.join(map(str, SINCE))} or later",
        )


# -- what keeps installed hooks from running --


def advice(home, env) -> str:
    """What the person has yet to do so that installed hooks run; "" for nothing."""
    if not installed(home, env):
        return ""
    document, found = _document(path(home, env)), packaged(env)
    if found and found < BY_DEFAULT and document["hooks"].get("enabled") is not True:
        return (
            f'gemini {".".join(map(str, found))} runs no hooks: put "enabled": true under '
            f'"hooks" in {path(home, env)}, or update it'
        )
    said = document.get("hooksConfig")
    if not isinstance(said, dict):
        return ""
    disabled = said.get("disabled")
    if said.get("enabled") is False or (isinstance(disabled, list) and "hcom" in disabled):
        return f"gemini runs no hooks of hcom: see hooksConfig in {path(home, env)}"
    return ""


def warnings(_home, env, cwd: str) -> list[str]:
    """What a person should know before the client is run in `cwd`."""
    if trusted(env, cwd):
        return []
    return [
        f"gemini does not trust {cwd}: it runs no hooks there, so no message reaches its "
        "agent; choose 'Trust folder' when it asks, or /permissions trust"
    ]


def trusted(env, cwd: str) -> bool:
    """Whether the client trusts the folder `cwd`; it runs the user's hooks nowhere else."""
    if env.get("GEMINI_CLI_TRUST_WORKSPACE") == "true":
        return True
    security = _document(os.path.join(config_dir(env), "settings.json")).get("security")
    folder_trust = security.get("folderTrust") if isinstance(security, dict) else None
    if isinstance(folder_trust, dict) and folder_trust.get("enabled") is False:
        return True
    known = _document(
        env.get("GEMINI_CLI_TRUSTED_FOLDERS_PATH")
        or os.path.join(config_dir(env), "trustedFolders.json")
    )
    # The rule of the nearest folder counts; TRUST_PARENT is about the folder above.
    rules = {}
    for place, rule in known.items():
        above = os.path.dirname(place) if rule == "TRUST_PARENT" else place
        rules[os.path.realpath(above)] = rule != "DO_NOT_TRUST"
    folder = os.path.realpath(cwd)
    while folder not in rules and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return rules.get(folder, False)
