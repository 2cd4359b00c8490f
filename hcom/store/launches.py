"""Launches: each client that hcom started, how far it came, how it ended. In what window and by
which processes is not for the database (see kept)."""

from collections import namedtuple

WAITING, READY, FAILED, ENDED = "waiting", "ready", "failed", "ended"


# One row; `screen` are the last lines the client showed when it failed; `agent` is the one that it
# is now.
Launch = namedtuple("Launch", "id batch agent tool state why screen log at")


# A launch turns out to be another agent's when its client goes on with a session that is known.
_SELECT = (
    "SELECT "
    + ", ".join(
        "coalesce(b.agent, l.agent) AS agent" if f == "agent" else "l." + f for f in Launch._fields
    )
    + " FROM launches l LEFT JOIN bindings b ON b.kind = 'launch' AND b.id = l.id "
)


def begin(db, launch: str, batch: str, agent: str, tool: str, log: str, now: float) -> None:
    """The client is about to be started."""
    db.execute(
        "INSERT INTO launches (id, batch, agent, tool, state, log, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (launch, batch, agent, tool, WAITING, log, now),
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


def tell(db, batch: str, by: str) -> None:
    """`by` is to be told once all of the batch is settled; "" for nobody (any more)."""
    db.execute("UPDATE launches SET by = ? WHERE batch = ?", (by, batch))


def untold(db) -> list[tuple[str, str]]:
    """The batches that are settled, and who is to be told."""
    rows = db.execute(
        "SELECT DISTINCT batch, by FROM launches l WHERE by <> '' AND NOT EXISTS "
        "(SELECT 1 FROM launches o WHERE o.batch = l.batch AND o.state = ?)",
        (WAITING,),
    )
    return [tuple(row) for row in rows]


def of_agent(db, agent: str) -> str:
    """The id of the newest launch that is the agent's now; "" for none."""
    return db.value(_SELECT + "WHERE b.agent = ? ORDER BY l.rowid DESC LIMIT 1", (agent,)) or ""


def of_batch(db, batch: str) -> list[Launch]:
    """The launches of a batch, oldest first."""
    rows = db.execute(_SELECT + "WHERE l.batch = ? ORDER BY l.rowid", (batch,))
    return [Launch(**dict(row)) for row in rows]


def last_batch(db) -> str:
    """The newest batch, "" when there is none."""
    return db.value("SELECT batch FROM launches ORDER BY rowid DESC LIMIT 1") or ""
