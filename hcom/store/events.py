"""The event log: appending, and reading it by id, by time, or by a user's expression."""

import json
import re
import sqlite3
from collections import namedtuple
from datetime import datetime, timezone

from ..bus.message import Envelope, Message, Sender
from ..errors import HcomError, UsageError


class Event(namedtuple("Event", "id timestamp type instance data")):
    """One line of the log; `data` is the parsed JSON, `timestamp` ISO 8601 in UTC."""

    __slots__ = ()

    def as_dict(self) -> dict:
        """The event as users see it: `ts` for the time, the rest by name."""
        return {
            "id": self.id,
            "ts": self.timestamp,
            "type": self.type,
            "instance": self.instance,
            "data": self.data,
        }


def timestamp(now: float) -> str:
    """`now` (Unix seconds) as stored: UTC, milliseconds, sortable as text."""
    moment = datetime.fromtimestamp(now, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def append(db, kind: str, instance: str, data: dict, now: float) -> int:
    """The event is in the log; its id."""
    return db.execute(
        "INSERT INTO events (timestamp, type, instance, data) VALUES (?, ?, ?, ?)",
        (timestamp(now), kind, instance, json.dumps(data, ensure_ascii=False)),
    ).lastrowid


def append_message(
    db, sender: Sender, text: str, to, envelope: Envelope, now: float, elsewhere=()
) -> int:
    """A message is in the log, as `message` reads it; `to` are its address.Recipients. `elsewhere`
    is what other devices need: the (device, name, born) of each that is `there`, as `re` the
    (device, id) of what it answers."""
    (names, mentions, scope), reply_to = to, envelope.reply_to
    data = {
        "from": sender.name,
        "tag": sender.tag,
        "text": text,
        "scope": scope,
        "sender_kind": sender.kind,
        "delivered_to": names,
        "mentions": mentions,
        "intent": envelope.intent or None,
        "thread": envelope.thread or None,
        "reply_to": int(reply_to) if reply_to.isdigit() else reply_to or None,
        **dict(elsewhere),
    }
    return append(db, "message", sender.name, data, now)


def append_status(db, instance: str, val: str, context: str, detail: str, now: float) -> int:
    """A status event is in the log: `val` is one of the four statuses."""
    return append(db, "status", instance, {"val": val, "context": context, "detail": detail}, now)


def append_tool(
    db, instance: str, status: str, context: str, detail: str, edited, command: str, now: float
) -> int:
    """The use of a tool is in the log, with the real paths it `edited` and the `command` it ran."""
    event = append_status(db, instance, status, context, detail, now)
    acts = [(event, "edit", path, instance, now) for path in dict.fromkeys(edited)]
    if command:
        acts.append((event, "command", command, instance, now))
    db.connection.executemany(
        "INSERT INTO acts (event_id, kind, what, agent, at) VALUES (?, ?, ?, ?, ?)", acts
    )
    return event


def append_life(
    db, instance: str, action: str, by: str, reason: str, batch: str, now: float
) -> int:
    """A life event is in the log: `action` is created, ready, stopped or batch_launched."""
    return append(
        db, "life", instance, {"action": action, "by": by, "reason": reason, "batch_id": batch}, now
    )


def _event(row) -> Event:
    return Event(row["id"], row["timestamp"], row["type"], row["instance"], json.loads(row["data"]))


def find(db, event_id: int) -> Event | None:
    """The event with this id."""
    row = db.execute("SELECT * FROM events WHERE id = ?", (event_id,)).fetchone()
    return _event(row) if row else None


def message(event: Event) -> Message:
    """A message event as a Message."""
    data = event.data
    return Message(
        event.id,
        event.timestamp,
        Sender(data["from"], data["sender_kind"], data.get("tag", "")),
        data["text"],
        Envelope(
            data.get("intent") or "", str(data.get("reply_to") or ""), data.get("thread") or ""
        ),
        tuple(data["delivered_to"]),
        data.get("origin") or 0,
    )


def is_watched(db) -> bool:
    """Whether anybody waits to hear of an event that is no tool's: by a subscription, for the
    answer to a request, or for what became of a launch."""
    return bool(
        db.value(
            "SELECT EXISTS (SELECT 1 FROM subscriptions WHERE off = '' AND "
            "looks_at = 'all') OR EXISTS (SELECT 1 FROM requests) "
            "OR EXISTS (SELECT 1 FROM launches WHERE by <> '')"
        )
    )


def are_tools_watched(db) -> bool:
    """Whether any subscription wants to hear of the use of tools."""
    return bool(db.value("SELECT EXISTS (SELECT 1 FROM subscriptions WHERE off = '')"))


def launcher(db, name: str) -> str:
    """Who made the agent, by the first that the log says of it; "" where that is gone."""
    by = db.value(
        "SELECT json_extract(data, '$.by') FROM events WHERE instance = ? AND type = 'life' "
        "ORDER BY id LIMIT 1",
        (name,),
    )
    return by or ""


def has_instance(db, name: str) -> bool:
    """Whether the log has an event of somebody called exactly so."""
    return bool(db.value("SELECT EXISTS (SELECT 1 FROM events WHERE instance = ?)", (name,)))


def last_id(db) -> int:
    """The id of the newest event, 0 when there is none."""
    return db.value("SELECT coalesce(max(id), 0) FROM events")


def latest(db, count: int) -> list[Event]:
    """The `count` newest events, oldest first."""
    rows = db.execute("SELECT * FROM events ORDER BY id DESC LIMIT ?", (count,)).fetchall()
    return [_event(row) for row in reversed(rows)]


def last_sent(db, sender: str) -> int:
    """The id of the newest message that `sender` sent, 0 when there is none."""
    return (
        db.value(
            "SELECT id FROM events WHERE instance = ? COLLATE NOCASE AND type = 'message' "
            "ORDER BY id DESC LIMIT 1",
            (sender,),
        )
        or 0
    )


def latest_where(sandboxed, expression: str, params, count: int, behind: int = 0) -> list[Event]:
    """The `count` newest events behind id `behind` that a user's WHERE expression admits.

    `sandboxed` is a Sieve, or for an expression of ours from `restricted.open_sandboxed`. HcomError
    when the expression is wrong, does more than read, or runs out of its time.
    """
    refuse_statement(expression)
    try:
        found = sandboxed.execute(
            f"SELECT id FROM events_v WHERE id > ? AND ({expression}\n) ORDER BY id DESC LIMIT ?",
            (behind, *params, count),
        )
        ids = json.dumps([row["id"] for row in found])
        rows = sandboxed.execute(
            "SELECT * FROM events WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", (ids,)
        )
        return [_event(row) for row in rows]
    except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError) as error:
        raise explained(error) from error


