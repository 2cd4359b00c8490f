"""This device and the others: their numbers, what came of them, and what is to be told to them."""

import json
from collections import namedtuple

from .events import Event, _event

# How far the numbers go back of what is told again to a relay that lost it; a relay holds as many.
HELD = 2000
BACKLOG = 5000  # of what no relay has yet; then only messages for other devices wait
FLOOR = 4000  # below the newest number of a device nothing is to come: more than HELD
EPOCHS = 256  # of a device, which has a new one when it lost its numbers
UNHEARD_S = 90.0  # a device that is there is heard each 25 s, and by us a minute after at most
RELAYED, ARRIVED = "relay", "device"  # the channel of a message for another: who has it


class Own(namedtuple("Own", "id epoch seq up_to pushed cursor")):
    """What this device is to others: see the schema."""

    __slots__ = ()


class Device(namedtuple("Device", "id label epoch state_seq heard_at signed dropped forgotten_at")):
    """Another device, by what it said last; times by the clock of this one. None: not forgotten."""

    __slots__ = ()


_COLUMNS = ", ".join(Device._fields)


def own(db) -> Own:
    """This device."""
    return Own(*db.execute("SELECT id, epoch, seq, up_to, pushed, cursor FROM device").fetchone())


def renew(db, device: str) -> None:
    """This device is called `device`, and counts anew from what it has not been able to push."""
    db.execute(
        "UPDATE device SET id = ?, epoch = lower(hex(randomblob(8))), seq = 0, up_to = -1, "
        "pushed = 0, states = 0, cursor = ''",
        (device,),
    )
    db.execute("DELETE FROM outgoing")
    skip(db)


def skip(db) -> None:
    """What happened up to now is told to nobody, but for what waits for other devices."""
    db.execute(
        "INSERT INTO outgoing (seq, event_id) SELECT seq + row_number() OVER (ORDER BY event_id), "
        "event_id FROM device, (SELECT DISTINCT event_id FROM deliveries WHERE state = 'queued' "
        "AND instr(agent, ':')) WHERE event_id > up_to"
    )
    _counted(db)


def _counted(db) -> None:
    """All events so far have their numbers, or need none."""
    db.execute(
        "UPDATE device SET up_to = (SELECT coalesce(max(id), 0) FROM events), "
        "seq = max(seq, (SELECT coalesce(max(seq), 0) FROM outgoing))"
    )


def polled(db, cursor: str) -> None:
    """All news up to this cursor are here."""
    db.execute("UPDATE device SET cursor = ?", (cursor,))


def find(db, device: str) -> "Device | None":
    """The device of this id."""
    row = db.execute(f"SELECT {_COLUMNS} FROM devices WHERE id = ?", (device,)).fetchone()
    return Device(*row) if row else None


def every(db) -> "list[Device]":
    """All others that were ever heard, by label; also those that are forgotten."""
    return [Device(*row) for row in db.execute(f"SELECT {_COLUMNS} FROM devices ORDER BY label")]


def add(db, device: str, label: str, now: float) -> None:
    """Another device is known."""
    db.execute("INSERT INTO devices (id, label, heard_at) VALUES (?, ?, ?)", (device, label, now))


def relabel(db, device: str, before: str, label: str) -> None:
    """A device has another label, and so has all that is named by it and still open."""
    db.execute("UPDATE devices SET label = ? WHERE id = ?", (label, device))
    for table, column in (
        ("agents", "name"),
        ("deliveries", "agent"),
        ("requests", "target"),
        ("requests", "requester"),
    ):
        db.execute(
            f"UPDATE {table} SET {column} = substr({column}, 1, instr({column}, ':')) || ?1 "
            f"WHERE {column} LIKE '%:' || ?2",
            (label, before),
        )


def heard(db, device: str, signed: bool, dropped: int, now: float) -> None:
    """The device was heard, and of what it said so many things were not taken."""
    db.execute(
        "UPDATE devices SET heard_at = ?, signed = ?, dropped = dropped + ?, forgotten_at = NULL "
        "WHERE id = ?",
        (now, int(signed), dropped, device),
    )


def forget(db, device: str, now: float) -> None:
    """The device is none of the others, until it is heard again."""
    db.execute("UPDATE devices SET forgotten_at = ? WHERE id = ?", (now, device))


def addressed(db, label: str) -> "list[str]":
    """Whom of the device of this label messages went to that they have not seen."""
    return db.column(
        "SELECT DISTINCT agent FROM deliveries WHERE agent LIKE '%:' || ? AND state <> 'seen'",
        (label,),
    )


def is_newer(db, device: str, epoch: str, seq: int) -> bool:
    """The state with this number is the newest of the device, from now on; False when it is not:
    an epoch that is over does not come again."""
    return (
        db.execute(
            "UPDATE devices SET epoch = ?2, state_seq = ?3 WHERE id = ?1 AND "
            "CASE WHEN epoch = ?2 THEN state_seq < ?3 ELSE NOT EXISTS "
            "(SELECT 1 FROM imports WHERE device = ?1 AND epoch = ?2 AND seq = 0) END",
            (device, epoch, seq),
        ).rowcount
        == 1
    )


