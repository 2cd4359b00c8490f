"""hcom config: settings, and what can be set of an agent that runs."""

import os
import shlex
import subprocess
import sys

from ... import config
from ...errors import HcomError, UsageError
from ...hub import people
from ...ops import about, settings
from ...store.connect import open_db
from ..model import VALUE, Command, Option


def run(call) -> int:
    words = [*call.words, *(call.tail or ())]
    if len(words) > 2:
        raise UsageError(
            f"unexpected argument: {words[2]!r}", 'quote it: hcom config KEY "a value"'
        )
    asked = [mode for mode in MODES if vars(call.values)[mode]]
    if len(asked) > 1:
        raise UsageError("--edit, --reset and --info exclude each other", "hcom config --help")
    if call.values.i is not None:
        if asked:
            raise UsageError("-i goes with a key and a value only", "hcom config --help")
        return _agent(call, call.values.i, words)
    if asked:
        return MODES[asked[0]](call, words)
    if not words:
        return _every(call)
    key = settings.named(words[0])
    return _set(call, key, words[1]) if len(words) == 2 else _one(call, key)


def _info(call, words) -> int:
    if not words:
        raise UsageError("--info of which setting?", "hcom config tag --info")
    call.say(about.text(settings.named(words[0]), settings.presets()))
    return 0


def _said(key: str, said) -> dict:
    return {"value": config.masked(key, said.value), "source": said.source}


def _every(call) -> int:
    found, passed, problems = config.found(call.home, call.env)
    rows = [
        (config.short(key), config.masked(key, said.value) or "(empty)", said.source)
        for key, said in found.items()
    ]
    rows += [(name, "(set, goes to the clients)", config.FILE) for name in passed]
    facts = {
        **{key: _said(key, said) for key, said in found.items()},
        "passed": sorted(passed),
        "problems": problems,
    }
    call.show(facts, "\n".join(f"{name:<22} {value:<30} {source}" for name, value, source in rows))
    if not call.values.json:
        _complain(call, problems)
    return 0


def _complain(call, problems) -> None:
    for problem in problems:
        call.tell(f"hcom: {problem}")


def _one(call, key: str) -> int:
    found, _, problems = config.found(call.home, call.env)
    said = found[key]
    call.show({key: _said(key, said)}, config.masked(key, said.value))
    _complain(call, problems)
    return 0


def is_inside_agent(call) -> bool:
    """Whether an AI client runs this command, or it speaks for an agent."""
    return bool(call.tool or call.caller.launch or call.values.name)


