"""Opening the database, and whose turn it is to write.

The first open and a migration happen under a file lock, since racing first opens otherwise fail now
and then. An agent in a sandbox may write the folder that the database is in, and exchange what is
in it at any moment: what is open is looked at, before sqlite reads or writes anything. sqlite's
errors become StoreError here, in the user's words.
"""

import errno
import os
import sqlite3
import sys
import time

from ..errors import DamagedError, HcomError, LockedError, StoreError
from ..home import CURES, Home, Lock, create, cure, dropped, plain, private_file, stat_of
from .schema import MARK, MARKED, MIGRATIONS, VERSION, VIEW

BUSY_S = 5.0  # a command gives up where a locked database has not been written to for so long
EAGER_MS = 20  # sqlite tries five times in so long
HOOK_BUSY_S = 1.5  # a hook gives up on a locked database then: its agent waits for it
# Finds what would run by itself, but for our view; and our mark.
FOREIGN = "SELECT 1 FROM sqlite_schema WHERE type NOT IN ('table', 'index') AND sql <> ?"
OURS = f"SELECT application_id FROM pragma_application_id WHERE NOT EXISTS ({FOREIGN})"
BESIDE = ("-wal", "-shm", "-journal")  # what sqlite adds to a database's name for its other files
# The byte of the database that sqlite locks to write without a WAL, and by whose lock it knows that
# the journal beside it is of somebody alive, not to be played back.
RESERVED = 0x40000001

ANEW = "hcom reset moves it to the archive and starts anew"
# What sqlite's words for its trouble mean to a person; {} is the database. The last is of a table
# of ours, or a trigger or view that is none: users' SQL is told of elsewhere.
MEANINGS = (
    (
        ("locked", "busy"),
        LockedError,
        "the database is locked by another process",
        "try again, or hcom status",
    ),
    (("full",), StoreError, "the disk is full: {}", "free some space; nothing was changed"),
    (
        ("readonly", "read-only", "unable to open"),
        StoreError,
        "cannot write {}",
        CURES[0],
    ),
    (("not a database", "malformed"), DamagedError, "the database is corrupt: {}", ANEW),
    (
        ("no such", "not authorized", "prohibited", "is a view"),
        DamagedError,
        "not a database of hcom's any more: {}",
        ANEW,
    ),
)

# The database's own trouble, before `Database` has translated it and after.
TROUBLE = (sqlite3.Error, StoreError)


def translated(
    error: sqlite3.Error, home: Home, connection: "sqlite3.Connection | None" = None
) -> "HcomError | KeyboardInterrupt":
    """The StoreError that says to a person what `error` of that connection means.

    What a signal's handler raises while sqlite calls an authorizer is lost but for its refusal: as
    nobody else has one where the schema is ours, that is KeyboardInterrupt.
    """
    text = str(error)
    refused = "not authorized" in text or "prohibited" in text
    if connection and refused and not connection.execute(FOREIGN, [VIEW]).fetchone():
        return KeyboardInterrupt()
    for signs, kind, what, hint in MEANINGS:
        if any(sign in text for sign in signs):
            return kind(what.format(home.db), hint)
    if "disk I/O error" in text:
        why, hint = _unmapped(home) or ("the disk failed or is full", "hcom status")
        return StoreError(f"{why}: {home.db}", hint)
    return StoreError(f"{text}: {home.db}", "hcom status")


def _unmapped(home: Home) -> tuple[str, ...]:
    """Why no file there can be mapped into memory, as sqlite does it to share its WAL, and what to
    do; () where one can. (A journal would do without, but see `_is_ready`.)"""
    import mmap

    path = home.db_file + "-map"
    try:
        with os.fdopen(private_file(path, os.O_RDWR | os.O_EXCL), "r+b") as stream:
            stream.truncate(1)
            mmap.mmap(stream.fileno(), 1).close()
    except OSError as error:
        said = f"no memory map of a file can be had here ({error.strerror})"
        return said, "use a disk that has them: export HCOM_DIR=/DIRECTORY/.hcom"
    finally:
        dropped(path)
    return ()


def _damaged(home: Home, what: str) -> DamagedError:
    return DamagedError(f"{what}: {home.db}", ANEW)


