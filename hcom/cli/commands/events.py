"""hcom events: the log of messages, status changes, edits, commands and lives."""

import math
import sys

from ...bus.message import reference
from ...bus.render import harmless
from ...errors import UsageError
from ...ops import look
from ...store import filters
from ...store.connect import open_db
from .. import filtering, launched, subscribing
from ..model import Command, Option, count, seconds

DEFAULT_COUNT = 20
DEFAULT_WAIT_S = 60.0


def run(call) -> int:
    values, action = call.values, call.words[0] if call.words else ""
    if action == "launch":
        if call.words[2:]:
            raise UsageError(f"unexpected argument: {call.words[2]!r}", "hcom events launch")
        return launched.report(call, call.words[1] if call.words[1:] else "")
    if action not in ("", "sub", "unsub"):
        raise UsageError(
            f"unexpected argument: {action!r}",
            f'a filter is given as: hcom events --sql "{action}"',
        )
    if action:
        return subscribing.sub(call) if action == "sub" else subscribing.unsub(call)
    if values.once or vars(values)["for"]:
        raise UsageError("--once and --for go with: hcom events sub", "hcom events sub --help")
    if values.wait is not None and values.follow:
        raise UsageError("--wait and --follow exclude each other", "hcom events --help")
    with open_db(call.home) as db:
        call.identify(db)
        if values.message:
            call.say(harmless(look.text(db, values.message)))
            return 0
        if values.wait is not None:
            return filtering.wait(call, db, seconds(values.wait) if values.wait else DEFAULT_WAIT_S)
        wanted = filtering.where(call, db, values.sql)
        if values.follow:
            return _follow(call, db, wanted)
        found = look.latest(db, wanted, values.last or DEFAULT_COUNT)
    for event in found:
        call.say_json(event.as_dict())
    if not found:
        asked = values.sql is not None or filtering.given_flags(values)
        call.tell("hcom: no such events" if asked else "hcom: nothing has happened yet")
    return 0


def _follow(call, db, wanted) -> int:
    """The newest events (--last), then each that comes, until it is interrupted."""
    for event in look.coming(db, wanted, math.inf, call.values.last or 0):
        call.say_json(event.as_dict())
        sys.stdout.flush()
    return 0


def _preset_lines() -> str:
    forms = []
    for name, preset in filters.PRESETS.items():
        takes = ":NAME" if not preset.everyone else "[:NAME]" if preset.sql else ""
        forms.append((name + takes, preset.about))
    forms += [
        ('cmd:"TEXT"', 'a shell command contains TEXT; of one agent: cmd:NAME:"TEXT"'),
        ('cmd-starts:"TEXT"', "a shell command starts with TEXT"),
        ('cmd-exact:"TEXT"', "a shell command is TEXT"),
    ]
    return "\n".join(f"  {form:<18}{about}" for form, about in forms)


PART = Command(
    "events sub",
    "Be sent a message when something happens",
    (
        ("hcom events sub", "List subscriptions"),
        ("hcom events sub FILTER", "Subscribe: a preset, SQL, or the flags of hcom events"),
        ("hcom events unsub ID|PRESET", "Remove a subscription"),
    ),
    (
        Option("--once", "Only the first time"),
        Option("--for", "Another agent is told, not you", "NAME"),
        Option("--json", "JSON, one subscription or launch a line"),
    ),
    run,
    "",
    (
        "hcom events sub",
        "hcom events sub idle:nova --for luna",
        "hcom events sub collision --for luna",
        """hcom events sub 'cmd:"git commit"' --once --for luna""",
        """hcom events sub "type = 'message' AND msg_intent = 'error'" --for luna""",
        "hcom events sub --agent nova --tool Bash --for luna",
        "hcom events unsub idle:nova --name luna",
    ),
    f"""
Presets, for sub, --sql and listen --sql:
{_preset_lines()}
You are told once of each event, never of what you did or of hcom's own notices.
SQL that takes longer than 0.1 s is switched off, and you are told; of sqlite's functions
it calls none that takes memory or time out of nothing (printf, zeroblob, randomblob).

Columns of events_v, for SQL (write <> for != : some shells change the exclamation mark):
  id, timestamp, type, instance
  msg_from, msg_text, msg_scope, msg_sender_kind, msg_delivered_to, msg_mentions,
  msg_intent, msg_thread, msg_reply_to
  status_val, status_context, status_detail
  life_action, life_by, life_batch_id, life_reason

Values:
  type              message, status, life
  msg_scope         broadcast, mentions
  msg_sender_kind   instance, external, system
  status_val        active, listening, blocked, inactive
  status_context    tool:X, deliver:X, approval, prompt, woken, stop, start, exit:X
  life_action       created, ready, stopped, batch_launched
""",
)
COMMAND = Command(
    "events",
    "Query events / subscribe for push notifications",
    (
        ("hcom events", "The newest events, as JSON, one a line"),
        ("hcom events --follow", "Each event as it comes, until Ctrl-C"),
        ("hcom events --wait [SEC]", "Block until the next one comes (default: 60 s)"),
        ("hcom events sub FILTER", "Be sent a message when it happens"),
        ("hcom events sub --help", "Subscriptions, presets, and the columns for SQL"),
        ("hcom events launch [BATCH]", "Block until a launch is ready or has failed; say why"),
    ),
    (
        Option("--last", "How many (default: 20)", "N", count),
        Option("--sql", "Those a WHERE expression admits, or a preset", "EXPR"),
        Option("--wait", "Block until the next one comes (default: 60 s)", "[SEC]"),
        Option("--follow", "Print each as it comes; with --last, the newest first"),
        Option("--message", "The whole text of one message", "ID", reference),
        *filtering.OPTIONS,
        *PART.options,
    ),
    run,
    "sub|unsub|launch filter",
    (
        "hcom events",
        "hcom events --last 5",
        "hcom events --agent luna --type status",
        "hcom events --file README.md --after 1h",
        'hcom events --cmd "git commit" --last 3',
        """hcom events --sql "msg_from = 'ci' AND type = 'message'" """.strip(),
        """hcom events --wait 1 --sql "life_action = 'created'" """.strip(),
        "hcom events --sql idle:luna",
        *PART.examples,
    ),
    parts=(PART,),
)
