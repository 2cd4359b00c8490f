"""What to look for in the log: presets and flags, a table each, as WHERE expressions on events_v.

Pure: names and paths are resolved by functions that the caller passes in.
"""

import re
from collections import namedtuple
from datetime import datetime

from ..bus.agent import STATUSES
from ..bus.message import INTENTS
from ..bus.notice import ALL, COLLISIONS, TOOLS
from ..errors import UnknownAgent, UsageError
from .events import timestamp

EVENT_TYPES = ("message", "status", "life")


# A WHERE expression, its parameters, what it looks at, and what the user called it
Where = namedtuple("Where", "sql params looks_at label", defaults=(ALL, ""))


# `sql` is for one agent (? is its name), `everyone` for all, "" where that is not offered
Preset = namedtuple("Preset", "sql everyone looks_at about", defaults=(ALL, ""))


_EDIT = "EXISTS (SELECT 1 FROM acts WHERE acts.event_id = events_v.id AND acts.kind = 'edit')"
_BLOCKED = "type = 'status' AND status_val = 'blocked'"
_CREATED = "type = 'life' AND life_action = 'created'"
_STOPPED = "(life_action = 'stopped' OR status_context LIKE 'exit:%')"

PRESETS = {
    "collision": Preset("", "0", COLLISIONS, "two agents edit the same file within 20 s"),
    "created": Preset(f"instance = ? AND {_CREATED}", _CREATED, ALL, "an agent joined"),
    "stopped": Preset(f"instance = ? AND {_STOPPED}", _STOPPED, ALL, "an agent left or ended"),
    "blocked": Preset(f"instance = ? AND {_BLOCKED}", _BLOCKED, ALL, "a dialog waits for a person"),
    # A session that has just begun is idle too, but has finished nothing.
    "idle": Preset(
        "instance = ? AND type = 'status' AND status_val = 'listening' "
        "AND status_context NOT IN ('start', 'new')",
        "",
        ALL,
        "a turn is finished",
    ),
    "file_edits": Preset(f"instance = ? AND {_EDIT}", "", TOOLS, "a file was edited"),
    "user_input": Preset(
        "((type = 'status' AND instance = ? AND status_context = 'prompt') OR "
        "(type = 'message' AND msg_from = 'bigboss' AND EXISTS (SELECT 1 FROM deliveries "
        "WHERE deliveries.event_id = events_v.id AND deliveries.agent = ?)))",
        "",
        ALL,
        "a prompt by the person, or a message of @bigboss",
    ),
}

# How a shell command is compared with a pattern.
COMMANDS = {
    "cmd": "instr(acts.what, ?) > 0",
    "cmd-starts": "substr(acts.what, 1, length(?)) = ?",
    "cmd-exact": "trim(acts.what) = trim(?)",
}


_OF_ONE = "instance = ? AND "


def _command_sql(kind: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM acts WHERE acts.event_id = events_v.id AND "
        f"acts.kind = 'command' AND {COMMANDS[kind]})"
    )


_TO = (
    "EXISTS (SELECT 1 FROM deliveries WHERE deliveries.event_id = events_v.id "
    "AND deliveries.agent = ?)"
)
# What is asked of a few new events one by one, of a long log is asked by an index, or else of what
# is less than the log.
_OF_THE_LOG = {
    _TO: "id IN (SELECT event_id FROM deliveries WHERE deliveries.agent = ?)",
    **{
        _command_sql(kind): "id IN (SELECT event_id FROM acts WHERE acts.kind = 'command' "
        f"AND {compared})"
        for kind, compared in COMMANDS.items()
    },
}


def of_the_log(where: "Where") -> "Where":
    """The same, for the newest of all events there ever were."""
    sql = where.sql
    for asked, faster in _OF_THE_LOG.items():
        sql = sql.replace(asked, faster)
    return where._replace(sql=sql)


