"""hcom run: workflows, scripts of one's own, and the texts that teach an agent to write one."""

import ast
import os
import sys
from contextlib import suppress

from ... import process
from ...adapters import launcher
from ...errors import HcomError, UsageError
from ...ops import about, settings
from ...ops.workflows import INTERPRETERS, named, scripts, summary, text
from ..model import SCRIPT, Command

DOCS = ("--cli", "--config", "--api")


def run(call) -> int:
    if not call.words:
        found = scripts(call.home)
        call.say(f"{'docs':<16} The CLI, settings and Python API, for writing scripts")
        for name, path in found.items():
            call.say(f"{name:<16} {summary(path)}".rstrip())
        if "docs" in found:
            call.tell(f"{found['docs']} cannot be run: docs is the name of the texts; rename it")
        call.tell(f"scripts go into {call.home.path('scripts')} (.py or .sh)")
        return 0
    name, args = call.words[0], list(call.tail or ())
    if name == "docs":
        return _docs(call, args)
    path = named(call.home, name)
    if args == ["--source"]:
        call.say(text(path).rstrip("\n"))
        return 0
    return _execute(call, path, args)


def _execute(call, path: str, args: list[str]) -> int:
    """The script takes the place of this process, and can import and call this hcom."""
    program, source = INTERPRETERS[os.path.splitext(path)[1]], text(path)
    if program == sys.executable:
        _check(path, source)
    package = os.path.dirname(process.itself()[-1])
    env = {
        **call.env,
        "HCOM_DIR": call.home.root,
        "PYTHONPATH": os.pathsep.join(filter(None, (package, call.env.get("PYTHONPATH")))),
    }
    with suppress(HcomError, OSError):  # where it may not be written, the hcom on the PATH does
        env["PATH"] = launcher.shim(call.home) + os.pathsep + call.env.get("PATH", os.defpath)
    if call.values.name:
        args = [*args, "--name", call.values.name]
    sys.stdout.flush()
    os.execvpe(program, [program, path, *args], env)


def _check(path: str, text: str) -> None:
    """HcomError where the script does not parse, in one line."""
    try:
        ast.parse(text, path)
    except (SyntaxError, ValueError) as error:
        line = (isinstance(error, SyntaxError) and error.lineno) or 1
        raise HcomError(f"{path}:{line}: {error.args[0]}", "mend it, then run it again") from None


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
        ("hcom run SCRIPT --help", "What it does and takes"),
        ("hcom run SCRIPT --source", "Print it"),
        ("hcom run docs", "All there is to know for writing one"),
        ("hcom run docs --cli", "The command line only"),
        ("hcom run docs --config", "The settings only"),
        ("hcom run docs --api", "The Python API, and how to write scripts"),
    ),
    (),
    run,
    "script args",
    (
        "hcom run",
        "hcom run clone --help",
        "hcom run docs --cli",
        "hcom run docs --config",
        "hcom run docs",
    ),
    """
Scripts are .py and .sh files in HCOM_DIR/scripts (default: ~/.hcom/scripts), and the workflows that
come with hcom, which one's own of the same name replace. The first line of their docstring or
comment is what the list says of them. They can import and call this hcom; run ends with their exit
code. --name before the script's name is passed on.
""",
    SCRIPT,
)