class Database:
    """An open connection; as a context manager it closes it and translates sqlite's errors."""

    def __init__(self, home: Home, connection: sqlite3.Connection, limit_s: "float | None" = None):
        self.home = home
        self.connection = connection
        self.limit_s = limit_s
        self.execute = connection.execute
        self.file = _file(home)

    def value(self, sql: str, params=()):
        """What the query finds first, in its first column; None where it finds nothing."""
        return next(iter(self.column(sql, params)), None)

    def column(self, sql: str, params=()) -> list:
        """What the query finds, of each row the first column."""
        return [row[0] for row in self.execute(sql, params)]

    def wait_on(self) -> None:
        """Who waits for what is recorded here may go on. StoreError when others open another
        database by now, or find none: it would be in vain."""
        if _file(self.home) != self.file:
            raise StoreError("the database was replaced meanwhile", "hcom list")

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        try:
            if isinstance(error, sqlite3.Error):
                raise translated(error, self.home, self.connection) from error
        finally:
            self.connection.close()


def _file(home: Home) -> "tuple[int, int] | None":
    found = stat_of(home.db_file)
    return found and (found.st_dev, found.st_ino)


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


class transaction:  # noqa: N801 - reads as a statement: with transaction(db)
    """BEGIN IMMEDIATE; committed at the end of the block, rolled back when it raises."""

    def __init__(self, db: Database):
        self.db = db

    def __enter__(self):
        begin(self.db.execute, self.db.home.db_file + "-wal", self.db.limit_s)
        return self.db

    def __exit__(self, kind, _error, _trace):
        try:
            if kind is None:
                self.db.execute("COMMIT")
        finally:  # also when the commit fails, as on a full disk: the connection may live on
            if self.db.connection.in_transaction:
                self.db.execute("ROLLBACK")


def connected(home: Home, busy_s: float) -> "sqlite3.Connection | None":
    """A connection through which nothing has been read yet; None where the database has to be made
    or made ready first. StoreError when it is not to be opened, sqlite3.Error, OSError."""
    end = time.monotonic() + busy_s  # no number of tries: of 20 threads', each second is in vain
    while True:
        path = home.db_file
        try:
            return _connected(path, busy_s)
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise sqlite3.OperationalError("locked") from error
        except OSError:
            if home.db_file == path:
                raise  # else the database got its folder meanwhile, from another's first open


def _connected(path: str, busy_s: float) -> "sqlite3.Connection | None":
    connection = None
    if not all(plain(path + end) or end for end in ("", "-wal", "-shm")):
        return None
    # What sqlite will open gets this number, unless it takes one of an earlier connection again.
    os.close(fd := os.open("/", os.O_RDONLY | os.O_CLOEXEC))
    try:
        connection = sqlite3.connect(
            f"{uri(path)}?mode=rw", uri=True, timeout=busy_s, isolation_level=None
        )
        # sqlite resolves links by their text, and follows none when it then opens that name (since
        # 3.31): the name says what is open, whatever was exchanged meanwhile.
        opened = connection.execute("PRAGMA database_list").fetchone()[2]
        if opened != path and not _is_same_name(opened, path):
            raise OSError(errno.ELOOP, "it was exchanged for a link", path)
        if _is_ready(fd, path):
            connection.row_factory = sqlite3.Row
            _without_views(connection)
            return connection
        connection.close()
        return None
    except BaseException:
        if connection is not None:
            connection.close()
        raise


def _without_views(connection: sqlite3.Connection) -> None:
    """No trigger and no view runs. One that an agent put there would do so in our process, and need
    not come to an end. (trusted_schema = OFF would not stop that, and refuses the json_valid of our
    tables.)"""
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)
    else:
        ok, deny = sqlite3.SQLITE_OK, sqlite3.SQLITE_DENY
        connection.set_authorizer(lambda _action, _arg, _arg2, _db, inner: deny if inner else ok)


def _is_same_name(opened: str, path: str) -> bool:
    folder, name = os.path.split(path)
    return opened == "/" + os.path.join(os.path.realpath(folder), name).lstrip("/")


