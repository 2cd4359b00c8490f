"""What an adapter's hook module turns a payload into: one Signal, whatever the tool."""

import json
from collections import namedtuple

START = "start"  # a session began, was resumed, cleared or compacted
PROMPT = "prompt"  # a turn begins
TOOL = "tool"  # a tool was used
TURN_END = "turn_end"
TURN_FAILED = "turn_failed"  # the turn ended by an error; no turn_end follows
BLOCKED = "blocked"  # a dialog waits for the person
END = "end"  # the session is over
SUB_START = "sub_start"
SUB_ASKS = "sub_asks"  # a subagent is about to run an hcom command
SUB_TOOL = "sub_tool"
SUB_END = "sub_end"
NOTHING = "nothing"


class Signal(
    namedtuple(
        "Signal",
        (
            "kind",
            "session",
            "launch",
            "pid",
            "cwd",
            "transcript",
            "source",
            "tool",
            "detail",
            "prompt",
            "subagent",
            "forked_from",
            "woken",
            "at",
            "client",
            "edited",
            "command",
            "shared",
        ),
        defaults=("",) * 3 + (0,) + ("",) * 8 + (False, 0.0, None, (), "", False),
    )
):
    """One hook event. `source` is why a session began or ended; `tool` and `detail` what was used
    on what; `subagent` the tool's id of a subagent; `forked_from` the parent's session id;
    `woken` whether the prompt is our own wake; `at` when the hook began; `client` facts for the
    adapter alone. Of a tool that did its work: `edited` are the files it changed, as the payload
    names them, and `command` the shell command it ran. `shared`: process `pid` runs the sessions
    of other people's work too, and tells nothing of whose this one is."""

    __slots__ = ()


def parsed(raw: bytes):
    """A hook's payload as JSON says it; half of a surrogate pair, where the client cut a text in
    the middle of an emoji, as "?". ValueError when it is no JSON."""
    value = json.loads(raw)
    if b"\\ud" in raw or b"\\uD" in raw:
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


class Reply(namedtuple("Reply", "kind text drop", defaults=("", "", False))):
    """What the model is to be told, by the channel that belongs to `kind`; "" for nothing. `drop`
    asks the client to forget the prompt that this hook belongs to, or not to run the tool."""

    __slots__ = ()
