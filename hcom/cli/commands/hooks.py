"""hcom hooks: our entries in the settings of the AI clients."""

from ... import adapters
from ...adapters import program
from ...errors import HcomError, UsageError
from ...ops import setup
from ..model import Command, Option


def run(call) -> int:
    action = call.words[0] if call.words else "status"
    named = call.words[1:] or ["all"]
    if action not in ("status", *setup.CHANGES) or len(named) > 1:
        raise UsageError(f"unexpected argument: {call.words[-1]!r}", "hcom hooks --help")
    if named[0] not in (*adapters.TOOLS, "all"):
        raise UsageError(f"no tool {named[0]!r}", "use " + ", ".join((*adapters.TOOLS, "all")))
    chosen = adapters.TOOLS if named == ["all"] else named
    code = 0
    for tool in chosen:
        try:
            if action == "status":
                _status(call, tool)
                continue
            for line in setup.CHANGES[action](call.home, call.env, tool):
                call.say(line)
        except HcomError as error:
            if len(chosen) == 1:
                raise
            call.tell(f"hcom: {tool}: {error.message}")
            if program.found(call.env, adapters.load(tool, "setup").PROGRAM):
                code = 1  # a client that is not there needs no hooks
    return code


def _status(call, tool: str) -> None:
    hooks = setup.hooks(call.home, call.env, tool)
    state, advice = setup.state(call.home, call.env, tool), setup.advice(call.home, call.env, tool)
    line = f"{tool:<8} {state}  {hooks.path}"
    call.show(
        {
            "tool": tool,
            "installed": hooks.installed,
            "state": state,
            "path": hooks.path,
            "to_do": advice,
        },
        f"{line}\n         {advice}" if advice else line,
    )


COMMAND = Command(
    "hooks",
    "Add or remove hooks",
    (
        ("hcom hooks", "Show which are installed"),
        ("hcom hooks add [TOOL]", "Add them"),
        ("hcom hooks remove [TOOL]", "Take out exactly what hcom added"),
    ),
    (Option("--json", "JSON, one tool a line"),),
    run,
    "action tool",
    ("hcom hooks", "hcom hooks status --json", "hcom hooks add claude", "hcom hooks remove"),
    f"""
TOOL is {", ".join(adapters.TOOLS)} or all (the default).
Hooks deliver messages and record what an agent does. Sessions that are not in hcom do nothing but a
shell test in them. `remove` cleans your own settings and, with HCOM_DIR set, those beside it.
""",
)
