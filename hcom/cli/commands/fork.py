"""hcom fork: a copy of an agent, with its conversation so far, under a name of its own."""

from ..model import Command, Option
from .resume import again


def run(call) -> int:
    return again(call, True)


COMMAND = Command(
    "fork",
    "Start a copy of an agent under a new name",
    (("hcom fork NAME|SESSION [-- args]", "In this terminal; args go to the client"),),
    (Option("--headless", "Without a window"),),
    run,
    "name args",
    ("hcom fork kira --headless",),
)
