"""hcom kill: the clients of agents end, with the windows that hcom opened for them."""

from ...errors import UsageError
from ...ops import kill
from ...store.connect import open_db
from ..model import Command


def run(call) -> int:
    if not call.words:
        raise UsageError("kill whom?", "hcom kill NAME, tag:NAME or all")
    with open_db(call.home) as db:
        call.identify(db)
        done = kill.kill(db, call.words, call.asker(db), call.env, call.now)
    call.agent = None
    for line in done.left:
        call.tell(line)
    names = ", ".join(a.display for a in done.agents)
    call.say(f"killed {names}" if names else "nothing to kill")
    return 0 if names or call.words == ["all"] else 1


COMMAND = Command(
    "kill",
    "End agents' programs, and close the windows that hcom opened",
    (
        ("hcom kill NAME ...", "End these (also headless ones)"),
        ("hcom kill tag:NAME", "All with the tag"),
        ("hcom kill all", "All that hcom launched"),
    ),
    (),
    run,
    "names",
    ("hcom kill all",),
    """
The client's whole process group gets SIGTERM, and SIGKILL when it has not gone after some seconds.
""",
)
