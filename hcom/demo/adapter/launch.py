"""How a stand-in of ours is started."""

from ..flags import Table, values
from ..front import Plan

FLAGS = Table(value=frozenset(("--model", "--resume")))
FOREIGN = ("STANDIN", "STANDIN_SESSION", "STANDIN_PID", "STANDIN_PUSH", "HCOM_PROCESS_ID")


def scrubbed(env) -> dict:
    """`env` without what another agent's session put there."""
    return {key: value for key, value in env.items() if key not in FOREIGN}


PRINTING = "-p"
SYSTEM_PROMPT = "--system-prompt"


def is_printing(args) -> bool:
    """Whether the client would run without its terminal interface."""
    return "-p" in values(args, FLAGS)


def resuming(session: str, fork: bool) -> list[str]:
    """The arguments that resume a session, or start a copy of it."""
    return ["--resume", session, *(["--fork"] if fork else [])]


def plan(args, _home, _env, _cwd) -> Plan:
    """What starting with `args` means."""
    said = values(args, FLAGS)
    return Plan(list(args), said.get("--resume", ""), "--fork" in said)