def preset(text: str, name_of) -> Where | None:
    """What a preset like idle:luna or cmd:"git commit" means; None when `text` is none.

    `name_of(given)` is the agent's stored name, or raises UnknownAgent. UsageError when the preset
    lacks its name or pattern, or is misspelt.
    """
    kind, colon, given = (part.strip() for part in text.strip().partition(":"))
    if kind in COMMANDS:
        return _command(kind, given, name_of)
    if kind not in PRESETS:
        if colon and re.match(r"[a-z]+[_-]?[a-z]*\Z", kind) and re.match(r"[\w@-]+\Z", given):
            raise UsageError(f"no preset {kind!r}", "presets: hcom events sub --help")
        return None
    found = PRESETS[kind]
    if not given:
        if not found.everyone:
            raise UsageError(f"{kind} needs a name", f"{kind}:luna")
        return Where(found.everyone, [], found.looks_at, kind)
    if not found.sql:
        raise UsageError(f"{kind} takes no name", kind)
    name = name_of(given)
    return Where(found.sql, [name] * found.sql.count("?"), found.looks_at, f"{kind}:{name}")


def _command(kind: str, given: str, name_of) -> Where:
    name, pattern = "", given
    first, colon, rest = given.partition(":")
    second, both, more = rest.partition(":")
    # luna:BOXE:git is of luna there, if there is one; else the pattern begins with BOXE
    for head, tail in ((f"{first}:{second}", more), (first, rest))[not both :]:
        if not (colon and re.match(r"@?[A-Za-z][\w-]*(:\w{4,16})?\Z", head.strip())):
            continue
        try:
            name, pattern = name_of(head.strip()), tail.strip()
            break
        except UnknownAgent:
            if head is first and _unquoted(tail.strip()) != tail.strip():
                raise
    pattern = _unquoted(pattern)
    if not pattern:
        raise UsageError(f"{kind} needs a pattern", f'{kind}:"git commit"')
    sql = _command_sql(kind)
    params = [pattern] * sql.count("?")
    if name:
        sql, params = _OF_ONE + sql, [name, *params]
    return Where(sql, params, TOOLS, f'{kind}:{name + ":" if name else ""}"{pattern}"')


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"" else text


# One filter flag: what its value is called, the expression it stands for, its help
Flag = namedtuple("Flag", "value sql about looks_at", defaults=(ALL,))


# The value's name also says how it is parsed: see _VALUES.
FLAGS = {
    "agent": Flag("NAME", "instance = ?", "What this agent did"),
    "type": Flag("TYPE", "type = ?", "message, status or life"),
    "status": Flag(
        "STATUS",
        "type = 'status' AND status_val = ?",
        "Changes to active, listening, blocked or inactive",
    ),
    "tool": Flag(
        "TOOL",
        "type = 'status' AND status_context = ('tool:' || ?) COLLATE NOCASE",
        "Uses of a tool (Bash, Edit, ...)",
        TOOLS,
    ),
    "file": Flag(
        "PATH",
        "id IN (SELECT event_id FROM acts WHERE kind = 'edit' AND what = ?)",
        "Edits of a file; a bare name finds it in any directory",
        TOOLS,
    ),
    "cmd": Flag("TEXT", _command_sql("cmd"), "Shell commands that contain this", TOOLS),
    # A message is logged under its sender's name.
    "from": Flag(
        "SENDER", "type = 'message' AND instance = ? COLLATE NOCASE", "Messages of this sender"
    ),
    "to": Flag("NAME", _TO, "Messages that went to this agent"),
    "intent": Flag(
        "INTENT",
        "type = 'message' AND msg_intent IS NOT NULL AND msg_intent = ?",
        "Messages: request, inform, ack or error",
    ),
    "thread": Flag(
        "THREAD",
        "type = 'message' AND msg_thread IS NOT NULL AND msg_thread = ?",
        "Messages of this thread",
    ),
    "after": Flag(
        "TIME", "timestamp > ?", "Later than: 10m (ago), 2026-01-31, 2026-01-31T09:30, #42"
    ),
    "before": Flag("TIME", "timestamp < ?", "Earlier than that"),
}
_SAID = (
    "instr(lower(instance || ' ' || coalesce(msg_text || coalesce(msg_delivered_to, ''), "
    "status_val || ' ' || status_context || ' ' || status_detail, "
    "life_action || ' ' || life_reason, '')), lower(?)) > 0"
)
_DONE = "acts.event_id = events_v.id AND instr(lower(acts.what), lower(?)) > 0"
BARE_FILE = (
    "id IN (SELECT event_id FROM acts WHERE kind = 'edit' AND "
    "substr(what, -length(?) - 1) = '/' || ?)"
)


