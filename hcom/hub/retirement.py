"""Who ended or left long ago retires: out of the lists and indexes, its mail undeliverable.

Its name stays taken, and by it and its session it comes back (people.back), with its mail.
"""

from ..bus.agent import RETIRE_S
from ..store import agents, deliveries

AT_ONCE = 20  # in one transaction, which others wait for


def is_due(db, now: float) -> bool:
    """Whether somebody is to retire."""
    return bool(agents.long_gone(db, now - RETIRE_S, 1))


def retire(db, now: float) -> None:
    """Those whose time has come have retired, within the caller's transaction."""
    for name in agents.long_gone(db, now - RETIRE_S, AT_ONCE):
        agents.retire(db, name, now)
        deliveries.retire(db, name)
