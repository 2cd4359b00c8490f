"""One row for each message and each agent it goes to: how far it has come.

MOVES is all that can become of one; each verb below is one row of it, and nothing else changes a
state. What is open comes before what is closed, also as text: state < 'seen'.
"""

import json
from collections import namedtuple

from ..bus.agent import is_far
from ..bus.message import Message
from .events import _event, message

QUEUED, LEASED, DELIVERED = "queued", "leased", "delivered"  # open
SEEN, UNDELIVERABLE = "seen", "undeliverable"  # closed
STATES = (QUEUED, LEASED, DELIVERED, SEEN, UNDELIVERABLE)


# Each verb's way: from which states, to which, and what its caller has made sure of
MOVES = {
    "lease": ((QUEUED,), LEASED, "a process takes it to hand it over, and may die of it"),
    "deliver": ((LEASED,), DELIVERED, "its holder wrote it where the agent reads"),
    "see": ((LEASED, DELIVERED), SEEN, "there is evidence that the model was asked with it"),
    "release": ((LEASED,), QUEUED, "its holder could not write it, or is dead: no evidence"),
    "requeue": ((DELIVERED,), QUEUED, "what it was written into is lost or over: no evidence"),
    "refuse": ((QUEUED, LEASED, DELIVERED), UNDELIVERABLE, "its agent is gone, as it is told"),
    "retire": ((QUEUED, LEASED, DELIVERED), UNDELIVERABLE, "its agent has retired"),
    "revive": ((UNDELIVERABLE,), QUEUED, "its agent is back"),
}

BATCH = 100  # of what is queued, read at once


# Where leased messages are written: by the hook of which kind, into the session of which
# transcript, and how long that was before.
Into = namedtuple("Into", "channel transcript since", defaults=("", "", 0))


# A delivery that is leased or delivered: since when, by which process (its number, and a word that
# tells it from others), and into what.
Held = namedtuple(
    "Held",
    "event_id state leased_at delivered_at holder holder_start channel transcript since",
)


def queue(db, event_id: int, agents: list[str], wakes: bool) -> None:
    """Each of `agents` has the message queued; who is on another device is woken there."""
    db.connection.executemany(
        "INSERT OR IGNORE INTO deliveries (event_id, agent, wakes) VALUES (?, ?, ?)",
        [(event_id, agent, int(wakes and not is_far(agent))) for agent in agents],
    )


def lease(db, agent: str, ids, holder: int, holder_start: str, into: Into, now: float) -> None:
    """These queued messages are in the hand of the process `holder`."""
    db.connection.executemany(
        "UPDATE deliveries SET state = 'leased', leased_at = ?, holder = ?, holder_start = ?, "
        "channel = ?, transcript = ?, since = ? "
        "WHERE event_id = ? AND agent = ? AND state = 'queued'",
        [(now, holder, holder_start, *into, i, agent) for i in ids],
    )


def deliver(db, agent: str, ids, now: float) -> None:
    """These leased messages were written where `agent` reads, by `now`."""
    db.connection.executemany(
        "UPDATE deliveries SET state = 'delivered', delivered_at = ? "
        "WHERE event_id = ? AND agent = ? AND state = 'leased'",
        [(now, i, agent) for i in ids],
    )


def see(db, agent: str, ids) -> None:
    """`agent` has seen these leased or delivered messages."""
    db.connection.executemany(
        "UPDATE deliveries SET state = 'seen', holder_start = '', transcript = '' "
        "WHERE event_id = ? AND agent = ? AND state IN ('leased', 'delivered')",
        [(i, agent) for i in ids],
    )


def release(db, agent: str, ids) -> None:
    """These leased messages are queued again."""
    db.connection.executemany(
        "UPDATE deliveries SET state = 'queued', leased_at = NULL "
        "WHERE event_id = ? AND agent = ? AND state = 'leased'",
        [(i, agent) for i in ids],
    )


def requeue(db, agent: str, ids) -> None:
    """These delivered messages are queued again."""
    db.connection.executemany(
        "UPDATE deliveries SET state = 'queued', leased_at = NULL, delivered_at = NULL "
        "WHERE event_id = ? AND agent = ? AND state = 'delivered'",
        [(i, agent) for i in ids],
    )


def refuse(db, agent: str, ids) -> None:
    """These messages will not be had by `agent`."""
    db.connection.executemany(
        "UPDATE deliveries SET state = 'undeliverable' "
        "WHERE event_id = ? AND agent = ? AND state < 'seen'",
        [(i, agent) for i in ids],
    )


def retire(db, agent: str) -> None:
    """Nothing is on its way to `agent` any more."""
    db.execute(
        "UPDATE deliveries SET state = 'undeliverable' WHERE agent = ? AND state < 'seen'", (agent,)
    )


