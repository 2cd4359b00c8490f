"""One row per message and recipient: queued -> offered -> seen.

`state <> 'seen'` beside `state = ...` looks idle, and is what lets sqlite use the index of the open
rows: without it each hook reads every delivery there ever was.
"""

from ..bus.message import Message
from .events import _event, message


def queue(db, event_id: int, agents: list[str], wakes: bool) -> None:
    """Each of `agents` has the message queued."""
    db.connection.executemany(
        "INSERT OR IGNORE INTO deliveries (event_id, agent, wakes) VALUES (?, ?, ?)",
        [(event_id, agent, int(wakes)) for agent in agents],
    )


def queued(db, agent: str, limit: int = 100) -> list[Message]:
    """What is queued for `agent`, oldest first."""
    rows = db.execute(
        "SELECT e.* FROM deliveries d JOIN events e ON e.id = d.event_id "
        "WHERE d.agent = ? AND d.state = 'queued' AND d.state <> 'seen' "
        "ORDER BY d.event_id LIMIT ?",
        (agent, limit),
    ).fetchall()
    return [message(_event(row)) for row in rows]


def count_queued(db, agent: str) -> int:
    """How many messages wait for `agent`."""
    return db.execute(
        "SELECT count(*) FROM deliveries WHERE agent = ? AND state = 'queued' AND state <> 'seen'",
        (agent,),
    ).fetchone()[0]


def children_wait(db, parent: str) -> bool:
    """Whether something is queued for a subagent of `parent`."""
    return (
        db.execute(
            "SELECT EXISTS (SELECT 1 FROM agents a JOIN deliveries d ON d.agent = a.name "
            "WHERE a.parent = ? AND a.stopped_at IS NULL AND d.state = 'queued' "
            "AND d.state <> 'seen')",
            (parent,),
        ).fetchone()[0]
        == 1
    )


def unread(db) -> dict[str, int]:
    """How many messages each agent has not been offered yet."""
    rows = db.execute(
        "SELECT agent, count(*) FROM deliveries INDEXED BY deliveries_open "
        "WHERE state <> 'seen' AND state = 'queued' GROUP BY agent"
    )
    return {row[0]: row[1] for row in rows}


def wants_wake(db, agent: str) -> bool:
    """Whether something that may wake an idle agent is queued for `agent`."""
    return (
        db.execute(
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE agent = ? AND "
            "state = 'queued' AND state <> 'seen' AND wakes = 1)",
            (agent,),
        ).fetchone()[0]
        == 1
    )


def waking(db, agent: str) -> "tuple[int, int] | tuple[()]":
    """The oldest and the newest queued message that may wake `agent`; () when there is none."""
    found = db.execute(
        "SELECT min(event_id), max(event_id) FROM deliveries WHERE agent = ? AND "
        "state = 'queued' AND state <> 'seen' AND wakes = 1",
        (agent,),
    ).fetchone()
    return () if found[0] is None else tuple(found)


def offer(db, agent: str, ids: list[int], now: float) -> None:
    """These queued messages are offered to `agent` as of `now`; they are in the caller's hand."""
    db.connection.executemany(
        "UPDATE deliveries SET state = 'offered', offered_at = ? "
        "WHERE event_id = ? AND agent = ? AND state = 'queued'",
        [(now, i, agent) for i in ids],
    )


def take_back(db, agent: str, ids: list[int]) -> None:
    """These messages are queued again: they could not be handed over."""
    db.connection.executemany(
        "UPDATE deliveries SET state = 'queued', offered_at = NULL, written_at = NULL "
        "WHERE event_id = ? AND agent = ?",
        [(i, agent) for i in ids],
    )


def hand(db, agent: str, ids: list[int], now: float) -> None:
    """These offered messages were written where `agent` reads, by `now`."""
    db.connection.executemany(
        "UPDATE deliveries SET written_at = ? WHERE event_id = ? AND agent = ? "
        "AND state = 'offered'",
        [(now, i, agent) for i in ids],
    )


def in_hand(db, agent: str, before: float) -> list[int]:
    """The ids of what was taken for `agent` earlier than `before` and never written."""
    return [
        row[0]
        for row in db.execute(
            "SELECT event_id FROM deliveries WHERE agent = ? AND state = 'offered' "
            "AND state <> 'seen' AND written_at IS NULL AND offered_at < ? ORDER BY event_id",
            (agent, before),
        )
    ]


def confirm(db, agent: str, before: float) -> int:
    """What `agent` was handed earlier than `before` is seen; how many."""
    return db.execute(
        "UPDATE deliveries SET state = 'seen' "
        "WHERE agent = ? AND state = 'offered' AND state <> 'seen' AND written_at < ?",
        (agent, before),
    ).rowcount


def mark_seen(db, agent: str, ids: list[int]) -> None:
    """There is proof that `agent` has seen these."""
    db.connection.executemany(
        "UPDATE deliveries SET state = 'seen' WHERE event_id = ? AND agent = ?",
        [(i, agent) for i in ids],
    )


def offered(db, agent: str) -> list[int]:
    """The ids of what `agent` was offered without proof that it was seen."""
    return [
        row[0]
        for row in db.execute(
            "SELECT event_id FROM deliveries WHERE agent = ? AND state = 'offered' "
            "AND state <> 'seen' ORDER BY event_id",
            (agent,),
        )
    ]


def requeue(db, agent: str) -> int:
    """What was only offered to `agent` is queued again; how many."""
    return db.execute(
        "UPDATE deliveries SET state = 'queued', offered_at = NULL, "
        "written_at = NULL WHERE agent = ? AND state = 'offered' "
        "AND state <> 'seen'",
        (agent,),
    ).rowcount


def receipts(db, event_id: int) -> dict[str, str]:
    """Each recipient of a message and how far it came."""
    return {
        row[0]: row[1]
        for row in db.execute("SELECT agent, state FROM deliveries WHERE event_id = ?", (event_id,))
    }


def last_sent(db, sender: str) -> int:
    """The id of the newest message that `sender` sent, 0 when there is none."""
    row = db.execute(
        "SELECT id FROM events WHERE instance = ? AND type = 'message' ORDER BY id DESC LIMIT 1",
        (sender,),
    ).fetchone()
    return row[0] if row else 0


def inbox(db, agent: str, count: int) -> list[Message]:
    """The `count` newest messages that went to `agent`, oldest first, read or not."""
    rows = db.execute(
        "SELECT e.* FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.agent = ? "
        "ORDER BY d.event_id DESC LIMIT ?",
        (agent, count),
    ).fetchall()
    return [message(_event(row)) for row in reversed(rows)]
