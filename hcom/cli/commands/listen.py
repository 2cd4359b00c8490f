"""hcom listen: wait for messages, or for an event."""

import time

from ...bus import notice
from ...bus.agent import BIGBOSS
from ...delivery import bell
from ...errors import HcomError, UsageError
from ...hub import mail
from ...store import agents, events
from ...store.connect import SQL_S, open_db, open_sandboxed, renew_budget
from .. import filtering
from ..model import Command, Option, seconds

DEFAULT_S = 86_400.0


def run(call) -> int:
    given = (
        call.values.timeout
        if call.values.timeout is not None
        else seconds(call.words[0])
        if call.words
        else None
    )
    if len(call.words) > 1:
        raise UsageError(f"unexpected argument: {call.words[1]!r}", "hcom listen --help")
    with open_db(call.home) as db:
        call.identify(db)
        where = filtering.where(call, db, call.values.sql)
        if where is not None:  # events are for everyone: no name is needed
            wait = given if given is not None else DEFAULT_S
            return 0 if wait_for(call, db, where, wait) else 1
        sender = call.sender(db)
        timeout = (
            given if given is not None else float(call.agent.timeout) if call.agent else DEFAULT_S
        )
        if call.agent is None:  # the person: an address without a row of its own
            call.agent = agents.blank(BIGBOSS, "person", call.now)
        mail.confirm(db, sender.name, call.now)
        return _messages(call, db, time.monotonic() + timeout)


def _messages(call, db, end: float) -> int:
    def texts(claimed) -> str:
        if call.values.json:
            return "".join(_json(m) for m in claimed.messages)
        return mail.text_for(call.agent, claimed) + "\n"

    with bell.Bell(call.home, call.agent.name) as rings:
        while True:
            call.now = time.time()
            if call.hand_over(db, texts):
                call.agent = None  # nothing is to be printed behind it
                return 0
            left = end - time.monotonic()
            if left <= 0:
                return 1
            rings.wait(min(left, bell.SAFETY_S))


def _json(message) -> str:
    import json

    return (
        json.dumps(
            {
                "id": message.id,
                "ts": message.at,
                "from": message.sender.name,
                "text": message.text,
                "intent": message.envelope.intent or None,
                "thread": message.envelope.thread or None,
                "reply_to": message.envelope.reply_to or None,
                "delivered_to": message.to,
            }
        )
        + "\n"
    )


def wait_for(call, db, where, timeout: float) -> bool:
    """The next event that `where` admits is printed; False when none came within `timeout`."""
    if where.looks_at == notice.COLLISIONS:
        raise HcomError("collision is for subscriptions only", "hcom events sub collision")
    end = time.monotonic() + timeout
    behind = events.last_id(db)
    with open_sandboxed(call.home) as sandboxed, bell.Bell(call.home, bell.EVERYONE) as rings:
        events.latest_where(sandboxed, where.sql, where.params, 1, behind)  # wrong SQL: at once
        while True:
            newest = events.last_id(db)
            if newest > behind:
                renew_budget(sandboxed.connection, SQL_S)
                found = events.between_where(sandboxed, where.sql, where.params, behind, newest)
                if found:
                    call.say_json(found[0].as_dict())
                    return True
                behind = newest
            left = end - time.monotonic()
            if left <= 0:
                return False
            rings.wait(min(left, bell.SAFETY_S))


COMMAND = Command(
    "listen",
    "Block until a message or an event comes",
    (
        ("hcom listen --name X [timeout]", "Block and receive messages"),
        ("hcom listen --sql FILTER", "Block until an event matches: SQL, or a preset (idle:NAME)"),
    ),
    (
        Option("--timeout", "Seconds to wait (default: 86400)", "N", seconds),
        Option("--json", "One JSON object for each message"),
        Option("--sql", "Wait for an event: SQL or a preset (hcom events --help)", "FILTER"),
        *filtering.OPTIONS,
    ),
    run,
    "timeout",
    (
        "hcom listen --name luna 1",
        "hcom listen --name luna --json --timeout 1",
        """hcom listen --name luna --timeout 1 --sql "type = 'message'" """.strip(),
        "hcom listen --name luna --timeout 1 --sql idle:nova",
        "hcom listen --agent nova --status blocked 1",
    ),
    """
Exit code 0: a message or event came. 1: the time was up.
""",
)
