"""Codex's rollout file: what the model saw, and the conversation in it.

A `response_item` is what goes to the model and comes from it; an `event_msg` of type item_completed
is what a person sees of that. Only the latter tells a prompt from what the client puts in as one.
Which are written when: tests/data/transcripts/README.md.
"""

import re

from ..base import WAKE_SIGN, fields, no, nothing
from ..jsonl import count, moment, parse, placed, shown, texts
from ..lines import (
    ASKED,
    CALLED,
    EDITED,
    FAILED,
    RETURNED,
    SAID,
    SPENT,
    STANDING,
    TOLD,
    WOKEN,
    Given,
    Part,
    mark_answered,
)


def fates(path: str, given: dict[int, Given]) -> dict[int, str]:
    """What became of each message, see interface.Transcript.

    Context is recorded as a developer message, a turn end's reason as a user message
    <hook_prompt>, both when they are put into the conversation. Only what the model wrote in a
    later response says that it got them; one under way ends with a token_usage_record.
    """
    found: dict[int, str] = {}
    late: set[int] = set()  # shown while a response is under way
    answering = False
    for place, line in placed(path):
        item = parse(line)
        what, part = item.get("type"), item.get("payload")
        if what == "token_usage_record":
            answering, late = False, set()
        if what != "response_item" or not isinstance(part, dict):
            continue
        if part.get("role") == "assistant" or part.get("type") in MODEL_ITEMS:
            answering = True
            mark_answered(found, late)
            continue
        here = shown(item, place, given, _told(part), _printed(part))
        late |= here if answering else set()
        found.update(dict.fromkeys(here, STANDING))
    return found


def _told(part: dict) -> list[str]:
    """What hooks said to the model: context, or why a turn goes on."""
    said = texts(part.get("content"))
    if part.get("role") == "developer":
        return said
    ours = part.get("role") == "user" and "".join(said[:1]).startswith("<hook_prompt ")
    return [text.partition(">")[2] for text in said] if ours else []


def _printed(part: dict) -> str:
    """What a tool returned to the model; some tools wrap it in an object of their own."""
    said = "\n".join(texts(part.get("output"))) if part.get("type") in OUTPUTS else ""
    return (
        str(parse(said.encode("utf-8", "replace")).get("output", said))
        if said.startswith("{")
        else said
    )


# What the model writes when it is no message.
MODEL_ITEMS = (
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "reasoning",
    "web_search_call",
)
OUTPUTS = ("function_call_output", "custom_tool_call_output")


# -- the conversation --

SIGNS = (
    b'"item":{"type":"UserMessage"',
    b'"payload":{"type":"user_message"',  # of 0.98, which a resumed session may begin with
    b'"history_base":{',
)
BRIEF = ()
within = nothing  # its subagents have no identity
is_broken_off = no


def note(line: bytes, place: int, index) -> None:
    """What the line says of exchanges, see interface.Transcript. A rewind goes on in a new file; a
    fork does, too, but that is nobody's taking back."""
    entry = parse(line)
    head = fields(entry.get("payload"))
    base = fields(head.get("history_base"))
    if entry.get("type") == "session_meta" and "forked_from_id" not in head:
        index.before = f"{base.get('thread_id')}.jsonl", count(base.get("end_byte_offset"))
    elif "UserMessage" in (_item(entry).get("type"), OLD.get(str(head.get("type")))):
        index.begin(place, moment(entry))


def parts(line: bytes, _facts: dict) -> list[Part]:
    """What the line says, see interface.Transcript."""
    entry = parse(line)
    part = fields(entry.get("payload"))
    read = READ.get((str(entry.get("type")), str(part.get("type", ""))))
    return read(part) if read else []


def _item(entry: dict) -> dict:
    """What a line tells of to a person, complete; {} for a line that does not."""
    return fields(fields(entry.get("payload")).get("item"))


def _completed(part: dict) -> list[Part]:
    item = _item({"payload": part})
    read = ITEMS.get(str(item.get("type")))
    return read(item) if read else []


def _of_old(part: dict) -> list[Part]:
    """What is an item by now was an event of its own, with one text."""
    return ITEMS[OLD[part["type"]]]({"content": part.get("message") or "[image]"})


def _asked(item: dict) -> list[Part]:
    said = "\n".join(texts(item.get("content"))) or "[image]"
    return [Part(WOKEN if said.startswith(WAKE_SIGN) else ASKED, said)]


