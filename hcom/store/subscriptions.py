"""Subscriptions, how far the log has been matched with them, and what was told of collisions."""

import json
import sqlite3
from collections import namedtuple

from ..bus.notice import COLLISIONS, OWN, WINDOW_S, Clash, Edit
from ..bus.render import quoted
from ..errors import HcomError
from .events import _event


class Subscription(
    namedtuple(
        "Subscription",
        (
            "id",
            "owner",
            "by",
            "label",
            "sql",
            "params",
            "looks_at",
            "once",
            "after_id",
            "created_at",
            "off",
            "fired",
            "fired_since",
        ),
    )
):
    """One row. `by` made it for `owner`; `off` is why it was switched off, "" while it is on;
    `fired` counts since `fired_since`."""

    __slots__ = ()

    def as_dict(self) -> dict:
        """The subscription as users see it: its owner is the `caller`."""
        told = {key: getattr(self, key) for key in ("id", "sql", "label", "by", "once", "off")}
        return {**told, "caller": self.owner}


CLASHES = 1000  # read in one pass

_FIELDS = Subscription._fields
_COLUMNS = ", ".join(_FIELDS)


def _subscription(row) -> Subscription:
    values = dict(row)
    values["params"] = json.loads(values["params"])
    values["once"] = bool(values["once"])
    return Subscription(**values)


def add(db, sub: Subscription) -> None:
    """`sub` is stored; sqlite3.IntegrityError when its id is taken."""
    values = [json.dumps(v) if f == "params" else v for f, v in zip(_FIELDS, sub)]
    db.execute(
        f"INSERT INTO subscriptions ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values
    )


def every(db, owner: str = "") -> list[Subscription]:
    """All subscriptions of `owner` ("": of everyone), oldest first; also those switched off."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM subscriptions WHERE ?1 = '' OR owner = ?1 ORDER BY created_at, id",
        (owner,),
    )
    return [_subscription(row) for row in rows]


def find(db, sub_id: str) -> Subscription | None:
    """The subscription with this id."""
    row = db.execute(f"SELECT {_COLUMNS} FROM subscriptions WHERE id = ?", (sub_id,)).fetchone()
    return _subscription(row) if row else None


def remove(db, sub_id: str) -> bool:
    """The subscription is gone; False when there was none."""
    return db.execute("DELETE FROM subscriptions WHERE id = ?", (sub_id,)).rowcount == 1


def live(db) -> list[Subscription]:
    """Those that are on and whose owner can be told now: the person, or a session that runs. Last
    are those of whoever made the most that were switched off."""
    rows = db.execute(
        f"SELECT {', '.join('s.' + f for f in _FIELDS)} FROM subscriptions s "
        "LEFT JOIN agents a ON a.name = s.owner WHERE s.off = '' AND (s.owner = 'bigboss' OR "
        "(a.name IS NOT NULL AND a.stopped_at IS NULL AND a.ended_at IS NULL)) ORDER BY "
        "(SELECT count(*) FROM subscriptions o WHERE o.off <> '' AND o.by = s.by), s.id"
    )
    return [_subscription(row) for row in rows]


def switch_off(db, sub_id: str, why: str) -> None:
    """The subscription matches nothing any more; it stays listed, with the reason."""
    db.execute("UPDATE subscriptions SET off = ? WHERE id = ?", (why, sub_id))


def set_done(db, ids, up_to: int) -> None:
    """These have been matched with every event up to this one, ahead of the others."""
    db.connection.executemany(
        "UPDATE subscriptions SET after_id = max(after_id, ?) WHERE id = ?",
        [(up_to, sub_id) for sub_id in ids],
    )


def count_fired(db, sub_id: str, fired: int, since: float) -> None:
    """It has fired `fired` times since then."""
    db.execute(
        "UPDATE subscriptions SET fired = ?, fired_since = ? WHERE id = ?", (fired, since, sub_id)
    )


def matched_up_to(db) -> tuple[int, int]:
    """The newest event that has been matched: with our own filters, and with SQL of users."""
    return tuple(db.execute("SELECT up_to, sifted FROM watch").fetchone())


def set_matched(db, up_to: int, sifted: int) -> None:
    """Every event up to these has been matched; never moves back."""
    db.execute("UPDATE watch SET up_to = max(up_to, ?), sifted = max(sifted, ?)", (up_to, sifted))


def is_behind(db) -> bool:
    """Whether there are events that nobody has matched; hcom's own do not count."""
    return bool(
        db.value(
            "SELECT EXISTS (SELECT 1 FROM events WHERE id > "
            "(SELECT min(up_to, sifted) FROM watch) "
            "AND instance <> ?)",
            (OWN,),
        )
    )


