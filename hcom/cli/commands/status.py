"""hcom status: what is installed, what is wrong, and what to do about it."""

from ...ops import health
from ..model import Command, Option


def _print(call, said: dict) -> None:
    call.say(f"hcom {said['version']}, Python {said['python']}")
    call.say(f"directory  {said['directory']} ({said['permissions']})")
    call.say(
        f"database   {said['database']}, {said['events']} events, {said['agents']} agents, "
        f"{said['bytes'] / 1_000_000:.1f} MB"
    )
    for tool, facts in said["tools"].items():
        version = f"{facts['version']}, " if facts["version"] else ""
        call.say(
            f"{tool:<10} {version}{facts['program'] or 'not found on PATH'}; "
            f"hooks {'installed' if facts['hooks'] else 'not installed'}"
        )
    call.say(f"terminal   {said['terminal']['setting']} (opens: {said['terminal']['opens']})")
    call.say(f"relay      {said['relay'] or 'off'}")
    for line in said["todo"]:
        call.say(f"to do      {line}")
    for line in said.get("logs", ()):
        call.say(line)


def run(call) -> int:
    said = health.report(call.home, call.env)
    if call.values.logs:
        said["logs"] = health.troubles(call.home)
    if call.values.json:
        call.say_json(said)
    else:
        _print(call, said)
    return 0


COMMAND = Command(
    "status",
    "Show installation status and diagnostics",
    (("hcom status", "Version, directory, database, clients, hooks, what to do"),),
    (Option("--logs", "Also recent errors and warnings"), Option("--json", "One JSON object")),
    run,
    "",
    ("hcom status", "hcom status --logs", "hcom status --json"),
)