def searched(sandboxed, where, low: int, high: int, count: int, newest: bool) -> list[Event]:
    """The `count` newest, or oldest, events in (low, high] that a Where of ours admits, oldest
    first. TimeoutError when that runs out of its time."""
    try:
        rows = sandboxed.execute(
            "SELECT * FROM events WHERE id IN (SELECT id FROM events_v WHERE id > ? AND id <= ? "
            f"AND ({where.sql}\n) ORDER BY id {'DESC' if newest else 'ASC'} LIMIT ?) ORDER BY id",
            (low, high, *where.params, count),
        )
        return [_event(row) for row in rows]
    except sqlite3.Error as error:
        if "interrupted" in str(error):
            raise TimeoutError from error
        raise explained(error) from error


def acts(db, low: int, high: int) -> dict[int, tuple[str, str]]:
    """What was done in the events from `low` to `high`: the first file edited, or the command, as
    (kind, what)."""
    rows = db.execute(
        "SELECT event_id, kind, what FROM acts WHERE event_id BETWEEN ? AND ? "
        "ORDER BY event_id DESC, kind DESC, what DESC",
        (low, high),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def between_where(sandboxed, expression: str, params, low: int, high: int) -> list[Event]:
    """The events in (low, high] that a user's WHERE expression admits, oldest first; otherwise as
    `latest_where`."""
    refuse_statement(expression)  # before it stands in brackets with something else
    found = latest_where(
        sandboxed, f"id <= ? AND ({expression}\n)", (high, *params), high - low, low
    )
    return [event for event in found if event.id <= high]


def refuse_statement(expression: str) -> None:
    """UsageError unless `expression` is one WHERE expression: no second statement, no escape.

    The parentheses put around it are what makes it an expression, so its own must balance, outside
    of quotes; a comment could swallow ours.
    """
    bare = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]", "''", expression)
    depth = 0
    for char in bare:
        depth += (char == "(") - (char == ")")
        if depth < 0:
            break
    if depth or re.search(r"['\"`\[]", bare.replace("''", "")):
        raise UsageError("wrong SQL: brackets or quotes do not match", "see hcom events sub --help")
    if ";" in bare or "--" in bare or "/*" in bare or "\0" in expression:
        raise UsageError(
            "wrong SQL: one WHERE expression, without ; or comments", "see hcom events sub --help"
        )
    if not expression.strip():
        raise UsageError("wrong SQL: the expression is empty", "see hcom events sub --help")


def explained(error: Exception) -> HcomError:
    """What went wrong with a user's SQL, for the user."""
    from .restricted import SQL_S  # no hook runs any

    text = str(error)
    if isinstance(error, MemoryError) or "too big" in text:
        return HcomError("the query wants more memory than it may have", "make it cheaper")
    if "interrupted" in text:
        return HcomError(
            f"the query took longer than {SQL_S:.0f} s and was ended",
            "make it cheaper, for example with: id > ...",
        )
    if "not authorized" in text or "prohibited" in text:
        return UsageError("the query may only read", "see hcom events sub --help")
    if "bindings" in text:
        return UsageError(f"wrong SQL: {text}", "? placeholders are for the Python API")
    return UsageError(f"wrong SQL: {text}", "columns: hcom events sub --help")