def secret(what: str, command: str) -> str:
    """What stands on standard input, for the `command`: an argument is in the shell's history, and
    any process of this machine may read it."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(f"{what}: ").strip()
    given = sys.stdin.readline(10_000).strip()
    if not given:
        raise UsageError("nothing stands on standard input", f"{command} - < FILE")
    return given


def _set(call, key: str, value: str) -> int:
    if value == "-" and config.KEYS[key].secret:
        value = secret(config.short(key), f"hcom config {config.short(key)}")
    said = settings.change(call.home, call.env, key, value, is_inside_agent(call))
    written = config.found(call.home, {}).in_force[key].value
    call.say(f"{config.short(key)} = {config.masked(key, written) or '(empty)'}")
    for line in said:
        call.tell(f"hcom: {line}")
    return 0


def _edit(call, words) -> int:
    if words:
        raise UsageError("--edit opens the whole file", "hcom config --edit")
    if is_inside_agent(call):
        raise HcomError(
            "an agent may not edit config.env", f"{settings.PERSON}: hcom config --edit"
        )
    editor = call.env.get("VISUAL") or call.env.get("EDITOR")
    if not editor and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("an editor needs a terminal", "hcom config KEY VALUE, or export EDITOR")
    editor = editor or "vi"
    path = call.home.path("config.env")
    if not os.path.exists(path):
        text = "".join(
            f"# {key.about}\n# {name}={key.default}\n" for name, key in config.KEYS.items()
        )
        from ...home import create, write_private

        create(call.home)
        write_private(path, text)
    sys.stdout.flush()
    try:
        code = subprocess.call([*shlex.split(editor), path])
    except (OSError, ValueError) as error:
        raise HcomError(f"cannot run {editor!r}: {error}", "export EDITOR=nano") from None
    _complain(call, config.found(call.home, call.env).problems)
    return 0 if code == 0 else 1


def _reset(call, words) -> int:
    if is_inside_agent(call):
        raise HcomError(
            "an agent may not reset the settings", f"{settings.PERSON}: hcom config --reset"
        )
    if words:
        key = settings.named(words[0])
        if len(words) == 2:
            raise UsageError(
                f"unexpected argument: {words[1]!r}", f"hcom config {words[0]} --reset"
            )
        config.write_all(call.home, {key: None})
        call.say(f"{config.short(key)} = {config.KEYS[key].default or '(empty)'}")
        return 0
    kept = config.reset(call.home)
    call.say(
        f"all settings have their defaults; the old ones are in {kept}"
        if kept
        else "all settings have their defaults"
    )
    return 0


def _agent(call, given: str, words) -> int:
    """Show or set what can be set of one agent."""
    key = words[0].lower().removeprefix("hcom_") if words else ""
    if words and key not in settings.RUNTIME:
        raise UsageError(
            f"no setting {words[0]!r} of an agent", "use " + ", ".join(settings.RUNTIME)
        )
    with open_db(call.home) as db:
        own = call.identify(db)
        if given == "self" and own is None:
            raise HcomError("this session is no agent of hcom", "hcom start, or --name NAME")
        agent = own if given == "self" else people.known(db, given)
        if len(words) == 2:
            agent = settings.configure(db, agent, key, words[1], call.asker(db))
    shown = {name: getattr(agent, name) for name in ([key] if words else settings.RUNTIME)}
    lines = [f"{name:<18} {value if value != '' else '(empty)'}" for name, value in shown.items()]
    call.show(shown, str(shown[key]) if len(words) == 1 else "\n".join(lines))
    return 0


MODES = {"edit": _edit, "reset": _reset, "info": _info}


_PERSONS = [config.short(key) for key, one in config.KEYS.items() if one.person]
COMMAND = Command(
    "config",
    "Get/set settings",
    (
        ("hcom config", "All settings, and where each comes from"),
        ("hcom config KEY", "One value"),
        ("hcom config KEY VALUE", 'Set it ("" for nothing)'),
        ("hcom config relay_token -", "Set it to what stands on standard input"),
        ("hcom config KEY --info", "What it means, with examples"),
        ("hcom config [KEY] --reset", "Back to the default, one or all"),
        ("hcom config -i NAME|self", "What is set of an agent that runs"),
        ("hcom config -i NAME KEY [VALUE]", "One of: " + ", ".join(settings.RUNTIME)),
    ),
    (
        Option("--json", "JSON output"),
        Option("--edit", "Open config.env in $EDITOR"),
        Option("--reset", "Back to the default; the old file is kept beside it"),
        Option("--info", "Detailed help for a setting"),
        Option("-i", "An agent that runs, or self", "NAME"),
    ),
    run,
    "key value",
    (
        "hcom config",
        "hcom config tag dev",
        'hcom config tag ""',
        "hcom config terminal --info",
        "hcom config -i luna timeout 600",
        "hcom config --reset",
    ),
    "Settings:\n"
    + "\n".join(f"  {key:<28}{one.about}" for key, one in config.KEYS.items())
    + """

Other variables in config.env (ANTHROPIC_MODEL=opus) go to the clients as they are.
Precedence: default < config.env < environment, each key by itself.
An agent may not change what can run code or send data away: """
    + ", ".join(_PERSONS[:3])
    + ",\n"
    + ", ".join(_PERSONS[3:])
    + ".\n",
    VALUE,
)