def _ran(item: dict) -> list[Part]:
    """A command that a script called; of others the calls themselves tell."""
    if not _by_script(item):
        return []
    command, key = item.get("command"), str(item.get("id"))
    line = command[-1] if isinstance(command, list) and command else command
    kind = FAILED if item.get("status") == "failed" else RETURNED
    printed = str(item.get("aggregated_output") or "")
    return [Part(CALLED, str(line), "exec_command", key), Part(kind, printed, key=key)]


def _changed(item: dict) -> list[Part]:
    """What a patch did to each file; those of a patch that failed are left as they were."""
    key, failed = str(item.get("id")), item.get("status") != "completed"
    said = str(item.get("stderr" if failed else "stdout") or "")
    changes = [(file, fields(one)) for file, one in fields(item.get("changes")).items()]
    edits = [Part(EDITED, _change(one), one.get("move_path") or file, key) for file, one in changes]
    done = [] if failed else edits
    if not _by_script(item):
        return done
    called = Part(CALLED, "\n".join(file for file, _ in changes), "apply_patch", key)
    return [called, *done, Part(FAILED if failed else RETURNED, said, key=key)]


def _change(change: dict) -> "str | tuple[str, str]":
    """What became of a file: a diff, or its text before and after."""
    text = str(change.get("content") or "")
    whole = {"add": ("", text), "delete": (text, "")}
    return whole.get(str(change.get("type"))) or str(change.get("unified_diff") or "")


def _by_script(item: dict) -> bool:
    return str(item.get("id")).startswith("exec-")


def _called(part: dict) -> list[Part]:
    """A call; one of the script that calls others is told by what it calls."""
    name, given = str(part.get("name") or part.get("type")), part.get("arguments")
    if name == "exec":
        return []
    if isinstance(given, str):
        said = parse(given.encode("utf-8", "replace"))
        given = said.get("cmd") or said.get("command") or said
    given = given or part.get("input") or part.get("action") or ""
    line = given[-1] if isinstance(given, list) and given else given
    return [Part(CALLED, line, name, str(part.get("call_id")))]


def _output(part: dict) -> list[Part]:
    """What a call gave back, without the client's heading."""
    said = _printed(part)
    head, sign, rest = said.partition("Output:\n")
    inner, _, printed = rest.partition("Output:\n") if rest.startswith("Exit code: ") else ("",) * 3
    failed = re.search(UNDONE, head + inner)
    value = (printed or rest) if sign else said.partition("seconds\n")[2] or said
    return [Part(FAILED if failed else RETURNED, value, key=str(part.get("call_id")))]


def _error(part: dict) -> list[Part]:
    """Why the turn ended early, if it did."""
    said = fields(part.get("error")).get("message") or part.get("reason")
    return [Part(FAILED, str(said))] if said else []


def _spent(part: dict) -> list[Part]:
    used = fields(part.get("usage"))
    counts = count(used.get("input_tokens")), count(used.get("output_tokens"))
    return [Part(SPENT, counts, key=str(part.get("response_id")))]


# How the heading of an output says that the call failed, was refused or not done at all.
UNDONE = (
    r"Process exited with code [^0]|Exit code: [^0]|aborted by user|Rejected\(|^Script failed"
    r"|^failed to |verification failed|^Command blocked by |^unsupported call"
)
ITEMS = {
    "UserMessage": _asked,
    "AgentMessage": lambda item: [Part(SAID, text) for text in texts(item.get("content"))],
    "CommandExecution": _ran,
    "FileChange": _changed,
    "HookPrompt": lambda item: [Part(TOLD, text) for text in texts(item.get("fragments"))],
}
OLD = {"user_message": "UserMessage", "agent_message": "AgentMessage"}
# What reads a line, by its type and that of its payload.
READ: dict = {
    ("event_msg", "item_completed"): _completed,
    **{("event_msg", kind): _of_old for kind in OLD},
    ("event_msg", "task_complete"): _error,
    ("event_msg", "turn_aborted"): _error,
    ("response_item", "message"): lambda part: [
        Part(TOLD, text) for text in _told(part) if part.get("role") == "developer"
    ],
    **{("response_item", kind): _called for kind in MODEL_ITEMS if kind != "reasoning"},
    **{("response_item", kind): _output for kind in OUTPUTS},
    ("token_usage_record", ""): _spent,
}