def meet(db, device: str, epoch: str) -> bool:
    """The epoch of the device is known; False where it had too many."""
    db.execute(
        "INSERT OR IGNORE INTO epochs (device, epoch) SELECT ?1, ?2 "
        "WHERE (SELECT count(*) FROM epochs WHERE device = ?1) < ?3",
        (device, epoch, EPOCHS),
    )
    found = db.execute("SELECT 1 FROM epochs WHERE device = ? AND epoch = ?", (device, epoch))
    return found.fetchone() is not None


def note(db, device: str, epoch: str, seq: int) -> bool:
    """What has this number came; False when it had come, or is too late."""
    return (
        db.execute(
            "INSERT OR IGNORE INTO imports (device, epoch, seq) SELECT device, epoch, ?3 "
            "FROM epochs WHERE device = ?1 AND epoch = ?2 AND (floor < ?3 OR ?3 = 0)",
            (device, epoch, seq),
        ).rowcount
        == 1
    )


def settle(db, key, event, event_id: int) -> None:
    """The `event` that came with this number is this one here."""
    db.execute(
        "UPDATE imports SET origin = ?, at = ?, event_id = ? "
        "WHERE device = ? AND epoch = ? AND seq = ?",
        (event.id, event.ts, event_id, *key),
    )


def same(db, device: str, event) -> int:
    """The event here that this one of the device is, which came before; 0 for none."""
    found = db.value(
        "SELECT event_id FROM imports WHERE device = ? AND origin = ? AND at = ? AND event_id <> 0",
        (device, event.id, event.ts),
    )
    return found or 0


def prune(db, device: str, epoch: str) -> None:
    """Of what came so long ago that it does not come again, only messages are noted: they may be
    answered."""
    newest = "(SELECT max(seq) FROM imports WHERE device = ?1 AND epoch = ?2) - ?3"
    floor = "(SELECT floor FROM epochs WHERE device = ?1 AND epoch = ?2)"
    given = (device, epoch, FLOOR)
    db.execute(
        f"DELETE FROM imports WHERE device = ?1 AND epoch = ?2 AND seq > {floor} "
        f"AND seq <= {newest} AND NOT EXISTS "
        "(SELECT 1 FROM events e WHERE e.id = event_id AND e.type = 'message')",
        given,
    )
    db.execute(
        f"UPDATE epochs SET floor = max(floor, {newest}) WHERE device = ?1 AND epoch = ?2", given
    )


def origin(db, event_id: int) -> "tuple[str, int] | tuple[()]":
    """The device that an event came from, and its id there; () for one of this device."""
    row = db.execute(
        "SELECT device, origin FROM imports WHERE event_id = ? AND event_id <> 0", (event_id,)
    ).fetchone()
    return tuple(row) if row else ()


def imported(db, device: str, at: int) -> int:
    """The newest event here that has the id `at` there; 0 for none."""
    return db.value(
        "SELECT coalesce(max(event_id), 0) FROM imports "
        "WHERE device = ? AND origin = ? AND event_id <> 0",
        (device, at),
    )


def next_state(db) -> int:
    """The number of a state of this device: one more than that of the one before."""
    db.execute("UPDATE device SET states = states + 1")
    return db.value("SELECT states FROM device")


def is_behind(db) -> bool:
    """Whether something is to be numbered, or to be told by `news`."""
    return bool(
        db.value(
            "SELECT up_to < (SELECT coalesce(max(id), 0) FROM events) "
            f"OR EXISTS (SELECT 1 {_UNTOLD}) FROM device"
        )
    )


def number(db) -> None:
    """Each event of this device has a number, the next; but what hcom itself said to those here."""
    db.execute(
        "INSERT INTO outgoing (seq, event_id) SELECT seq + row_number() OVER (ORDER BY e.id), e.id "
        "FROM device, events e WHERE e.id > up_to AND NOT EXISTS "
        "(SELECT 1 FROM imports i WHERE i.event_id = e.id AND i.event_id <> 0) "
        "AND (e.type <> 'message' OR json_extract(e.data, '$.sender_kind') <> 'system') "
        "AND (seq - pushed < ? OR EXISTS (SELECT 1 FROM deliveries d "
        "WHERE d.event_id = e.id AND instr(d.agent, ':')))",
        (BACKLOG,),
    )
    _counted(db)


def queue(db, data: dict) -> None:
    """`data`, which is no event here, is told to others, too."""
    db.execute("UPDATE device SET seq = seq + 1")
    db.execute(
        "INSERT INTO outgoing (seq, data) SELECT seq, ? FROM device",
        (json.dumps(data, ensure_ascii=False),),
    )


