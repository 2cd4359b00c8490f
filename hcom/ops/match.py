"""Seeing to it that what was recorded is matched with subscriptions, in a process left behind.

Whoever wrote events asks the store whether anybody waits for such (`events.is_watched`), and only
then comes here: after its own work is done and its reply written. A pass that finds another at work
leaves: that one looks again before it ends.
"""

import os
import time

from .. import log
from ..home import Lock
from ..process import detach
from ..store.connect import open_db
from . import wake

PASSES = 20  # a process ends after this many even if more goes on: the next writer starts another


def leave_behind(home) -> None:
    """A detached process matches what nobody has; this one goes on. No database may be open."""
    if not detach():
        return
    try:
        # The locks and bells of whoever left this behind are not this process's.
        os.closerange(3, 256)
        run(home)
    except BaseException as error:  # boundary
        log.log("watch.failed", error=repr(error)[:300])
    finally:
        os._exit(0)


def follow_up(home) -> None:
    """What was recorded is matched in a process left behind, where anybody waits for it. For those
    who have no database open; never fails."""
    from ..errors import StoreError
    from ..store import events

    try:
        with open_db(home) as db:
            watched = events.is_watched(db)
    except StoreError:
        return
    if watched:
        leave_behind(home)


def run(home) -> None:
    """Everything recorded so far is matched, and those who have a notice are told."""
    from ..hub import subscriptions as watch
    from ..store import subscriptions

    for _ in range(PASSES):
        with Lock(home, os.path.join("locks", "watch")) as lock:
            if not lock.take():
                return
            with open_db(home) as db:
                told = watch.settle(home, db, time.time())
        if told:
            wake.announce(home, told)
        with open_db(home) as db:
            if not subscriptions.is_behind(db):
                return
