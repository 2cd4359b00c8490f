"""The process that records what the launcher spooled: one at a time, it stays a moment, so that a
burst of tool calls starts one.
"""

import os
import time

from .. import home as homes
from .. import log
from ..delivery import bell
from ..errors import LockedError, StoreError
from ..ops.after import Done, after
from ..store import deliveries
from ..store.connect import HOOK_BUSY_S, open_db
from . import spool
from .context import Context
from .spool import RECORDER

LINGER_S = 2.0  # between two tool calls of a busy agent there are rarely more
# A locked database is waited for this long: nothing holds one longer but a reset of a large log.
PATIENCE_S = 60.0


def record() -> int:
    """The recorder: takes what is spooled, waits a moment for more, and ends. Always 0."""
    home = homes.locate(os.environ)
    log.to(home.root)
    with homes.Lock(home, "recorder") as lock:
        if not _alone(home, lock):
            return 0
        try:
            with bell.Bell(home, RECORDER) as rings:
                pipe = _publish(home, rings)
                try:
                    while True:
                        _take_all(home)
                        if not rings.wait(LINGER_S):
                            break
                finally:
                    homes.dropped(pipe)
                _take_all(home)
        except StoreError as error:
            log.log("recorder.failed", error=error.message)  # the files wait for the next one
    return 0


def _take_all(home) -> None:
    """Everything spooled is recorded. StoreError when the database cannot be had; a locked one is
    waited for."""
    end = time.monotonic() + PATIENCE_S
    while spool.waiting(home):
        try:
            _take(home)
            return  # what is there now is still being written
        except LockedError:
            if time.monotonic() > end:
                raise


def _take(home) -> None:
    """What can be recorded is, and what follows from it is done: as if it had been in time."""
    done: list[Context] = []
    try:
        # Each try is short: hooks wait for their turn at the spool.
        with open_db(home, HOOK_BUSY_S) as db:
            spool.take(home, db, done)
    finally:
        if done:
            with open_db(home) as db:
                _, watched = spool.followed(db, done)
                # All, for a tool may have been a command in a sandbox, which could wake nobody.
                restless = deliveries.restless(db)
            after(home, Done(restless=restless, watched=watched))


def _alone(home, lock) -> bool:
    """Whether this is the recorder now. One that still listens is rung and does the work; one that
    is about to end is waited for."""
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        if lock.take():
            return True
        if os.path.exists(home.run(homes.RECORDER)):
            bell.ring(home, [RECORDER])
            return False
        time.sleep(0.02)
    return False


def _publish(home, rings) -> str:
    """The launcher finds the recorder's bell by one fixed name; "" when there is none."""
    path = home.run(homes.RECORDER)
    try:
        homes.dropped(path)
        os.link(rings.path, path)
    except OSError:
        return ""
    return path
