"""Launches: each client that hcom started, in what window, how far it came, how it ended."""

import json
from collections import namedtuple

WAITING, READY, FAILED, ENDED = "waiting", "ready", "failed", "ended"


class Launch(
    namedtuple("Launch", "id batch agent tool wrapper wrapper_start window state why screen log at")
):
    """One row; `window` is the value of terminal.Opened as a list, [] where hcom opened none;
    `screen` the last lines the client showed when it failed; `agent` the one that it is now."""

    __slots__ = ()


# A launch turns out to be another agent's when its client goes on with a session that is known.
_SELECT = (
    "SELECT "
    + ", ".join(
        "coalesce(b.agent, l.agent) AS agent" if f == "agent" else "l." + f for f in Launch._fields
    )
    + " FROM launches l LEFT JOIN bindings b ON b.kind = 'launch' AND b.id = l.id "
)


def _launch(row) -> Launch:
    return Launch(**{**dict(row), "window": json.loads(row["window"])})


def begin(db, launch: str, batch: str, agent: str, tool: str, log: str, now: float) -> None:
    """The client is about to be started."""
    db.execute(
        "INSERT INTO launches (id, batch, agent, tool, state, log, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (launch, batch, agent, tool, WAITING, log, now),
    )


def set_window(db, launch: str, window) -> None:
    """The window, pane or tab that was opened for it."""
    db.execute("UPDATE launches SET window = ? WHERE id = ?", (json.dumps(list(window)), launch))


def set_wrapper(db, launch: str, pid: int, start: str) -> None:
    """The process that runs the client, and ends it when it is told to."""
    db.execute(
        "UPDATE launches SET wrapper = ?, wrapper_start = ? WHERE id = ?", (pid, start, launch)
    )


def settle(db, launch: str, state: str, why: str = "", screen: str = "") -> bool:
    """It is ready, or has failed, for the first time; False when that was settled before."""
    return (
        db.execute(
            "UPDATE launches SET state = ?, why = ?, screen = ? WHERE id = ? AND state = ?",
            (state, why, screen, launch, WAITING),
        ).rowcount
        == 1
    )


def end(db, launch: str) -> None:
    """The client has ended."""
    db.execute("UPDATE launches SET state = ? WHERE id = ? AND state = ?", (ENDED, launch, READY))


def find(db, launch: str) -> Launch | None:
    """The launch with this id."""
    row = db.execute(_SELECT + "WHERE l.id = ?", (launch,)).fetchone()
    return _launch(row) if row else None


def of_agent(db, agent: str) -> Launch | None:
    """The newest launch that is the agent's now."""
    row = db.execute(
        _SELECT + "WHERE b.agent = ? ORDER BY l.rowid DESC LIMIT 1", (agent,)
    ).fetchone()
    return _launch(row) if row else None


def of_batch(db, batch: str) -> list[Launch]:
    """The launches of a batch, oldest first."""
    rows = db.execute(_SELECT + "WHERE l.batch = ? ORDER BY l.rowid", (batch,))
    return [_launch(row) for row in rows]


def last_batch(db) -> str:
    """The newest batch, "" when there is none."""
    row = db.execute("SELECT batch FROM launches ORDER BY rowid DESC LIMIT 1").fetchone()
    return row[0] if row else ""