def flags(given: dict[str, str], name_of, real_path, now: float) -> Where | None:
    """The flags in `given` (flag -> value) as one expression; None when there are none.

    `real_path(text)` is the one path of a file. UsageError when a value is not one.
    """
    sql, params, labels = [], [], []
    for name, flag in FLAGS.items():
        if name not in given:
            continue
        value = given[name]
        if not value.strip():
            raise UsageError(f"--{name} is empty", f"--{name} {flag.value}")
        one, values = _parsed(name, flag, value, name_of, real_path, now)
        sql.append(f"({one})")
        params += values
        labels.append(f"--{name} {value}")
    if not sql:
        return None
    tools = any(flag.looks_at == TOOLS for name, flag in FLAGS.items() if name in given)
    return Where(" AND ".join(sql), params, TOOLS if tools else ALL, " ".join(labels))


def _parsed(name: str, flag: Flag, value: str, name_of, real_path, now: float):
    choices = {"TYPE": EVENT_TYPES, "STATUS": STATUSES, "INTENT": INTENTS}.get(flag.value)
    if choices:
        if value.lower() not in choices:
            raise UsageError(f"no {name} {value!r}", "use " + ", ".join(choices))
        return flag.sql, [value.lower()]
    if flag.value == "NAME":
        return flag.sql, [name_of(value)]
    if flag.value == "SENDER":
        try:
            return flag.sql, [name_of(value)]
        except UnknownAgent:
            return flag.sql, [value.lstrip("@")]
    if flag.value == "PATH":
        is_path = "/" in value
        return (flag.sql, [real_path(value)]) if is_path else (BARE_FILE, [value, value])
    if flag.value == "TIME":
        if re.match(r"#?\d{1,18}\Z", value):
            return flag.sql.replace("timestamp", "id"), [int(value.lstrip("#"))]
        return flag.sql, [moment(value, now)]
    return flag.sql, [value]


def text(word: str) -> Where:
    """What says the word: who it is of, what was said to whom, done, edited or run."""
    return Where(f"{_SAID} OR EXISTS (SELECT 1 FROM acts WHERE {_DONE})", [word, word], ALL, word)


def moment(text: str, now: float) -> str:
    """A time as the log writes it: 10m means ten minutes before `now`; without a zone it is local.
    UsageError when it is none."""
    ago = re.match(r"(\d{1,6})([smhd])\Z", text.strip())
    try:
        if ago:
            return timestamp(now - int(ago[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[ago[2]])
        return timestamp(datetime.fromisoformat(text.strip().replace("Z", "+00:00")).timestamp())
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"not a time: {text!r}", "use 10m, 2h, 2026-01-31, 2026-01-31T09:30, or an event's #id"
        ) from None


_COMMAND_SQL = tuple(map(_command_sql, COMMANDS))
_OURS = {
    "1",
    *(sql for found in PRESETS.values() for sql in (found.sql, found.everyone)),
    *_COMMAND_SQL,
    *(_OF_ONE + sql for sql in _COMMAND_SQL),
}
_OUR_FLAGS = {BARE_FILE, "id > ?", "id < ?", *(flag.sql for flag in FLAGS.values())}
LONG = 1000  # characters: with no longer values, none of ours takes long


def is_ours(sql: str, params) -> bool:
    """Whether the expression is one of those above, which take no time worth to speak of. Wherever
    it comes from: this is seen by its words alone."""
    flagged = f") AND {sql} AND (".split(") AND (")
    ours = sql in _OURS or (
        flagged[0] == flagged[-1] == "" and _OUR_FLAGS.issuperset(flagged[1:-1])
    )
    return ours and all(len(str(value)) <= LONG for value in params)


def both(one: Where | None, other: Where | None) -> Where | None:
    """What satisfies both; None when neither is given."""
    if one is None or other is None:
        return one or other
    looks_at = TOOLS if TOOLS in (one.looks_at, other.looks_at) else ALL
    return Where(
        f"({one.sql}\n) AND ({other.sql})",
        [*one.params, *other.params],
        looks_at,
        f"{one.label} {other.label}",
    )