def matches(sandboxed, sub: Subscription, low: int, high: int, count: int) -> list[int]:
    """The ids of at most `count` events in (low, high] that `sub` wants: neither hcom's own nor its
    owner's. HcomError, saying what is wrong, when its SQL fails or its time is up."""
    try:
        return [
            row["id"]
            for row in sandboxed.execute(
                "SELECT id FROM events_v WHERE id > ? AND id <= ? AND instance <> ? "
                f"AND instance <> ? AND ({sub.sql}\n) ORDER BY id LIMIT ?",
                (low, high, OWN, sub.owner, *sub.params, count),
            )
        ]
    except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError) as error:
        text = str(error)
        if "locked" in text or "disk" in text:
            raise  # not its fault: the pass is done again
        raise HcomError(
            "its SQL takes too long"
            if "interrupted" in text
            else f"its SQL fails: {quoted(text) if text else 'it wants too much memory'}"
        ) from None


def before(db, instance: str, event_id: int, count: int = 30) -> list:
    """The events of `instance` before `event_id`, newest first."""
    rows = db.execute(
        "SELECT * FROM events WHERE instance = ? AND id < ? ORDER BY id DESC LIMIT ?",
        (instance, event_id, count),
    ).fetchall()
    return [_event(row) for row in rows]


def clashes(db, low: int, high: int) -> list[Clash]:
    """The edits in (low, high] of files that another agent edited shortly before, oldest first; at
    most CLASHES: more than that in one pass is a log that nobody looked at for long."""
    rows = db.execute(
        "SELECT n.event_id, n.agent, n.what, n.at, o.event_id AS older_id, o.agent AS older_agent, "
        "o.at AS older_at FROM acts n JOIN acts o ON o.kind = 'edit' AND o.what = n.what "
        "AND o.at BETWEEN n.at - ?1 AND n.at + ?1 AND o.event_id < n.event_id "
        "AND o.agent <> n.agent WHERE n.kind = 'edit' AND n.event_id > ?2 AND n.event_id <= ?3 "
        "ORDER BY n.event_id LIMIT ?4",
        (WINDOW_S, low, high, CLASHES),
    )
    return [
        Clash(
            r["what"],
            Edit(r["event_id"], r["agent"], r["what"], r["at"]),
            Edit(r["older_id"], r["older_agent"], r["what"], r["older_at"]),
        )
        for r in rows
    ]


def is_told(db, clash: Clash) -> bool:
    """Whether its two agents were told of this file within the window before it."""
    told_at = db.value(
        "SELECT told_at FROM collisions WHERE path = ? AND first = ? AND second = ?",
        (clash.path, *clash.pair),
    )
    return told_at is not None and clash.newer.at - told_at < WINDOW_S


def set_told(db, clash: Clash) -> None:
    """Its two agents are told of this file."""
    db.execute(
        "INSERT INTO collisions (path, first, second, told_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (path, first, second) DO UPDATE SET told_at = excluded.told_at",
        (clash.path, *clash.pair, clash.newer.at),
    )


def of_collisions(subs) -> list[Subscription]:
    """Those of `subs` that watch for collisions."""
    return [sub for sub in subs if sub.looks_at == COLLISIONS]
