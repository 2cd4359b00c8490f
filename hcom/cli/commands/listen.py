"""hcom listen: wait for messages, or for an event."""

from ...bus.agent import BIGBOSS
from ...ops import talk
from ...store import agents
from ...store.connect import open_db
from .. import filtering
from ..call import json_line
from ..model import Command, Option, seconds

DEFAULT_S = 86_400.0


def run(call) -> int:
    given = call.values.timeout
    if given is None and call.words:
        given = seconds(call.words[0])
    with open_db(call.home) as db:
        call.identify(db)
        if call.values.sql is not None or filtering.given_flags(call.values):
            # Events are for everyone: no name is needed.
            return filtering.wait(call, db, DEFAULT_S if given is None else given)
        return _messages(call, db, given)


def _messages(call, db, timeout: "float | None") -> int:
    call.sender(db)  # or HcomError
    # the person: an address without a row of its own
    agent = call.agent or agents.blank(BIGBOSS, "person", call.now)
    if timeout is None:
        timeout = float(call.agent.timeout) if call.agent else DEFAULT_S
    shown = _json if call.values.json else lambda leased: leased.text + "\n"
    came = talk.listen(db, agent, timeout, lambda leased: call.print(shown(leased)))
    if not came:
        return filtering.in_vain(call, "message", timeout)
    call.agent = None  # nothing is to be printed behind it
    return 0


def _json(leased) -> str:
    return "".join(
        json_line(
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
        for message in leased.messages
    )


COMMAND = Command(
    "listen",
    "Block until a message or an event comes",
    (
        ("hcom listen --name X [timeout]", "Block and receive messages"),
        ("hcom listen", "The same at a person's terminal: what was sent to @bigboss"),
        ("hcom listen --sql FILTER", "Block until an event matches: SQL, or a preset (idle:NAME)"),
    ),
    (
        Option("--timeout", "Seconds to wait (default: 86400)", "N", seconds),
        Option("--json", "One JSON object for each message"),
        Option("--sql", "Wait for an event: SQL or a preset (events sub --help)", "FILTER"),
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
    most=1,
)
