"""Whose turn it is to write: of many who wait for that, each gets one."""

import sqlite3
import time

from ..home import stat_of

BUSY_S = 5.0  # a command gives up where a locked database has not been written to for so long
EAGER_MS = 20  # sqlite tries five times in so long


def begin(execute, wal: str, limit_s: "float | None") -> None:
    """Nobody else writes until this transaction ends. sqlite3.OperationalError after `limit_s`, or
    without one when nobody has written to `wal` for BUSY_S: as long as others do, our turn comes.

    sqlite waits longer before each try, so whoever comes new is before those who have waited, and
    some starve. Here all begin anew again and again, and try equally often.
    """
    busy_s = limit_s or BUSY_S
    seen, end = _written(wal), time.monotonic() + busy_s
    execute(f"PRAGMA busy_timeout = {EAGER_MS}")
    try:
        while True:
            try:
                execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                if time.monotonic() > end:
                    before, seen = seen, _written(wal)
                    if limit_s or seen == before:
                        raise
                    end = time.monotonic() + busy_s
    finally:
        execute(f"PRAGMA busy_timeout = {busy_s * 1000:.0f}")


def _written(path: str) -> "tuple[int, int] | None":
    """What changes with each write to a file."""
    found = stat_of(path)
    return found and (found.st_size, found.st_mtime_ns)
