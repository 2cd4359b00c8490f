"""hcom events: the log of messages, status changes, edits, commands and lives."""

from ...bus import filters
from ...errors import HcomError, UsageError
from ...hub import people
from ...store import events
from ...store.connect import open_db, open_sandboxed
from ..launched import report
from ..model import Command, Option, count, seconds
from .listen import wait_for

DEFAULT_COUNT = 20
DEFAULT_WAIT_S = 60.0


def run(call) -> int:
    values = call.values
    if call.words[:1] == ["launch"] and len(call.words) < 3:
        with open_db(call.home) as db:
            return report(call, db, call.words[1] if call.words[1:] else "")
    if call.words:
        raise UsageError(f"unexpected argument: {call.words[0]!r}", "hcom events --help")
    with open_db(call.home) as db:
        call.identify(db)
        where = filters.Where("1", [])
        if values.sql is not None:
            where = filters.state(values.sql, lambda n: people.known(db, n).name) \
                or filters.Where(values.sql, [])
        if values.message:
            return _whole(call, db, values.message)
        if values.wait is not None:
            wait = seconds(values.wait) if values.wait else DEFAULT_WAIT_S
            return 0 if wait_for(call, db, where, wait) else 1
        found = events.latest(db, values.last or DEFAULT_COUNT) if values.sql is None else None
    if found is None:
        with open_sandboxed(call.home) as sandboxed:
            found = events.latest_where(sandboxed, where.sql, where.params,
                                        values.last or DEFAULT_COUNT)
    for event in found:
        call.say_json(event.as_dict())
    return 0


def _whole(call, db, event_id: int) -> int:
    event = events.find(db, event_id)
    if event is None or event.type != "message":
        raise HcomError(f"#{event_id} is not a message", "hcom events --last 20")
    call.say(event.data["text"])
    return 0


COMMAND = Command(
    "events", "Query the log: messages, status, edits, commands",
    (("hcom events", "The newest events, as JSON, one a line"),
     ("hcom events launch [BATCH]", "Block until a launch is ready or has failed, and say why")),
    (Option("--last", "How many (default: 20)", "N", count),
     Option("--sql", "Those a WHERE expression admits; or idle:NAME, stopped:NAME, blocked:NAME",
            "EXPR"),
     Option("--wait", "Block until the next one comes (default: 60 s)", "[SEC]"),
     Option("--json", "JSON also for `launch`"),
     Option("--message", "The whole text of one message", "ID", count)),
    run, "launch batch",
    ("hcom events", "hcom events --last 5",
     """hcom events --sql "msg_from = 'ci' AND type = 'message'" """.strip(),
     """hcom events --wait 1 --sql "life_action = 'created'" """.strip(),
     "hcom events --sql idle:luna"),
    """
Columns of events_v, for --sql:
  id, timestamp, type, instance
  msg_from, msg_text, msg_scope, msg_sender_kind, msg_delivered_to, msg_mentions, msg_intent,
  msg_thread, msg_reply_to
  status_val, status_context, status_detail
  life_action, life_by, life_batch_id, life_reason

Values:
  type              message, status, life
  msg_scope         broadcast, mentions
  msg_sender_kind   instance, external, system
  status_val        active, listening, blocked, inactive
  status_context    tool:X, deliver:X, approval, prompt, stop, start, exit:X
  life_action       created, ready, stopped, batch_launched
Use <> instead of != : some shells change the exclamation mark.
""")
