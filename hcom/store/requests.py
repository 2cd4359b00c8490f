"""Requests that wait for an answer: one row for each agent that was asked."""

from ..bus.agent import BIGBOSS, is_person


def ask(db, event_id: int, requester: str, targets) -> None:
    """`requester` waits for the answer of each of `targets`; the person is not waited for."""
    db.connection.executemany(
        "INSERT OR IGNORE INTO requests (event_id, target, requester) VALUES (?, ?, ?)",
        [(event_id, target, requester) for target in targets if not is_person(target)],
    )


def answer(db, target: str, requesters) -> None:
    """`target` said something to each of `requesters`: whatever they asked it has its answer."""
    db.connection.executemany(
        "DELETE FROM requests WHERE target = ? AND requester = ?",
        [(target, requester) for requester in requesters],
    )


def of_person(db, count: int) -> list[tuple[int, str, str, str]]:
    """The requests among the `count` newest messages to the person whose sender has heard nothing
    of the person since, oldest first: id, sender, text, timestamp."""
    rows = db.execute(
        "SELECT e.id, e.instance, json_extract(e.data, '$.text'), e.timestamp FROM events e "
        "WHERE e.id IN "
        "(SELECT event_id FROM deliveries WHERE agent = ?1 ORDER BY event_id DESC LIMIT ?2) "
        "AND json_extract(e.data, '$.intent') = 'request' AND NOT EXISTS "
        "(SELECT 1 FROM deliveries d JOIN events a ON a.id = d.event_id WHERE d.agent = e.instance "
        "AND d.event_id > e.id AND a.instance = ?1) ORDER BY e.id",
        (BIGBOSS, count),
    )
    return [tuple(row) for row in rows]


def close(db, event_id: int, target: str) -> None:
    """The requester was told that no answer comes."""
    db.execute("DELETE FROM requests WHERE event_id = ? AND target = ?", (event_id, target))


def oldest(db) -> int:
    """The id of the oldest open request, 0 when there is none."""
    return db.value("SELECT coalesce(min(event_id), 0) FROM requests")


def developments(db, low: int, high: int) -> list:
    """What the targets of open requests did in (low, high], oldest first: rows of event_id, target,
    requester, text, leased_at (of who is on another device: when it was heard to be delivered), and
    the target's event as type, timestamp, data."""
    return db.execute(
        "SELECT r.event_id, r.target, r.requester, json_extract(m.data, '$.text') AS text, "
        "CASE WHEN instr(r.target, ':') THEN d.delivered_at ELSE d.leased_at END AS leased_at, "
        "e.type, e.timestamp, e.data FROM requests r "
        "JOIN events e ON e.instance = r.target AND e.id > max(?, r.event_id) AND e.id <= ? "
        "JOIN events m ON m.id = r.event_id "
        "LEFT JOIN deliveries d ON d.event_id = r.event_id AND d.agent = r.target "
        "WHERE e.type IN ('status', 'life') ORDER BY e.id",
        (low, high),
    ).fetchall()
