"""Opening the database: for the code, and read-only for SQL that a user wrote.

The first open, the switch to WAL and a migration happen under a file lock, since racing first opens
otherwise fail now and then. sqlite's errors become StoreError here, in the user's words.
"""

import os
import sqlite3
import sys
import time

from ..errors import HcomError, LockedError, StoreError
from ..home import Home, Lock, create, private_file
from .schema import MIGRATIONS, VERSION

BUSY_S = 5.0  # a command gives up on a locked database after this
HOOK_BUSY_S = 1.5  # a hook gives up sooner: its agent waits for it
SQL_S = 5.0  # a user's query may run this long
HEAP_BYTES = 512 * 1024 * 1024  # sqlite's memory in a process that runs users' SQL
# One call of the last four can take seconds or all memory, within a step that no budget ends.
DENIED = ("load_extension", "printf", "format", "zeroblob", "randomblob")
VALUE_BYTES = 16 * 1024 * 1024  # of one value there: a message has at most one

# The database's own trouble, before `Database` has translated it and after.
TROUBLE = (sqlite3.Error, StoreError)


def translated(error: sqlite3.Error, home: Home) -> HcomError:
    """The StoreError that says to a person what `error` means."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return LockedError("the database is locked by another process", "try again, or hcom status")
    if "full" in text:
        return StoreError(f"the disk is full: {home.db}", "free some space; nothing was changed")
    if "readonly" in text or "read-only" in text or "unable to open" in text:
        return StoreError(f"cannot write {home.db}", "in a sandbox: export HCOM_DIR=$PWD/.hcom")
    if "not a database" in text or "malformed" in text:
        return StoreError(
            f"the database is corrupt: {home.db}",
            "hcom reset moves it to the archive and starts anew",
        )
    if "disk I/O error" in text:
        return StoreError(f"the disk failed or is full: {home.db}", "hcom status")
    return StoreError(f"{text}: {home.db}", "hcom status")


class Database:
    """An open connection; as a context manager it closes it and translates sqlite's errors."""

    def __init__(self, home: Home, connection: sqlite3.Connection):
        self.home = home
        self.connection = connection
        self.execute = connection.execute

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        self.connection.close()
        if isinstance(error, sqlite3.Error):
            raise translated(error, self.home) from error


class transaction:  # noqa: N801 - reads as a statement: with transaction(db)
    """BEGIN IMMEDIATE; committed at the end of the block, rolled back when it raises."""

    def __init__(self, db: Database):
        self.db = db

    def __enter__(self):
        self.db.execute("BEGIN IMMEDIATE")
        return self.db

    def __exit__(self, kind, _error, _trace):
        try:
            if kind is None:
                self.db.execute("COMMIT")
        finally:  # also when the commit fails, as on a full disk: the connection may live on
            if self.db.connection.in_transaction:
                self.db.execute("ROLLBACK")


def _connected(home: Home, busy_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{uri(home.db)}?mode=rw", uri=True, timeout=busy_s, isolation_level=None
    )
    connection.row_factory = sqlite3.Row
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _migrate(home: Home, connection: sqlite3.Connection) -> None:
    """The schema is the newest; held by a file lock, each step one transaction."""
    with Lock(home, "migrate") as lock:
        lock.take(wait=True)
        connection.execute("PRAGMA journal_mode = WAL")
        for version in range(_version(connection), VERSION):
            connection.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[version]} "
                f"PRAGMA user_version = {version + 1}; COMMIT;"
            )


def _made(home: Home) -> None:
    """The database's file is there, and private: sqlite gives its own files the same mode."""
    create(home)
    try:
        os.close(private_file(home.db_file, os.O_RDWR | os.O_EXCL))
    except FileExistsError:
        pass


def open_db(home: Home, busy_s: float = BUSY_S) -> Database:
    """The database of `home`, made when it is not there yet. StoreError when it cannot be had."""
    connection = None
    try:
        if os.path.islink(home.db_file):  # who may write the folder could make us write elsewhere
            raise StoreError(f"not a database but a link: {home.db_file}", f"rm {home.db_file}")
        try:
            connection = _connected(home, busy_s)
            version = _version(connection)
        except sqlite3.OperationalError:
            if connection is not None:
                connection.close()
            _made(home)
            connection = _connected(home, busy_s)
            version = _version(connection)
        if version > VERSION:
            connection.close()
            raise StoreError(
                f"the database is of a newer hcom (format {version}, this one knows {VERSION})",
                "update hcom",
            )
        if version < VERSION:
            create(home)
            _migrate(home, connection)
        # A commit may be lost with the machine's power, never with a process; fsync per message
        # would cost more than the message.
        connection.execute("PRAGMA synchronous = NORMAL")
        return Database(home, connection)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise translated(error, home) from error
    except OSError as error:
        raise StoreError(
            f"cannot use {home.root}: {error.strerror}", "in a sandbox: export HCOM_DIR=$PWD/.hcom"
        ) from error


def _admit(action, _arg, _arg2, _db, _trigger) -> int:
    """The authorizer of users' SQL: reading and functions, nothing else."""
    allowed = (
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    )
    if action == sqlite3.SQLITE_FUNCTION and _arg2.lower() in DENIED:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def open_sandboxed(home: Home, budget_s: float = SQL_S) -> Database:
    """A connection for SQL that a user wrote: it can only read, and ends after `budget_s`."""
    open_db(home).connection.close()
    try:
        connection = sqlite3.connect(
            f"{uri(home.db)}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None
        )
    except sqlite3.Error as error:
        raise translated(error, home) from error
    connection.row_factory = sqlite3.Row
    restrict(connection, budget_s)
    return Database(home, connection)


def restrict(connection: sqlite3.Connection, budget_s: float) -> None:
    """What runs on `connection` from now on can only read, within `budget_s` and bounded memory."""
    connection.execute("PRAGMA query_only = 1")
    # Their first use declares a table, which the authorizer would not let happen.
    connection.execute("SELECT * FROM json_each('[]'), json_tree('[]')").fetchall()
    connection.execute(f"PRAGMA hard_heap_limit = {HEAP_BYTES}")
    if sys.version_info >= (3, 11):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500)
    connection.set_authorizer(_admit)
    renew_budget(connection, budget_s)


def health(db: Database, budget_s: float) -> str:
    """ok, or what is wrong with the database; it is looked at for at most `budget_s`."""
    renew_budget(db.connection, budget_s)
    try:
        problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        problem = str(error)
    if "interrupted" in problem:
        return "too large to be checked"
    return problem if problem == "ok" else f"damaged: {problem}"


def renew_budget(connection: sqlite3.Connection, budget_s: float) -> None:
    """Whatever runs on `connection` is ended `budget_s` from now."""
    end = time.monotonic() + budget_s
    connection.set_progress_handler(lambda: time.monotonic() > end, 2000)


def uri(path: str) -> str:
    """The file: URI of an absolute path."""
    return "file://" + path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
