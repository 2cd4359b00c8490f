"""hcom run: scripts of one's own, and the texts from which an agent learns to write one."""

import glob
import os
import re
import sys

from ...errors import HcomError, UsageError
from ...home import read
from ...ops import settings
from .. import about
from ..model import SCRIPT, Command

INTERPRETERS = {".py": sys.executable, ".sh": "bash"}
DOCS = ("--cli", "--config", "--api")


def scripts(home) -> dict[str, str]:
    """The scripts in HCOM_DIR/scripts: name -> path."""
    found: dict[str, str] = {}
    for entry in sorted(glob.glob("[!._]*", root_dir=home.path("scripts"))):
        (stem, ending), path = os.path.splitext(entry), home.path("scripts", entry)
        if ending in INTERPRETERS and os.path.isfile(path):
            found.setdefault(stem, path)
    return found


def _summary(path: str) -> str:
    """What a script says of itself: the first line of its docstring or of its comments."""
    try:
        text = read(path).decode("utf-8", "replace")
    except OSError:
        return ""
    found = (
        re.search(r'^(?:"""|\'\'\')\s*(.+?)\s*(?:"""|\'\'\')?$', text, re.MULTILINE)
        if path.endswith(".py")
        else re.search(r"^#(?!!)\s*(.+)$", text, re.MULTILINE)
    )
    return found.group(1) if found else ""


def run(call) -> int:
    found = scripts(call.home)
    if not call.words:
        call.say(f"{'docs':<16} The CLI, settings and Python API, for writing scripts")
        for name, path in found.items():
            call.say(f"{name:<16} {_summary(path)}".rstrip())
        call.tell(f"scripts go into {call.home.path('scripts')} (.py or .sh)")
        return 0
    name, args = call.words[0], list(call.tail or ())
    if name == "docs":
        return _docs(call, args)
    if name not in found:
        raise HcomError(f"no script {name!r}", "hcom run lists them")
    if args == ["--source"]:
        call.say(read(found[name]).decode("utf-8", "replace").rstrip("\n"))
        return 0
    return _execute(call, found[name], args)


def _execute(call, path: str, args: list[str]) -> int:
    """The script takes the place of this process, and can import hcom."""
    package = os.path.dirname(
        os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    )
    env = {
        **call.env,
        "HCOM_DIR": call.home.root,
        "PYTHONPATH": os.pathsep.join(filter(None, (package, call.env.get("PYTHONPATH")))),
    }
    if call.values.name:
        args = [*args, "--name", call.values.name]
    program = INTERPRETERS[os.path.splitext(path)[1]]
    sys.stdout.flush()
    os.execvpe(program, [program, path, *args], env)


def _docs(call, args: list[str]) -> int:
    from .. import help as helps

    unknown = [a for a in args if a not in DOCS]
    if unknown:
        raise UsageError(f"no section {unknown[0]!r}", "use " + ", ".join(DOCS))
    sections = {
        "--cli": helps.reference,
        "--config": lambda: about.reference(settings.presets()),
        "--api": helps.api,
    }
    call.say("\n\n".join(sections[name]() for name in (args or DOCS)))
    return 0


COMMAND = Command(
    "run",
    "Run workflow scripts; docs for writing them",
    (
        ("hcom run", "List the scripts"),
        ("hcom run SCRIPT [args]", "Run one; args go to it as they are"),
        ("hcom run SCRIPT --source", "Print it"),
        ("hcom run docs", "All there is to know for writing one"),
        ("hcom run docs --cli", "The command line only"),
        ("hcom run docs --config", "The settings only"),
        ("hcom run docs --api", "The Python API only"),
    ),
    (),
    run,
    "script args",
    ("hcom run", "hcom run docs --cli", "hcom run docs --config", "hcom run docs"),
    """
Scripts are .py and .sh files in HCOM_DIR/scripts (default: ~/.hcom/scripts). The first line of
their docstring or comment is what the list says of them. --name before the script's name is
passed on.
""",
    SCRIPT,
)
