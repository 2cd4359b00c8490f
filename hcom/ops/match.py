"""Matching what was recorded with subscriptions: the process that `after` leaves behind where
anybody waits for such events. A pass that finds another at work leaves: that one looks again
before it ends.
"""

import os
import time

from .. import log
from ..home import LOCKS, Lock, locate
from ..store.connect import open_db
from .after import Done, after

PASSES = 20  # a process ends after this many even if more goes on: the next writer starts another


def main(argv: list[str]) -> int:
    """`match`: the process that was left behind. Always 0."""
    home = locate(os.environ)
    log.to(home.root)
    try:
        run(home)
    except Exception as error:  # boundary
        log.log("match.failed", error=repr(error)[:300])
    return 0


def run(home) -> None:
    """Everything recorded so far is matched, and those who have a notice are told."""
    from ..hub import subscriptions as watch
    from ..store import agents, subscriptions

    for _ in range(PASSES):
        with Lock(home, os.path.join(LOCKS, "watch")) as lock:
            if not lock.take():
                return
            for part in (watch.settle, watch.sift):  # whoever waits for the first is told by then
                with open_db(home) as db:
                    told = part(home, db, time.time())
                    parents = agents.parents(db, told)
                if told:
                    after(home, Done(told, parents=parents, watched=False))
        with open_db(home) as db:
            if not subscriptions.is_behind(db):
                return