def outgoing(db, since: int, limit: int) -> "list[tuple[int, Event | dict | None]]":
    """At most `limit` of what has a number behind `since`: an event, None for one that is not
    there any more, or data that is none."""
    rows = db.execute(
        "SELECT o.seq, o.event_id, o.data AS said, e.* FROM outgoing o "
        "LEFT JOIN events e ON e.id = o.event_id WHERE o.seq > ? ORDER BY o.seq LIMIT ?",
        (since, limit),
    )
    return [
        (
            row["seq"],
            json.loads(row["said"])
            if not row["event_id"]
            else None
            if row["id"] is None
            else _event(row),
        )
        for row in rows
    ]


def give_up(db, seq: int) -> int:
    """Nothing is told in the place of this number; the event that was to be."""
    found = db.value("SELECT event_id FROM outgoing WHERE seq = ?", (seq,))
    db.execute("UPDATE outgoing SET event_id = 0, data = 'null' WHERE seq = ?", (seq,))
    return found or 0


def pushed(db, up_to: int) -> "list[tuple[int, str]]":
    """A relay has all up to this number; the (event, agent) that wait and have gone by that."""
    rows = db.execute(
        "SELECT d.event_id, d.agent FROM outgoing o JOIN deliveries d ON d.event_id = o.event_id "
        "WHERE o.seq > (SELECT pushed FROM device) AND o.seq <= ? AND o.event_id <> 0 "
        "AND d.state = 'queued' AND instr(d.agent, ':')",
        (up_to,),
    ).fetchall()
    db.execute("UPDATE device SET pushed = max(pushed, min(seq, ?))", (up_to,))
    return [tuple(row) for row in rows]


def first(db) -> int:
    """The oldest number of what is told again where it is lost; the next one where nothing is."""
    return db.value("SELECT coalesce((SELECT min(seq) FROM outgoing), seq + 1) FROM device")


def repeat(db, label: str = "%") -> None:
    """What is open with agents of the device of this label, or of any, is told once more, but for
    what is yet to be told."""
    db.execute(
        "INSERT INTO outgoing (seq, event_id) SELECT seq + row_number() OVER (ORDER BY event_id), "
        "event_id FROM device, (SELECT DISTINCT event_id FROM deliveries d "
        "WHERE state < 'seen' AND agent LIKE '%:' || ?) m WHERE event_id <= up_to AND NOT EXISTS "
        "(SELECT 1 FROM outgoing o WHERE o.event_id = m.event_id AND o.seq > pushed)",
        (label,),
    )
    db.execute("UPDATE device SET seq = (SELECT max(seq) FROM outgoing) WHERE changes() > 0")


def trim(db) -> None:
    """What a relay may have dropped by now is not kept for it."""
    db.execute("DELETE FROM outgoing WHERE seq <= (SELECT pushed FROM device) - ?", (HELD,))


def arrived(db, event_id: int, agent: str) -> None:
    """The device of `agent` has the message."""
    db.execute(
        "UPDATE deliveries SET channel = ? WHERE event_id = ? AND agent = ? AND channel = ?",
        (ARRIVED, event_id, agent, RELAYED),
    )


def expect(db, event_id: int, agents) -> None:
    """The sender of an imported message hears what became of it with these agents."""
    db.connection.executemany(
        "INSERT OR REPLACE INTO receipts (event_id, agent) VALUES (?, ?)",
        [(event_id, agent) for agent in agents],
    )


_UNTOLD = (
    "FROM (SELECT r.event_id, r.agent, r.told, coalesce(d.state, 'undeliverable') AS state "
    "FROM receipts r LEFT JOIN deliveries d ON d.event_id = r.event_id AND d.agent = r.agent) "
    "WHERE state <> told AND (state IN ('delivered', 'seen', 'undeliverable') "
    "OR (state = 'queued' AND told IN ('', 'undeliverable')))"
)


def news(db) -> "list[tuple[int, str, str]]":
    """Of which (event, agent) the sender is to hear that it waits there, or again, is delivered,
    seen or undeliverable; by then it is told."""
    rows = db.execute(
        "SELECT event_id, agent, CASE WHEN told = 'undeliverable' AND state IN "
        f"('queued', 'delivered') THEN 'revived' ELSE state END {_UNTOLD}"
    ).fetchall()
    for event_id, agent, became in rows:
        told = "queued" if became == "revived" else became
        db.execute(
            "UPDATE receipts SET told = ? WHERE event_id = ? AND agent = ?", (told, event_id, agent)
        )
    # What may yet be revived is in deliveries; of the rest nothing more is to be told.
    db.execute(
        "DELETE FROM receipts WHERE told = 'seen' OR (told = 'undeliverable' AND NOT EXISTS "
        "(SELECT 1 FROM deliveries d WHERE d.event_id = receipts.event_id "
        "AND d.agent = receipts.agent))"
    )
    return [tuple(row) for row in rows]
