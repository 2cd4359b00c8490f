"""A connection for SQL that a user wrote: it can read, for a bounded time, and nothing else."""

import sqlite3
import sys
import time

from ..home import Home
from .connect import Database, open_db

SQL_S = 5.0  # a user's query may run this long
HEAP_BYTES = 512 * 1024 * 1024  # sqlite's memory in a process that runs users' SQL
# What such SQL may call, of sqlite's functions: not what loads code, tells of the build, or makes
# long values out of nothing. The view needs json_extract.
FUNCTIONS = (
    " abs avg changes char coalesce concat concat_ws count date datetime glob group_concat hex "
    "ifnull iif instr json json_array json_array_length json_each json_extract json_group_array "
    "json_group_object json_object json_quote json_tree json_type json_valid julianday length "
    "like likelihood likely lower ltrim max min nullif octet_length quote random replace round "
    "row_number rtrim sign strftime string_agg substr substring sum time timediff total trim "
    "typeof unicode unixepoch unlikely upper -> ->> current_date current_time "
    "current_timestamp found "
)
VALUE_BYTES = 16 * 1024 * 1024  # of one value there: a message has at most one


def _admit(action, _arg, _arg2, _db, inner) -> int:
    """The authorizer of users' SQL: reading and functions, nothing else. In our view, or what an
    agent put in its place, of functions only what ours calls."""
    allowed = (
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    )
    known = " json_extract " if inner == "events_v" else FUNCTIONS
    if action == sqlite3.SQLITE_FUNCTION and f" {_arg2.lower()} " not in known:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


class Restricted(Database):
    """One that can only read; each statement within `budget_s`, where sqlite hears of it, and
    bounded memory."""

    def __init__(self, home: Home, connection: sqlite3.Connection, budget_s: float):
        super().__init__(home, connection)
        connection.row_factory = sqlite3.Row
        if sys.version_info >= (3, 12):
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, True)
        connection.execute("PRAGMA query_only = 1")
        # Their first use declares a table, which the authorizer would not let happen.
        connection.execute("SELECT * FROM json_each('[]'), json_tree('[]')").fetchall()
        connection.execute(f"PRAGMA hard_heap_limit = {HEAP_BYTES}")
        if sys.version_info >= (3, 11):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500)
        connection.set_authorizer(_admit)

        def within(sql: str, params=()):
            renew_budget(connection, budget_s)
            return connection.execute(sql, params)

        self.execute = within


def open_sandboxed(home: Home, budget_s: float = SQL_S) -> Database:
    """A connection that is as good as none for what may not be: see Restricted. SQL that a user
    wrote runs on it in a process of its own: see `sieve`."""
    return Restricted(home, open_db(home).connection, budget_s)


def health(db: Database, budget_s: float) -> str:
    """ok, or what is wrong with the database; it is looked at for at most `budget_s`."""
    renew_budget(db.connection, budget_s)
    try:
        problem = db.value("PRAGMA quick_check(1)")
    except sqlite3.Error as error:
        problem = str(error)
    if "interrupted" in problem:
        return "too large to be checked"
    return problem if problem == "ok" else f"damaged: {problem}"


def renew_budget(connection: sqlite3.Connection, budget_s: float) -> None:
    """Whatever runs on `connection` is ended `budget_s` from now."""
    end = time.monotonic() + budget_s
    connection.set_progress_handler(lambda: time.monotonic() > end, 2000)
