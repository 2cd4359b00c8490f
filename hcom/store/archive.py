"""Copying the whole database into an archive, emptying it but for who goes on, reading archives.

The copy is complete and on the disk before anything is deleted; both happen under one write lock,
so nothing is recorded between them.
"""

import errno
import os
import sqlite3
from contextlib import suppress

from ..bus.agent import BIGBOSS
from ..errors import StoreError
from ..home import plain, private_file
from .connect import Database, connected, translated, uri
from .events import explained
from .restricted import SQL_S, Restricted

# What of a table stays for those who go on; a table not named here is emptied.
_KEPT = "SELECT name FROM temp.kept"
# Who is on another device goes on there, and what is on its way to it. What became of a message of
# theirs is theirs to hear: that it was seen, or, by its row being gone, that it never will be.
_OPEN = f"state < 'seen' AND (agent IN ({_KEPT}) OR instr(agent, ':'))"
_WAITING = f"SELECT event_id FROM deliveries WHERE {_OPEN}"
_STAYS = {
    "agents": f"name IN ({_KEPT}) OR device <> ''",
    "bindings": f"agent IN ({_KEPT})",
    "events": f"id IN ({_WAITING})",
    "deliveries": f"{_OPEN} OR (state = 'seen' AND (event_id, agent) IN "
    "(SELECT event_id, agent FROM receipts))",
    "device": "1",
    "devices": "1",
    "outgoing": "1",
    "imports": "1",
    "epochs": "1",
    "receipts": "1",
    "subscriptions": f"owner IN ({_KEPT}) OR owner = '{BIGBOSS}'",
    "requests": f"target IN ({_KEPT}) AND requester IN ({_KEPT}) AND event_id IN ({_WAITING})",
    "launches": f"agent IN ({_KEPT})",
    "resets": "1",
    "watch": "1",
}


def copy(home, into: str) -> None:
    """`into` is a database of its own with everything that is committed, on the disk. Raises
    sqlite3.Error, OSError when it cannot be; then `into` may be there in part."""
    old = connected(home, 5.0)
    if old is None:
        raise FileNotFoundError(errno.ENOENT, "it is gone", home.db_file)
    try:
        os.close(private_file(into, os.O_WRONLY | os.O_EXCL))
        new = sqlite3.connect(into, isolation_level=None)
        try:
            old.backup(new)
            # Without the log beside it, so that it can be read where nothing can be written.
            new.execute("PRAGMA journal_mode = DELETE")
        finally:
            new.close()
    finally:
        old.close()


def unread(db, names) -> dict[str, int]:
    """How many messages each agent that is not among `names` has not seen."""
    rows = db.execute(
        "SELECT agent, count(*) FROM deliveries WHERE state <> 'seen' "
        "AND instr(agent, ':') = 0 GROUP BY agent"
    )
    return {row[0]: row[1] for row in rows if row[0] not in names}


def clear(db, names, archive: str, now: float) -> None:
    """Only what `names` need to go on is left: they, what they have not seen, what they asked for.
    Within the caller's transaction; `archive` is noted as complete."""
    db.execute("CREATE TEMP TABLE kept (name TEXT PRIMARY KEY COLLATE NOCASE)")
    db.connection.executemany("INSERT INTO temp.kept VALUES (?)", [(name,) for name in names])
    tables = db.column(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    for table in tables:
        db.execute(
            f'CREATE TEMP TABLE "stays_{table}" AS SELECT * FROM main."{table}" '
            f"WHERE {_STAYS.get(table, '0')}"
        )
    for table in tables:
        # All rows at once, without a WHERE: then sqlite drops pages instead of rows.
        db.execute(f'DELETE FROM main."{table}"')
        db.execute(f'INSERT INTO main."{table}" SELECT * FROM temp."stays_{table}"')
        db.execute(f'DROP TABLE temp."stays_{table}"')
    db.execute("DROP TABLE temp.kept")
    db.execute("INSERT INTO resets (archive, at) VALUES (?, ?)", (archive, now))


def is_complete(db, archive: str) -> bool:
    """Whether the reset that made this archive came to its end."""
    return bool(db.value("SELECT EXISTS (SELECT 1 FROM resets WHERE archive = ?)", (archive,)))


def shrink(db) -> None:
    """The file is no larger than it must be, unless somebody is in the way."""
    with suppress(sqlite3.Error):  # another time
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def facts(db) -> dict:
    """What a list of archives says of one: how much, from when to when, who took part and where."""
    return {
        "events": db.value("SELECT count(*) FROM events"),
        "first": db.value("SELECT timestamp FROM events ORDER BY id LIMIT 1") or "",
        "last": db.value("SELECT timestamp FROM events ORDER BY id DESC LIMIT 1") or "",
        "agents": [
            {"name": row[0], "tag": row[1], "tool": row[2], "directory": row[3]}
            for row in db.execute(
                "SELECT name, tag, tool, directory FROM agents ORDER BY created_at, name"
            )
        ],
    }


def open_archive(home, path: str, budget_s: float = SQL_S) -> Database:
    """An archived database, for reading only."""
    try:
        if not plain(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        connection = sqlite3.connect(
            f"{uri(path)}?mode=ro&immutable=1", uri=True, isolation_level=None
        )
        return Restricted(home._replace(root=path.rpartition("/")[0]), connection, budget_s)
    except sqlite3.Error as error:
        raise translated(error, home) from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def agents_where(sieve, expression: str, count: int) -> list[dict]:
    """The newest `count` agents of an archive that a WHERE expression over its agents admits."""
    where = f"SELECT * FROM agents WHERE ({expression}\n) ORDER BY created_at DESC, name LIMIT ?"
    try:
        return list(reversed(sieve.execute(where, (count,))))
    except sqlite3.Error as error:
        raise explained(error) from error
