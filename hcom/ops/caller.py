"""Who runs this process, and whether a model reads what it prints."""

import os

from .. import adapters
from ..bus.agent import BIGBOSS
from ..bus.message import EXTERNAL, Sender
from ..home import listed
from ..hub import people
from ..process import environment, is_above, start_of, told

PERSON = Sender(BIGBOSS, EXTERNAL)  # who speaks at a terminal of no client, or in the dashboard


def surroundings(env) -> people.Caller:
    """Who runs this process, by its environment. A process that does not run this one, whatever the
    environment says, is not named."""
    around = adapters.surrounding(env)
    pid = around.pid if around.pid and is_above(around.pid) else 0
    return around._replace(
        pid=pid, pid_start=start_of(pid) if pid else "", proof=env.get(people.PROOF, "")
    )


def is_read_whole(env) -> bool:
    """Whether all that this process prints comes to who runs it: it stands on a terminal, or is
    what a client's shell prints, with no pipe, file or $(...) of a command line in between.

    That shell is the first process above us that a client gave its sign; the client itself has
    none.
    """
    signs = {sign for sign in adapters.SIGNS.values() if env.get(sign)}
    if not signs:
        return os.isatty(1)
    shell, client = os.getpid(), os.getppid()
    while signs <= set(environment(client)):
        shell, client = client, told(client).parent
    ours = _open(os.getpid(), "1")
    if not ours or ours != _open(shell, "1"):
        return False
    if ours.startswith("pipe:"):
        return ours in (_open(client, one) for one in listed(f"/proc/{client}/fd"))
    return ours.startswith("socket:") or os.isatty(1)


def _open(pid: int, descriptor: str) -> str:
    """What process `pid` has open there; "" where nobody tells."""
    try:
        return os.readlink(f"/proc/{pid}/fd/{descriptor}")
    except OSError:
        return ""