def revive(db, agent: str, event_id: int = 0) -> None:
    """What could not be delivered to `agent`, or this of it, is queued again."""
    db.execute(
        "UPDATE deliveries SET state = 'queued', leased_at = NULL, delivered_at = NULL "
        "WHERE agent = ?1 AND state = 'undeliverable' AND ?2 IN (0, event_id)",
        (agent, event_id),
    )


def held(db, agent: str) -> list[Held]:
    """What is leased or delivered for `agent` without evidence that it was seen, oldest first."""
    rows = db.execute(
        "SELECT event_id, state, leased_at, delivered_at, holder, holder_start, channel, "
        "transcript, since FROM deliveries "
        "WHERE agent = ? AND state IN ('leased', 'delivered') ORDER BY event_id",
        (agent,),
    )
    return [Held(*row) for row in rows]


def queued(db, agent: str) -> list[Message]:
    """What is queued for `agent`, oldest first, at most BATCH."""
    rows = db.execute(
        "SELECT e.* FROM deliveries d JOIN events e ON e.id = d.event_id "
        "WHERE d.agent = ? AND d.state = 'queued' "
        "ORDER BY d.event_id LIMIT ?",
        (agent, BATCH),
    ).fetchall()
    return [message(_event(row)) for row in rows]


def count_queued(db, agent: str) -> int:
    """How many messages wait for `agent`."""
    return db.value(
        "SELECT count(*) FROM deliveries WHERE agent = ? AND state = 'queued'",
        (agent,),
    )


def is_unwritten(db, agent: str) -> bool:
    """Whether something for `agent` or its subagents is not written where they read yet."""
    return bool(
        db.value(
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE agent = ?1 "
            "AND state IN ('queued', 'leased')) OR EXISTS "
            "(SELECT 1 FROM agents a CROSS JOIN deliveries d ON d.agent = a.name "
            "WHERE a.parent = ?1 AND a.parent <> '' AND a.stopped_at IS NULL "
            "AND d.state IN ('queued', 'leased'))",
            (agent,),
        )
    )


def unread(db) -> dict[str, int]:
    """How many messages are not written yet for each agent that takes part."""
    rows = db.execute(
        "SELECT name, (SELECT count(*) FROM deliveries d WHERE d.agent = a.name "
        "AND d.state IN ('queued', 'leased')) FROM agents a INDEXED BY agents_here "
        "WHERE stopped_at IS NULL AND retired_at IS NULL"
    )
    return {row[0]: row[1] for row in rows}


def wants_wake(db, agent: str) -> bool:
    """Whether something that may wake an idle agent is queued for `agent`."""
    return bool(
        db.value(
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE agent = ? AND state = 'queued' "
            "AND wakes = 1)",
            (agent,),
        )
    )


def restless(db) -> list[str]:
    """The idle agents for whom something that may wake them is queued, but for those of whom it is
    known that they cannot be woken."""
    return db.column(
        "SELECT name FROM agents a INDEXED BY agents_here WHERE stopped_at IS NULL "
        "AND retired_at IS NULL AND status = 'listening' AND wake_failure = '' AND EXISTS "
        "(SELECT 1 FROM deliveries d WHERE d.agent = a.name AND d.state = 'queued' "
        "AND d.wakes = 1)"
    )


def waking(db, agent: str) -> "tuple[int, int] | tuple[()]":
    """The oldest and the newest queued message that may wake `agent`; () when there is none."""
    found = db.execute(
        "SELECT (SELECT event_id FROM deliveries WHERE agent = ?1 AND state = 'queued' "
        "AND wakes = 1 ORDER BY event_id LIMIT 1), (SELECT event_id FROM deliveries "
        "WHERE agent = ?1 AND state = 'queued' AND wakes = 1 ORDER BY event_id DESC LIMIT 1)",
        (agent,),
    ).fetchone()
    return () if found[0] is None else tuple(found)


def receipts(db, event_id: int) -> dict[str, str]:
    """As `receipts_of`, of one message."""
    return receipts_of(db, [event_id])[event_id]


def receipts_of(db, ids: "list[int]") -> dict[int, dict[str, str]]:
    """Of each of these messages its recipients and how far it came with each; of who is on another
    device, whether the relay has it, or that device."""
    rows = db.execute(
        "SELECT event_id, agent, CASE WHEN state <> 'leased' OR instr(agent, ':') = 0 THEN state "
        "WHEN channel = 'relay' THEN 'relayed' ELSE 'arrived' END "
        "FROM deliveries WHERE event_id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    found: dict[int, dict[str, str]] = {number: {} for number in ids}
    for event_id, agent, state in rows:
        found[event_id][agent] = state
    return found
