"""hcom status: what is installed, what is wrong, and what to do about it."""

from ...ops import health
from ..model import Command, Option


def _text(said: dict) -> str:
    where, database = said["terminal"], said["database"]
    size = f"{said['events']} events, {said['agents']} agents, {said['bytes'] / 1_000_000:.1f} MB"
    lines = [
        f"hcom {said['version']}, Python {said['python']}",
        f"directory  {said['directory']} ({said['permissions']})",
        f"database   {database}, {size}",
        *(_tool(tool, facts) for tool, facts in said["tools"].items()),
        f"terminal   {where['setting']} (opens: {where['opens']})",
        f"relay      {said['relay'] or 'off'}",
        *(f"to do      {line}" for line in said["todo"]),
        *(f"note       {line}" for line in said["notes"]),
        *said.get("logs", ()),
    ]
    return "\n".join(lines)


def _tool(tool: str, facts: dict) -> str:
    version = f"{facts['version']}, " if facts["version"] else ""
    return f"{tool:<10} {version}{facts['program'] or 'not found on PATH'}; hooks {facts['state']}"


def run(call) -> int:
    said = health.report(call.home, call.env)
    if call.values.logs:
        said["logs"] = health.troubles(call.home)
    call.show(said, _text(said))
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
