"""hcom status: what is installed, what is wrong, and what to do about it."""

from ...ops import health
from ..model import Command, Option


def run(call) -> int:
    said = health.report(call.home, call.env)
    if call.values.logs:
        said["logs"] = health.troubles(call.home)
    call.show(said, "\n".join(health.lines(said)))
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