def _is_ready(fd: int, path: str) -> bool:
    """Whether the database that sqlite has open as `fd` has a WAL. No journal is played back then,
    for as long as it is open: sqlite would delete any file that one names. BlockingIOError when it
    is locked, or `fd` something else: another thread of our host opens files too."""
    is_wal = False
    try:
        if not os.path.samestat(os.fstat(fd), os.lstat(path)):
            raise BlockingIOError(errno.EAGAIN, "exchanged", path)
        is_wal = os.pread(fd, 20, 0)[18:] == b"\2\2"
        if is_wal and sys.platform == "linux" and sys.maxsize > 2**32:
            import fcntl

            # struct flock: F_RDLCK from SEEK_SET. Any number of us can have it, no writer needs it.
            where = [number.to_bytes(8, sys.byteorder) for number in (0, RESERVED, 1, 0)]
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, b"".join(where))
            return True
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno == errno.EBADF:  # an earlier connection's, which was looked at
            return True
    if os.path.lexists(path + "-journal"):
        raise StoreError(f"a journal that is not hcom's: {path}-journal", f"rm {path}-journal")
    return is_wal


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _check(home: Home, connection: sqlite3.Connection, version: int) -> None:
    """StoreError unless the database is ours, or empty."""
    if version >= MARKED:
        ours = [mark for (mark,) in connection.execute(OURS, [VIEW])] == [MARK]
    else:
        found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        tables = {name for (name,) in found}
        ours = "deliveries" in tables if version else not tables
    if not ours:
        raise _damaged(home, "not a database of hcom's")
    if version > VERSION:
        raise StoreError(
            f"the database is of a newer hcom (format {version}, this one knows {VERSION})",
            "update hcom",
        )


def _migrate(home: Home, connection: sqlite3.Connection) -> None:
    """The schema is the newest; held by a file lock, each step one transaction."""
    with Lock(home, "migrate") as lock:
        lock.take(wait=True)
        found = _version(connection)
        _check(home, connection, found)
        for version in range(found, VERSION):
            connection.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[version]} "
                f"PRAGMA user_version = {version + 1}; COMMIT;"
            )


def _made(home: Home, busy_s: float) -> sqlite3.Connection:
    """A connection to the database, which is there now, and private: sqlite gives its own files the
    same mode. To have its WAL it needs a journal, so it is made where none can be slipped in."""
    create(home)
    path, aside = home.db_file, home.run("new.db")
    with Lock(home, "migrate") as lock:
        lock.take(wait=True)
        if found := connected(home, busy_s):
            return found
        if os.path.lexists(path):
            os.replace(path, aside)
        for one in (path + end for end in BESIDE if os.path.lexists(path + end)):
            os.unlink(one)
        try:
            if not plain(aside):
                os.close(private_file(aside, os.O_RDWR | os.O_EXCL))
            new = sqlite3.connect(f"{uri(aside)}?mode=rw", uri=True, timeout=busy_s)
            try:
                _check(home, new, _version(new))
                new.execute("PRAGMA journal_mode = WAL")
            finally:
                new.close()
        finally:
            if os.path.lexists(aside):
                os.replace(aside, path)
        if found := connected(home, busy_s):
            return found
        raise _damaged(home, "the database cannot be made ready")


def open_db(home: Home, limit_s: "float | None" = None) -> Database:
    """The database of `home`, made when it is not there yet. StoreError when it cannot be had.
    Who waits for a write of another process does so for at most `limit_s`, see `begin`."""
    connection, busy_s = None, limit_s or BUSY_S
    try:
        connection = connected(home, busy_s) or _made(home, busy_s)
        version = _version(connection)
        if version < VERSION:
            create(home)
            _migrate(home, connection)
        else:
            _check(home, connection, version)
        # A commit may be lost with the machine's power, never with a process; fsync per message
        # would cost more than the message.
        connection.execute("PRAGMA synchronous = NORMAL")
        return Database(home, connection, limit_s)
    except (HcomError, sqlite3.Error, OSError) as error:
        try:
            if isinstance(error, HcomError):
                raise
            if isinstance(error, sqlite3.Error):
                raise translated(error, home, connection) from error
            raise StoreError(
                f"cannot use {error.filename or home.root}: {error.strerror}",
                cure(error),
            ) from error
        finally:
            if connection is not None:
                connection.close()


def uri(path: str) -> str:
    """The file: URI of an absolute path."""
    return "file://" + path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
